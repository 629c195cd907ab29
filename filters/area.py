"""Shrinking by area averaging, as OpenCV's INTER_AREA computes it, at about a quarter of its price.

A pixel of the result is the mean of the rectangle it covers, parts of pixels counted by their share. OpenCV walks the
samples one by one unless the factor is whole; here each pass is a sparse matrix times rows of 16-bit numbers, whose
inner loop, a weight times a row, vectorises. Weights are 8-bit fractions, so results differ from OpenCV's by 1 level
here and there, and by 3 at most.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Pixels = NDArray[np.uint8]

_ONE: Final = 256
_MAX_FACTOR: Final = 8
"""Beyond it a row's weight is too few 256ths to be exact, and OpenCV does the work."""
_TIES_UP: Final = 1 / 1024
"""Added to a number of 256ths, so that a half is rounded up and not to the even neighbour."""


@lru_cache(maxsize=512)
def _weights(source: int, target: int) -> Any:
    """Return the ``target`` × ``source`` matrix of 256ths that averages rows, ``target`` <= ``source``."""
    starts = np.arange(target) * (source / target)
    rows = (starts + 1e-9).astype(np.int32)[:, None] + np.arange(int(np.ceil(source / target)) + 2, dtype=np.int32)
    covered = np.clip((rows - starts[:, None]) * (target / source), 0, 1)
    weights = np.diff(np.rint(covered * _ONE)).astype(np.uint16)  # of rounded sums, so that they add up to one
    used = weights > 0
    ends = np.cumsum(np.count_nonzero(used, axis=1), dtype=np.int32)
    return csr_array((weights[used], rows[:, :-1][used], np.insert(ends, 0, 0)), shape=(target, source))


def _fewer_rows(pixels: Pixels, target: int) -> Pixels:
    source = pixels.shape[0]
    if source == target:
        return pixels
    sums = _weights(source, target) @ pixels.reshape(source, -1).astype(np.uint16)  # at most 255 * 256
    rounded = cv2.convertScaleAbs(sums, alpha=1 / _ONE, beta=_TIES_UP)
    return np.asarray(rounded, np.uint8).reshape(target, *pixels.shape[1:])


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
