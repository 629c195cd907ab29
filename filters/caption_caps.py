"""How many samples may carry one caption: what counts as the same caption, and which samples stay.

A caption on many images describes none of them well, and "전경 1" to "전경 400" are one text to an encoder. Counting
here is over samples that nothing else is held against, unlike `filters.caption.CaptionFrequency`, which counts texts
over all that was found before anything is judged.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from filters.caption_corpus import text_key
from filters.near_duplicates import Rank
from schemas.reasons import Reason

VERSION: Final = 1
"""Grows with every change of what is the same or nearly the same caption."""

_DIGITS: Final = re.compile(r"\d+")

Item = TypeVar("Item")


class CaptionCap(NamedTuple):
    """At most ``limit`` samples whose captions share a ``key``; those beyond are dropped for ``reason``."""

    name: str
    reason: Reason
    limit: int
    key: Callable[[str], str]


def caption_caps(*, max_same: int | None, max_near: int | None) -> list[CaptionCap]:
    """Return the caps that are set, in the order they are applied: equal captions first, then what is left."""
    caps = (
        ("max_same_caption", Reason.CAPTION_REPEATED, max_same, same_caption_key),
        ("max_near_captions", Reason.CAPTION_NEAR_REPEATED, max_near, near_caption_key),
    )
    return [CaptionCap(name, reason, limit, key) for name, reason, limit, key in caps if limit is not None]


def same_caption_key(caption: str) -> str:
    """Return what equal captions share: the cleaned text itself."""
    return caption


def near_caption_key(caption: str) -> str:
    """Return what nearly equal captions share: ``caption`` (cleaned) without digits, spaces, signs and case.

    A caption of nothing but those is like no other: it is returned as it is.
    """
    return _DIGITS.sub("", text_key(caption)) or caption


class FirstOfEach(Generic[Item]):
    """The first ``limit`` items of each key in the order of their ranks, whatever the order in which they come.

    Ranks are distinct and sort. Memory is ``limit`` items a key.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[str, list[tuple[Rank, Item]]] = {}

    def add(self, key: str, rank: Rank, item: Item) -> Item | None:
        """Take ``item`` in; return the item that must go for it, which may be itself, or None."""
        kept = self._kept.setdefault(key, [])
        insort(kept, (rank, item), key=_rank)
        return kept.pop()[1] if len(kept) > self._limit else None

    def items(self) -> list[Item]:
        """Return what stays, by key and rank."""
        return [item for key in sorted(self._kept) for _, item in self._kept[key]]


def _rank(entry: tuple[Rank, Item]) -> Rank:
    return entry[0]
