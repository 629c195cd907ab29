"""Path patterns as in robots.txt (RFC 9309, section 2.2.3): ``*`` is any text, ``$`` at the end is the end."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

# An escape that stands for one of these does not mean the character itself.
_RESERVED: Final = frozenset(b"/?#%*$&=+;,:@")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")


def matches(pattern: str, target: str) -> bool:
    """Return whether ``pattern`` matches ``target``, a path with its query, from its beginning.

    Both are compared with their escapes resolved, so that ``/가`` matches ``/%EA%B0%80``.
    Linear in the length of both for each part between ``*``.
    """
    ends = pattern.endswith("$")
    parts = [_plain(part) for part in (pattern[:-1] if ends else pattern).split("*")]
    text = _plain(target)
    if not text.startswith(parts[0]):
        return False
    place = len(parts[0])
    if len(parts) == 1:
        return not ends or place == len(text)
    for part in parts[1:-1]:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    if ends:
        return text.endswith(parts[-1]) and len(text) - len(parts[-1]) >= place
    return text.find(parts[-1], place) >= 0


def _plain(text: str) -> bytes:
    """Return ``text`` with the escapes resolved of all but reserved characters, whose escapes get upper-case hex."""

    def keep(found: re.Match[str]) -> str:
        return f"%25{found[1].upper()}" if int(found[1], 16) in _RESERVED else found[0]

    return unquote_to_bytes(_ESCAPE.sub(keep, text).encode("utf-8", "surrogatepass"))
