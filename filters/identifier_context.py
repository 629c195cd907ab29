"""Context words: what the text before a number calls it."""

from __future__ import annotations

import re
from typing import Final

from filters.identifier_shapes import MASK

_LABELS: Final = re.compile(
    r"(?P<resident>주민|rrn|jumin|resident[ _-]?(?:reg|no|num|id)|ssn)"
    r"|(?P<foreigner>외국인 ?(?:등록|번호)|거소 ?신고|alien|foreigner|(?<![a-z])arc(?![a-z]))"
    r"|(?P<passport>여권|passport)"
    r"|(?P<licence>면허|licen[cs]e|driver)"
    r"|(?P<business>사업자|business|(?<![a-z])(?:brn|biz))"
    r"|(?P<corporate>법인|corporat|(?<![a-z])crn(?![a-z]))"
    r"|(?P<account>계좌|입금|송금|통장|예금주|예금|account|acct)"
    r"|(?P<bank>은행|뱅크|농협|신협|수협|새마을금고|우체국|bank)"
    r"|(?P<card>카드(?!뉴스)|card|visa|master)"
    r"|(?P<vehicle>차량|차번|번호판|자동차 ?(?:등록|번호)|내 ?차|주차|plate|vehicle)"
    r"|(?P<order>주문|송장|택배|order|invoice|tracking|접수|승인 ?번호)"
    r"|(?P<other>isbn|issn|바코드|barcode|품번|부품|(?<![a-z])(?:ean|upc|part|sku)(?![a-z])|p/n|모델|model|일련 ?번호"
    r"|serial|시리얼|s/n|관리 ?번호|상품|제품|청구기호|도서|소장|특허|출원|문서|사건|판결|선고|대법원|학번|사번|uuid"
    r"|hash|sha-?\d|md5|버전|version|좌표|위도|경도|코드|code)"
    r"|(?P<phone>전화|휴대폰|핸드폰|연락|문의|상담|팩스|폰|모바일|(?<![a-z])(?:tel|hp|h\.p|phone|mobile|cell|fax|call|mob|ph|m|p|t)"
    r"(?![a-z])|☎|☏|📞|📱)",
    re.IGNORECASE,
)
THINGS: Final = ("order", "other")
"""The names of context words of numbers that belong to things."""

_REACH: Final = 24
_LETTER: Final = re.compile(r"[A-Za-z가-힣☎☏📞📱]")
_LONG_NUMBER: Final = re.compile(rf"[0-9]{{4}}|{MASK}")


def label_before(text: str, start: int) -> tuple[str, int]:
    """Return the name of the nearest context word before ``start`` and the gap to it in characters.

    The word reaches 24 characters, not across another long number: in "계좌 123-…, 010-…" it speaks of the first only.
    """
    begin = max(0, start - _REACH)
    window = text[begin:start]
    for number in _LONG_NUMBER.finditer(window):
        begin = max(begin, start - len(window) + number.end())
    name, gap = "", 0
    if _LETTER.search(text, begin, start) is None:
        return name, gap
    for match in _LABELS.finditer(text, begin, start):
        name, gap = match.lastgroup or "", start - match.end()
    return name, gap
