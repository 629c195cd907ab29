"""WARC records (ISO 28500): reading HTTP responses from any archive, writing the pages of a crawl.

Reading is FastWARC's; what it passes over silently (a record cut short at the end of a file) is told here.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, BinaryIO, Final, NamedTuple

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

MAX_PAGE_BYTES: Final = 4 << 20
"""Bytes of one page that are read: 300 times the mean of real pages (13.7 kB); more is an attack or not a page."""

_CHUNK: Final = 1 << 16
_HEAD = (
    b"WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:harubang:block>\r\n"
    b"Content-Type: application/http; msgtype=response\r\nContent-Length: %d\r\n\r\n"
)


class PageRecord(NamedTuple):
    """An HTTP response with its body decoded from transfer and content encodings.

    ``offset`` is the record's first byte in the file as stored. ``digest`` is the sha256 of the decoded body.
    """

    url: str
    offset: int
    captured_at: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def digest(self) -> str:
        """The sha256 of the body in hex."""
        return hashlib.sha256(self.body).hexdigest()

    def header(self, name: str) -> str:
        """Return the first header called ``name`` (any case), or an empty text."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class BrokenRecord(NamedTuple):
    """A record that cannot be read: where it starts, what it was to be, and what is wrong with it."""

    url: str
    offset: int
    problem: str


class PassedRecord(NamedTuple):
    """A response that was read but cannot hold what is looked for, and was not decoded."""

    url: str
    offset: int


def read_pages(
    stream: BinaryIO, *, may_matter: Callable[[bytes], bool]
) -> Iterator[PageRecord | BrokenRecord | PassedRecord]:
    """Yield the HTTP responses (and HTML resources) of a WARC, gzip, lz4, zstd or plain.

    ``may_matter`` is asked about the raw block of each record; where it says no, the record is not decoded.

    Raises:
        OSError: the archive itself cannot be read on (what was read before has been yielded).
    """
    kinds = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.unknown
    found: PageRecord | BrokenRecord | PassedRecord | None = None
    for record in ArchiveIterator(stream, record_types=kinds, parse_http=False):
        found = _read_one(record, may_matter)
        yield found
    if not isinstance(found, BrokenRecord):
        yield from _cut_tail(stream, found.offset if found is not None else 0)


def _cut_tail(stream: BinaryIO, start: int) -> Iterator[BrokenRecord]:
    """Yield the gzip member that a file ends in the midst of: FastWARC tells of none that is cut before its type.

    ``start`` is where a member begins; other archives have none there.
    """
    stream.seek(start)
    member = zlib.decompressobj(wbits=31)
    begin = end = start
    while data := member.unused_data or member.unconsumed_tail or stream.read(_CHUNK):
        if member.eof:
            begin, member = end, zlib.decompressobj(wbits=31)
        try:
            member.decompress(data, _CHUNK)
        except zlib.error:
            return
        end += len(data) - len(member.unused_data) - len(member.unconsumed_tail)
    if end > begin and not member.eof:
        yield BrokenRecord("", begin, f"the gzip member is cut after {end - begin} bytes")


def _read_one(record: WarcRecord, may_matter: Callable[[bytes], bool]) -> PageRecord | BrokenRecord | PassedRecord:
    url = (record.headers.get("WARC-Target-URI") or "").strip("<>")
    offset = record.stream_pos
    known = record.record_type in (WarcRecordType.response, WarcRecordType.resource)
    if not known or record.headers.get("Content-Length") is None:
        return BrokenRecord(url, offset, "the WARC header is cut or of no known type")
    if record.content_length > MAX_PAGE_BYTES:
        return BrokenRecord(url, offset, f"{record.content_length} bytes, of which {MAX_PAGE_BYTES} would be read")
    block = record.reader.read()
    if len(block) != record.content_length:
        return BrokenRecord(url, offset, f"cut after {len(block)} of {record.content_length} bytes")
    captured = record.headers.get("WARC-Date") or ""
    if record.record_type == WarcRecordType.resource:
        kind = record.headers.get("Content-Type") or ""
        return PageRecord(url, offset, captured, 200, (("Content-Type", kind),), block)
    if not _is_encoded(block) and not may_matter(block):
        return PassedRecord(url, offset)
    try:
        return _decode(url, offset, captured, block)
    except OSError as error:
        return BrokenRecord(url, offset, f"the HTTP message cannot be decoded: {error}")


def _is_encoded(block: bytes) -> bool:
    head = block[: max(block.find(b"\r\n\r\n"), 0) or 4096].lower()
    return b"\ncontent-encoding:" in head


def _decode(url: str, offset: int, captured: str, block: bytes) -> PageRecord | BrokenRecord:
    message = WarcRecord.from_bytes(_HEAD % len(block) + block + b"\r\n\r\n")
    try:
        message.parse_http(auto_decode="all", quirks_mode=True)
        body = message.reader.read(MAX_PAGE_BYTES + 1)
    except OSError:
        # Archives often keep a body they have decoded under the headers of the encoded one.
        message = WarcRecord.from_bytes(_HEAD % len(block) + block + b"\r\n\r\n")
        message.parse_http(auto_decode="none", quirks_mode=True)
        body = message.reader.read(MAX_PAGE_BYTES + 1)
        if body[:2] == b"\x1f\x8b":
            raise
    if message.http_headers is None or message.http_headers.status_code is None:
        return BrokenRecord(url, offset, "the record holds no HTTP response head")
    if len(body) > MAX_PAGE_BYTES:
        return BrokenRecord(url, offset, f"the body decodes to more than {MAX_PAGE_BYTES} bytes")
    headers = tuple((str(key), str(value)) for key, value in message.http_headers)
    return PageRecord(url, offset, captured, int(message.http_headers.status_code), headers, body)


class WarcWriter:
    """Writes response records, each its own gzip member, as ISO 28500 asks of compressed archives."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        about = b"software: harubang\r\nformat: WARC File Format 1.1\r\n"
        self._write([("WARC-Type", "warcinfo"), ("Content-Type", "application/warc-fields")], "", about)

    def add(
        self, *, url: str, fetched_at: str, address: str, status: int, headers: Sequence[tuple[str, str]], body: bytes
    ) -> int:
        """Append one response; return its offset. Headers of the encoding on the wire are kept under another name."""
        lines = [f"HTTP/1.1 {status} "]
        for name, value in headers:
            wire = name.lower() in ("content-encoding", "transfer-encoding", "content-length")
            lines.append(f"{'X-Archive-Orig-' if wire else ''}{name}: {value}")
        lines.append(f"Content-Length: {len(body)}")
        block = "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body
        digest = base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()
        fields = [
            ("WARC-Type", "response"),
            ("WARC-Target-URI", url),
            ("WARC-Payload-Digest", f"sha1:{digest}"),
            ("Content-Type", "application/http; msgtype=response"),
        ]
        if address:
            fields.insert(2, ("WARC-IP-Address", address))
        return self._write(fields, fetched_at, block)

    def copy(self, source: BinaryIO, offset: int) -> int:
        """Append the record, written by this class, that begins at ``offset`` of another archive; return its offset.

        Raises:
            OSError: there is no whole record there.
        """
        source.seek(offset)
        member, pieces = zlib.decompressobj(wbits=31), []
        while not member.eof:
            data = source.read(_CHUNK)
            try:
                member.decompress(data)
            except zlib.error as error:
                raise OSError(f"no gzip member at {offset}: {error}") from error
            if not data:
                raise OSError(f"the gzip member at {offset} is cut")
            pieces.append(data[: len(data) - len(member.unused_data)])
        return self._append(b"".join(pieces))

    def _append(self, data: bytes) -> int:
        offset = self._file.tell()
        self._file.write(data)
        return offset

    def _write(self, fields: list[tuple[str, str]], date: str, block: bytes) -> int:
        identity = uuid.UUID(
            bytes=hashlib.sha256(repr(fields).encode() + date.encode() + block).digest()[:16], version=4
        )
        lines = ["WARC/1.1", *(f"{name}: {value}" for name, value in fields)]
        lines.append(f"WARC-Record-ID: <urn:uuid:{identity}>")
        lines.append(f"WARC-Date: {date or '1970-01-01T00:00:00Z'}")
        lines.append(f"Content-Length: {len(block)}")
        data = "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"
        return self._append(gzip.compress(data, 6, mtime=0))
