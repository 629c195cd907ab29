"""Elements that are marked up as captions, and which images of their page they stand for.

The rules are for the web at large: HTML's own figcaption and caption, then the class names of wikis, blogs, news sites
and DocBook.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from filters.page_tree import VOID, PageTree, Place
from schemas.records import CaptionCandidate

MAX_CAPTION_CHARACTERS: Final = 4_000
"""Texts are cut here. It is far beyond what any caption rule lets pass, so a cut text is still judged too long."""

MAX_GROUP: Final = 100
"""A caption element that stands for more images than this describes none of them, and is not recorded."""

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
        if run and is_blank(tree, entries[run[-1]].end, element.place.start):
            return run
        run = images[bisect_left(images, element.before) : bisect_left(images, following)][:1]
        if run and element.role != "weak" and is_blank(tree, end, entries[run[0]].place.start):
            return run
        return []
    return []


def is_blank(tree: PageTree, start: int, end: int) -> bool:
    """Say whether there is only markup, and not much of it, between two offsets."""
    return 0 <= end - start <= 2_000 and not tree.text(start, end).strip()
