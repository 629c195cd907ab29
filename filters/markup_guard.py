"""Markup that an HTML parser turns into far more work or memory than its size, made harmless before parsing.

The HTML standard itself asks for the worst of it: each new paragraph reopens every unclosed ``<font>``, so that
40 kB of text became 4 million nodes and 1.6 GB (measured). Other loops are in the parser: 20,000 attributes on one tag,
``<option>`` elements or repeated ``<body a=1>`` tags take a second, and four times that for twice as many.
Only tags that carry neither images nor captions are touched, and only where a page exceeds what real pages hold.
"""

from __future__ import annotations

import re
from typing import Final

MAX_REOPENED: Final = 1_000_000
"""Most nodes that unclosed formatting tags may cost (0.4 GB). A well-formed page of any size reopens none."""

MAX_REPEATED: Final = 2_000
"""Most ``<option>`` or ``<body>`` tags that are passed on to the parser as they are."""

MAX_ATTRIBUTES: Final = 20_000
"""Attributes in a page above which single tags are looked at; that many on one tag cost the parser 0.75 s."""

_FORMATTING_NAMES: Final = "b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u"
_OPENING: Final = re.compile(rf"<(?:{_FORMATTING_NAMES})(?=[\s/>])[^>]*")
_FORMATTING: Final = re.compile(rf"</?(?:{_FORMATTING_NAMES})(?=[\s/>])[^>]*>?", re.IGNORECASE)
_REPEATED: Final = re.compile(r"<(?=(?:option|optgroup|html|body)[\s/>])", re.IGNORECASE)
_REPEATED_TAGS: Final = ("<option", "<optgroup", "<html", "<body")
_CROWDED_TAG: Final = re.compile(r"<[a-zA-Z](?:[^\"'>]|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+(?:>|\Z)")
_ATTRIBUTE: Final = re.compile(r"[\s/\"'][^\s/>=\"']+")


def tame(html: str) -> str:
    """Return ``html`` so that parsing takes time and memory near to linear in its length; most pages unchanged.

    Text content is kept; DOM paths of a tamed page may differ from a browser's by the formatting tags taken out.
    """
    tags = html.count("<")
    if tags > MAX_REPEATED:
        lower = html.lower()
        # The list of open formatting elements holds at most three equal ones (the standard's "Noah's Ark clause").
        if tags * tags // 4 > MAX_REOPENED and 3 * len(set(_OPENING.findall(lower))) * tags > MAX_REOPENED:
            html = _FORMATTING.sub(" ", html)
        if sum(lower.count(tag) for tag in _REPEATED_TAGS) > MAX_REPEATED:
            html = _REPEATED.sub("<x-", html)
    if len(html) > 4 * MAX_ATTRIBUTES and len(_ATTRIBUTE.findall(html)) > MAX_ATTRIBUTES:
        html = _CROWDED_TAG.sub(_thinned, html)
    return html


def _thinned(tag: re.Match[str]) -> str:
    text = tag[0]
    if len(text) < 2 * MAX_ATTRIBUTES // 10 or len(_ATTRIBUTE.findall(text)) <= MAX_ATTRIBUTES // 10:
        return text
    return "<x-crowded>"
