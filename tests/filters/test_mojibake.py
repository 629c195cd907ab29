"""Wrong charsets: repaired only where proven, named only where seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.mojibake import FREQUENT, is_broken, repair

WORDS = [
    "제주도",
    "돌하르방",
    "경복궁",
    "성산일출봉",
    "한복을 입은 아이",
    "알파 채널 예제",
    "서울 한강",
    "Photo 1 첨성대",
]
KOREAN = st.text(st.sampled_from(sorted(FREQUENT)), min_size=2, max_size=20)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("charset", "read_as"), [("cp949", "latin-1"), ("utf-8", "latin-1")])
def test_repairs_words(word, charset, read_as):
    assert repair(word.encode(charset).decode(read_as)) == word


@settings(max_examples=100, deadline=None)
@given(KOREAN)
def test_a_repair_gives_back_what_was_written(text):
    assert repair(text.encode("cp949").decode("latin-1")) == text
    assert repair(text) is None
    assert not is_broken(text)


@pytest.mark.parametrize("word", WORDS)
def test_bytes_lost_as_a_browser_loses_them(word):
    assert is_broken(word.encode().decode("cp949", "replace"))
    assert is_broken(word.encode("cp949").decode("utf-8", "replace"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ascii",
        "café au lait",
        "naïve Ångström déjà vu",
        "привет мир",
        "Ελληνικά",
        "©®™ ½ ±",
        "日本語テスト",
        "大한민국",
        "똠양꿍 美味",
    ],
)
def test_other_scripts_are_left_alone(text):
    assert repair(text) is None
    assert not is_broken(text)


def test_the_frequent_syllables():
    assert len(FREQUENT) == 400
