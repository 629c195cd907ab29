"""Korean morphemes of many texts at once, by Kiwi.

Kiwi takes seconds to load and is loaded once a process, on first use. A batch is spread over its own threads; each
text is analysed by itself, so that the answer does not depend on what stands beside it or on the number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from kiwipiepy import Kiwi, Match, Token

UNREADABLE_SCORE: Final = -15.0
"""An unknown word below this log-probability a syllable is no Korean word: 펭수 has -10, 뷁쀍 -23 (measured)."""

THREADS: Final = max(1, min(2, os.cpu_count() or 1))

SHORT_CHARACTERS: Final = 20
"""A text up to this length is not worth a thread's while."""

_OPTIONS: Final = Match.ALL | Match.Z_CODA
_LOCK: Final = threading.Lock()


class Morpheme(NamedTuple):
    """One morpheme: its dictionary form, its tag in Kiwi's Sejong tag set, and its place in the text in characters."""

    form: str
    tag: str
    start: int
    length: int


class Morphemes(NamedTuple):
    """The morphemes of one text and what is counted over them.

    ``content_nouns`` are common and proper nouns (NNG, NNP), ``proper_nouns`` the NNP among them, ``functional`` the
    number of particles and endings. ``unknown`` is the number of characters in words the dictionary does not have,
    ``unreadable`` of those no Korean word would look like.
    """

    tokens: tuple[Morpheme, ...]
    content_nouns: tuple[str, ...]
    proper_nouns: tuple[str, ...]
    functional: int
    unknown: int
    unreadable: int


@cache
def _kiwi() -> Kiwi:
    return Kiwi(num_workers=THREADS)


def _morphemes(tokens: Sequence[Token]) -> Morphemes:
    found: list[Morpheme] = []
    nouns: list[str] = []
    proper: list[str] = []
    functional = unknown = unreadable = 0
    for token in tokens:
        tag = token.tag
        form = token.form
        found.append(Morpheme(form, tag, token.start, token.len))
        kind = tag[0]
        if kind == "N":
            if tag == "NNP":
                nouns.append(form)
                proper.append(form)
            elif tag == "NNG":
                nouns.append(form)
            if token.oov:
                unknown += token.len
                if token.score < UNREADABLE_SCORE * token.len:
                    unreadable += token.len
        elif kind == "J" or kind == "E":
            functional += 1
    return Morphemes(tuple(found), tuple(nouns), tuple(proper), functional, unknown, unreadable)


def analyze(texts: Sequence[str]) -> list[Morphemes]:
    """Return the morphemes of each text, in order. Safe to call from several threads.

    Short texts are analysed where they are, while the threads work on the long ones: handing a short text to a thread
    costs half as much as analysing it. Lone surrogates are not for this function: Kiwi reads UTF-16 and the caller
    has refused such text.
    """
    with _LOCK:
        kiwi = _kiwi()
    # The options are Kiwi's defaults, put together once: its flags are slow to combine on every call.
    long = [text for text in texts if len(text) > SHORT_CHARACTERS]
    threaded = iter(kiwi.tokenize(long, match_options=_OPTIONS, z_coda=False)) if long else iter(())
    return [_morphemes(next(threaded) if len(text) > SHORT_CHARACTERS else kiwi.tokenize(text)) for text in texts]
