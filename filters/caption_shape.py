"""Caption filters that need no morphology: a few microseconds each, applied first."""

from __future__ import annotations

import re
from typing import ClassVar, Final

import msgspec

from filters.base import Decision
from filters.caption import CaptionText, is_furniture
from schemas.reasons import NO_REASON, Outcome, Reason

_ADDRESS: Final = re.compile(
    r"(?:https?:)?//\S+|(?:[A-Za-z0-9\-]{1,63}\.)+(?:com|net|org|io|kr|jp|cn|me|tv|shop)(?:/\S*)?"
)
_EXTENSIONS: Final = (
    *(".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".svg", ".tif", ".tiff", ".heic", ".avif", ".psd", ".ai"),
    *(".pdf", ".hwp", ".doc", ".docx", ".ppt", ".pptx", ".mp4", ".zip"),
)
_FILE_NAME: Final = re.compile(
    r"(?=\S*[\d_\-])(?=\S*[A-Za-z_])[A-Za-z0-9_\-.%~()+@]+(?:\s?\(\d+\))?"  # block-ai-video, tutorial12, DSC_0012 (1)
    r"|(?:kakaotalk|screenshot|img|dsc|clip|clipboard|noname|untitled|pasted|photo|image)[\s_\-\d.]+.{0,20}"
    r"|(?:스크린샷|화면\s?캡[처쳐]|캡[처쳐]|무제|제목\s?없[음는]|이름\s?없[음는]|다운로드|클립보드|크기변환|사본|복사본|편집|새\s?폴더"
    r"|슬라이드|새\s?파일|파일)[\s_\-.()]*\d[\d\s_\-.:()오전후시분초년월일]*",
    re.IGNORECASE,
)
_DIGIT: Final = re.compile(r"\d")
_AMOUNT: Final = re.compile(
    r"[\d.,\s:/\-~()%℃₩$+]*"
    r"(?:(?:년|월|일|시|분|초|원|개|명|세|위|회|번|장|호|권|쪽|만|천|억|도|kg|cm|mm|km|m|g|px)[\d.,\s:/\-~()%₩$+]*)*"
)
_RUNNING: Final = re.compile(r"[\[(]?([^\d\[\]()]{1,40}?)[\s_\-]*\(?(\d{1,3})\)?[\])]?")
_RUNNING_ENDS: Final = frozenset("0123456789)]")
_YEAR_OR_CODE: Final = re.compile(r"[A-Za-z]\d")


class CaptionUrl(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_url"):
    """Drops a text that is an address."""

    name: ClassVar[str] = "caption_url"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_URL})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: 1 where the whole text is a URL or a host name."""
        if "." in record.text and _ADDRESS.fullmatch(record.text):
            return Decision(Outcome.DROP, Reason.CAPTION_URL, 1.0)
        return _KEPT_0


class CaptionFileName(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_file_name"):
    """Drops a text that is the name a camera, phone or editor gave a file, or an identifier."""

    name: ClassVar[str] = "caption_file_name"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_FILE_NAME})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: 1 where the whole text is a file name."""
        text = record.text
        if text.lower().endswith(_EXTENSIONS) or _FILE_NAME.fullmatch(text):
            return Decision(Outcome.DROP, Reason.CAPTION_FILE_NAME, 1.0)
        return _KEPT_0


class CaptionNumbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_numbers"):
    """Drops numbers, dates and prices.

    Attributes:
        max_digit_share: most digits among digits and letters, 0 to 1.
    """

    max_digit_share: float = 0.6
    name: ClassVar[str] = "caption_numbers"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_NUMBERS})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: share of digits; 1 where the text is only an amount or a date ("2024년 5월", "12,000원")."""
        digits = len(_DIGIT.findall(record.text))
        if digits == 0:
            return Decision(Outcome.KEEP, NO_REASON, 0.0, self.max_digit_share)
        share = 1.0 if _AMOUNT.fullmatch(record.text) else digits / (digits + record.letters)
        if share > self.max_digit_share:
            return Decision(Outcome.DROP, Reason.CAPTION_NUMBERS, share, self.max_digit_share)
        return Decision(Outcome.KEEP, NO_REASON, share, self.max_digit_share)


class CaptionScript(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_script"):
    """Drops a text that is not written in Hangul.

    Attributes:
        min_hangul_share: least Hangul syllables among letters, 0 to 1. A quarter lets "VS Code 명령 팔레트에서 Reload
            Window 실행" through.
    """

    min_hangul_share: float = 0.25
    name: ClassVar[str] = "caption_script"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_NOT_KOREAN})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: share of Hangul syllables among the letters; 0 where there is no letter."""
        share = record.hangul / record.letters if record.letters else 0.0
        if share < self.min_hangul_share:
            return Decision(Outcome.DROP, Reason.CAPTION_NOT_KOREAN, share, self.min_hangul_share)
        return Decision(Outcome.KEEP, NO_REASON, share, self.min_hangul_share)


class CaptionLength(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_length"):
    """Drops what is too short to name a thing or too long to be about one image.

    Attributes:
        min_hangul: least Hangul syllables; two name much ("한복", "김치").
        max_characters: most characters; longer texts are articles.
    """

    min_hangul: int = 2
    max_characters: int = 300
    name: ClassVar[str] = "caption_length"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_TOO_SHORT, Reason.CAPTION_TOO_LONG})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: Hangul syllables where too few, else characters."""
        if record.hangul < self.min_hangul:
            return Decision(Outcome.DROP, Reason.CAPTION_TOO_SHORT, float(record.hangul), float(self.min_hangul))
        length = len(record.text)
        if length > self.max_characters:
            return Decision(Outcome.DROP, Reason.CAPTION_TOO_LONG, float(length), float(self.max_characters))
        return Decision(Outcome.KEEP, NO_REASON, float(length), float(self.max_characters))


class CaptionFurniture(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_furniture"):
    """Drops interface words and placeholders, and a short stem with a running number ("사용법 1", "설치 화면2").

    Attributes:
        max_stem_words: a stem of at most so many words before a number of up to three digits is no caption.
    """

    max_stem_words: int = 2
    name: ClassVar[str] = "caption_furniture"
    version: ClassVar[int] = 2
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_BOILERPLATE, Reason.CAPTION_TEMPLATED})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: 1 for furniture."""
        if is_furniture(record.text):
            return Decision(Outcome.DROP, Reason.CAPTION_BOILERPLATE, 1.0)
        running = _RUNNING.fullmatch(record.text) if record.text[-1:] in _RUNNING_ENDS else None
        if running and len(running[1].split()) <= self.max_stem_words and not _YEAR_OR_CODE.search(record.text):
            return Decision(Outcome.DROP, Reason.CAPTION_TEMPLATED, 1.0)
        return _KEPT_0


class CaptionRepetition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_repetition"
):
    """Drops a text that says one thing again and again, as search-engine bait does.

    Attributes:
        max_repeated_share: most of the words that repeat another word or its first two syllables, 0 to 1, judged from
            ``min_words`` words on.
        min_words: fewer words are not judged.
    """

    max_repeated_share: float = 0.5
    min_words: int = 4
    name: ClassVar[str] = "caption_repetition"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_REPETITIVE})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: share of words whose first two characters an earlier word had ("제주여행 제주맛집"); None for few."""
        words = record.text.split(" ")
        if len(words) < self.min_words:
            return Decision(Outcome.KEEP, NO_REASON, None, self.max_repeated_share)
        share = 1 - len({word[:2] for word in words}) / len(words)
        if share > self.max_repeated_share:
            return Decision(Outcome.DROP, Reason.CAPTION_REPETITIVE, share, self.max_repeated_share)
        return Decision(Outcome.KEEP, NO_REASON, share, self.max_repeated_share)


_KEPT_0: Final = Decision(Outcome.KEEP, NO_REASON, 0.0)
