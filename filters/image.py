"""What is measured of an image, and the filters that hold the measures against thresholds.

Everything is measured once, when the image is decoded, and stored; a changed threshold decodes nothing again. Lengths
are pixels. *Grey* below is the stored image's luma (BT.601), 0 to 255, shrunk by a whole factor to a long side of
about 256 and never enlarged, so that images of all sizes are measured on one scale.

| score | unit, range | what |
|---|---|---|
| short_side | px | shorter side of the original, as oriented for display |
| aspect | ratio, >= 1 | longer by shorter side of the original |
| bytes_per_pixel | bytes | size of the file by pixels of the original |
| grey_std | levels, 0 to 127.5 | standard deviation of grey: 0 is one flat colour |
| sharpness | levels squared | variance of the Laplacian of grey (Pech-Pacheco et al. 2000) |
| entropy | bits, 0 to 8 | Shannon entropy of the grey histogram |
| colourfulness | levels | metric M3 of Hasler and Süsstrunk 2003: 0 is grey, 109 "extremely colourful" |
| border_share | 0 to 1 | area of uniform rows and columns at the edges, as letterboxing leaves |
| flat_share | 0 to 1 | grey pixels within one level of their right and lower neighbours |
| screenshot_share | 0 to 1 | flat_share times the share of strong edges along an axis, as text and windows have |
| colours | count, 1 to 4096 | distinct 12-bit colours among about 48 × 48 samples |
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from filters.base import Decision
from schemas.reasons import Outcome, Reason
from schemas.records import ImageRow, Score

Pixels = NDArray[Any]

_GREY_SIDE: Final = 256
_COLOUR_SIDE: Final = 48
_FLAT_LEVELS: Final = 1
_BORDER_LEVELS: Final = 12
"""Largest spread of one border row: JPEG blurs the edge of a letterbox by a few levels."""
_STRONG_SLOPE: Final = 256
"""Sobel's answer to a step of 64 levels."""
_ALIGNED_RATIO: Final = 8
"""Slope along an axis to the one across it, for an edge to run along an axis: within 7 degrees."""
_OPPONENTS: Final = np.array([[1, -1, 0], [0.5, 0.5, -1]], np.float32)
"""Red against green, yellow against blue."""
_DIGITS: Final = 4
"""Scores are stored rounded, so that the last bit of a sum on another processor changes no byte of the output."""


def measure(pixels: Pixels, luma: Pixels, *, raw_bytes: int, original: tuple[int, int]) -> list[Score]:
    """Return every score of one image, in the order of the table above.

    ``pixels`` is the stored image (height × width × 3 sRGB, 8 bits), ``luma`` its grey (height × width), ``original``
    the (width, height) of the image as it came, at least 1 × 1, and ``raw_bytes`` its file's size.
    """
    grey = _shrunk(luma)
    flat, aligned = _flat_and_aligned(grey)
    deviation = cv2.meanStdDev(grey)[1]
    laplacian = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1]
    samples = _colour_samples(pixels)
    values = {
        "short_side": float(min(original)),
        "aspect": max(original) / min(original),
        "bytes_per_pixel": raw_bytes / (original[0] * original[1]),
        "grey_std": float(deviation[0, 0]),
        "sharpness": float(laplacian[0, 0]) ** 2,
        "entropy": _entropy(grey),
        "colourfulness": _colourfulness(samples),
        "border_share": _border_share(grey),
        "flat_share": flat,
        "screenshot_share": flat * aligned,
        "colours": float(_colours(samples)),
    }
    return [Score(name, round(float(value), _DIGITS)) for name, value in values.items()]


def _shrunk(luma: Pixels) -> Pixels:
    """Shrink by a whole factor, which area averaging does many times faster than by a fraction."""
    height, width = luma.shape
    factor = min(round(max(height, width) / _GREY_SIDE), height, width)
    if factor <= 1:
        return luma
    across, down = width // factor, height // factor
    return cv2.resize(luma[: down * factor, : across * factor], (across, down), interpolation=cv2.INTER_AREA)


def _flat_and_aligned(grey: Pixels) -> tuple[float, float]:
    """Return the share of flat pixels, and the share of strong edges along an axis (0 where there is none)."""
    if min(grey.shape) < 2:
        return 1.0, 0.0
    corner = grey[:-1, :-1]
    steps = cv2.max(cv2.absdiff(grey[:-1, 1:], corner), cv2.absdiff(grey[1:, :-1], corner))
    flat = np.count_nonzero(steps <= _FLAT_LEVELS) / steps.size
    across, down = map(np.abs, cv2.spatialGradient(grey))
    larger = cv2.max(across, down)
    strong = larger >= _STRONG_SLOPE
    edges = np.count_nonzero(strong)
    if edges == 0:
        return flat, 0.0
    aligned = cv2.min(across, down) <= larger // _ALIGNED_RATIO
    return flat, np.count_nonzero(aligned & strong) / edges


def _entropy(grey: Pixels) -> float:
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).astype(np.float64)
    surprise = counts.ravel() @ np.log2(np.maximum(counts, 1)).ravel()
    return max(0.0, float(np.log2(grey.size) - surprise / grey.size))


def _border_share(grey: Pixels) -> float:
    inner = 1.0
    rows = cv2.reduce(grey, 1, cv2.REDUCE_MAX) - cv2.reduce(grey, 1, cv2.REDUCE_MIN)
    for axis, spread in enumerate((np.ptp(grey, axis=0), rows)):
        busy = np.flatnonzero(spread > _BORDER_LEVELS)
        inner *= (busy[-1] - busy[0] + 1) / grey.shape[1 - axis] if busy.size else 0.0
    return float(1.0 - inner)


def _colour_samples(pixels: Pixels) -> Pixels:
    step = max(1, max(pixels.shape[:2]) // _COLOUR_SIDE)
    return np.ascontiguousarray(pixels[::step, ::step])


def _colourfulness(samples: Pixels) -> float:
    opponents = cv2.transform(samples.astype(np.float32), _OPPONENTS)
    mean, deviation = cv2.meanStdDev(opponents)
    return float(np.hypot(*deviation[:, 0]) + 0.3 * np.hypot(*mean[:, 0]))


def _colours(samples: Pixels) -> int:
    coarse = (samples >> 4).astype(np.int32) @ np.array([256, 16, 1], np.int32)
    return int(np.count_nonzero(np.bincount(coarse.ravel(), minlength=4096)))


def score_of(row: ImageRow, name: str) -> float | None:
    """Return the stored score ``name`` of ``row``; None where it was not measured."""
    return next((score.value for score in row.scores if score.name == name), None)


def _at_least(score: float | None, threshold: float, reason: Reason) -> Decision:
    if score is None:
        return Decision(Outcome.UNKNOWN, threshold=threshold)
    if score < threshold:
        return Decision(Outcome.DROP, reason, score, threshold)
    return Decision(Outcome.KEEP, score=score, threshold=threshold)


def _at_most(score: float | None, threshold: float, reason: Reason) -> Decision:
    if score is None:
        return Decision(Outcome.UNKNOWN, threshold=threshold)
    if score > threshold:
        return Decision(Outcome.DROP, reason, score, threshold)
    return Decision(Outcome.KEEP, score=score, threshold=threshold)


class _ImageFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options shared by the filters below."""


class ImageMinSide(_ImageFilter, frozen=True, tag="image_min_side"):
    """Drop originals whose shorter side is under ``min_side`` px. COYO-700M takes 200."""

    name: ClassVar[str] = "image_min_side"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.IMAGE_TOO_SMALL})
    min_side: int = 200

    def decide(self, row: ImageRow) -> Decision:
        """Judge by ``short_side``."""
        return _at_least(score_of(row, "short_side"), self.min_side, Reason.IMAGE_TOO_SMALL)


class ImageAspect(_ImageFilter, frozen=True, tag="image_aspect"):
    """Drop originals longer than ``max_aspect`` times their shorter side. COYO-700M and DataComp take 3."""

    name: ClassVar[str] = "image_aspect"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.IMAGE_ASPECT})
    max_aspect: float = 3.0

    def decide(self, row: ImageRow) -> Decision:
        """Judge by ``aspect``."""
        return _at_most(score_of(row, "aspect"), self.max_aspect, Reason.IMAGE_ASPECT)


class ImageBlank(_ImageFilter, frozen=True, tag="image_blank"):
    """Drop images of nearly one grey: place-holders, tracking pixels, solid banners."""

    name: ClassVar[str] = "image_blank"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.IMAGE_BLANK})
    min_grey_std: float = 4.0

    def decide(self, row: ImageRow) -> Decision:
        """Judge by ``grey_std``."""
        return _at_least(score_of(row, "grey_std"), self.min_grey_std, Reason.IMAGE_BLANK)


class ImageBlurred(_ImageFilter, frozen=True, tag="image_blurred"):
    """Drop images with hardly an edge: blurred previews of lazy loading, gradients."""

    name: ClassVar[str] = "image_blurred"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.IMAGE_BLURRED})
    min_sharpness: float = 20.0

    def decide(self, row: ImageRow) -> Decision:
        """Judge by ``sharpness``."""
        return _at_least(score_of(row, "sharpness"), self.min_sharpness, Reason.IMAGE_BLURRED)


class ImageEntropy(_ImageFilter, frozen=True, tag="image_entropy"):
    """Drop images with few grey levels in use: single letters, rules, simple signs."""

    name: ClassVar[str] = "image_entropy"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.IMAGE_LOW_ENTROPY})
    min_entropy: float = 1.0

    def decide(self, row: ImageRow) -> Decision:
        """Judge by ``entropy``."""
        return _at_least(score_of(row, "entropy"), self.min_entropy, Reason.IMAGE_LOW_ENTROPY)


class ImageBorder(_ImageFilter, frozen=True, tag="image_border"):
    """Drop images whose uniform borders take more than ``max_border_share`` of the area."""

    name: ClassVar[str] = "image_border"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.IMAGE_BORDERED})
    max_border_share: float = 0.5

    def decide(self, row: ImageRow) -> Decision:
        """Judge by ``border_share``."""
        return _at_most(score_of(row, "border_share"), self.max_border_share, Reason.IMAGE_BORDERED)


class ImageScreenshot(_ImageFilter, frozen=True, tag="image_screenshot"):
    """Drop screenshots and pictures of text. At 0.35, two of three screenshots go, and one of 30 photographs."""

    name: ClassVar[str] = "image_screenshot"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.IMAGE_SCREENSHOT})
    max_screenshot_share: float = 0.35

    def decide(self, row: ImageRow) -> Decision:
        """Judge by ``screenshot_share``."""
        return _at_most(score_of(row, "screenshot_share"), self.max_screenshot_share, Reason.IMAGE_SCREENSHOT)


class ImageIcon(_ImageFilter, frozen=True, tag="image_icon"):
    """Drop small pictures of few colours: buttons, bullets, logos.

    Only originals whose longer side is at most ``max_side`` px are judged; larger ones are kept with no score.
    """

    name: ClassVar[str] = "image_icon"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.IMAGE_ICON})
    max_side: int = 128
    min_colours: int = 64

    def decide(self, row: ImageRow) -> Decision:
        """Judge by ``colours``."""
        short, aspect = score_of(row, "short_side"), score_of(row, "aspect")
        if short is None or aspect is None:
            return Decision(Outcome.UNKNOWN, threshold=self.min_colours)
        if round(short * aspect) > self.max_side:
            return Decision(Outcome.KEEP, threshold=self.min_colours)
        return _at_least(score_of(row, "colours"), self.min_colours, Reason.IMAGE_ICON)


class ImageGrey(_ImageFilter, frozen=True, tag="image_grey"):
    """Drop pictures without colour. Hasler and Süsstrunk call 15 "slightly colourful"; under 3 is grey to the eye."""

    name: ClassVar[str] = "image_grey"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.IMAGE_GREY})
    min_colourfulness: float = 3.0

    def decide(self, row: ImageRow) -> Decision:
        """Judge by ``colourfulness``."""
        return _at_least(score_of(row, "colourfulness"), self.min_colourfulness, Reason.IMAGE_GREY)


ImageFilter = (
    ImageMinSide
    | ImageAspect
    | ImageBlank
    | ImageBlurred
    | ImageEntropy
    | ImageBorder
    | ImageScreenshot
    | ImageIcon
    | ImageGrey
)
"""Any image filter; a workflow names one by its ``type``."""


def default_filters() -> tuple[ImageFilter, ...]:
    """Return the filters of a workflow that names none: those hardly anyone would want to do without."""
    return (ImageMinSide(), ImageAspect(), ImageBlank(), ImageBlurred(), ImageEntropy())
