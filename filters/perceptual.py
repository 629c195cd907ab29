"""Perceptual hashes as `imagehash` defines them, at a fraction of its price.

phash is imagehash 4.3's: luma, 32 × 32 by Lanczos, two-dimensional DCT-II, the 8 × 8 lowest frequencies against their
median. phash256 is the same with ``hash_size=16``: 64 × 64 and the 16 × 16 lowest. dhash is luma, 9 × 8 by Lanczos,
each pixel against its left neighbour. Pillow's Lanczos shrinking is a matrix product on each side; the hashes share
the horizontal one.

A picture with plain margins (a frame, letter-box bars, white around a product) is hashed a second time without them, so
that a copy with other margins, or none, is still found.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
_NOISE_DIGITS: Final = 4
"""Coefficients that are zero in exact arithmetic must not be told apart by rounding noise, which varies by machine."""


@lru_cache(maxsize=256)
def _lanczos(points: int, sides: tuple[int, ...]) -> Matrix:
    """Return the matrices by which Pillow's LANCZOS resizes ``points`` pixels to each of ``sides``, side by side.

    The result is ``points`` × the sum of ``sides``. Pictures come in so many sizes that most are met for the first
    time: all sides are worked out in one go, on the weights alone and not on the zeros around them.
    """
    samples = np.concatenate([np.arange(side) for side in sides])
    scale = np.repeat([points / side for side in sides], sides)
    stretch = np.maximum(scale, 1.0)
    reach = _LANCZOS_LOBES * stretch
    centres = (samples + 0.5) * scale
    first = np.maximum(np.floor(centres - reach + 0.5), 0).astype(np.intp)
    counts = np.minimum(np.floor(centres + reach + 0.5), points).astype(np.intp) - first
    ends = np.cumsum(counts)
    starts = ends - counts
    column = np.repeat(np.arange(len(samples)), counts)
    position = np.arange(ends[-1]) + (first - starts)[column]
    argument = (position - centres[column] + 0.5) / stretch[column]
    weights = np.sinc(argument) * np.sinc(argument / _LANCZOS_LOBES) * (np.abs(argument) < _LANCZOS_LOBES)
    matrix: Matrix = np.zeros((points, len(samples)), np.float32)
    matrix[position, column] = weights / np.add.reduceat(weights, starts)[column]
    return matrix


@lru_cache(maxsize=2)
def _cosines(side: int) -> NDArray[np.float64]:
    """Return the ``side`` / 4 lowest rows of the unnormalised DCT-II matrix of that side: 2 cos(pi k (2n + 1) / 2N)."""
    frequency = np.arange(side // 4)[:, None]
    point = np.arange(side)[None, :]
    cosines: NDArray[np.float64] = 2 * np.cos(np.pi * frequency * (2 * point + 1) / (2 * side))
    return cosines


def _lowest(down: Matrix, across: Matrix, side: int) -> NDArray[np.float64]:
    """Return the lowest frequencies of a picture that was shrunk across to ``side`` and that ``down`` shrinks to it."""
    square = _rounded(down.T @ across).astype(np.float64)
    cosines = _cosines(side)
    low: NDArray[np.float64] = np.round(cosines @ square @ cosines.T, _NOISE_DIGITS)
    return low


def _clear(low: NDArray[np.float64]) -> int:
    """Return how many phash coefficients are clear of their median, on the orthonormal scale."""
    scale = np.full(len(low), np.sqrt(1 / (2 * _PHASH_SIDE)))
    scale[0] = np.sqrt(1 / (4 * _PHASH_SIDE))
    orthonormal = low * scale[:, None] * scale[None, :]
    return int(np.count_nonzero(np.abs(orthonormal - np.median(orthonormal)) >= CLEAR_OF_MEDIAN))


def _rounded(values: Matrix) -> Matrix:
    """Return ``values`` as 8-bit pixels, which Pillow makes of them after each pass."""
    pixels: Matrix = np.clip(np.floor(values + np.float32(0.5)), 0, 255)
    return pixels


def _hex(bits: NDArray[np.bool_]) -> str:
    return np.packbits(bits.ravel()).tobytes().hex()


class PerceptualHashes(NamedTuple):
    """The hashes as imagehash prints them (16, 64 and 16 hex digits), and how many phash bits are more than noise.

    A blank or finely textured picture, or one whose halves mirror each other, has coefficients at the median itself;
    their bits turn with the least change, and pictures that share nothing agree in them by accident.
    """

    phash: str
    phash256: str
    dhash: str
    clear_bits: int


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
    height, width = luma.shape
    across = _rounded(luma.astype(np.float32) @ _lanczos(width, (_PHASH_SIDE, _PHASH256_SIDE, _DHASH_WIDTH)))
    down = _lanczos(height, (_PHASH_SIDE, _PHASH256_SIDE, _DHASH_HEIGHT))
    cuts = (_PHASH_SIDE, _PHASH_SIDE + _PHASH256_SIDE)
    (short, longer, strip), (shortest, shorter, stripe) = (np.split(matrix, cuts, axis=1) for matrix in (across, down))
    low = _lowest(shortest, short, _PHASH_SIDE)
    low256 = _lowest(shorter, longer, _PHASH256_SIDE)
    rows = _rounded(stripe.T @ strip)
    return PerceptualHashes(
        phash=_hex(low > np.median(low)),
        phash256=_hex(low256 > np.median(low256)),
        dhash=_hex(rows[:, 1:] > rows[:, :-1]),
        clear_bits=_clear(low),
    )


def trimmed_hashes(luma: Pixels) -> PerceptualHashes | None:
    """Return the hashes of a height × width grey picture without its plain margins; None where it has none."""
    box = content(luma)
    return None if box is None else perceptual_hashes(luma[box.top : box.bottom, box.left : box.right])
