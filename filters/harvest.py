"""Reading one HTML page: its images with every text that may describe them, its links, and what its owner says.

What counts as an image of the page: ``<img>``, ``<amp-img>``, ``<input type=image>``, ``<object type=image/*>``,
``og:image`` and ``twitter:image``, ``<link rel=image_src>``, images with texts in JSON-LD. Not read: CSS backgrounds,
``<image>`` in SVG, ``<template>`` contents, anything a script would add. A ``<noscript>`` copy of a lazy image is that
image. Where an image links to an image file that the page does not show itself, it is that file's thumbnail: the file
is the image, with the thumbnail's texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from filters.image_source import image_source, is_image_path, is_placeholder
from filters.json_ld import images_in
from filters.licence_marks import licence_marks
from filters.markup_guard import tame
from filters.page_captions import (
    CAPTION_ATTRIBUTES,
    CaptionElement,
    CaptionKind,
    Holders,
    ImageEntry,
    add_element_captions,
    caption_role,
    collapsed,
)
from filters.page_tree import PageTree, Place
from filters.page_urls import PageUrls
from filters.text_beside import add_text_beside, numbered_texts
from schemas.records import CaptionCandidate

__all__ = ["CaptionKind", "ImageMention", "PageHarvest", "RefusedMention", "harvest"]

MAX_CAPTIONS: Final = 32
"""Most caption candidates kept for one image; a page that repeats an image often repeats its texts."""

MAX_REPEATS: Final = 8
"""From the ninth time on that a page shows one image, only its attributes are read: it is an icon or a bullet."""

VERSION: Final = 4
"""Grows with every change of what is read from a page, so that stored results of the old rules are not reused."""

_MAX_RAW_URL: Final = 200
_MAX_NESTING: Final = 8
_MAX_REFERENCES: Final = 3
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_MAX_HEADINGS_BACK: Final = 4
_TAGS: Final = _HEADINGS | {"img", "amp-img", "input", "object", "meta", "link", "base", "script"}
_TAGS_OF_CAPTIONS: Final = frozenset({"figcaption", "caption"})
_TAGS_OF_LINKS: Final = frozenset({"a", "area", "iframe", "frame"})
_TAGS_OF_DATA: Final = frozenset({"meta", "link", "script"})
"""Where images are declared and not shown."""
_OG_IMAGE: Final = frozenset({"og:image", "twitter:image", "twitter:image:src"})
_OG_IMAGE_AGAIN: Final = frozenset({"og:image:url", "og:image:secure_url"})
_OG_ALT: Final = frozenset({"og:image:alt", "twitter:image:alt"})
_OG_TITLE: Final = ("og:title", "twitter:title")
_ROBOT_NAME: Final = re.compile(
    r".*robots.*|.*bot(?:[-_].*)?|.*(?:crawler|spider|slurp|harubang|img2dataset).*|tdm-.*|content-(?:usage|signal)"
)
_ROBOT_WORDS: Final = re.compile(
    r"(?:^|[\s,:;])(?:noindex|nofollow|none|noarchive|noai|noimageai|noimageindex|noml|notrain)(?=$|[\s,;])",
    re.IGNORECASE,
)
_ID: Final = re.compile(r'<[a-zA-Z][^>]*?\sid="([^"]*)"')
# What may stand between a lazy image and its <noscript> copy: the ends of its wrappers and blanks.
_NOT_WRAPPER: Final = re.compile(r"<(?!/)|[^\s<>/a-z-]")
_MAX_SOURCES: Final = 32
_TEXT_ATTRIBUTES: Final = (
    ("alt", CaptionKind.ALT),
    ("title", CaptionKind.TITLE),
    ("aria-label", CaptionKind.ARIA_LABEL),
    ("data-caption", CaptionKind.CAPTION_PARAGRAPH),
    ("data-image-caption", CaptionKind.CAPTION_PARAGRAPH),
    ("data-image-title", CaptionKind.TITLE),
)
_TEXT_ATTRIBUTES_OF_LINKS: Final = (("title", CaptionKind.TITLE), ("data-caption", CaptionKind.CAPTION_PARAGRAPH))
_ATTRIBUTES: Final = CAPTION_ATTRIBUTES
_LICENCE_HINTS: Final = ("license", "LICENSE", "License", "kogl.or.kr/", "creativecommons.org/")
# A file as editors name it: with a colon it is a wiki's page about a file (파일:첨성대.jpg), as in the two folders.
_FULL_SIZE: Final = re.compile(
    r"(?!.*/(?:_detail|detail\.php)/)[^?#]*/(?:(?!%3a)[^/?#:])+\.(?:jpe?g|png|gif|webp)(?:\?.*)?", re.IGNORECASE
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class ImageMention(NamedTuple):
    """One distinct image of a page with every caption candidate, in order of the page.

    ``linked_page`` is the URL of the page that the image links to wherever this page shows or declares it: "" where it
    links to none, or also stands outside of any link.
    """

    url: str
    captions: tuple[CaptionCandidate, ...]
    linked_page: str = ""


class RefusedMention(NamedTuple):
    """An image whose URL cannot be requested (data:, javascript:, file:, none at all), cut at 200 characters."""

    raw_url: str
    dom_path: str
    captions: tuple[CaptionCandidate, ...]


class PageHarvest(NamedTuple):
    """What one page holds. ``images`` has one mention per distinct URL, in document order.

    ``links`` are the distinct absolute URLs that a crawler may follow; ``nofollow`` those that the page names only
    with ``rel=nofollow``. ``robots_meta`` are (name in lower case, content) of every meta that speaks to robots.
    ``licences`` are URLs of ``rel=license`` and of 공공누리 or Creative Commons pages, and `licence_marks`.
    ``problem`` is "" unless the parser failed; then all else is empty. ``site_name`` is what og:site_name says.
    """

    title: str
    images: tuple[ImageMention, ...]
    refused: tuple[RefusedMention, ...]
    links: tuple[str, ...]
    nofollow: tuple[str, ...]
    robots_meta: tuple[tuple[str, str], ...]
    licences: tuple[str, ...]
    problem: str = ""
    site_name: str = ""


def harvest(html: str, page_url: str, *, with_links: bool = True) -> PageHarvest:
    """Read ``html``, the text of the page at ``page_url``. Never raises; time is near to linear in the page's size.

    Args:
        html: the page as text; lone surrogates are read as U+FFFD.
        page_url: the page's absolute URL, which relative URLs are resolved against unless ``<base>`` says otherwise.
        with_links: False leaves out ``links`` and ``nofollow``, which only a crawler needs.
    """
    tags = _TAGS | _TAGS_OF_CAPTIONS
    if with_links or any(hint in html for hint in _LICENCE_HINTS):
        tags |= _TAGS_OF_LINKS
    text = tame(html)
    try:
        try:
            tree = PageTree(text, tags, _ATTRIBUTES)
        except UnicodeEncodeError:
            tree = PageTree(_SURROGATE.sub("\ufffd", text), tags, _ATTRIBUTES)
    except ValueError as error:
        return PageHarvest("", (), (), (), (), (), (), problem=f"{type(error).__name__}: {error}")
    return _Reader(tree, page_url, licence_marks(html), with_links=with_links).read()


class _Reader:
    """Gathers one page. Its elements come in document order; captions are given to the images at the end."""

    def __init__(self, tree: PageTree, page_url: str, marks: tuple[str, ...], *, with_links: bool) -> None:
        self.tree = tree
        self.marks = marks
        self.urls = PageUrls(tree, page_url, with_links=with_links)
        self.entries: list[ImageEntry] = []
        self.holders = Holders()
        self.shared: list[ImageEntry] = []  # og:image and its like
        self.captions: list[CaptionElement] = []
        self.open_captions: list[int] = []  # where the caption elements end that are open, outermost first
        self.open_headings: list[int] = []
        self.headings: list[Place] = []
        self.headings_before: list[int] = []  # for each entry
        self.titles: dict[str, tuple[str, Place]] = {}
        self.site_name = ""
        self.robots: list[tuple[str, str]] = []
        self.ids: dict[str, Place] | None = None
        self.references: dict[int, int] = {}
        self.sources: dict[int, list[str]] = {}
        self.repeats: dict[str | None, int] = {}

    def read(self) -> PageHarvest:
        readers: dict[str, Callable[[Place], None]] = {
            "img": self._img,
            "amp-img": self._img,
            "input": self._input,
            "object": self._object,
            "meta": self._meta,
            "link": self._link,
            "script": self._script,
        }
        readers |= dict.fromkeys(_HEADINGS, self._heading)
        readers |= dict.fromkeys(_TAGS_OF_LINKS, self.urls.hyperlink)
        for place in self.tree.places:
            if place.tag != "base":
                readers.get(place.tag, self._caption)(place)
        self._finish()
        return self._harvest()

    # Images.

    def _img(self, place: Place) -> None:
        attributes = place.attributes()
        srcsets: list[str] = []
        if place.picture is not None:
            srcsets = self._sources(place.picture, place)
        source = image_source(attributes, srcsets)
        entry = self._entry(
            ImageEntry(source.url, self.urls.resolve(source.url) if source.url else None, place, lazy=source.lazy)
        )
        self._add_attributes(entry)

    def _sources(self, picture: Place, image: Place) -> list[str]:
        """Return the srcsets of the sources before the first image of ``picture``."""
        if picture.start not in self.sources:
            found = self.sources[picture.start] = []
            for token in islice(self.tree.tokens(picture.inner), 4 * _MAX_SOURCES):
                source = self.tree.place_at(token.start) if token.tag == "source" else None
                if source is not None and source.start < image.start:
                    found.append(source.get("srcset") or source.get("data-srcset"))
        return self.sources[picture.start][:_MAX_SOURCES]

    def _input(self, place: Place) -> None:
        if place.get("type").lower() == "image":
            self._img(place)

    def _object(self, place: Place) -> None:
        kind, url = place.get("type").lower(), place.get("data").strip()
        if not url or not (kind.startswith("image/") or (not kind and is_image_path(url))):
            return
        entry = self._entry(ImageEntry(url, self.urls.resolve(url), place))
        self._add_attributes(entry)
        entry.end = self.tree.end(place)
        entry.add(CaptionKind.ALT, self.tree.text(place.inner, entry.end), place.path())

    def _entry(self, entry: ImageEntry) -> ImageEntry:
        """Register an image of the page's body; a ``<noscript>`` copy of the image before it is that image."""
        noscript = entry.place.noscript
        last = self.entries[-1] if self.entries else None
        if noscript is not None and last is not None and (last.lazy or is_placeholder(last.raw_url)):
            between = self.tree.source[last.end : noscript.start]
            if not _NOT_WRAPPER.search(between):
                if last.url is None:
                    last.url, last.raw_url = entry.url, entry.raw_url
                return last
        self._append(entry)
        times = self.repeats[entry.url] = self.repeats.get(entry.url, 0) + 1
        if entry.url is None or times <= MAX_REPEATS:
            self.holders.register(entry.place, len(self.entries) - 1)
        else:
            entry.alone = True
        return entry

    def _append(self, entry: ImageEntry) -> None:
        self.entries.append(entry)
        self.headings_before.append(len(self.headings))

    def _add_attributes(self, entry: ImageEntry) -> None:
        place = entry.place
        attributes, path = place.attributes(), place.path
        for name, kind in _TEXT_ATTRIBUTES:
            if name in attributes:
                entry.add(kind, attributes[name], path())
        for name in ("aria-labelledby", "aria-describedby"):
            for target in attributes.get(name, "").split()[:_MAX_REFERENCES]:
                self._add_referenced(entry, target)
        link = place.link
        if link is None:
            return
        for name, kind in _TEXT_ATTRIBUTES_OF_LINKS:
            if link.get(name):
                entry.add(kind, link.get(name), link.path())
        href = link.get("href").strip()
        url = self.urls.resolve(href) if href and not href.startswith("#") else None
        if url is not None and _FULL_SIZE.fullmatch(url):
            entry.full_size = url
        elif url is not None and url != self.urls.page_url:
            entry.linked_page = url

    def _add_referenced(self, entry: ImageEntry, target: str) -> None:
        if self.ids is None:
            self.ids = {}
            for match in _ID.finditer(self.tree.source):
                place = self.tree.place_at(match.start())
                if place is not None:
                    self.ids.setdefault(match[1], place)
        place = self.ids.get(target)
        if place is not None:
            times = self.references[place.start] = self.references.get(place.start, 0) + 1
            if times <= _MAX_REFERENCES:  # one text that many images point to describes none of them
                entry.add(CaptionKind.ARIA_LABEL, self.tree.text_of(place), place.path())

    # The page's head.

    def _meta(self, place: Place) -> None:
        attributes = place.attributes()
        name = attributes.get("property") or attributes.get("name") or attributes.get("http-equiv") or ""
        name, content = name.strip().lower(), attributes.get("content", "")
        if name in _OG_IMAGE or (name in _OG_IMAGE_AGAIN and not self.shared):
            self._share(content, place)
        elif name in _OG_ALT:
            if self.shared:
                self.shared[-1].add(CaptionKind.OG_ALT, content, place.path())
        elif name in _OG_TITLE:
            self.titles.setdefault(name, (content, place))
        elif name == "og:site_name":
            self.site_name = self.site_name or collapsed(content)
        for given in ("name", "http-equiv", "property"):  # one that has several speaks by each
            spoken = attributes.get(given, "").strip().lower()
            if spoken and (_ROBOT_NAME.fullmatch(spoken) or _ROBOT_WORDS.search(content)):
                self.robots.append((spoken, content.strip()))

    def _share(self, raw: str, place: Place) -> None:
        raw = raw.strip()
        if raw:
            entry = ImageEntry(raw, self.urls.resolve(raw), place)
            self.shared.append(entry)
            self._append(entry)

    def _link(self, place: Place) -> None:
        rel, href = place.get("rel").lower().split(), place.get("href").strip()
        if "image_src" in rel:
            self._share(href, place)
        elif "license" in rel:
            self.urls.licence(href)
        elif "next" in rel or "prev" in rel:
            self.urls.follow(href, rel)

    def _script(self, place: Place) -> None:
        if "ld+json" not in place.get("type").lower():
            return
        for image in images_in(self.tree.text_of(place)):
            raw = image.url.strip()
            entry = ImageEntry(raw, self.urls.resolve(raw), place)
            for pointer, text in image.captions:
                entry.add(CaptionKind.JSON_LD, text, f"{place.path()}#{pointer}")
            self._append(entry)

    # Texts.

    def _caption(self, place: Place) -> None:
        role = caption_role(place)
        if role and self._is_shallow(place, self.open_captions):
            self.captions.append(CaptionElement(place, role, len(self.entries)))

    def _heading(self, place: Place) -> None:
        if self._is_shallow(place, self.open_headings):
            self.headings.append(place)

    def _is_shallow(self, place: Place, ends: list[int]) -> bool:
        """Say whether few elements of ``place``'s kind are around it; keep the offsets where those end."""
        while ends and ends[-1] <= place.start:
            ends.pop()
        if len(ends) >= _MAX_NESTING:
            return False
        ends.append(self.tree.end(place))
        return True

    def _finish(self) -> None:
        """Give the images the texts that are only known once the whole page was seen."""
        title = next((self.titles[name] for name in _OG_TITLE if name in self.titles), None)
        for entry in self.shared:
            if title is not None:
                entry.add(CaptionKind.OG_TITLE, title[0], title[1].path())
            else:
                entry.add(CaptionKind.OG_TITLE, self.tree.title, "/html/head/title")
        add_element_captions(self.tree, self.entries, self.holders, self.captions)
        used: set[int] = {element.place.start for element in self.captions}
        numbered = numbered_texts(self.tree)
        headings: dict[int, tuple[str, str]] = {}
        for entry, before in zip(self.entries, self.headings_before, strict=True):
            if entry.place.tag not in _TAGS_OF_DATA and not entry.alone:
                section = entry.place.section
                if not entry.captioned() and (section is None or section.tag != "nav"):
                    add_text_beside(self.tree, entry, numbered, used)
                self._add_heading(entry, before, headings)
            if entry.url is not None:
                entry.add(CaptionKind.FILE_NAME, _file_name(entry.url), entry.place.path())

    def _add_heading(self, entry: ImageEntry, before: int, known: dict[int, tuple[str, str]]) -> None:
        """Give ``entry`` the nearest heading before it that does not stand in a section the image is not in."""
        for heading in self.headings[max(0, before - _MAX_HEADINGS_BACK) : before][::-1]:
            section = heading.section
            if section is None or any(at is section for at in entry.place.ancestors()):
                if heading.start not in known:
                    known[heading.start] = (self.tree.text_of(heading), heading.path())
                entry.add(CaptionKind.HEADING, *known[heading.start])
                return

    def _harvest(self) -> PageHarvest:
        mentions: dict[str, list[ImageEntry]] = {}
        refused = []
        full_sizes = _full_sizes(self.entries)
        for entry in self.entries:
            if entry.url is None:
                path = entry.place.path()
                refused.append(RefusedMention(entry.raw_url[:_MAX_RAW_URL], path, _distinct([entry])))
            else:
                mentions.setdefault(full_sizes.get(entry.url, entry.url), []).append(entry)
        return PageHarvest(
            title=collapsed(self.tree.title),
            images=tuple(_mention(url, entries) for url, entries in mentions.items()),
            refused=tuple(refused),
            links=tuple(url for url, may_follow in self.urls.links.items() if may_follow),
            nofollow=tuple(url for url, may_follow in self.urls.links.items() if not may_follow),
            robots_meta=tuple(self.robots),
            licences=(*self.urls.licences, *(m for m in self.marks if m not in self.urls.licences)),
            site_name=self.site_name,
        )


def _full_sizes(entries: list[ImageEntry]) -> dict[str, str]:
    """Return which file each thumbnail links to. One that links to several is no thumbnail but a sign ("크게 보기")."""
    shown = {entry.url for entry in entries if entry.place.tag not in _TAGS_OF_DATA}
    linked: dict[str, set[str]] = {}
    for entry in entries:
        if entry.url is not None and entry.full_size:
            linked.setdefault(entry.url, set()).add(entry.full_size)
    return {url: full for url, (full, *more) in linked.items() if not more and full not in shown}


def _mention(url: str, entries: list[ImageEntry]) -> ImageMention:
    """Merge the places of one image. JSON-LD shows nothing: a listing names the pictures of its articles there."""
    pages = [entry.linked_page for entry in entries if entry.place.tag != "script"]
    return ImageMention(url, _distinct(entries), pages[0] if pages and all(pages) else "")


def _distinct(entries: list[ImageEntry]) -> tuple[CaptionCandidate, ...]:
    """Merge the captions: the first of each (kind, text), at most `MAX_CAPTIONS`."""
    found: dict[tuple[str, str], CaptionCandidate] = {}
    for entry in entries:
        for caption in entry.captions:
            found.setdefault((caption.kind, caption.text), caption)
        if len(found) >= MAX_CAPTIONS:
            break
    return tuple(found.values())[:MAX_CAPTIONS]


def _file_name(url: str) -> str:
    name = unquote_to_bytes(url.partition("?")[0].rpartition("/")[2])
    for charset in ("utf-8", "cp949"):
        try:
            return name.decode(charset)
        except UnicodeDecodeError:
            continue
    return ""
