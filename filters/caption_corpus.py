"""What a corpus says about a text: how many images carry it, how many texts are made from its template.

Counting groups by cheap keys that need no morphology, so that it can run over every candidate before any is judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from filters.caption import NOT_COUNTED, TextCounts
from filters.clean import clean
from filters.page_title import title_parts, title_runs
from schemas.records import CaptionCandidate

_NOT_ALNUM: Final = re.compile(r"[\W_]+")
_HOST: Final = re.compile(r"[a-z]+://(?:[^/?#@]*@)?(?:www\.)?([^/?#:]+)", re.IGNORECASE)
_DIGITS: Final = re.compile(r"\d+")
_PLACE: Final = re.compile(
    r"(?<![가-힣])(?:(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주|충청|전라|경상)"
    r"(?:특별자치|특별|광역)?[시도]?"
    r"|[가-힣]{1,6}(?:특별시|광역시|시|군|구|읍|면|동|리|역|점|정류장|터미널|공항|항|초등학교|중학교|고등학교|대학교|병원"
    r"|아파트))(?![가-힣])"
)


class CaptionInput(NamedTuple):
    """One image with the texts that may describe it, and the page they stand on.

    ``linked_page`` is the page of the same site that the image links to, "" where it links to none.
    """

    captions: Sequence[CaptionCandidate]
    page_title: str = ""
    page_url: str = ""
    image_url: str = ""
    linked_page: str = ""
    site_name: str = ""


TITLE_KIND: Final = "og_title"
"""The kind of caption candidate that is a page's title."""


def page_titles(page_title: str, captions: Iterable[CaptionCandidate]) -> set[str]:
    """Return the titles that a page gives itself, cleaned."""
    titles = [page_title, *(candidate.text for candidate in captions if candidate.kind == TITLE_KIND)]
    return {clean(title).text for title in titles} - {""}


def site_of(page_url: str) -> str:
    """Return the site that frequencies of a page's texts are counted by: its host, without "www."."""
    match = _HOST.match(page_url)
    return match[1].casefold() if match else ""


class CorpusEvidence(Protocol):
    """The counts of a corpus, looked up by cleaned text."""

    def counts(self, site: str, text: str, /) -> TextCounts:
        """Return how often ``text`` stands over distinct images; `NOT_COUNTED` where it was not counted."""
        ...

    def named_pages(self, site: str, part: str, /) -> int:
        """Return how many pages of ``site`` have ``part`` as one of several parts of their title."""
        ...

    def is_title_of(self, page_url: str, text: str, /) -> bool:
        """Tell whether ``text``, on an image that links to ``page_url``, is that page's title, with or without names.

        False where the page was not read.
        """
        ...


@lru_cache(maxsize=8_192)
def text_key(text: str) -> str:
    """Return what equal texts have in common: ``text`` (cleaned) without spaces, signs and case."""
    return _NOT_ALNUM.sub("", text).casefold()


def template_key(text: str) -> str:
    """Return ``text`` (cleaned) with its digits folded and, where it has digits, its place names too.

    "제주시 101번 버스 시간표" gives "@ 0번 버스 시간표". Places are told by their endings (시, 동, 역 …) and not by a
    dictionary, which is good enough beside a number and not without one: "일지관리 목록조회" names no village.
    """
    folded = _DIGITS.sub("0", text)
    return (_PLACE.sub("@", folded) if "0" in folded else folded).casefold()


class CountedCorpus:
    """Evidence counted over inputs that fit in memory."""

    def __init__(self, inputs: Iterable[CaptionInput]) -> None:
        site_images: dict[tuple[str, str], set[str]] = {}
        images: dict[str, set[str]] = {}
        templates: dict[tuple[str, str], set[str]] = {}
        names: dict[tuple[str, str], set[str]] = {}
        self._titles: set[tuple[str, str]] = set()
        for item in inputs:
            site = site_of(item.page_url)
            for title in page_titles(item.page_title, item.captions):
                self._titles |= {(item.page_url, text_key(run)) for run in title_runs(title)}
                parts = title_parts(title)
                for part in parts if len(parts) > 1 else ():
                    names.setdefault((site, text_key(part)), set()).add(item.page_url)
            for text in {clean(candidate.text).text for candidate in item.captions} - {""}:
                key = text_key(text)
                site_images.setdefault((site, key), set()).add(item.image_url)
                images.setdefault(key, set()).add(item.image_url)
                templates.setdefault((site, template_key(text)), set()).add(key)
        self._site_images = {key: len(found) for key, found in site_images.items()}
        self._images = {key: len(found) for key, found in images.items()}
        self._templates = {key: len(found) for key, found in templates.items()}
        self._names = {key: len(found) for key, found in names.items()}

    def counts(self, site: str, text: str, /) -> TextCounts:
        """Return the counts of ``text`` on ``site``."""
        key = text_key(text)
        if key not in self._images:
            return NOT_COUNTED
        return TextCounts(
            self._site_images.get((site, key), 0),
            self._images[key],
            self._templates.get((site, template_key(text)), 0),
        )

    def named_pages(self, site: str, part: str, /) -> int:
        """Return how many pages of ``site`` have ``part`` as one of several parts of their title."""
        return self._names.get((site, text_key(part)), 0)

    def is_title_of(self, page_url: str, text: str, /) -> bool:
        """Tell whether ``text`` is the title of ``page_url``."""
        return (page_url, text_key(text)) in self._titles
