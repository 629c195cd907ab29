"""Output folders of img2dataset: every row of a shard, what became of it, and where its image lies.

A shard ``00000`` is ``00000.tar`` (webdataset), a folder ``00000/`` (files) or an image column in ``00000.parquet``
(parquet); the first two have ``00000.parquet`` beside them with one row per URL, failed ones too, and all three
``00000_stats.json``. What is torn, gone or does not add up comes out as a `Lost` and costs nothing else.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.link_table import LinkRow, LinkTable, link_row
from schemas.reasons import NO_REASON, Reason

DOWNLOADED: Final = "img2dataset"
"""The kind of source that a candidate comes from whose image is there already, at its source and offset."""

IMAGE_ENDINGS: Final = ("jpg", "png", "webp", "jpeg")
"""What img2dataset names images, and the image column of its parquet format, by its ``encode_format``."""

_MAX_JSON_BYTES: Final = 1 << 20
_BATCH: Final = 5_000
_STATS: Final = "_stats.json"
_BLOCK: Final = tarfile.BLOCKSIZE

_FAILURES: Final = (
    ("X-Robots-Tag", Reason.OPTED_OUT),
    ("HTTP Error", Reason.HTTP_STATUS),
    ("timed out", Reason.TIMED_OUT),
    ("Name or service not known", Reason.HOST_UNRESOLVED),
    ("name resolution", Reason.HOST_UNRESOLVED),
    ("No address associated", Reason.HOST_UNRESOLVED),
    ("getaddrinfo failed", Reason.HOST_UNRESOLVED),
    ("unknown url type", Reason.URL_REFUSED),
    ("no host given", Reason.URL_REFUSED),
    ("nonnumeric port", Reason.URL_REFUSED),
    ("URL can't contain", Reason.URL_REFUSED),
    ("hash mismatch", Reason.BODY_INVALID),
    ("IncompleteRead", Reason.BODY_INVALID),
    ("urlopen error", Reason.CONNECTION_FAILED),
    ("onnection", Reason.CONNECTION_FAILED),
    ("mage decoding error", Reason.IMAGE_UNDECODABLE),
    ("OpenCV", Reason.IMAGE_UNDECODABLE),
    ("image too small", Reason.IMAGE_TOO_SMALL),
    ("image area too large", Reason.IMAGE_TOO_MANY_PIXELS),
    ("aspect ratio too large", Reason.IMAGE_ASPECT),
)
"""Texts in img2dataset's error messages (its own and those of Python's urllib), the first that is found deciding."""


class Download(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An output folder of img2dataset. ``caption`` and ``page`` name columns of its metadata.

    ``page`` is the column of the page an image was found on, where ``save_additional_columns`` kept one.
    """

    path: str
    caption: str = "caption"
    page: str = ""


class Downloaded(NamedTuple):
    """One row of a shard. ``reason`` is empty where its image lies in ``source`` at ``offset``.

    ``offset`` is the byte at which the member's header begins in a tar, the row in a Parquet file, and None for a file
    that is the image. ``member`` is the image's name within the shard, ``captured_at`` when the shard was done.
    """

    link: LinkRow
    member: str
    source: str
    offset: int | None
    captured_at: str
    reason: str
    detail: str


class Lost(NamedTuple):
    """Something of a shard that cannot be read or does not add up; ``unit`` is source or record."""

    unit: str
    reason: Reason
    detail: str
    source: str
    offset: int | None = None


class _Place(NamedTuple):
    source: str
    offset: int | None


class _Sample(NamedTuple):
    """What a tar or folder holds of one key."""

    image: _Place | None = None
    ending: str = ""
    metadata: _Place | None = None


def find_shards(folder: str) -> list[storage.FoundFile]:
    """Return the shards in a folder by path without ending, with the size and newest change of all their files."""
    found: dict[str, list[storage.FoundFile]] = {}
    for file in [*storage.find(storage.join(folder, "*")), *_files_of_folders(folder)]:
        name = file.path[len(folder.rstrip("/")) + 1 :]
        stem = name.split("/", 1)[0].removesuffix(".tar").removesuffix(".parquet").removesuffix(_STATS)
        if not name.startswith(("_", ".")) and (stem != name):
            found.setdefault(stem, []).append(file)
    return [
        storage.FoundFile(storage.join(folder, stem), sum(f.size for f in files), max(f.modified for f in files))
        for stem, files in sorted(found.items())
        if any(not f.path.endswith(_STATS) for f in files)
    ]


def _files_of_folders(folder: str) -> list[storage.FoundFile]:
    endings = tuple(f".{ending}" for ending in (*IMAGE_ENDINGS, "json"))
    return [file for file in storage.find(storage.join(folder, "*", "*")) if file.path.endswith(endings)]


def read_shard(shard: str, columns: LinkTable) -> Iterator[Downloaded | Lost]:
    """Yield every row of the shard at the path ``shard`` (without ending), and what is wrong with the shard."""
    stats, problem = _stats(shard)
    if problem is not None:
        yield problem
    captured_at = _time(stats.get("end_time"))
    samples: dict[str, _Sample] = {}
    if storage.exists(f"{shard}.tar"):
        yield from _list_tar(f"{shard}.tar", samples)
    else:
        _list_folder(shard, samples)
    rows = 0
    for found in chain(_table_rows(f"{shard}.parquet", columns, samples), _rows_beside(columns, samples)):
        rows += isinstance(found, Downloaded)
        yield found._replace(captured_at=captured_at) if isinstance(found, Downloaded) else found
    counted = stats.get("count", rows)
    if counted != rows:
        detail = f"the shard's statistics count {counted} rows, {rows} are there"
        yield Lost("source", Reason.SOURCE_COUNT_WRONG, detail, shard + _STATS)


def _stats(shard: str) -> tuple[dict[str, Any], Lost | None]:
    path = shard + _STATS
    if not storage.exists(path):
        return {}, None  # img2dataset never reads them again, and many who hand a download on leave them out
    try:
        return msgspec.json.decode(storage.read_bytes(path), type=dict[str, Any]), None
    except (OSError, msgspec.MsgspecError) as error:
        return {}, Lost("source", Reason.SOURCE_UNREADABLE, str(error)[:200], path)


def _time(seconds: object) -> str:
    try:
        return datetime.fromtimestamp(float(str(seconds)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""


def _list_tar(path: str, samples: dict[str, _Sample]) -> Iterator[Lost]:
    """Note where the members of a tar lie; tell what is torn or stands twice."""
    with storage.open_to_read(path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for member in tar:
                    tar.members.clear()  # type: ignore[attr-defined]  # it would remember every header it has seen
                    whole = member.offset_data + member.size <= size
                    if member.isreg() and whole and not _note(samples, member.name, _Place(path, member.offset)):
                        yield Lost("record", Reason.RECORD_UNREADABLE, f"{member.name} stands twice", path)
                end = tar.offset
        except (tarfile.TarError, OSError, ValueError) as error:
            yield Lost("source", Reason.SOURCE_UNREADABLE, f"{type(error).__name__}: {error}"[:200], path)
            return
        file.seek(end)
        if file.read(_BLOCK) != bytes(_BLOCK):  # tarfile stops without a word at a header it cannot read
            yield Lost("source", Reason.SOURCE_UNREADABLE, f"the tar breaks off at byte {end}", path)


def _list_folder(shard: str, samples: dict[str, _Sample]) -> None:
    for file in storage.find(storage.join(shard, "*")):
        _note(samples, file.path, _Place(file.path, None))


def _note(samples: dict[str, _Sample], name: str, place: _Place) -> bool:
    """Note a member by its key and ending; return whether it is the first."""
    key, _, ending = name.rsplit("/", 1)[-1].partition(".")
    sample = samples.get(key, _Sample())
    if ending in IMAGE_ENDINGS:
        if sample.image is not None:
            return False
        samples[key] = sample._replace(image=place, ending=ending)
    elif ending == "json":
        samples[key] = sample._replace(metadata=place)
    return True


def _table_rows(path: str, columns: LinkTable, samples: dict[str, _Sample]) -> Iterator[Downloaded | Lost]:
    """Yield the rows of a shard's Parquet file, taking what belongs to them out of ``samples``."""
    try:
        with storage.open_to_read(path) as file, pq.ParquetFile(file) as parquet:
            image_column = image_column_of(parquet)
            wanted = {"key", "status", "error_message", columns.url, columns.caption, columns.page}
            present = [name for name in parquet.schema_arrow.names if name in wanted]
            position = 0
            for batch in parquet.iter_batches(batch_size=_BATCH, columns=present):
                for record in batch.to_pylist():
                    sample = samples.pop(str(record.get("key")), _Sample())
                    if image_column:
                        sample = _Sample(_Place(path, position), image_column)
                    yield _row(record, position, sample, columns, path)
                    position += 1
    except FileNotFoundError:
        detail = "the table is gone, and with it the rows that failed"
        yield Lost("source", Reason.SOURCE_MISSING, detail, path)
    except (OSError, pa.ArrowException) as error:
        yield Lost("source", Reason.SOURCE_UNREADABLE, f"{type(error).__name__}: {error}"[:200], path)


def image_column_of(parquet: pq.ParquetFile) -> str:
    """Return the column that holds image bytes, or an empty text."""
    schema = parquet.schema_arrow
    binary = (name for name in IMAGE_ENDINGS if name in schema.names and pa.types.is_binary(schema.field(name).type))
    return next(binary, "")


def _rows_beside(columns: LinkTable, samples: dict[str, _Sample]) -> Iterator[Downloaded | Lost]:
    """Yield the samples that no table has a row for, from their own JSON."""
    for position, (key, sample) in enumerate(sorted(samples.items())):
        if sample.image is None:
            continue
        member = f"{key}.{sample.ending}"
        if sample.metadata is None:
            yield Lost("record", Reason.RECORD_UNREADABLE, f"{member} has no metadata", *sample.image)
            continue
        try:
            record = read_json(*sample.metadata)
        except (OSError, ValueError, tarfile.TarError) as error:
            yield Lost("record", Reason.RECORD_UNREADABLE, f"{member}: its metadata: {error}"[:200], *sample.image)
            continue
        yield _row(record, position, sample, columns, sample.image.source)


def read_json(path: str, offset: int | None) -> dict[str, Any]:
    """Return the JSON object at a place.

    Raises:
        OSError, tarfile.TarError: it cannot be read.
        ValueError: it is no JSON object, or one of over 1 MiB.
    """
    with storage.open_to_read(path) as file:
        if offset is None:
            return decode_json(file.read(_MAX_JSON_BYTES + 1))
        file.seek(offset)
        with tarfile.open(fileobj=file, mode="r:") as tar:
            return decode_json(read_member(tar, tar.next(), _MAX_JSON_BYTES + 1))


def decode_json(data: bytes) -> dict[str, Any]:
    """Return the object that ``data`` is the JSON of; raise ValueError where it is none, or over 1 MiB."""
    if len(data) > _MAX_JSON_BYTES:
        raise ValueError("over 1 MiB")
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error


def read_member(tar: tarfile.TarFile, member: tarfile.TarInfo | None, limit: int) -> bytes:
    """Return at most ``limit`` bytes of a member; raise OSError where there is none or it breaks off."""
    if member is None or not member.isreg():
        raise OSError("no file begins there")
    file = tar.extractfile(member)
    assert file is not None  # it is a regular file
    return file.read(limit)


def _row(record: dict[str, Any], position: int, sample: _Sample, columns: LinkTable, table: str) -> Downloaded:
    status, message = record.get("status"), record.get("error_message")
    key, place = record.get("key"), sample.image
    reason, detail = NO_REASON, ""
    if status not in (None, "success"):
        reason, detail = why_failed(str(message or "")), f"{status}: {message or 'no message'}"
    elif place is None:
        reason, detail = Reason.IMAGE_MISSING, f"the download has no image {key}"
    if reason or place is None:
        place = _Place(table, position)
    member = "" if reason else f"{key}.{sample.ending}"
    return Downloaded(link_row(position, record, columns), member, *place, "", reason, detail)


def why_failed(message: str) -> Reason:
    """Return the reason that an error message of img2dataset stands for."""
    return next((reason for text, reason in _FAILURES if text in message), Reason.DOWNLOAD_FAILED)
