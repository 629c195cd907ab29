import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.suppression import Entry, SuppressionTable, columns, entry, entry_of


def table(*lines, radius=6):
    return SuppressionTable(columns([("list.txt", [(n, entry_of(line)) for n, line in enumerate(lines, 1)])]), radius)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("http://A.kr:80/x?q=1#top", Entry("url", "a.kr/x?q=1")),
        (" https://a.kr:443/%ea%b0%80 ", Entry("url", "a.kr/%EA%B0%80")),
        ("http://a.kr:8080", Entry("url", "a.kr:8080/")),
        ("A.kr", Entry("host", "a.kr")),
        ("*.a.kr", Entry("host", "a.kr")),
        (".a.kr", Entry("host", "a.kr")),
        ("a.kr.", Entry("host", "a.kr")),
        ("a.kr:8080", Entry("host", "a.kr")),
        ("한국.kr", Entry("host", "xn--3e0b707e.kr")),
        ("127.0.0.1", Entry("host", "127.0.0.1")),
        ("localhost", Entry("host", "localhost")),
        ("AB" * 32, Entry("sha256", "ab" * 32)),
        ("0123456789ABCDEF", Entry("phash", "0123456789abcdef")),
    ],
)
def test_the_kind_of_a_line_is_seen_by_its_form(line, found):
    assert entry_of(line) == found


@pytest.mark.parametrize(
    "line", ["", "kr", "abc", "ab" * 31, "a" * 15, "ftp://a.kr/x", "http://", "a.kr/x", "a b.kr", "*", "*.", "a..kr"]
)
def test_what_is_no_entry_is_refused(line):
    with pytest.raises(ValueError):
        entry_of(line)


@pytest.mark.parametrize(("kind", "text"), [("phash", "ab" * 32), ("sha256", "g" * 64), ("url", "a.kr"), ("host", "")])
def test_a_column_s_entries_are_of_its_kind(kind, text):
    with pytest.raises(ValueError):
        entry(kind, text)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://a.kr/x", "url a.kr/x (list.txt:1)"),
        ("https://a.kr/x", "url a.kr/x (list.txt:1)"),
        ("https://a.kr/x?q", ""),
        ("http://a.kr/", ""),
        ("http://b.kr/", "host b.kr (list.txt:2)"),
        ("https://img.cdn.b.kr:8443/y", "host b.kr (list.txt:2)"),
        ("http://bb.kr/", ""),
        ("http://kr/", ""),
        ("not a url", ""),
    ],
)
def test_urls_and_hosts_with_their_subdomains(url, named):
    assert table("http://a.kr/x", "b.kr", "http://a.kr/x").url(url) == named


def test_bytes_and_pictures():
    listed = table("aa" * 32, "00000000000000ff", "ffffffffffffffff", radius=3)
    assert listed.image(("", "aa" * 32), "") == f"sha256 {'aa' * 32} (list.txt:1)"
    assert listed.image(("bb" * 32,), "00000000000000ff") == "phash 00000000000000ff (list.txt:2)"
    near = "phash 00000000000000ff, 3 bits from 80000000000001fe (list.txt:2)"
    assert listed.image((), "80000000000001fe") == near
    assert listed.image((), "80000000000003fe") == ""
    assert listed.image((), "") == ""


def test_an_empty_list_names_nothing():
    empty = SuppressionTable(columns([]), 6)
    assert (empty.url("http://a.kr/"), empty.image(("aa" * 32,), "0" * 16)) == ("", "")


HASHES = st.integers(0, 2**64 - 1)


@settings(max_examples=60)
@given(st.lists(HASHES, min_size=1, max_size=30), HASHES, st.integers(0, 16), st.lists(st.integers(0, 63), max_size=17))
def test_the_nearest_hash_is_the_one_that_a_full_search_finds(hashes, other, radius, flips):
    listed = table(*(f"{value:016x}" for value in hashes), radius=radius)
    near = hashes[0]
    for bit in flips:
        near ^= 1 << bit
    for value in (near, other):
        distances = [(hashed ^ value).bit_count() for hashed in hashes]
        named = listed.image((), f"{value:016x}")
        assert bool(named) == (min(distances) <= radius)
        if named:
            assert (int(named[6:22], 16) ^ value).bit_count() == min(distances)


def test_columns_hold_each_entry_once_with_its_first_place():
    held = columns([("one", [(1, entry_of("a.kr")), (2, entry_of("a.kr"))]), ("two", [(9, entry_of("A.KR"))])])
    assert held.sources == ("one", "two")
    assert (len(held.keys), held.key_places.tolist()) == (1, [1])
    assert held.keys.dtype == np.uint64


def test_what_named_an_image_is_known_again_while_it_is_listed():
    listed = table("ab" * 32, "0123456789abcdef")
    by_bytes, by_picture = listed.image(("ab" * 32,), ""), listed.image((), "0123456789abcdec")
    assert by_picture == "phash 0123456789abcdef, 2 bits from 0123456789abcdec (list.txt:2)"
    assert [listed.has(evidence) for evidence in (by_bytes, by_picture)] == [True, True]
    shorter = table("a.kr", "cd" * 32)
    assert [shorter.has(evidence) for evidence in (by_bytes, by_picture, shorter.url("http://a.kr/"))] == [False] * 3
    assert not listed.has("")
