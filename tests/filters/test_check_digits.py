from filters.check_digits import (
    barcode_checksum,
    birth_date,
    business_checksum,
    corporate_checksum,
    digits_in,
    luhn,
    plausible_century,
    resident_checksum,
)


def passing(check, body):
    return [last for last in "0123456789" if check(body + last)]


def test_each_check_accepts_exactly_one_last_digit():
    # Worked by hand from the published weights; all bodies are made up.
    # 9·2+0+0+1·5+0+1·7+1·8+2·9+3·2+4·3+5·4+6·5 = 124; (11 - 124 % 11) % 10 = 8
    assert passing(resident_checksum, "900101123456") == ["8"]
    # the same body with 5 as 7th digit: 156; (13 - 156 % 11) % 10 = 1
    assert passing(resident_checksum, "900101523456") == ["1"]
    # 1+2+0+2+1+2+0+0+0+0+0+0 = 8; 10 - 8 = 2
    assert passing(corporate_checksum, "110111000000") == ["2"]
    # 1+6+21+4+15+42+7+24+45 + 45//10 = 169; 10 - 9 = 1
    assert passing(business_checksum, "123456789") == ["1"]
    assert passing(luhn, "411111111111111") == ["1"]
    assert passing(barcode_checksum, "880123456789") == ["3"]


def test_birth_date_knows_the_lengths_of_months():
    assert birth_date("900131") and birth_date("000229")
    assert not any(map(birth_date, ["901301", "900001", "900100", "900132", "900431", "900230"]))


def test_plausible_century():
    assert plausible_century("9001011000000") and plausible_century("4901013000000")
    assert not plausible_century("5001013000000")
    assert not plausible_century("9001019000000")


def test_digits_in_takes_ascii_digits_only():
    assert digits_in("1a-2 ３٤") == "12"
