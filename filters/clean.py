"""Cleaning a caption: what is left is what describes the image, and every step that changed the text is named.

A quarter of the good captions of Korean sites carry something to strip: a figure number, brackets, a credit glued to
the sentence, markup read as text. The rules are applied in order until none changes the text any more, so that
cleaning a clean text changes nothing. They were read off Korean news, wikis, blogs, manuals and shops; none names a
site, and the raw text is never thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from filters import characters, mojibake
from filters.clean_rules import RULES, TRIGGER
from schemas.reasons import NO_REASON, Reason

MAX_RAW_CHARACTERS: Final = 2_000
"""A longer raw text is no caption (LAION-5B cuts at the same length); refused unread, so that time is bounded."""

MAX_PASSES: Final = 12
"""Passes until a text stands still; real captions need two. One that does not stand still is refused."""


class Cleaned(NamedTuple):
    """A caption after cleaning. ``steps`` names what changed it, in order; ``reason`` is set where it is beyond help.

    ``text`` is NFC, one line, and empty where ``reason`` is set or where nothing but credits and numbers was there.
    """

    text: str
    steps: tuple[str, ...]
    reason: str


# Text of these characters alone needs no work on single characters.
_PLAIN: Final = re.compile(r"[ !#-%'-;=?-\]_a-z{-}가-힣·“”‘’…\"]*")

_HANGUL: Final = re.compile("[가-힣]")

# The rules that need a character, rule i as bit i: which rules a text calls for is one look a character.
_RULES_BY_CHARACTER: Final[dict[str, int]] = {}
for _index, _each in enumerate(RULES):
    for _character in _each.needs:
        _RULES_BY_CHARACTER[_character] = _RULES_BY_CHARACTER.get(_character, 0) | 1 << _index

CHARACTER_STEPS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("entity", characters.unescape),
    ("tag", characters.drop_tags),
    ("mojibake", lambda text: mojibake.repair(text) or text),
    ("invisible", characters.drop_invisible),
    ("half_width_jamo", characters.compose_half_width),
    ("full_width", characters.narrow),
    ("nfc", characters.compose),
    ("laughter", characters.drop_laughter),
    ("emoji", characters.drop_emoji),
)


def _pass(text: str, steps: list[str]) -> str:
    """Apply every rule once; append the steps that changed the text. A text without Hangul is put on one line only."""
    if not _PLAIN.fullmatch(text) or "^" in text:
        for step, apply in CHARACTER_STEPS:
            after = apply(text)
            if after != text:
                steps.append(step)
                text = after
    after = characters.squeeze(text)
    if after != text:
        steps.append("space")
        text = after
    if _HANGUL.search(text) is None or TRIGGER.search(text) is None:
        return text
    pending = _rules_for(text)
    while pending:
        lowest = pending & -pending
        pending ^= lowest
        step, _, pattern, replacement = RULES[lowest.bit_length() - 1]
        after = pattern.sub(replacement, text)
        if after != text:
            steps.append(step)
            text = characters.squeeze(after)
            # The rules still to come, by the characters that are left.
            pending = _rules_for(text) & -(lowest << 1)
    return text


def _rules_for(text: str) -> int:
    """Return the rules whose characters stand in ``text``, rule i as bit i."""
    rules = 0
    for needed in _RULES_BY_CHARACTER.keys() & set(text):
        rules |= _RULES_BY_CHARACTER[needed]
    return rules


@lru_cache(maxsize=8_192)
def clean(raw: str) -> Cleaned:
    """Return ``raw`` cleaned, with the steps that changed it; never raises.

    ``clean(clean(x).text).text == clean(x).text`` for every string. Reasons: `Reason.CAPTION_TOO_LONG` over
    `MAX_RAW_CHARACTERS`, `Reason.CAPTION_INVALID_TEXT` for NUL, lone surrogates, bidi overrides and noncharacters,
    `Reason.CAPTION_MOJIBAKE` for bytes lost in a wrong decoding.
    """
    if len(raw) > MAX_RAW_CHARACTERS:
        return Cleaned("", (), Reason.CAPTION_TOO_LONG)
    if characters.INVALID.search(raw):
        return Cleaned("", (), Reason.CAPTION_INVALID_TEXT)
    steps: list[str] = []
    text = raw
    for _ in range(MAX_PASSES):
        after = _pass(text, steps)
        if after == text:
            break
        text = after
    else:
        return Cleaned("", tuple(dict.fromkeys(steps)), Reason.CAPTION_INVALID_TEXT)
    named = tuple(dict.fromkeys(steps))
    # What entities and wrong charsets hid is judged once it is visible.
    if characters.INVALID.search(text):
        return Cleaned("", named, Reason.CAPTION_INVALID_TEXT)
    if mojibake.is_broken(text):
        return Cleaned("", named, Reason.CAPTION_MOJIBAKE)
    return Cleaned(text, named, NO_REASON)
