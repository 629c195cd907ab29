"""Print recall per kind and spelling over generated identifiers, and precision over generated hard negatives.

Every number is made up by a seeded generator. Run: ``python tests/bench/identifier_recall.py [per_cell] [negatives]``.

Recall counts an identifier as found where findings of its own kind cover its span. Numbers whose bare digits say
nothing (accounts, licences, firms' numbers) always stand beside their name, as a person would write them.
"""

from __future__ import annotations

import random
import sys
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from filters.check_digits import business_checksum, corporate_checksum, luhn, resident_checksum
from filters.identifier_patterns import IdentifierKind as Kind
from filters.identifiers import find_identifiers, find_in_url

SEED = 20261107
Parts = list[str]


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def passing(rng: random.Random, make: Callable[[], str], check: Callable[[str], bool]) -> str:
    while True:
        number = make()
        if check(number):
            return number


def registration(rng: random.Random, *, foreign: bool) -> Parts:
    """Two thirds old numbers, whose checksum passes; one third issued since 2020-10, with random digits."""

    def make() -> str:
        year = rng.randrange(1925, 2026)
        gender = rng.choice("78" if foreign else "34") if year >= 2000 else rng.choice("56" if foreign else "12")
        if not foreign and rng.random() < 0.02:
            gender = rng.choice("90")
        return f"{year % 100:02}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}{gender}{digits(rng, 6)}"

    number = make() if rng.random() < 1 / 3 else passing(rng, make, resident_checksum)
    if number[6] in "90":
        number = passing(rng, lambda: number[:7] + digits(rng, 6), resident_checksum)
    return [number[:6], number[6:]]


def mobile(rng: random.Random) -> Parts:
    if rng.random() < 0.85:
        return ["010", digits(rng, 4), digits(rng, 4)]
    return [rng.choice(["011", "016", "017", "018", "019"]), digits(rng, rng.choice([3, 4])), digits(rng, 4)]


def landline(rng: random.Random) -> Parts:
    area = rng.choice(
        [
            "02",
            "031",
            "032",
            "033",
            "041",
            "042",
            "043",
            "044",
            "051",
            "052",
            "053",
            "054",
            "055",
            "061",
            "062",
            "063",
            "064",
            "070",
            "0502",
            "0505",
        ]
    )
    middle = digits(rng, 4 if area in ("070", "0502", "0505") else rng.choice([3, 4]))
    return [area, middle, digits(rng, 4)]


def account(rng: random.Random) -> Parts:
    shape = rng.choice(
        [(3, 3, 6), (6, 2, 6), (3, 2, 6), (4, 3, 6), (3, 6, 2, 3), (4, 4, 4), (3, 4, 4, 2), (3, 2, 4, 3)]
    )
    return [digits(rng, count) for count in shape]


def card(rng: random.Random) -> Parts:
    prefix = rng.choice(["4", "51", "53", "55", "62", "94", "35", "36", "65"])
    number = passing(rng, lambda: prefix + digits(rng, 16 - len(prefix)), luhn)
    return [number[place : place + 4] for place in range(0, 16, 4)]


def passport(rng: random.Random) -> Parts:
    if rng.random() < 0.6:
        return [rng.choice("MSROD"), digits(rng, 3), rng.choice("ABCDEFGHJKLMNPRTUVWXYZ"), digits(rng, 4)]
    return [rng.choice("MSROD"), rng.choice("3456789") + digits(rng, 7)]


def licence(rng: random.Random) -> Parts:
    return [rng.choice([*map(str, range(11, 27)), "28"]), digits(rng, 2), digits(rng, 6), digits(rng, 2)]


def vehicle(rng: random.Random) -> Parts:
    letters = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배하허호"
    plate = [digits(rng, rng.choice([2, 3])), rng.choice(letters), digits(rng, 4)]
    if rng.random() < 0.2:
        plate = [rng.choice(["서울", "경기", "부산"]), digits(rng, 2), *plate[1:]]
    return plate


def business(rng: random.Random) -> Parts:
    number = passing(rng, lambda: str(rng.randrange(1, 9)) + digits(rng, 9), business_checksum)
    return [number[:3], number[3:5], number[5:]]


def corporate(rng: random.Random) -> Parts:
    office = rng.choice(["1101", "1301", "2001", "1801", "1201"])
    number = passing(rng, lambda: office + rng.choice(["11", "21", "14"]) + digits(rng, 7), corporate_checksum)
    return [number[:6], number[6:]]


def address(rng: random.Random) -> Parts:
    return [f"{rng.randrange(101, 130)}동", f"{rng.randrange(1, 25)}{rng.randrange(1, 9):02}호"]


def email(rng: random.Random) -> Parts:
    name = "".join(rng.choice("abcdefghijklmnoprstuvwxyz") for _ in range(rng.randrange(3, 10)))
    tail = rng.choice(["", ".kim", "_92", "7"])
    return [
        name + tail,
        *rng.choice([["example", "com"], ["example", "co.kr"], ["mail-test", "net"], ["test", "ac.kr"]]),
    ]


MAKERS: dict[Kind, Callable[[random.Random], Parts]] = {
    Kind.RESIDENT_NUMBER: lambda rng: registration(rng, foreign=False),
    Kind.FOREIGNER_NUMBER: lambda rng: registration(rng, foreign=True),
    Kind.CARD: card,
    Kind.ACCOUNT: account,
    Kind.PASSPORT: passport,
    Kind.DRIVER_LICENCE: licence,
    Kind.MOBILE_PHONE: mobile,
    Kind.LANDLINE_PHONE: landline,
    Kind.EMAIL: email,
    Kind.ADDRESS_UNIT: address,
    Kind.VEHICLE: vehicle,
    Kind.CORPORATE_NUMBER: corporate,
    Kind.BUSINESS_NUMBER: business,
}
NAMES: dict[Kind, tuple[str, ...]] = {
    Kind.RESIDENT_NUMBER: ("주민번호: ", "주민등록번호는 ", "주민번호"),
    Kind.FOREIGNER_NUMBER: ("외국인등록번호: ", "외국인 등록번호는 "),
    Kind.CARD: ("카드번호: ", "신용카드 "),
    Kind.ACCOUNT: ("계좌번호: ", "입금계좌 국민은행 ", "신한은행 ", "농협 "),
    Kind.PASSPORT: ("여권번호: ", "passport no. "),
    Kind.DRIVER_LICENCE: ("운전면허번호: ", "면허번호 "),
    Kind.MOBILE_PHONE: ("휴대폰: ", "연락처는 ", "HP"),
    Kind.LANDLINE_PHONE: ("전화: ", "TEL "),
    Kind.EMAIL: ("이메일: ", "E-mail "),
    Kind.ADDRESS_UNIT: ("주소: 서울시 강남구 테헤란로 123, ", "행복아파트 ", "부산시 해운대구 우동 1234-5번지 "),
    Kind.VEHICLE: ("차량번호: ", "번호판 "),
    Kind.CORPORATE_NUMBER: ("법인등록번호: ", "법인번호 "),
    Kind.BUSINESS_NUMBER: ("사업자등록번호: ", "사업자번호 "),
}
ALWAYS_NAMED = {Kind.ACCOUNT, Kind.DRIVER_LICENCE, Kind.BUSINESS_NUMBER, Kind.CORPORATE_NUMBER}
WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
MATH = str.maketrans({str(digit): chr(0x1D7CE + digit) for digit in range(10)})
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
SPOKEN = str.maketrans("0123456789", "공일이삼사오육칠팔구")


def joined(separator: str) -> Callable[[Parts], str]:
    return lambda parts: separator.join(parts)


SPELLINGS: dict[str, Callable[[Parts], str]] = {
    "hyphen": joined("-"),
    "none": joined(""),
    "space": joined(" "),
    "spaced hyphen": joined(" - "),
    "en dash": joined("–"),
    "em dash": joined("—"),
    "minus sign": joined("−"),
    "full-width hyphen": joined("－"),
    "non-breaking hyphen": joined("‑"),
    "middle dot": joined("·"),
    "dot": joined("."),
    "slash": joined("/"),
    "full-width digits": lambda parts: "－".join(parts).translate(WIDE),
    "zero-width space": lambda parts: "\u200b".join("-".join(parts)),
    "zero-width joiner": lambda parts: "\u200d".join("".join(parts)),
    "no-break space": joined("\u00a0"),
    "thin space": joined("\u2009-\u2009"),
    "soft hyphen": joined("\u00ad"),
    "mathematical digits": lambda parts: "-".join(parts).translate(MATH),
    "circled digits": lambda parts: "-".join(parts).translate(CIRCLED),
    "line break": joined("-\n"),
    "mixed": lambda parts: parts[0].translate(WIDE) + " –\u200b " + "‐".join(parts[1:]),
    "decomposed": lambda parts: unicodedata.normalize("NFD", "-".join(parts)),
}
MAIL_SPELLINGS: dict[str, Callable[[Parts], str]] = {
    "plain": lambda parts: f"{parts[0]}@{parts[1]}.{parts[2]}",
    "upper case": lambda parts: f"{parts[0]}@{parts[1]}.{parts[2]}".upper(),
    "spaced at": lambda parts: f"{parts[0]} @ {parts[1]}.{parts[2]}",
    "full-width at": lambda parts: f"{parts[0]}＠{parts[1]}.{parts[2]}",
    "small at": lambda parts: f"{parts[0]}﹫{parts[1]}.{parts[2]}",
    "full-width": lambda parts: f"{parts[0]}@{parts[1]}.{parts[2]}".translate(WIDE),
    "(at)": lambda parts: f"{parts[0]}(at){parts[1]}.{parts[2]}",
    "[at]": lambda parts: f"{parts[0]} [at] {parts[1]}.{parts[2]}",
    "{at}": lambda parts: f"{parts[0]}{{at}}{parts[1]}.{parts[2]}",
    "at dot": lambda parts: f"{parts[0]} at {parts[1]} dot {parts[2].replace('.', ' dot ')}",
    "(at) (dot)": lambda parts: f"{parts[0]}(at){parts[1]}(dot){parts[2].replace('.', '(dot)')}",
    "골뱅이": lambda parts: f"{parts[0]}골뱅이{parts[1]}.{parts[2]}",
    "골뱅이 점": lambda parts: f"{parts[0]} 골뱅이 {parts[1]} 점 {parts[2].replace('.', ' 점 ')}",
    "(골뱅이)": lambda parts: f"{parts[0]}(골뱅이){parts[1]}.{parts[2]}",
    "[@]": lambda parts: f"{parts[0]}[@]{parts[1]}.{parts[2]}",
    "ideographic dot": lambda parts: f"{parts[0]}@{parts[1]}。{parts[2].replace('.', '。')}",
    "full-width dot": lambda parts: f"{parts[0]}@{parts[1]}．{parts[2].replace('.', '．')}",
    "zero-width space": lambda parts: "\u200b".join(f"{parts[0]}@{parts[1]}.{parts[2]}"),
    "soft hyphen": lambda parts: f"{parts[0]}\u00ad@\u00ad{parts[1]}.{parts[2]}",
    "no-break space": lambda parts: f"{parts[0]}\u00a0@\u00a0{parts[1]}.{parts[2]}",
    "mathematical": lambda parts: f"{parts[0]}@{parts[1]}.{parts[2]}".translate(MATH),
    "character reference": lambda parts: f"{parts[0]}&#64;{parts[1]}&#46;{parts[2]}",
    "dotted local part": lambda parts: f"{parts[0]}.x.y{parts[0]}@{parts[1]}.{parts[2]}",
}


class Case(NamedTuple):
    kind: Kind
    spelling: str
    text: str
    start: int
    end: int
    url: bool


def place(kind: Kind, spelling: str, value: str, before: str, after: str, *, url: bool = False) -> Case:
    return Case(kind, spelling, before + value + after, len(before), len(before) + len(value), url)


def cases(rng: random.Random, kind: Kind, count: int) -> Iterator[Case]:
    """Yield ``count`` cases per spelling of ``kind``."""
    spellings = MAIL_SPELLINGS if kind == Kind.EMAIL else SPELLINGS
    make = MAKERS[kind]
    for _ in range(count):
        names = NAMES[kind]
        for name, spell in spellings.items():
            label = rng.choice(names) if kind in ALWAYS_NAMED else rng.choice(["사진 속 ", "", "홍길동 (", "확인: "])
            if kind == Kind.ADDRESS_UNIT:
                label = rng.choice(names)
            yield place(kind, name, spell(make(rng)), label, rng.choice([" 입니다", "", ") 참고", "\n"]))
        plain = spellings["plain" if kind == Kind.EMAIL else "hyphen"]
        label = rng.choice(names) if kind in ALWAYS_NAMED else "번호는"
        yield place(
            kind, "glued to Hangul", plain(make(rng)), label.rstrip() + ("는" if label != "번호는" else ""), "입니다"
        )
        yield place(kind, "named", plain(make(rng)), rng.choice(names), " 홍길동")
        opening, closing = rng.choice(["()", "[]", "「」", "<>", "【】"])
        yield place(
            kind, "bracketed", plain(make(rng)), (label if kind in ALWAYS_NAMED else "사진 ") + opening, closing
        )
        value = quote(plain(make(rng)))
        before = "https://example.com/view?" + quote(rng.choice(names)) + "="
        yield place(kind, "in a URL", value, before, rng.choice(["", "&x=1", ".jpg"]), url=True)
        if kind in (Kind.MOBILE_PHONE, Kind.LANDLINE_PHONE, Kind.RESIDENT_NUMBER, Kind.FOREIGNER_NUMBER):
            yield place(kind, "Hangul digits", "-".join(make(rng)).translate(SPOKEN), "번호는 ", " 입니다")
            parts = make(rng)
            mixed = "-".join([parts[0], parts[1].translate(SPOKEN), *parts[2:]])
            yield place(kind, "some Hangul digits", mixed, "번호 ", " 으로")


def found(case: Case) -> bool:
    findings = find_in_url(case.text) if case.url else find_identifiers(case.text)
    return any(item.kind == case.kind and item.start <= case.start and item.end >= case.end for item in findings)


def negatives(rng: random.Random, count: int) -> Iterator[tuple[str, str]]:
    """Yield (sort, text) of texts full of numbers that identify no person."""

    def isbn10() -> str:
        body = digits(rng, 9)
        check = -sum((10 - place) * int(digit) for place, digit in enumerate(body)) % 11
        return body + ("X" if check == 10 else str(check))

    def ean(prefix: str) -> str:
        body = prefix + digits(rng, 12 - len(prefix))
        return body + str(-sum(int(digit) * (1 + 2 * (place % 2)) for place, digit in enumerate(body)) % 10)

    def day(mark: str) -> str:
        return mark.join([str(rng.randrange(1950, 2027)), f"{rng.randrange(1, 13):02}", f"{rng.randrange(1, 29):02}"])

    n = rng.randrange
    sorts: dict[str, Callable[[], str]] = {
        "isbn-10": lambda: f"ISBN {isbn10()}",
        "isbn-10 hyphens": lambda: (lambda b: f"{b[0]}-{b[1:4]}-{b[4:9]}-{b[9]} 초판")(isbn10()),
        "isbn-13": lambda: f"도서 {ean(rng.choice(['978', '979']))}",
        "isbn-13 hyphens": lambda: (lambda b: f"978-{b[3:5]}-{b[5:9]}-{b[9:12]}-{b[12]}")(ean("97889")),
        "barcode": lambda: f"바코드 {ean('880')}",
        "barcode alone": lambda: f"우유 {ean('880')}",
        "order": lambda: f"주문번호 {day('')}-{digits(rng, 7)}",
        "order short": lambda: f"주문번호: {day('')[2:]}-{digits(rng, 7)}",
        "order long": lambda: f"주문 {day('')}{digits(rng, 8)}",
        "order latin": lambda: f"ORD-{day('')}-{digits(rng, 5)}",
        "invoice": lambda: f"송장번호 {digits(rng, 12)}",
        "invoice grouped": lambda: f"운송장 {digits(rng, 4)}-{digits(rng, 4)}-{digits(rng, 4)}",
        "invoice latin": lambda: f"Invoice #{digits(rng, 10)}",
        "date": lambda: f"{day('-')} 촬영",
        "date dots": lambda: f"{day('.')}. 개최",
        "date range": lambda: f"{day('.')} ~ {day('.')}",
        "date compact": lambda: f"{day('')}_{n(24):02}{n(60):02}{n(60):02}.jpg",
        "date Korean": lambda: f"{n(1950, 2027)}년 {n(1, 13)}월 {n(1, 29)}일 {n(1, 13)}시 {n(60)}분",
        "timestamp": lambda: f"IMG_{day('')}{n(24):02}{n(60):02}{n(60):02}",
        "epoch": lambda: f"{n(1400000000000, 1800000000000)}.png",
        "years": lambda: f"{n(1500, 2000)}-{n(1500, 2000)} 임진왜란",
        "time": lambda: f"{n(24):02}:{n(60):02}:{n(60):02} ~ {n(24):02}:{n(60):02}",
        "price": lambda: f"가격 {n(1, 999)},{digits(rng, 3)},{digits(rng, 3)}원",
        "price range": lambda: f"아파트 {n(100, 900)}-{n(900, 999)}만원",
        "version": lambda: f"v{n(20)}.{n(30)}.{n(100)}-rc.{n(9)}",
        "version date": lambda: f"버전 {n(2000, 2027)}.{n(13):02}.{n(31):02}.{n(9999)}",
        "coordinates": lambda: f"{n(33, 39)}.{digits(rng, 6)}, {n(124, 132)}.{digits(rng, 6)}",
        "coordinates 7": lambda: f"위도 {n(33, 39)}.{digits(rng, 7)} 경도 {n(124, 132)}.{digits(rng, 7)}",
        "call centre": lambda: f"고객센터 1{rng.choice(['5', '6', '8'])}{n(44, 99)}-{digits(rng, 4)}",
        "short number": lambda: f"국번 없이 {rng.choice(['112', '119', '120', '1330', '1345'])}",
        "part number": lambda: f"부품번호 {digits(rng, 5)}-{rng.choice('ABCDEF')}{digits(rng, 4)}",
        "part number latin": lambda: f"P/N {rng.choice('MSROD')}{digits(rng, 8)}",
        "model": lambda: f"갤럭시 SM-G{digits(rng, 3)}{rng.choice('NKSL')}",
        "model long": lambda: f"모델명 {rng.choice('MSROD')}{digits(rng, 3)}{rng.choice('ABC')}{digits(rng, 4)}",
        "student": lambda: f"학번 {n(2000, 2027)}{digits(rng, 6)}",
        "score": lambda: f"한국 {n(10)}-{n(10)} 일본, {n(25)}-{n(25)} {n(25)}-{n(25)} {n(25)}-{n(25)}",
        "law": lambda: f"제{n(1, 200)}조의{n(2, 9)} 제{n(1, 9)}항 제{n(1, 9)}호",
        "case number": lambda: f"대법원 {n(1980, 2027)}다{n(100, 99999)} 판결",
        "case old": lambda: f"대법원 {n(70, 99)}{rng.choice('가나다도두')}{n(1000, 9999)} 판결",
        "uuid": lambda: str(uuid.UUID(int=rng.getrandbits(128))),
        "hash": lambda: f"{rng.getrandbits(256):064x}",
        "hash short": lambda: f"{rng.getrandbits(160):040x}.jpg",
        "ip": lambda: f"{n(1, 255)}.{n(255)}.{n(255)}.{n(255)}:{n(1024, 65535)}",
        "ipv6": lambda: ":".join(f"{n(65536):04x}" for _ in range(8)),
        "call number": lambda: f"{n(800, 899)}.{n(10)} 김{n(10, 99)}{rng.choice('가나다라')} {n(1990, 2027)}",
        "bus": lambda: f"{n(100, 9999)}번 버스, M{n(1000, 9999)}번, {n(1, 99)}-{n(1, 9)}번",
        "patent": lambda: f"특허 제10-{n(1000000, 2999999)}호",
        "patent filed": lambda: f"출원번호 10-{n(1990, 2027)}-{digits(rng, 7)}",
        "heritage": lambda: f"서울 종로구 사직로 {n(1, 300)} (사적 제{n(1, 600)}호)",
        "treasure": lambda: f"국보 {n(1, 340)}호, 보물 제{n(1, 2000)}호",
        "road address": lambda: f"서울시 강남구 테헤란로 {n(1, 500)}",
        "lot address": lambda: f"전주시 완산구 교동 {n(1, 500)}-{n(1, 50)} 한옥마을",
        "postcode": lambda: f"우편번호 {digits(rng, 5)} ({digits(rng, 3)}-{digits(rng, 3)})",
        "room": lambda: f"강의실 {n(101, 999)}호에서",
        "line": lambda: f"서울 지하철 {n(1, 10)}호선 {n(100, 999)}호 전동차",
        "typhoon": lambda: f"{n(1990, 2027)}년 제{n(1, 30)}호 태풍",
        "population": lambda: (
            f"인구 {n(1, 99)},{digits(rng, 3)},{digits(rng, 3)}명, 면적 {n(1000)}.{digits(rng, 2)}km²"
        ),
        "size": lambda: f"{n(100, 4000)}x{n(100, 4000)} {n(10, 300)}mm f/{n(1, 22)}.{n(10)} 1/{n(10, 8000)}초",
        "unit counts": lambda: f"{n(10, 99)}조 {n(1000, 9999)}억원, {n(10, 40)}도 {n(1000, 9999)}명",
        "issue": lambda: f"통권 {n(1, 999)}호 {n(1990, 2027)}년 {n(1, 13)}월호",
        "lottery": lambda: "당첨번호 " + " ".join(str(n(1, 46)) for _ in range(7)),
        "retina": lambda: f"icon-{n(9)}@{n(2, 4)}x.png",
        "handle": lambda: f"@user{n(9999)} 님의 사진 #{n(9999)}",
        "dimension": lambda: f"{n(100, 999)}-{n(10, 99)} 규격 {n(10, 99)}×{n(10, 99)}×{n(10, 99)}",
        "scientific": lambda: f"{n(10)}.{digits(rng, 12)}e-{n(10, 99)}",
        "serial": lambda: f"일련번호 {digits(rng, 13)}",
        "sku": lambda: f"상품코드 {digits(rng, 10)}",
        "track": lambda: f"관리번호 {digits(rng, 2)}-{digits(rng, 2)}-{digits(rng, 6)}-{digits(rng, 2)}",
    }
    names = list(sorts)
    for turn in range(count):
        name = names[turn % len(names)]
        yield name, sorts[name]()


URL_NEGATIVES: tuple[Callable[[random.Random], str], ...] = (
    lambda rng: f"https://cdn.example.com/{digits(rng, 3)}/{digits(rng, 10)}.jpg",
    lambda rng: f"https://img.example.com/{rng.randrange(1500000000000, 1760000000000)}.png",
    lambda rng: f"https://img.example.com/23{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}/{digits(rng, 7)}.jpg",
    lambda rng: f"https://img.example.com/23{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}_{digits(rng, 7)}.jpg",
    lambda rng: f"https://scontent.example.com/{digits(rng, 8)}_{digits(rng, 16)}_{digits(rng, 19)}_n.jpg",
    lambda rng: f"https://example.com/a/{uuid.UUID(int=rng.getrandbits(128))}.webp?w={rng.randrange(2000)}",
    lambda rng: f"https://example.com/a/{rng.getrandbits(160):040x}.jpg",
    lambda rng: f"https://map.example.com/@{rng.randrange(33, 39)}.{digits(rng, 7)},127.{digits(rng, 7)},15z",
    lambda rng: f"https://example.com/photo/20230315_{digits(rng, 6)}.jpg",
    lambda rng: f"https://example.com/p?id={digits(rng, 12)}&t={rng.randrange(1500000000, 1760000000)}",
)


def main() -> None:
    per_cell = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 14000
    rng = random.Random(SEED)
    print(f"{'kind':18} spellings  cases  found  recall  weakest spelling")
    hits = 0
    for kind in MAKERS:
        cells: dict[str, list[bool]] = {}
        for case in cases(rng, kind, per_cell):
            cells.setdefault(case.spelling, []).append(found(case))
        total, right = sum(map(len, cells.values())), sum(map(sum, cells.values()))
        hits += right
        weakest = min(cells, key=lambda name: sum(cells[name]) / len(cells[name]))
        share = 100 * sum(cells[weakest]) / len(cells[weakest])
        print(f"{kind:18} {len(cells):9} {total:6} {right:6} {100 * right / total:6.2f}%  {weakest} {share:.1f}%")
    wrong: dict[str, int] = {}
    for sort, text in negatives(rng, wanted):
        if find_identifiers(text):
            wrong[sort] = wrong.get(sort, 0) + 1
    false = sum(wrong.values())
    print(f"hard negatives {wanted}: {false} with a finding ({100 * false / wanted:.2f}%)")
    print(f"precision, with the findings above as true ones: {hits / (hits + false):.4f}")
    print("  by sort:", dict(sorted(wrong.items(), key=lambda item: -item[1])))
    for index, make in enumerate(URL_NEGATIVES):
        texts = [make(rng) for _ in range(300)]
        print(f"  URL negatives {index}: {sum(bool(find_in_url(text)) for text in texts)} of 300")
    speed()


def speed() -> None:
    plain = [
        "제주도 돌하르방과 유채꽃밭 풍경",
        "경복궁 근정전의 단청을 올려다본 모습",
        "Seoul city skyline at night",
    ] * 20000
    mixed = ["2023년 5월 3일 서울 광화문 광장", "갤럭시 SM-G991N 128GB", "문의 전화는 02-123-4567 입니다"] * 2000
    for name, texts in (("without digits", plain), ("with digits", mixed)):
        began = time.perf_counter()
        for text in texts:
            find_identifiers(text)
        print(f"captions {name}: {len(texts) / (time.perf_counter() - began):,.0f} per second")


if __name__ == "__main__":
    main()
