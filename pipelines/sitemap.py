"""Sitemaps (sitemaps.org 0.9): the page and sitemap URLs in one, plain or gzip."""

from __future__ import annotations

import html
import re
import zlib
from typing import Final, NamedTuple

MAX_SITEMAP_BYTES: Final = 50 << 20
"""The protocol's own limit for one sitemap, uncompressed."""

_LOCATION = re.compile(r"<loc>\s*(?:<!\[CDATA\[)?\s*([^<\]]+?)\s*(?:\]\]>)?\s*</loc>", re.IGNORECASE)


class Sitemap(NamedTuple):
    """The URLs a sitemap lists, as written, and whether they are sitemaps themselves (an index)."""

    locations: tuple[str, ...]
    is_index: bool


def parse_sitemap(body: bytes) -> Sitemap:
    """Return what a sitemap lists. It is read by pattern, not by an XML parser: no entity is ever expanded.

    A text sitemap (one URL a line) is read too. What is neither lists nothing.
    """
    if body[:2] == b"\x1f\x8b":
        try:
            body = zlib.decompressobj(31).decompress(body, MAX_SITEMAP_BYTES)
        except zlib.error:
            return Sitemap((), False)
    text = body[:MAX_SITEMAP_BYTES].decode("utf-8", "replace")
    if "<" not in text:
        return Sitemap(tuple(line.strip() for line in text.splitlines() if line.strip().startswith("http")), False)
    locations = tuple(html.unescape(found) for found in _LOCATION.findall(text))
    return Sitemap(locations, "<sitemapindex" in text)
