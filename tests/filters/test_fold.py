import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.fold import fold, fold_character, unquote


@pytest.mark.parametrize(
    ("character", "expected"),
    [
        ("１", "1"),
        ("①", "1"),
        ("⓪", "0"),
        ("❶", "1"),
        ("𝟏", "1"),
        ("¹", "1"),
        ("٣", "3"),
        ("⑩", "10"),
        ("–", "-"),
        ("−", "-"),
        ("－", "-"),
        ("〜", "-"),
        ("\u00a0", " "),
        ("\u2009", " "),
        ("\n", " "),
        ("\x00", " "),
        ("\u200b", ""),
        ("\u200d", ""),
        ("\u00ad", ""),
        ("\ufeff", ""),
        ("\ufe0f", ""),
        ("\u20e3", ""),
        ("・", "·"),
        ("。", "."),
        ("Ａ", "A"),
        ("＠", "@"),
        ("ㄷ", "ㄷ"),
        ("ㅡ", "ㅡ"),
        ("\ud800", "\ud800"),
    ],
)
def test_fold_character(character, expected):
    assert fold_character(character) == expected


def test_span_points_back_over_dropped_expanded_and_decoded_pieces():
    text = "가\u200b①２&#51;㈜끝"
    folded = fold(text)
    assert folded.text == "가123(주)끝"
    start = folded.text.index("123")
    assert folded.span(start, start + 3) == (2, 9)
    assert text[2:9] == "①２&#51;"
    place = folded.text.index("주")
    assert text[slice(*folded.span(place, place + 1))] == "㈜"


def test_decomposed_hangul_is_composed_and_mapped():
    text = unicodedata.normalize("NFD", "차량 12가 3456")
    folded = fold(text)
    assert folded.text == "차량 12가 3456"
    assert text[slice(*folded.span(3, 11))] == unicodedata.normalize("NFD", "12가 3456")


def test_marks_become_one_character():
    folded = fold("a[전화번호]b", ("[전화번호]",), "\ufffc")
    assert folded.text == "a\ufffcb"
    assert folded.span(1, 2) == (1, 7)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("a%40b", "a@b"),
        ("a%2540b", "a@b"),
        ("a%252540b", "a@b"),
        ("a+b", "a b"),
        ("%EC%A3%BC%EB%AF%BC", "주민"),
        ("%C1%D6%B9%CE", "주민"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("%25", "%"),
        ("%ff", "ÿ"),
    ],
)
def test_unquote(url, expected):
    assert unquote(url).text == expected


def test_unquote_spans_cover_whole_escapes():
    url = "x=%EC%A3%BC%2531!"
    decoded = unquote(url)
    assert decoded.text == "x=주1!"
    assert url[slice(*decoded.span(2, 3))] == "%EC%A3%BC"
    assert url[slice(*decoded.span(3, 4))] == "%2531"


@settings(max_examples=200)
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("①１-\u200b%&#;3ᄀ\u1161가𝟏\ud800"))))
def test_every_folded_position_maps_into_the_text_in_order(text):
    for mapped in (fold(text), unquote(text)):
        last = 0
        for place in range(len(mapped.text)):
            start, end = mapped.span(place, place + 1)
            assert 0 <= start < end <= len(text)
            assert start >= last
            last = start
