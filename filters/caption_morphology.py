"""Caption filters over Kiwi's morphemes, applied to what the cheap ones leave."""

from __future__ import annotations

import re
from typing import ClassVar, Final

import msgspec

from filters.base import Decision
from filters.caption import FURNITURE, MAX_FURNITURE_WORDS, CaptionText
from filters.morphology import Morphemes
from schemas.reasons import NO_REASON, Outcome, Reason

_FIRST_PERSON: Final = frozenset(["나", "내", "저", "제", "우리", "저희", "울"])
_INTENSIFIERS: Final = frozenset(
    [
        "너무",
        "정말",
        "진짜",
        "완전",
        "참",
        "역시",
        "꼭",
        "좀",
        "엄청",
        "무척",
        "드디어",
        "그냥",
        "왜",
        "어쩜",
        "넘",
        "막",
        "매우",
        "아주",
    ]
)
_FEELINGS: Final = frozenset(
    [
        *[
            "좋",
            "좋아하",
            "맛있",
            "예쁘",
            "이쁘",
            "재미있",
            "재밌",
            "재미없",
            "귀엽",
            "신기하",
            "행복하",
            "고맙",
            "감사",
            "반갑",
        ],
        *[
            "즐겁",
            "싶",
            "최고",
            "대박",
            "지루하",
            "아쉽",
            "아깝",
            "괜찮",
            "멋있",
            "유치하",
            "싫",
            "부럽",
            "짜증",
            "재미",
            "감동",
        ],
    ]
)
# Final endings of talk. The plain -다 and the formal -ㅂ니다 are how captions are written and are not among them.
_TALK_ENDINGS: Final = frozenset(
    [
        *[
            "어요",
            "아요",
            "에요",
            "예요",
            "네요",
            "군요",
            "지요",
            "죠",
            "네",
            "지",
            "구나",
            "군",
            "어",
            "아",
            "을까",
            "을까요",
        ],
        *["ᆯ까", "ᆯ까요", "을게", "ᆯ게", "을게요", "ᆯ게요", "나요", "가요", "ᆫ가요", "은가요", "는데요", "ᆫ데요", "은데요"],
        *[
            "거든요",
            "더라",
            "더라구요",
            "더라고요",
            "냐",
            "니",
            "자",
            "라",
            "세요",
            "으세요",
            "잖아",
            "잖아요",
            "답니다",
            "ᆫ답니다",
        ],
        *["는구나", "는군", "음", "ᆷ", "는데", "ᆫ데", "은데"],
    ]
)
_SIGN_FORMS: Final = _FIRST_PERSON | _INTENSIFIERS | _FEELINGS
_QUOTED: Final = re.compile(
    "“[^”]{0,200}”|‘[^’]{0,200}’|\"[^\"]{0,200}\"|'[^']{0,200}'|「[^」]{0,200}」|『[^』]{0,200}』|《[^》]{0,200}》"
)
_TRAILING_OFF: Final = re.compile(r"\.\.|…|;;|~")


class CaptionContentNoun(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_content_noun"
):
    """Drops a text that names nothing.

    Attributes:
        min_nouns: least common and proper nouns that are no interface words. A foreign word is a noun ("Docker 설정"),
            and four interface words together are one ("기본 설정 페이지 목록"). COYO-700M asks for a noun (its README).
    """

    min_nouns: int = 1
    name: ClassVar[str] = "caption_content_noun"
    version: ClassVar[int] = 2
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_NO_CONTENT_NOUN})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: number of content nouns. Unknown without morphemes."""
        if record.morphemes is None:
            return Decision(Outcome.UNKNOWN, NO_REASON, None, float(self.min_nouns))
        nouns = [
            *record.morphemes.content_nouns,
            *(token.form.lower() for token in record.morphemes.tokens if token.tag == "SL" and token.length > 1),
        ]
        named = sum(noun not in FURNITURE for noun in nouns)
        count = float(named or len(nouns) > MAX_FURNITURE_WORDS)
        if count < self.min_nouns:
            return Decision(Outcome.DROP, Reason.CAPTION_NO_CONTENT_NOUN, count, float(self.min_nouns))
        return Decision(Outcome.KEEP, NO_REASON, count, float(self.min_nouns))


class CaptionUnknownWords(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_unknown_words"
):
    """Drops a text of syllables no Korean word is made of. A new name (펭수) is unknown too, but readable.

    Attributes:
        max_unreadable_share: most syllables in unreadable words, 0 to 1.
    """

    max_unreadable_share: float = 0.3
    name: ClassVar[str] = "caption_unknown_words"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_UNKNOWN_WORDS})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: share of syllables in unreadable words. Unknown without morphemes or syllables."""
        if record.morphemes is None or record.hangul == 0:
            return Decision(Outcome.UNKNOWN, NO_REASON, None, self.max_unreadable_share)
        share = min(1.0, record.morphemes.unreadable / record.hangul)
        if share > self.max_unreadable_share:
            return Decision(Outcome.DROP, Reason.CAPTION_UNKNOWN_WORDS, share, self.max_unreadable_share)
        return Decision(Outcome.KEEP, NO_REASON, share, self.max_unreadable_share)


class CaptionRemark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_remark"):
    """Drops comments, jokes and diary remarks, which tell how someone felt and not what the image shows.

    Attributes:
        max_score: most of `remark_score`, 0 to 1. One sign alone does not reach the default.
    """

    max_score: float = 0.45
    name: ClassVar[str] = "caption_remark"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_REMARK})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: `remark_score`. Unknown without morphemes."""
        if record.morphemes is None:
            return Decision(Outcome.UNKNOWN, NO_REASON, None, self.max_score)
        score = remark_score(record.text, record.steps, record.morphemes)
        if score > self.max_score:
            return Decision(Outcome.DROP, Reason.CAPTION_REMARK, score, self.max_score)
        return Decision(Outcome.KEEP, NO_REASON, score, self.max_score)


def remark_score(text: str, steps: tuple[str, ...], morphemes: Morphemes) -> float:
    """Return 0 (a description) to 1 (a remark), added up from several signs.

    Laughter and emoji that cleaning took away, exclamation and question marks, dots that trail off, first person,
    endings of talk and the past tense with them, intensifiers, words of feeling, interjections, and a sentence left
    hanging. What stands in quotation marks is somebody's words and does not count.
    """
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    if quoted:
        text = _QUOTED.sub("", text)
    score = 0.3 * ("laughter" in steps) + 0.1 * ("emoji" in steps)
    score += 0.15 * ("!" in text) + 0.2 * ("?" in text) + 0.15 * (_TRAILING_OFF.search(text) is not None)
    last = ""
    past = talk = False
    for form, tag, start, _ in morphemes.tokens:
        if tag[0] == "S" or (quoted and any(begin <= start < end for begin, end in quoted)):
            continue
        last = tag
        past = past or (tag == "EP" and form in ("었", "았", "였"))
        talk = talk or (tag == "EF" and form in _TALK_ENDINGS)
        if form in _SIGN_FORMS or tag == "IC":
            score += _sign(form, tag)
    if talk:
        score += 0.45 if past else 0.35
    if last == "EC":
        score += 0.2
    return min(1.0, score)


def _sign(form: str, tag: str) -> float:
    if tag == "NP":
        return 0.25 * (form in _FIRST_PERSON)
    if tag == "IC":
        return 0.15
    if tag == "MAG":
        return 0.2 * (form in _INTENSIFIERS)
    return 0.2 * (tag[0] in "VXN" and form in _FEELINGS)
