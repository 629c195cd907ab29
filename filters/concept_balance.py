"""Balancing by concept: frequent concepts are thinned out, rare ones are kept whole.

The rule is MetaCLIP's (Xu et al., "Demystifying CLIP Data", 2023, algorithm 1): a concept that ``count`` samples name
keeps each of them with probability min(1, t/count), drawn apart for every concept of the sample, and a sample stays
where any of its concepts keeps it. The draw is a hash of the stored image, the caption and the concept, so that it is
the same in every run, with any number of workers, and for a larger t every sample stays that stayed for a smaller.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, Final, NamedTuple

import msgspec

from filters.base import Decision
from schemas.reasons import Outcome, Reason

_BITS: Final = 53  # of a float's mantissa, so that a draw is below 1


class NamedConcept(NamedTuple):
    """A concept that a sample names, and how many samples name it."""

    name: str
    samples: int


class BalancedSample(NamedTuple):
    """A sample as it is balanced. ``sha256`` is of the stored image."""

    sha256: str
    caption: str
    concepts: tuple[NamedConcept, ...]


class Weighed(NamedTuple):
    """The concept that decided: its draw (0 to 1, exclusive) and the probability the draw has to be under."""

    concept: NamedConcept
    draw: float
    probability: float


def draw_of(sha256: str, caption: str, concept: str) -> float:
    """Return a number from 0 to 1, exclusive, as good as chance and always the same."""
    digest = hashlib.sha256("\x00".join((sha256, caption, concept)).encode("utf-8", "surrogatepass")).digest()
    return float(int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / float(1 << _BITS)


class ConceptBalance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``balance`` key of a workflow's ``select`` section.

    ``concept_count`` is t, at least 1: about so many samples of a concept stay for its own sake, more where other
    concepts keep them. ``no_concept`` says what becomes of a sample that names none: keep or drop (as MetaCLIP does).
    """

    name: ClassVar[str] = "concept_balance"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CONCEPT_BALANCED})
    concept_count: int
    no_concept: str = "keep"

    def __post_init__(self) -> None:
        if self.concept_count < 1:
            raise ValueError("balance.concept_count is at least 1")
        if self.no_concept not in ("keep", "drop"):
            raise ValueError("balance.no_concept is keep or drop")

    def weigh(self, sample: BalancedSample) -> Weighed | None:
        """Return the concept with the most to say for the sample (of as much, the first by name); None: no concept."""
        weighed = [
            Weighed(concept, draw_of(sample.sha256, sample.caption, concept.name), self._probability(concept))
            for concept in sorted(sample.concepts)
        ]
        return max(weighed, key=lambda found: found.probability - found.draw, default=None)

    def _probability(self, concept: NamedConcept) -> float:
        return min(1.0, self.concept_count / concept.samples)

    def decide(self, sample: BalancedSample, /) -> Decision:
        """Judge by the draw of the concept that has the most to say for the sample."""
        weighed = self.weigh(sample)
        if weighed is None:
            kept, score, threshold = self.no_concept == "keep", None, None
        else:
            kept, score, threshold = weighed.draw < weighed.probability, weighed.draw, weighed.probability
        if kept:
            return Decision(Outcome.KEEP, score=score, threshold=threshold)
        return Decision(Outcome.DROP, Reason.CONCEPT_BALANCED, score, threshold)
