"""Counting over a corpus: what is one text, what is one template, what is one image."""

import pytest

from filters.caption import NOT_COUNTED, TextCounts
from filters.caption_corpus import CaptionInput, CountedCorpus, site_of, template_key, text_key
from schemas.records import CaptionCandidate


def image(text, page="http://a.kr/1", url="http://a.kr/1.jpg"):
    return CaptionInput((CaptionCandidate("alt", text, "/"),), "", page, url)


def test_text_key():
    assert text_key("첨성대, 야경!") == text_key("첨성대 야경")
    assert text_key("BTS 공연") == text_key("bts공연")
    assert text_key("첨성대 1") != text_key("첨성대 2")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("제주시 101번 버스 시간표", "서귀포시 202번 버스 시간표"),
        ("서울 3월 날씨", "부산 12월 날씨"),
        ("강남점 1층 매장", "홍대점 2층 매장"),
        ("슬라이드 3", "슬라이드 12"),
    ],
)
def test_one_template(one, other):
    assert template_key(one) == template_key(other)


@pytest.mark.parametrize(("one", "other"), [("일지관리 목록조회", "일정관리 목록조회"), ("첨성대 야경", "경복궁 야경")])
def test_two_templates(one, other):
    assert template_key(one) != template_key(other)


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("http://www.Example.kr/a", "example.kr"),
        ("https://user@blog.example.kr:8080/?q", "blog.example.kr"),
        ("", ""),
        ("file", ""),
    ],
)
def test_site(url, site):
    assert site_of(url) == site


def test_counts_distinct_images():
    corpus = CountedCorpus(
        [
            image("그림 1. 첨성대 야경", url="http://a.kr/1.jpg"),
            image("첨성대 야경", url="http://a.kr/1.jpg"),
            image("첨성대 야경", url="http://a.kr/2.jpg"),
            image("첨성대 야경", page="http://b.kr/", url="http://b.kr/3.jpg"),
            image("슬라이드 화면 1"),
            image("슬라이드 화면 2"),
        ]
    )
    assert corpus.counts("a.kr", "첨성대 야경") == TextCounts(2, 3, 1)
    assert corpus.counts("b.kr", "첨성대 야경") == TextCounts(1, 3, 1)
    assert corpus.counts("a.kr", "슬라이드 화면 1") == TextCounts(1, 1, 2)
    assert corpus.counts("a.kr", "못 본 글") == NOT_COUNTED
    assert CountedCorpus([]).counts("a.kr", "첨성대") == NOT_COUNTED
