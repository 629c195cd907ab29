"""Captions composed from hand-written templates, with the right particle after every word that is filled in."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import NamedTuple

from pipelines.embedded_web.backdrop import OUTDOORS
from pipelines.embedded_web.drawing import Look
from pipelines.embedded_web.kinds import KINDS

_SLOT = re.compile(r"\{([가-힣]+)(?:\|([가-힣]+))?\}")
_PARTICLES: Mapping[str, tuple[str, str]] = {
    "을": ("을", "를"),
    "이": ("이", "가"),
    "은": ("은", "는"),
    "과": ("과", "와"),
    "이라": ("이라", "라"),
    "이나": ("이나", "나"),
    "으로": ("으로", "로"),
}
"""The form after a final consonant, and the form after a vowel."""
_RIEUL = 8

_COUNTS = ("", "한", "두", "세", "네", "다섯")
_SEASONS: Mapping[str, tuple[str, ...]] = {
    "봄": ("봄날", "이른 봄", "4월", "늦봄"),
    "여름": ("한여름", "여름날", "7월", "초여름"),
    "가을": ("늦가을", "가을날", "10월", "초가을"),
    "겨울": ("한겨울", "겨울날", "1월", "초겨울"),
}
_HOURS: Mapping[str, tuple[str, ...]] = {
    "dawn": ("이른 아침", "동틀 무렵", "새벽"),
    "day": ("한낮", "오후", "점심 무렵"),
    "dusk": ("해 질 녘", "저녁 무렵", "저녁"),
    "night": ("밤", "깊은 밤", "초승달 뜬 밤"),
}
_WEATHERS: Mapping[str, str] = {"rain": "비 내리는 ", "snow": "눈 내리는 ", "mist": "안개 낀 ", "clear": ""}


class Words(NamedTuple):
    """How one kind is written about. A template's slots are filled from ``slots`` and from the look itself.

    ``outdoors`` templates may use {때} (season and hour) and are for pictures under the sky; ``indoors`` for others.
    Slots of every look: {이름} the kind's name, {빛} its colour's word, {수} how many stand there (한, 두, 세).
    """

    slots: Mapping[str, tuple[str, ...]]
    outdoors: tuple[str, ...] = ()
    indoors: tuple[str, ...] = ()


def particle(word: str, wanted: str) -> str:
    """Return the form of the particle ``wanted`` (named by its form after a consonant) that follows ``word``.

    >>> particle("돌하르방", "을"), particle("한복 치마", "을"), particle("마을", "으로")
    ('을', '를', '로')

    Raises:
        ValueError: ``word`` does not end in a Hangul syllable, so that its last sound is not known.
    """
    code = ord(word[-1]) - 0xAC00 if word else -1
    if not 0 <= code < 11_172:
        raise ValueError(f"{word!r}: does not end in a Hangul syllable")
    final = code % 28
    if wanted == "으로" and final == _RIEUL:
        return "로"
    closed, open_ = _PARTICLES[wanted]
    return closed if final else open_


def fill(template: str, words: Mapping[str, str]) -> str:
    """Return ``template`` with {slot} and {slot|particle} filled in.

    Raises:
        KeyError: a slot that ``words`` lacks.
    """

    def replace(found: re.Match[str]) -> str:
        word = words[found[1]]
        return word + (particle(word, found[2]) if found[2] else "")

    return _SLOT.sub(replace, template)


def when(look: Look, rng: random.Random) -> str:
    """Return the words for a look's season, hour and weather: "비 내리는 여름날 오후"."""
    hours = _HOURS[look.hour]
    return f"{_WEATHERS[look.weather]}{rng.choice(_SEASONS[look.season])} {rng.choice(hours)}"


def compose(look: Look, words: Words, rng: random.Random) -> str:
    """Return a caption for ``look``."""
    kind = KINDS[look.kind]
    outdoors = look.backdrop in OUTDOORS
    templates = words.outdoors if outdoors else words.indoors
    filled = {name: rng.choice(choices) for name, choices in words.slots.items()}
    filled |= {"이름": kind.name, "빛": kind.colours[look.colour][0], "수": _COUNTS[look.number], "때": when(look, rng)}
    return fill(rng.choice(templates), filled)
