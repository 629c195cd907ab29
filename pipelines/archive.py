"""The pages of one host group in one round of a crawl: their rows, links and WARC records, saved as they come.

A page is looked up before it is asked for: in what a killed run saved of this stage, and in what earlier stages of the
same output committed under the same settings. What was refused is saved beside the rows (`pipelines.refusals`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import BinaryIO, NamedTuple

from filters.caption_safety import withheld
from pipelines import saved, storage
from pipelines.parts import AttemptPlace, Done, Part, Tally, read_rows, write_part
from pipelines.refusals import Refusals, RefusedVisit, write_refusals
from pipelines.stage import REUSED, Committed, outcome_tallies
from pipelines.warc import WarcWriter
from pipelines.web_client import Fetched, refusal_to_keep
from schemas.reasons import Outcome
from schemas.records import PageRow

PASSED = "passed_over"
"""In the books of pages: a sitemap, a redirect, or something that is not HTML."""


class Link(NamedTuple):
    """A URL to visit that a visit found, and how many links deeper it lies: 0 for redirects and sitemaps."""

    page_url: str
    url: str
    deeper: int
    sitemap: bool


class Crawled(NamedTuple):
    """What became of one visit. ``page`` is the answer to archive, ``refusal`` one that refuses its use, or None."""

    row: PageRow
    links: list[Link]
    page: Fetched | None
    refusal: Fetched | None = None


class EarlierCrawl(NamedTuple):
    """The parts of an earlier crawl stage by host group, as full paths."""

    folder: str
    pages: dict[int, list[str]]
    links: dict[int, list[str]]

    @classmethod
    def of(cls, stage: Committed, partitions: int) -> EarlierCrawl:
        """Return the parts of ``stage``, which spread its hosts over ``partitions`` in every round."""
        tables: dict[str, dict[int, list[str]]] = {"pages": {}, "links": {}}
        for name, paths in tables.items():
            for part in stage.manifest.table(name):
                paths.setdefault(part.partition % partitions, []).append(storage.join(stage.folder, part.path))
        return cls(stage.folder, **tables)


class _Chunk:
    """What was visited since the last save. The WARC begins with its first page."""

    def __init__(self, place: AttemptPlace, number: int) -> None:
        self._place = place
        self._number = number
        self._content: storage.ContentFile | None = None
        self._writer: WarcWriter | None = None
        self._archived = 0
        self.rows: list[PageRow] = []
        self.links: list[Link] = []
        self.refused: list[RefusedVisit] = []
        self.due = saved.Due()

    def _open(self) -> WarcWriter:
        if self._writer is None:
            self._content = storage.ContentFile(self._place.path)
            self._writer = WarcWriter(self._content.file)
        return self._writer

    def add(self, crawled: Crawled) -> bool:
        """Add one visit; return whether it is time to save."""
        row, page = crawled.row, crawled.page
        refused = refusal_to_keep(crawled.refusal) if crawled.refusal is not None else None
        if refused is not None:
            self.refused.append(refused)
        if page is not None:
            offset = self._open().add(
                url=page.final_url,
                fetched_at=page.fetched_at,
                address=page.address,
                status=page.status or 200,
                headers=[(name, withheld(value)) for name, value in page.headers],
                body=page.body,
            )
            row = row._replace(source_offset=offset)
        self.rows.append(row)
        self.links.extend(crawled.links)
        return self.due.count(len(page.body) if page is not None else 0)

    def copy(self, row: PageRow, source: BinaryIO | None) -> None:
        """Add an earlier visit; ``source`` is the archive in which its page lies, None where none was kept.

        Raises:
            OSError: the page is not there.
        """
        if source is not None and row.source_offset is not None:
            row = row._replace(source_offset=self._open().copy(source, row.source_offset))
        self.rows.append(row)

    def publish(self) -> list[Part]:
        """Publish everything; return its parts: pages, links and, where there are such, the WARC and refusals."""
        parts = []
        rows = self.rows
        if self._content is not None:
            warc = self._content.publish(f"warc-{self._number:05d}", ".warc.gz")
            kept = [row for row in rows if row.outcome == Outcome.KEEP]
            parts.append(self._place.part("warc", self._number, warc, len(kept)))
            rows = [row._replace(source=parts[0].path) if row.outcome == Outcome.KEEP else row for row in rows]
        parts.append(write_part(self._place, "pages", self._number, PageRow, sorted(rows)))
        parts.append(write_part(self._place, "links", self._number, Link, sorted(self.links)))
        return parts + write_refusals(self._place, self._number, self.refused)

    def discard(self) -> None:
        """Remove what is not published."""
        if self._content is not None:
            self._content.discard()


class Archive:
    """What one partition of a round writes. A context manager: what is not saved goes in the end.

    ``number`` names the round and the partition, ``wanted`` are the URLs to visit: the same in every try of a stage,
    for a round follows from those before it.
    """

    def __init__(self, place: AttemptPlace, number: int, wanted: Iterable[str], refused: Sequence[str] = ()) -> None:
        """Take the URLs ``wanted`` and the parts of what was ``refused`` before this round."""
        self._refused = refused
        self._number = number
        self._place = saved.place_of(place, f"{number:05d}")
        self._missing = set(wanted)
        self._parts: set[Part] = set()
        self._books: Counter[tuple[str, str]] = Counter()
        self._chunk = _Chunk(self._place, number)
        self.reused = 0

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._chunk.discard()

    @property
    def missing(self) -> list[str]:
        """The URLs that are still to be visited, sorted."""
        return sorted(self._missing)

    def refusals(self) -> Refusals:
        """Return what was refused before this round, and in it so far."""
        return Refusals(self._refused, self._place.folder)

    def resume(self) -> None:
        """Take what a killed run, or a bundle run before, saved of this unit."""
        for rows, parts in saved.untaken(self._place, "pages", PageRow, _url_of, self._missing):
            self._take(rows, parts)
            self.reused += len(rows)

    def take_over(self, earlier: Sequence[EarlierCrawl], partition: int) -> None:
        """Copy the latest visit to each wanted URL that earlier stages have and that stands, but for lost pages."""
        latest: dict[str, tuple[int, PageRow]] = {}
        for number, crawl in enumerate(earlier):
            for row in self._standing(crawl, partition):
                known = latest.get(row.page_url)
                if known is None or known[1].captured_at <= row.captured_at:
                    latest.pop(row.page_url, None)  # so that the rows of a stage stay in the order of its archive
                    latest[row.page_url] = number, row
        for number, crawl in enumerate(earlier):
            by_source: dict[str, list[PageRow]] = {}
            for whose, row in latest.values():
                if whose == number:
                    source = row.source if row.outcome == Outcome.KEEP else ""
                    by_source.setdefault(source, []).append(row)
            self._take_from(crawl, partition, by_source)

    def _standing(self, earlier: EarlierCrawl, partition: int) -> Iterator[PageRow]:
        for path in earlier.pages.get(partition, []):
            for row in read_rows(path, PageRow):
                stands = saved.stands(row.reason, row.http_status)
                if row.page_url in self._missing and stands:
                    yield row

    def _take_from(self, earlier: EarlierCrawl, partition: int, by_source: dict[str, list[PageRow]]) -> None:
        chunk = _Chunk(self._place, self._number)
        try:
            for source in sorted(by_source):
                self._copy(by_source[source], storage.join(earlier.folder, source) if source else "", chunk)
            if chunk.rows:
                taken = {row.page_url for row in chunk.rows}
                for path in earlier.links.get(partition, []):
                    chunk.links.extend(link for link in read_rows(path, Link) if link.page_url in taken)
                self.reused += len(taken)
                self._take(*self._publish(chunk))
        finally:
            chunk.discard()

    def _copy(self, rows: list[PageRow], source: str, chunk: _Chunk) -> None:
        """Copy ``rows`` with the pages that lie in the archive ``source``; those that do not are visited again."""
        with ExitStack() as stack:
            try:
                archive = stack.enter_context(storage.open_to_read(source)) if source else None
            except OSError:
                return
            for row in rows:
                with suppress(OSError):
                    chunk.copy(row, archive)

    async def add(self, crawled: Crawled) -> None:
        """Add what became of one visit."""
        if self._chunk.add(crawled):
            await self.save()

    async def save(self) -> None:
        """Save what was added since the last time, beside the event loop: it hashes and waits for the disk."""
        chunk, self._chunk = self._chunk, _Chunk(self._place, self._number)
        if chunk.rows:
            self._take(*await asyncio.to_thread(self._publish, chunk))

    def _publish(self, chunk: _Chunk) -> tuple[list[PageRow], list[Part]]:
        try:
            parts = chunk.publish()
        finally:
            chunk.discard()
        saved.save(self._place, parts)
        return chunk.rows, parts

    def _take(self, rows: list[PageRow], parts: list[Part]) -> None:
        self._parts.update(parts)
        for row in rows:
            self._missing.discard(row.page_url)
            self._books[row.outcome, row.reason or PASSED] += 1

    def links(self) -> Iterator[Link]:
        """Yield every link that the visits found."""
        for part in sorted(self._parts):
            if part.table == "links":
                yield from read_rows(storage.join(self._place.folder, part.path), Link)

    def done(self) -> Done:
        """Return the report of the partition once everything is saved."""
        tallies = outcome_tallies(self._books)
        if self.reused:
            tallies.append(Tally(REUSED, self.reused))
        return Done(sorted(self._parts), tallies)


def _url_of(row: PageRow) -> str:
    return row.page_url
