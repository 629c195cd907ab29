"""Text beside an image that no markup calls a caption, but that reads or looks like one.

It starts with a sign that Korean editors put before a caption ("▲", "[그림 3]", "사진="), is set in small print right
under the image, or stands in the table cell below it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import islice
from typing import Final, NamedTuple

from filters.page_captions import CaptionKind, ImageEntry, collapsed, is_blank
from filters.page_tree import BREAKING, VOID, PageTree, Place

MAX_BESIDE_CHARACTERS: Final = 300
"""Longest text that is taken for a caption without being marked up as one: of 885 marked-up captions one is longer."""

# Korean news and reports open a caption so; ▼ and ▶ do as well, and point at the picture.
_MARKED: Final = re.compile(
    r"[▲△▴▼▽▶▷►◀◁◄↑↓]\s*[^\s▲△▴▼▽▶▷►◀◁◄↑↓]"
    r"|[\[<(〈《【［]?\s*(?:그림|사진|도표|이미지|삽화|자료사진|사진설명|Figure|Fig\.?|Photo|Image|Picture)"
    r"\s*[\]>)〉》】］.:=|/]?\s*(?:[\d０-９]+(?:[.-]\d+)*|[=:：/|]|[\]>)〉》】］]\s*\S)",
    re.IGNORECASE,
)
# One pattern a word: the search for a literal beginning is many times faster than for one of several.
_NUMBERED: Final = tuple(
    re.compile(rf"{word}\s*[\d０-９]")
    for word in ("그림", "사진", "도표", r"Fig(?:ure|\.)?", r"fig(?:ure|\.)?", r"FIG(?:URE|\.)?")
)
_NUMBERED_BLOCK: Final = re.compile(
    r"<(?:p|div|center|dt|dd|h[1-6]|strong|b|span)(?:\s[^>]*+)?>(?:\s*<(?!/|p\b|div\b|center\b)[^>]*+>)*+\s*"
    r"(?:[\[(〈《【［]|&lt;)?\s*(?:그림|사진|도표|Figure|Fig\.?)\s*[\d０-９]+",
    re.IGNORECASE,
)
_SMALL_PRINT: Final = frozenset({"em", "small", "i", "cite"})
_CONTAINERS: Final = frozenset(
    {"body", "html", "main", "article", "section", "td", "th", "li", "figure", "table", "tr", "ul", "ol", "dl", "nav"}
)
_IMAGE_TAGS: Final = frozenset({"img", "picture", "figure", "amp-img", "object", "table", "iframe", "video", "svg"})
_SILENT: Final = frozenset({"script", "style", "noscript", "template", "wbr"})
_MAX_TOKENS: Final = 64
_MAX_CLIMB: Final = 5


def numbered_texts(tree: PageTree) -> list[int]:
    """Return the offsets where "그림 3", "Figure 2" and the like stand in the page, in order."""
    return sorted(match.start() for pattern in _NUMBERED for match in pattern.finditer(tree.source))


def add_text_beside(tree: PageTree, entry: ImageEntry, numbered: list[int], used: set[int]) -> None:
    """Give ``entry`` the text right after it, or numbered and right before it, that reads or looks like a caption.

    Args:
        tree: the page.
        entry: an image that no caption element was found for.
        numbered: what `numbered_texts` found in the page.
        used: offsets of the texts that an image was given already; added to.
    """
    found = _text_after(tree, entry)
    if found is None or found.start in used:
        found = _text_before(tree, entry, numbered)
    if found is None or found.start in used:
        found = _cell_below(tree, entry)
    if found is not None and found.start not in used:
        used.add(found.start)
        entry.add(CaptionKind.CAPTION_PARAGRAPH, found.text, found.path)


class _Beside(NamedTuple):
    start: int
    text: str
    path: str


def _text_after(tree: PageTree, entry: ImageEntry) -> _Beside | None:
    """Return the text that follows the image, from inside its wrappers outwards, where it reads like a caption."""
    around = entry.place.parent
    climbed = 0
    silent = ""
    for token in islice(tree.tokens(entry.end), _MAX_TOKENS):
        if silent:
            silent = "" if token.kind == "close" and token.tag == silent else silent
        elif around is None:
            return None
        elif token.before and not token.before.isspace():
            start = token.start - len(token.before.lstrip())
            return _line_after(tree, start, f"{around.path()}/text()")
        elif token.kind == "close":
            climbed += 1
            if around.tag in _CONTAINERS or climbed > _MAX_CLIMB:
                return None
            around = around.parent
        elif token.kind == "open" and token.tag not in VOID:
            is_empty = tree.source.startswith("</", token.end)  # an anchor, an empty wrapper
            if token.tag not in _SILENT and not is_empty:
                place = tree.place_at(token.start) if token.tag not in _IMAGE_TAGS else None
                return _element_after(tree, place) if place is not None else None
            silent = token.tag
        elif token.tag in _IMAGE_TAGS:
            return None
    return None


def _line_after(tree: PageTree, start: int, path: str) -> _Beside | None:
    """Return the text from ``start`` to the end of its line, where a sign says that it is a caption."""
    text = _line(tree, start)
    return _Beside(start, text, path) if text and _MARKED.match(text) else None


def _line(tree: PageTree, start: int) -> str:
    end = start
    for count, token in enumerate(tree.tokens(start)):
        end = token.start
        if token.tag in BREAKING or token.tag in _IMAGE_TAGS or count > _MAX_TOKENS or end - start > 2_000:
            break
    text = collapsed(tree.text(start, end))
    return text if len(text) <= MAX_BESIDE_CHARACTERS else ""


def _element_after(tree: PageTree, place: Place) -> _Beside | None:
    if place.tag not in BREAKING:
        found = _line_after(tree, place.start, place.path())
        if found is not None or place.tag not in _SMALL_PRINT:
            return found
        inside = _short_text(tree, place)
        line = _line(tree, place.start)
        return _Beside(place.start, line, place.path()) if line and line == inside else None
    text = _short_text(tree, place)
    if not text:
        return None
    if _MARKED.match(text):
        return _Beside(place.start, text, place.path())
    child = next((t for t in tree.tokens(place.inner)), None)
    if child is not None and child.kind == "open" and child.tag in _SMALL_PRINT and not child.before.strip():
        small = tree.place_at(child.start)
        if small is not None and _short_text(tree, small) == text:
            return _Beside(place.start, text, small.path())
    return None


def _short_text(tree: PageTree, place: Place) -> str:
    """Return the text of ``place``, or "" where it is long, deep, or holds images: then it is no caption."""
    depth = 1
    for count, token in enumerate(tree.tokens(place.inner)):
        if count > _MAX_TOKENS or token.tag in _IMAGE_TAGS or token.start - place.inner > 8 * MAX_BESIDE_CHARACTERS:
            return ""
        depth += (token.kind == "open" and token.tag not in VOID) - (token.kind == "close")
        if depth == 0:
            text = collapsed(tree.text(place.inner, token.start))
            return text if len(text) <= MAX_BESIDE_CHARACTERS else ""
    return ""


def _text_before(tree: PageTree, entry: ImageEntry, numbered: list[int]) -> _Beside | None:
    """Return the numbered text ("그림 3. …") that ends right before the image or the wrappers it stands in."""
    low = max(0, entry.place.start - 4 * MAX_BESIDE_CHARACTERS)
    if bisect_left(numbered, low) == bisect_left(numbered, entry.place.start):
        return None
    starts = [match.start() for match in _NUMBERED_BLOCK.finditer(tree.source, low, entry.place.start)]
    place = tree.place_at(starts[-1]) if starts else None
    if place is None or not is_blank(tree, tree.end(place), entry.place.start):
        return None
    text = _short_text(tree, place)
    return _Beside(place.start, text, place.path()) if text else None


def _cell_below(tree: PageTree, entry: ImageEntry) -> _Beside | None:
    """Return the text of the table cell under the image's, where a row of pictures has a row of texts below it."""
    around = list(entry.place.ancestors(_MAX_CLIMB + 1))
    cell = next((at for at in around if at.tag in ("td", "th")), None)
    row = cell.parent if cell is not None else None
    if cell is None or row is None or row.tag != "tr":
        return None
    cells, end = _cells(tree, row)
    if not is_blank(tree, row.inner, end):
        return None
    token = next((t for t in tree.tokens(end) if t.kind != "close" or t.tag != "tr"), None)
    if token is None or token.kind != "open" or token.tag != "tr":
        return None
    next_row = tree.place_at(token.start)
    below = _cells(tree, next_row)[0] if next_row is not None else []
    if len(below) != len(cells) or cell.start not in cells:
        return None
    under = tree.place_at(below[cells.index(cell.start)])
    text = _short_text(tree, under) if under is not None else ""
    return _Beside(under.start, text, under.path()) if under is not None and text else None


def _cells(tree: PageTree, row: Place) -> tuple[list[int], int]:
    """Return where the cells of a table row start and where the row ends; no cells of a row with much in it."""
    cells: list[int] = []
    depth = 0
    for count, token in enumerate(tree.tokens(row.inner)):
        if count > 2 * _MAX_TOKENS:
            break
        if token.kind == "open" and token.tag not in VOID:
            if depth == 0:
                cells.append(token.start)
            depth += 1
        elif token.kind == "close":
            depth -= 1
            if depth < 0:
                return cells, token.start
    return [], row.inner
