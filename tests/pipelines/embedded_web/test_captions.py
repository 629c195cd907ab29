import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.embedded_web.canvas import generator
from pipelines.embedded_web.caption_words import WORDS
from pipelines.embedded_web.captions import compose, fill, particle, when
from pipelines.embedded_web.drawing import random_look
from pipelines.embedded_web.kinds import KINDS


@pytest.mark.parametrize(
    ("word", "wanted", "form"),
    [
        ("돌하르방", "을", "을"),
        ("한라산", "이", "이"),
        ("김치", "을", "를"),
        ("부채", "이", "가"),
        ("초가", "은", "는"),
        ("장독대", "과", "와"),
        ("태극선", "과", "과"),
        ("마을", "으로", "로"),  # after ㄹ as after a vowel
        ("바다", "으로", "로"),
        ("들판", "으로", "으로"),
        ("마을", "을", "을"),
        ("호랑이", "이라", "라"),
        ("연", "이나", "이나"),
    ],
)
def test_particle(word, wanted, form):
    assert particle(word, wanted) == form


@pytest.mark.parametrize("word", ["", "hanok", "2024", "한옥)"])
def test_particle_of_a_word_without_a_known_last_sound(word):
    with pytest.raises(ValueError, match="Hangul"):
        particle(word, "을")


@given(st.integers(0, 11_171), st.sampled_from(["을", "이", "은", "과"]))
def test_particle_follows_the_final_consonant(number, wanted):
    syllable = chr(0xAC00 + number)
    has_final = number % 28 != 0
    assert (particle(syllable, wanted) == wanted) == has_final


def test_fill():
    words = {"곳": "경복궁", "이": "새색시"}
    assert fill("{이|이} {곳|을} 거닐고 {곳}에 앉았다.", words) == "새색시가 경복궁을 거닐고 경복궁에 앉았다."
    with pytest.raises(KeyError):
        fill("{없음}", words)


def test_when_names_season_hour_and_weather():
    look = random_look("pine", generator("when"), "when")._replace(season="겨울", hour="night", weather="snow")
    said = when(look, generator("said"))
    assert said.startswith("눈 내리는 ")
    assert said.endswith("밤")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_compositions_are_whole_and_their_particles_right(kind):
    seen = set()
    for number in range(40):
        rng = generator("compose", kind, number)
        caption = compose(random_look(kind, rng, "x"), WORDS[kind], rng)
        assert "{" not in caption
        assert "  " not in caption
        assert caption == caption.strip()
        assert 8 <= len(caption) <= 90
        assert len(re.findall("[가-힣]", caption)) >= 6
        seen.add(caption)
    assert len(seen) >= 15


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_template_fills_with_every_word(kind):
    words = WORDS[kind]
    looks = {"이름": KINDS[kind].name, "빛": KINDS[kind].colours[0][0], "수": "두", "때": "봄날 오후"}
    for template in words.outdoors + words.indoors:
        for name, choices in words.slots.items():
            for choice in choices:
                chosen = {other: each[0] for other, each in words.slots.items()} | looks | {name: choice}
                assert "{" not in fill(template, chosen)
    assert len(words.outdoors) + len(words.indoors) >= 4
