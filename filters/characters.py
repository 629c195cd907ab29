"""Cleaning of single characters: what a caption's letters are, whatever a page did to them on the way.

Each function returns its text unchanged where there is nothing to do, and undoes itself never: applied twice it gives
what it gave once, or the caller's loop brings it there.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

INVALID: Final = re.compile(
    "[\x00\ud800-\udfff\u202d\u202e\ufdd0-\ufdef\ufffe\uffff"  # NUL, lone surrogates, bidi overrides, noncharacters
    "\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0003fffe\U0003ffff"
    "\U00040000-\U000dffff\U000e1000-\U000effff\U000ffffe\U000fffff\U0010fffe\U0010ffff]"  # unassigned planes
)
"""Characters no honest caption holds. A bidi override makes the text read in another order than it is stored."""

_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG: Final = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|center|cite|code|div|em|figcaption|figure|font|h[1-6]|hr|i|img|li|mark|nobr|ol|p"
    r"|s|small|span|strike|strong|sub|sup|table|tbody|td|th|tr|u|ul|wbr)(?:\s[^<>]{0,300})?\s*/?>",
    re.IGNORECASE,
)
_INVISIBLE: Final = re.compile(
    "[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202c\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\U000e0000-\U000e0fff]"
)
_PRIVATE: Final = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_HALF_JAMO: Final = re.compile("[\uffa1-\uffbe\uffc2-\uffc7\uffca-\uffcf\uffd2-\uffd7\uffda-\uffdc]+")
_FULL_WIDTH: Final = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0xFFE6: "₩"}
_FULL_WIDTH_SEEN: Final = re.compile("[\uff01-\uff5e\uffe6]")
_EMOJI: Final = re.compile(
    "[\u203c\u2049\u20e3\u2600-\u27bf\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001faff]+|[♡♥♪♬★☆]+"
)
# Laughter and tears: "ㅋㅋㅋ", "ㅠㅠ", "ㅎ" standing alone at a word's end; never the ㄱ of "ㄱ자 집".
_LAUGHTER: Final = re.compile(
    r"[ㅋㅎㅠㅜ]{2,}|(?<=[가-힣.!?~\s])[ㅋㅎㅠㅜ](?![가-힣])|ㅡㅡ+;*|[\^*][_.oㅅ\-]?\^|\^{2,}|(?<!\w)T_T(?!\w)|(?<!\w)[:;]-?[)(DP](?!\w)"
)
_CHOSEONG: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_JUNGSEONG: Final = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_JONGSEONG: Final = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"


def unescape(text: str) -> str:
    """Return ``text`` with its HTML character references read, those closed by a semicolon only ("AT&T" stays)."""
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text


def drop_tags(text: str) -> str:
    """Return ``text`` with literal HTML tags as spaces. "<그림 3>" is no tag."""
    return _TAG.sub(" ", text) if "<" in text else text


def drop_invisible(text: str) -> str:
    """Return ``text`` without zero-width, control, soft-hyphen and fill characters; private-use glyphs are spaces."""
    return _PRIVATE.sub(" ", _INVISIBLE.sub("", text))


def compose_half_width(text: str) -> str:
    """Return ``text`` with half-width jamo put together as a keyboard would: "ﾡￂ" is "가"."""
    return _HALF_JAMO.sub(lambda match: _compose("".join(_compatibility_jamo(char) for char in match[0])), text)


def _compatibility_jamo(char: str) -> str:
    return chr(int(unicodedata.decomposition(char).split()[1], 16))


def _compose(jamo: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(jamo):
        lead = _CHOSEONG.find(jamo[at])
        vowel = _JUNGSEONG.find(jamo[at + 1]) if at + 1 < len(jamo) else -1
        if lead < 0 or vowel < 0:
            out.append(jamo[at])
            at += 1
            continue
        at += 2
        tail = 0
        if at < len(jamo) and (at + 1 == len(jamo) or jamo[at + 1] not in _JUNGSEONG):
            tail = max(_JONGSEONG.find(jamo[at]), 0)
            at += tail > 0
        out.append(chr(0xAC00 + (lead * 21 + vowel) * 28 + tail))
    return "".join(out)


def narrow(text: str) -> str:
    """Return ``text`` with full-width ASCII ("［１］") as ASCII."""
    return text.translate(_FULL_WIDTH) if _FULL_WIDTH_SEEN.search(text) else text


def compose(text: str) -> str:
    """Return ``text`` in Unicode NFC: decomposed jamo become syllables."""
    return unicodedata.normalize("NFC", text)


def drop_laughter(text: str) -> str:
    """Return ``text`` without ㅋㅋ, ㅎㅎ, ㅠㅠ and typed faces."""
    return _LAUGHTER.sub(" ", text)


def drop_emoji(text: str) -> str:
    """Return ``text`` without emoji, stars, hearts and other pictographs."""
    return _EMOJI.sub(" ", text)


def squeeze(text: str) -> str:
    """Return ``text`` with every run of white space as one space and none at its ends."""
    return " ".join(text.split())
