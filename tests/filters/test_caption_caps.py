import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.caption_caps import FirstOfEach, caption_caps, near_caption_key, same_caption_key
from schemas.reasons import Reason


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("전경 1", "전경 12", True),
        ("전경 1", "전경", True),
        ("돌하르방, 제주", "돌하르방 제주.", True),
        ("2024년 축제", "2025년 축제", True),
        ("Hanok 3", "hanok", True),
        ("돌하르방 1", "돌하루방 1", False),
        ("1 2", "3", False),
        ("...", "?", False),
    ],
)
def test_near_captions_differ_in_digits_spaces_signs_and_case_alone(one, other, near):
    assert (near_caption_key(one) == near_caption_key(other)) is near
    assert same_caption_key(one) != same_caption_key(other)


@given(st.text(max_size=9), st.text(max_size=9))
def test_the_same_caption_is_a_near_one(one, other):
    if same_caption_key(one) == same_caption_key(other):
        assert near_caption_key(one) == near_caption_key(other)
    assert near_caption_key(one) or not one


def test_caps_that_are_set_in_the_order_they_are_applied():
    assert caption_caps(max_same=None, max_near=None) == []
    assert [(cap.name, cap.reason, cap.limit) for cap in caption_caps(max_same=2, max_near=1)] == [
        ("max_same_caption", Reason.CAPTION_REPEATED, 2),
        ("max_near_captions", Reason.CAPTION_NEAR_REPEATED, 1),
    ]
    assert [cap.limit for cap in caption_caps(max_same=None, max_near=3)] == [3]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("가나다"), st.integers(0, 3)), max_size=20),
    limit=st.integers(1, 4),
    order=st.randoms(use_true_random=False),
)
def test_what_stays_is_the_first_of_each_key_in_any_order(rows, limit, order):
    ranked = [(key, (pixels, False, 0, 0, str(number)), number) for number, (key, pixels) in enumerate(rows)]
    order.shuffle(ranked)
    first = FirstOfEach(limit)
    gone = [item for row in ranked if (item := first.add(*row)) is not None]
    expected = []
    for key in sorted({key for key, _ in rows}):
        expected += [number for _, number in sorted((rank, n) for k, rank, n in ranked if k == key)[:limit]]
    assert first.items() == expected
    assert sorted(gone + expected) == list(range(len(rows)))


def test_on_the_limit_all_stay():
    first = FirstOfEach(2)
    assert [first.add("가", (n, False, 0, 0, ""), n) for n in (2, 1)] == [None, None]
    assert first.add("가", (0, False, 0, 0, ""), 0) == 2
    assert first.add("가", (9, False, 0, 0, ""), 9) == 9
    assert first.items() == [0, 1]
