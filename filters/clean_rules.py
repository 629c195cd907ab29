"""The rules that strip what is not the caption: numbers of figures, credits, notices, interface words, brackets.

Each rule names its step, the characters without one of which it cannot match (so that most rules cost one set test),
its pattern and what it leaves. The examples in the comments are the shapes it was written for.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Rule(NamedTuple):
    """One substitution. ``needs``: at least one of these characters stands in every text it can change."""

    step: str
    needs: frozenset[str]
    pattern: re.Pattern[str]
    replacement: str


def _rule(step: str, needs: str, pattern: str, replacement: str = "") -> Rule:
    return Rule(step, frozenset(needs), re.compile(pattern, re.IGNORECASE), replacement)


_LABEL: Final = (
    r"(?:(?:보도|자료|참고|대표|관련)\s?사진|사진|자료|그림|이미지|영상|그래픽|일러스트|포스터|스틸|글|표|화면|움짤)"
)
_GIVER: Final = r"(?:제공|출처|원본|촬영|캡처|캡쳐|갈무리|발췌)"
_GIVER_NEEDS: Final = "제출원촬캡갈발"
_AGENCY: Final = (
    r"(?:연합뉴스(?:TV)?|뉴시스|뉴스1|News1|NEWSIS|이데일리|로이터|신화|AP|AFP|EPA|UPI|Reuters|Getty\s?Images"
    r"|게티\s?이미지(?:뱅크|코리아)?|셔터스톡|Shutterstock|픽사베이|Pixabay|언스플래시|Unsplash|클립아트코리아"
    r"|이미지투데이|위키미디어(?:\s?커먼즈)?|위키백과|Wikimedia(?:\s?Commons)?|Wikipedia"
    r"|[가-힣]{2,6}(?:일보|신문|뉴스|방송|통신|닷컴))"
)
_REPORTER: Final = (
    r"[가-힣]{2,4}\s?(?:선임|인턴|수습|객원|사진|전문|시민|명예|본지)?\s?"
    r"(?:기자|특파원|통신원|리포터|논설위원)"
)
_EMAIL: Final = r"[\w.+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,4}"
_URL: Final = r"(?:https?://|www\.)[^\s<>\"'()\[\]{}가-힣]{2,2000}"
_OPENERS: Final = "[(<{【〈《〔"
_CLOSERS: Final = "])>}】〉》〕"
_OPEN: Final = r"[\[(<{【〈《〔]"
_CLOSE: Final = r"[\])>}】〉》〕]"
_INSIDE: Final = r"[^\[\](){}<>【】〈〉《》〔〕]"
# Where a credit may start: after a space, or glued to the end of a sentence or a bracket.
_BREAK: Final = r"(?:\s+|(?<=[.다)\]]))"
_FIGURE: Final = r"(?:사진|그림|표|도표|도판|화면|예시|수식|Figure|Fig|Image|Photo|Picture|Table|Plate)\.?"
_NUMBER: Final = r"(?:제\s?)?(?:[A-Z][.\-])?\d{1,3}(?:[.\-–]\d{1,3}){0,3}[a-z]?"
# "사진 3장" counts photos and "그림 2년" years; neither numbers a figure.
_COUNTED: Final = (
    r"(?:장|개|점|매|컷|종|번|호|명|월|일|년|위|차|분|초|시|배|세|살|가지|단계|학년|주년|층|편|인|대|도|℃|%|퍼센트"
    r"|만|천|억)"
)
_TAGS: Final = (
    r"(?:포토|포토뉴스|화보|사진|영상|동영상|단독|속보|종합|종합\d보|기획|특집|인터뷰|칼럼|사설|기고|카드뉴스|인포그래픽"
    r"|그래픽|이벤트|공지|필독|광고|홍보|후기|리뷰|추천|무료\s?배송|당일\s?(?:발송|배송)|특가|세일|품절|예약|할인|쿠폰"
    r"|기획전|정품|국내\s?배송|신상|신상품|AD|PICK|NEW|HOT|BEST|PHOTO|VOD|이슈|오늘의\s?사진|스토리|참고|참조|예|예시"
    r"|자료|그림|이미지|(?:그림|사진|이미지)\s?설명)"
)
_DATE: Final = r"\d{4}\s?[.\-/]\s?\d{1,2}\s?[.\-/]\s?\d{1,2}\.?"
_CREDIT: Final = (
    rf"(?:{_LABEL}\s?{_GIVER}?\s?[=:|ㅣ·/]\s?{_INSIDE}{{1,80}}"  # 사진=연합뉴스, 사진 출처: …
    rf"|{_LABEL}\s?{_GIVER}(?:\s{_INSIDE}{{0,60}})?"  # 사진 제공 제주도
    rf"|{_GIVER}\s?[=:|ㅣ·/]?\s?{_INSIDE}{{0,80}}"  # 제공: 서울시
    rf"|{_INSIDE}{{1,40}}(?:\s?{_GIVER}|\s?자료\s?(?:사진|화면)|\sDB)"  # 제주도 제공, 연합뉴스 자료사진
    rf"|{_AGENCY}(?:[\s=·/]{_INSIDE}{{0,40}})?|(?:photo|image|source|credit|courtesy)\b{_INSIDE}{{0,80}}"
    rf"|{_REPORTER}|{_LABEL}|(?:[ⓒ©]|저작권자?|copyright){_INSIDE}{{0,80}}"
    rf"|{_INSIDE}{{0,40}}(?:무단\s?전재|재배포|재판매){_INSIDE}{{0,40}})"
)
_BULLETS: Final = "▲△▼▽◀▶◁▷■□●○◎◆◇※►▸"
_CIRCLED: Final = "①-⑳㉠-㉻"

RULES: Final[tuple[Rule, ...]] = (
    # "▲ 경복궁", "- 경복궁", "* 경복궁"; not "-5도 한파"
    _rule(
        "bullet",
        _BULLETS + "•·ㆍ|,;:=~…`\\-–—*>_./",
        rf"^(?:[{_BULLETS}•·ㆍ|,;:=~…`\\]\s*|[\-–—]+\s+|[\-–—](?!\d)|[*>]+\s*|_+|\.(?=\s)|/\s+)+",
    ),
    _rule("bullet", _BULLETS, rf"[{_BULLETS}]+", " "),
    _rule("url", "/Ww", rf"(?:\(\s*)?{_URL}(?:\s*\))?", " "),
    _rule("notice", "무", r"[\s\-–/|<\[(]{0,8}무단\s?[\-·,]?\s?(?:전재|복제|배포|도용|사용|이용)\S*.{0,60}$"),
    _rule("notice", "금", r"[\s\-–/|<\[(]{0,8}(?:재배포|재판매)(?:\s?및\s?(?:DB|재배포))?\s?[를을]?\s?금지.{0,20}$"),
    _rule("notice", "누", r"\s*(?:(?:본|이|해당)\s?(?:저작물|사진|이미지|자료)[은는]\s.{0,40})?공공누리.*$"),
    _rule(
        "notice",
        "무관",
        r"[\s*※(\[]{0,4}(?:본|위|해당)?\s?(?:사진|이미지)[은는]\s.{0,20}(?:무관|관련\s?없|관계\s?없).{0,20}$",
    ),
    _rule(
        "notice",
        "ⓒ©저(gG",
        r"[\s\-–/|<\[(]{0,8}(?:[ⓒ©]|저작권자|copyrights?\b|\(c\)\s*(?=\d{4}|copy)|all rights reserved).*$",
    ),
    # "(사진=연합뉴스)", "[연합뉴스 자료사진]" at an end, or between two sentences
    _rule("credit", _CLOSERS, rf"\s*{_OPEN}\s*{_CREDIT}\s*\.?\s*{_CLOSE}\s*$"),
    _rule("credit", _CLOSERS, rf"^{_OPEN}\s*{_CREDIT}\s*{_CLOSE}\s*"),
    _rule("credit", _CLOSERS, rf"(?<=[.다])\s*{_OPEN}\s*{_CREDIT}\s*{_CLOSE}\s*", " "),
    # "홍길동 기자 abc@d.kr"
    _rule(
        "reporter",
        "@",
        rf"(?:\s*[/|]\s*|\s+|(?<=[.다)\]>]))?(?:{_REPORTER}\s*[/|=]?\s*)?{_OPEN}?{_EMAIL}{_CLOSE}?",
        " ",
    ),
    # "첨성대 전경출처 : 경주시": the source is glued to the sentence as often as not
    _rule("credit", "출", rf"\s*(?:{_LABEL}\s?)?출처\s*[:=|ㅣ].*$"),
    _rule("credit", "자글제", r"^(?:자료|글|제공)\s?[:=]\s?.{1,40}$"),
    _rule("credit", "/", rf"^사진\s?/\s?(?:[가-힣]{{2,4}}|{_REPORTER})$"),
    # "/사진 제공=제주도", "/홍길동 기자", "/제주도 제공"
    _rule("credit", "/|", rf"\s*[/|]\s*{_LABEL}?\s?{_GIVER}?\s*[=:|ㅣ]\s*[^/]{{1,80}}$"),
    _rule("credit", "/|", rf"\s*[/|]\s*[^/|]{{1,30}}(?:\s?{_GIVER}|\s?자료\s?사진|\sDB)\.?$"),
    _rule("credit", ":=|ㅣ", rf"(?:{_BREAK}|^)(?:{_LABEL}\s?)?{_GIVER}\s?[:=|ㅣ]\s?.{{1,80}}$"),
    _rule("credit", "=|ㅣ", rf"(?:{_BREAK}|^){_LABEL}\s?[=|ㅣ]\s?.{{1,60}}$"),
    _rule("credit", ":=/|ㅣ뉴", rf"(?:{_BREAK}|^){_LABEL}\s?[:=/|ㅣ]?\s?{_AGENCY}(?:[\s/=·]{{1,3}}.{{0,30}})?$"),
    # "… 모습이다. 서울시 제공"
    _rule("credit", _GIVER_NEEDS, rf"(?<=[.)\]])\s*(?:{_LABEL}\s?)?[가-힣A-Za-z0-9·\s]{{1,24}}\s?{_GIVER}\.?$"),
    _rule("credit", "/|.)]", rf"(?:\s*[/|]\s*|(?<=[.)\]])\s*){_AGENCY}(?:[\s/=·]{{1,3}}.{{0,30}})?$"),
    _rule("credit", "pPiI", rf"(?:\s*[/|]\s*|{_BREAK}|^)(?:photo|image)s?\s?(?:by|courtesy|credit|[:=])\s?.{{1,60}}$"),
    _rule("reporter", "기특통리논", rf"(?:\s*[/|=]\s*|(?<=[.)\]>])\s*|^){_REPORTER}\s*[=.]?$"),
    # nothing but a credit: "연합뉴스TV 제공", "글·사진 홍길동"
    _rule("credit", _GIVER_NEEDS, rf"^{_AGENCY}\s?{_GIVER}$"),
    _rule("credit", "/·,&", rf"(?:^|{_BREAK})글\s?[/·,&]\s?사진(?:\s|[=:/]).{{1,20}}$"),
    _rule("reporter", "=:", rf"^{_REPORTER}\s*[=:]\s*"),
    _rule("date", ".-/", rf"(?<=[.다)])\s*{_DATE}$|\s*[\[(]{_DATE}[\])]$"),
    # "(서울=연합뉴스)", "【제주=뉴시스】"
    _rule("dateline", "=", rf"^{_OPEN}[가-힣A-Za-z·,\s]{{2,24}}=\s?{_INSIDE}{{2,24}}{_CLOSE}\s*"),
    # "이미지 확대보기", "큰사진보기", "클릭하시면 큰 이미지를 볼 수 있습니다"
    _rule(
        "interface",
        "보하",
        rf"(?:{_BREAK}|^)[\[(※]*\s?(?:이미지|사진|그림|큰\s?(?:사진|이미지|그림))\s?(?:확대|크게|전체)?"
        r"\s?(?:보기|하기)(?:\s?닫기)?\s?[\])]?$",
    ),
    _rule(
        "interface",
        "클",
        r"\s*[\[(※*]*\s?(?:위\s?)?(?:이미지|사진|그림)?[을를]?\s?클릭\s?(?:하면|하시면|시)\s.{0,40}$",
    ),
    # "[그림 10. 시스템 구성도]" keeps its brackets for the bracket rule
    _rule(
        "figure_number",
        "0123456789",
        rf"^{_OPEN}\s*{_FIGURE}\s?{_NUMBER}\s*[.:]?\s+(?={_INSIDE}+{_CLOSE})",
        "[",
    ),
    # "그림 8.6. 알파 채널", "<그림 3> 전체 구조", "Figure 1: …", "그림1_구성도"; not "그림 3은 …", "사진 2장"
    _rule(
        "figure_number",
        "0123456789",
        rf"^(?:{_OPEN}\s*)?{_FIGURE}\s?{_NUMBER}(?!\s?{_COUNTED}(?:[\s,.]|$|[가-힣]))"
        rf"(?:\s*{_CLOSE}\s*[.:\-–—|_]?\s*|\s*[.:)\-–—|_·,]+\s*|\s+|$)",
    ),
    _rule("figure_number", "0123456789", rf"^(?:예제|예|절차|도|Example)\s?{_NUMBER}\s*[.:]\s+"),
    _rule("figure_number", _CLOSERS, rf"\s*[\[(<]\s*{_FIGURE}\s?{_NUMBER}\s*(?:참조|참고)?\s*[\])>]$"),
    # "1. 경복궁", "(1) 경복궁", "① 경복궁"; not "3.1운동", "2024. 5. 3"
    _rule(
        "numbering", ".)]①②③④⑤⑥⑦⑧⑨⑩㉠㉡㉢", rf"^(?:\d{{1,2}}[.)]\s+(?=\D)|[\[(]\d{{1,2}}[\])]\s*(?=\D)|[{_CIRCLED}]\s*)"
    ),
    _rule("footnote", "]", r"\s*\[(?:\d{1,3}|(?:주|각주)\s?\d{0,3}|편집)\]"),
    _rule("label", ":=", r"^(?:사진|그림|이미지|사진\s?설명|이미지\s?설명|캡션|설명|Photo|Image)\s?[:=]\s*"),
    _rule("tag", _CLOSERS, rf"^[\[【(<]\s*{_TAGS}(?:\s?[/·,+]\s?{_TAGS}){{0,4}}\s*[\])>】]\s*"),
    _rule("bracket", _CLOSERS, rf"^{_OPEN}({_INSIDE}+){_CLOSE}$", r"\1"),
    # "[경주] 첨성대": the place is content, the brackets are not
    _rule("bracket", "]】〕", r"^[\[【〔]([^\[\]【】〔〕]{1,40})[\]】〕]\s*(?=\S)", r"\1 "),
    _rule("bracket", _CLOSERS, rf"^({_INSIDE}+){_CLOSE}$", r"\1"),
    _rule("bracket", _OPENERS, rf"^{_OPEN}({_INSIDE}+)$", r"\1"),
    # "(1/5)", "3/10", " (2)" at the end
    _rule(
        "counter",
        "/)]",
        r"\s*[\[(]\s*\d{1,3}\s?/\s?\d{1,3}\s*[\])]$|\s\d{1,3}\s?/\s?\d{1,3}$",
    ),
    # not the last of several: "색상표 (1)와 팔레트 (2)" points at numbers in the picture
    _rule("counter", ")]", r"^((?:(?![\[(]\d{1,2}[\])]).)*\S)\s+[\[(]\d{1,2}[\])]$", r"\1"),
    _rule("counter", "/", r"^[\[(]\s*\d{1,3}\s?/\s?\d{1,3}\s*[\])]\s*(?=\S)"),
    _rule("file_name", ".", r"\s+[!-~]{0,80}[A-Za-z0-9_\-)]\.(?:jpe?g|png|gif|webp|bmp|svg|tiff?|heic|avif)$"),
    _rule("underscore", "_", r"(?<=[가-힣0-9)])_+(?=[가-힣])|(?<=[가-힣])_+(?=[0-9(])", " "),
    _rule("hashtag", "#", r"(?<!\S)#(?=[가-힣A-Za-z_])"),
    _rule("punctuation", "!?~", r"([!?~])[!?~]+", r"\1"),
    _rule("punctuation", ".…", r"\.{4,}|…{2,}", "..."),
    _rule("punctuation", "-–—|/\\,:;=·ㆍ>~_*+`", r"[\s\-–—|/\\,:;=·ㆍ>~_*+`]{1,40}$"),
    _rule("punctuation", _OPENERS + _CLOSERS, rf"\s*{_OPEN}+$|^(?:{_CLOSE}|\s)+|[\[(<]\s*[\])>]", " "),
)
"""Applied in this order, over and over until none changes the text."""

TRIGGER: Final = re.compile(
    rf"[0-9\[\](){{}}<>【】〈〉《》〔〕/=:|ㅣⓒ©@_#*~!?,;+`\\{_BULLETS}•·ㆍ\-–—…{_CIRCLED}]"
    rf"|^\.|\.\S|\.{{2}}|{_GIVER}|무단|재배포|재판매|저작|무관|관련\s?없|관계\s?없|공공누리|기자|특파원|통신원|리포터|논설위원"
    r"|자료|보기|하기|클릭|뉴스|뉴시스|photo|image|copyright|all rights|www",
    re.IGNORECASE,
)
"""Found in every text that a rule changes: most captions have none and are done after one search."""
