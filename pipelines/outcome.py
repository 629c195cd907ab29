"""What becomes of one candidate: everything that is known of it, held against the workflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from filters.base import Filter, verdict
from filters.near_duplicates import EXACT
from filters.suppression import SuppressionTable
from pipelines.workflow import Select
from schemas.reasons import NO_REASON, Outcome, Reason, Stage
from schemas.records import ClusterRow, Contender, EvaluationHit, ImageRow, OutcomeRow, ScreenedRow, Verdict

_EXTRACT_REASONS = frozenset(
    {
        Reason.SOURCE_MISSING,
        Reason.SOURCE_UNREADABLE,
        Reason.RECORD_UNREADABLE,
        Reason.PAGE_UNDECODABLE,
        Reason.PAGE_UNPARSABLE,
        Reason.PAGE_OPTED_OUT,
        Reason.PAGE_IDENTIFIER,
        Reason.URL_IDENTIFIER,
        Reason.TABLE_ROW_INVALID,
        Reason.URL_REFUSED,
    }
)


def outcome_row(
    row: ScreenedRow,
    stage: Stage,
    reason: str,
    detail: str,
    *,
    verdicts: Sequence[Verdict] = (),
    winner_id: str = "",
) -> OutcomeRow:
    """Return the end of a candidate's story; an empty ``reason`` means it was kept."""
    return OutcomeRow(
        candidate_id=row.candidate_id,
        unit=row.unit,
        image_url=row.image_url,
        page_url=row.page_url,
        caption=row.caption,
        stage=stage,
        outcome=Outcome.DROP if reason else Outcome.KEEP,
        reason=reason,
        detail=detail,
        winner_id=winner_id,
        verdicts=[*row.verdicts, *verdicts],
        source_kind=row.source_kind,
        source=row.source,
        source_offset=row.source_offset,
        source_digest=row.source_digest,
        captured_at=row.captured_at,
    )


class Lists(NamedTuple):
    """The suppression lists a release is held against; None where nothing is listed."""

    opt_outs: SuppressionTable | None = None
    takedowns: SuppressionTable | None = None


NO_LISTS: Final = Lists()


def named_by(row: ScreenedRow, image: ImageRow, listed: SuppressionTable | None) -> str:
    """Return the evidence that a list names this candidate, or an empty text."""
    if listed is None:
        return ""
    urls = (image.image_url, image.final_url, row.page_url)
    named = next((found for url in urls if url and (found := listed.url(url))), "")
    return named or listed.image((image.raw_sha256, image.stored_sha256), image.phash)


def judge_image(image: ImageRow, filters: Sequence[Filter[ImageRow]], on_unknown: str) -> tuple[str, list[Verdict]]:
    """Return the reason of the first filter that drops the image (empty: none) and every filter's verdict."""
    reason = NO_REASON
    verdicts = []
    for judge in filters:
        decision = judge.decide(image)
        verdicts.append(verdict(judge, decision))
        if reason == NO_REASON and decision.outcome == Outcome.DROP:
            reason = decision.reason
        elif reason == NO_REASON and decision.outcome == Outcome.UNKNOWN and on_unknown == "drop":
            reason = Reason.UNKNOWN
    return reason, verdicts


def decide(
    row: ScreenedRow,
    image: ImageRow | None,
    cluster: ClusterRow | None,
    select: Select,
    lists: Lists = NO_LISTS,
    said: EvaluationHit | None = None,
) -> OutcomeRow | Contender:
    """Return the candidate's outcome, or, where nothing is held against it, the candidate as a contender.

    ``said`` is the evaluation caption that its own equals.

    Raises:
        LookupError: a screened candidate has no image row, or a fetched image no cluster: rows were lost.
    """
    if row.outcome != Outcome.KEEP:
        stage = Stage.EXTRACT if row.unit != "image" or row.reason in _EXTRACT_REASONS else Stage.SCREEN
        return outcome_row(row, stage, row.reason or Reason.UNKNOWN, row.detail)
    if image is None:
        raise LookupError(f"candidate {row.candidate_id} passed the screen but was never fetched")
    if image.outcome != Outcome.KEEP:
        return outcome_row(row, Stage.FETCH, image.reason, image.detail)
    if cluster is None:
        raise LookupError(f"image of candidate {row.candidate_id} was fetched but is in no cluster")
    for reason, listed in ((Reason.OPT_OUT_LISTED, lists.opt_outs), (Reason.TAKEDOWN, lists.takedowns)):
        named = named_by(row, image, listed)
        if named:
            return outcome_row(row, Stage.SELECT, reason, named)
    if said is not None:
        return outcome_row(row, Stage.SELECT, Reason.EVALUATION_CAPTION, f"{said.set_name}: {said.item}")
    drop, verdicts = judge_image(image, select.filters, select.on_unknown)
    if drop:
        return outcome_row(row, Stage.SELECT, drop, "", verdicts=verdicts)
    if cluster.released_key:
        return outcome_row(row, Stage.DEDUPE, Reason.DUPLICATE_RELEASED, released_twin(cluster), verdicts=verdicts)
    return Contender(row, image, cluster, verdicts)


def released_twin(cluster: ClusterRow) -> str:
    """Return which release has a cluster's picture: the sample there, and how far the image is from its cluster's."""
    bits = f"{cluster.distance} of 64 and {cluster.verify_distance} of 256 bits"
    apart = f"{bits} (tones agree to {cluster.agreement}) from"
    how = "the bytes of" if cluster.match == EXACT else apart
    return f"{cluster.released_in}: sample {cluster.released_key}; {how} image {cluster.cluster}"
