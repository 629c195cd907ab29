"""Objects on an S3 server, through boto3.

Beam's own S3 filesystem is not used: it finishes a multipart upload when the code that fills it raises, which publishes
half a file; it makes a new connection for every call; and it knows no conditional put. Here an upload that fails is
aborted, and no object is ever seen in part.

The server and the credentials come from the environment only (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``,
``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, and whatever else boto3 reads): Beam's options are written into the job that
a cluster shows in its pages.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import IO, Any, BinaryIO, NamedTuple, cast

from apache_beam.io.filesystem import FileSystem

from pipelines.errors import InputRefused

SCHEME = "s3://"
ABSENT = "absent"
"""The condition of a `put` that there is no such object yet."""

_PART_SIZE = 16 << 20  # one part of a multipart upload; smaller files are one put
_FIRST_STEP = 256 << 10  # bytes asked for after a seek
_LAST_STEP = 8 << 20  # bytes asked for at a time when a file is read on and on
_DELETE_AT_ONCE = 1_000  # the most keys that one request may name
_TRIES = 6  # of a request that is answered by 500, 503 or not at all; waits double from about 1 s
_lock = threading.Lock()
_clients: list[Any] = []


class StoreRefused(Exception):  # noqa: N818 - it names what happened
    """The object store does not give or take an object: access, its own failure, or no answer after every retry.

    Not an `OSError`: those are of one file, become its drop in the ledger, and the run goes on. Here the file may be
    whole, so the stage fails, can be resumed, and leaves nothing out.
    """


class Changed(OSError):  # noqa: N818 - it names what happened
    """A conditional put was refused: somebody else has written the object."""


class ObjectInfo(NamedTuple):
    """What a server says about an object: path, size in bytes, when it was written, its version, its server's time."""

    path: str
    size: int
    modified: datetime
    etag: str
    now: datetime
    metadata: dict[str, str]


def _client() -> Any:
    """Return the process's client; it may be used by any thread."""
    with _lock:
        if not _clients:
            try:
                from botocore.exceptions import BotoCoreError
            except ImportError as error:
                raise InputRefused("s3:// needs boto3; install harubang with its extra: harubang[s3]") from error
            try:
                _clients.append(_new_client())
            except (ValueError, BotoCoreError) as error:  # an address that is none, a word for a number
                raise InputRefused(f"s3:// cannot be set up: {error}; mend the environment's AWS_ variables") from error
        return _clients[0]


def _new_client() -> Any:
    import boto3
    from botocore.config import Config

    own_server = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        retries={
            "mode": os.environ.get("AWS_RETRY_MODE", "standard"),
            "total_max_attempts": int(os.environ.get("AWS_MAX_ATTEMPTS", _TRIES)),
        },
        connect_timeout=10,
        read_timeout=60,
        # A bucket is a host name on AWS itself only; servers of one's own rarely have such names.
        s3={"addressing_style": "path" if own_server else "auto"},
    )
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return boto3.session.Session().client("s3", region_name=region, config=config)


def _split(path: str) -> dict[str, str]:
    """Return the bucket and key that ``path`` names, as a request's arguments."""
    bucket, _, key = path.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise InputRefused(f"{path}: names no bucket; write s3://bucket/folder")
    return {"Bucket": bucket, "Key": key}


@contextmanager
def _errors(path: str) -> Iterator[None]:
    """Turn boto3's errors into ours, one clear line each."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = error.response.get("Error", {}).get("Code", "")
        if code == "NoSuchBucket":
            raise InputRefused(f"{path}: the object store has no such bucket; make it, or mend the address") from error
        if status == 404:
            raise FileNotFoundError(f"{path}: there is no such object") from error
        if status in (409, 412):
            raise Changed(f"{path}: {status} {code}: somebody else has written it") from error
        what = error.response.get("Error", {}).get("Message", "")
        raise StoreRefused(f"{path}: the object store answered {status} {code}: {what}".rstrip(": ")) from error
    except NoCredentialsError as error:
        raise InputRefused(f"{path}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") from error
    except ParamValidationError as error:
        raise InputRefused(f"{path}: {' '.join(str(error).split())}; write s3://bucket/folder") from error
    except (BotoCoreError, Boto3Error) as error:
        raise StoreRefused(f"{path}: {error}".splitlines()[0]) from error


def head(path: str) -> ObjectInfo | None:
    """Return what the server says about the object ``path``, or None where there is none."""
    client = _client()
    try:
        with _errors(path):
            answer = client.head_object(**_split(path))
    except FileNotFoundError:
        return None
    return ObjectInfo(
        path,
        answer["ContentLength"],
        answer["LastModified"],
        answer["ETag"],
        parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]),
        answer.get("Metadata", {}),
    )


def listed(pattern: str) -> Iterator[tuple[str, int, float]]:
    """Yield (path, size, modification time in seconds) of the objects that a path or glob names.

    A listing may be old: nothing that must be right may rest on it.
    """
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    if fixed == pattern:
        found = head(pattern)
        if found is not None:
            yield pattern, found.size, found.modified.timestamp()
        return
    place = _split(fixed)
    wanted = re.compile(FileSystem.translate_pattern(pattern))
    client = _client()
    with _errors(fixed):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=place["Bucket"], Prefix=place["Key"])
        for page in pages:
            for entry in page.get("Contents", ()):
                path = f"{SCHEME}{place['Bucket']}/{entry['Key']}"
                if wanted.fullmatch(path) and not path.endswith("/"):
                    yield path, entry["Size"], entry["LastModified"].timestamp()


def read(path: str, span: tuple[int, int] | None = None, *, etag: str = "") -> bytes:
    """Return an object's bytes, or those of ``span`` (start, end exclusive) as far as it has them.

    An answer that breaks off is asked for again.

    Raises:
        FileNotFoundError: there is no such object.
        Changed: it is no longer the version ``etag``.
        StoreRefused: the server refused or failed.
    """
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    client = _client()
    arguments = _split(path)
    if span is not None:
        arguments["Range"] = f"bytes={span[0]}-{span[1] - 1}"
    if etag:
        arguments["IfMatch"] = etag
    with _errors(path):
        for last in (False, False, True):
            body = client.get_object(**arguments)["Body"]
            try:
                return cast(bytes, body.read())
            except (HTTPClientError, IncompleteReadError):
                if last:
                    raise
            finally:
                body.close()
    raise AssertionError("unreachable")


class _Reader(io.RawIOBase):
    """One version of an object, read by ranges that grow while it is read on and on."""

    def __init__(self, found: ObjectInfo) -> None:
        super().__init__()
        self._found = found
        self._position = 0
        self._window = b""
        self._start = 0  # of the window
        self._step = _FIRST_STEP

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._found.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        if self._position >= self._found.size:
            return 0
        end = self._start + len(self._window)
        if not self._start <= self._position < end:
            self._step = min(2 * self._step, _LAST_STEP) if self._window and self._position == end else _FIRST_STEP
            stop = min(self._position + max(self._step, len(buffer)), self._found.size)
            self._window = read(self._found.path, (self._position, stop), etag=self._found.etag)
            self._start = self._position
        offset = self._position - self._start
        data = self._window[offset : offset + len(buffer)]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def open_to_read(path: str) -> BinaryIO:
    """Open an object for reading; all of it is of one version.

    Raises:
        FileNotFoundError: there is no such object.
        StoreRefused: the server refused or failed.
    """
    found = head(path)
    if found is None:
        raise FileNotFoundError(f"{path}: there is no such object")
    return io.BufferedReader(_Reader(found))


def put(path: str, data: bytes, *, only_if: str = "") -> str:
    """Put ``data`` at ``path`` by one request and return the new version.

    ``only_if`` is `ABSENT` or a version: the put is refused where something else is there.

    Raises:
        Changed: the condition does not hold.
        StoreRefused: the server refused or failed.
    """
    condition = {"IfNoneMatch": "*"} if only_if == ABSENT else {"IfMatch": only_if} if only_if else {}
    client = _client()
    try:
        with _errors(path):
            return str(client.put_object(**_split(path), Body=data, **condition)["ETag"])
    except FileNotFoundError as error:
        raise Changed(f"{path}: the object is gone") from error


def upload(file: IO[bytes], path: str, sha256: str) -> None:
    """Put what ``file`` holds from its position at ``path``, in parts where it is large.

    ``sha256`` is noted with the object. A multipart upload that fails is aborted.

    Raises:
        OSError: ``file`` cannot be read.
        StoreRefused: the server refused or failed.
    """
    from boto3.s3.transfer import TransferConfig

    client = _client()
    config = TransferConfig(multipart_threshold=_PART_SIZE, multipart_chunksize=_PART_SIZE, use_threads=False)
    with _errors(path):
        place = _split(path)
        note = {"Metadata": {"sha256": sha256}}
        client.upload_fileobj(file, place["Bucket"], place["Key"], ExtraArgs=note, Config=config)


def copy(source: str, target: str) -> None:
    """Copy an object with its notes to another name, on the server."""
    client = _client()
    with _errors(target):
        place = _split(target)
        client.copy(_split(source), place["Bucket"], place["Key"])


def delete(paths: Iterable[str]) -> None:
    """Remove objects; one that is not there is no error."""
    client = _client()
    waiting = sorted(set(paths))
    while waiting:
        some, waiting = waiting[:_DELETE_AT_ONCE], waiting[_DELETE_AT_ONCE:]
        keys = [{"Key": _split(path)["Key"]} for path in some]
        with _errors(some[0]):
            answer = client.delete_objects(Bucket=_split(some[0])["Bucket"], Delete={"Objects": keys, "Quiet": True})
        for problem in answer.get("Errors", ()):
            raise StoreRefused(f"{problem.get('Key')}: cannot be removed: {problem.get('Code')}")


def abort_uploads(folder: str) -> None:
    """Abort the multipart uploads that killed processes left open below ``folder``: they take room and are not listed.

    Raises:
        StoreRefused: the server refused or failed.
    """
    client = _client()
    place = _split(folder)
    with _errors(folder):
        pages = client.get_paginator("list_multipart_uploads").paginate(
            Bucket=place["Bucket"], Prefix=place["Key"].rstrip("/") + "/"
        )
        for page in pages:
            for upload_ in page.get("Uploads", ()):
                try:
                    with _errors(folder):
                        client.abort_multipart_upload(
                            Bucket=place["Bucket"], Key=upload_["Key"], UploadId=upload_["UploadId"]
                        )
                except FileNotFoundError:
                    continue  # it has ended meanwhile
