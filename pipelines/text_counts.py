"""Counting texts over the whole corpus before any is judged: on how many images a text stands, how many texts share
its template, how many page titles have a part, which texts beside a link are the title of the page it leads to.

A worker turns the texts of a part into pairs of 64-bit hashes (what is counted, what it stands on); pairs are
regrouped by their first hash, made distinct and counted. Only counts of two and more are kept: the rest is one.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt

from filters.caption import TextCounts
from filters.caption_corpus import page_titles, site_of, template_key, text_key
from filters.clean import clean
from filters.page_title import title_parts, title_runs
from pipelines.exchange import ROWS_PER_PARTITION, Exchange, Slice, read_slices
from pipelines.parts import AttemptPlace, Done, read_batches, read_rows, write_part
from pipelines.unit_of_work import reported
from schemas.records import CandidateRow

Hashes = npt.NDArray[np.int64]

PAIRS_AT_ONCE = 500_000
"""Pairs written to one file: those of `ROWS_PER_PARTITION` candidates are some 200,000."""
_ON_SITE, _ANYWHERE, _TEMPLATE, _NAME, _TITLE = "site", "text", "template", "name", "title"
_PAGE, _LINK = 0, 1
"""What a title stands on: the page it names, and an image that links there. On both, it counts two."""


class Pair(NamedTuple):
    """That ``counted`` stands on ``on``, both as hashes."""

    counted: int
    on: int


class Counted(NamedTuple):
    """How many distinct things ``counted`` stands on."""

    counted: int
    number: int


def hashed(*words: str) -> int:
    """Return a signed 64-bit hash of ``words``; two different texts meet once in 10^9 corpora of a million texts."""
    digest = hashlib.blake2b("\x00".join(words).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def pairs_of(row: CandidateRow) -> set[Pair]:
    """Return what one candidate's texts add to the counts."""
    site = site_of(row.page_url)
    image = hashed(row.image_url)
    pairs = {pair for title in page_titles(row.page_title, row.captions) for pair in _title_pairs(row.page_url, title)}
    for text in {clean(candidate.text).text for candidate in row.captions} - {""}:
        key = text_key(text)
        if row.linked_page:
            pairs.add(Pair(hashed(_TITLE, row.linked_page, key), _LINK))
        pairs.add(Pair(hashed(_ON_SITE, site, key), image))
        pairs.add(Pair(hashed(_ANYWHERE, key), image))
        pairs.add(Pair(hashed(_TEMPLATE, site, template_key(text)), hashed(key)))
    return pairs


@lru_cache(maxsize=256)
def _title_pairs(page_url: str, title: str) -> list[Pair]:
    """Return what one title of a page adds; all images of the page share it."""
    parts = title_parts(title)
    names = {text_key(part) for part in parts} if len(parts) > 1 else ()
    pairs = [Pair(hashed(_TITLE, page_url, text_key(run)), _PAGE) for run in title_runs(title)]
    return pairs + [Pair(hashed(_NAME, site_of(page_url), name), hashed(page_url)) for name in names]


def count_pairs(pairs: Iterable[Pair]) -> list[Counted]:
    """Return the counts above one of distinct pairs, in the order of what is counted."""
    array = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    distinct = np.unique(array, axis=0)
    counted, numbers = np.unique(distinct[:, 0], return_counts=True)
    many = numbers > 1
    return [Counted(int(c), int(n)) for c, n in zip(counted[many], numbers[many], strict=True)]


class CorpusCounts:
    """The counts of a corpus, looked up by site and text: 16 bytes in memory for each text that repeats."""

    def __init__(self, paths: Iterable[str]) -> None:
        batches = [batch for path in paths for batch in read_batches(path)]
        none = [np.empty(0, np.int64)]
        counted = np.concatenate([batch.column("counted").to_numpy() for batch in batches] or none)
        numbers = np.concatenate([batch.column("number").to_numpy() for batch in batches] or none)
        order = np.argsort(counted, kind="stable")
        self._counted, self._numbers = counted[order], numbers[order]

    @classmethod
    def of(cls, rows: Iterable[CandidateRow]) -> CorpusCounts:
        """Return the counts of a few rows that are at hand."""
        counted = count_pairs({pair for row in rows if not row.reason for pair in pairs_of(row)})
        counts = cls([])
        counts._counted = np.array([found.counted for found in counted], np.int64)
        counts._numbers = np.array([found.number for found in counted], np.int64)
        return counts

    def _number(self, key: int) -> int:
        place = int(np.searchsorted(self._counted, key))
        if place < len(self._counted) and self._counted[place] == key:
            return int(self._numbers[place])
        return 1

    def counts(self, site: str, text: str, /) -> TextCounts:
        """Return the counts of ``text`` (cleaned) on ``site``; every text that was in the corpus counts at least 1."""
        key = text_key(text)
        return TextCounts(
            self._number(hashed(_ON_SITE, site, key)),
            self._number(hashed(_ANYWHERE, key)),
            self._number(hashed(_TEMPLATE, site, template_key(text))),
        )

    def named_pages(self, site: str, part: str, /) -> int:
        """Return how many pages of ``site`` have ``part`` among the parts of their title; 1 where none has."""
        return self._number(hashed(_NAME, site, text_key(part)))

    def is_title_of(self, page_url: str, text: str, /) -> bool:
        """Tell whether ``text``, which stands beside a link to ``page_url``, is that page's title."""
        return self._number(hashed(_TITLE, page_url, text_key(text))) > 1


class SpreadPairs(beam.DoFn):
    """Turns a part of candidates into pairs, spread by what is counted."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def process(self, path: str) -> Iterator[tuple[int, Slice]]:
        """Yield the handles of one part's slices."""
        rows = (row for row in read_rows(path, CandidateRow) if not row.reason)
        while some := list(islice(rows, ROWS_PER_PARTITION)):
            yield from self._exchange.write(sorted({pair for row in some for pair in pairs_of(row)}))


class CountPartition(beam.DoFn):
    """Counts the pairs of one partition."""

    def __init__(self, place: AttemptPlace) -> None:
        self._place = place

    @reported("count")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write the partition's counts."""
        partition, slices = element
        rows = count_pairs(read_slices(slices, Pair))
        part = write_part(self._place, "counts", partition, Counted, rows)
        yield Done([part], [])


def expand(pipeline: beam.Pipeline, paths: list[str], place: AttemptPlace, partitions: int) -> beam.PCollection[Done]:
    """Wire the count: parts of candidates to parts of counts."""
    exchange = Exchange(place.exchange, Pair, by_counted, partitions, operator.mod, PAIRS_AT_ONCE)
    handles = pipeline | "parts" >> beam.Create(paths) | "spread" >> beam.ParDo(SpreadPairs(exchange))
    done: beam.PCollection[Done] = exchange.group(handles, "group") | "count" >> beam.ParDo(CountPartition(place))
    return done


def by_counted(pair: Pair) -> int:
    """The key of the exchange: a hash already."""
    return pair.counted
