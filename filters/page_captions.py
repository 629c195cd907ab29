"""Captions that stand beside an image in its page: figcaptions, caption paragraphs, table captions, marked text.

The rules are for the web at large: HTML's own elements first, then the class names of wikis, blogs, news sites and
DocBook, then the signs that Korean editors put before a caption ("▲", "[그림 3]", "사진=").
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

from filters.page_tree import BREAKING, VOID, PageTree, Place
from schemas.records import CaptionCandidate

MAX_CAPTION_CHARACTERS: Final = 4_000
"""Texts are cut here. It is far beyond what any caption rule lets pass, so a cut text is still judged too long."""

MAX_GROUP: Final = 100
"""A caption element that stands for more images than this describes none of them, and is not recorded."""

MAX_BESIDE_CHARACTERS: Final = 300
"""Longest text that is taken for a caption without being marked up as one; those of the test sites end at 180."""

_STRONG_CLASS: Final = re.compile(
    r"(?:[\w-]*[-_])?captions?(?:[-_]?(?:text|txt|inner|content|body))?|(?:thumb|fig|img|image|photo)caption|gallerytext"
    r"|(?:img|image|photo|pic|picture|fig|figure)[-_]?(?:cap|desc|description|txt|text|legend|explain|title|tit)|cap"
    r"|(?:cap|desc)[-_]?(?:txt|text|img|image|photo)|(?:txt|text)[-_]?(?:cap|desc)",
    re.IGNORECASE,
)
_WEAK_CLASS: Final = re.compile(r"desc(?:ription)?|legend|explain(?:ation)?", re.IGNORECASE)
_FIGURE_TITLE_CLASS: Final = re.compile(r"title|figure-?title", re.IGNORECASE)
CAPTION_ATTRIBUTES: Final = re.compile(
    r'\sclass="[^"]*(?:cap|desc|legend|explain|gallerytext|(?:img|image|photo|pic\w*|fig\w*)[-_]?(?:txt|text|tit)|title)',
    re.IGNORECASE,
)
"""What the attributes of every caption element but figcaption and caption match; `caption_role` decides."""

# Korean news and reports open a caption so; ▼ and ▶ do as well, and point at the picture.
_MARKED: Final = re.compile(
    r"[▲△▴▼▽▶▷►◀◁◄↑↓]\s*[^\s▲△▴▼▽▶▷►◀◁◄↑↓]"
    r"|[\[<(〈《【［]?\s*(?:그림|사진|도표|이미지|삽화|자료사진|사진설명|Figure|Fig\.?|Photo|Image|Picture)"
    r"\s*[\]>)〉》】］.:=|/]?\s*(?:[\d０-９]+(?:[.-]\d+)*|[=:：/|]|[\]>)〉》】］]\s*\S)",
    re.IGNORECASE,
)
_NUMBERED: Final = re.compile(r"(?:그림|사진|도표|[Ff]ig(?:ure|\.)?|FIG(?:URE|\.)?)\s*[\d０-９]")
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
_HOLDER_LEVELS: Final = 6
_FIGURE_LEVELS: Final = 4


class CaptionKind(StrEnum):
    """Where a caption candidate was found."""

    ALT = "alt"
    TITLE = "title"
    ARIA_LABEL = "aria_label"
    FIGCAPTION = "figcaption"
    CAPTION_PARAGRAPH = "caption_paragraph"
    GROUP_CAPTION = "group_caption"
    """A figcaption or caption paragraph that stands for several images."""
    TABLE_CAPTION = "table_caption"
    OG_TITLE = "og_title"
    OG_ALT = "og_alt"
    JSON_LD = "json_ld"
    HEADING = "heading"
    FILE_NAME = "file_name"
    TABLE_COLUMN = "table_column"
    """The caption column of a URL–caption table, which has no page."""


class ImageEntry:
    """One place in a page that names an image, while its captions are being gathered."""

    __slots__ = ("alone", "captions", "end", "full_size", "lazy", "linked_page", "place", "raw_url", "url")

    def __init__(self, raw_url: str, url: str | None, place: Place, *, lazy: bool = False) -> None:
        self.raw_url = raw_url
        self.url = url
        self.place = place
        self.end = place.inner
        self.lazy = lazy
        self.alone = False  # nothing but its own attributes is asked about it
        self.linked_page = ""
        self.full_size = ""
        self.captions: list[CaptionCandidate] = []

    def add(self, kind: CaptionKind, text: str, path: str) -> None:
        """Record ``text``, white space collapsed, unless it is empty."""
        text = collapsed(text)
        if text:
            self.captions.append(CaptionCandidate(kind, text, path))

    def captioned(self) -> bool:
        """Say whether a caption of its own was found beside the image."""
        return any(c.kind in (CaptionKind.FIGCAPTION, CaptionKind.CAPTION_PARAGRAPH) for c in self.captions)


class CaptionElement(NamedTuple):
    """An element that may be a caption, and how many images come before it."""

    place: Place
    role: str
    before: int


class Holders:
    """Which images each element holds, by number, for the elements close to images and those made for them."""

    def __init__(self) -> None:
        self._images: dict[int, list[int]] = {}
        self._given: dict[int, int] = {}

    def register(self, place: Place, number: int) -> None:
        """Note image ``number`` at ``place`` with its nearest ancestors, the figures and the table around it."""
        near = {at.start for at in place.ancestors(_HOLDER_LEVELS)}
        near |= {at.start for at in _figures_around(place)}
        if place.table is not None:
            near.add(place.table.start)
        for start in near:
            self._images.setdefault(start, []).append(number)

    def images(self, place: Place) -> list[int]:
        """Return the numbers of the images in ``place``, in document order."""
        return self._images.get(place.start, [])

    def given(self, place: Place) -> list[int]:
        """Return the images that a caption of ``place`` stands for; none after its third caption."""
        times = self._given[place.start] = self._given.get(place.start, 0) + 1
        return self.images(place) if times <= 3 else []


def _figures_around(place: Place) -> Iterator[Place]:
    at = place.figure
    for _ in range(_FIGURE_LEVELS):
        if at is None:
            return
        yield at
        at = at.parent.figure if at.parent is not None else None


def collapsed(text: str) -> str:
    """Return ``text`` with runs of white space as one blank, cut at `MAX_CAPTION_CHARACTERS`."""
    return " ".join(text[: 4 * MAX_CAPTION_CHARACTERS].split())[:MAX_CAPTION_CHARACTERS].rstrip()


def caption_role(place: Place) -> str:
    """Return what kind of caption an element is: "figcaption", "caption", "title", "strong", "weak", or "" for none."""
    if place.tag in ("figcaption", "caption"):
        return place.tag
    if place.tag in VOID:
        return ""
    names = place.get("class").split()
    if any(_STRONG_CLASS.fullmatch(name) for name in names):
        return "strong"
    if any(_FIGURE_TITLE_CLASS.fullmatch(name) for name in names):
        parent = place.parent
        return "title" if parent is not None and parent.figure is parent else ""
    return "weak" if any(_WEAK_CLASS.fullmatch(name) for name in names) else ""


def add_element_captions(
    tree: PageTree, entries: list[ImageEntry], holders: Holders, elements: list[CaptionElement]
) -> None:
    """Give the text of each caption element to the images it stands for.

    Args:
        tree: the page.
        entries: its images in document order.
        holders: the images of each element, by their numbers in ``entries``.
        elements: the caption elements in document order.
    """
    for number, element in enumerate(elements):
        previous = elements[number - 1].before if number else 0
        following = elements[number + 1].before if number + 1 < len(elements) else len(entries)
        end = tree.end(element.place)
        images = _images_of(tree, entries, holders, element, (previous, following, end))
        images = [i for i in images if not element.place.start < entries[i].place.start < end]
        if not images or len(images) > MAX_GROUP:
            continue
        kind = CaptionKind.CAPTION_PARAGRAPH
        if element.role == "caption":
            kind = CaptionKind.TABLE_CAPTION
        elif len({entries[i].url for i in images}) > 1:
            kind = CaptionKind.GROUP_CAPTION
        elif element.role == "figcaption":
            kind = CaptionKind.FIGCAPTION
        text, path = collapsed(tree.text(element.place.inner, end)), element.place.path()
        for i in images:
            entries[i].add(kind, text, path)


def _images_of(
    tree: PageTree,
    entries: list[ImageEntry],
    holders: Holders,
    element: CaptionElement,
    around: tuple[int, int, int],
) -> list[int]:
    place = element.place
    if element.role == "caption":
        return holders.given(place.table) if place.table is not None else []
    if element.role in ("figcaption", "title"):
        holder = next((at for at in _figures_around(place) if at is not place and holders.images(at)), None)
        if holder is not None:
            return holders.given(holder)
    if element.role == "title" or (element.role != "figcaption" and holders.images(place)):
        return []  # an element with a caption's class that holds the image is the caption's frame
    return _nearest(tree, entries, holders, element, around)


def _nearest(
    tree: PageTree,
    entries: list[ImageEntry],
    holders: Holders,
    element: CaptionElement,
    around: tuple[int, int, int],
) -> list[int]:
    """Return the images that a caption outside of any figure belongs to, at most three levels up."""
    previous, following, end = around
    for holder in list(element.place.ancestors(4))[1:]:
        images = holders.images(holder)
        if holder.tag in ("body", "html"):
            return []
        if not images:
            continue
        if len(images) == 1 and element.role != "weak" and holder.tag not in ("main", "article", "section"):
            return images
        run = images[bisect_left(images, previous) : bisect_left(images, element.before)]
        if run and _is_blank(tree, entries[run[-1]].end, element.place.start):
            return run
        run = images[bisect_left(images, element.before) : bisect_left(images, following)][:1]
        if run and element.role != "weak" and _is_blank(tree, end, entries[run[0]].place.start):
            return run
        return []
    return []


def _is_blank(tree: PageTree, start: int, end: int) -> bool:
    """Say whether there is only markup, and not much of it, between two offsets."""
    return 0 <= end - start <= 2_000 and not tree.text(start, end).strip()


def numbered_texts(tree: PageTree) -> list[int]:
    """Return the offsets where "그림 3", "Figure 2" and the like stand in the page."""
    return [match.start() for match in _NUMBERED.finditer(tree.source)]


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
    if place is None or not _is_blank(tree, tree.end(place), entry.place.start):
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
    if not _is_blank(tree, row.inner, end):
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
