"""Which URL an image element shows, from its attributes: src, lazy-loading attributes, srcset.

Pages that load lazily put a placeholder into ``src`` and the picture into an attribute of their script's choosing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

LAZY_ATTRIBUTES: Final = (
    "data-src",
    "data-original",
    "data-lazy-src",
    "data-lazy",
    "data-lazyload",
    "data-echo",
    "data-org-src",
    "data-origin",
    "data-original-src",
    "data-ks-lazyload",
)
"""Attributes that hold the picture whatever ``src`` holds (a blurred or tiny stand-in, usually)."""

FALLBACK_ATTRIBUTES: Final = (
    "data-url",
    "data-image",
    "data-img",
    "data-img-src",
    "data-actualsrc",
    "data-file",
    "data-full",
    "data-orig-file",
    "data-large-file",
    "data-hi-res-src",
    "lazy-src",
    "lazysrc",
    "file",
)
"""Attributes that may hold the picture or something else: believed only where ``src`` holds none."""

SRCSET_ATTRIBUTES: Final = ("srcset", "data-srcset", "data-lazy-srcset", "data-original-set")
"""Attributes in the syntax of ``srcset``."""

_KNOWN: Final = frozenset({"src", *LAZY_ATTRIBUTES, *FALLBACK_ATTRIBUTES, *SRCSET_ATTRIBUTES})
_PLACEHOLDER: Final = re.compile(
    r"data:|about:|#|(?:[^?]*/)?(?:[\w-]*[-_])?(?:blank|spacer|placeholder|loading|loader|lazy|lazyload|transparent|trans|pixel|dot|"
    r"empty|dummy|1x1|1px|clear|grey|gray|img_load)(?:[-_.][\w-]*)?\.(?:gif|png|jpe?g|svg|webp)(?:\?.*)?$",
    re.IGNORECASE,
)
_IMAGE_PATH: Final = re.compile(r"[^?#]+\.(?:jpe?g|jfif|png|gif|webp|avif|bmp|tiff?|heic)(?:[?#].*)?$", re.IGNORECASE)
_DESCRIPTOR: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([wxh])")
_SPACE: Final = " \t\n\f\r"


class ImageSource(NamedTuple):
    """The URL as written ("" where the element names none), and whether a script was to load it."""

    url: str
    lazy: bool


class _Candidate(NamedTuple):
    url: str
    width: float
    density: float


def is_placeholder(url: str) -> bool:
    """Say whether ``url`` stands in for a picture to be loaded later: empty, ``data:``, ``spacer.gif`` and the like."""
    return not url or _PLACEHOLDER.match(url) is not None


def is_image_path(url: str) -> bool:
    """Say whether the path of ``url`` ends as the name of a raster image does."""
    return _IMAGE_PATH.match(url) is not None


def parse_srcset(text: str) -> list[tuple[str, str]]:
    """Split a ``srcset`` into (URL, descriptors), as section 4.8.4.2.1 of the HTML standard does.

    A URL may hold commas ("/w_300,h_200/a.jpg"); it ends at white space. Parentheses in descriptors keep commas.
    """
    found: list[tuple[str, str]] = []
    at, end = 0, len(text)
    while True:
        while at < end and text[at] in " \t\n\f\r,":
            at += 1
        if at >= end:
            return found
        start = at
        while at < end and text[at] not in _SPACE:
            at += 1
        url = text[start:at]
        if url.endswith(","):
            found.append((url.rstrip(","), ""))
            continue
        start, depth = at, 0
        while at < end and (depth or text[at] != ","):
            depth += (text[at] == "(") - (text[at] == ")" and depth > 0)
            at += 1
        found.append((url, text[start:at].strip(_SPACE)))


def largest(srcsets: Iterable[str]) -> str:
    """Return the URL of the largest candidate of ``srcsets``, or "" where none claims to be larger than ``src``.

    The greatest width ("1200w") wins; without widths the greatest density above "1x". Ties go to the first.
    """
    best = _Candidate("", 0.0, 1.0)
    for srcset in srcsets:
        for url, descriptors in parse_srcset(srcset):
            candidate = _described(url, descriptors)
            if not is_placeholder(url) and (candidate.width, candidate.density) > (best.width, best.density):
                best = candidate
    return best.url


def _described(url: str, descriptors: str) -> _Candidate:
    width, density = 0.0, 1.0
    for word in descriptors.split():
        match = _DESCRIPTOR.fullmatch(word)
        if match is not None and match[2] == "w":
            width = float(match[1])
        elif match is not None and match[2] == "x":
            density = float(match[1])
    return _Candidate(url, width, density)


def image_source(attributes: Mapping[str, str], picture: Sequence[str] = ()) -> ImageSource:
    """Choose the URL of an image element: the largest of its srcsets, else a lazy attribute, else ``src``.

    Args:
        attributes: the element's attributes by name in lower case.
        picture: the srcsets of the ``<source>`` elements of the ``<picture>`` around it, in order.
    """
    src = attributes.get("src", "").strip()
    if len(_KNOWN.intersection(attributes)) == 1 and not picture and not is_placeholder(src):
        return ImageSource(src, False)
    held = {name: value.strip() for name, value in attributes.items() if name in _KNOWN}
    lazy = next((held[name] for name in LAZY_ATTRIBUTES if not is_placeholder(held.get(name, ""))), "")
    sets = [*(held[name] for name in SRCSET_ATTRIBUTES if name in held), *picture]
    url = (largest(sets) if sets else "") or lazy
    if url:
        deferred = bool(lazy) or any(name in held for name in SRCSET_ATTRIBUTES[1:])
        return ImageSource(url, deferred or is_placeholder(src))
    if not is_placeholder(src):
        return ImageSource(src, False)
    url = next((held[name] for name in FALLBACK_ATTRIBUTES if is_image_path(held.get(name, ""))), "")
    url = url or next((u for text in sets for u, _ in parse_srcset(text) if not is_placeholder(u)), "")
    return ImageSource(url or src, True)
