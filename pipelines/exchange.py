"""Regrouping rows by key without sending them through Beam's shuffle.

A Beam GroupByKey holds every value in memory on the embedded engine and costs microseconds a row everywhere. So each
worker writes the rows it has into one file with one batch per partition, and only the handles of those batches are
shuffled; the worker that gets a partition reads its batches from all files. Memory is one partition, whatever the size
of the data, on any engine. Files are in Arrow's own format, of which a batch is found and read without parsing what is
known of all others: Parquet's footer of 5,000 row groups took 0.2 s, for every row group that was read.

Where there are more partitions than `FAN_OUT`, rows are dealt twice: first to stretches of partitions, then, by whoever
gets a stretch, to the partitions in it. Else files times partitions would grow with the square of the rows: at
100 million, 5,000 files of 5,000 batches of 4 rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines import coders, storage
from schemas.arrow import from_table, to_table
from schemas.identity import partition_of

Row = TypeVar("Row", bound=NamedTuple)

ROWS_PER_PARTITION = 20_000
"""Rows one worker holds at a time after an exchange: of image URLs 20 MB of Python objects, of chosen samples 600."""
FAN_OUT = 256
"""Batches that one file is dealt to at the most: of a part of 20,000 rows, some 80 rows each."""
ARROW = ".arrow"
"""How the names of exchange files in Arrow's format end."""
_PLACE = "partition"
"""The column that tells, in files dealt to stretches, where a row is bound for."""
_LOAD_BYTES = 1 << 26
"""Rows of a stretch that are dealt at a time, as Arrow has them."""
MIN_PARTITIONS = 8
"""Even a small run has work for several workers."""


class Slice(NamedTuple):
    """A batch of an exchange file, bound for one partition. ``source`` tells inputs of a join apart."""

    source: str
    path: str
    batch: int


coders.register(Slice)

Handle = tuple[int, Slice]
"""A slice with the partition it is bound for: what is shuffled."""


def partitions_for(rows: int) -> int:
    """Return how many partitions ``rows`` rows are exchanged over. It depends on the data only, never on workers."""
    return max(MIN_PARTITIONS, -(-rows // ROWS_PER_PARTITION))


class Exchange(NamedTuple):
    """Where an exchange's files go, and how a row finds its partition: ``place(key(row), partitions)``.

    A part of candidates has as many rows as its archive gave, so ``load`` of them are held and written at a time.
    """

    folder: str
    record: type
    key: Callable[[Any], Any]
    partitions: int
    place: Callable[[Any, int], int] = partition_of
    load: int = ROWS_PER_PARTITION

    def write(self, rows: Iterable[NamedTuple], *, source: str = "") -> list[Handle]:
        """Write ``rows`` to exchange files; return the handles by which `group` brings each partition together."""
        left, handles = iter(rows), []
        while load := list(islice(left, self.load)):
            handles += self._write(load, source)
        return handles

    def _write(self, rows: list[NamedTuple], source: str) -> list[Handle]:
        places = np.array([self.place(self.key(row), self.partitions) for row in rows], np.int64)
        table = to_table(self.record, rows)
        width = self._stretch()
        if width == 1:
            return write_columns(self.folder, table, places, source=source)
        return write_columns(self.folder, table.append_column(_PLACE, pa.array(places)), places // width, source=source)

    def _stretch(self) -> int:
        """Return how many partitions rows are first dealt to together."""
        return -(-self.partitions // FAN_OUT)

    def group(self, handles: beam.PCollection[Handle], label: str) -> beam.PCollection[tuple[int, list[Slice]]]:
        """Bring the slices of each partition together, from this exchange and others of as many partitions."""
        if self._stretch() > 1:
            stretches = group(handles, f"{label} stretches")
            handles = stretches | f"deal {label}" >> beam.ParDo(_Deal(self.folder))
        return group(handles, label)


class _Deal(beam.DoFn):
    """Deals the rows of one stretch of partitions to these."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Handle]:
        """Yield the handles of each partition's slices."""
        for source, pieces in sorted(by_source(element[1]).items()):
            for load in _loads(_tables(pieces)):
                rows = load.drop_columns([_PLACE])
                yield from write_columns(self._folder, rows, load[_PLACE].to_numpy(), source=source)


def _loads(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield ``tables`` put together until they have `_LOAD_BYTES`."""
    load: list[pa.Table] = []
    size = 0
    for table in tables:
        load.append(table)
        size += table.nbytes
        if size >= _LOAD_BYTES:
            yield pa.concat_tables(load)
            load, size = [], 0
    if load:
        yield pa.concat_tables(load)


def write_columns(folder: str, table: pa.Table, places: npt.NDArray[np.int64], *, source: str = "") -> list[Handle]:
    """Write the rows of ``table`` as one batch per value of ``places``, which gives each row its partition."""
    if table.num_rows == 0:
        return []
    lowest = places.min()
    narrow = np.uint16 if places.max() - lowest <= np.iinfo(np.uint16).max else np.int64  # 16 bits sort by radix
    order = np.argsort((places - lowest).astype(narrow), kind="stable")
    partitions = places[order]
    starts = np.flatnonzero(np.r_[True, partitions[1:] != partitions[:-1]])
    sizes = np.diff(starts, append=len(order))
    dealt = table.combine_chunks().take(order)
    with storage.ContentFile(folder) as content:
        with pa.ipc.new_file(content.file, dealt.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
                writer.write_table(dealt.slice(start, size), max_chunksize=size)
        path = content.publish("exchange", ARROW).path
    return [(place, Slice(source, path, number)) for number, place in enumerate(partitions[starts].tolist())]


def read_columns(slices: Iterable[Slice]) -> pa.Table | None:
    """Return the rows of ``slices`` as one table, in no order that may be relied on; None where there are no slices."""
    tables = list(_tables(slices))
    return pa.concat_tables(tables) if tables else None


def by_source(slices: Iterable[Slice]) -> dict[str, list[Slice]]:
    """Return the slices of each input of a join; an input without any has an empty list."""
    pieces: dict[str, list[Slice]] = defaultdict(list)
    for piece in slices:
        pieces[piece.source].append(piece)
    return pieces


def _tables(slices: Iterable[Slice]) -> Iterator[pa.Table]:
    by_path: dict[str, set[int]] = {}
    for piece in slices:
        by_path.setdefault(piece.path, set()).add(piece.batch)
    for path in sorted(by_path):
        with storage.open_to_read(path) as file:
            reader = pa.ipc.open_file(file)
            yield pa.Table.from_batches([reader.get_batch(number) for number in sorted(by_path[path])])


def read_slices(slices: Iterable[Slice], record: type[Row]) -> Iterator[Row]:
    """Yield the rows of ``slices``, in no order that may be relied on: sort them by a total key."""
    for table in _tables(slices):
        yield from from_table(record, table)


def group(handles: beam.PCollection[Handle], label: str) -> beam.PCollection[tuple[int, list[Slice]]]:
    """Bring the slices of each partition together."""
    typed = handles | f"{label} handles" >> beam.Map(_as_it_is).with_output_types(Handle)
    grouped: beam.PCollection[tuple[int, list[Slice]]] = typed | label >> beam.GroupByKey()
    return grouped


def _as_it_is(handle: Handle) -> Handle:
    return handle
