"""URL–caption tables in img2dataset's input formats: parquet, csv, tsv, json, jsonl, txt, and the text ones with .gz.

Read in batches, so that a table of any length takes the same memory; ``.json`` (one array) is read whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import InputRefused

FORMATS = ("parquet", "csv", "tsv", "json", "jsonl", "txt")


class LinkTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of image URLs. ``path`` may be a glob; the others name its columns.

    ``page`` is the column of the page an image was found on, where there is one. A txt table has only URLs.
    """

    path: str
    url: str = "url"
    caption: str = "caption"
    page: str = ""


class LinkRow(NamedTuple):
    """One row as written: position from 0, the three texts, and what is wrong with it (empty: nothing)."""

    position: int
    url: str
    caption: str
    page: str
    problem: str


def format_of(path: str) -> tuple[str, bool]:
    """Return (format, gzipped) by the file's name.

    Raises:
        InputRefused: the name has none of the known endings.
    """
    name = path.lower()
    zipped = name.endswith(".gz")
    ending = name.removesuffix(".gz").rsplit(".", 1)[-1]
    if ending not in FORMATS or (zipped and ending == "parquet"):
        raise InputRefused(f"{path}: not a table this reads; rename it to end in one of {', '.join(FORMATS)}")
    return ending, zipped


def read_rows(file: BinaryIO, table: LinkTable, path: str) -> Iterator[LinkRow]:
    """Yield the rows of ``file``, which was opened from ``path``.

    Raises:
        OSError, ValueError: the file breaks off or is not of its format; rows before the break have been yielded.
    """
    kind, zipped = format_of(path)
    if kind == "parquet":
        yield from _rows(_parquet(file, table), table)
        return
    text = io.TextIOWrapper(gzip.GzipFile(fileobj=file) if zipped else file, encoding="utf-8-sig", newline="")
    try:
        yield from _rows(_TEXT_READERS[kind](text, table), table)
    finally:
        text.detach()  # the file is the caller's to close


def _rows(records: Iterable[Any], table: LinkTable) -> Iterator[LinkRow]:
    for position, record in enumerate(records):
        yield link_row(position, record, table)


def link_row(position: int, record: Any, table: LinkTable) -> LinkRow:
    """Return what ``record``, a mapping of column names, says of an image."""
    if not isinstance(record, dict):
        return LinkRow(position, "", "", "", "the row is not a record of named columns")
    url, caption, page = (record.get(name) if name else None for name in (table.url, table.caption, table.page))
    problem = "" if isinstance(url, str) and url.strip() else f"no URL in column {table.url!r}"
    if caption is not None and not isinstance(caption, str):
        problem = problem or f"column {table.caption!r} does not hold text"
    return LinkRow(
        position,
        url.strip() if isinstance(url, str) else "",
        caption if isinstance(caption, str) else "",
        page.strip() if isinstance(page, str) else "",
        problem,
    )


def _parquet(file: BinaryIO, table: LinkTable) -> Iterator[dict[str, Any]]:
    try:
        with pq.ParquetFile(file) as parquet:
            present = set(parquet.schema_arrow.names)
            columns = [name for name in (table.url, table.caption, table.page) if name in present]
            for batch in parquet.iter_batches(batch_size=5_000, columns=columns):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _separated(delimiter: str) -> Any:
    def read(text: io.TextIOWrapper, table: LinkTable) -> Iterator[dict[str, Any]]:
        del table
        try:
            yield from csv.DictReader(text, delimiter=delimiter)
        except csv.Error as error:
            raise ValueError(str(error)) from error

    return read


def _json(text: io.TextIOWrapper, table: LinkTable) -> Iterator[Any]:
    del table
    records = json.load(text)
    if not isinstance(records, list):
        raise ValueError("a json table is one array of records")
    yield from records


def _jsonl(text: io.TextIOWrapper, table: LinkTable) -> Iterator[Any]:
    del table
    for line in text:
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                yield None


def _txt(text: io.TextIOWrapper, table: LinkTable) -> Iterator[dict[str, Any]]:
    for line in text:
        if line.strip():
            yield {table.url: line.strip()}


_TEXT_READERS = {"csv": _separated(","), "tsv": _separated("\t"), "json": _json, "jsonl": _jsonl, "txt": _txt}
