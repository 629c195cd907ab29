"""``harubang caption``: every line of a stream explained, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from filters.caption_engine import CaptionRules, explain_line
from filters.caption_safety import LONGEST, CaptionSafety, make_safe, redacted, withheld
from filters.concepts import concept_matcher
from filters.identifiers import PLACEHOLDERS, find_identifiers
from pipelines.caption_texts import OUTCOMES, REASONS, STEPS
from schemas.reasons import Outcome

_RULES = CaptionRules()
_SAFETY = CaptionSafety()


class Redaction(msgspec.Struct, frozen=True):
    """A stretch of the raw line that was hidden: what it was, and [start, end) in characters."""

    kind: str
    span: tuple[int, int]


class CaptionAnswer(msgspec.Struct, frozen=True):
    """What the engine makes of one line. ``scores`` maps a filter to its score, None where it had no evidence."""

    raw: str
    caption: str
    outcome: str
    reason: str
    scores: dict[str, float | None]
    concepts: list[str]
    redactions: list[Redaction]


class Explained(NamedTuple):
    """An answer with the names of the cleaning steps that changed the line, in order."""

    answer: CaptionAnswer
    steps: tuple[str, ...]


def explain_lines(stream: Iterable[bytes]) -> Iterator[Explained]:
    """Yield the answer to each line of ``stream``, in order. Bytes that are not UTF-8 become U+FFFD."""
    for line in stream:
        yield explain(line.rstrip(b"\r\n").decode("utf-8", "replace"))


def explain(raw: str) -> Explained:
    """Return the answer to one text."""
    judged = explain_line(withheld(raw), _RULES)
    safe = make_safe(judged.caption, _SAFETY)
    reason = judged.reason or safe.reason
    concepts: list[str] = []
    if judged.analysis is not None and not reason:
        concepts = concept_matcher(()).match(judged.caption, judged.analysis.tokens)
    findings = find_identifiers(raw[:LONGEST])
    answer = CaptionAnswer(
        raw=redacted(raw, _SAFETY),
        caption=safe.text,
        outcome=Outcome.DROP if reason else judged.outcome,
        reason=reason,
        scores={verdict.filter_id.split("@", 1)[0]: verdict.score for verdict in (*judged.verdicts, *safe.verdicts)},
        concepts=concepts,
        redactions=[
            Redaction(finding.kind, (finding.start, finding.end)) for finding in _SAFETY.identifiers.to_hide(findings)
        ],
    )
    return Explained(answer, judged.steps)


def tell(explained: Explained) -> str:
    """Return one line: outcome and reason, caption, and in Korean what was decided and why, parted by tabs."""
    answer, steps = explained
    said = [OUTCOMES[answer.outcome] + (f": {REASONS[answer.reason]}" if answer.reason else "")]
    if steps:
        said.append("다듬은 것: " + ", ".join(STEPS[step] for step in steps))
    if answer.redactions:
        said.append(
            "가린 것: " + ", ".join(dict.fromkeys(PLACEHOLDERS[hidden.kind][1:-1] for hidden in answer.redactions))
        )
    if answer.concepts:
        said.append("개념: " + ", ".join(answer.concepts))
    return "\t".join([f"{answer.outcome} {answer.reason}".rstrip(), answer.caption, "; ".join(said)])
