"""Perceptual hashes as `imagehash` defines them, at a fraction of its price.

phash is imagehash 4.3's: luma, 32 × 32 by Lanczos, two-dimensional DCT-II, the 8 × 8 lowest frequencies against their
median. phash256 is the same with ``hash_size=16``: 64 × 64 and the 16 × 16 lowest. dhash is luma, 9 × 8 by Lanczos,
each pixel against its left neighbour. Pillow's Lanczos shrinking is a matrix product on each side.

A picture with plain margins (a frame, letter-box bars, white around a product) is hashed a second time without them, so
that a copy with other margins, or none, is still found.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from filters.tones import tones

Pixels = NDArray[np.uint8]
Matrix = NDArray[np.float32]

CLEAR_OF_MEDIAN: Final = 4.0
"""How far a DCT coefficient (orthonormal, of 32 x 32 pixels in 0..255) must be from the median for its bit to be
meant and not noise. Without this test three quarters of all matches between distinct images are accidents of plain
ones (tests/bench/near_duplicate_quality.py)."""

MARGIN_TONES: Final = 10
"""How far, of 255, a margin's pixels may be from the middle of its outermost line: room for JPEG's ringing."""
LEAST_CONTENT: Final = 0.3
"""Margins that would leave less than this share of the width or the height stay: what is left is then a detail."""

_PHASH_SIDE: Final = 32
_PHASH256_SIDE: Final = 64
_DHASH_WIDTH: Final = 9
_DHASH_HEIGHT: Final = 8
_LANCZOS_LOBES: Final = 3
_BLOCK_PIXELS: Final = 8
"""Each is made of a few neighbouring pixels of the line only: a matrix of all would be zeros for the most part."""
_NEARLY_ZERO: Final = 1e-9
_NOISE_DIGITS: Final = 4
"""Coefficients that are zero in exact arithmetic must not be told apart by rounding noise, which varies by machine."""


class _Block(NamedTuple):
    """What some pixels of a shrunk line are made of: pixels ``start`` to ``end`` of the line, by their weights."""

    start: int
    end: int
    weights: Matrix


@lru_cache(maxsize=2048)
def _lanczos(points: int, side: int) -> tuple[_Block, ...]:
    """Return the blocks by which Pillow's LANCZOS resizes a line of ``points`` pixels to ``side``."""
    samples = np.arange(side)
    scale = points / side
    stretch = max(scale, 1.0)
    reach = _LANCZOS_LOBES * stretch
    centres = (samples + 0.5) * scale
    first = np.maximum(np.floor(centres - reach + 0.5), 0).astype(np.intp)[:, None]
    ends = np.minimum(np.floor(centres + reach + 0.5), points).astype(np.intp)[:, None]
    taps = int((ends - first).max())
    left = np.minimum(first, points - taps)  # as many for each, and none beyond the line
    positions = left + np.arange(taps)
    argument = (positions + 0.5 - centres[:, None]) * (np.pi / _LANCZOS_LOBES / stretch)
    argument[argument == 0] = _NEARLY_ZERO
    square = np.sin(argument) ** 2
    # sinc(x) sinc(x / 3) by one sine: sin(3a) is sin(a) (3 - 4 sin(a)^2)
    weights = square * (3 - 4 * square) / argument**2
    weights[(positions < first) | (positions >= ends)] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    size = _BLOCK_PIXELS if side % _BLOCK_PIXELS == 0 else side
    starts = left[::size, 0]
    lengths = left[size - 1 :: size, 0] + taps - starts
    matrices: Matrix = np.zeros((len(starts), lengths.max(), size), np.float32)
    block = samples[:, None] // size
    matrices[block, positions - starts[block], samples[:, None] % size] = weights
    return tuple(
        _Block(start, start + length, matrix[:length])
        for start, length, matrix in zip(starts.tolist(), lengths.tolist(), matrices, strict=True)
    )


def _narrowed(lines: Matrix, side: int) -> Matrix:
    """Return ``lines`` (lines × pixels), each resized to ``side`` pixels and rounded to 8 bits, as Pillow does."""
    result: Matrix = np.empty((len(lines), side), np.float32)
    left = 0
    for start, end, weights in _lanczos(lines.shape[1], side):
        right = left + weights.shape[1]
        np.matmul(lines[:, start:end], weights, out=result[:, left:right])
        left = right
    result += np.float32(0.5)
    np.floor(result, out=result)
    np.maximum(result, 0, out=result)
    return np.minimum(result, 255, out=result)


@lru_cache(maxsize=2)
def _cosines(side: int) -> NDArray[np.float64]:
    """Return the ``side`` / 4 lowest rows of the unnormalised DCT-II matrix of that side: 2 cos(pi k (2n + 1) / 2N)."""
    frequency = np.arange(side // 4)[:, None]
    point = np.arange(side)[None, :]
    cosines: NDArray[np.float64] = 2 * np.cos(np.pi * frequency * (2 * point + 1) / (2 * side))
    return cosines


def _square(lines: Matrix, side: int) -> Matrix:
    """Return a picture (height × width) shrunk to ``side`` × ``side``: whole numbers from 0 to 255."""
    return _narrowed(_narrowed(lines, side).T, side).T


def _lowest(square: Matrix) -> NDArray[np.float64]:
    """Return the lowest frequencies of a picture shrunk to a square."""
    cosines = _cosines(len(square))
    low: NDArray[np.float64] = np.round(cosines @ square.astype(np.float64) @ cosines.T, _NOISE_DIGITS)
    return low


def _median(values: NDArray[np.float64]) -> float:
    """Return the median of an even number of values, many times faster than numpy for as few as these."""
    ordered = np.sort(values, axis=None)
    return float(ordered[values.size // 2 - 1] + ordered[values.size // 2]) / 2


def _clear(low: NDArray[np.float64]) -> int:
    """Return how many phash coefficients are clear of their median, on the orthonormal scale."""
    scale = np.full(len(low), np.sqrt(1 / (2 * _PHASH_SIDE)))
    scale[0] = np.sqrt(1 / (4 * _PHASH_SIDE))
    orthonormal = low * scale[:, None] * scale[None, :]
    return int(np.count_nonzero(np.abs(orthonormal - _median(orthonormal)) >= CLEAR_OF_MEDIAN))


def _hex(bits: NDArray[np.bool_]) -> str:
    return np.packbits(bits.ravel()).tobytes().hex()


class PerceptualHashes(NamedTuple):
    """The hashes as imagehash prints them (16, 64 and 16 hex digits), and how many phash bits are more than noise.

    A blank or finely textured picture, or one whose halves mirror each other, has coefficients at the median itself;
    their bits turn with the least change, and pictures that share nothing agree in them by accident. ``tones`` are
    those of `filters.tones`.
    """

    phash: str
    phash256: str
    dhash: str
    clear_bits: int
    tones: bytes


class Content(NamedTuple):
    """A picture inside its margins: rows ``top`` to ``bottom``, columns ``left`` to ``right``, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int


def content(luma: Pixels) -> Content | None:
    """Return the part of a height × width grey picture inside its plain margins; None where there is none to cut."""
    height, width = luma.shape
    top, bottom = _plain_ends(luma)
    left, right = _plain_ends(luma[top:bottom].T)
    box = Content(top, bottom, left, right)
    return None if box == (0, height, 0, width) else box


def _plain_ends(lines: Pixels) -> tuple[int, int]:
    """Return the first line that is not of the first margin, and the one behind the last that is not of the last."""
    count = len(lines)
    if np.ptp(lines[0]) > 2 * MARGIN_TONES and np.ptp(lines[-1]) > 2 * MARGIN_TONES:
        return 0, count
    low, high = lines.min(axis=1).astype(np.int16), lines.max(axis=1).astype(np.int16)
    first, last = (_run(low[::step], high[::step]) for step in (1, -1))
    return (first, count - last) if count - last - first >= LEAST_CONTENT * count else (0, count)


def _run(low: NDArray[np.int16], high: NDArray[np.int16]) -> int:
    """Return how many lines from the first on keep to its middle tone."""
    middle = (int(low[0]) + int(high[0])) // 2
    kept = (middle - low <= MARGIN_TONES) & (high - middle <= MARGIN_TONES)
    return len(kept) if kept.all() else int(np.argmin(kept))


def perceptual_hashes(luma: Pixels) -> PerceptualHashes:
    """Return the hashes of a height × width grey picture."""
    lines = luma.astype(np.float32)
    square = _square(lines, _PHASH256_SIDE)
    low, low256 = _lowest(_square(lines, _PHASH_SIDE)), _lowest(square)
    columns = _narrowed(_narrowed(lines, _DHASH_WIDTH).T, _DHASH_HEIGHT)
    return PerceptualHashes(
        phash=_hex(low > _median(low)),
        phash256=_hex(low256 > _median(low256)),
        dhash=_hex((columns[1:] > columns[:-1]).T),
        clear_bits=_clear(low),
        tones=tones(square),
    )


def trimmed_hashes(luma: Pixels) -> PerceptualHashes | None:
    """Return the hashes of a height × width grey picture without its plain margins; None where it has none."""
    box = content(luma)
    return None if box is None else perceptual_hashes(luma[box.top : box.bottom, box.left : box.right])
