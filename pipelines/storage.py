"""Files on the local disk, an S3 server or any Beam filesystem: read, write whole, publish under the content's name.

A file that others read is never written in place. Locally it is written beside its place, flushed to disk and renamed;
on an object store one put makes it visible whole, and there is no renaming. Names made from content make a repeated
bundle harmless: the same bytes have the same name. Output folders are local or on S3; sources may be wherever Beam
reads.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, cast

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines import s3
from pipelines.errors import InputRefused

_CHUNK = 1 << 20
_NEAR = 1 << 20  # bytes that a store sends in the time of a request, some 20 ms at 50 MB/s
_AT_ONCE = 16 << 20  # the most bytes of one request, but for a range that is longer
_UNFINISHED = ".writing-"  # how the name of a file begins that is being written


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it; done once, while there is one thread."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_UMASK = _umask()


class FoundFile(NamedTuple):
    """A file a pattern matched: its path, size in bytes and modification time in seconds since 1970."""

    path: str
    size: int
    modified: float


class Published(NamedTuple):
    """A file that was published: its path, size in bytes and sha256."""

    path: str
    size: int
    sha256: str


def is_remote(path: str) -> bool:
    """Tell whether ``path`` names another filesystem (``s3://…``) and not the local disk."""
    return "://" in path


def _on_s3(path: str) -> bool:
    return path.startswith(s3.SCHEME)


def check_output(out: str) -> None:
    """Check that ``out`` names a place that can be written to as this module promises.

    Raises:
        InputRefused: it is neither a local path nor on S3.
    """
    if is_remote(out) and not _on_s3(out):
        raise InputRefused(f"--out {out}: output goes to the local disk or to s3://bucket/folder; choose one of them")
    if _on_s3(out) and not out.removeprefix(s3.SCHEME).strip("/"):
        raise InputRefused(f"--out {out}: names no bucket; write s3://bucket/folder")


def join(folder: str, *names: str) -> str:
    """Return the path of ``names`` below ``folder``, local or remote."""
    return "/".join([folder.rstrip("/"), *names])


def find(pattern: str) -> list[FoundFile]:
    """Return the files that a path or glob names, sorted by path; an empty list where there is none."""
    if _on_s3(pattern):
        return sorted(FoundFile(*found) for found in s3.listed(pattern))
    try:
        matches = FileSystems.match([pattern])[0].metadata_list
    except BeamIOError as error:
        if any(isinstance(cause, FileNotFoundError) for cause in (error.exception_details or {}).values()):
            return []
        raise OSError(f"{pattern}: {error}") from error
    found = [FoundFile(m.path, m.size_in_bytes, m.last_updated_in_seconds) for m in matches]
    return sorted(file for file in found if is_remote(file.path) or not Path(file.path).is_dir())


def below(folder: str, pattern: str) -> list[str]:
    """Return the files below ``folder`` whose path from there matches ``pattern``, sorted; none where it is missing."""
    if is_remote(folder):
        return [file.path for file in find(join(folder, pattern))]
    return sorted(join(folder, path.relative_to(folder).as_posix()) for path in Path(folder).glob(pattern))


def open_to_read(path: str) -> BinaryIO:
    """Open ``path`` for reading bytes as they are stored.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
    """
    if not is_remote(path):
        return Path(path).open("rb")
    if _on_s3(path):
        return s3.open_to_read(path)
    try:
        return cast(BinaryIO, FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED))
    except BeamIOError as error:
        raise OSError(f"{path}: {error}") from error


def exists(path: str) -> bool:
    """Tell whether the file ``path`` is there."""
    if _on_s3(path):
        return s3.head(path) is not None
    return bool(FileSystems.exists(path)) if is_remote(path) else Path(path).exists()


def read_bytes(path: str) -> bytes:
    """Return the whole of a small file."""
    if _on_s3(path):
        return s3.read(path)
    with open_to_read(path) as file:
        return file.read()


def read_range(path: str, offset: int, length: int) -> bytes:
    """Return ``length`` bytes of ``path`` from ``offset``.

    Raises:
        OSError: the file ends before them.
    """
    if _on_s3(path) and length:
        data = s3.read(path, (offset, offset + length))
    else:
        with open_to_read(path) as file:
            file.seek(offset)
            data = file.read(length)
    if len(data) != length:
        raise OSError(f"{path}: wanted {length} bytes at {offset}, found {len(data)}")
    return data


def read_ranges(path: str, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of ranges given as (offset, length), each once and in the order of their offsets.

    From an object store ranges that lie near one another come by one request.

    Raises:
        OSError: the file ends before the end of one.
    """
    gap = _NEAR if is_remote(path) else 0
    run: list[tuple[int, int]] = []
    end = 0
    for offset, length in sorted(set(ranges)):
        if run and (offset > end + gap or offset + length > run[0][0] + _AT_ONCE):
            yield from _read_run(path, run, end)
            run = []
        run.append((offset, length))
        end = offset + length
    if run:
        yield from _read_run(path, run, end)


def _read_run(path: str, run: list[tuple[int, int]], end: int) -> Iterator[tuple[int, bytes]]:
    first = run[0][0]
    data = memoryview(read_range(path, first, end - first))
    for offset, length in run:
        yield offset, bytes(data[offset - first : offset - first + length])


def write_bytes(path: str, data: bytes) -> None:
    """Put ``data`` at ``path`` whole: readers see the old file or the new one, never a part."""
    if _on_s3(path):
        s3.put(path, data)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(target.parent) as (file, name):
        file.write(data)
        _settle(file)
        Path(name).replace(target)
    _flush_folder(target.parent)


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[IO[bytes], str]]:
    """Yield an open temporary file in ``folder`` and its name; what is left of it afterwards is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, name
    finally:
        Path(name).unlink(missing_ok=True)


def _settle(file: IO[bytes]) -> None:
    """Bring the bytes to the disk, and give the temporary file the rights that any new file has."""
    file.flush()
    os.fchmod(file.fileno(), 0o666 & ~_UMASK)
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class ContentFile:
    """A file being written whose final name holds the first 12 hex digits of its sha256.

    Use ``file`` to write, then `publish`. A file that is not published leaves nothing behind. What goes to an object
    store is first written to the local temporary folder, where it has no name, so that it goes with its process.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._name: str | None = None
        self.file: IO[bytes]
        if is_remote(folder):
            self.file = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by discard
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        handle, self._name = tempfile.mkstemp(prefix=_UNFINISHED, dir=folder)
        self.file = os.fdopen(handle, "w+b")

    def publish(self, stem: str, suffix: str) -> Published:
        """Flush the file, name it ``{stem}-{sha256 prefix}{suffix}`` in its folder, and return what was published."""
        if self._name is None:
            self.file.flush()
            size, digest = _hash(self.file)
            path = self._path(stem, digest, suffix)
            self.file.seek(0)
            s3.upload(self.file, path, digest)
            return Published(path, size, digest)
        _settle(self.file)
        self.file.close()
        size, digest = hash_file(self._name)
        path = self._path(stem, digest, suffix)
        Path(self._name).replace(path)
        _flush_folder(Path(self._folder))
        return Published(path, size, digest)

    def _path(self, stem: str, digest: str, suffix: str) -> str:
        return join(self._folder, f"{stem}-{digest[:12]}{suffix}")

    def discard(self) -> None:
        """Close the file and remove what was written, if it was not published."""
        self.file.close()
        if self._name is not None:
            Path(self._name).unlink(missing_ok=True)

    def __enter__(self) -> ContentFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


def hash_file(path: str) -> tuple[int, str]:
    """Return (size in bytes, sha256) of ``path``."""
    with open_to_read(path) as file:
        return _hash(file)


def _hash(file: IO[bytes]) -> tuple[int, str]:
    """Return (size in bytes, sha256) of what ``file`` holds."""
    digest = hashlib.sha256()
    size = 0
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def link(source: str, target: str) -> None:
    """Give ``source`` a second name, so that no byte is copied; where the filesystem has no links, copy it.

    What is at ``target`` already is replaced, whole.
    """
    if is_remote(source):
        s3.copy(source, target)
        return
    place = Path(target)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(place.parent) as (file, name):
        second = Path(f"{name}-link")
        try:
            os.link(source, second)
        except OSError:
            with Path(source).open("rb") as original:
                shutil.copyfileobj(original, file, _CHUNK)
            _settle(file)
            Path(name).replace(place)
            return
        second.replace(place)
        second.unlink(missing_ok=True)  # replacing one name of a file by another does nothing


def remove_unlisted(folder: str, below_it: str, listed: set[str]) -> None:
    """Remove the files below ``folder``/``below_it`` whose path from ``folder`` is not ``listed``."""
    if is_remote(folder):
        names = (f"{below_it}/{name}" for name in files_below(join(folder, below_it)))
        s3.delete(join(folder, name) for name in names if name not in listed)
        return
    for path in sorted((Path(folder) / below_it).rglob("*"), reverse=True):
        if path.is_dir():
            with suppress(OSError):  # not empty: something in it is listed
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in listed:
            path.unlink()


def folders(folder: str, prefix: str) -> dict[str, float]:
    """Return the folders in ``folder`` whose names begin with ``prefix``, and when something in each was last made."""
    if not is_remote(folder):
        return {path.name: path.stat().st_mtime for path in Path(folder).glob(f"{prefix}*") if path.is_dir()}
    found: dict[str, float] = {}
    for file in find(join(folder, f"{prefix}*", "**")):
        name = file.path[len(folder.rstrip("/")) + 1 :].split("/", 1)[0]
        found[name] = max(found.get(name, 0.0), file.modified)
    return found


def files_below(folder: str) -> list[str]:
    """Return the paths from ``folder`` of all files below it, sorted."""
    if is_remote(folder):
        start = len(folder.rstrip("/")) + 1
        return sorted(file.path[start:] for file in find(join(folder, "**")))
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def remove_unfinished(folder: str) -> None:
    """Remove what processes that were killed while they wrote into ``folder`` left there.

    On an object store these are open uploads to anywhere below it.
    """
    if _on_s3(folder):
        s3.abort_uploads(folder)
        return
    for path in Path(folder).glob(f"{_UNFINISHED}*"):
        path.unlink()


def remove_tree(path: str) -> None:
    """Remove a folder and all below it; nothing happens where there is none.

    On an object store this goes by a listing, which may be old: what it misses is seen by nobody and takes room only.
    """
    if is_remote(path):
        s3.delete(file.path for file in find(join(path, "**")))
        return
    if Path(path).is_dir():
        shutil.rmtree(path)
