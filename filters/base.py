"""What a filter is: a small frozen config that decides about one record and says why."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol, TypeVar

from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import Verdict

Record_contra = TypeVar("Record_contra", contravariant=True)


class Decision(NamedTuple):
    """A filter's answer: the outcome, the reason of a drop, and the score it was held against its threshold by."""

    outcome: Outcome
    reason: str = NO_REASON
    score: float | None = None
    threshold: float | None = None


class Filter(Protocol[Record_contra]):
    """A frozen ``msgspec.Struct`` whose fields are its thresholds.

    ``version`` grows with every change of behaviour, so that stored results of the old rule are not taken for the
    new one's. ``reasons`` are the only codes ``decide`` may give.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    reasons: ClassVar[frozenset[Reason]]

    def decide(self, record: Record_contra, /) -> Decision:
        """Judge ``record``; missing evidence is `Outcome.UNKNOWN`, never a silent keep."""
        ...


def filter_id(judge: Filter[Record_contra]) -> str:
    """Return ``name@version``, the id that verdicts carry."""
    return f"{judge.name}@{judge.version}"


def verdict(judge: Filter[Record_contra], decision: Decision) -> Verdict:
    """Return ``decision`` as the row that is stored with the record."""
    return Verdict(filter_id(judge), decision.outcome, decision.reason, decision.score, decision.threshold)
