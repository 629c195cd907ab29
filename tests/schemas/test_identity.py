import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import CANDIDATE_ID_HEX, candidate_id, canonical_json, fingerprint, partition_of, sha256_hex

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_canonical_json_has_sorted_keys_no_spaces_and_korean_as_it_is():
    assert canonical_json({"나": [1, None], "가": True}) == '{"가":true,"나":[1,null]}'


@given(st.dictionaries(st.text(), PLAIN, max_size=5))
def test_order_of_keys_does_not_matter(value):
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


@pytest.mark.parametrize("value", [{1}, b"x", object(), {1: 2}, [{"a": {2}}]])
def test_what_has_no_canonical_form_raises(value):
    with pytest.raises(TypeError, match="canonical form"):
        canonical_json(value)


def test_nan_raises():
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(float("nan"))


def test_fingerprint_is_the_sha256_of_the_canonical_json():
    assert fingerprint(["a", 1]) == sha256_hex(b'["a",1]')


def test_candidate_id_depends_on_each_part_and_on_nothing_else():
    parts = {"image_url": "http://a/1.jpg", "page_url": "http://a/", "source_digest": "00"}
    identity = candidate_id(**parts)
    assert len(identity) == CANDIDATE_ID_HEX
    assert candidate_id(**parts) == identity
    for name in parts:
        assert candidate_id(**{**parts, name: "other"}) != identity


def test_parts_of_an_id_do_not_run_together():
    assert candidate_id(image_url="ab", page_url="c", source_digest="") != candidate_id(
        image_url="a", page_url="bc", source_digest=""
    )


@given(st.text(), st.integers(1, 1000))
def test_partition_is_in_range_and_stable(key, partitions):
    place = partition_of(key, partitions)
    assert 0 <= place < partitions
    assert partition_of(key, partitions) == place
