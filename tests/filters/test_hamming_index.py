from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.hamming import BITS, deal
from filters.hamming_index import MAX_WIDTH, first_bits, look_up, reach, tables, turned, turned_again


def families(count: int, flips: int, seed: int) -> np.ndarray:
    """Hashes of which each eight are up to ``flips`` bits from one random hash."""
    random = np.random.default_rng(seed)
    hashes = np.repeat(random.integers(0, 2**64, -(-count // 8), dtype=np.uint64), 8)[:count]
    for _ in range(flips):
        flip = random.random(count) < 0.6
        hashes[flip] ^= np.uint64(1) << random.integers(0, 64, int(flip.sum())).astype(np.uint64)
    return random.permutation(hashes)


def found(asked: np.ndarray, indexed: np.ndarray, radius: int, prefix_bits: int) -> list[tuple[int, int]]:
    """All buckets of all tables of ``indexed`` looked through for ``asked``, in row numbers."""
    pairs = []
    for number, table in enumerate(tables(radius)):
        mine, theirs = turned(asked, table), turned(indexed, table)
        order = np.argsort(theirs, kind="stable")
        for prefix in range(1 << prefix_bits):
            rows = order[first_bits(theirs[order], prefix_bits) == prefix]
            sent = np.flatnonzero(np.isin(first_bits(mine, prefix_bits) ^ prefix, reach(table, prefix_bits)))
            told = look_up(mine[sent], theirs[rows], radius, number, prefix_bits)
            left, right = sent[told.left], rows[told.right]
            assert np.array_equal(told.distance, np.bitwise_count(asked[left] ^ indexed[right]))
            assert np.array_equal(np.lexsort((told.right, told.left)), np.arange(left.size))
            pairs += zip(left.tolist(), right.tolist(), strict=True)
    return sorted(pairs)


def by_comparing_all(asked: np.ndarray, indexed: np.ndarray, radius: int) -> list[tuple[int, int]]:
    near = np.bitwise_count(asked[:, None] ^ indexed[None, :]) <= radius
    return list(zip(*(side.tolist() for side in np.nonzero(near)), strict=True))


@pytest.mark.parametrize("radius", range(17))
def test_bits_that_differ_leave_one_table_within_its_flips(radius):
    plan = tables(radius)
    assert sum(table.flips + 1 for table in plan) == radius + 1, "more would have to differ in each to spoil all"
    assert all(0 <= table.flips <= 2 and 8 <= table.width <= MAX_WIDTH for table in plan), "a bucket has up to 8 bits"
    bits = [bit for table in plan for bit in range(table.top - table.width, table.top)]
    assert len(bits) == len(set(bits)), "no bit is in two parts"
    assert (min(bits) >= 0, max(bits)) == (True, BITS - 1)


def test_the_tables_of_six_bits():
    assert [(table.width, table.flips) for table in tables(6)] == [(24, 2), (20, 1), (20, 1)]
    assert [len(reach(table, 3)) for table in tables(6)] == [7, 4, 4]
    assert [reach(table, 0) for table in tables(6)] == [(0,), (0,), (0,)]


@pytest.mark.parametrize("radius", [-1, 17])
def test_a_radius_that_no_tables_serve_is_refused(radius):
    with pytest.raises(ValueError, match="expected 0 to 16 bits"):
        tables(radius)


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 6, 9, 16])
@pytest.mark.parametrize("prefix_bits", [0, 2])
def test_every_pair_within_the_radius_is_found_once(radius, prefix_bits):
    hashes = families(800, radius + 2, seed=radius)
    asked, indexed = hashes[:300], np.concatenate([hashes[300:], hashes[:20], hashes[:20]])
    want = by_comparing_all(asked, indexed, radius)
    assert found(asked, indexed, radius, prefix_bits) == want
    assert {0, radius} <= {int(np.bitwise_count(asked[left] ^ indexed[right])) for left, right in want}


def test_a_large_table_is_looked_up_by_more_bits_and_many_hashes_a_block_at_a_time(monkeypatch):
    monkeypatch.setattr("filters.hamming_index.BLOCK", 70)
    hashes = families(30_000, 5, seed=3)
    assert found(hashes[:200], hashes, 6, 0) == by_comparing_all(hashes[:200], hashes, 6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=7), st.integers(0, 16), st.integers(0, 8))
def test_a_hash_finds_what_is_as_many_bits_away_as_the_radius_and_no_more(base, flips, radius, prefix_bits):
    other = base ^ sum(1 << bit for bit in flips)
    pairs = found(np.array([base], np.uint64), np.array([other], np.uint64), radius, prefix_bits)
    assert pairs == ([(0, 0)] if len(flips) <= radius else [])


def test_the_first_table_has_hashes_as_they_are_dealt_and_every_form_can_be_had_from_another():
    hashes = families(50, 3, seed=1)
    plan = tables(6)
    assert np.array_equal(turned(hashes, plan[0]), deal(hashes))
    for one in plan:
        for other in plan:
            assert np.array_equal(turned_again(turned(hashes, one), one, other), turned(hashes, other))


def test_nothing_asked_or_indexed_finds_nothing():
    none, some = np.empty(0, np.uint64), np.zeros(2, np.uint64)
    for asked, indexed in ((none, some), (some, none), (none, none)):
        assert found(asked, indexed, 6, 2) == []
