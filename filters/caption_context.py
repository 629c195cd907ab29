"""Caption filters over where a text stands: how often in the corpus, and in which places around its image."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from filters.base import Decision
from filters.caption import CaptionText
from schemas.reasons import NO_REASON, Outcome, Reason


class CaptionSiteFrequency(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_site_frequency"
):
    """Drops a text that stands over many distinct images of one site: a slogan, a site title, a placeholder.

    Attributes:
        max_images: most distinct images; a few are thumbnails and translations of the same picture.
    """

    max_images: int = 3
    name: ClassVar[str] = "caption_site_frequency"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_TOO_FREQUENT})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: distinct images of the site with this text."""
        return _at_most(record.counts.site_images, self.max_images, Reason.CAPTION_TOO_FREQUENT)


class CaptionCorpusFrequency(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_corpus_frequency"
):
    """Drops a text that stands over many distinct images anywhere.

    Attributes:
        max_images: most distinct images; COYO-700M drops texts seen more than 10 times (its README).
    """

    max_images: int = 10
    name: ClassVar[str] = "caption_corpus_frequency"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_TOO_FREQUENT})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: distinct images anywhere with this text."""
        return _at_most(record.counts.corpus_images, self.max_images, Reason.CAPTION_TOO_FREQUENT)


class CaptionTemplate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_template"):
    """Drops one of many texts of a site that differ in digits and place names only, as bus timetables do.

    Attributes:
        max_texts: most distinct texts of the same `filters.caption_corpus.template_key`.
    """

    max_texts: int = 9
    name: ClassVar[str] = "caption_template"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_TEMPLATED})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: distinct texts of the site with this text's template."""
        return _at_most(record.counts.template_texts, self.max_texts, Reason.CAPTION_TEMPLATED)


class CaptionSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_source"):
    """Drops a text that only stands where texts seldom describe the image: the page title or the nearest heading.

    Attributes:
        min_support: least likelihood by kind and agreement, 0 to 1 (see `filters.choose.LIKELIHOOD`).
    """

    min_support: float = 0.25
    name: ClassVar[str] = "caption_source"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_WEAK_SOURCE})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: the likelihood. Unknown where the places are."""
        if record.support is None:
            return Decision(Outcome.UNKNOWN, NO_REASON, None, self.min_support)
        if record.support < self.min_support:
            return Decision(Outcome.DROP, Reason.CAPTION_WEAK_SOURCE, record.support, self.min_support)
        return Decision(Outcome.KEEP, NO_REASON, record.support, self.min_support)


def _at_most(count: int | None, most: int, reason: Reason) -> Decision:
    if count is None:
        return Decision(Outcome.UNKNOWN, NO_REASON, None, float(most))
    if count > most:
        return Decision(Outcome.DROP, reason, float(count), float(most))
    return Decision(Outcome.KEEP, NO_REASON, float(count), float(most))
