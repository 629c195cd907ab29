"""ai.txt as Spawning defined it: robots.txt's grammar at ``/ai.txt``, refusing media by file type.

``Disallow: *.jpg`` under ``User-Agent: *`` keeps JPEG files out of training data. Other files that go by the name of
ai.txt hold no such rule, and so refuse nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from filters import robots_txt

WELL_KNOWN: Final = "/ai.txt"
CHANNEL: Final = "ai.txt"

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff")


class AiTxt(NamedTuple):
    """A parsed ai.txt, for one agent."""

    rules: robots_txt.RobotsTxt

    @property
    def sha256(self) -> str:
        """The file's digest."""
        return self.rules.sha256

    def refuses(self, target: str, *, is_image: bool) -> bool:
        """Return whether ``target`` (path and query) is refused, by its path or as what it is.

        The type of an image whose path has no suffix of an image is not known before it is asked for; it is refused
        where any common image type is.
        """
        if not self.rules.allows(target):
            return True
        path = target.partition("?")[0]
        if not is_image or path.lower().endswith(IMAGE_SUFFIXES):
            # Suffixes are written in lower case in ai.txt, and in any case in URLs.
            return is_image and not self.rules.allows(path.lower())
        return not all(self.rules.allows(path + suffix) for suffix in IMAGE_SUFFIXES)


def parse(body: bytes, agent: str) -> AiTxt:
    """Return the rules of an ai.txt for the product token ``agent``."""
    return AiTxt(robots_txt.parse(body, agent))
