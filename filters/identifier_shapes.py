"""The shapes of Korean personal identifiers as regular expressions over folded text.

Digits next to Hangul count as a boundary, so that 번호900101-1234567입니다 matches: no word boundaries here, which take
Hangul for letters of the same word. Every repetition is bounded, so that no input makes matching slow.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "\ufffc"
"""Stands for an identifier already taken out; context does not reach across it."""

_SEP: Final = r"[ ]{0,3}(?:[-./·_:*|+=^,ㅡ]|에|의|다시|대시|빼기)?[ ]{0,3}"
MOBILE: Final = re.compile(
    rf"(?<![0-9])(?<![0-9{MASK}]-)(?:\(?(?:(?:\+|00)82|82(?=[-) ]|10))\)?{_SEP}\(?0?\)?|[(\[]?0)1[016789][)\]]?{_SEP}"
    rf"[(\[]?[0-9]{{3,4}}[)\]]?{_SEP}[(\[]?[0-9]{{4}}(?![0-9]|-[0-9{MASK}])"
)
SPACED_MOBILE: Final = re.compile(r"(?<![0-9])(?<![0-9] )0[ .·-]{1,3}1(?:[ .·-]{1,3}[0-9]){8,9}(?![0-9]|[ ][0-9])")
_AREA: Final = r"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50[2-9]?)"
LANDLINE: Final = re.compile(
    rf"(?<![0-9])(?<![0-9{MASK}]-)(?:\(?(?:(?:\+|00)82|82(?=[-) ]))\)?{_SEP}\(?0?\)?|[(\[]?0){_AREA}[)\]]?{_SEP}"
    rf"[(\[]?[0-9]{{3,4}}[)\]]?{_SEP}[(\[]?[0-9]{{4}}(?![0-9]|-[0-9{MASK}])"
)
# 900101-1234567; also 1990.01.01-1234567 and 900101-1-234567.
_BORN: Final = r"(?:18|19|20)?(?:[0-9]{6}|[0-9]{2}[-./ ][0-9]{2}[-./ ][0-9]{2}(?![0-9]))"
REGISTRATION: Final = re.compile(
    rf"(?<![0-9]){_BORN}[)\]]?{_SEP}[(\[]?(?:[0-9]{{7}}|(?<![0-9])[0-9][- ]{{1,2}}[0-9]{{6}})(?![0-9])"
)
SPACED_REGISTRATION: Final = re.compile(r"(?<![0-9])(?<![0-9] )[0-9](?:[ .·_-]{1,3}[0-9]){12}(?![0-9]|[ ][0-9])")
_CARD_SEP: Final = r"[ ]{0,3}[-./·_:*|]?[ ]{0,3}"
CARD: Final = re.compile(
    rf"(?<![0-9])(?<![0-9{MASK}]-)(?:[0-9]{{4}}{_CARD_SEP}[0-9]{{4}}{_CARD_SEP}[0-9]{{4}}{_CARD_SEP}[0-9]{{4}}"
    rf"|3[47][0-9]{{2}}{_CARD_SEP}[0-9]{{6}}{_CARD_SEP}[0-9]{{5}}|3[068][0-9]{{2}}{_CARD_SEP}[0-9]{{6}}{_CARD_SEP}[0-9]{{4}})"
    rf"(?![0-9]|-[0-9{MASK}])"
)
# One sort of separator first, so that a number after a space is left alone; mixed ones last.
ACCOUNTS: Final = tuple(
    re.compile(rf"(?<![0-9]){digits}(?![0-9])")
    for digits in (
        r"[0-9]{10,14}",
        r"[0-9]{2,6}(?:[ ]{0,3}[-./·_:*|][ ]{0,3}[0-9]{1,8}){1,4}",
        r"[0-9]{2,6}(?:[ ]{1,3}[0-9]{1,8}){1,4}",
        rf"[0-9]{{2,6}}(?:{_CARD_SEP}[0-9]{{1,8}}){{1,4}}",
    )
)
PASSPORT: Final = re.compile(
    rf"(?<![0-9A-Za-z])(?<![0-9A-Za-z]-)(?:(?P<new>[MSRODmsrod]{_CARD_SEP}[0-9]{{3}}{_CARD_SEP}[A-Za-z]{_CARD_SEP}[0-9]{{4}})"
    rf"|(?:[MSRODmsrod]|[A-Z]{{2}}(?=[^0-9]{{0,3}}[0-9]{{7}}(?![0-9]))){_CARD_SEP}(?:[0-9]{{7,8}}|[0-9]{{3,4}}{_CARD_SEP}[0-9]{{4,5}}))"
    r"(?![0-9A-Za-z])"
)
_REGION: Final = r"(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주)"
LICENCE: Final = re.compile(
    rf"(?<![0-9])(?<![0-9{MASK}]-)(?:(?:1[1-9]|2[0-68])|{_REGION}){_CARD_SEP}[0-9]{{2}}{_CARD_SEP}[0-9]{{6}}{_CARD_SEP}[0-9]{{2}}"
    rf"(?![0-9]|-[0-9{MASK}])"
)
BUSINESS: Final = re.compile(
    rf"(?<![0-9])(?<![0-9{MASK}]-)[0-9]{{3}}{_CARD_SEP}[0-9]{{2}}{_CARD_SEP}[0-9]{{5}}(?![0-9]|-[0-9{MASK}])"
)
_PLATE_LETTERS: Final = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배하허호국합육해공"
_PLATE_SEP: Final = r"[ ]{0,3}[-./·_]?[ ]{0,3}"
VEHICLE: Final = re.compile(
    rf"(?<![0-9])(?:(?P<region>{_REGION})[ .·/-]{{0,3}})?(?<![0-9])[0-9]{{2,3}}{_PLATE_SEP}"
    rf"(?P<letter>[{_PLATE_LETTERS}]){_PLATE_SEP}(?P<serial>[0-9]{{4}})(?![0-9])"
)
_OPENING: Final = r"[ ]{0,2}[(\[{<][ ]?"
_CLOSING: Final = r"[ ]?[)\]}>]"
_AT: Final = (
    rf"(?:[ ]{{0,2}}@[ ]{{0,2}}|{_OPENING}(?:at|@|앳|골뱅이){_CLOSING}[ ]{{0,2}}|[ ]{{0,2}}골뱅이[ ]{{0,2}}"
    r"|[ ]at[ ](?=[a-z0-9-]{1,63}[ ](?:dot|점)[ ]))"
)
_DOT: Final = (
    rf"(?:{_OPENING}(?:dot|닷|점|\.){_CLOSING}[ ]?|[ ]?(?:점|닷)[ ]?|[ ]dot[ ]"
    r"|[ ]?[.·,][ ]?(?=(?:com|net|org|kr|co|go|ac|or|io|me)(?![a-z0-9]))|\.)"
)
EMAIL: Final = re.compile(
    rf"(?<![A-Za-z0-9_%+-])[A-Za-z0-9_%+-][A-Za-z0-9._%+-]{{0,63}}{_AT}"
    rf"(?P<domain>[A-Za-z0-9-]{{1,63}}(?:{_DOT}[A-Za-z0-9-]{{1,63}}){{0,4}}{_DOT}[A-Za-z]{{2,24}})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_GAP: Final = r"[ ]{0,3}[-,./·_:*|]?[ ]{0,3}"
# 1502호, but no 2호선, 3호점, 12호 태풍, 호텔, 호랑이.
_UNIT_NUMBER: Final = (
    rf"(?:(?:B|비|지|지하|제)[ ]?)?[0-9]{{1,4}}(?:{_GAP}(?:[0-9]{{1,4}}|[A-Z]))?[ ]{{0,3}}"
    r"호(?!기|선|점|차|관|분|봉|수|텔|남|랑|칭|평|주(?!차)|[ ]?태풍)(?:실)?"
)
_BLOCK: Final = r"(?:[0-9]{1,4}|(?<![가-힣A-Za-z])(?:[A-Za-z가나다라마바사]|[에비씨디]이?))"
UNIT: Final = re.compile(
    rf"(?P<block>(?<![0-9]){_BLOCK}[ ]{{0,3}}동{_GAP}(?:[0-9]{{1,3}}[ ]?층{_GAP})?{_UNIT_NUMBER})"
    rf"|(?P<unit>(?<![0-9])(?:(?:(?:지하|지상|B)[ ]?)?[0-9]{{1,3}}[ ]{{0,3}}층{_GAP})?{_UNIT_NUMBER})",
    re.IGNORECASE,
)
# 행복아파트 101-1502: block and flat.
FLAT: Final = re.compile(
    r"(?<![0-9])(?P<block>[0-9]{3,4})[ ]{0,3}[-/·_][ ]{0,3}(?P<flat>[0-9]{3,4})"
    r"(?![0-9]|[ ]?(?:만|억|원|세대|가구|평|m|㎡|년|명|%|-[0-9]))"
)
