"""What a JPEG file says about itself, and the file without its metadata, by walking markers: no pixel is decoded.

Marker meanings are those of ITU-T T.81 Annex B; APP0 is JFIF 1.02, APP1 Exif 2.32, APP2 ICC.1 Annex B.4, APP14 Adobe
Technical Note 5116.
"""

from __future__ import annotations

import re
import struct
from typing import Final, NamedTuple

_SOI: Final = b"\xff\xd8"
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_APP0: Final = 0xE0
_APP1: Final = 0xE1
_APP2: Final = 0xE2
_APP14: Final = 0xEE
_COMMENT: Final = 0xFE
_READ: Final = frozenset({_APP1, _APP2, _APP14})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
_SEQUENTIAL_SCAN: Final = b"\x00\x3f\x00"
"""Spectral selection and approximation of a scan that is not progressive; some phones write others, to no effect."""
_ANY_MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
"""Between segments, bytes that are no marker are passed over, as libjpeg does: a wrong length costs no picture."""
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The end of entropy-coded data: any marker but a stuffed zero, a restart, or fill."""

MAX_SEGMENTS: Final = 10_000
"""Of one file. A 20 MiB file can hold five million empty ones, which is an attack on the walker."""

_ORIENTATION_TAG: Final = 0x0112
_SHORT: Final = 3


class Segment(NamedTuple):
    """One marker segment: bytes ``start`` to ``end`` of the file, marker included. A scan has its coded data too."""

    marker: int
    start: int
    end: int


class JpegHeader(NamedTuple):
    """The facts a decision needs before a pixel is decoded.

    ``process`` is the frame marker's second byte: 0xC0 baseline, 0xC1 extended, 0xC2 progressive.
    ``adobe_transform`` is -1 without an Adobe segment. ``orientation`` is Exif's 1 to 8, 1 where absent or out of
    range. ``icc`` is the embedded profile, empty where absent or incomplete. Sides are in pixels as coded.
    """

    width: int
    height: int
    components: int
    precision: int
    process: int
    scans: int
    orientation: int
    adobe_transform: int
    icc: bytes
    segments: tuple[Segment, ...]


def read_header(data: bytes) -> JpegHeader:
    """Walk every marker of the first image in ``data``.

    Raises:
        ValueError: not a JPEG, a cut-off segment, no frame header, no scan, or no end of image.
    """
    segments = _walk(data)
    frames = [segment for segment in segments if segment.marker in _FRAMES]
    scans = sum(segment.marker == _SOS for segment in segments)
    if len(frames) != 1:
        raise ValueError(f"{len(frames)} frame headers")
    if scans == 0:
        raise ValueError("no scan")
    frame = frames[0]
    if frame.end - frame.start < 10:
        raise ValueError("frame header too short")
    precision, height, width, components = struct.unpack_from(">BHHB", data, frame.start + 4)
    orientation, adobe, profile = 1, -1, []
    for segment in segments:
        if segment.marker not in _READ:
            continue
        payload = data[segment.start + 4 : segment.end]
        if segment.marker == _APP1 and payload.startswith(b"Exif\0\0"):
            orientation = _orientation(payload[6:])
        elif segment.marker == _APP2 and payload.startswith(b"ICC_PROFILE\0") and len(payload) > 14:
            profile.append((payload[12], payload[13], payload[14:]))
        elif segment.marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
            adobe = payload[11]
    return JpegHeader(
        width=width,
        height=height,
        components=components,
        precision=precision,
        process=frame.marker,
        scans=scans,
        orientation=orientation,
        adobe_transform=adobe,
        icc=_joined_profile(profile),
        segments=segments,
    )


def strip_metadata(data: bytes, header: JpegHeader) -> bytes:
    """Return the image of ``data`` without metadata; tables and entropy-coded data stay bit for bit.

    Kept of the APPn segments: JFIF's fixed fields without its thumbnail, and Adobe's colour transform, because both
    say how to read the coded colours. A sequential scan gets the parameters T.81 prescribes.
    Exif, XMP, ICC, Photoshop, comments and all that follows the end of the image
    (a second picture, a video) are gone.
    """
    view = memoryview(data)  # so that the coded data is copied once
    parts: list[bytes | memoryview] = [_SOI]
    for segment in header.segments:
        raw = view[segment.start : segment.end]
        if segment.marker == _APP0:
            if data.startswith(b"JFIF\0", segment.start + 4) and len(raw) >= 18:
                parts += (b"\xff\xe0\x00\x10", raw[4:16], b"\x00\x00")
        elif segment.marker == _APP14:
            if data.startswith(b"Adobe", segment.start + 4) and len(raw) >= 16:
                parts += (b"\xff\xee\x00\x0e", raw[4:16])
        elif segment.marker == _SOS and header.process in _SEQUENTIAL:
            coded = 4 + int.from_bytes(raw[2:4], "big") - 2
            parts += (raw[: coded - 3], _SEQUENTIAL_SCAN, raw[coded:])
        elif not (0xE0 <= segment.marker <= 0xEF or segment.marker == _COMMENT):
            parts.append(raw)
    parts.append(b"\xff\xd9")
    return b"".join(parts)


def with_orientation(data: bytes, orientation: int) -> bytes:
    """Return ``data`` with an Exif segment of that orientation, if it is a JPEG that has no Exif of its own."""
    if orientation == 1 or not data.startswith(_SOI):
        return data
    try:
        segments = _walk(data)
    except ValueError:
        return data  # the decoder says what is wrong with it
    if any(s.marker == _APP1 and data[s.start + 4 : s.end].startswith(b"Exif\0\0") for s in segments):
        return data
    entry = struct.pack(">HHIHH", _ORIENTATION_TAG, _SHORT, 1, orientation, 0)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    return _SOI + b"\xff" + bytes([_APP1]) + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def _walk(data: bytes) -> tuple[Segment, ...]:
    if not data.startswith(_SOI):
        raise ValueError("no start of image")
    segments: list[Segment] = []
    position = 2
    while True:
        found = _ANY_MARKER.search(data, position)
        if found is None:
            raise ValueError("no end of image")
        position = found.start()
        marker = data[position + 1]
        if marker == _EOI:
            return tuple(segments)
        if marker in _STANDALONE:
            position += 2
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if end < position + 4 or end > len(data):
            raise ValueError("cut off inside a segment")
        if marker == _SOS:
            found = _NEXT_MARKER.search(data, end)
            if found is None:
                raise ValueError("no end of image")
            end = found.start()
        segments.append(Segment(marker, position, end))
        if len(segments) > MAX_SEGMENTS:
            raise ValueError(f"over {MAX_SEGMENTS} segments")
        position = end


def _joined_profile(parts: list[tuple[int, int, bytes]]) -> bytes:
    """Return the profile whose chunks are (number, of how many, bytes); empty where one is missing or doubled."""
    parts.sort(key=lambda part: part[0])
    if [part[0] for part in parts] != list(range(1, len(parts) + 1)) or any(part[1] != len(parts) for part in parts):
        return b""
    return b"".join(part[2] for part in parts)


def _orientation(tiff: bytes) -> int:
    """Return the Orientation tag of the first directory of ``tiff``, or 1 where there is no valid one."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (offset,) = struct.unpack_from(order + "I", tiff, 4)
    if offset + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(order + "H", tiff, offset)
    for entry in range(offset + 2, min(offset + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, entry)
        if tag == _ORIENTATION_TAG and kind == _SHORT and count == 1 and 1 <= value <= 8:
            return int(value)
    return 1
