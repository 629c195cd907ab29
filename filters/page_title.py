"""Titles of pages: the parts they are made of, and stripping the name of the site from what is left.

"돌하르방의 유래 | 제주문화원", "첨성대 - 경주 여행 - 블로그", "제주일보 :: 한라산 첫눈". What is a name is not guessed
from the words: the caller proves it, by og:site_name or by the pages of the site whose titles have the part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from filters.clean import Cleaned, clean

MANY_PAGES: Final = 5
"""Pages of a site whose titles have a part in common before it is a name: the parts of one article are fewer."""

NAME_STEP: Final = "site_name"
"""The cleaning step."""

_MAX_PARTS: Final = 8
_SIGNS: Final = frozenset("|｜ㅣ«»:-–—·/<>~")
_SEPARATOR: Final = re.compile(r"\s*(?:[|｜ㅣ«»]|::)\s*|\s+[-–—:·/<>~]\s+")


def title_parts(title: str) -> list[str]:
    """Return the parts of ``title`` between separators, at most eight; the title itself where it has none."""
    return [part for part in _SEPARATOR.split(title, maxsplit=_MAX_PARTS - 1) if part]


def title_runs(title: str) -> list[str]:
    """Return ``title`` and every beginning and end of it that is made of whole parts."""
    cuts = [*_SEPARATOR.finditer(title)][: _MAX_PARTS - 1]
    runs = [title, *(title[: cut.start()] for cut in cuts), *(title[cut.end() :] for cut in cuts)]
    return [run for run in runs if run]


def without_names(cleaned: Cleaned, is_name: Callable[[str], bool]) -> Cleaned:
    """Return ``cleaned`` without the parts at its end, then at its beginning, that are names; one part always stays."""
    text = cleaned.text
    if _SIGNS.isdisjoint(text):
        return cleaned
    cuts = [*_SEPARATOR.finditer(text)][: _MAX_PARTS - 1]
    starts, ends = [0, *(cut.end() for cut in cuts)], [*(cut.start() for cut in cuts), len(text)]
    first, last = 0, len(starts) - 1
    while first < last and is_name(text[starts[last] : ends[last]]):
        last -= 1
    while first < last and is_name(text[starts[first] : ends[first]]):
        first += 1
    if last - first == len(cuts):
        return cleaned
    again = clean(text[starts[first] : ends[last]])
    return Cleaned(again.text, (*cleaned.steps, NAME_STEP, *again.steps), again.reason)
