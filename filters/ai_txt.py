"""ai.txt as Spawning defined it: robots.txt's grammar at ``/ai.txt``, refusing media by file type.

``Disallow: *.jpg`` under ``User-Agent: *`` keeps JPEG files out of training data. Other files that go by the name of
ai.txt hold no such rule, and so refuse nothing.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from filters import robots_txt
from schemas.identity import sha256_hex

WELL_KNOWN: Final = "/ai.txt"
CHANNEL: Final = "ai.txt"

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff")

_BARE_TYPE: Final = re.compile(rb"^(\s*(?:dis)?allow\s*:\s*)\.", re.MULTILINE)
_AGENT: Final = re.compile(rb"^\s*user-?agent\s*:", re.MULTILINE)


class AiTxt(NamedTuple):
    """A parsed ai.txt, for one agent. ``rules`` are in lower case, for file types are meant in any."""

    rules: robots_txt.RobotsTxt
    sha256: str

    def refuses(self, target: str, *, is_image: bool) -> bool:
        """Return whether ``target`` (path and query) is refused, by its path or as what it is.

        The type of an image whose path has no suffix of an image is not known before it is asked for; it is refused
        where any common image type is.
        """
        if not self.rules.allows(target.lower()):
            return True
        path = target.lower().partition("?")[0]
        if not is_image or path.endswith(IMAGE_SUFFIXES):
            return is_image and not self.rules.allows(path)
        return not all(self.rules.allows(path + suffix) for suffix in IMAGE_SUFFIXES)


def parse(body: bytes, agent: str) -> AiTxt:
    """Return the rules of an ai.txt for the product token ``agent``.

    Rules under no User-Agent are for all, and a type may be written without its star (``.jpg``).
    """
    text = _BARE_TYPE.sub(rb"\1*.", body.removeprefix(b"\xef\xbb\xbf").lower())
    if _AGENT.search(text) is None:
        text = b"user-agent: *\n" + text
    return AiTxt(robots_txt.parse(text, agent), sha256_hex(body))
