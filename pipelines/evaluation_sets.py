"""Evaluation sets as files: which there are, what they are made of, and the images, hashes and captions in them.

A set is a folder of images with captions beside them, WebDataset tars, Parquet files of ours or as Hugging Face writes
them, a list of pHashes, or a text file of captions.
"""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from filters.container import sniff
from filters.evaluation import parse_hashes
from pipelines import storage
from pipelines.errors import InputRefused
from schemas.identity import fingerprint

KEY: Final = "select.exclude_near"
CAPTION_COLUMNS: Final = ("caption", "captions", "text", "texts", "txt", "sentence", "sentences")
"""Columns of tables that are read for captions where the workflow names none: text, or lists of texts."""

_IMAGES: Final = frozenset({"jpg", "jpeg", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic"})
_TABLES: Final = frozenset({"tar", "parquet", "csv", "tsv"})
_ROWS: Final = 100  # of a Parquet file, images in memory at a time
_SNIFFED_BYTES: Final = 16


class EvaluationSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file, folder or glob. ``name`` is what drops say (empty: the path's last part); ``captions`` are columns."""

    path: str
    name: str = ""
    captions: tuple[str, ...] = CAPTION_COLUMNS


class EvaluationFile(NamedTuple):
    """A file of a set. ``item`` is its path inside the set; ``kind`` is image, captions, tar, parquet,
    csv, tsv or lines; ``captions`` are the columns to read.
    """

    set_name: str
    item: str
    path: str
    kind: str
    captions: list[str]


class Item(NamedTuple):
    """One thing an evaluation set holds: image bytes, or hashes in hex, or a caption, or what is wrong with it."""

    set_name: str
    item: str
    image: bytes = b""
    phash: str = ""
    phash256: str = ""
    caption: str | None = None
    problem: str = ""


def find_files(sets: Iterable[str | EvaluationSet]) -> list[EvaluationFile]:
    """Return the files of ``sets`` in order.

    Raises:
        InputRefused: a path leads to nothing that can be read as an evaluation set.
    """
    found: list[EvaluationFile] = []
    for entry in sets:
        source = EvaluationSet(path=entry) if isinstance(entry, str) else entry
        try:
            files = list(_files_of(source))
        except OSError as error:
            raise InputRefused(
                f"{KEY}: {source.path}: cannot be read ({error}); mend the path or its rights"
            ) from error
        if not files:
            raise InputRefused(
                f"{KEY}: {source.path}: no image, .tar, .parquet, .csv, .tsv or .txt is there; mend the path"
            )
        found.extend(files)
    return found


def _files_of(source: EvaluationSet) -> Iterator[EvaluationFile]:
    folder = source.path.rstrip("/")
    whole = storage.is_remote(folder) or not Path(folder).is_dir()
    matches = storage.find(folder) if whole else []
    if not matches:
        matches, whole = storage.find(storage.join(folder, "**")), False
    name = source.name or folder.rsplit("/", 1)[-1]
    below = len(folder) + 1 if not whole else 0
    stems = {match.path.rpartition(".")[0] for match in matches if _ending(match.path) in _IMAGES}
    for match in matches:
        kind = _kind_of(match.path, named=whole, stems=stems)
        if kind:
            item = match.path[below:] if below else match.path.rsplit("/", 1)[-1]
            yield EvaluationFile(name, item, match.path, kind, list(source.captions))


def _ending(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _kind_of(path: str, *, named: bool, stems: set[str]) -> str:
    """Return what a file is read as; empty for one that lies in the folder for another purpose."""
    ending = _ending(path)
    if ending in _IMAGES:
        return "image"
    if ending in _TABLES:
        return ending
    if ending == "txt":
        return "lines" if named else "captions" if path.rpartition(".")[0] in stems else ""
    with storage.open_to_read(path) as file:
        return "image" if sniff(file.read(_SNIFFED_BYTES)) else ""


def identity(files: Iterable[EvaluationFile]) -> str:
    """Return the sha256 of the names, the bytes and the reading of ``files``.

    Raises:
        InputRefused: a file cannot be read.
    """
    told = []
    for file in files:
        try:
            (found,) = storage.find(file.path)
            told.append([file.set_name, file.item, file.kind, file.captions, _digest(*found)])
        except (OSError, ValueError) as error:
            raise InputRefused(f"{KEY}: {file.path}: cannot be read ({error}); mend it or its rights") from error
    return fingerprint(told)


@lru_cache(maxsize=1 << 20)
def _digest(path: str, size: int, modified: float) -> str:
    """Return the sha256 of a file that was last seen with this size and time: a run plans twice."""
    del size, modified
    return storage.hash_file(path)[1]


def read_items(file: EvaluationFile) -> Iterator[Item]:
    """Yield what ``file`` holds. What cannot be read is an item with a ``problem``; nothing raises."""
    try:
        with storage.open_to_read(file.path) as opened:
            if file.kind == "image":
                yield Item(file.set_name, file.item, image=opened.read())
            elif file.kind == "tar":
                yield from _tar(opened, file)
            elif file.kind == "parquet":
                yield from _parquet(opened, file)
            else:
                text = io.TextIOWrapper(opened, encoding="utf-8-sig", newline="")
                yield from _TEXTS[file.kind](text, file)
    except UnicodeDecodeError as error:
        yield Item(file.set_name, file.item, problem=f"is not UTF-8 ({error.reason}); save it as UTF-8")
    except (OSError, ValueError, tarfile.TarError, csv.Error, pa.ArrowException) as error:
        yield Item(file.set_name, file.item, problem=" ".join(str(error).split())[:200] or type(error).__name__)


def check_items(files: Iterable[EvaluationFile]) -> None:
    """Read ``files`` through. Whether an image can be decoded is left to who decodes it.

    Raises:
        InputRefused: there is something in them that cannot be read.
    """
    for file in files:
        for item in read_items(file):
            if item.problem:
                raise refused(item.set_name, item.item, item.problem)


def refused(set_name: str, item: str, problem: str) -> InputRefused:
    """Return what tells of an item that cannot be read."""
    where = item if item.startswith(set_name) else f"{set_name}: {item}"
    return InputRefused(f"{KEY}: {where}: {problem}; mend it, take it out, or give its pHash in a list")


def _tar(opened: Any, file: EvaluationFile) -> Iterator[Item]:
    with tarfile.open(fileobj=opened, mode="r|") as tar:
        for member in tar:
            ending = _ending(member.name)
            content = tar.extractfile(member) if member.isreg() and ending in _IMAGES | {"txt"} else None
            if content is None:
                continue
            data, item = content.read(), f"{file.item}/{member.name}"
            if ending == "txt":
                yield Item(file.set_name, item, caption=data.decode("utf-8-sig"))
            else:
                yield Item(file.set_name, item, image=data)


def _parquet(opened: Any, file: EvaluationFile) -> Iterator[Item]:
    with pq.ParquetFile(opened) as parquet:
        images = [field.name for field in parquet.schema_arrow if _holds_images(field.type)]
        texts = [name for name in (*file.captions, "phash", "phash256") if name in parquet.schema_arrow.names]
        if not images and not texts:
            raise ValueError(_NOTHING)
        row = 0
        for batch in parquet.iter_batches(batch_size=_ROWS, columns=[*images, *texts]):
            for record in batch.to_pylist():
                item = f"{file.item}#{row}"
                for column in images:
                    yield from _images(record.pop(column), file.set_name, item)
                if images:
                    record = {name: value for name, value in record.items() if name in file.captions}
                yield from _record(record, file, item)
                row += 1


def _holds_images(kind: pa.DataType) -> bool:
    """Tell whether a column is of bytes, or of Hugging Face's {bytes, path}, or of lists of either."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _holds_images(kind.value_type)
    if pa.types.is_struct(kind):
        return bool(kind.get_field_index("bytes") >= 0 and _holds_images(kind.field("bytes").type))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _images(value: Any, set_name: str, item: str) -> Iterator[Item]:
    for one in value if isinstance(value, list) else [value]:
        data = one.get("bytes") if isinstance(one, dict) else one
        yield Item(set_name, item, image=data) if data else Item(set_name, item, problem="there are no image bytes")


_NOTHING: Final = "there is no column of image bytes, of captions or of phash; name the columns in 'captions'"


def _table(delimiter: str) -> Any:
    def read(text: io.TextIOWrapper, file: EvaluationFile) -> Iterator[Item]:
        lines = iter(text)
        first = next(lines, "")
        names = ["phash", "phash256"] if parse_hashes(first) else next(csv.reader([first], delimiter=delimiter), [])
        if not {*file.captions, "phash"} & set(names):
            raise ValueError(_NOTHING)
        if parse_hashes(first):
            yield from _record(dict(zip(names, first.strip().split(delimiter), strict=False)), file, f"{file.item}:1")
        for number, record in enumerate(csv.DictReader(lines, names, delimiter=delimiter), start=2):
            yield from _record(record, file, f"{file.item}:{number}")

    return read


def _record(record: dict[str, Any], file: EvaluationFile, item: str) -> Iterator[Item]:
    """Yield the hashes and the captions of one row of a table."""
    for name in file.captions:
        value = record.get(name)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield Item(file.set_name, item, caption=text)
            elif text is not None:
                yield Item(file.set_name, item, problem=f"column {name!r} holds no text")
    if "phash" in record:
        found = parse_hashes(f"{record['phash'] or ''} {record.get('phash256') or ''}")
        yield (
            Item(file.set_name, item, phash=found[0], phash256=found[1])
            if found
            else Item(file.set_name, item, problem="phash is not 16 hex digits, or phash256 not 64")
        )


def _lines(text: io.TextIOWrapper, file: EvaluationFile) -> Iterator[Item]:
    """Read a hash list, if the first line holds a hash, else captions, one a line."""
    hashes: bool | None = None
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        item = f"{file.item}:{number}"
        found = parse_hashes(line)
        hashes = found is not None if hashes is None else hashes
        if not hashes:
            yield Item(file.set_name, item, caption=line.strip())
        elif found:
            yield Item(file.set_name, item, phash=found[0], phash256=found[1])
        else:
            yield Item(file.set_name, item, problem="not a pHash of 16 hex digits, with one of 64 after it or none")


def _beside(text: io.TextIOWrapper, file: EvaluationFile) -> Iterator[Item]:
    yield Item(file.set_name, file.item, caption=text.read())


_TEXTS: Final[dict[str, Any]] = {"csv": _table(","), "tsv": _table("\t"), "lines": _lines, "captions": _beside}
