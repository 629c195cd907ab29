"""Choosing one caption among the texts around an image, by a stated order of evidence.

Each text starts with the measured likelihood that texts of its kind describe their image. A text that stands over
several distinct images of its site has its likelihood divided by their number. Near-equal texts from different places
agree: the chance that none of them describes the image is the product of the chances that each does not. A page title
or heading may agree with a caption but wins no support from one. A text on an image that links to another page of the
site is mostly that page's headline: an attribute counts half, and a text proven to be the page's title counts as a
title. The highest likelihood wins; ties go to the better kind, the longer text, then the text and its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Final, NamedTuple

from filters.caption_corpus import TITLE_KIND, text_key
from filters.clean import Cleaned, clean
from filters.page_title import without_names
from schemas.records import CaptionCandidate

FILE_NAME_KIND: Final = "file_name"
"""Never chosen; it only shows in the reason of an image that has nothing else."""

LIKELIHOOD: Final = {
    "caption_paragraph": 0.75,
    "figcaption": 0.66,
    "group_caption": 0.40,
    "table_caption": 0.60,
    "json_ld": 0.55,
    "alt": 0.52,
    "table_column": 0.52,
    "aria_label": 0.45,
    "title": 0.45,
    "og_alt": 0.45,
    "og_title": 0.20,
    "heading": 0.15,
}
"""Share of texts of a kind that describe their image. Caption paragraph, figcaption, alt and og:image with page title
were labelled by a reader over real Korean sites; the others are set between them by likeness."""

OTHER_LIKELIHOOD: Final = 0.40
_LINKED_TITLE: Final = "title of the linked page"

# Kinds one author writes in one go count as one witness: an alt copied into title agrees with nobody.
_WITNESS: Final = {
    "alt": "attribute",
    "title": "attribute",
    "aria_label": "attribute",
    "figcaption": "visible",
    "caption_paragraph": "visible",
    "table_caption": "visible",
    "group_caption": "visible",
    "og_title": "page",
    "og_alt": "attribute",
    "heading": "page",
}
ATTRIBUTE_KINDS: Final = ("alt", "aria_label", "title")
"""What an image element says of itself, the plainest first."""

_AGREE_SHARE: Final = 0.8
MAX_TEXTS: Final = 32
"""Only the best so many texts of an image are weighed against each other."""


class Option(NamedTuple):
    """One text that may be chosen, and how many witnesses agree on it.

    ``counted`` is the text as a corpus counts it: cleaned, the site's name still in it. ``support`` is the likelihood
    by kind and agreement, ``likelihood`` the same after repetition; both 0 to 1.
    """

    candidate: CaptionCandidate
    cleaned: Cleaned
    counted: str
    support: float
    likelihood: float
    agreement: int
    why: str


class _Text(NamedTuple):
    candidate: CaptionCandidate
    cleaned: Cleaned
    counted: str
    key: str
    likelihood: float
    witness: str
    named: str


def _near_equal(one: str, other: str) -> bool:
    if len(one) < len(other):
        return len(one) >= _AGREE_SHARE * len(other) and one in other
    return len(other) >= _AGREE_SHARE * len(one) and other in one


def rank(
    captions: Sequence[CaptionCandidate],
    page_title: str,
    site_images: Callable[[str], int | None] = lambda _text: None,
    is_name: Callable[[str], bool] = lambda _part: False,
    is_linked_title: Callable[[str], bool] | None = None,
) -> list[Option]:
    """Return the texts of an image, cleaned, from the likeliest caption to the least.

    Args:
        captions: the texts, raw, in page order. Empty ones and file names take no part.
        page_title: an attribute that only repeats it counts half.
        site_images: how many distinct images of the site carry a cleaned text; None where it was not counted.
        is_name: whether a part of a text, between separators, is the name of the site.
        is_linked_title: whether a cleaned text is the title of the page that the image links to; None where the image
            links to no page of its site.
    """
    title = text_key(without_names(clean(page_title), is_name).text)
    texts: list[_Text] = []
    for candidate in captions:
        kind = candidate.kind
        whole = clean(candidate.text)
        if kind == FILE_NAME_KIND or not whole.text or whole.reason:
            continue
        cleaned = without_names(whole, is_name)
        if not cleaned.text or cleaned.reason:
            continue
        key = text_key(cleaned.text)
        witness, named = _WITNESS.get(kind, kind), kind
        likelihood = LIKELIHOOD.get(kind, OTHER_LIKELIHOOD)
        if is_linked_title is not None and is_linked_title(whole.text):
            likelihood, witness, named = min(likelihood, LIKELIHOOD[TITLE_KIND]), "page", _LINKED_TITLE
        elif witness == "attribute" and (key == title or is_linked_title is not None):
            likelihood /= 2
        texts.append(_Text(candidate, cleaned, whole.text, key, likelihood, witness, named))
    if len(texts) == 1:
        return [_weigh(texts[0], texts, site_images)]
    texts.sort(key=lambda text: -text.likelihood)
    options = [_weigh(text, texts[:MAX_TEXTS], site_images) for text in texts[:MAX_TEXTS]]
    options.sort(
        key=lambda option: (
            -option.likelihood,
            -LIKELIHOOD.get(option.candidate.kind, OTHER_LIKELIHOOD),
            -len(option.cleaned.text),
            option.cleaned.text,
            option.candidate,
        )
    )
    return options


def _weigh(text: _Text, texts: Sequence[_Text], site_images: Callable[[str], int | None]) -> Option:
    candidate, cleaned, counted, key, likelihood, own, named = text
    images = site_images(counted)
    witnesses = {own: (likelihood, named)}
    if own != "page" and len(texts) > 1:
        for other in texts:
            if other is not text and _near_equal(key, other.key):
                heard = (other.likelihood, other.named)
                witnesses[other.witness] = max(witnesses.get(other.witness, heard), heard)
    why = _why(tuple(witnesses.values()), images)
    shares = [share for share, _ in witnesses.values()]
    if len(shares) == 1:
        return Option(candidate, cleaned, counted, shares[0], shares[0] / max(1, images or 1), 1, why)
    repeated = [share / max(1, images or 1) for share in shares]
    return Option(candidate, cleaned, counted, _any_of(shares), _any_of(repeated), len(shares), why)


@lru_cache(maxsize=4_096)
def _why(witnesses: tuple[tuple[float, str], ...], images: int | None) -> str:
    spoke = " and ".join(f"{kind} {share:.2f}" for share, kind in sorted(witnesses, reverse=True))
    return spoke if images is None or images < 2 else f"{spoke}, on {images} images of the site"


def _any_of(shares: Sequence[float]) -> float:
    return 1.0 - prod(1.0 - share for share in sorted(shares))
