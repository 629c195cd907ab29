"""A bounded sample of source files: the beginnings of a few, chosen by what they are called and how large they are.

The same files give the same sample wherever they lie. Nothing is asked of the web.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.download_shards import DOWNLOADED
from pipelines.extract import Extracted, SourceUnit, extract_file, extract_unit
from pipelines.link_table import format_of
from schemas.identity import fingerprint
from schemas.records import CandidateRow

FILES: Final = 16
"""Files that are looked into."""
SHARDS: Final = 4
"""Of those, shards of a download: the list of one has to be read whole."""
BYTES: Final = 1 << 20
"""Bytes of each, from its beginning."""
ROWS: Final = 2_000
"""Rows of a Parquet table that are read."""
WHOLE: Final = 64 << 20
"""A .json table is one array: it can be read whole or not at all, and above this size it is not."""


class FileSample(NamedTuple):
    """What the beginning of a file holds. ``read`` is how many of its ``size`` bytes the rest stands for.

    ``pages`` counts the HTTP responses read, those without Hangul included.
    """

    size: int
    read: int
    pages: int
    candidates: list[CandidateRow]


class SourceSample(NamedTuple):
    """The sampled files, and how many files of how many bytes they stand for. ``unread`` could not be sampled."""

    files: list[FileSample]
    of_files: int
    of_bytes: int
    unread: list[str]


def sample_sources(units: Sequence[SourceUnit], *, agent: str) -> SourceSample:
    """Return a sample of ``units``."""
    ordered = sorted(units, key=lambda unit: (fingerprint([unit.kind, PurePosixPath(unit.path).name, unit.size]), unit))
    readable = [unit for unit in ordered if not _too_large(unit)]
    shards = [unit for unit in readable if unit.kind == DOWNLOADED][:SHARDS]
    chosen = (shards + [unit for unit in readable if unit.kind != DOWNLOADED])[:FILES]
    files = [_sample_file(unit, agent) for unit in chosen]
    unread = sorted(unit.path for unit in ordered if _too_large(unit))
    return SourceSample(files, len(readable), sum(unit.size for unit in readable), unread)


def _too_large(unit: SourceUnit) -> bool:
    return unit.kind == "table" and format_of(unit.path)[0] == "json" and unit.size > WHOLE


def _sample_file(unit: SourceUnit, agent: str) -> FileSample:
    if unit.kind == "table" and format_of(unit.path)[0] == "parquet":
        return _sample_parquet(unit, agent)
    is_json = unit.kind == "table" and format_of(unit.path)[0] == "json"
    if unit.kind == DOWNLOADED or is_json or unit.size <= BYTES:
        return _of(unit, unit.size, list(extract_unit(unit, agent=agent)))
    try:
        beginning = io.BytesIO(storage.read_range(unit.path, 0, BYTES))
    except OSError:
        return _of(unit, unit.size, list(extract_unit(unit, agent=agent)))  # it says what is wrong with the file
    found = list(_whole(extract_file(unit, beginning, agent=agent)))
    last = found[-1] if found else None  # it is cut, or the next would have been
    offset = last.page.source_offset if last is not None and last.page is not None else None
    return _of(unit, min(offset or BYTES, BYTES), found[:-1])


def _whole(found: Iterator[Extracted]) -> Iterator[Extracted]:
    try:
        yield from found
    except (OSError, ValueError, EOFError):
        return  # where the sample was cut


def _sample_parquet(unit: SourceUnit, agent: str) -> FileSample:
    found = list(islice(extract_unit(unit, agent=agent), ROWS))
    try:
        with storage.open_to_read(unit.path) as file, pq.ParquetFile(file) as parquet:
            rows = parquet.metadata.num_rows
    except (OSError, pa.ArrowException):
        rows = len(found)
    return _of(unit, unit.size * min(len(found), rows) // max(rows, 1), found)


def _of(unit: SourceUnit, read: int, found: list[Extracted]) -> FileSample:
    pages = sum(one.passed or one.page is not None for one in found)
    return FileSample(unit.size, max(1, read), pages, [row for one in found for row in one.candidates])
