"""Every pair of 64-bit hashes within a Hamming radius, exactly, without comparing all pairs.

Multi-index hashing (Norouzi, Punjani, Fleet, *Fast Exact Search in Hamming Space with Multi-Index Hashing*, 2012) in
its general form: the bits are cut into bands with tolerances t such that the sum of (t + 1) is radius + 1. If a pair
were further apart than t in every band, it would be radius + 1 bits apart; so each pair within the radius is within t
in at least one band, and looking up each band's neighbours within t finds every pair. Each pair is reported by the
first band that finds it, so exactly once.

A band's index may be cut into buckets by the first bits of its key. A bucket is searched on its own, which lets a
shuffle spread them: `bucket_rows` says which rows go where and `pairs_in_bucket` searches one. Hashes that lie in
buckets already are searched for new ones by `pairs_across`, which compares none of them with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from math import comb
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

BITS: Final = 64
MAX_WIDTH: Final = 24
"""Widest band key: its index is a table of 2^width entries."""
LOOKUP_COST: Final = 3.0
"""Cost of one index look-up in units of one compared pair: a rough estimate, on which only the time depends."""
CHUNK: Final = 1 << 16
"""Pairs compared at a time: the arrays of one step, half a megabyte each, stay in a core's cache. Measured on the
buckets of ten million hashes: 2^16 takes 0.6 of the time of 2^18."""


STRIDE: Final = 29
"""A band takes every 29th bit of the hash, modulo 64. Neighbouring bits of a pHash are neighbouring frequencies and
agree too often together: on real pictures bands of adjacent bits give 6 times as many pairs to compare as these."""


class Band(NamedTuple):
    """Bits ``shift`` to ``shift + width`` of a dealt hash (0 is the least significant), searched to ``tolerance``.

    Bit p of a dealt hash is bit (p * `STRIDE`) mod 64 of the hash; dealing keeps every distance.
    """

    shift: int
    width: int
    tolerance: int


class Pairs(NamedTuple):
    """Pairs of row numbers and their Hamming distance in bits; ``left`` < ``right``, ascending, each pair once."""

    left: Rows
    right: Rows
    distance: npt.NDArray[np.uint8]


def plan_bands(radius: int, expected: int = 1_000_000) -> tuple[Band, ...]:
    """Return the bands that find every pair within ``radius`` bits, the cheapest for ``expected`` distinct hashes.

    The pairs found do not depend on ``expected``, only the time does; all buckets of one search need the same bands.

    Raises:
        ValueError: ``radius`` is not in 0..16. Beyond that no banding is much cheaper than comparing all pairs.
    """
    if not 0 <= radius <= 16:
        raise ValueError(f"radius {radius}: expected 0 to 16 bits")
    plans = [_even_bands(radius, count) for count in range(1, radius + 2)]
    return min(plans, key=lambda bands: (_cost(bands, expected), len(bands)))


def _even_bands(radius: int, count: int) -> tuple[Band, ...]:
    low, wider = divmod(radius + 1 - count, count)  # the tolerances sum to radius + 1 - count
    bands, shift = [], 0
    for index in range(count):
        width = (BITS * (index + 1)) // count - (BITS * index) // count
        tolerance = low + (1 if index >= count - wider else 0)
        bands.append(Band(shift, min(width, MAX_WIDTH), tolerance))
        shift += width
    return tuple(bands)


def _cost(bands: tuple[Band, ...], expected: int) -> float:
    total = 0.0
    for band in bands:
        lookups = sum(comb(band.width, flipped) for flipped in range(band.tolerance + 1))
        total += lookups * (LOOKUP_COST + expected / 2**band.width)
    return total


@cache
def _flips(width: int, tolerance: int) -> tuple[int, ...]:
    """Return the masks of at most ``tolerance`` of ``width`` bits, fewest bits first."""
    return tuple(
        sum(1 << bit for bit in chosen)
        for count in range(tolerance + 1)
        for chosen in combinations(range(width), count)
    )


@cache
def _dealing() -> Hashes:
    """Return, for each byte of a hash and each value of it, where its bits go."""
    table = np.zeros((8, 256), np.uint64)
    values = np.arange(256, dtype=np.uint64)
    for place in range(BITS):
        byte, bit = divmod(place * STRIDE % BITS, 8)
        table[byte] |= ((values >> np.uint64(bit)) & np.uint64(1)) << np.uint64(place)
    return table


def _dealt(hashes: Hashes) -> Hashes:
    dealt = np.zeros(hashes.shape, np.uint64)
    for byte, table in enumerate(_dealing()):
        dealt |= table[(hashes >> np.uint64(8 * byte)) & np.uint64(255)]
    return dealt


def _keys(hashes: Hashes, band: Band) -> Rows:
    keys: Rows = ((hashes >> np.uint64(band.shift)) & np.uint64((1 << band.width) - 1)).astype(np.int64)
    return keys


def bucket_rows(hashes: Hashes, band: Band, prefix_bits: int) -> Iterator[tuple[int, Rows]]:
    """Yield (prefix, rows): the rows that bucket ``prefix`` of ``band`` must see, for each bucket that has any.

    ``prefix`` is in ``range(2 ** prefix_bits)``. A row goes to the bucket of its own key's first bits and, as a
    visitor, to each higher bucket within the band's tolerance.

    Raises:
        ValueError: ``prefix_bits`` is not in 0..``band.width``.
    """
    if not 0 <= prefix_bits <= band.width:
        raise ValueError(f"prefix_bits {prefix_bits}: expected 0 to the band's width of {band.width}")
    home = _keys(_dealt(hashes), band) >> (band.width - prefix_bits)
    flips = np.array(_flips(prefix_bits, min(band.tolerance, prefix_bits)), np.int64)
    for prefix in range(1 << prefix_bits):
        sources = prefix ^ flips
        rows = np.flatnonzero(np.isin(home, sources[sources <= prefix]))
        if rows.size > 0:
            yield prefix, rows


def pairs_in_bucket(
    hashes: Hashes, bands: tuple[Band, ...], number: int, radius: int, *, prefix_bits: int = 0, prefix: int = 0
) -> Pairs:
    """Return the pairs 1 to ``radius`` bits apart that bucket ``prefix`` of ``bands[number]`` is the one to report.

    ``hashes`` are those of `bucket_rows` in any order. Equal hashes are looked up once, and rows with equal hashes are
    not paired with each other: `filters.near_duplicates.follow_leaders` deals with those in linear time.
    """
    values, inverse = np.unique(_dealt(hashes), return_inverse=True)
    found = list(_bucket_hits(values, bands, number, radius, prefix_bits, prefix))
    return _rows_of(values, inverse, found)


def home_prefixes(hashes: Hashes, band: Band, prefix_bits: int) -> Rows:
    """Return the bucket of each row's own key."""
    return _keys(_dealt(hashes), band) >> (band.width - prefix_bits)


def prefixes_near(prefix: int, band: Band, prefix_bits: int) -> list[int]:
    """Return the buckets, the row's own first, that hold every indexed row which one of bucket ``prefix`` may meet."""
    return [prefix ^ flip for flip in _flips(prefix_bits, min(band.tolerance, prefix_bits))]


def key_order(hashes: Hashes, ids: Rows, band: Band) -> Rows:
    """Return the order of ``band``'s keys, then of hashes, then of ``ids``, in which a bucket is quickest to search."""
    dealt = _dealt(hashes)
    return np.lexsort((ids, dealt, _keys(dealt, band)))


def pairs_across(
    asked: Hashes,
    indexed: Hashes,
    bands: tuple[Band, ...],
    number: int,
    radius: int,
    *,
    prefix_bits: int = 0,
    prefix: int = 0,
) -> Pairs:
    """Return the pairs of a row of ``asked`` (left) and of ``indexed`` (right) that this bucket is the one to report.

    They are 0 to ``radius`` bits apart. ``indexed`` are the rows of bucket ``prefix`` of ``bands[number]`` (see
    `home_prefixes`); ``asked`` those of every bucket that has it among its `prefixes_near`. The cost is that of looking
    up ``asked``, and of one pass over ``indexed``.
    """
    values, inverse = np.unique(_dealt(asked), return_inverse=True)
    others, other_inverse = np.unique(_dealt(indexed), return_inverse=True)
    found = list(_hits_across(values, others, bands, number, radius, bands[number].width - prefix_bits, prefix))
    return _crossed(values, inverse, others, other_inverse, found)


def _hits_across(
    values: Hashes, others: Hashes, bands: tuple[Band, ...], number: int, radius: int, low_bits: int, prefix: int
) -> Iterator[tuple[Hashes, Hashes]]:
    """Yield pairs of a dealt hash asked about and an indexed one that no band before ``number`` finds."""
    band = bands[number]
    starts, home = _by_key(others, _keys(others, band) & ((1 << low_bits) - 1), low_bits)
    keys = _keys(values, band)
    across = (keys >> low_bits) ^ prefix
    for flipped in np.unique(across).tolist():
        rows = np.flatnonzero(across == flipped)
        low = keys[rows] & ((1 << low_bits) - 1)
        order = np.argsort(low, kind="stable")
        low, source = low[order], values[rows[order]]
        for flip in _flips(low_bits, min(band.tolerance - flipped.bit_count(), low_bits)):
            begin, end = starts[low ^ flip], starts[(low ^ flip) + 1]
            for a, b in _close(source, begin, end - begin, home, radius):
                first = _first_report(a ^ b, bands[:number])
                yield a[first], b[first]


def _by_key(values: Hashes, keys: Rows, bits: int) -> tuple[Rows, Hashes]:
    """Return where the values of each key of ``bits`` bits start, and the values in the order of keys."""
    starts = np.zeros((1 << bits) + 1, np.int64)
    np.cumsum(np.bincount(keys, minlength=1 << bits), out=starts[1:])
    return starts, values[np.argsort(keys, kind="stable")]


def near_pairs(hashes: Hashes, radius: int) -> Pairs:
    """Return every pair of rows whose hashes are 1 to ``radius`` bits apart, each once; see `pairs_in_bucket`."""
    values, inverse = np.unique(_dealt(hashes), return_inverse=True)
    bands = plan_bands(radius, values.size)
    found = [hit for number in range(len(bands)) for hit in _bucket_hits(values, bands, number, radius, 0, 0)]
    return _rows_of(values, inverse, found)


class Index(NamedTuple):
    """Hashes made ready for look-ups: 16 bytes a hash and band, and a table of 2^width starts a band."""

    radius: int
    bands: tuple[Band, ...]
    values: Hashes
    inverse: Rows
    tables: tuple[tuple[Rows, Hashes], ...]


def index_of(hashes: Hashes, radius: int) -> Index:
    """Return ``hashes`` made ready for `near_in`.

    Raises:
        ValueError: as `plan_bands`.
    """
    values, inverse = np.unique(_dealt(hashes), return_inverse=True)
    bands = plan_bands(radius, max(values.size, 1))
    return Index(radius, bands, values, inverse, tuple(_by_key(values, _keys(values, b), b.width) for b in bands))


def near_in(index: Index, hashes: Hashes) -> Pairs:
    """Return every pair of a row of ``hashes`` (left) and an indexed row (right) 0 to radius bits apart, each once."""
    values, inverse = np.unique(_dealt(hashes), return_inverse=True)
    found = [pair for number in range(len(index.bands)) for pair in _looked_up(index, number, values)]
    return _crossed(values, inverse, index.values, index.inverse, found)


def _looked_up(index: Index, number: int, values: Hashes) -> Iterator[tuple[Hashes, Hashes]]:
    """Yield pairs of a dealt hash asked about and an indexed one that no band before ``number`` finds."""
    band = index.bands[number]
    keys = _keys(values, band)
    starts, home = index.tables[number]
    for flip in _flips(band.width, band.tolerance):
        begin, end = starts[keys ^ flip], starts[(keys ^ flip) + 1]
        for a, b in _close(values, begin, end - begin, home, index.radius):
            first = _first_report(a ^ b, index.bands[:number])
            yield a[first], b[first]


def distances(a: Hashes, b: Hashes) -> npt.NDArray[np.int64]:
    """Return the Hamming distance of ``a[i]`` and ``b[i]``; rows of several words are summed over the last axis."""
    bits: Rows = np.bitwise_count(a ^ b).astype(np.int64)
    return bits if bits.ndim == 1 else np.sum(bits, axis=-1, dtype=np.int64)


def _bucket_hits(
    values: Hashes, bands: tuple[Band, ...], number: int, radius: int, prefix_bits: int, prefix: int
) -> Iterator[tuple[Hashes, Hashes]]:
    """Yield pairs of distinct dealt hashes that this bucket reports."""
    band = bands[number]
    low_bits = band.width - prefix_bits
    keys = _keys(values, band)
    owner = keys >> low_bits
    low = keys & ((1 << low_bits) - 1)
    at_home = np.flatnonzero(owner == prefix)
    at_home = at_home[np.argsort(low[at_home], kind="stable")]
    home_low, home = low[at_home], values[at_home]
    starts = np.zeros((1 << low_bits) + 1, np.int64)
    np.cumsum(np.bincount(home_low, minlength=1 << low_bits), out=starts[1:])
    for across in _flips(prefix_bits, min(band.tolerance, prefix_bits)):
        if across == 0:
            source_low, source = home_low, home
        elif prefix ^ across > prefix:
            continue
        else:
            visitors = np.flatnonzero(owner == (prefix ^ across))
            visitors = visitors[np.argsort(low[visitors], kind="stable")]
            source_low, source = low[visitors], values[visitors]
        for flip in _flips(low_bits, min(band.tolerance - across.bit_count(), low_bits)):
            if across != 0:
                begin, end = starts[source_low ^ flip], starts[(source_low ^ flip) + 1]
                left = source
            elif flip == 0:
                begin, end = np.arange(1, home.size + 1), starts[home_low + 1]
                left = home
            else:  # each unordered pair of keys once: from the one whose highest flipped bit is 0
                rows = np.flatnonzero((home_low >> (flip.bit_length() - 1)) & 1 == 0)
                target = home_low[rows] ^ flip
                begin, end, left = starts[target], starts[target + 1], home[rows]
            for a, b in _close(left, begin, end - begin, home, radius):
                first = _first_report(a ^ b, bands[:number])
                yield a[first], b[first]


def _close(left: Hashes, begin: Rows, counts: Rows, right: Hashes, radius: int) -> Iterator[tuple[Hashes, Hashes]]:
    """Yield the pairs of ``left[i]`` with ``right[begin[i]:begin[i] + counts[i]]`` within ``radius``, in chunks."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if ends.size > 0 else 0
    shift = begin - ends + counts
    row = done = 0
    while done < total:
        stop = max(row + 1, int(np.searchsorted(ends, done + CHUNK, side="right")))
        length = int(ends[stop - 1]) - done
        if length > 0:
            size = counts[row:stop]
            at = np.repeat(shift[row:stop], size)
            at += np.arange(done, done + length)
            other = right[at]
            mine = np.repeat(left[row:stop], size)
            near = np.flatnonzero(np.bitwise_count(mine ^ other) <= radius)
            if near.size > 0:
                yield mine[near], other[near]
        row, done = stop, done + length


def _first_report(differing: Hashes, earlier: tuple[Band, ...]) -> npt.NDArray[np.bool_]:
    """Return which pairs, given as the xor of their hashes, no earlier band finds."""
    fresh = np.ones(differing.size, np.bool_)
    for band in earlier:
        fresh &= np.bitwise_count(_keys(differing, band)) > band.tolerance
    return fresh


def _rows_of(values: Hashes, inverse: Rows, found: list[tuple[Hashes, Hashes]]) -> Pairs:
    """Return the row pairs behind pairs of hash values: every row of the one with every row of the other."""
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))
    a = np.searchsorted(values, np.concatenate([pair[0] for pair in found]))
    b = np.searchsorted(values, np.concatenate([pair[1] for pair in found]))
    left, right = _expanded(a, b, inverse, inverse)
    left, right = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    bits = np.bitwise_count(values[inverse[left]] ^ values[inverse[right]])
    return Pairs(left, right, bits)


def _crossed(
    values: Hashes, inverse: Rows, others: Hashes, other_inverse: Rows, found: list[tuple[Hashes, Hashes]]
) -> Pairs:
    """Return the row pairs behind pairs of hash values of two sets of rows."""
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))
    a = np.searchsorted(values, np.concatenate([pair[0] for pair in found]))
    b = np.searchsorted(others, np.concatenate([pair[1] for pair in found]))
    left, right = _expanded(a, b, inverse, other_inverse)
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    return Pairs(left, right, np.bitwise_count(values[inverse[left]] ^ others[other_inverse[right]]))


def _expanded(a: Rows, b: Rows, inverse_a: Rows, inverse_b: Rows) -> tuple[Rows, Rows]:
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
