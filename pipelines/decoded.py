"""What is asked of the decoder and what it answers. Light to import: no codec comes with it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from filters.container import KNOWN_FORMATS
from schemas.records import Consent, Score


class ImageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is accepted, what is stored, and what a decoder process may use.

    ``max_side`` is the largest side of the stored image in pixels (ratio kept, never enlarged), ``quality`` the JPEG
    quality of what is encoded anew. Limits: ``max_pixels`` and ``max_dimension`` as declared, ``max_bytes`` of the
    file, ``decode_seconds`` of wall time per image, ``memory_mib`` of address space beyond what a fresh decoder
    process maps. ``processes`` 0 means one per core.

    Raises:
        ValueError: a limit below 1, a quality outside 1 to 100, or a format that is not known.
    """

    max_side: int = 512
    quality: int = 95
    max_pixels: int = 50_000_000
    max_dimension: int = 16_384
    max_bytes: int = 20 * 2**20
    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF")
    decode_seconds: float = 5.0
    memory_mib: int = 1024
    processes: int = 0

    def __post_init__(self) -> None:
        for name in ("max_side", "max_pixels", "max_dimension", "max_bytes", "memory_mib"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality is {self.quality}: it must be from 1 to 100")
        if not self.decode_seconds > 0:
            raise ValueError(f"decode_seconds is {self.decode_seconds}: it must be above 0")
        if self.processes < 0:
            raise ValueError(f"processes is {self.processes}: it must be 0 (one per core) or more")
        for kind in self.formats:
            if kind not in KNOWN_FORMATS:
                raise ValueError(f"formats has {kind!r}: known are {', '.join(KNOWN_FORMATS)}")


class Decoded(NamedTuple):
    """What became of one image. ``reason`` is empty where it was stored, and ``jpeg`` empty where it was not.

    ``jpeg`` is an sRGB 8-bit three-component JPEG without metadata. ``original_width`` and ``original_height`` are in
    pixels as oriented for display. ``frames`` counts an animation's pictures, of which the first is stored.
    ``reencoded`` is False where the entropy-coded data is the original's, bit for bit. ``consent`` is what the file
    itself says on its use.
    """

    reason: str
    detail: str = ""
    jpeg: bytes = b""
    raw_sha256: str = ""
    raw_format: str = ""
    stored_sha256: str = ""
    width: int = 0
    height: int = 0
    original_width: int = 0
    original_height: int = 0
    orientation: int = 1
    frames: int = 0
    reencoded: bool = False
    phash: str = ""
    phash256: str = ""
    dhash: str = ""
    clear_bits: int = 0
    trimmed_phash: str = ""
    trimmed_phash256: str = ""
    trimmed_clear_bits: int = 0
    tones: bytes = b""
    trimmed_tones: bytes = b""
    scores: list[Score] = []  # noqa: RUF012  # never changed in place
    consent: list[Consent] = []  # noqa: RUF012  # the same
