"""Choosing one caption among the texts around an image, by a stated order of evidence.

Each text starts with the measured likelihood that texts of its kind describe their image. A text that stands over
several distinct images of its site has its likelihood divided by their number. Near-equal texts from different places
agree: the chance that none of them describes the image is the product of the chances that each does not. A page title
or heading may agree with a caption but wins no support from one. The highest likelihood wins; ties go to the better
kind, the longer text, then the text and its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Final, NamedTuple

from filters.caption_corpus import text_key
from filters.clean import Cleaned, clean
from schemas.reasons import NO_REASON
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

    ``support`` is the likelihood by kind and agreement, ``likelihood`` the same after repetition; both 0 to 1.
    """

    candidate: CaptionCandidate
    cleaned: Cleaned
    support: float
    likelihood: float
    agreement: int
    why: str


class Choice(NamedTuple):
    """The text chosen and why; ``candidate`` is None where there is nothing to choose from."""

    candidate: CaptionCandidate | None
    cleaned: Cleaned
    why: str
    agreement: int


class _Text(NamedTuple):
    candidate: CaptionCandidate
    cleaned: Cleaned
    key: str
    likelihood: float
    witness: str


def _near_equal(one: str, other: str) -> bool:
    if len(one) < len(other):
        return len(one) >= _AGREE_SHARE * len(other) and one in other
    return len(other) >= _AGREE_SHARE * len(one) and other in one


def rank(
    captions: Sequence[CaptionCandidate],
    page_title: str,
    site_images: Callable[[str], int | None] = lambda _text: None,
) -> list[Option]:
    """Return the texts of an image, cleaned, from the likeliest caption to the least.

    Args:
        captions: the texts, raw, in page order. Empty ones and file names take no part.
        page_title: an attribute that only repeats it counts half.
        site_images: how many distinct images of the site carry a cleaned text; None where it was not counted.
    """
    title = text_key(page_title)
    texts: list[_Text] = []
    for candidate in captions:
        kind = candidate.kind
        cleaned = clean(candidate.text)
        if kind == FILE_NAME_KIND or not cleaned.text or cleaned.reason:
            continue
        key = text_key(cleaned.text)
        witness = _WITNESS.get(kind, kind)
        likelihood = LIKELIHOOD.get(kind, OTHER_LIKELIHOOD)
        if witness == "attribute" and key == title:
            likelihood /= 2
        texts.append(_Text(candidate, cleaned, key, likelihood, witness))
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
    candidate, cleaned, key, likelihood, own = text
    images = site_images(cleaned.text)
    witnesses = {own: (likelihood, candidate.kind)}
    if own != "page" and len(texts) > 1:
        for other in texts:
            if other is not text and _near_equal(key, other.key):
                heard = (other.likelihood, other.candidate.kind)
                witnesses[other.witness] = max(witnesses.get(other.witness, heard), heard)
    why = _why(tuple(witnesses.values()), images)
    shares = [share for share, _ in witnesses.values()]
    if len(shares) == 1:
        return Option(candidate, cleaned, shares[0], shares[0] / max(1, images or 1), 1, why)
    repeated = [share / max(1, images or 1) for share in shares]
    return Option(candidate, cleaned, _any_of(shares), _any_of(repeated), len(shares), why)


@lru_cache(maxsize=4_096)
def _why(witnesses: tuple[tuple[float, str], ...], images: int | None) -> str:
    spoke = " and ".join(f"{kind} {share:.2f}" for share, kind in sorted(witnesses, reverse=True))
    return spoke if images is None or images < 2 else f"{spoke}, on {images} images of the site"


def _any_of(shares: Sequence[float]) -> float:
    return 1.0 - prod(1.0 - share for share in sorted(shares))


def choose(
    captions: Sequence[CaptionCandidate],
    page_title: str,
    site_images: Callable[[str], int | None] = lambda _text: None,
) -> Choice:
    """Return the likeliest caption of `rank`, or a choice of nothing."""
    options = rank(captions, page_title, site_images)
    if not options:
        return Choice(None, Cleaned("", (), NO_REASON), "no text", 0)
    best = options[0]
    return Choice(best.candidate, best.cleaned, best.why, best.agreement)
