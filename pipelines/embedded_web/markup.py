"""The ways Korean sites write an image and its caption, one function each, and the frame of a page around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from html import escape
from typing import NamedTuple

BLANK = "/img/blank.gif"
"""The placeholder that lazily loading pages put into ``src``."""


class Shot(NamedTuple):
    """An image as a page names it: the URL to write, a smaller copy's, and the caption."""

    src: str
    small: str
    caption: str


def _quoted(value: str) -> str:
    return escape(value, quote=True)


def alt(shot: Shot) -> str:
    """Write the caption as ``alt``."""
    return f'<p><img src="{_quoted(shot.src)}" alt="{_quoted(shot.caption)}"></p>'


def title(shot: Shot) -> str:
    """Write it as ``title``, with an empty ``alt``."""
    return f'<p><a href="#view"><img src="{_quoted(shot.src)}" alt="" title="{_quoted(shot.caption)}"></a></p>'


def figcaption(shot: Shot) -> str:
    """Write it below the image, in a figure."""
    return f'<figure><img src="{_quoted(shot.src)}" alt=""><figcaption>{_quoted(shot.caption)}</figcaption></figure>'


def news(shot: Shot) -> str:
    """Write it as newspapers do: a paragraph of a caption class that opens with a triangle."""
    said = f'<p class="photo-caption">▲ {_quoted(shot.caption)}</p>'
    return f'<div class="photo"><img src="{_quoted(shot.src)}">{said}</div>'


def data_src(shot: Shot) -> str:
    """Load lazily by ``data-src``."""
    return f'<p><img class="lazy" src="{BLANK}" data-src="{_quoted(shot.src)}" alt="{_quoted(shot.caption)}"></p>'


def data_original(shot: Shot) -> str:
    """Load lazily by ``data-original``, with a figcaption."""
    return (
        f'<figure><img class="lazy" src="{BLANK}" data-original="{_quoted(shot.src)}">'
        f"<figcaption>{_quoted(shot.caption)}</figcaption></figure>"
    )


def data_lazy_src(shot: Shot) -> str:
    """Load lazily by ``data-lazy-src``, with a copy for readers without scripts."""
    said = _quoted(shot.caption)
    return (
        f'<p><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-lazy-src="{_quoted(shot.src)}" alt="{said}">'
        f'<noscript><img src="{_quoted(shot.src)}" alt="{said}"></noscript></p>'
    )


def srcset(shot: Shot) -> str:
    """Offer two sizes."""
    small, src = _quoted(shot.small), _quoted(shot.src)
    return f'<p><img src="{small}" srcset="{small} 320w, {src} 1200w" alt="{_quoted(shot.caption)}"></p>'


def picture(shot: Shot) -> str:
    """Offer the image as a ``<source>`` of a ``<picture>``."""
    return (
        f'<picture><source srcset="{_quoted(shot.src)} 1200w"><img src="{_quoted(shot.small)}" '
        f'alt="{_quoted(shot.caption)}"></picture>'
    )


def table(shot: Shot) -> str:
    """Write it in the table row below the image, as old boards do."""
    return f'<table><tr><td><img src="{_quoted(shot.src)}"></td></tr><tr><td>{_quoted(shot.caption)}</td></tr></table>'


def aria(shot: Shot) -> str:
    """Write it as ``aria-label``."""
    return f'<p><img src="{_quoted(shot.src)}" aria-label="{_quoted(shot.caption)}"></p>'


def json_ld(shot: Shot) -> str:
    """Write it as an ImageObject of schema.org."""
    said = {"@context": "https://schema.org", "@type": "ImageObject", "contentUrl": shot.src, "caption": shot.caption}
    return f'<script type="application/ld+json">{json.dumps(said, ensure_ascii=False)}</script>'


def og_image(shot: Shot) -> str:
    """Name it as the page's preview, with its own text. For the head of a page."""
    return (
        f'<meta property="og:image" content="{_quoted(shot.src)}">'
        f'<meta property="og:image:alt" content="{_quoted(shot.caption)}">'
    )


FORMS: Mapping[str, Callable[[Shot], str]] = {
    "alt": alt,
    "title": title,
    "figcaption": figcaption,
    "news": news,
    "data_src": data_src,
    "data_original": data_original,
    "data_lazy_src": data_lazy_src,
    "srcset": srcset,
    "picture": picture,
    "table": table,
    "aria": aria,
    "json_ld": json_ld,
    "og_image": og_image,
}


def page(name: str, body: str, *, head: str = "", charset: str = "utf-8", declare: bool = True) -> bytes:
    """Return an HTML page in ``charset``, which its ``<meta>`` names if ``declare`` is set.

    Raises:
        UnicodeEncodeError: the page holds a character that ``charset`` lacks.
    """
    label = {"utf-8": "utf-8", "euc-kr": "euc-kr", "cp949": "ks_c_5601-1987"}.get(charset, charset)
    declared = f'<meta http-equiv="Content-Type" content="text/html; charset={label}">' if declare else ""
    html = (
        f'<!DOCTYPE html>\n<html lang="ko">\n<head>{declared}<title>{escape(name)}</title>{head}</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )
    return html.encode(charset)
