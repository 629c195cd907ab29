"""The fetched images of one host group: their rows and the tars that hold them, saved as they come.

An image is looked up before it is asked for, by its URL, and before it is stored, by its bytes: in what a killed run
saved of this stage, and in what earlier stages of the same output committed under the same settings. What was refused
is saved beside the rows (`pipelines.refusals`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pipelines import saved, storage
from pipelines.parts import AttemptPlace, Done, Part, Tally, write_part
from pipelines.refusals import Refusals, RefusedVisit, write_refusals
from pipelines.stage import REUSED, outcome_tallies
from pipelines.tar import TarWriter
from schemas.reasons import Outcome
from schemas.records import ImageRow


class EarlierRow(NamedTuple):
    """A row that an earlier stage committed. ``folder`` is that stage's, below which its staging tar lies."""

    folder: str
    row: ImageRow


class _Chunk:
    """What was fetched since the last save. The tar begins with its first image."""

    def __init__(self, place: AttemptPlace, partition: int) -> None:
        self._place = place
        self._partition = partition
        self._content: storage.ContentFile | None = None
        self._tar: TarWriter | None = None
        self._offsets: dict[str, int] = {}
        self.rows: list[ImageRow] = []
        self.refused: list[RefusedVisit] = []
        self.due = saved.Due()

    def store(self, row: ImageRow, jpeg: bytes, facts: tuple[str, bytes] | None) -> ImageRow:
        """Return ``row`` with its offset in the tar, to which image and facts are added unless it is in there."""
        if self._tar is None:
            self._content = storage.ContentFile(self._place.path)
            self._tar = TarWriter(self._content.file)
        if row.stored_sha256 not in self._offsets:
            self._offsets[row.stored_sha256] = self._tar.add(f"{row.stored_sha256[:32]}.jpg", jpeg)
            if facts is not None:
                self._tar.add(*facts)
        return row._replace(staging_offset=self._offsets[row.stored_sha256])

    def publish(self) -> tuple[list[ImageRow], Part | None]:
        """Publish the tar; return the rows, sorted and with its name, and its part."""
        if self._content is None or self._tar is None:
            return sorted(self.rows), None
        self._tar.close()
        tar = self._content.publish(f"staging-{self._partition:05d}", ".tar")
        part = self._place.part("staging", self._partition, tar, len(self._offsets))
        named = (
            row._replace(staging=part.path) if row.outcome == Outcome.KEEP and not row.staging else row
            for row in self.rows
        )
        return sorted(named), part

    def discard(self) -> None:
        """Remove what is not published."""
        if self._content is not None:
            self._content.discard()


class Staging:
    """The rows of one partition and where their images lie. A context manager: what is not saved goes in the end."""

    def __init__(self, place: AttemptPlace, partition: int, wanted: Iterable[str], refused: Sequence[str] = ()) -> None:
        """Take the URLs ``wanted`` and the parts of what was ``refused`` before this stage."""
        self._refused = refused
        self._partition = partition
        self._place = saved.place_of(place, f"{partition:05d}")
        self._missing = set(wanted)
        self._parts: set[Part] = set()
        self._tars: dict[str, Part] = {}
        self._stored: dict[str, ImageRow] = {}
        self._earlier: dict[str, EarlierRow] = {}
        self._linked: dict[str, Part | None] = {}
        self._books: Counter[tuple[str, str]] = Counter()
        self._chunk = _Chunk(self._place, partition)
        self.reused = 0

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        self._chunk.discard()

    @property
    def missing(self) -> list[str]:
        """The URLs that are still to be asked for, sorted."""
        return sorted(self._missing)

    def refusals(self) -> Refusals:
        """Return what was refused before this stage, and in it so far."""
        return Refusals(self._refused, self._place.folder)

    def resume(self) -> None:
        """Take what a killed run, or a bundle run before, saved of this unit."""
        for rows, parts in saved.untaken(self._place, "images", ImageRow, _url_of, self._missing):
            self._take(rows, parts)
            self.reused += len(rows)

    def take_over(self, earlier: Iterable[EarlierRow]) -> None:
        """Take the rows that earlier stages have of wanted URLs, the latest of each that stands.

        Their staging tars are linked into this stage's folder, so that the earlier stage may be removed.
        """
        latest: dict[str, EarlierRow] = {}
        for found in earlier:
            row = found.row
            if row.outcome == Outcome.KEEP:
                self._earlier.setdefault(row.stored_sha256, found)
            if row.image_url not in self._missing or not saved.stands(row.reason, row.http_status):
                continue
            known = latest.get(row.image_url)
            if known is None or (known.row.fetched_at, known.folder) < (row.fetched_at, found.folder):
                latest[row.image_url] = found
        placed = (self._placed(latest[url]) for url in sorted(latest))
        rows = [row for row in placed if row is not None]
        if rows:
            self._take(*self._record(rows, {}, []))
            self.reused += len(rows)

    def _placed(self, found: EarlierRow) -> ImageRow | None:
        """Return an earlier row with its image in this stage's folder; None where its tar is gone or differs."""
        if found.row.outcome != Outcome.KEEP:
            return found.row
        source = storage.join(found.folder, found.row.staging)
        if source not in self._linked:
            self._linked[source] = self._link(source)
        part = self._linked[source]
        return found.row._replace(staging=part.path) if part is not None else None

    def _link(self, source: str) -> Part | None:
        """Link a tar, if its bytes are those that its name says."""
        try:
            size, digest = storage.hash_file(source)
        except OSError:
            return None
        name = f"staging-{self._partition:05d}-{digest[:12]}.tar"
        if not source.endswith(f"-{digest[:12]}.tar"):
            return None
        target = storage.join(self._place.path, name)
        storage.link(source, target)
        part = self._place.part("staging", self._partition, storage.Published(target, size, digest), 0)
        return self._tars.setdefault(part.path, part)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Give a folder on the local disk for what lies there until it is staged; it goes in the end."""
        folder = None if storage.is_remote(self._place.path) else Path(self._place.path)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".work-", dir=folder) as made:
            yield Path(made)

    async def add(
        self,
        row: ImageRow,
        jpeg: bytes,
        refused: RefusedVisit | None = None,
        *,
        facts: tuple[str, bytes] | None = None,
    ) -> None:
        """Add a fetched URL and, where it is kept, its image, which is stored unless the same bytes are stored.

        ``refused`` is the refusal that the row is of, if later runs are to know it; ``facts`` are stored behind the
        image (see `pipelines.known_images.facts_of`).
        """
        chunk = self._chunk
        if refused is not None:
            chunk.refused.append(refused)
        if row.outcome == Outcome.KEEP:
            known = self._known(row.stored_sha256)
            if known is not None:
                row = row._replace(staging=known.staging, staging_offset=known.staging_offset)
            else:
                row = chunk.store(row, jpeg, facts)
        chunk.rows.append(row)
        if chunk.due.count(0 if row.staging else len(jpeg)):
            await self.save()

    def _known(self, digest: str) -> ImageRow | None:
        known = self._stored.get(digest)
        if known is None and digest in self._earlier:
            return self._placed(self._earlier[digest])
        return known

    async def save(self) -> None:
        """Save what was added since the last time, beside the event loop: it hashes and waits for the disk."""
        chunk, self._chunk = self._chunk, _Chunk(self._place, self._partition)
        if chunk.rows:
            self._take(*await asyncio.to_thread(self._publish, chunk))

    def _publish(self, chunk: _Chunk) -> tuple[list[ImageRow], list[Part]]:
        try:
            rows, tar = chunk.publish()
        finally:
            chunk.discard()
        return self._record(rows, {tar.path: tar} if tar is not None else {}, chunk.refused)

    def _record(
        self, rows: list[ImageRow], fresh: dict[str, Part], refused: list[RefusedVisit]
    ) -> tuple[list[ImageRow], list[Part]]:
        """Publish ``rows`` and what was ``refused`` with a record of their files, every tar they name among them."""
        images = write_part(self._place, "images", self._partition, ImageRow, rows)
        tars = self._tars | fresh
        parts = [images, *(tars[path] for path in sorted({row.staging for row in rows if row.staging}))]
        parts += write_refusals(self._place, self._partition, refused)
        saved.save(self._place, parts)
        return rows, parts

    def _take(self, rows: list[ImageRow], parts: list[Part]) -> None:
        self._parts.update(parts)
        self._tars.update({part.path: part for part in parts if part.table == "staging"})
        for row in rows:
            self._missing.discard(row.image_url)
            self._books[row.outcome, row.reason] += 1
            if row.outcome == Outcome.KEEP:
                self._stored.setdefault(row.stored_sha256, row)

    def done(self) -> Iterator[Done]:
        """Yield the report of the partition once everything is saved; nothing where nothing was wanted."""
        if self._parts:
            tallies = outcome_tallies(self._books)
            if self.reused:
                tallies.append(Tally(REUSED, self.reused))
            yield Done(sorted(self._parts), tallies)


def _url_of(row: ImageRow) -> str:
    return row.image_url
