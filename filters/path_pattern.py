"""Path patterns as in robots.txt (RFC 9309, section 2.2.3): ``*`` is any text, ``$`` at the end is the end."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

# An escape that stands for one of these does not mean the character itself.
_RESERVED: Final = frozenset(b"/?#%&=+;,:@")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")


class PathPattern(NamedTuple):
    """A pattern ready to be matched: the octets between its ``*``, and whether it ends where the path does.

    ``size`` is its length in octets, by which rules are ranked.
    """

    parts: tuple[bytes, ...]
    ends: bool
    size: int

    def matches(self, path: bytes) -> bool:
        """Return whether this matches ``path``, made by `octets`, from its beginning.

        Linear in the length of both for each part between ``*``.
        """
        first, *rest = self.parts
        if not path.startswith(first):
            return False
        place = len(first)
        if not rest:
            return not self.ends or place == len(path)
        *middle, last = rest
        for part in middle:
            found = path.find(part, place)
            if found < 0:
                return False
            place = found + len(part)
        if self.ends:
            return path.endswith(last) and len(path) - len(last) >= place
        return path.find(last, place) >= 0


def path_pattern(text: str) -> PathPattern:
    """Return the pattern that ``text`` writes."""
    ends = text.endswith("$")
    parts = tuple(octets(part) for part in re.sub(r"\*+", "*", text[:-1] if ends else text).split("*"))
    return PathPattern(parts, ends, sum(map(len, parts)) + len(parts) - 1 + ends)


def matches(pattern: str, target: str) -> bool:
    """Return whether ``pattern`` matches ``target``, a path with its query, from its beginning.

    Both are compared with their escapes resolved, so that ``/가`` matches ``/%EA%B0%80``.
    """
    return path_pattern(pattern).matches(octets(target))


def octets(text: str) -> bytes:
    """Return a path with its query as octets to compare: escapes resolved of all but reserved characters.

    Escapes of those get upper-case hex; ``*`` and ``$`` are the same as their escapes, which is how a pattern names
    the characters themselves.
    """

    def keep(found: re.Match[str]) -> str:
        return f"%25{found[1].upper()}" if int(found[1], 16) in _RESERVED else found[0]

    return unquote_to_bytes(_ESCAPE.sub(keep, text).encode("utf-8", "surrogatepass"))
