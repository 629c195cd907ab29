"""Suppression lists from a workflow and its files: read once by the driver, kept as columns that every worker loads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from filters.suppression import KINDS, Columns, Entry, Suppression, SuppressionTable, columns, entry, entry_of
from pipelines import storage
from pipelines.errors import InputRefused
from schemas.identity import fingerprint

_INLINE: Final = (("urls", "url"), ("hosts", "host"), ("sha256", "sha256"), ("phash", "phash"))
_FOLDER: Final = "lists"


class ListFile(NamedTuple):
    """Where a compiled list lies (empty: nothing is listed), and the radius its pHashes are held against."""

    path: str = ""
    radius: int = 0

    def load(self) -> SuppressionTable | None:
        """Return the list, read once a process; None where nothing is listed."""
        return _load(self.path, self.radius) if self.path else None


NOTHING_LISTED: Final = ListFile()


@lru_cache(maxsize=2)
def _load(path: str, radius: int) -> SuppressionTable:
    with np.load(io.BytesIO(storage.read_bytes(path)), allow_pickle=False) as file:
        sources = tuple(file["sources"].tobytes().decode().split("\n"))
        held = Columns(file["keys"], file["key_places"], file["phashes"], file["phash_places"], sources)
    return SuppressionTable(held, radius)


def content_of(listed: Suppression) -> list[str]:
    """Return the sha256 of each file of a list, in order: with the list itself, all that it says.

    Raises:
        InputRefused: a file is missing or unreadable.
    """
    try:
        return [storage.hash_file(path)[1] for path in listed.files]
    except OSError as error:
        raise InputRefused(f"{error.filename}: the list cannot be read ({error.strerror}); mend its path") from error


def compile_list(listed: Suppression, out: str, *, key: str, radius: int) -> ListFile:
    """Write the columns of a list below ``out``, unless they are there, and say where.

    Args:
        listed: the list as the workflow has it under ``key``.
        out: the output folder.
        key: the workflow's name of it; evidence of entries in the workflow names it.
        radius: see `SuppressionTable`.

    Raises:
        InputRefused: a file cannot be read, has no column that is known, or holds an entry that is none.
    """
    if not any((listed.files, listed.urls, listed.hosts, listed.sha256, listed.phash)):
        return NOTHING_LISTED
    written = [listed.files, listed.urls, listed.hosts, listed.sha256, listed.phash]
    name = fingerprint([key, *map(list, written), content_of(listed)])[:16]
    path = storage.join(out, _FOLDER, f"{name}.npz")
    if not storage.exists(path):
        sources = [
            (f"{key}.{field}", _inline(f"{key}.{field}", kind, getattr(listed, field))) for field, kind in _INLINE
        ]
        sources += [(file, _entries(file)) for file in listed.files]
        held = columns(sources)
        file = io.BytesIO()
        names = np.frombuffer("\n".join(held.sources).encode(), np.uint8)
        np.savez(file, allow_pickle=False, **{**held._asdict(), "sources": names})
        storage.write_bytes(path, file.getvalue())
    return ListFile(path, radius)


def _inline(key: str, kind: str, texts: tuple[str, ...]) -> Iterator[tuple[int, Entry]]:
    for number, text in enumerate(texts, 1):
        try:
            yield number, entry(kind, text)
        except ValueError as error:
            raise InputRefused(f"{key}: entry {number}: {error}") from error


def _entries(path: str) -> Iterator[tuple[int, Entry]]:
    line = 0
    try:
        with storage.open_to_read(path) as file:
            for line, kind, text in _texts(path, file):
                yield line, entry(kind, text) if kind else entry_of(text)
    except InputRefused:
        raise
    except OSError as error:
        raise InputRefused(f"{path}: the list cannot be read ({error.strerror}); mend its path") from error
    except UnicodeDecodeError as error:
        raise InputRefused(f"{path}: is not UTF-8; save it as UTF-8") from error
    except (ValueError, csv.Error) as error:
        raise InputRefused(f"{path}:{line}: {error}; mend or remove this entry") from error


def _texts(path: str, file: BinaryIO) -> Iterator[tuple[int, str, str]]:
    """Yield (line or row from 1, kind or an empty text, entry as written)."""
    name = path.lower()
    if name.endswith(".parquet"):
        yield from _parquet(path, file)
        return
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield from _csv(path, text) if name.endswith(".csv") else _lines(text)
    finally:
        text.detach()  # the file is the caller's to close


def _lines(text: io.TextIOWrapper) -> Iterator[tuple[int, str, str]]:
    for number, written in enumerate(text, 1):
        if written.strip() and not written.lstrip().startswith("#"):
            yield number, "", written


def _csv(path: str, text: io.TextIOWrapper) -> Iterator[tuple[int, str, str]]:
    rows = csv.DictReader(text)
    known = _known(path, rows.fieldnames or ())
    for row in rows:
        yield from ((rows.line_num, kind, row[kind]) for kind in known if (row[kind] or "").strip())


def _parquet(path: str, file: BinaryIO) -> Iterator[tuple[int, str, str]]:
    try:
        with pq.ParquetFile(file) as parquet:
            known = _known(path, parquet.schema_arrow.names)
            number = 0
            for batch in parquet.iter_batches(columns=list(known)):
                for row in batch.to_pylist():
                    number += 1
                    yield from ((number, kind, str(row[kind])) for kind in known if row[kind] not in (None, ""))
    except pa.ArrowException as error:
        raise InputRefused(f"{path}: not a Parquet file that can be read ({error})") from error


def _known(path: str, names: object) -> tuple[str, ...]:
    assert isinstance(names, list | tuple)
    known = tuple(kind for kind in KINDS if kind in names)
    if not known:
        raise InputRefused(f"{path}: has no column of {', '.join(KINDS)}; name at least one of its columns so")
    return known
