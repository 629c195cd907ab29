"""Licences that a page shows and does not link: the marks of 공공누리 (KOGL), and the ``license`` of JSON-LD.

공공누리 types 1 to 4 stand for attribution, non-commercial, no change, and both; since 28 January 2026 there are type 0
(no condition) and a mark of free use for AI beside the others. The marks' file names are the agency's own.
"""

from __future__ import annotations

import re
from typing import Final

HINTS: Final = ("공공누리", "opentype", '"license"')
"""One of these stands in every page that has such a mark."""

_TYPE: Final = re.compile(
    r"공공누리[\s:(\[]{0,4}(?:공공저작물\s{0,3})?(?:자유\s{0,3}이용\s{0,3}허락\s{0,3})?(?:제\s{0,3})?([0-4])\s{0,3}유형"
)
_IMAGE: Final = re.compile(r"opentype_?0?([0-4])(?![0-9])", re.IGNORECASE)
_AI: Final = re.compile(r"공공누리[^<>]{0,20}(?:AI|인공지능)\s{0,3}(?:학습용\s{0,3})?유형", re.IGNORECASE)
_JSON_LD: Final = re.compile(
    r'"license"\s{0,9}:\s{0,9}(?:\{[^{}]{0,200}"@id"\s{0,9}:\s{0,9})?"(https?:(?:[^"\\\s]|\\/){1,300})"'
)


def licence_marks(html: str) -> tuple[str, ...]:
    """Return ``kogl:0`` to ``kogl:4`` and ``kogl:ai`` for the marks in a page, and the URLs of JSON-LD licences."""
    if not any(hint in html for hint in HINTS):
        return ()
    types = {f"kogl:{found[1]}" for pattern in (_TYPE, _IMAGE) for found in pattern.finditer(html)}
    if _AI.search(html):
        types.add("kogl:ai")
    urls = {found[1].replace("\\/", "/") for found in _JSON_LD.finditer(html)}
    return (*sorted(types), *sorted(urls))
