from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from filters import near_duplicates
from filters.hamming import distances, near_pairs
from filters.near_duplicates import (
    EXACT,
    NEAR,
    TRIMMED,
    UNIQUE,
    Clusters,
    DuplicateRules,
    Images,
    Views,
    agreements,
    closest_bits,
    clusters,
    confirmed,
    content_ids,
    follow_leaders,
    follow_released,
    hash_words,
    representatives,
    views,
    winner_key,
)
from filters.perceptual import perceptual_hashes
from filters.tones import BYTES

RULES = DuplicateRules(radius=6, verify_radius=20, max_spread=24, min_clear_bits=32)
Row = tuple  # id, bits set in phash, bits set in phash256, clear bits, pixels; a sixth says how bright one tile is


def low_bits(count: int, words: int) -> list[int]:
    """``count`` ones from the least significant bit of the last word up."""
    value = (1 << count) - 1
    return [(value >> (64 * word)) & (2**64 - 1) for word in reversed(range(words))]


def one_tile(step: int = 0) -> np.ndarray:
    """Tones that are plain, but for one that is so many steps from them."""
    return np.r_[np.uint8(step << 4), np.zeros(BYTES - 1, np.uint8)]


def columns(*rows: Row) -> Images:
    """Images whose hashes are a number of low ones: the distance of two is the difference of their numbers."""
    return Images(
        np.array([row[0] for row in rows], np.int64),
        np.array([low_bits(row[1], 1) for row in rows], np.uint64).reshape(len(rows), 1),
        np.array([low_bits(row[2], 4) for row in rows], np.uint64).reshape(len(rows), 1, 4),
        np.array([[row[3]] for row in rows], np.int64).reshape(len(rows), 1),
        np.array([row[4] for row in rows], np.int64),
        np.array([one_tile(*row[5:]) for row in rows], np.uint8).reshape(len(rows), 1, BYTES),
    )


def found(*rows: Row, rules: DuplicateRules = RULES) -> list[tuple[int, int, int, str, int]]:
    told = clusters(columns(*rows), rules)[:5]
    return [tuple(row) for row in zip(*(column.tolist() for column in told), strict=True)]


def test_nothing_in_nothing_out():
    assert found() == []


def test_one_image_is_its_own_cluster():
    assert found((5, 10, 10, 64, 100)) == [(5, 0, 0, UNIQUE, 1)]


def test_equal_bytes_are_exact_copies():
    assert found((5, 10, 10, 64, 100), (5, 10, 10, 64, 100)) == [(5, 0, 0, EXACT, 2)] * 2


def test_equal_bytes_match_however_plain_the_image():
    assert found((5, 0, 0, 0, 100), (5, 0, 0, 0, 100)) == [(5, 0, 0, EXACT, 2)] * 2


def test_a_near_copy_tells_its_distances_and_follows_the_larger_image():
    assert found((1, 10, 100, 64, 50), (2, 13, 112, 64, 70)) == [(2, 3, 12, NEAR, 2), (2, 0, 0, EXACT, 2)]


def test_equal_sizes_are_settled_by_the_smaller_id():
    assert [row[0] for row in found((9, 10, 100, 64, 50), (2, 13, 112, 64, 50))] == [2, 2]


@pytest.mark.parametrize(("phash", "longer", "near"), [(6, 20, True), (7, 20, False), (6, 21, False), (0, 20, True)])
def test_both_radii_are_included(phash, longer, near):
    rows = found((1, 0, 0, 64, 50), (2, phash, longer, 64, 40))
    assert [row[3] for row in rows] == ([EXACT, NEAR] if near else [UNIQUE, UNIQUE])


def test_one_phash_with_distant_longer_hashes_is_two_images():
    assert [row[3] for row in found((1, 10, 0, 64, 50), (2, 10, 21, 64, 40))] == [UNIQUE, UNIQUE]


@pytest.mark.parametrize(("clear", "match"), [(32, NEAR), (31, UNIQUE)])
def test_a_plain_image_is_matched_by_its_bytes_alone(clear, match):
    assert found((1, 10, 10, 64, 50), (2, 10, 10, clear, 40))[1][3] == match


def test_a_chain_is_cut_where_it_leaves_the_representative():
    rows = found((1, 0, 0, 64, 90), (2, 5, 20, 64, 50), (3, 10, 40, 64, 40), (4, 15, 60, 64, 30))
    assert [row[:3] for row in rows] == [(1, 0, 0), (1, 5, 20), (3, 0, 0), (3, 5, 20)]
    assert [row[4] for row in rows] == [2, 2, 2, 2]


def test_the_spread_is_included():
    chain = ((1, 0, 0, 64, 90), (2, 5, 12, 64, 50), (3, 9, 24, 64, 40), (4, 10, 25, 64, 30))
    assert [row[0] for row in found(*chain)] == [1, 1, 1, 4]


def test_copies_of_a_loser_are_near_copies_of_the_winner_and_are_counted():
    rows = found((1, 10, 100, 64, 90), (2, 12, 104, 64, 50), (2, 12, 104, 64, 50))
    assert rows == [(1, 0, 0, EXACT, 3), (1, 2, 4, NEAR, 3), (1, 2, 4, NEAR, 3)]


def test_a_hot_group_costs_a_bounded_number_of_rounds_and_the_rest_stay_apart(monkeypatch):
    monkeypatch.setattr(near_duplicates, "MAX_LEADERS", 2)
    images = columns(*((number, 7, 30 * number, 64, 10) for number in range(5)))
    leader, searchable = follow_leaders(views(images, RULES), RULES)
    assert leader.tolist() == [0, 1, 2, 3, 4]
    assert searchable.tolist() == [True, True, False, False, False]
    for before, left in ((1, 1), (2, 0), (3, 0)):
        _, searchable = follow_leaders(views(images, RULES), RULES, np.full(5, before))
        assert int(searchable.sum()) == left, "what leads in a release counts"


def test_a_million_blank_thumbnails_take_one_round():
    count = 1_000_000
    seen = Views(np.arange(count), np.full(count, 7, np.uint64), np.zeros((count, 4), np.uint64))
    leader, searchable = follow_leaders(seen, RULES)
    assert not leader.any()
    assert np.flatnonzero(searchable).tolist() == [0]


def test_representatives_of_components_are_independent():
    images = columns((1, 0, 0, 64, 5), (2, 0, 10, 64, 9), (3, 0, 0, 64, 7), (4, 0, 30, 64, 6))
    assert representatives(images, np.array([1, 1, 3, 3]), RULES).tolist() == [1, 1, 2, 3]


def test_confirmation_looks_at_the_longer_hash_only():
    seen = views(columns((1, 0, 0, 64, 1), (2, 3, 20, 64, 1), (3, 4, 41, 64, 1)), RULES)
    pairs = near_pairs(seen.phash, 6)
    assert confirmed(seen, pairs, RULES).tolist() == [True, False, False]
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]


def test_the_winner_has_more_pixels_then_more_morphemes_then_consent_then_the_smaller_id():
    assert winner_key(pixels=2, morphemes=0, candidate_id="b") < winner_key(pixels=1, morphemes=9, candidate_id="a")
    assert winner_key(pixels=1, morphemes=2, candidate_id="b") < winner_key(pixels=1, morphemes=1, candidate_id="a")
    listed = winner_key(pixels=1, morphemes=9, candidate_id="a", listed=True)
    assert (
        winner_key(pixels=1, morphemes=1, candidate_id="b")
        < listed
        < winner_key(pixels=0, morphemes=9, candidate_id="a")
    )
    graded = winner_key(pixels=1, morphemes=1, consent=1, candidate_id="b")
    assert graded < winner_key(pixels=1, morphemes=1, candidate_id="a")
    assert winner_key(pixels=1, morphemes=1, candidate_id="a") < winner_key(pixels=1, morphemes=1, candidate_id="b")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"radius": 17}, "radius is 17: expected 0 to 16 bits"),
        ({"radius": -1}, "radius is -1"),
        ({"verify_radius": 257, "max_spread": 257}, "verify_radius is 257"),
        ({"max_spread": 31}, "max_spread is 31: expected 32 to 256 bits"),
        ({"min_clear_bits": 65}, "min_clear_bits is 65"),
        ({"agreement": 1.01}, "agreement is 1.01: expected -1 to 1"),
        ({"agreement": float("nan")}, "agreement is nan"),
    ],
)
def test_rules_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        DuplicateRules(**wrong)


def test_hashes_are_read_most_significant_bit_first():
    assert hash_words(["8000000000000001"], 64).tolist() == [[2**63 + 1]]
    assert hash_words(["0" * 48 + "f" * 16], 256).tolist() == [[0, 0, 0, 2**64 - 1]]
    assert hash_words([], 256).shape == (0, 4)
    assert content_ids(["f" * 64, "0" * 15 + "2" + "0" * 48]).tolist() == [2**63 - 1, 1]


@pytest.mark.parametrize("text", ["", "0" * 15, "0" * 17, "g" * 16, "00 00 00 00 00 0"])
def test_a_text_that_is_no_hash_is_refused(text):
    with pytest.raises(ValueError, match="hex"):
        hash_words([text], 64)


def picture(seed: int = 4) -> np.ndarray:
    rough = np.random.default_rng(seed).integers(0, 256, (12, 16), dtype=np.uint8)
    return np.asarray(Image.fromarray(rough).resize((320, 240), Image.Resampling.BICUBIC))


def test_a_picture_is_clear_and_blank_noisy_and_mirrored_ones_are_not():
    noise = np.random.default_rng(1).integers(0, 3, (240, 320), dtype=np.uint8)
    assert perceptual_hashes(picture()).clear_bits > 56
    assert perceptual_hashes(np.full((240, 320), 255, np.uint8)).clear_bits == 1, "only the mean is not the median"
    assert perceptual_hashes(noise).clear_bits <= 1
    bar = np.zeros((240, 320), np.uint8)
    bar[:, 100:220] = 255
    assert perceptual_hashes(bar).clear_bits < RULES.min_clear_bits


def test_a_shrunken_copy_is_near_and_another_picture_is_not():
    greys = [picture(4), np.asarray(Image.fromarray(picture(4)).resize((160, 120))), picture(5)]
    hashes = [perceptual_hashes(grey) for grey in greys]
    images = Images(
        np.arange(3),
        hash_words([found.phash for found in hashes], 64),
        hash_words([found.phash256 for found in hashes], 256)[:, None],
        np.array([[found.clear_bits] for found in hashes]),
        np.array([grey.size for grey in greys]),
        np.stack([np.frombuffer(found.tones, np.uint8)[None] for found in hashes]),
    )
    assert clusters(images, DuplicateRules()).match.tolist() == [EXACT, NEAR, UNIQUE]


images_drawn = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 30), st.integers(0, 120), st.sampled_from([0, 31, 32, 64])),
    max_size=30,
).map(lambda rows: [(i, p, v, c, (i * 7) % 5) for i, p, v, c in {row[0]: row for row in rows}.values()])


@settings(max_examples=100, deadline=None)
@given(distinct=images_drawn, data=st.data())
def test_laws_of_clusters(distinct, data):
    rows = distinct + data.draw(st.lists(st.sampled_from(distinct), max_size=5)) if distinct else []
    turned = data.draw(st.permutations(rows))
    first, second = clusters(columns(*rows), RULES), clusters(columns(*turned), RULES)
    assert by_id(rows, first) == by_id(turned, second), "order changes nothing"
    images = columns(*rows)
    leads = dict(zip(images.ids.tolist(), first.representative.tolist(), strict=True))
    assert all(leads[leader] == leader for leader in leads.values()), "a representative represents itself"
    assert (first.verify_distance <= RULES.max_spread).all()
    moved = first.match == NEAR
    assert (images.clear_bits[moved, 0] >= RULES.min_clear_bits).all()
    assert (np.bincount(np.unique(first.representative, return_inverse=True)[1]).sum() if rows else 0) == len(rows)
    best = {row[0]: row[4] for row in rows}
    assert all(best[leader] >= best[member] for member, leader in leads.items()), "none leaves for a smaller image"


View = tuple[int, int, int]  # bits set in phash, bits set in phash256, clear bits


def seen_twice(*rows: tuple[int, View, View, int]) -> Images:
    """Images of two views: (id, the whole picture, the picture without its margins, pixels)."""
    return Images(
        np.array([row[0] for row in rows], np.int64),
        np.array([[low_bits(view[0], 1)[0] for view in row[1:3]] for row in rows], np.uint64).reshape(len(rows), 2),
        np.array([[low_bits(view[1], 4) for view in row[1:3]] for row in rows], np.uint64).reshape(len(rows), 2, 4),
        np.array([[view[2] for view in row[1:3]] for row in rows], np.int64).reshape(len(rows), 2),
        np.array([row[3] for row in rows], np.int64),
        np.zeros((len(rows), 2, BYTES), np.uint8),
    )


@pytest.mark.parametrize(
    ("framed", "match", "distance"),
    [
        (((40, 200, 64), (14, 115, 64)), TRIMMED, (4, 15)),
        (((40, 200, 64), (17, 100, 64)), UNIQUE, (0, 0)),
        (((40, 200, 64), (14, 121, 64)), UNIQUE, (0, 0)),
        (((40, 200, 64), (14, 115, 31)), UNIQUE, (0, 0)),
        (((40, 200, 31), (14, 115, 64)), TRIMMED, (4, 15)),
        (((14, 115, 31), (14, 115, 64)), TRIMMED, (4, 15)),
        (((14, 115, 64), (40, 200, 64)), NEAR, (4, 15)),
    ],
)
def test_a_framed_copy_is_found_by_what_is_inside_the_frame(framed, match, distance):
    images = seen_twice((1, (10, 100, 64), (10, 100, 64), 90), (2, *framed, 50))
    result = clusters(images, RULES)
    assert result.match.tolist() == ([UNIQUE] * 2 if match == UNIQUE else [EXACT, match])
    assert (result.distance[1], result.verify_distance[1]) == distance


def test_two_frames_round_one_picture_are_found_by_it():
    images = seen_twice((1, (40, 200, 64), (10, 100, 64), 90), (2, (60, 256, 64), (10, 104, 64), 50))
    assert clusters(images, RULES).match.tolist() == [EXACT, TRIMMED]


def test_a_view_that_says_nothing_new_is_not_looked_up():
    images = seen_twice(
        (1, (10, 100, 64), (10, 100, 64), 9), (2, (5, 50, 64), (9, 60, 64), 9), (3, (1, 2, 3), (4, 5, 6), 9)
    )
    seen = views(images, RULES)
    assert seen.ids.tolist() == [1, 2, 2]
    assert np.bitwise_count(seen.phash).tolist() == [10, 5, 9]
    assert np.bitwise_count(seen.phash256).sum(axis=1).tolist() == [100, 50, 60]


@pytest.mark.parametrize(("step", "agreement"), [(0, 1.0), (2, 0.9658), (7, 0.7287)])
def test_a_copy_must_agree_in_its_tones_wherever_they_lie(step, agreement):
    rows = [(1, 10, 100, 64, 9), (2, 12, 104, 64, 4, step)]
    result = clusters(columns(*rows), msgspec.structs.replace(RULES, agreement=agreement - 0.0001))
    assert result.agreement.tolist() == [1, agreement]
    assert result.match.tolist() == [EXACT, NEAR]
    assert found(*rows, rules=msgspec.structs.replace(RULES, agreement=1))[1][3] == (UNIQUE if step else NEAR)
    assert found(*rows, rules=msgspec.structs.replace(RULES, agreement=-1))[1][3] == NEAR


def test_an_agreement_on_the_threshold_is_one():
    images = columns((1, 10, 100, 64, 9), (2, 12, 104, 64, 4, 7))
    (exactly,) = agreements(images, np.array([0]), np.array([1]), np.array([0]), RULES)
    for least, match in ((exactly, NEAR), (np.nextafter(exactly, 2), UNIQUE)):
        result = clusters(images, msgspec.structs.replace(RULES, agreement=float(least)))
        assert result.match.tolist()[1] == match


def test_what_does_not_agree_with_the_largest_is_asked_of_the_next():
    rows = [(number, 10, 100, 64, 9 - number, 7 * (number % 2)) for number in range(4)]
    assert [row[0] for row in found(*rows, rules=msgspec.structs.replace(RULES, agreement=0.9))] == [0, 1, 0, 1]


def test_the_tones_that_count_are_those_of_the_closest_views():
    images = seen_twice((1, (40, 200, 64), (10, 100, 64), 90), (2, (60, 256, 64), (10, 104, 64), 50))
    for view, match in ((0, TRIMMED), (1, UNIQUE)):
        images.tones[:] = 0
        images.tones[1, view, 0] = 0x70
        assert clusters(images, msgspec.structs.replace(RULES, agreement=0.9)).match.tolist()[1] == match


def test_the_closest_views_of_two_images_are_told_in_bits():
    one, clear = ("00", "0000", 64), RULES.min_clear_bits
    assert closest_bits([one], [("01", "000f", 64), ("07", "0001", 64)], RULES) == (3, 1)
    assert closest_bits([("00", "0001", 64)], [("07", "0001", 64), ("01", "0001", 64)], RULES) == (1, 0)
    assert closest_bits([one], [("01", "000f", clear), ("00", "0000", clear - 1)], RULES) == (1, 4), "not a plain one"
    assert closest_bits([one], [("00", "0000", clear - 1), ("01", "000f", clear)], RULES) == (1, 4)
    assert closest_bits([one], [("07", "0001", 0), ("00", "0000", 0)], RULES) == (3, 1), "of plain ones the whole"


two_views = st.tuples(*[st.tuples(st.integers(0, 30), st.integers(0, 120), st.sampled_from([31, 64]))] * 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(two_views, max_size=20), st.randoms(use_true_random=False))
def test_laws_of_clusters_of_two_views(drawn, random):
    rows = [(number, *both, number % 3) for number, both in enumerate(drawn)]
    turned = random.sample(rows, len(rows))
    first, second = clusters(seen_twice(*rows), RULES), clusters(seen_twice(*turned), RULES)
    assert by_id(rows, first) == by_id(turned, second), "order changes nothing"
    assert (first.verify_distance <= RULES.max_spread).all(), "none follows what it does not resemble"
    for row, match, leader in zip(rows, first.match.tolist(), first.representative.tolist(), strict=True):
        if match in (NEAR, TRIMMED):
            assert max(view[2] for view in row[1:3]) >= RULES.min_clear_bits
            assert max(view[2] for view in rows[leader][1:3]) >= RULES.min_clear_bits


def by_id(rows: list[Row], result: Clusters) -> list[tuple]:
    return sorted(zip((row[0] for row in rows), *(column.tolist() for column in result), strict=True))


def test_distances_are_to_the_representative():
    images = columns((1, 10, 100, 64, 90), (2, 12, 104, 64, 50))
    result = clusters(images, RULES)
    assert result.verify_distance.tolist() == distances(images.phash256[:, 0], images.phash256[[0, 0], 0]).tolist()


def test_released_representatives_all_lead_and_lead_first():
    images = columns(
        (1, 0, 0, 64, 5), (2, 0, 10, 64, 9), (3, 0, 30, 64, 7), (4, 0, 14, 64, 99), (5, 0, 60, 64, 1), (6, 0, 80, 64, 8)
    )
    released = np.array([True, True, False, False, False, False])
    roots = np.zeros(6, np.int64)
    assert representatives(images, roots, RULES).tolist() == [3, 3, 3, 3, 5, 5]
    assert representatives(images, roots, RULES, released).tolist() == [0, 1, 1, 1, 5, 5]


def test_a_view_follows_the_first_released_leader_of_its_phash_that_is_near():
    seen = views(columns((1, 3, 0, 64, 1), (2, 3, 25, 64, 1), (3, 3, 60, 64, 1), (4, 4, 0, 64, 1)), RULES)
    released = views(columns((7, 3, 30, 64, 1), (8, 3, 15, 64, 1), (9, 5, 0, 64, 1)), RULES)
    leader, leaders = follow_released(seen, released, RULES)
    assert (leader.tolist(), leaders.tolist()) == ([1, 0, -1, -1], [2, 2, 2, 0])
    none = Views(released.ids[:0], released.phash[:0], released.phash256[:0])
    assert [column.tolist() for column in follow_released(seen, none, RULES)] == [[-1] * 4, [0] * 4]
    assert [column.tolist() for column in follow_released(none, released, RULES)] == [[], []]
