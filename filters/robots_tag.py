"""``X-Robots-Tag`` headers and robots metas: the directives that keep a page or an image out of a dataset.

Directives are read as search engines document them: comma-separated, in any case, over any number of header lines,
with an optional agent name before them that holds until the next agent name on the same line. Dates after
``unavailable_after:`` hold colons and commas of their own.
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

_WITH_VALUE: Final = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
# Words before a colon that are no agent's name, so that a directive written "index: yes" does not begin a scope.
_DIRECTIVES: Final = REFUSING | frozenset(
    {"all", "index", "follow", "nofollow", "noarchive", "nocache", "nosnippet", "notranslate", "indexifembedded"}
)
_PREFIX: Final = re.compile(r"\s*([A-Za-z_*][A-Za-z0-9_.*/-]*)\s*:(.*)", re.DOTALL)
_TOKENS: Final = re.compile(r"[^A-Za-z0-9_-]+")


def _names_us(name: str, agent: str) -> bool:
    return name in ("*", "robots") or name.partition("/")[0] == agent.lower()


def _refuses(directives: str) -> bool:
    """Return whether one comma-free piece holds a refusing directive, whatever else stands in it."""
    found = _PREFIX.match(directives)
    if found is not None and found[1].lower() in _WITH_VALUE:
        # The value of max-image-preview may be "none", which refuses nothing.
        directives = re.sub(r"^\s*\S+", "", found[2])
    return any(token in REFUSING for token in _TOKENS.split(directives.lower()))


def line_refuses(line: str, agent: str) -> bool:
    """Return whether one header line, or the content of one robots meta, refuses ``agent``.

    >>> line_refuses("otherbot: noindex, Harubang: NoAI, max-snippet:0", "harubang")
    True
    >>> line_refuses("otherbot: noindex, nofollow", "harubang")
    False
    """
    ours = True
    for piece in line.split(","):
        found = _PREFIX.match(piece)
        name = found[1].lower() if found is not None else ""
        if found is not None and name not in _WITH_VALUE and name not in _DIRECTIVES:
            ours, piece = _names_us(name, agent), found[2]
        if ours and _refuses(piece):
            return True
    return False


def header_consent(values: Iterable[str], agent: str) -> Consent | None:
    """Return the refusal in the ``X-Robots-Tag`` lines of a response, or None where they refuse nothing."""
    refusing = [value for value in values if line_refuses(value, agent)]
    return Consent(HEADER_CHANNEL, "\n".join(refusing), allowed=False) if refusing else None


def meta_consent(metas: Iterable[tuple[str, str]], agent: str) -> Consent | None:
    """Return the refusal in a page's metas, as (name, content), or None where they refuse nothing.

    Names that count: ``robots``, the agent's own, and ``x-robots-tag`` (from ``http-equiv``).
    """
    names = ("robots", "x-robots-tag", agent.lower())
    refusing = [text for name, text in metas if name.strip().lower() in names and line_refuses(text, agent)]
    return Consent(META_CHANNEL, "\n".join(refusing), allowed=False) if refusing else None
