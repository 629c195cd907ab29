"""Hashes kept in order, in which others within a Hamming radius are looked up, exactly.

The bits are cut into radius // 3 + 1 parts, and for each part there is a table of all hashes in the order of its bits.
Of bits that differ, so few fall on one part at least that a look-up of that part with each choice of 0, 1 or 2 bits
flipped finds the hash: exact recall (Norouzi, Punjani, Fleet, *Fast Exact Search in Hamming Space with Multi-Index
Hashing*, 2012). With radius 6 there are three tables: two bits flipped of 24, one of 20, one of 20, at most 343
look-ups. A pair is reported by the first table that can find it, so exactly once.

What a look-up costs depends on the hashes asked for: of those in order nothing is sorted or compared with one another.
A table may be cut into buckets by the first bits of its part; `first_bits` says where a hash lies and `reach` where it
must be looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from filters.hamming import BITS, Found, Hashes, Pairs, Rows, close, deal, joined

MAX_WIDTH: Final = 24
"""Widest part. Where each value of its bits starts takes 64 MiB at most; fewer bits are looked up among few hashes."""
BLOCK: Final = 1 << 15
"""Hashes looked up at a time, in their order, so that what they find lies together. Of 2^12 to 2^18 the fastest."""
STEPS: Final = 4
"""Hashes of one key that are compared one after another; of more the others are compared at once."""
LOOKUP_COST: Final = 1.0
"""Of looking a hash up, in units of comparing a pair that was found. A rough estimate; only the time depends on it."""


class Table(NamedTuple):
    """A part, ``width`` bits of a dealt hash from ``top`` down (64 is past the most significant), and flips tried."""

    top: int
    width: int
    flips: int


@cache
def tables(radius: int) -> tuple[Table, ...]:
    """Return the tables of which one at least finds any two hashes within ``radius`` bits: 1 more than flips each.

    Raises:
        ValueError: ``radius`` is not in 0..16, as `filters.hamming.plan_bands` has it.
    """
    if not 0 <= radius <= 16:
        raise ValueError(f"radius {radius}: expected 0 to 16 bits")
    count = radius // 3 + 1
    least, more = divmod(radius + 1 - count, count)
    flips = [least + (number < more) for number in range(count)]
    weights = [4 + each for each in flips]
    found, top = [], BITS
    for each, weight in zip(flips, weights, strict=True):
        width = min(MAX_WIDTH, BITS * weight // sum(weights))
        found.append(Table(top, width, each))
        top -= width
    return tuple(found)


def turned(hashes: Hashes, table: Table) -> Hashes:
    """Return ``hashes`` in the form in which ``table`` has them, its bits first; distances stay."""
    return _rotated(deal(hashes), BITS - table.top)


def turned_again(hashes: Hashes, table: Table, other: Table) -> Hashes:
    """Return in the form of ``other`` what is in the form of ``table``."""
    return _rotated(hashes, (table.top - other.top) % BITS)


def _rotated(hashes: Hashes, left: int) -> Hashes:
    if left == 0:
        return hashes
    return hashes << np.uint64(left) | hashes >> np.uint64(BITS - left)


def first_bits(hashes: Hashes, bits: int) -> Rows:
    """Return the first ``bits`` bits of each hash: of those in a table's form the bucket."""
    return (hashes >> np.uint64(BITS - bits)).astype(np.int64) if bits > 0 else np.zeros(hashes.size, np.int64)


@cache
def reach(table: Table, prefix_bits: int) -> tuple[int, ...]:
    """Return by what to change (xor) the bucket of a hash to get each of those where it must be looked up."""
    return tuple(_flips(prefix_bits, table.flips).tolist())


@cache
def _flips(bits: int, flips: int) -> Rows:
    """Return every number of ``bits`` bits of which ``flips`` at most are set, the fewest first."""
    chosen = (choice for count in range(flips + 1) for choice in combinations(range(bits), count))
    return np.array([sum(1 << bit for bit in choice) for choice in chosen], np.int64)


def look_up(asked: Hashes, indexed: Hashes, radius: int, number: int, prefix_bits: int = 0) -> Pairs:
    """Return the pairs of a row of ``asked`` (left) and of ``indexed`` (right) that table ``number`` is first to find.

    Both are in that table's form. ``indexed`` are those of one bucket, ascending; they are 0 to ``radius`` bits apart.
    """
    plan = tables(radius)
    table = plan[number]
    order = np.argsort(asked, kind="stable")
    left, right = joined(_found(asked[order], indexed, radius, table, prefix_bits))
    differing = asked[order[left]] ^ indexed[right]
    first = _within(differing, table, table)
    for earlier in plan[:number]:
        first &= ~_within(differing, earlier, table)
    left, right = order[left[first]], right[first]
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], np.bitwise_count(differing[first][order]))


def _within(differing: Hashes, part: Table, table: Table) -> npt.NDArray[np.bool_]:
    """Return where no more than its flips differ of ``part``, given what differs in the form of ``table``."""
    bits = first_bits(turned_again(differing, table, part), part.width)
    return np.bitwise_count(bits) <= part.flips


def _found(asked: Hashes, indexed: Hashes, radius: int, table: Table, prefix_bits: int) -> Iterator[Found]:
    """Yield the pairs within ``radius`` of which no more than the table's flips differ in the bits looked up."""
    if indexed.size == 0:
        return
    bits = _cheapest(indexed.size, table, prefix_bits)
    mask = (1 << bits) - 1
    sizes = np.bincount(first_bits(indexed, prefix_bits + bits) & mask, minlength=1 << bits)
    taken = sizes > 0  # a byte a key: most keys are no hash's, and cost no more than reading it
    starts = np.zeros((1 << bits) + 1, np.int32)
    np.cumsum(sizes, out=starts[1:])
    spent = np.bitwise_count(first_bits(asked, prefix_bits) ^ first_bits(indexed[:1], prefix_bits))
    keys = first_bits(asked, prefix_bits + bits) & mask
    for flips in range(table.flips + 1):
        rows = np.flatnonzero(spent == table.flips - flips)
        for start in range(0, rows.size, BLOCK):
            some = rows[start : start + BLOCK]
            values, theirs = asked[some], keys[some]
            for flipped in _flips(bits, flips).tolist():
                near_keys = theirs ^ flipped
                met = np.flatnonzero(taken.take(near_keys))
                for near, at in _looked_up(values.take(met), near_keys.take(met), indexed, starts, radius):
                    yield some[met[near]], at


def _looked_up(
    values: Hashes, keys: Rows, indexed: Hashes, starts: npt.NDArray[np.int32], radius: int
) -> Iterator[Found]:
    """Yield the pairs within ``radius``: each value with the first indexed one of its key, then with the second, ...

    Every key has one at least.
    """
    rows, at, ends = np.arange(keys.size), starts.take(keys), starts[1:].take(keys)
    for _ in range(STEPS):
        near = np.flatnonzero(np.bitwise_count(values ^ indexed.take(at)) <= radius)
        yield rows.take(near), at.take(near).astype(np.int64)
        at += 1
        left = np.flatnonzero(at < ends)
        if left.size == 0:
            return
        values, rows, at, ends = values.take(left), rows.take(left), at.take(left), ends.take(left)
    near, found = close(values, at, ends, indexed, radius)
    yield rows[near], found


def _cheapest(size: int, table: Table, prefix_bits: int) -> int:
    """Return how many bits after the first are cheapest to look up."""
    costs = [
        _flips(bits, table.flips).size * (LOOKUP_COST + size / 2.0**bits)
        for bits in range(table.width - prefix_bits + 1)
    ]
    return costs.index(min(costs))
