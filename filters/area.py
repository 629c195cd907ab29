"""Shrinking by area averaging, as OpenCV's INTER_AREA computes it, at about a quarter of its price.

A pixel of the result is the mean of the rectangle it covers, parts of pixels counted by their share. OpenCV walks the
samples one by one unless the factor is whole; here each pass is a sparse matrix times rows of 16-bit numbers, whose
inner loop, a weight times a row, vectorises. Weights are 8-bit fractions, so results differ from OpenCV's by 1 level
here and there, and by 3 at most.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Pixels = NDArray[np.uint8]

_ONE: Final = 256
_MAX_FACTOR: Final = 8
"""Beyond it a row's weight is too few 256ths to be exact, and OpenCV does the work."""
_BLOCK_ROWS: Final = 384
"""Source rows taken at a time: the 16-bit numbers of a block stay in the processor's cache."""
_TIES_UP: Final = 1 / 1024
"""Added to a number of 256ths, so that a half is rounded up and not to the even neighbour."""


class _Block(NamedTuple):
    """Some rows of the result: the source rows they are made of, and their weights in 256ths, rows × source rows."""

    start: int
    end: int
    weights: Any


@lru_cache(maxsize=512)
def _blocks(source: int, target: int) -> tuple[_Block, ...]:
    """Return what ``target`` rows are made of, from ``source`` rows, ``target`` <= ``source``."""
    taps = int(np.ceil(source / target)) + 1
    starts = np.arange(target) * (source / target)
    first = (starts + 1e-9).astype(np.int32)
    rows = first[:, None] + np.arange(taps + 1, dtype=np.int32)
    covered = np.clip((rows - starts[:, None]) * (target / source), 0, 1)
    below = np.rint(covered * _ONE).astype(np.uint16)
    weights = below[:, 1:] - below[:, :-1]  # of rounded sums, so that they add up to one
    rows = np.minimum(rows[:, :-1], source - 1)
    size = max(1, _BLOCK_ROWS * target // source)
    blocks = []
    for top in range(0, target, size):
        part, start = rows[top : top + size], int(first[top])
        shape = (len(part), int(part[-1, -1]) + 1 - start)
        ends = np.arange(0, part.size + 1, taps, dtype=np.int32)
        product = (weights[top : top + size].ravel(), (part - np.int32(start)).ravel(), ends)
        blocks.append(_Block(start, start + shape[1], csr_array(product, shape=shape)))
    return tuple(blocks)


def _fewer_rows(pixels: Pixels, target: int) -> Pixels:
    source = pixels.shape[0]
    if source == target:
        return pixels
    lines = pixels.reshape(source, -1)
    result = np.empty((target, lines.shape[1]), np.uint8)
    top = 0
    for start, end, weights in _blocks(source, target):
        sums = weights @ lines[start:end].astype(np.uint16)  # at most 255 * 256
        bottom = top + len(sums)
        cv2.convertScaleAbs(sums, dst=result[top:bottom], alpha=1 / _ONE, beta=_TIES_UP)
        top = bottom
    return result.reshape(target, *pixels.shape[1:])


def area_average(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return ``pixels`` (height × width or height × width × channels, 8 bits) shrunk to ``size`` = (width, height).

    Neither side may grow.
    """
    width, height = size
    if pixels.shape[0] > _MAX_FACTOR * height or pixels.shape[1] > _MAX_FACTOR * width:
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    narrowed = _fewer_rows(pixels, height)
    sideways = np.asarray(cv2.transpose(narrowed), np.uint8)
    return np.asarray(cv2.transpose(_fewer_rows(sideways, width)), np.uint8)
