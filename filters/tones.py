"""The tones of a picture, by which its copies are told from pictures that are alike in all but something small.

The 256 bits of the longer pHash are the 16 lowest frequencies a side: one wall with other bars on it, one form filled
in otherwise, two dialogs with other pictures in them agree there. The tones are the picture in 32 x 32, from the
64 x 64 that the longer pHash is made of, in quarters of its own standard deviation: brightness and contrast take no
part. Two pictures agree as well as their worst tile of 4 x 4 does (`agreement`): one place that differs is enough.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Tones = NDArray[np.uint8]
"""Rows of `BYTES`, as `tones` makes them."""

SIDE: Final = 32
BYTES: Final = SIDE * SIDE // 2

_STEP: Final = 0.25
"""Of the standard deviation; with 7 steps up and down a tone takes 4 bits. Coarser steps tell fewer pictures apart."""
_MOST: Final = 7
_WEIGHT: Final = 8
_LEAST_SPREAD: Final = 2.0
"""Standard deviation, of 255, below which tones are noise."""
_TILE: Final = 4
_GROUND: Final = 3.25
"""Variance, in squared steps, that both tiles are taken to share: what is faint beside the rest of its picture cannot
disagree by much. It is 0.2 of the picture's; with 0.4 and 0.8 of it about as many wrong pairs stay. Whole in 256ths, so
that equals agree to 1 exactly."""


def tones(square: NDArray[np.floating]) -> bytes:
    """Return the tones of a picture shrunk to 64 x 64 whole numbers from 0 to 255: `BYTES`, two tones in each.

    The arithmetic is exact but for one root and one quotient, so that every machine rounds alike.
    """
    halving = _halving()
    cells = (halving @ square.astype(np.float64) @ halving.T).astype(np.int64)
    apart = cells * cells.size - cells.sum()
    spread = np.sqrt(np.sum(apart * apart) / cells.size)
    least = _LEAST_SPREAD * _WEIGHT * _WEIGHT * cells.size
    steps = np.clip(np.rint(apart / (_STEP * max(spread, least))), -_MOST, _MOST).astype(np.int8)
    nibbles = steps.view(np.uint8).ravel() & 15
    packed: Tones = nibbles[::2] << 4 | nibbles[1::2]
    return packed.tobytes()


@cache
def _halving() -> NDArray[np.float64]:
    """Return what takes two lines of 64 at a time to one, their neighbours by a third of their weight, times `_WEIGHT`.

    The first and the last line stand in for what is beyond them. Without the neighbours more copies that were shrunk or
    blurred are told apart from their originals.
    """
    halving = np.zeros((SIDE, 2 * SIDE))
    for row in range(SIDE):
        for line, weight in enumerate((1, 3, 3, 1), 2 * row - 1):
            halving[row, min(max(line, 0), 2 * SIDE - 1)] += weight
    return halving


def agreement(one: Tones, other: Tones) -> NDArray[np.float64]:
    """Return how well the tones of ``one[i]`` and ``other[i]`` agree, -1 to 1: the correlation in their worst tile.

    The tiles begin at every second tone, 15 x 15 of them. Plain tiles agree.
    """
    p, q = _steps(one), _steps(other)
    sums = [_tile_sums(values) for values in (p, q, p * p, q * q, p * q)]
    in_p, in_q, squares_p, squares_q, products = (values.astype(np.float64) for values in sums)
    size = _TILE * _TILE
    ground = _GROUND * size * size
    both = products * size - in_p * in_q + ground
    alone = (squares_p * size - in_p * in_p + ground) * (squares_q * size - in_q * in_q + ground)
    worst: NDArray[np.float64] = (both / np.sqrt(alone)).min(axis=1)
    return worst


def _steps(packed: Tones) -> NDArray[np.float32]:
    """Return the steps of each tone from the picture's mean, -7 to 7: shape (rows, `SIDE`, `SIDE`)."""
    nibbles = np.stack([packed >> 4, packed & 15], axis=2)
    return ((nibbles ^ 8).astype(np.float32) - 8).reshape(len(packed), SIDE, SIDE)


def _tile_sums(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums of ``values`` (whole numbers, so exact) in every tile: shape (rows, tiles)."""
    pairs = values[:, ::2] + values[:, 1::2]
    lines = pairs[:, :-1] + pairs[:, 1:]
    cells = lines[:, :, ::2] + lines[:, :, 1::2]
    tiles: NDArray[np.float32] = cells[:, :, :-1] + cells[:, :, 1:]
    return tiles.reshape(len(tiles), tiles.shape[1] * tiles.shape[2])
