"""Image files that do harm: they declare too much, never end, break off, or cost their decoder its time or memory."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFilter

BOMB_SIDE = 30_000
"""Side in pixels that `huge_png_header` declares: 900 million pixels."""
GREEDY_SIDE = 6_304
"""Side in pixels of `greedy_jpeg`: 39.7 million pixels, just under a limit of 40 million.

Its coefficients take 303 MiB (2 bytes each, four components) and its pixels 152 MiB, all of them asked for before a
block is read. A decoder with less than 455 MiB at its disposal fails at once, however busy the machine is.
"""
SLOW_COMMENTS = 460_000
"""Comments in `slow_gif`. Pillow joins them by copying all earlier ones: 8 s for 2.8 MB (measured, Pillow 12.3)."""
SCANS_SIDE = 4_000
"""Side in pixels of `many_scans_jpeg`."""
_LONGEST_RUN = 32_767
"""Blocks that one end-of-band code of a progressive JPEG may cover (ITU-T T.81, G.1.2.2)."""


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def huge_png_header() -> bytes:
    """Return a PNG that declares 30,000 × 30,000 pixels and holds hardly any."""
    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 4096)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def slow_gif() -> bytes:
    """Return a small picture behind so many comments that reading them takes seconds (see `SLOW_COMMENTS`)."""
    header = b"GIF89a" + struct.pack("<HHBBB", 320, 240, 0x80, 0, 0) + bytes((206, 44, 62, 250, 248, 244))
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return header + b"!\xfe\x02ha\x00" * SLOW_COMMENTS + frame + b";"


def _bits(codes: Iterator[tuple[int, int]]) -> bytes:
    """Return (value, length) codes as entropy-coded data: filled up with ones, 0xFF stuffed."""
    value = length = 0
    for code, width in codes:
        value, length = value << width | code, length + width
    rest = -length % 8
    data = (value << rest | (1 << rest) - 1).to_bytes((length + rest) // 8, "big")
    return data.replace(b"\xff", b"\xff\x00")


def _runs(blocks: int) -> Iterator[tuple[int, int]]:
    """Yield end-of-band codes that pass over ``blocks`` blocks: symbol 14 is the code 0, and 14 bits follow."""
    while blocks:
        run = min(blocks, _LONGEST_RUN)
        yield run - 16_384, 15
        blocks -= run


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


_ONE_CODE = bytes((1, *[0] * 15))
"""Of a Huffman table: one code, of one bit."""


def greedy_jpeg() -> bytes:
    """Return a progressive CMYK JPEG that needs more memory than a decoder may use (see `GREEDY_SIDE`)."""
    components = b"".join(bytes((number, 0x11, 0)) for number in range(1, 5))
    blocks = (GREEDY_SIDE // 8) ** 2
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xDB, bytes((0, *[16] * 64))),
            _segment(0xC2, struct.pack(">BHHB", 8, GREEDY_SIDE, GREEDY_SIDE, 4) + components),
            _segment(0xC4, b"\x00" + _ONE_CODE + b"\x00"),
            _segment(0xDA, bytes((4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0))),
            bytes(blocks * 4 // 8),
            b"\xff\xd9",
        )
    )


def many_scans_jpeg() -> bytes:
    """Return a progressive grey JPEG of 883 valid scans over 16 million pixels, in some 60 kB.

    Every coefficient is refined bit by bit although all are zero, so each scan passes over all blocks for nothing.
    """
    blocks = (SCANS_SIDE // 8) ** 2
    assert blocks % _LONGEST_RUN >= 16_384, "the last run has to need symbol 14 too"

    def scan(table: int, start: int, end: int, high: int, low: int, data: bytes) -> bytes:
        return _segment(0xDA, bytes((1, 1, table, start, end, high << 4 | low))) + data

    parts = [
        b"\xff\xd8",
        _segment(0xDB, bytes((0, *[16] * 64))),
        _segment(0xC2, struct.pack(">BHHBBBB", 8, SCANS_SIDE, SCANS_SIDE, 1, 1, 0x11, 0)),
        _segment(0xC4, b"\x00" + _ONE_CODE + b"\x00"),
        _segment(0xC4, b"\x10" + _ONE_CODE + b"\xe0"),
        scan(0, 0, 0, 0, 0, b"\x00" * (blocks // 8)),
    ]
    passes = _bits(_runs(blocks))
    for coefficient in range(1, 64):
        parts += [
            scan(0, coefficient, coefficient, 0 if low == 13 else low + 1, low, passes) for low in range(13, -1, -1)
        ]
    return b"".join(parts) + b"\xff\xd9"


def bitmap() -> bytes:
    """Return a BMP."""
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "BMP")
    return out.getvalue()


def _saved(image: Image.Image, form: str, **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def blank() -> bytes:
    """Return a picture of one colour."""
    return _saved(Image.new("RGB", (640, 420), (236, 232, 224)), "JPEG")


def blurred(picture: Image.Image) -> bytes:
    """Return ``picture`` with no edge left, as lazily loading pages show it first."""
    return _saved(picture.filter(ImageFilter.GaussianBlur(picture.width / 14)), "JPEG")


def two_tone_sign() -> bytes:
    """Return a sign of two colours: sharp, but with hardly any information."""
    image = Image.new("RGB", (480, 480), (252, 252, 252))
    ImageDraw.Draw(image).polygon(
        [(90, 200), (300, 200), (300, 120), (420, 240), (300, 360), (300, 280), (90, 280)], (30, 90, 170)
    )
    return _saved(image, "PNG")


def letterboxed(picture: Image.Image) -> bytes:
    """Return ``picture`` between wide black bars."""
    canvas = Image.new("RGB", (picture.width, picture.height * 3), (0, 0, 0))
    canvas.paste(picture, (0, picture.height))
    return _saved(canvas, "JPEG", quality=88)


def screenshot() -> bytes:
    """Return what looks like a window: panes, a table of flat cells, rows of short strokes for text."""
    image = Image.new("RGB", (960, 640), (246, 247, 249))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 960, 44), (38, 60, 92))
    draw.rectangle((0, 44, 190, 640), (226, 230, 236))
    for row in range(16):
        top = 64 + row * 36
        draw.rectangle((18, top, 60 + row * 37 % 110, top + 12), (70, 80, 96))
        draw.line((210, top + 26, 940, top + 26), (150, 156, 166))
        for word in range(9):
            left = 220 + word * 80
            draw.rectangle((left, top, left + 20 + (row * 7 + word * 13) % 46, top + 13), (40, 44, 52))
    return _saved(image, "PNG")


def icon() -> bytes:
    """Return a small button of few colours."""
    image = Image.new("RGB", (128, 128), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.ellipse((8, 8, 120, 120), (214, 60, 52))
    draw.polygon([(50, 36), (50, 92), (98, 64)], (255, 255, 255))
    draw.arc((16, 16, 112, 112), 30, 200, (60, 20, 20), 6)
    return _saved(image, "PNG")
