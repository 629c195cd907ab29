import importlib.util
import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.base import Decision, filter_id
from filters.identifier_patterns import IdentifierKind as Kind
from filters.identifiers import (
    PLACEHOLDERS,
    Finding,
    IdentifierPolicy,
    find_identifiers,
    find_in_url,
    redact,
    redact_url,
)
from schemas.reasons import Outcome, Reason

BENCH = Path(__file__).parents[1] / "bench" / "identifier_recall.py"
spec = importlib.util.spec_from_file_location("identifier_recall", BENCH)
assert spec is not None and spec.loader is not None
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)


def kinds(text):
    return [finding.kind for finding in find_identifiers(text)]


def test_there_are_thirteen_kinds_each_with_its_placeholder_and_action():
    assert len(Kind) == 13
    assert set(PLACEHOLDERS) == set(Kind)
    assert len(set(PLACEHOLDERS.values())) == 13
    assert set(IdentifierPolicy.__struct_fields__) == {str(kind) for kind in Kind}


@pytest.mark.parametrize("kind", list(bench.MAKERS), ids=str)
def test_recall_over_all_spellings(kind):
    cases = list(bench.cases(random.Random(f"recall {kind}"), kind, 12))
    assert len({case.spelling for case in cases}) >= 20
    missed = [case.spelling for case in cases if not bench.found(case)]
    assert len(missed) <= 0.005 * len(cases), missed


def test_precision_over_hard_negatives():
    count = 5400
    wrong = [sort for sort, text in bench.negatives(random.Random("negatives"), count) if find_identifiers(text)]
    assert len(wrong) <= 0.01 * count, wrong


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("주민번호900101-1234567입니다", Kind.RESIDENT_NUMBER, "900101-1234567"),
        ("1889년생 890101-9234567", Kind.RESIDENT_NUMBER, "890101-9234567"),
        ("주민등록번호 19900101-1234567", Kind.RESIDENT_NUMBER, "19900101-1234567"),
        ("주민번호 90.01.01-1234567", Kind.RESIDENT_NUMBER, "90.01.01-1234567"),
        ("번호 900101-1-234567", Kind.RESIDENT_NUMBER, "900101-1-234567"),
        ("9 0 0 1 0 1 - 1 2 3 4 5 6 7", Kind.RESIDENT_NUMBER, "9 0 0 1 0 1 - 1 2 3 4 5 6 7"),
        ("주민번호 909999-1234567", Kind.RESIDENT_NUMBER, "909999-1234567"),
        ("(900101)1234567", Kind.RESIDENT_NUMBER, "900101)1234567"),
        ("&#57;00101-1234567", Kind.RESIDENT_NUMBER, "&#57;00101-1234567"),
        ("구공공일공일 다시 일이삼사오육칠", Kind.RESIDENT_NUMBER, "구공공일공일 다시 일이삼사오육칠"),
        ("ID 900101-1234567", Kind.RESIDENT_NUMBER, "900101-1234567"),
        ("상품 문의 900101-1234567", Kind.RESIDENT_NUMBER, "900101-1234567"),
        ("외국인 900101-5234567", Kind.FOREIGNER_NUMBER, "900101-5234567"),
        ("①010-1234-5678", Kind.MOBILE_PHONE, "010-1234-5678"),
        ("O1O-1234-5678", Kind.MOBILE_PHONE, "O1O-1234-5678"),
        ("공1공-1234-오육칠팔", Kind.MOBILE_PHONE, "공1공-1234-오육칠팔"),
        ("공일공에 일이삼사에 오육칠팔", Kind.MOBILE_PHONE, "공일공에 일이삼사에 오육칠팔"),
        ("+82 (0)10-1234-5678", Kind.MOBILE_PHONE, "+82 (0)10-1234-5678"),
        ("010)1234-5678", Kind.MOBILE_PHONE, "010)1234-5678"),
        ("0 1 0 1 2 3 4 5 6 7 8", Kind.MOBILE_PHONE, "0 1 0 1 2 3 4 5 6 7 8"),
        ("(02) 123-4567", Kind.LANDLINE_PHONE, "(02) 123-4567"),
        ("+82-2-123-4567", Kind.LANDLINE_PHONE, "+82-2-123-4567"),
        ("0507-1234-5678", Kind.LANDLINE_PHONE, "0507-1234-5678"),
        ("hong (at) example (dot) com", Kind.EMAIL, "hong (at) example (dot) com"),
        ("메일...hong@example.com에", Kind.EMAIL, "hong@example.com"),
        ("kim@example.com.png", Kind.EMAIL, "kim@example.com.png"),
        ("12345-12-123456 국민은행", Kind.ACCOUNT, "12345-12-123456"),
        ("국민 123456-12-123456", Kind.ACCOUNT, "123456-12-123456"),
        ("계좌 010-1234-5678", Kind.ACCOUNT, "010-1234-5678"),
        ("카드 1234-5678-9012-3456", Kind.CARD, "1234-5678-9012-3456"),
        ("3714 496353 98431", Kind.CARD, "3714 496353 98431"),
        ("여권 m12345678", Kind.PASSPORT, "m12345678"),
        ("M123A4567 소지", Kind.PASSPORT, "M123A4567"),
        ("여권번호 JR1234567", Kind.PASSPORT, "JR1234567"),
        ("면허 서울 12-345678-90", Kind.DRIVER_LICENCE, "서울 12-345678-90"),
        ("11-12-345678-90", Kind.DRIVER_LICENCE, "11-12-345678-90"),
        ("서울 12가 3456", Kind.VEHICLE, "서울 12가 3456"),
        ("흰색 123허4567 승용차", Kind.VEHICLE, "123허4567"),
        ("차량번호 12호 2023", Kind.VEHICLE, "12호 2023"),
        ("123-45-67891", Kind.BUSINESS_NUMBER, "123-45-67891"),
        ("사업자등록번호 1234567890", Kind.BUSINESS_NUMBER, "1234567890"),
        ("법인등록번호 110111-0000002", Kind.CORPORATE_NUMBER, "110111-0000002"),
        ("법인 1101110000002", Kind.CORPORATE_NUMBER, "1101110000002"),
        ("서울시 강남구 테헤란로 123, 101동 1502호", Kind.ADDRESS_UNIT, "101동 1502호"),
        ("역삼동 123-4번지 2층 203호", Kind.ADDRESS_UNIT, "2층 203호"),
        ("세종로 12길 3-4, 지하 1층 B101호", Kind.ADDRESS_UNIT, "지하 1층 B101호"),
        ("행복아파트 101-1502", Kind.ADDRESS_UNIT, "101-1502"),
        ("A동 101호", Kind.ADDRESS_UNIT, "A동 101호"),
    ],
)
def test_finds(text, kind, value):
    findings = find_identifiers(text)
    assert [finding.kind for finding in findings] == [kind]
    assert text[findings[0].start : findings[0].end] == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "제주도 돌하르방과 유채꽃밭",
        "서울시 강남구 테헤란로 123",
        "전주시 완산구 교동 59-3번지 한옥마을",
        "서울 종로구 사직로 161 경복궁 (사적 제117호)",
        "국보 제1호 숭례문, 세종대로 40",
        "경복궁 2층 전시실 203호",
        "서울 지하철 2호선 101호 전동차",
        "1588-1234 고객센터",
        "테헤란로 123 2층",
        "1592-1598 임진왜란",
        "시즌 S 2023-2024",
        "행복아파트 300-500만원",
        "행복단지 2015-2020 변화",
        "대법원 98다1234 판결",
        "이순신 12호 2023년",
        "제12가 3456",
        "813.6 김12가2023",
        "icon@2x.png",
        "@handle 1234567 hello",
        "0306406152",
        "20210315-1234567",
        "주문번호 230315-1234567",
        "바코드 8801115114154",
        "2023.03.15 1234567",
        "1609301234567.jpg",
        '{"regDate":1709303234561}',
        '<li data-time="1701234567895">',  # its check digit is right, as one in eleven is
        "수정 일시: 1701234567895",
        "user 550e8400-e29b-41d4-a716-446655440000",
        "입금 2023-01-15 12:34",
        "은행 02·123",
        "S20231234 학생",
        "모델명 M123A4567",
        "[전화번호] [주민등록번호]",
        "\ufffc\ufffc",
    ],
)
def test_passes(text):
    assert find_identifiers(text) == []


def test_what_may_be_a_clock_is_a_person_where_it_is_called_so_or_its_check_digit_holds_unnamed():
    assert [found.kind for found in find_identifiers("주민번호 1709303234561")] == ["resident_number"]
    assert [found.kind for found in find_identifiers("기타 1701234567895")] == ["resident_number"]
    assert [found.kind for found in find_identifiers("date of birth 1409303234561")] == ["resident_number"]
    assert [found.kind for found in find_identifiers("등록일시 170930-3234561")] == ["resident_number"]


def test_numbers_that_look_alike_are_told_apart_by_check_digit_and_context():
    # 110111-… is a registry office and a day in January at once; 0000002 passes the firms' check digit.
    assert kinds("110111-0000002") == [Kind.RESIDENT_NUMBER]
    assert kinds("법인등록번호 110111-0000002") == [Kind.CORPORATE_NUMBER]
    # the name alone does not outweigh a number that could be a living person's
    assert kinds("법인등록번호 110111-1000002") == [Kind.RESIDENT_NUMBER]
    assert kinds("주민등록번호 110111-0000002") == [Kind.RESIDENT_NUMBER]
    # no month 99: nobody's birthday
    assert kinds("119911-0000007") == [Kind.CORPORATE_NUMBER]
    assert kinds("119911-0000001") == []


def test_context_reaches_the_nearest_number_only():
    text = "계좌 110-123-456789 010-1234-5678"
    assert kinds(text) == [Kind.ACCOUNT, Kind.MOBILE_PHONE]
    assert kinds("계좌 안내 " + "가" * 30 + " 110-123-456789") == []


def test_overlapping_finds_become_one_of_the_most_sensitive_kind():
    findings = find_identifiers("900101-1234567@example.com")
    assert findings == [Finding("resident_number", 0, 26)]


def test_redact_puts_a_placeholder_for_each_span():
    text = "문의 010-1234-5678, hong@example.com 101동 1502호"
    assert redact(text, find_identifiers(text)) == "문의 [휴대전화번호], [이메일] [상세주소]"


@pytest.mark.parametrize(
    "findings",
    [
        [Finding("email", 0, 9)],
        [Finding("email", -1, 2)],
        [Finding("email", 2, 2)],
        [Finding("email", 0, 2), Finding("card", 1, 3)],
        [Finding("secret", 0, 2)],
    ],
)
def test_redact_refuses_spans_that_do_not_fit(findings):
    with pytest.raises(ValueError, match="does not fit the text"):
        redact("abcd", findings)


# Policy ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "outcome", "score"),
    [
        ("", Outcome.KEEP, 0.0),
        ("유채꽃밭", Outcome.KEEP, 0.0),
        ("900101-1234567", Outcome.DROP, 1.0),
        ("900101-5234567", Outcome.DROP, 1.0),
        ("4111 1111 1111 1111", Outcome.DROP, 1.0),
        ("여권 M12345678", Outcome.DROP, 1.0),
        ("면허 11-12-345678-90", Outcome.DROP, 1.0),
        ("계좌 110-123-456789, 010-1234-5678", Outcome.DROP, 2.0),
        ("010-1234-5678 02-123-4567 a@example.com 12가3456 101동 1502호", Outcome.KEEP, 5.0),
        ("사업자 123-45-67891 법인 110111-0000002", Outcome.KEEP, 0.0),
    ],
)
def test_default_policy(text, outcome, score):
    decision = IdentifierPolicy().decide(find_identifiers(text))
    assert decision == Decision(outcome, Reason.CAPTION_IDENTIFIER if outcome == Outcome.DROP else "", score)


def test_policy_can_be_changed_but_never_keeps_a_resident_number():
    policy = msgspec.convert({"email": "drop", "account": "keep", "business_number": "redact"}, IdentifierPolicy)
    assert policy.decide(find_identifiers("a@example.com")).outcome == Outcome.DROP
    assert policy.decide(find_identifiers("계좌 110-123-456789")).outcome == Outcome.KEEP
    assert policy.redact("123-45-67891")[0] == "[사업자등록번호]"
    assert policy.redact("계좌 110-123-456789") == ("계좌 110-123-456789", [])
    for kind in ("resident_number", "foreigner_number"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({kind: "keep"}, IdentifierPolicy)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"phone": "keep"}, IdentifierPolicy)


def test_filter_id():
    assert filter_id(IdentifierPolicy()) == "identifiers@2"
    assert IdentifierPolicy.reasons == {Reason.CAPTION_IDENTIFIER}


# URLs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://example.com/900101-1234567.jpg", "https://example.com/REDACTED.jpg"),
        ("https://example.com/?q=900101%2D1234567&x=1", "https://example.com/?q=REDACTED&x=1"),
        ("https://example.com/?q=900101%252D1234567", "https://example.com/?q=REDACTED"),
        ("https://example.com/?q=900101+1234567", "https://example.com/?q=REDACTED"),
        ("https://example.com/?jumin=9001011234567", "https://example.com/?jumin=REDACTED"),
        ("https://example.com/%EF%BC%99%EF%BC%90%EF%BC%90101-1234567", "https://example.com/REDACTED"),
        ("https://example.com/%C1%D6%B9%CE900101%2F1234567", "https://example.com/%C1%D6%B9%CEREDACTED"),
        ("https://example.com/u/hong%40example.com/a.png", "https://example.com/u/REDACTED/a.png"),
        ("https://example.com/01012345678.jpg", "https://example.com/REDACTED.jpg"),
    ],
)
def test_urls_with_identifiers(url, redacted):
    assert redact_url(url) == redacted
    assert find_in_url(redacted) == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://example.com/%EC%A0%9C%EC%A3%BC.jpg",
        "https://example.com/230315/1234567.jpg",
        "https://example.com/230315_1234567.jpg",
        "https://example.com/1609301234567.jpg",
        "https://example.com/010/1234/5678.jpg",
        "https://example.com/0212345678.jpg",
        "https://example.com/4111111111111111.jpg",
        "https://example.com/icon@2x.png",
        "https://example.com/12345678_1234567890_n.jpg",
    ],
)
def test_urls_without(url):
    assert find_in_url(url) == []
    assert redact_url(url) == url


# A resident number is never written ----------------------------------------------------------------------------------


def test_nothing_returned_or_raised_shows_a_digit_of_the_number():
    number = "987654-3219876"
    text = f"주민번호 {number} 끝"
    findings = find_identifiers(text)
    policy = IdentifierPolicy()
    shown = [findings, policy.decide(find_identifiers(text)), policy.redact(text), redact(text, findings), policy]
    shown += [find_in_url("https://example.com/?" + quote(text)), redact_url("https://example.com/?" + quote(text))]
    with pytest.raises(ValueError, match="does not fit") as raised:
        redact(text, [findings[0], findings[0]])
    shown += [raised.value, raised.getrepr()]
    for thing in shown[:-1]:
        for written in (repr(thing), str(thing)):
            for length in (3, 4):
                assert not any(number[at : at + length] in written for at in range(len(number) - length + 1))
    assert findings == [Finding("resident_number", 5, 19)]


# Laws -----------------------------------------------------------------------------------------------------------------

WORDS = """
900101 1234567 010 1234 5678 02 123 101동 1502호 12가 3456 M123A4567 110111 0000002 - -- · . , @ a@b.com com 골뱅이 점
공일공 일이삼사 오육칠팔 계좌 주민 카드 4111 1111 은행 농협 법인 주문 테헤란로 아파트 ① ⑨ ９ &#57; %39 %2D [전화번호]
[계좌번호] REDACTED ( ) [ ] / _ 년 호 동 가 제 국보 번지 여권 면허 123-45-67891 900101-1234567 010-1234-5678
"""
PIECES = st.one_of(
    st.sampled_from([*WORDS.split(), "\u200b", "\u00ad", "\ufffc", "\ud800"]),
    st.sampled_from([" ", "  ", "\n", "\u00a0", "-", ""]),
    st.text(max_size=3),
    st.from_regex(r"[0-9]{1,7}", fullmatch=True),
)
TEXTS = st.lists(PIECES, max_size=24).map("".join)


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_findings_lie_in_the_text_in_order_apart_and_redaction_is_final(text):
    findings = find_identifiers(text)
    last = 0
    for finding in findings:
        assert last <= finding.start < finding.end <= len(text)
        assert finding.kind in set(Kind)
        last = finding.end
    once = redact(text, findings)
    assert find_identifiers(once) == []
    assert redact(once, find_identifiers(once)) == once
    assert IdentifierPolicy().decide(find_identifiers(once)).outcome == Outcome.KEEP


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_url_findings_lie_in_the_url_and_redaction_is_final(url):
    last = 0
    for finding in find_in_url(url):
        assert last <= finding.start < finding.end <= len(url)
        last = finding.end
    once = redact_url(url)
    assert redact_url(once) == once


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_a_resident_number_is_found_whatever_surrounds_it(before, after):
    text = f"{before}가900101-1234567나{after}"
    hits = [finding for finding in find_identifiers(text) if finding.kind == Kind.RESIDENT_NUMBER]
    start = len(before) + 1
    assert any(finding.start <= start and finding.end >= start + 14 for finding in hits)


def test_decomposed_text_gives_spans_of_the_decomposed_text():
    text = unicodedata.normalize("NFD", "차량번호 12가 3456 입니다")
    (finding,) = find_identifiers(text)
    assert text[finding.start : finding.end] == unicodedata.normalize("NFD", "12가 3456")


# Bounded work ---------------------------------------------------------------------------------------------------------

SEEDS = [
    "1",
    "1234567890",
    "010-",
    "900101-1234567-",
    "0 1 ",
    "a@",
    "a.",
    "1호",
    "101동 1502호 ",
    "1\u200b",
    "①1",
    "공일",
    "12가1234",
]
SCRIPT = """
import json, sys
from filters.identifiers import find_identifiers, find_in_url
seeds, size = json.loads(sys.argv[1]), int(sys.argv[2])
for seed in seeds:
    find_identifiers((seed * size)[:size])
find_in_url(("%31" * size)[:size])
print("done")
"""


@pytest.mark.parametrize(("seeds", "size"), [(SEEDS, 40_000), (["1", "가나다 "], 10_000_000)])
def test_hostile_inputs_end(seeds, size):
    """Anything but near-linear work would take hours here; the limit is over ten times the usual time."""
    script = [sys.executable, "-c", SCRIPT, json.dumps(seeds), str(size)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=150, cwd=BENCH.parents[2])
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
