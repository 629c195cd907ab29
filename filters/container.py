"""Which image format bytes are, and what sides they declare, from magic bytes alone.

Neither the URL nor the Content-Type is asked: both are the server's word. Sides are read here before any library
sees the file, because a WebP or GIF decoder allocates its canvas as soon as it is opened.
"""

from __future__ import annotations

import struct
from typing import Final

KNOWN_FORMATS: Final = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""Names as Pillow spells them."""

_AVIF_BRANDS: Final = (b"avif", b"avis")


def sniff(data: bytes) -> str:
    """Return the format ``data`` starts like, one of `KNOWN_FORMATS`, or an empty string."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in _AVIF_BRANDS:
        return "AVIF"
    if data[:4] in (b"II*\0", b"MM\0*"):
        return "TIFF"
    if data[:2] == b"BM":
        return "BMP"
    return ""


def declared_size(data: bytes, kind: str) -> tuple[int, int] | None:
    """Return (width, height) in pixels that a PNG, GIF or WebP header declares; None for other kinds.

    Raises:
        ValueError: the header is cut off or is not one of its format.
    """
    reader = {"PNG": _png_size, "GIF": _gif_size, "WEBP": _webp_size}.get(kind)
    if reader is None:
        return None
    try:
        return reader(data)
    except (struct.error, IndexError) as error:
        raise ValueError(f"{kind} header cut off") from error


def _png_size(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError("PNG without IHDR first")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    """RFC 9649 sections 2.5 to 2.7: a simple lossy, a simple lossless, or an extended file."""
    chunk = data[12:16]
    if chunk == b"VP8 ":
        if data[23:26] != b"\x9d\x01\x2a":
            raise ValueError("WebP frame without its start code")
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X":
        if len(data) < 30:
            raise ValueError("WEBP header cut off")
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    raise ValueError("WebP without an image chunk first")
