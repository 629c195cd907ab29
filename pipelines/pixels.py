"""One image from hostile bytes to the stored picture: sniff, check, decode, orient, resize, encode, hash, measure.

Runs in a decoder process (`pipelines.decode_child`). JPEG, the bulk of the web, goes through libjpeg-turbo with its
warnings taken as errors; every other format through Pillow, limited to the one decoder its magic bytes name.
"""

from __future__ import annotations

import io
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from filters.area import area_average
from filters.container import declared_size, sniff
from filters.content_credentials import training_consent
from filters.image import measure
from filters.jpeg import JpegHeader, read_header, strip_metadata
from filters.perceptual import perceptual_hashes, trimmed_hashes
from pipelines.colour import is_srgb, to_srgb
from pipelines.decoded import Decoded, ImageSettings
from schemas.identity import sha256_hex
from schemas.reasons import NO_REASON, Reason

Pixels = NDArray[np.uint8]

MAX_KEPT_SCANS: Final = 16
"""A progressive JPEG of more scans is encoded anew: each scan costs every later reader a pass over the picture."""

MAX_SCAN_WORK: Final = 20
"""Passes over a picture of `ImageSettings.max_pixels` that a progressive JPEG may ask of the decoder."""

_KEPT_PROCESSES: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Huffman-coded DCT, which every decoder reads; arithmetic and lossless coding are encoded anew."""


class _RefusedError(Exception):
    """An image that is not stored, with its reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _Picture(NamedTuple):
    """Decoded pixels (height × width, ×3 RGB or ×4 CMYK) as coded, and what is needed to show them right."""

    pixels: Pixels
    orientation: int
    icc: bytes
    frames: int


def process(data: bytes, settings: ImageSettings) -> Decoded:
    """Decode ``data`` and make the stored image of it.

    Raises:
        MemoryError: the picture needs more than the process may use.
    """
    kind = sniff(data)
    raw_sha256 = sha256_hex(data)
    said = training_consent(data, kind)
    consent = [said] if said is not None else []
    try:
        if said is not None and not said.allowed:
            raise _RefusedError(Reason.OPTED_OUT, said.channel)
        return _stored(data, kind, raw_sha256, settings)._replace(consent=consent)
    except _RefusedError as refused:
        detail = str(refused)
        return Decoded(reason=refused.reason, detail=detail, raw_sha256=raw_sha256, raw_format=kind, consent=consent)


def _stored(data: bytes, kind: str, raw_sha256: str, settings: ImageSettings) -> Decoded:
    if len(data) > settings.max_bytes:
        raise _RefusedError(Reason.BODY_TOO_LARGE, f"{len(data)} bytes")
    if kind not in settings.formats:
        raise _RefusedError(Reason.IMAGE_FORMAT_REFUSED, kind or "unknown content")
    header, jpeg = None, b""
    if kind == "JPEG":
        header = _jpeg_header(data, settings)
        jpeg = strip_metadata(data, header)
        picture = _decode_jpeg(jpeg, header, settings)
    else:
        picture = _decode_other(data, kind, settings)
    coded_height, coded_width = picture.pixels.shape[:2]
    turned = picture.orientation >= 5
    pixels = to_srgb(resized(picture.pixels, settings.max_side), picture.icc)
    pixels = oriented(pixels, picture.orientation)
    kept = header is not None and _is_storable(header, settings)
    if not kept:
        jpeg = encode(pixels, settings.quality)
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    grey = np.asarray(luma, np.uint8)
    hashes, trimmed = perceptual_hashes(grey), trimmed_hashes(grey)
    original = (coded_height, coded_width) if turned else (coded_width, coded_height)
    return Decoded(
        reason=NO_REASON,
        jpeg=jpeg,
        raw_sha256=raw_sha256,
        raw_format=kind,
        stored_sha256=sha256_hex(jpeg),
        width=pixels.shape[1],
        height=pixels.shape[0],
        original_width=original[0],
        original_height=original[1],
        orientation=picture.orientation,
        frames=picture.frames,
        reencoded=not kept,
        phash=hashes.phash,
        phash256=hashes.phash256,
        dhash=hashes.dhash,
        clear_bits=hashes.clear_bits,
        trimmed_phash=trimmed.phash if trimmed else "",
        trimmed_phash256=trimmed.phash256 if trimmed else "",
        trimmed_clear_bits=trimmed.clear_bits if trimmed else 0,
        tones=hashes.tones,
        trimmed_tones=trimmed.tones if trimmed else b"",
        scores=measure(pixels, luma, raw_bytes=len(data), original=original),
    )


def _check_size(width: int, height: int, settings: ImageSettings, passes: int = 1) -> None:
    if width < 1 or height < 1:
        raise _RefusedError(Reason.IMAGE_UNDECODABLE, f"declares {width}x{height}")
    if width > settings.max_dimension or height > settings.max_dimension or width * height > settings.max_pixels:
        raise _RefusedError(Reason.IMAGE_TOO_MANY_PIXELS, f"declares {width}x{height}")
    if width * height * passes > MAX_SCAN_WORK * settings.max_pixels:
        raise _RefusedError(Reason.IMAGE_TOO_MANY_PIXELS, f"declares {width}x{height} in {passes} scans")


def _jpeg_header(data: bytes, settings: ImageSettings) -> JpegHeader:
    try:
        header = read_header(data)
    except ValueError as error:
        raise _RefusedError(Reason.IMAGE_UNDECODABLE, str(error)) from error
    _check_size(header.width, header.height, settings, header.scans)
    return header


def _is_storable(header: JpegHeader, settings: ImageSettings) -> bool:
    """Whether a JPEG can be stored without a new encoding.

    Grey ones cannot: every stored image has three components, so that no training script meets another shape.
    """
    return (
        max(header.width, header.height) <= settings.max_side
        and header.orientation == 1
        and header.components == 3
        and header.precision == 8
        and header.process in _KEPT_PROCESSES
        and header.scans <= MAX_KEPT_SCANS
        and (not header.icc or is_srgb(header.icc))
    )


_UNUSUAL_SAMPLING: Final = "Could not determine subsampling"
_COLOURS: Final = {1: "GRAY", 3: "RGB", 4: "CMYK"}


def _decode_jpeg(data: bytes, header: JpegHeader, settings: ImageSettings) -> _Picture:
    """Decode a JPEG already stripped, so that warnings tell of the picture and not of its metadata."""
    colours = _COLOURS.get(header.components)
    if colours is None:
        raise _RefusedError(Reason.IMAGE_UNDECODABLE, f"{header.components} components")
    try:
        # Strict: libjpeg fills what it cannot read with grey and only warns.
        pixels = simplejpeg.decode_jpeg(data, colours, strict=True)
    except ValueError as error:
        if "nsufficient memory" in str(error):
            raise MemoryError(str(error)) from error
        if _UNUSUAL_SAMPLING not in str(error):
            raise _RefusedError(Reason.IMAGE_UNDECODABLE, str(error)) from error
        return _decode_unusual(data, header, settings)
    if header.components == 1:
        pixels = pixels[:, :, 0]
    elif header.components == 4 and header.adobe_transform >= 0:
        pixels = 255 - pixels  # Adobe writes the absence of ink
    return _Picture(pixels, header.orientation, header.icc, frames=1)


def _decode_unusual(data: bytes, header: JpegHeader, settings: ImageSettings) -> _Picture:
    """Decode chroma subsamplings turbojpeg has no name for (4:1:0, 2×2 on every component; 1 in 300 on the web).

    Pillow refuses cut-off data, but not a damaged picture.
    """
    picture = _decode_other(data, "JPEG", settings)
    return picture._replace(orientation=header.orientation, icc=header.icc)


def _decode_other(data: bytes, kind: str, settings: ImageSettings) -> _Picture:
    """Decode by Pillow, which is held to the one decoder ``kind`` names."""
    try:
        declared = declared_size(data, kind)
        if declared is not None:
            _check_size(*declared, settings)
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            _check_size(*image.size, settings)
            frames = 1 if kind == "GIF" else getattr(image, "n_frames", 1)
            image.load()
            orientation = image.getexif().get(0x0112, 1)
            pixels = _flattened(image)
            icc = image.info.get("icc_profile") or b""
            if kind == "GIF":
                frames = _gif_frames(image)
    except (_RefusedError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _RefusedError(Reason.IMAGE_TOO_MANY_PIXELS, str(error)) from error
    except Exception as error:  # Pillow raises any of a dozen types on malformed files
        raise _RefusedError(Reason.IMAGE_UNDECODABLE, f"{type(error).__name__}: {error}"[:200]) from error
    return _Picture(pixels, orientation if orientation in range(2, 9) else 1, icc, frames)


def _gif_frames(image: Any) -> int:
    """Count a GIF's frames by reading on to its end; a broken later frame ends the count, the first one is whole."""
    try:
        return int(image.n_frames)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # Pillow raises any of a dozen types on malformed files
        return int(image.tell()) + 1


def _flattened(image: Image.Image) -> Pixels:
    """Return the loaded ``image`` as 8-bit RGB, or grey where it is, with transparency laid on white."""
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(layered, mask=layered.getchannel("A"))
        return np.asarray(canvas)
    if image.mode == "CMYK":
        return np.asarray(image)
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _eight_bits(image: Image.Image) -> Pixels:
    """Return a 16-bit grey image's high bytes, rounded: Pillow's own conversion cuts at 255."""
    wide = np.asarray(image)
    if wide.dtype == np.float32:
        raise ValueError("floating-point pixels")
    return ((wide.astype(np.int64).clip(0, 65535) * 255 + 32767) // 65535).astype(np.uint8)


def resized(pixels: Pixels, max_side: int) -> Pixels:
    """Shrink to ``max_side`` by area averaging, as img2dataset's keep_ratio_largest does; never enlarge."""
    height, width = pixels.shape[:2]
    if max(height, width) <= max_side:
        return pixels
    scale = max_side / max(height, width)
    return area_average(pixels, (max(1, round(width * scale)), max(1, round(height * scale))))


def oriented(pixels: Pixels, orientation: int) -> Pixels:
    """Return ``pixels`` as Exif ``orientation`` (1 to 8, Exif 2.32 section 4.6.4) says they are to be shown."""
    if orientation >= 5:  # 5 to 8 have rows and columns exchanged
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def encode(pixels: Pixels, quality: int) -> bytes:
    """Return height × width × 3 sRGB as a baseline 4:2:0 JPEG, as img2dataset encodes (turbojpeg's own differs)."""
    blue_first = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
