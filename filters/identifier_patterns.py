"""Which matches are identifiers: kinds, context words and the checks that tell look-alikes apart.

Firms' representative numbers (1588-0000) identify no person and are not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

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
from filters.identifier_context import THINGS, label_before
from filters.identifier_shapes import (
    ACCOUNTS,
    BUSINESS,
    CARD,
    EMAIL,
    FLAT,
    LANDLINE,
    LICENCE,
    MASK,
    MOBILE,
    PASSPORT,
    REGISTRATION,
    SPACED_MOBILE,
    SPACED_REGISTRATION,
    UNIT,
    VEHICLE,
)


class IdentifierKind(StrEnum):
    """The kinds that are told apart, most sensitive first: where two overlap, the earlier one names the span."""

    RESIDENT_NUMBER = "resident_number"
    FOREIGNER_NUMBER = "foreigner_number"
    CARD = "card"
    ACCOUNT = "account"
    PASSPORT = "passport"
    DRIVER_LICENCE = "driver_licence"
    MOBILE_PHONE = "mobile_phone"
    LANDLINE_PHONE = "landline_phone"
    EMAIL = "email"
    ADDRESS_UNIT = "address_unit"
    VEHICLE = "vehicle"
    CORPORATE_NUMBER = "corporate_number"
    BUSINESS_NUMBER = "business_number"


class Candidate(NamedTuple):
    """A match in folded text: half-open span and kind."""

    start: int
    end: int
    kind: IdentifierKind


class View(NamedTuple):
    """The folded text that the checks look at around a match. ``spoken``: Hangul digits were made digits."""

    text: str
    in_url: bool = False
    spoken: bool = False


_NUMBER_WORD: Final = re.compile(r"[ ]*(?:번호|no\.?|number|id)?[ ]*[는은]?[ ]*[-:#=]?[ ]*", re.IGNORECASE)
_BANK_AFTER: Final = re.compile(
    r"[ ]?[(\[]?[ ]?(?:예금주|입금|계좌|(?:[가-힣A-Z]{2,4})(?:은행|뱅크)|농협|신협|수협|새마을금고|우체국)"
)
_SHORT_BANK: Final = re.compile(
    r"(?:국민|신한|우리|하나|기업|제일|씨티|케이|토스|카카오|카뱅|전북|광주|부산|대구|경남|제주|산업|KB|NH|IBK)"
    r"[ ]?[:)]?[ ]?$"
)


_CLOCK_NAME: Final = re.compile(
    r"(?:date|time|stamp|created|updated|modified|published|expire[sd]?|(?<![a-z])ts|reg_?dt|일시|시각)"
    r"(?:[_-]?(?:at|on|ms|utc))?[^0-9a-z가-힣]{0,6}$",
    re.IGNORECASE,
)
"""What a page's markup calls a point of time, before the number."""

Check = Callable[[View, re.Match[str]], IdentifierKind | None]


class Pattern(NamedTuple):
    """A shape and the check that names its kind, or refuses it.

    A text with fewer than ``digits`` digits or without the character ``sign`` can not match and is passed over.
    """

    shape: re.Pattern[str]
    check: Check
    digits: int = 0
    sign: str = ""


_ASCII_LETTER: Final = re.compile(r"[A-Za-z]")
_HEX_LETTER: Final = re.compile(r"[A-Fa-f]")


def _touches(view: View, match: re.Match[str], letter: re.Pattern[str]) -> bool:
    """Whether a letter stands right beside the match: a piece of a hash or a part number, not a number of its own."""
    start, end = match.span()
    return bool(letter.match(view.text[max(0, start - 1) : start]) or letter.match(view.text[end : end + 1]))


def _after_decimal_point(view: View, start: int) -> bool:
    return bool(re.search(r"[0-9][.,]$", view.text[max(0, start - 2) : start]))


def _registration(view: View, match: re.Match[str]) -> IdentifierKind | None:
    """Tell resident, foreigner and corporate numbers (all 6-7) apart; in doubt it is a person's."""
    found = match.group()
    digits = digits_in(found)[-13:]
    label, gap = label_before(view.text, match.start())
    person = label in ("resident", "foreigner")
    kind = IdentifierKind.FOREIGNER_NUMBER if digits[6] in "5678" else IdentifierKind.RESIDENT_NUMBER
    corporate = corporate_checksum(digits)
    if person:
        return kind
    if len(digits_in(found)) > 13:  # YYYYMMDD-NNNNNNN is an order number unless it is called a resident number
        return None
    joined = len(found) == 13
    if joined and _is_clock(digits) and _CLOCK_NAME.search(view.text, max(0, match.start() - 24), match.start()):
        return None
    if not birth_date(digits):
        # One number in ten passes by chance: without its name or its hyphen a long number is just that.
        likely = corporate and label not in THINGS and re.search(r"[^0-9 ]", found) is not None
        return IdentifierKind.CORPORATE_NUMBER if label == "corporate" or likely else None
    if label == "corporate" and corporate:
        return IdentifierKind.CORPORATE_NUMBER
    if joined and label in THINGS and gap <= 8 and barcode_checksum(digits):
        return None
    if resident_checksum(digits):
        return None if view.in_url and "/" in found else kind
    if label == "corporate" and not plausible_century(digits):
        return IdentifierKind.CORPORATE_NUMBER
    if joined and label in THINGS and gap <= 8:
        return None
    if label == "order" and _NUMBER_WORD.fullmatch(view.text, match.start() - gap, match.start()):
        return None  # 주문번호 230315-1234567
    if label in ("account", "bank") and joined:
        return None  # an account number, found as such
    return kind if _looks_like_birth(view, match, digits, joined) else None


def _looks_like_birth(view: View, match: re.Match[str], digits: str, joined: bool) -> bool:
    """Judge a 6-7 number with a birth date, no context word and a failing checksum, as new ones have."""
    found = match.group()
    if re.match(r"[0-9]{2}[^0-9]", found):  # 90.01.01 1234567: a date, then any number
        return False
    if not joined:
        return not (view.in_url and ("/" in found or "_" in found))  # /230315/1234567.jpg: a day's folder
    if not plausible_century(digits) or _touches(view, match, _ASCII_LETTER):
        return False
    if _after_decimal_point(view, match.start()):
        return False
    if digits.startswith("880") and barcode_checksum(digits):  # goods made in Korea
        return False
    named_file = re.match(r"\.[A-Za-z]{3}", view.text[match.end() : match.end() + 4])
    return not (_is_clock(digits) and (view.in_url or named_file))


def _is_clock(digits: str) -> bool:
    """Whether 13 digits may be milliseconds since 1970, in the years 2017 to 2030; pages are full of them."""
    return "15" <= digits[:2] <= "18"


def _spaced_registration(_view: View, match: re.Match[str]) -> IdentifierKind | None:
    digits = digits_in(match.group())
    if not birth_date(digits) or not (plausible_century(digits) or resident_checksum(digits)):
        return None
    return IdentifierKind.FOREIGNER_NUMBER if digits[6] in "5678" else IdentifierKind.RESIDENT_NUMBER


def _phone(view: View, match: re.Match[str]) -> IdentifierKind | None:
    found = match.group()
    label, gap = label_before(view.text, match.start())
    mobile = match.re is MOBILE or match.re is SPACED_MOBILE
    bare = found.isdigit()
    if label == "account" and not view.spoken:
        return IdentifierKind.ACCOUNT  # some banks take a mobile number for an account's
    if label == "phone":
        return IdentifierKind.MOBILE_PHONE if mobile else IdentifierKind.LANDLINE_PHONE
    if _touches(view, match, _ASCII_LETTER if bare or view.spoken else _HEX_LETTER):
        return None
    if (label in THINGS and gap <= 8) or (view.in_url and "/" in found):
        return None
    if bare and _after_decimal_point(view, match.start()):
        return None
    if mobile:
        return IdentifierKind.MOBILE_PHONE
    if label in ("business", "corporate", "card", "bank", "licence") and bare:
        return None
    return None if bare and view.in_url else IdentifierKind.LANDLINE_PHONE


def _card(view: View, match: re.Match[str]) -> IdentifierKind | None:
    found = match.group()
    digits = digits_in(found)
    label, gap = label_before(view.text, match.start())
    if label == "card":
        return IdentifierKind.CARD
    if not luhn(digits) or (label in (*THINGS, "account") and gap <= 8):
        return None
    if _touches(view, match, _ASCII_LETTER) or (found.isdigit() and _after_decimal_point(view, match.start())):
        return None
    issued = re.match(r"[3-69]|2[2-7]", digits) is not None
    if found.isdigit():
        return IdentifierKind.CARD if issued and len(digits) > 14 and not view.in_url else None
    return IdentifierKind.CARD if issued else None


def _account(view: View, match: re.Match[str]) -> IdentifierKind | None:
    found = match.group()
    digits = digits_in(found)
    label, gap = label_before(view.text, match.start())
    if not 10 <= len(digits) <= 14 or (view.in_url and gap > (8 if label == "account" else 3)):
        return None
    if re.match(r"(?:19|20)[0-9]{2}[-./ ](?:0?[1-9]|1[0-2])[-./ ]", found):  # a date after 입금
        return None
    if label == "account":
        return IdentifierKind.ACCOUNT
    phone = MOBILE.fullmatch(found) or LANDLINE.fullmatch(found)
    if label == "bank":
        return None if phone else IdentifierKind.ACCOUNT
    grouped = not found.isdigit()
    before = view.text[max(0, match.start() - 8) : match.start()]
    named = _SHORT_BANK.search(before) or (label == "" and _BANK_AFTER.match(view.text, match.end()))
    return IdentifierKind.ACCOUNT if grouped and named and not phone else None


def _passport(view: View, match: re.Match[str]) -> IdentifierKind | None:
    label, _gap = label_before(view.text, match.start())
    if label == "passport":
        return IdentifierKind.PASSPORT
    found = match.group()
    if label in THINGS or view.in_url or found[1].isalpha():
        return None
    if match.group("new"):
        return IdentifierKind.PASSPORT if found[0].isupper() or len(found) == 9 else None
    dated = re.match(r"(?:19|20)[0-9]{2}", digits_in(found))  # S20231234 is a student's number
    grouped = re.search(r"[0-9][^0-9]+[0-9]", found)  # S 2023-2024 is a season
    return IdentifierKind.PASSPORT if found[0].isupper() and not dated and not grouped else None


def _licence(view: View, match: re.Match[str]) -> IdentifierKind | None:
    label, _gap = label_before(view.text, match.start())
    if label == "licence":
        return IdentifierKind.DRIVER_LICENCE
    grouped = len(re.findall(r"[0-9]+", match.group())) == 4
    bound = label in (*THINGS, "account", "bank", "phone") or view.in_url
    return IdentifierKind.DRIVER_LICENCE if grouped and not bound else None


def _business(view: View, match: re.Match[str]) -> IdentifierKind | None:
    label, _gap = label_before(view.text, match.start())
    if label == "business":
        return IdentifierKind.BUSINESS_NUMBER
    found = match.group()
    plain = "-" in found and label not in (*THINGS, "account", "bank", "phone")
    return IdentifierKind.BUSINESS_NUMBER if plain and business_checksum(digits_in(found)) else None


_COUNTED: Final = re.compile(
    r"[ ]?(?:년|원|명|개|월|일|시|세대|가구|달러|엔|유로|톤|쪽|페이지|권|회|m|k|㎡|평|만|억|천|%|[,.:][0-9]|-[0-9])"
)
_UNIT_LETTERS: Final = frozenset("호조주도구부로고사수오보바소자하나라다가허")
_ORDINAL: Final = re.compile(r"(?:제|총|약|[0-9][ -]?[가-힣]|[0-9][.-]|판결|법원|지하|지상)[ ]?$")


def _vehicle(view: View, match: re.Match[str]) -> IdentifierKind | None:
    label, _gap = label_before(view.text, match.start())
    if label == "vehicle":
        return IdentifierKind.VEHICLE
    if view.in_url or label in (*THINGS, "business", "corporate") or _COUNTED.match(view.text, match.end()):
        return None
    if match.group("region"):
        return IdentifierKind.VEHICLE
    if _ORDINAL.search(view.text[max(0, match.start() - 4) : match.start()]):
        return None
    year = re.search(r"^[0-9]+[ ]*[가-힣][ ]*(?:19|20[0-3])[0-9]+$", match.group())  # 12호 2023, not 12-호-2023
    return None if year and match.group("letter") in _UNIT_LETTERS else IdentifierKind.VEHICLE


_NOT_MAIL: Final = re.compile(r"png|jpe?g|gif|webp|svg|bmp|avif|ico|css|js|html?|php|mp4|pdf")


def _email(_view: View, match: re.Match[str]) -> IdentifierKind | None:
    domain = match.group("domain").lower()
    ending = re.split(r"[^a-z0-9]+", domain)[-1]
    if _NOT_MAIL.fullmatch(ending) and not re.search(r"[^a-z0-9](?:com|net|org|kr|edu|io|me)[^a-z0-9]+[a-z]+$", domain):
        return None  # icon@2x.png, but not kim@example.com.png
    return IdentifierKind.EMAIL


_ANCHOR: Final = re.compile(
    r"(?:[가-힣0-9](?:로|길)[ ]{0,2}(?:[0-9]{1,4}(?:번|가|나|다|라|마)?길[ ]{0,2})?(?:지하[ ]?)?[0-9]{1,4}"
    r"(?:[ ]?-[ ]?[0-9]{1,4})?"
    r"|[가-힣0-9](?:동|리|가|읍|면)[ ]{1,2}(?:산[ ]?)?[0-9]{1,4}(?:[ ]?-[ ]?[0-9]{1,4}|[ ]?번지)"
    r"|[가-힣0-9]동[ ]{1,2}[0-9]{1,4}"
    r"|[0-9]번지|아파트|APT|빌라|맨션|맨숀|오피스텔|연립|주공|빌리지|하이츠|타운|주택|원룸|래미안|자이|푸르지오|힐스테이트"
    r"|더샵|캐슬|아이파크|[0-9]단지)",
    re.IGNORECASE,
)
_HOME: Final = re.compile(
    r"(?:아파트|APT|빌라|맨션|맨숀|오피스텔|연립|주공|빌리지|하이츠|래미안|자이|푸르지오|힐스테이트|더샵|캐슬|아이파크"
    r"|단지)[ ]{0,2}$",
    re.IGNORECASE,
)
_ANCHOR_REACH: Final = 30
# 사직로 161 경복궁 (사적 제117호): heritage, issues and laws are numbered with 호 too.
_NUMBERED: Final = re.compile(
    r"(?:국보|보물|사적|명승|기념물|문화재|유산|자료|무형|유형|민속|등록|지정|태풍|통권|창간|고시|공고|법률|조례|특보"
    r"|열사|작품|전시실|강의실|회의실)[ ]{0,2}(?:제[ ]?)?$"
)


def _anchored(view: View, start: int) -> bool:
    window = view.text[max(0, start - _ANCHOR_REACH) : start]
    return _ANCHOR.search(window[window.rfind(MASK) + 1 :]) is not None


def _unit(view: View, match: re.Match[str]) -> IdentifierKind | None:
    if match.group("block"):
        return IdentifierKind.ADDRESS_UNIT
    if _NUMBERED.search(view.text[max(0, match.start() - 10) : match.start()]):
        return None
    ordinal = view.text[max(0, match.start() - 1) : match.start() + 1]
    if "제" in ordinal and "층" not in match.group():
        return None
    return IdentifierKind.ADDRESS_UNIT if _anchored(view, match.start()) else None


def _flat(view: View, match: re.Match[str]) -> IdentifierKind | None:
    if re.fullmatch(r"(?:19|20)[0-9]{2}[^0-9]+(?:19|20)[0-9]{2}", match.group()):  # years
        return None
    home = _HOME.search(view.text[max(0, match.start() - 8) : match.start()])
    return IdentifierKind.ADDRESS_UNIT if home else None


_SPOKEN_PATTERNS: Final = (
    Pattern(REGISTRATION, _registration, 13),
    Pattern(MOBILE, _phone, 9),
    Pattern(LANDLINE, _phone, 8),
)
_PATTERNS: Final[tuple[Pattern, ...]] = (
    *_SPOKEN_PATTERNS,
    Pattern(SPACED_REGISTRATION, _spaced_registration, 13),
    Pattern(SPACED_MOBILE, _phone, 10),
    Pattern(CARD, _card, 14),
    *(Pattern(shape, _account, 10) for shape in ACCOUNTS),
    Pattern(PASSPORT, _passport, 7),
    Pattern(LICENCE, _licence, 10),
    Pattern(EMAIL, _email),
    Pattern(UNIT, _unit, 1, "호"),
    Pattern(FLAT, _flat, 6),
    Pattern(VEHICLE, _vehicle, 6),
    Pattern(BUSINESS, _business, 10),
)


def candidates(view: View) -> Iterator[Candidate]:
    """Yield every match in ``view``, overlapping ones of different kinds included."""
    text = view.text
    count = sum(map(text.count, "0123456789"))
    for shape, check, digits, sign in _SPOKEN_PATTERNS if view.spoken else _PATTERNS:
        if count < digits or sign not in text:
            continue
        match = shape.search(text)
        while match is not None:
            kind = check(view, match)
            if kind is not None:
                yield Candidate(match.start(), match.end(), kind)
            # A refused match may hide one that starts inside it; shapes are short, so this stays linear.
            match = shape.search(text, match.end() if kind is not None else match.start() + 1)
