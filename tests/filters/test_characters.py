"""Single characters: what is taken out, what is put together, what stays."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import characters

HANGUL = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("apply", "before", "after"),
    [
        (characters.unescape, "&lt;경복궁&#62; &#x26; AT&T &nbsp;", "<경복궁> & AT&T \xa0"),
        (characters.drop_tags, "경복궁<br/>야경<b>1</b> <그림 3> 3 < 5", "경복궁 야경 1  <그림 3> 3 < 5"),
        (characters.drop_invisible, "\u200b한\u00ad복\u2060\ufeff \ue123", "한복  "),
        (characters.narrow, "（Ａ１～￦）", "(A1~₩)"),
        (characters.compose, "\u1112\u1161\u11ab", "한"),
        (characters.drop_laughter, "경복궁ㅋㅋㅋ 야경 ㅠ ^^ T_T :)", "경복궁  야경        "),
        (characters.drop_emoji, "경복궁😀👍🏽 ★야경", "경복궁   야경"),
        (characters.squeeze, " 경복궁\u3000\n 야경\xa0", "경복궁 야경"),
        (characters.compose_half_width, "ﾡ", "ㄱ"),
    ],
)
def test_changes(apply, before, after):
    assert apply(before) == after
    assert apply(after) == after


@pytest.mark.parametrize("text", ["ㄱ자 집", "ㅎ", "AT&T", "1 < 2", "①②", "™®", "한ㅋ복"])
def test_leaves_alone(text):
    for apply in (characters.unescape, characters.drop_tags, characters.drop_emoji, characters.drop_laughter):
        assert apply(text) == text


def half_width(text: str) -> str:
    """Spell syllables the way a half-width font did."""
    jamo = {}
    for code in range(0xFFA1, 0xFFDD):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2:
            jamo[chr(int(parts[1], 16))] = chr(code)
    leads = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
    vowels = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
    tails = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
    spelled = ""
    for char in text:
        index = ord(char) - 0xAC00
        parts = leads[index // 588] + vowels[index % 588 // 28] + tails[index % 28].strip()
        spelled += "".join(jamo[part] for part in parts)
    return spelled


@settings(max_examples=100, deadline=None)
@given(HANGUL)
def test_half_width_jamo_spell_the_syllables_they_came_from(text):
    assert characters.compose_half_width(half_width(text)) == text


@pytest.mark.parametrize("char", ["\x00", "\ud800", "\udfff", "\u202d", "\u202e", "\ufffe", "\U0001ffff", "\U00050000"])
def test_invalid(char):
    assert characters.INVALID.search(f"경복{char}궁")


@pytest.mark.parametrize("char", ["한", "𠀀", "\u200f", "\ue000", "\U000f0000", "😀", "\ufffd"])
def test_not_invalid(char):
    assert characters.INVALID.search(char) is None
