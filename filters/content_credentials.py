"""Content Credentials (C2PA) inside an image: what they say on training a model with it.

A manifest store is JUMBF (ISO 19566-5). Where it lies: C2PA 2.2, appendix A: JPEG APP11 segments, a PNG ``caBX`` chunk,
a WebP ``C2PA`` chunk, a GIF application extension, a ``uuid`` box of AVIF. Read in it are the assertions
``c2pa.training-mining`` (C2PA 1.x) and ``cawg.training-mining`` (CAWG 1.1, which says that *constrained* is to be
treated as *notAllowed*).

Signatures are not checked: an opt-out counts whoever wrote it, and nothing is granted on the strength of an assertion
that would not have been granted without it. Manifests that lie elsewhere, named by a URL, are not asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from filters import cbor
from filters.jpeg import read_header
from schemas.identity import canonical_json
from schemas.records import Consent

CHANNEL: Final = "c2pa"

MAX_DEPTH: Final = 12
MAX_BOXES: Final = 20_000
"""Of one image; a store of fifty edits has some two thousand."""

_ASSERTION: Final = "training-mining"
_NOT_TRAINING: Final = "ai_inference"
"""The one entry that a training set is no case of; an entry of any other name counts."""
_MAX_VALUE: Final = 500
_COMPRESSED: Final = b"brob"
"""The box of a compressed manifest (C2PA 2.2, section 11.2.3). They are rare, and anything may stand in one."""
_STORE: Final = re.compile(b"jumb")
"""The type of every box that a store is made of; never split, wherever it lies. Found faster so than by ``in``."""
_APP11: Final = 0xEB
_BMFF_STORE: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_GIF_STORE: Final = b"\x21\xff\x0bC2PA_GIF"


class _Box(NamedTuple):
    """One box: its type, and where its content lies."""

    kind: bytes
    start: int
    end: int


class _Assertion(NamedTuple):
    """One training-mining assertion: which manifest of the store it is in, its label, and entry -> use."""

    manifest: int
    label: str
    uses: dict[str, str]


def training_consent(data: bytes, kind: str) -> Consent | None:
    """Return what the Content Credentials in an image file say on training, or None where they say nothing.

    The active manifest, the last of the store, decides if it says anything on training; else any refusal among the
    manifests of what the image was made from. Never raises: a store that cannot be read is a refusal if it names a
    training-mining assertion, or may name one out of sight.

    Args:
        data: the file.
        kind: its format, as `filters.container.sniff` names it.
    """
    if _STORE.search(data) is None:
        return None
    store = data
    try:
        store = _store(data, kind)
        reader = _Reader(store)
        found = reader.assertions()
    except ValueError as error:
        return _refused_if_named(data + store, str(error))
    if not found:
        return _refused_if_named(data + store, "no such assertion could be read")
    stated = [said for said in found if any(_covers(entry) for entry in said.uses)]
    if not stated:
        return None
    deciding = [said for said in stated if said.manifest == reader.manifests] or stated
    allowed = not any(_refuses(said) for said in deciding)
    value = "; ".join(f"{said.label} {canonical_json(said.uses)}" for said in deciding)
    return Consent(CHANNEL, value[:_MAX_VALUE], allowed=allowed)


def _refused_if_named(data: bytes, why: str) -> Consent | None:
    if _ASSERTION.encode() not in data and _COMPRESSED not in data:
        return None
    return Consent(CHANNEL, f"{_ASSERTION}, unreadable: {why}"[:_MAX_VALUE], allowed=False)


def _covers(entry: str) -> bool:
    return entry.rpartition(".")[2].strip().lower() != _NOT_TRAINING


def _refuses(said: _Assertion) -> bool:
    return any(_covers(entry) and use.strip().lower() != "allowed" for entry, use in said.uses.items())


# Where the store lies.


def _store(data: bytes, kind: str) -> bytes:
    """Return the bytes of the file's manifest stores, one after the other."""
    finder = {"JPEG": _in_jpeg, "PNG": _in_png, "WEBP": _in_webp, "GIF": _in_gif, "AVIF": _in_avif}.get(kind)
    return b"".join(finder(data)) if finder is not None else b""


def _in_jpeg(data: bytes) -> Iterator[bytes]:
    """ISO 19566-5, annex D: packets of one box share a number and repeat its header; they are ordered by sequence."""
    packets: dict[bytes, list[tuple[int, bytes]]] = {}
    for segment in read_header(data).segments:
        payload = data[segment.start + 4 : segment.end]
        if segment.marker == _APP11 and payload[:2] == b"JP" and len(payload) >= 16:
            packets.setdefault(payload[2:4], []).append((int.from_bytes(payload[4:8], "big"), payload[8:]))
    for pieces in packets.values():
        pieces.sort(key=lambda piece: piece[0])
        header = 16 if pieces[0][1][:4] == b"\0\0\0\1" else 8
        yield pieces[0][1] + b"".join(piece[header:] for _, piece in pieces[1:])


def _in_png(data: bytes) -> Iterator[bytes]:
    at = 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"caBX":
            yield data[at + 8 : at + 8 + size]
        at += 12 + size


def _in_webp(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"C2PA":
            yield data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _in_gif(data: bytes) -> Iterator[bytes]:
    at = data.find(_GIF_STORE)
    while at >= 0:
        position, blocks = at + len(_GIF_STORE) + 3, []
        while position < len(data) and data[position]:
            blocks.append(data[position + 1 : position + 1 + data[position]])
            position += 1 + data[position]
        yield b"".join(blocks)
        at = data.find(_GIF_STORE, position)


def _in_avif(data: bytes) -> Iterator[bytes]:
    for box in _Reader(data).boxes(0, len(data)):
        content = data[box.start : box.end]
        if box.kind == b"uuid" and content.startswith(_BMFF_STORE):
            # Version and flags, the purpose as a text that ends in a zero, the offset of the first Merkle box.
            purpose = content.find(b"\0", len(_BMFF_STORE) + 4)
            yield content[purpose + 9 :]


# What is in it.


class _Reader:
    """Reads the boxes of one store, and counts its ``manifests``."""

    def __init__(self, store: bytes) -> None:
        self._store = store
        self._boxes = 0
        self.manifests = 0
        self._found: list[_Assertion] = []

    def assertions(self) -> list[_Assertion]:
        """Return every training-mining assertion.

        Raises:
            ValueError: a box is cut off or of an impossible size, there are too many or too deep ones, or the
                assertion is not what its standard says.
        """
        for box in self.boxes(0, len(self._store)):
            if box.kind == b"jumb":
                self._read(box, depth=0)
        return self._found

    def boxes(self, start: int, end: int) -> Iterator[_Box]:
        """Yield the boxes between two offsets."""
        while start < end:
            self._boxes += 1
            if self._boxes > MAX_BOXES:
                raise ValueError(f"over {MAX_BOXES} boxes")
            size, head = int.from_bytes(self._store[start : start + 4], "big"), 8
            if size == 1:
                size, head = int.from_bytes(self._store[start + 8 : start + 16], "big"), 16
            elif size == 0:
                size = end - start
            if size < head or start + size > end:
                raise ValueError(f"a box of {size} bytes where there are {end - start}")
            yield _Box(self._store[start + 4 : start + 8], start + head, start + size)
            start += size

    def _read(self, box: _Box, depth: int) -> None:
        """Read a superbox. Those at depth 1 are the manifests."""
        if depth > MAX_DEPTH:
            raise ValueError(f"boxes over {MAX_DEPTH} deep")
        if depth == 1:
            self.manifests += 1
        label = ""
        for inner in self.boxes(box.start, box.end):
            if inner.kind == b"jumd":
                label = self._label(inner)
            elif inner.kind == b"jumb":
                self._read(inner, depth + 1)
            elif inner.kind == _COMPRESSED:
                raise ValueError("a compressed manifest, which is not unpacked")
            elif _ASSERTION in label.lower() and inner.kind in (b"cbor", b"json"):
                content = self._store[inner.start : inner.end]
                self._found.append(_Assertion(self.manifests, label, _uses(content, inner.kind)))

    def _label(self, box: _Box) -> str:
        """Return a description's label: after its type (16 bytes) and toggles, of which the second says it is there."""
        content = self._store[box.start : box.end]
        if len(content) < 17 or not content[16] & 2:
            return ""
        return content[17:].partition(b"\0")[0].decode("utf-8", "replace")


def _uses(content: bytes, kind: bytes) -> dict[str, str]:
    """Return entry -> use of one assertion's content."""
    value: Any = cbor.loads(content) if kind == b"cbor" else _json(content)
    entries = value.get("entries") if isinstance(value, dict) else None
    if not isinstance(entries, dict):
        raise ValueError("an assertion without entries")
    uses = {}
    for name, entry in entries.items():
        use = entry.get("use") if isinstance(entry, dict) else entry
        uses[str(name)] = use if isinstance(use, str) else "unreadable"
    return uses


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
