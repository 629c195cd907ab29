"""Folding of look-alike spellings with a way back: digits, dashes, spaces and escapes become ASCII, spans stay exact.

A folded text is for matching only. `Folded.span` says where a match lies in the text that was folded.
"""

from __future__ import annotations

import html
import re
import unicodedata
from array import array
from bisect import bisect_right
from functools import lru_cache
from typing import Final

DASHES: Final = "-\u00ad‐‑‒–—―⁃⁻₋−⸺⸻﹘﹣－ー〜~～∼"
DOTS: Final = "·・‧∙•⋅ㆍᆞ･⸱"
_PLAIN: Final = r"\x20-\x7e가-힣一-鿿"
_ENTITY: Final = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|nbsp|ensp|emsp|thinsp|ndash|mdash|minus|middot|shy|zwj|zwnj);"
_CONJOINING: Final = r"[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?"  # 가 as ㄱ + ㅏ
_ESCAPES: Final = re.compile(r"(?:%(?:25){0,4}[0-9A-Fa-f]{2})+|\+")


class Folded:
    """A folded text and the map from its positions to those of the original (both in code points).

    The map is a list of segments. A segment of width 0 runs alongside the original one to one; any other segment
    stands, whole, for ``width`` code points of the original.
    """

    __slots__ = ("_at", "_origin", "_pieces", "_size", "_text", "_width")

    def __init__(self) -> None:
        self._at, self._origin, self._width = array("q"), array("q"), array("q")
        self._pieces: list[str] = []
        self._size = 0
        self._text: str | None = None

    def add(self, piece: str, origin: int, width: int = 0) -> None:
        """Append ``piece``, which stands for the original from ``origin`` on (``width`` 0: one to one)."""
        if not piece:
            return
        self._at.append(self._size)
        self._origin.append(origin)
        self._width.append(width)
        self._pieces.append(piece)
        self._size += len(piece)

    @property
    def text(self) -> str:
        """The folded text."""
        if self._text is None:
            self._text = "".join(self._pieces)
            self._pieces = []
        return self._text

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open span of the original that the non-empty folded span ``start:end`` stands for."""
        first = bisect_right(self._at, start) - 1
        last = bisect_right(self._at, end - 1) - 1
        begin = self._origin[first] + (0 if self._width[first] else start - self._at[first])
        stop = self._origin[last] + (self._width[last] or end - self._at[last])
        return begin, stop


@lru_cache(maxsize=8192)
def fold_character(character: str) -> str:
    """Return the ASCII look-alike of one character, its NFKC form, or nothing where it is invisible.

    Any character with a digit value becomes that digit (１ ① 𝟏 ¹ ١); compatibility jamo stay. Invisible ones are
    format characters, variation selectors and enclosing marks (the keycap of 1️⃣).
    """
    if character in DASHES:
        return "" if character == "\u00ad" else "-"
    if character in DOTS:
        return "·"
    if character == "。":
        return "."
    if "\u3131" <= character <= "\u318e":  # compatibility jamo: NFKC would make them conjoining ones
        return "" if character == "\u3164" else character
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category in ("Cf", "Me") or "\ufe00" <= character <= "\ufe0f" or character in "\u115f\u1160\uffa0\u034f":
        return ""
    if character.isspace() or category == "Cc":
        return " "
    if category == "Pd":
        return "-"
    folded = unicodedata.normalize("NFKC", character)
    return "".join(" " if piece.isspace() else piece for piece in folded)


def fold(text: str, marks: tuple[str, ...] = (), mark: str = "\ufffc") -> Folded:
    """Return ``text`` folded; each of ``marks`` found in it becomes the one character ``mark``.

    HTML character references and decomposed Hangul are resolved too. Runs in time linear in the text.
    """
    marked = "|".join(re.escape(word) for word in marks)
    pattern = _special(marked)
    folded = Folded()
    position = 0
    for match in pattern.finditer(text):
        start, end = match.span()
        folded.add(text[position:start], position)
        position = end
        found = match.group()
        if match.lastgroup == "mark":
            folded.add(mark, start, end - start)
        elif match.lastgroup == "entity":
            folded.add("".join(map(fold_character, html.unescape(found))), start, end - start)
        elif match.lastgroup == "jamo":
            folded.add(unicodedata.normalize("NFC", found), start, end - start)
        else:
            _add_run(folded, found, start)
    folded.add(text[position:], position)
    return folded


@lru_cache(maxsize=8)
def _special(marked: str) -> re.Pattern[str]:
    mark = f"(?P<mark>{marked})|" if marked else ""
    run = rf"(?P<run>(?:(?!{_CONJOINING})[^{_PLAIN}]|~)+)"
    return re.compile(rf"{mark}(?P<entity>{_ENTITY})|(?P<jamo>{_CONJOINING})|{run}")


def _add_run(folded: Folded, run: str, start: int) -> None:
    pieces = [fold_character(character) for character in run]
    if all(len(piece) == 1 for piece in pieces):
        folded.add("".join(pieces), start)
        return
    for offset, piece in enumerate(pieces):
        folded.add(piece, start + offset, 1)


def unquote(url: str) -> Folded:
    """Return ``url`` with percent escapes decoded (also ones escaped again, as %252D) and + as a space.

    The bytes are read as UTF-8, else as CP949, else as Latin-1.
    """
    decoded = Folded()
    position = 0
    for match in _ESCAPES.finditer(url):
        start, end = match.span()
        decoded.add(url[position:start], position)
        position = end
        if match.group() == "+":
            decoded.add(" ", start, 1)
        else:
            _add_escapes(decoded, match.group(), start)
    decoded.add(url[position:], position)
    return decoded


def _add_escapes(decoded: Folded, run: str, start: int) -> None:
    ends: list[int] = []
    values = bytearray()
    position = 0
    while position < len(run):
        digits = position + 1
        # "%25" is a per cent sign of its own unless two more hex digits follow it without one.
        while run.startswith("25", digits) and run[digits + 2 : digits + 3] not in ("", "%"):
            digits += 2
        values.append(int(run[digits : digits + 2], 16))
        position = digits + 2
        ends.append(position)
    characters, encoding = _decode(bytes(values))
    used = 0
    begin = 0
    for character in characters:
        used += len(character.encode(encoding))
        decoded.add(character, start + begin, ends[used - 1] - begin)
        begin = ends[used - 1]


def _decode(data: bytes) -> tuple[str, str]:
    for encoding in ("utf-8", "cp949"):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"
