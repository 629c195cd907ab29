"""``X-Robots-Tag`` headers and robots metas: the directives that keep a page or an image out of a dataset.

Directives are read as search engines document them: comma-separated, in any case, over any number of header lines,
with an optional agent name before them that holds until the next agent name on the same line. Semicolons count as
commas. Dates after ``unavailable_after:`` hold colons and commas of their own, and there are other directives with a
value: a word before a colon is an agent's name only where a directive follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from schemas.records import Consent

HEADER_CHANNEL: Final = "x-robots-tag"
META_CHANNEL: Final = "meta-robots"

REFUSING: Final = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
"""``noai`` and ``noimageai`` as DeviantArt defined them in 2022; ``none`` is noindex and nofollow together."""

_WITH_VALUE: Final = re.compile(r"unavailable[_-]after|max-[a-z-]+")
# Words before a colon that are no agent's name, so that a directive written "index: yes" does not begin a scope.
_DIRECTIVES: Final = REFUSING | frozenset(
    {"all", "index", "follow", "nofollow", "noarchive", "nocache", "nosnippet", "notranslate", "indexifembedded"}
)
_PREFIX: Final = re.compile(r"\s*([A-Za-z_*][A-Za-z0-9_.*/-]*)\s*[:=](.*)", re.DOTALL)
_PIECES: Final = re.compile(r"[,;]")
_FIRST: Final = re.compile(r"[\s\"']*([A-Za-z_-]*)")
_NAMES: Final = re.compile(r"[^a-z0-9_.*/-]+")
_TOKENS: Final = re.compile(r"[^A-Za-z0-9_-]+")


def _names_us(name: str, agent: str) -> bool:
    return name in ("*", "robots") or name.partition("/")[0] == agent.lower()


def _refuses(directives: str) -> bool:
    """Return whether one comma-free piece holds a refusing directive, whatever else stands in it."""
    found = _PREFIX.match(directives)
    if found is not None and _WITH_VALUE.fullmatch(found[1].lower()):
        # The value of max-image-preview may be "none", which refuses nothing.
        directives = re.sub(r"^\s*\S+", "", found[2])
    return any(token in REFUSING for token in _TOKENS.split(directives.lower()))


def _scope(piece: str) -> tuple[str, str]:
    """Return the agent that a piece names, in lower case and empty where it names none, and what follows."""
    found = _PREFIX.match(piece)
    name = found[1].lower() if found is not None else ""
    if found is None or name in _DIRECTIVES or _WITH_VALUE.fullmatch(name):
        return "", piece
    first = _FIRST.match(found[2])
    word = first[1].lower() if first is not None else ""
    if word and word not in _DIRECTIVES and not _WITH_VALUE.fullmatch(word):
        return "", piece
    return name, found[2]


def line_refuses(line: str, agent: str) -> bool:
    """Return whether one header line, or the content of one robots meta, refuses ``agent``.

    >>> line_refuses("otherbot: noindex, Harubang: NoAI, max-snippet:0", "harubang")
    True
    >>> line_refuses("otherbot: noindex, nofollow", "harubang")
    False
    """
    ours = True
    for piece in _PIECES.split(line):
        name, directives = _scope(piece)
        if name:
            ours = _names_us(name, agent)
        named_later = agent.lower() in _TOKENS.split(directives.lower())  # "otherbot: index harubang: noai"
        if (ours or named_later) and _refuses(directives):
            return True
    return False


def header_consent(values: Iterable[str], agent: str) -> Consent | None:
    """Return the refusal in the ``X-Robots-Tag`` lines of a response, or None where they refuse nothing."""
    refusing = [value for value in values if line_refuses(value, agent)]
    return Consent(HEADER_CHANNEL, "\n".join(refusing), allowed=False) if refusing else None


def meta_consent(metas: Iterable[tuple[str, str]], agent: str) -> Consent | None:
    """Return the refusal in a page's metas, as (name, content), or None where they refuse nothing.

    Names that count, alone or among several: ``robots``, the agent's own, and ``x-robots-tag`` (from ``http-equiv``).
    """
    names = {"robots", "x-robots-tag", agent.lower()}
    refusing = [
        text for name, text in metas if names.intersection(_NAMES.split(name.lower())) and line_refuses(text, agent)
    ]
    return Consent(META_CHANNEL, "\n".join(refusing), allowed=False) if refusing else None
