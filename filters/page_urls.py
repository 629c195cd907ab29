"""The URLs of a page: its references resolved, its links, and the licences it points to."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

from filters.page_tree import PageTree, Place
from filters.url import normalize

_LICENCE_URL: Final = re.compile(
    r"https?://(?:[a-z0-9-]+\.)*(?:kogl\.or\.kr/|creativecommons\.org/(?:licenses|publicdomain)/)", re.IGNORECASE
)
_REFERENCE: Final = re.compile(r'\s(?:href|src)="([^"]*)"')
# A relative reference that resolves by writing it after the base's folder: no scheme, no dot segments, no escapes.
_PLAIN_REFERENCE: Final = re.compile(
    r"(?:[A-Za-z0-9_~-][A-Za-z0-9_~.-]*/){0,20}[A-Za-z0-9_~-][A-Za-z0-9_~.-]{0,200}(?:\?[A-Za-z0-9_.~/=&-]{1,200})?(?:#.*)?"
)


class PageUrls:
    """Resolves the references of one page, and gathers its links and licences in document order.

    ``links`` says for each URL whether any link to it may be followed (is not ``rel=nofollow``).
    """

    def __init__(self, tree: PageTree, page_url: str, *, with_links: bool) -> None:
        """Take the page's ``<base>``, the first that has an href; ``with_links`` False gathers licences only."""
        self.page_url = page_url
        self.links: dict[str, bool] = {}
        self.licences: dict[str, None] = {}
        self._with_links = with_links
        self._seen: set[str] = set()
        self._resolved: dict[str, str | None] = {}
        base = next((place for place in tree.places if place.tag == "base" and place.get("href")), None)
        self._base = (normalize(base.get("href"), page_url) if base is not None else None) or page_url
        folder = normalize(".", self._base) or ""
        self._folder = folder if folder.endswith("/") else ""

    def resolve(self, raw: str) -> str | None:
        """Return the absolute URL of a reference in normal form, None where it may not be requested."""
        if raw not in self._resolved:
            is_plain = self._folder and _PLAIN_REFERENCE.fullmatch(raw)
            url = self._folder + raw.partition("#")[0] if is_plain else normalize(raw, self._base)
            self._resolved[raw] = url
        return self._resolved[raw]

    def licence(self, href: str) -> None:
        """Note the URL of a licence."""
        url = self.resolve(href)
        if url is not None:
            self.licences[url] = None

    def follow(self, href: str, rel: list[str]) -> None:
        """Note a link with the words of its ``rel``."""
        url = self.resolve(href) if self._with_links else None
        if url is not None:
            self.links[url] = self.links.get(url, False) or "nofollow" not in rel

    def hyperlink(self, place: Place) -> None:
        """Note where an a, area, frame or iframe leads."""
        markup = place.markup
        if markup in self._seen or ' href="#' in markup:
            return
        self._seen.add(markup)
        reference = _REFERENCE.search(markup)
        href = unescape(reference[1]).strip() if reference is not None else ""
        words = place.get("rel").lower().split() if " rel=" in markup else []
        if href:
            if "license" in words or _LICENCE_URL.match(href):
                self.licence(href)
            self.follow(href, words)
