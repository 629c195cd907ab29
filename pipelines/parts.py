"""Parquet parts: the files a stage is made of, and what a worker reports about each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import coders, storage
from schemas.arrow import arrow_schema, from_table, to_table

Row = TypeVar("Row", bound=NamedTuple)

ROWS_PER_GROUP = 5_000
"""Rows held in memory while a part is written or read; a row is about 1 kB."""


class Part(NamedTuple):
    """One file that a stage wrote: the table it belongs to, its place in it, and what its bytes are.

    ``partition`` orders the parts of a table. ``path`` is relative to the stage's folder.
    """

    table: str
    partition: int
    path: str
    size: int
    sha256: str
    rows: int


class Tally(NamedTuple):
    """A worker's account of the records it saw, to be summed: how many under which heading."""

    heading: str
    number: int


class Work(NamedTuple):
    """How a unit of work went, for the log: its step of the job and partition, when it ended and how long it took.

    Times are in milliseconds, ``ended`` since 1970. ``rows`` and ``sizes`` (bytes) are of what it wrote, by table.
    """

    step: str
    partition: int
    ended: int
    took: int
    rows: list[Tally]
    sizes: list[Tally]
    tallies: list[Tally]


class Done(NamedTuple):
    """What one unit of work reports: the files it wrote, its account, and how it went, which is only for the log."""

    parts: list[Part]
    tallies: list[Tally]
    work: tuple[Work, ...] = ()


coders.register(Done)


class AttemptPlace(NamedTuple):
    """Where a worker's files go: a stage's folder and the name of an attempt in it."""

    folder: str
    attempt: str

    @property
    def path(self) -> str:
        """The attempt's folder."""
        return storage.join(self.folder, self.attempt)

    @property
    def exchange(self) -> str:
        """The folder of the attempt's exchange files, which go when the stage is committed."""
        return storage.join(self.path, "exchange")

    def part(self, table: str, partition: int, file: storage.Published, rows: int) -> Part:
        """Return a file that was published in the attempt's folder as the part it is."""
        name = file.path.rsplit("/", 1)[1]
        return Part(table, partition, f"{self.attempt}/{name}", file.size, file.sha256, rows)


class PartWriter:
    """Writes rows of one record type to one Parquet part, in groups, so that memory stays flat."""

    def __init__(self, place: AttemptPlace, record: type[Row]) -> None:
        self._record = record
        self._place = place
        self._content = storage.ContentFile(place.path)
        self._writer = pq.ParquetWriter(self._content.file, arrow_schema(record), compression="zstd")
        self._pending: list[NamedTuple] = []
        self.rows = 0

    def add(self, row: NamedTuple) -> None:
        """Append one row."""
        self._pending.append(row)
        if len(self._pending) >= ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._writer.write_table(to_table(self._record, self._pending))
            self.rows += len(self._pending)
            self._pending = []

    def publish(self, table: str, partition: int) -> Part:
        """Finish the file and return it as a `Part`."""
        self._flush()
        self._writer.close()
        published = self._content.publish(f"{table}-{partition:05d}", ".parquet")
        return self._place.part(table, partition, published, self.rows)

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer.is_open:
            with suppress(OSError):  # an error is on its way out already, and the file is thrown away
                self._writer.close()
        self._content.discard()


def write_part(place: AttemptPlace, table: str, partition: int, record: type[Row], rows: Iterable[Row]) -> Part:
    """Write ``rows`` as one part of ``table`` and return it."""
    with PartWriter(place, record) as writer:
        for row in rows:
            writer.add(row)
        return writer.publish(table, partition)


def read_batches(path: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a Parquet file, `ROWS_PER_GROUP` rows at the most each."""
    with storage.open_to_read(path) as file, pq.ParquetFile(file) as parquet:
        yield from parquet.iter_batches(batch_size=ROWS_PER_GROUP, columns=columns)


def read_rows(path: str, record: type[Row]) -> Iterator[Row]:
    """Yield the rows of a Parquet part as ``record`` tuples, in order."""
    for batch in read_batches(path):
        yield from from_table(record, batch)
