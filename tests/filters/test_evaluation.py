import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.evaluation import NO_DISTANCE, Pictures, caption_id, evaluation_images, nearest, parse_hashes
from filters.near_duplicates import DuplicateRules

RULES = DuplicateRules(radius=6, verify_radius=20, max_spread=24, min_clear_bits=32)


def pictures(*rows):
    """Images given as (id of bytes, of stored bytes, bits set in pHash, in the longer one or None, clear)."""
    return Pictures(
        np.arange(len(rows)),
        np.array([row[:2] for row in rows], np.int64).reshape(len(rows), 2),
        np.array([(1 << row[2]) - 1 for row in rows], np.uint64),
        np.array([[0, 0, 0, (1 << (row[3] or 0)) - 1] for row in rows], np.uint64).reshape(len(rows), 4),
        np.array([row[3] is not None for row in rows], np.bool_),
        np.array([row[4] for row in rows], np.int64),
    )


def found(images, evaluation, rules=RULES):
    columns = nearest(pictures(*images), evaluation_images(pictures(*evaluation), rules), rules)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_nothing_is_near_nothing():
    assert found([], []) == []
    assert found([(1, 2, 0, 0, 64)], []) == []
    assert found([], [(1, 2, 0, 0, 64)]) == []


@pytest.mark.parametrize(
    ("image", "evaluation", "hit"),
    [
        ((1, -1, 40, 60, 64), (1, -1, 0, 0, 64), [(0, 0, True, 0, 0)]),
        ((1, 5, 40, 60, 64), (5, 9, 0, 0, 64), [(0, 0, True, 0, 0)]),
        ((-1, -1, 40, 60, 64), (-1, -1, 0, 0, 64), []),
        ((1, 2, 6, 20, 64), (3, 4, 0, 0, 64), [(0, 0, False, 6, 20)]),
        ((1, 2, 7, 20, 64), (3, 4, 0, 0, 64), []),
        ((1, 2, 6, 21, 64), (3, 4, 0, 0, 64), []),
        ((1, 2, 6, 21, 64), (-1, -1, 0, None, 64), [(0, 0, False, 6, NO_DISTANCE)]),
        ((1, 2, 0, 0, 32), (3, 4, 0, 0, 32), [(0, 0, False, 0, 0)]),
        ((1, 2, 0, 0, 31), (3, 4, 0, 0, 64), []),
        ((1, 2, 0, 0, 64), (3, 4, 0, 0, 31), []),
        ((1, 2, 0, 0, 31), (1, 4, 0, 0, 31), [(0, 0, True, 0, 0)]),
    ],
)
def test_equal_bytes_or_hashes_within_the_radius_that_the_longer_one_confirms(image, evaluation, hit):
    assert found([image], [evaluation]) == hit


def test_the_closest_views_of_two_images_speak_for_them():
    whole, without_margins = (1, 2, 40, 50, 64), (-1, -1, 6, 20, 64)
    images = pictures(whole, without_margins)._replace(image=np.array([0, 0]))
    evaluation = pictures((3, 4, 30, 60, 64), (5, 6, 60, 60, 64), (-1, -1, 0, 0, 64))._replace(
        image=np.array([0, 1, 1])
    )
    (hit,) = zip(*(c.tolist() for c in nearest(images, evaluation_images(evaluation, RULES), RULES)), strict=True)
    assert hit == (0, 1, False, 6, 20)


def test_the_nearest_is_told_equal_bytes_first_then_bits_then_the_first_row():
    assert found([(1, 2, 0, 0, 64)], [(9, 9, 0, 0, 64), (1, 5, 60, 0, 64)]) == [(0, 1, True, 0, 0)]
    evaluation = [(9, 9, 5, 0, 64), (8, 8, 2, 9, 64), (7, 7, 2, 3, 64), (6, 6, 2, 3, 64), (1, 5, 60, 0, 64)]
    assert found([(1, 2, 0, 0, 64), (3, 4, 0, 0, 64)], evaluation) == [(0, 4, True, 0, 0), (1, 2, False, 2, 3)]


row = st.tuples(
    st.integers(-1, 5), st.integers(-1, 5), st.integers(0, 30), st.integers(0, 60), st.sampled_from([9, 64])
)


@settings(max_examples=80, deadline=None)
@given(images=st.lists(row, max_size=6), evaluation=st.lists(row, max_size=6))
def test_what_is_found_is_what_comparing_all_finds(images, evaluation):
    expected = []
    for number, (raw, stored, short, long, clear) in enumerate(images):
        hits = []
        for other, (raw_e, stored_e, short_e, long_e, clear_e) in enumerate(evaluation):
            if ({raw, stored} & {raw_e, stored_e}) - {-1}:
                hits.append((False, 0, 0, other))
            elif min(clear, clear_e) >= 32 and abs(short - short_e) <= 6 and abs(long - long_e) <= 20:
                hits.append((True, abs(short - short_e), abs(long - long_e), other))
        if hits:
            near, short, long, other = min(hits)
            expected.append((number, other, not near, short, long))
    assert found(images, evaluation) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("공원에 선 돌하르방", "공원에 선  돌하르방.", True),
        ("[사진] 공원에 선 돌하르방", "공원에 선 돌하르방", True),
        ("공원에 선 돌하르방", "공원에 선 돌하루방", False),
        ("공원 1", "공원 2", False),
    ],
)
def test_captions_are_equal_once_cleaned_but_for_spaces_signs_and_case(one, other, same):
    assert (caption_id(one) == caption_id(other)) is same


def test_a_text_of_which_nothing_is_left_equals_none():
    assert caption_id("") == caption_id("...") == -1


@pytest.mark.parametrize(
    ("line", "hashes"),
    [
        ("8" * 16, ("8" * 16, "")),
        (f" {'A' * 16},{'B' * 64}\n", ("a" * 16, "b" * 64)),
        (f"{'a' * 16} {'b' * 64}", ("a" * 16, "b" * 64)),
        ("8" * 15, None),
        (f"{'a' * 16},{'b' * 63}", None),
        ("돌하르방", None),
        ("", None),
    ],
)
def test_a_line_of_a_hash_list(line, hashes):
    assert parse_hashes(line) == hashes
