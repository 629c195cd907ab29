"""Every pair of 64-bit hashes within a Hamming radius, exactly, without comparing all pairs.

The bits are cut into radius + 3 bands. Bits that differ spoil at most ``radius`` of them, so two hashes within the
radius agree in three bands or more (Manku, Jain, Das Sarma, *Detecting Near-Duplicates for Web Crawling*, 2007), the
first of which is one of the first radius + 1. Every pair within the radius is therefore found among the hashes that
agree in one of those: exact recall. A few such hashes are compared with each other at once; of many, those that agree
in one or two more bands, so that the key grows with the number of hashes as it should (Norouzi, Punjani, Fleet, *Fast
Exact Search in Hamming Space with Multi-Index Hashing*, 2012: about log2 of it) and the pairs compared for each hash
stay few. A pair is reported by the first bands in which it agrees, so exactly once.

A band's hashes may be cut into buckets by the first bits of the band. `home_prefixes` says where each goes and
`pairs_in_bucket` searches one, which lets a shuffle spread them. Hashes that are kept from run to run are searched for
new ones by `filters.hamming_index`, which compares none of them with each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations, pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
Places = npt.NDArray[np.signedinteger]
Found = tuple[Rows, Rows]
"""Row numbers of pairs, left and right."""

BITS: Final = 64
AGREEING: Final = 3
"""Bands in which every pair within the radius agrees. With radius 6 three bands are 21 bits: of 100 million hashes 50
agree in them by chance."""
MAX_WIDTH: Final = 16
"""Widest band: keys of 16 bits are sorted by radix."""
CHUNK: Final = 1 << 16
"""Pairs compared at a time: the arrays of one step, half a megabyte each, stay in a core's cache. Measured on the
buckets of ten million hashes: 2^16 takes 0.6 of the time of 2^18."""
LOOKUP_COST: Final = 4.0
KEY_COST: Final = 100_000.0
ROW_COST: Final = 45.0
"""Costs of looking a hash up, in units of comparing a pair that was looked up; and in units of one compared pair of
neighbours (0.8 ns), of starting on one more key and of sorting a hash by it. Rough estimates, measured on the buckets
of one million hashes; only the time depends on them."""

STRIDE: Final = 29
"""A band takes every 29th bit of the hash, modulo 64. Neighbouring bits of a pHash are neighbouring frequencies and
agree too often together: on real pictures bands of adjacent bits give 6 times as many pairs to compare as these."""


class Band(NamedTuple):
    """Bits ``shift`` to ``shift + width`` of a dealt hash (0 is the least significant).

    Bit p of a dealt hash is bit (p * `STRIDE`) mod 64 of the hash; dealing keeps every distance.
    """

    shift: int
    width: int


class Pairs(NamedTuple):
    """Pairs of row numbers and their Hamming distance in bits; ``left`` < ``right``, ascending, each pair once."""

    left: Rows
    right: Rows
    distance: npt.NDArray[np.uint8]


@cache
def plan_bands(radius: int) -> tuple[Band, ...]:
    """Return the bands of which any two hashes within ``radius`` bits agree in `AGREEING` at least.

    Raises:
        ValueError: ``radius`` is not in 0..16. Beyond that no bands are much cheaper than comparing all pairs.
    """
    if not 0 <= radius <= 16:
        raise ValueError(f"radius {radius}: expected 0 to 16 bits")
    count = radius + AGREEING
    cuts = [BITS * number // count for number in range(count + 1)]
    return tuple(Band(low, min(high - low, MAX_WIDTH)) for low, high in pairwise(cuts))


def search_bands(radius: int) -> tuple[Band, ...]:
    """Return the bands, in order, of which each pair within ``radius`` bits agrees in one at least.

    Raises:
        ValueError: as `plan_bands`.
    """
    return plan_bands(radius)[: radius + 1]


@cache
def _dealing() -> Hashes:
    """Return, for each byte of a hash and each value of it, where its bits go."""
    table = np.zeros((8, 256), np.uint64)
    values = np.arange(256, dtype=np.uint64)
    for place in range(BITS):
        byte, bit = divmod(place * STRIDE % BITS, 8)
        table[byte] |= ((values >> np.uint64(bit)) & np.uint64(1)) << np.uint64(place)
    return table


def deal(hashes: Hashes) -> Hashes:
    """Return ``hashes`` with their bits in the order of which bands and the tables of an index are cut."""
    dealt = np.zeros(hashes.shape, np.uint64)
    parts = np.ascontiguousarray(hashes, "<u8").view(np.uint8).reshape(*hashes.shape, 8)
    for byte, table in enumerate(_dealing()):
        dealt |= table[parts[..., byte]]
    return dealt


def _key(dealt: Hashes, chosen: Iterable[Band]) -> npt.NDArray[np.unsignedinteger]:
    """Return the bits of the ``chosen`` bands, in the narrowest type: up to 16 bits sort by radix."""
    keys, width = np.zeros(dealt.size, np.uint64), 0
    for band in chosen:
        keys = keys << np.uint64(band.width) | (dealt >> np.uint64(band.shift)) & np.uint64((1 << band.width) - 1)
        width += band.width
    return keys.astype(np.uint16 if width <= 16 else np.uint64)


def home_prefixes(hashes: Hashes, band: Band, prefix_bits: int) -> Rows:
    """Return the bucket of each row: the first bits of its ``band``.

    Raises:
        ValueError: ``prefix_bits`` is not in 0..``band.width``.
    """
    if not 0 <= prefix_bits <= band.width:
        raise ValueError(f"prefix_bits {prefix_bits}: expected 0 to the band's width of {band.width}")
    return (_key(deal(hashes), [band]) >> (band.width - prefix_bits)).astype(np.int64)


def pairs_in_bucket(hashes: Hashes, radius: int, number: int) -> Pairs:
    """Return the pairs 1 to ``radius`` bits apart of which band ``number`` is the first to agree.

    ``hashes`` are those of a bucket of ``search_bands(radius)[number]``, or of many. Rows with equal hashes are not
    paired with each other; a caller with a million of them lets a few speak for all, as `near_pairs` and
    `filters.near_duplicates.follow_leaders` do.
    """
    dealt = deal(hashes)
    left, right = joined(_hits(dealt, radius, number))
    return _in_order(np.minimum(left, right), np.maximum(left, right), dealt, dealt)


def near_pairs(hashes: Hashes, radius: int) -> Pairs:
    """Return every pair of rows whose hashes are 1 to ``radius`` bits apart, each once.

    Equal hashes are looked up once.
    """
    values, inverse = np.unique(deal(hashes), return_inverse=True)
    a, b = joined(hit for number in range(radius + 1) for hit in _hits(values, radius, number))
    left, right = _expanded(a, b, inverse, inverse)
    dealt = values[inverse]
    return _in_order(np.minimum(left, right), np.maximum(left, right), dealt, dealt)


class Index(NamedTuple):
    """Hashes made ready for look-ups: 8 bytes a hash and key."""

    radius: int
    values: Hashes
    inverse: Rows
    tables: tuple[tuple[tuple[int, ...], Rows, Rows], ...]
    """The numbers of a key's bands, where each key starts, and the rows of ``values`` in the order of keys."""


def index_of(hashes: Hashes, radius: int) -> Index:
    """Return ``hashes`` made ready for `near_in`.

    Raises:
        ValueError: as `plan_bands`.
    """
    plan = plan_bands(radius)
    values, inverse = np.unique(deal(hashes), return_inverse=True)
    plans = [
        [(number, *more) for number in range(radius + 1) for more in _refinements(plan, number, depth)]
        for depth in ((0, 1) if 2 * plan[-1].width <= MAX_WIDTH else (0,))
    ]
    tables = []
    for chosen in min(plans, key=lambda keys: _look_up_cost(plan, keys, values.size)):
        starts, order = _by_key(_key(values, [plan[n] for n in chosen]), sum(plan[n].width for n in chosen))
        tables.append((chosen, starts, order))
    return Index(radius, values, inverse, tuple(tables))


def _look_up_cost(plan: tuple[Band, ...], keys: list[tuple[int, ...]], size: int) -> float:
    widths = (sum(plan[number].width for number in chosen) for chosen in keys)
    return sum(LOOKUP_COST + size / 2.0**width for width in widths)


def near_in(index: Index, hashes: Hashes) -> Pairs:
    """Return every pair of a row of ``hashes`` (left) and an indexed row (right) 0 to radius bits apart, each once."""
    plan = plan_bands(index.radius)
    values, inverse = np.unique(deal(hashes), return_inverse=True)
    found = []
    for chosen, starts, order in index.tables:
        keys = _key(values, [plan[number] for number in chosen])
        found.append(close(values, starts[keys], starts[1:][keys], index.values[order], index.radius))
        found[-1] = _first_told(found[-1][0], order[found[-1][1]], values, index.values, plan, chosen)
    a, b = joined(found)
    left, right = _expanded(a, b, inverse, index.inverse)
    return _in_order(left, right, values[inverse], index.values[index.inverse])


def distances(a: Hashes, b: Hashes) -> npt.NDArray[np.int64]:
    """Return the Hamming distance of ``a[i]`` and ``b[i]``; rows of several words are summed over the last axis."""
    bits: Rows = np.bitwise_count(a ^ b).astype(np.int64)
    return bits if bits.ndim == 1 else np.sum(bits, axis=-1, dtype=np.int64)


def _refinements(plan: tuple[Band, ...], number: int, depth: int) -> list[tuple[int, ...]]:
    """Return what the next ``depth`` bands to agree after ``number`` may be: of `AGREEING`, the others come later."""
    return list(combinations(range(number + 1, len(plan) - (AGREEING - 1 - depth)), depth))


def _longest(plan: tuple[Band, ...], number: int) -> list[tuple[int, ...]]:
    """Return the `_refinements` of as many bands as make a key of `MAX_WIDTH` bits."""
    width = max(band.width for band in plan)
    return _refinements(plan, number, min(AGREEING - 1, MAX_WIDTH // width))


def _wants_longer_keys(plan: tuple[Band, ...], number: int, rows: Rows, pairs: Rows) -> npt.NDArray[np.bool_]:
    """Return which groups that agree in band ``number`` are cheaper to compare by all bands to agree in next."""
    longer = _longest(plan, number)
    by_chance = pairs / 2.0 ** (len(longer[0]) * plan[0].width)
    return len(longer) * (KEY_COST + ROW_COST * rows + by_chance) < pairs


def _groups(keys: npt.NDArray[np.unsignedinteger]) -> tuple[Rows, Rows, Rows]:
    """Return the rows in the order of keys, and where the rows of each key that is there start and how many."""
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    starts = np.flatnonzero(np.r_[True, sorted_keys[1:] != sorted_keys[:-1]][: order.size])
    return order, starts, np.diff(starts, append=order.size)


def _hits(dealt: Hashes, radius: int, number: int) -> Iterator[Found]:
    """Yield the pairs of rows of unequal hashes that agree in band ``number`` first."""
    plan = plan_bands(radius)
    keys = _key(dealt, [plan[number]])
    order, starts, sizes = _groups(keys)
    small = ~_wants_longer_keys(plan, number, sizes, sizes * sizes // 2)
    rows = order[np.repeat(small, sizes)]
    values = dealt[rows]
    left, right = _in_runs(values, keys[rows], radius)
    left, right = _first_told(left, right, values, values, plan, (number,))
    yield rows[left], rows[right]
    for start, size in zip(starts[~small].tolist(), sizes[~small].tolist(), strict=True):
        rows = order[start : start + size]
        values = dealt[rows]
        for more in _longest(plan, number):
            finer = _key(values, [plan[n] for n in more])
            at = np.argsort(finer, kind="stable")
            inside = values[at]
            left, right = _in_runs(inside, finer[at], radius)
            left, right = _first_told(left, right, inside, inside, plan, (number, *more))
            yield rows[at[left]], rows[at[right]]


def _in_runs(values: Hashes, keys: npt.NDArray[np.unsignedinteger], radius: int) -> Found:
    """Return pairs of rows 0 to ``radius`` bits apart: all of those with one key, each once, and some without.

    Rows are in the order of ``keys``. Each is compared with the next, the one after it, and so on, while its run lasts.
    """
    found: list[Found] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    step = 1
    while step < values.size:
        together = keys[step:] == keys[:-step]
        if np.count_nonzero(together) * 8 < values.size:
            break
        near = np.flatnonzero(np.bitwise_count(values[step:] ^ values[:-step]) <= radius)
        found.append((near, near + step))
        step += 1
    left = np.flatnonzero(keys[step:] == keys[:-step]) if step < values.size else np.empty(0, np.int64)
    while left.size > 0:
        near = left[np.bitwise_count(values[left + step] ^ values[left]) <= radius]
        found.append((near, near + step))
        step += 1
        left = left[: np.searchsorted(left, values.size - step)]
        left = left[keys[left + step] == keys[left]]
    return joined(found)


def _by_key(keys: npt.NDArray[np.unsignedinteger], bits: int) -> tuple[Rows, Rows]:
    """Return where the rows of each key of ``bits`` bits start in the order of keys, and that order."""
    starts = np.zeros((1 << bits) + 1, np.int64)
    np.cumsum(np.bincount(keys.astype(np.int64), minlength=1 << bits), out=starts[1:])
    return starts, np.argsort(keys, kind="stable")


def close(left: Hashes, begin: Places, stop: Places, right: Hashes, radius: int) -> Found:
    """Return the pairs within ``radius`` of row i of ``left`` and rows ``begin[i]`` to ``stop[i]`` of ``right``."""
    counts = stop - begin
    rows = np.flatnonzero(counts)
    begin, counts = begin[rows], counts[rows]
    ends = np.cumsum(counts)
    total = int(ends[-1]) if ends.size > 0 else 0
    shift = begin - ends + counts
    found: list[Found] = []
    row = done = 0
    while done < total:
        last = max(row + 1, int(np.searchsorted(ends, done + CHUNK, side="right")))
        length = int(ends[last - 1]) - done
        mine = np.repeat(rows[row:last], counts[row:last])
        at = np.repeat(shift[row:last], counts[row:last])
        at += np.arange(done, done + length)
        near = np.flatnonzero(np.bitwise_count(left[mine] ^ right[at]) <= radius)
        found.append((mine[near], at[near]))
        row, done = last, done + length
    return joined(found)


def _first_told(
    left: Rows, right: Rows, values: Hashes, others: Hashes, plan: tuple[Band, ...], chosen: tuple[int, ...]
) -> Found:
    """Return those of the pairs whose first bands to agree are the ``chosen``; none is of a row with itself."""
    differing = values[left] ^ others[right]
    told = np.ones(left.size, np.bool_)
    for number, band in enumerate(plan[: chosen[-1] + 1]):
        agrees = differing & np.uint64(((1 << band.width) - 1) << band.shift) == 0
        told &= agrees if number in chosen else ~agrees
    if values is others:
        told &= differing != 0
    return left[told], right[told]


def joined(found: Iterable[Found]) -> Found:
    """Return all pairs found, one after another."""
    lefts, rights = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for left, right in found:
        lefts.append(left)
        rights.append(right)
    return np.concatenate(lefts), np.concatenate(rights)


def _in_order(left: Rows, right: Rows, values: Hashes, others: Hashes) -> Pairs:
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    return Pairs(left, right, np.bitwise_count(values[left] ^ others[right]))


def _expanded(a: Rows, b: Rows, inverse_a: Rows, inverse_b: Rows) -> Found:
    """Return the row pairs of value pairs: each row of value ``a[i]`` with each row of value ``b[i]``."""
    rows_a, starts_a, counts_a = _rows_by_value(inverse_a)
    rows_b, starts_b, counts_b = _rows_by_value(inverse_b)
    per_a = np.repeat(np.arange(a.size), counts_a[a])  # one entry per row of a
    row_a = rows_a[_ranges(starts_a[a], counts_a[a])]
    many = counts_b[b][per_a]
    return np.repeat(row_a, many), rows_b[_ranges(starts_b[b][per_a], many)]


def _rows_by_value(inverse: Rows) -> tuple[Rows, Rows, Rows]:
    """Return the rows sorted by value, and where those of each value start and how many they are."""
    counts = np.bincount(inverse)
    return np.argsort(inverse, kind="stable"), np.cumsum(counts) - counts, counts


def _ranges(starts: Rows, counts: Rows) -> Rows:
    """Return ``starts[i] .. starts[i] + counts[i]`` for each i, one after another."""
    ends = np.cumsum(counts)
    numbers: Rows = np.arange(int(ends[-1]) if ends.size > 0 else 0) + np.repeat(starts - (ends - counts), counts)
    return numbers
