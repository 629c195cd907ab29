"""Regrouping rows by key without sending them through Beam's shuffle.

A Beam GroupByKey holds every value in memory on the embedded engine and costs microseconds a row everywhere. So each
worker writes the rows it has into one file with one row group per partition, and only the handles of those row groups
are shuffled; the worker that gets a partition reads its row groups from all files. Memory is one partition, whatever
the size of the data, on any engine. Rows of records are Parquet; columns of numbers are Arrow's own format, of which a
row group is found and read without parsing what is known of all others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import coders, storage
from schemas.arrow import arrow_schema, from_table, to_table
from schemas.identity import partition_of

Row = TypeVar("Row", bound=NamedTuple)

ROWS_PER_PARTITION = 20_000
"""Rows one worker holds at a time after an exchange: 20 to 60 MB of Python objects."""
ARROW = ".arrow"
"""How the names of exchange files in Arrow's format end."""
MIN_PARTITIONS = 8
"""Even a small run has work for several workers."""


class Slice(NamedTuple):
    """A row group (in Arrow's format, a batch) of an exchange file, bound for one partition.

    ``source`` tells inputs of a join apart.
    """

    source: str
    path: str
    row_group: int


coders.register(Slice)

Handle = tuple[int, Slice]
"""A slice with the partition it is bound for: what is shuffled."""


def partitions_for(rows: int) -> int:
    """Return how many partitions ``rows`` rows are exchanged over. It depends on the data only, never on workers."""
    return max(MIN_PARTITIONS, -(-rows // ROWS_PER_PARTITION))


class Exchange(NamedTuple):
    """Where an exchange's files go, and how a row finds its partition."""

    folder: str
    record: type
    key: Callable[[Any], str]
    partitions: int

    def write(self, rows: Iterable[NamedTuple], *, source: str = "") -> list[Handle]:
        """Write ``rows`` to one exchange file; return a (partition, slice) handle for each partition that has rows."""
        by_partition: dict[int, list[NamedTuple]] = {}
        for row in rows:
            by_partition.setdefault(partition_of(self.key(row), self.partitions), []).append(row)
        return write_slices(self.folder, self.record, by_partition, source=source)


def write_slices(
    folder: str, record: type, by_partition: dict[int, list[NamedTuple]], *, source: str = ""
) -> list[Handle]:
    """Write each partition's rows as one row group of one file; return the handles to shuffle."""
    if not by_partition:
        return []
    with storage.ContentFile(folder) as content:
        writer = pq.ParquetWriter(content.file, arrow_schema(record), compression="zstd")
        order = sorted(by_partition)
        for partition in order:
            table = to_table(record, by_partition[partition])
            writer.write_table(table, row_group_size=max(1, table.num_rows))
        writer.close()
        path = content.publish("exchange", ".parquet").path
    return [(partition, Slice(source, path, group)) for group, partition in enumerate(order)]


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
    tables = list(_row_groups(slices))
    return pa.concat_tables(tables) if tables else None


def by_source(slices: Iterable[Slice]) -> dict[str, list[Slice]]:
    """Return the slices of each input of a join; an input without any has an empty list."""
    pieces: dict[str, list[Slice]] = defaultdict(list)
    for piece in slices:
        pieces[piece.source].append(piece)
    return pieces


def _row_groups(slices: Iterable[Slice]) -> Iterator[pa.Table]:
    by_path: dict[str, set[int]] = {}
    for piece in slices:
        by_path.setdefault(piece.path, set()).add(piece.row_group)
    for path in sorted(by_path):
        with storage.open_to_read(path) as file:
            if path.endswith(ARROW):
                reader = pa.ipc.open_file(file)
                yield pa.Table.from_batches([reader.get_batch(number) for number in sorted(by_path[path])])
                continue
            with pq.ParquetFile(file) as parquet:
                for number in sorted(by_path[path]):
                    yield parquet.read_row_group(number)


def read_slices(slices: Iterable[Slice], record: type[Row]) -> Iterator[Row]:
    """Yield the rows of ``slices``, in no order that may be relied on: sort them by a total key."""
    for table in _row_groups(slices):
        yield from from_table(record, table)


def group(handles: beam.PCollection[Handle], label: str) -> beam.PCollection[tuple[int, list[Slice]]]:
    """Bring the slices of each partition together."""
    typed = handles | f"{label} handles" >> beam.Map(_as_it_is).with_output_types(Handle)
    grouped: beam.PCollection[tuple[int, list[Slice]]] = typed | label >> beam.GroupByKey()
    return grouped


def _as_it_is(handle: Handle) -> Handle:
    return handle
