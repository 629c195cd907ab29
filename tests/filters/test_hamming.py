from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import hamming
from filters.hamming import (
    AGREEING,
    BITS,
    STRIDE,
    Band,
    distances,
    home_prefixes,
    index_of,
    near_in,
    near_pairs,
    pairs_in_bucket,
    plan_bands,
    search_bands,
)

PairSet = set[tuple[int, int]]


def crowded(count: int, seed: int) -> np.ndarray:
    """Hashes in families: each family's members are a few bits from one random hash, some of them equal."""
    random = np.random.default_rng(seed)
    hashes = np.repeat(random.integers(0, 2**64, -(-count // 8), dtype=np.uint64), 8)[:count]
    for _ in range(7):
        flip = random.random(count) < 0.6
        hashes[flip] ^= np.uint64(1) << random.integers(0, 64, int(flip.sum())).astype(np.uint64)
    return random.permutation(hashes)


def by_comparing_all(hashes: np.ndarray, radius: int) -> PairSet:
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    left, right = np.nonzero(np.triu((apart >= 1) & (apart <= radius), 1))
    return set(zip(left.tolist(), right.tolist(), strict=True))


def as_set(pairs) -> PairSet:
    found = list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    assert found == sorted(set(found)), "each pair once, in order"
    return set(found)


def in_buckets(hashes: np.ndarray, radius: int, prefix_bits: int) -> list[tuple[int, int]]:
    """All buckets of all bands searched one by one, in row numbers of ``hashes``."""
    found = []
    for number, band in enumerate(search_bands(radius)):
        homes = home_prefixes(hashes, band, min(prefix_bits, band.width))
        for prefix in np.unique(homes).tolist():
            rows = np.flatnonzero(homes == prefix)
            pairs = pairs_in_bucket(hashes[rows], radius, number)
            found += zip(rows[pairs.left].tolist(), rows[pairs.right].tolist(), strict=True)
    return found


@pytest.fixture
def longer_keys(monkeypatch):
    """A few hashes are searched as millions are."""
    monkeypatch.setattr(hamming, "KEY_COST", 0.0)
    monkeypatch.setattr(hamming, "ROW_COST", 0.0)


@pytest.mark.parametrize("radius", range(17))
def test_bands_meet_the_pigeonhole_guarantee(radius):
    bands = plan_bands(radius)
    assert len(bands) == radius + AGREEING, "of so many bands, radius bits leave three alone"
    covered = [bit for band in bands for bit in range(band.shift, band.shift + band.width)]
    assert len(covered) == len(set(covered)), "no bit is in two bands"
    assert max(covered) < BITS
    assert all(0 < band.width <= 16 for band in bands)
    assert search_bands(radius) == bands[: radius + 1], "the first of three to agree is one of these"


@pytest.mark.parametrize("radius", [-1, 17])
def test_a_radius_that_banding_does_not_serve_is_refused(radius):
    with pytest.raises(ValueError, match="expected 0 to 16 bits"):
        plan_bands(radius)


@pytest.mark.parametrize("radius", [0, 1, 2, 4, 5, 6, 8, 10, 12])
def test_pairs_are_those_of_comparing_all(radius):
    hashes = crowded(2000, seed=radius)
    want = by_comparing_all(hashes, radius)
    assert as_set(near_pairs(hashes, radius)) == want
    assert bool(want) == (radius > 0)


@pytest.mark.usefixtures("longer_keys")
@pytest.mark.parametrize("radius", [1, 2, 6])
def test_longer_keys_find_the_same_pairs_and_each_once(radius):
    hashes = crowded(400, seed=radius)
    assert as_set(near_pairs(hashes, radius)) == by_comparing_all(hashes, radius)


@pytest.mark.parametrize("radius", [2, 4, 6, 8, 10])
@pytest.mark.parametrize("prefix_bits", [0, 1, 4])
def test_buckets_together_find_each_pair_once(radius, prefix_bits):
    hashes = crowded(1500, seed=11)
    found = in_buckets(hashes, radius, prefix_bits)
    assert len(found) == len(set(found))
    assert {(min(pair), max(pair)) for pair in found} == by_comparing_all(hashes, radius)


def test_the_distance_is_told_and_the_radius_is_included():
    hashes = np.array([0, 0b1111, 0b11111], np.uint64)
    pairs = near_pairs(hashes, 4)
    assert pairs.left.tolist() == [0, 1]
    assert pairs.right.tolist() == [1, 2]
    assert pairs.distance.tolist() == [4, 1]


def test_the_widest_hashes_are_compared_in_full():
    hashes = np.array([0, 2**64 - 1, 2**63, 2**64 - 2], np.uint64)
    assert as_set(near_pairs(hashes, 1)) == {(0, 2), (1, 3)}


def test_nothing_and_one_give_no_pairs():
    for count in (0, 1):
        hashes = np.full(count, 7, np.uint64)
        assert as_set(near_pairs(hashes, 8)) == set()
        assert in_buckets(hashes, 8, 2) == []


def test_equal_hashes_are_not_paired_but_each_is_paired_with_its_neighbours():
    assert as_set(near_pairs(np.array([5, 4, 5], np.uint64), 3)) == {(0, 1), (1, 2)}


def test_a_million_equal_hashes_are_looked_up_once():
    hashes = np.concatenate([np.full(1_000_000, 9, np.uint64), crowded(1000, seed=3)])
    pairs = near_pairs(hashes, 8)
    assert pairs.left.min() >= 1_000_000, "the million have no neighbour but themselves"


def test_a_bucket_holds_the_rows_whose_band_begins_with_its_number():
    band = Band(0, 4)
    hashes = np.array([sum(((key >> p) & 1) << (p * STRIDE % BITS) for p in range(4)) for key in range(16)], np.uint64)
    assert home_prefixes(hashes, band, 2).tolist() == [key // 4 for key in range(16)]
    assert home_prefixes(hashes, band, 0).tolist() == [0] * 16


def test_a_prefix_longer_than_the_band_is_refused():
    with pytest.raises(ValueError, match="expected 0 to the band's width of 4"):
        home_prefixes(np.zeros(1, np.uint64), Band(0, 4), 5)


def test_distances_of_one_word_and_of_four():
    one = np.array([0b101, 0], np.uint64)
    assert distances(one, np.zeros(2, np.uint64)).tolist() == [2, 0]
    four = np.array([[1, 3, 0, 2**64 - 1]], np.uint64)
    assert distances(four, np.zeros((1, 4), np.uint64)).tolist() == [67]


@settings(max_examples=40, deadline=None)
@given(
    base=st.integers(0, 2**64 - 1),
    flips=st.lists(st.lists(st.integers(0, 63), max_size=9), max_size=25),
    radius=st.integers(0, 9),
    prefix_bits=st.integers(0, 3),
    data=st.data(),
)
def test_order_and_buckets_change_nothing(base, flips, radius, prefix_bits, data):
    values = [base ^ sum(1 << bit for bit in set(bits)) for bits in flips]
    turned = data.draw(st.permutations(values))
    want = sorted(
        sorted((a, b)) for i, a in enumerate(values) for b in values[:i] if 1 <= (a ^ b).bit_count() <= radius
    )
    hashes = np.array(turned, np.uint64)
    pairs = near_pairs(hashes, radius)
    found = [(turned[i], turned[j]) for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)]
    assert sorted(sorted(pair) for pair in found) == want
    bucketed = [(turned[i], turned[j]) for i, j in in_buckets(hashes, radius, prefix_bits)]
    assert sorted(sorted(pair) for pair in bucketed) == want


@settings(max_examples=60, deadline=None)
@given(
    indexed=st.lists(st.integers(0, 2**64 - 1), max_size=12),
    asked=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2**64 - 1), st.integers(0, 9)), max_size=12),
    radius=st.integers(0, 8),
)
def test_a_look_up_finds_what_comparing_all_finds(indexed, asked, radius):
    near = [
        (indexed[at] if at < len(indexed) else fresh) ^ ((1 << flips) - 1 << at) & (2**64 - 1)
        for at, fresh, flips in asked
    ]
    found = near_in(index_of(np.array(indexed, np.uint64), radius), np.array(near, np.uint64))
    expected = [
        (left, right, (a ^ b).bit_count())
        for left, a in enumerate(near)
        for right, b in enumerate(indexed)
        if (a ^ b).bit_count() <= radius
    ]
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


def all_across(asked: np.ndarray, indexed: np.ndarray, radius: int) -> list[tuple[int, int]]:
    apart = np.bitwise_count(asked[:, None] ^ indexed[None, :])
    return list(zip(*(side.tolist() for side in np.nonzero(apart <= radius)), strict=True))


def test_a_large_index_is_looked_up_by_longer_keys():
    hashes = crowded(30_000, seed=3)
    index, asked = index_of(hashes, 6), hashes[:300]
    assert {len(chosen) for chosen, _, _ in index.tables} == {2}
    found = near_in(index, asked)
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == all_across(asked, hashes, 6)
    assert {len(chosen) for chosen, _, _ in index_of(hashes[:100], 6).tables} == {1}
