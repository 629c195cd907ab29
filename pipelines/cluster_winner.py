"""Which contender of a cluster becomes a sample, and what is said of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from filters.caption_caps import VERSION as CAP_VERSION
from filters.caption_caps import CaptionCap
from filters.caption_corpus import text_key
from filters.evaluation import NAME
from filters.evaluation import VERSION as EVALUATION_VERSION
from filters.near_duplicates import EXACT, DuplicateRules, Rank, winner_key
from filters.rights import consent_grade
from pipelines.outcome import outcome_row
from pipelines.sample import DEFAULT_RULES, resemblance, selected_row
from schemas.reasons import NO_REASON, Outcome, Reason, Stage
from schemas.records import Chosen, Contender, EvaluationHit, OutcomeRow, Verdict


def choose(
    contenders: Iterable[Contender], captions: str = "best", rules: DuplicateRules = DEFAULT_RULES
) -> Iterator[OutcomeRow | Chosen]:
    """Yield the outcome of every contender of one cluster that lost, and as `Chosen` those that won.

    The first by `filters.near_duplicates.winner_key` wins. With ``captions`` "each", so does the first with each
    other caption (equal but for spaces, signs and case is the same), and has the winner's image. With "list" the
    winner's sample lists them. ``rules`` are those that the images were matched by.
    """
    winner, *rest = sorted(contenders, key=_rank)
    by_caption: dict[str, list[Contender]] = {}
    for contender in (winner, *rest):
        by_caption.setdefault(text_key(contender.screened.caption), []).append(contender)
    tellers = [same[0] for same in by_caption.values()]
    if captions == "each":
        for teller, *others in by_caption.values():
            yield _chosen(teller, winner, others, [], rules)
    else:
        yield _chosen(winner, winner, rest, tellers if captions == "list" else [], rules)
    for teller, *others in by_caption.values() if captions == "each" else [(winner, *rest)]:
        for loser in others:
            yield _lost(loser, winner, teller.screened.candidate_id, rules)


def contaminated(contenders: Iterable[Contender], hits: Mapping[str, EvaluationHit], radius: int) -> list[OutcomeRow]:
    """Return the outcomes of the contenders of a cluster of which an image is in or near an evaluation set.

    All go: what is a copy of a picture that must not be in must not be in. ``hits`` has the nearest evaluation image of
    each such image, by URL.
    """
    worst = min(hits.values(), key=order_of)
    return [_contaminated(contender, hits.get(contender.image.image_url), worst, radius) for contender in contenders]


def _contaminated(contender: Contender, own: EvaluationHit | None, worst: EvaluationHit, radius: int) -> OutcomeRow:
    hit = own or worst
    apart = f"{hit.distance} of 64" + (f" and {hit.verify_distance} of 256" if hit.verify_distance >= 0 else "")
    detail = f"{hit.set_name}: {hit.item}, " + ("the same bytes" if hit.exact else f"{apart} bits apart")
    if own is None:
        detail += f" from its copy {hit.image_url}" if not hit.exact else f" as its copy {hit.image_url}"
    judged = Verdict(
        f"{NAME}@{EVALUATION_VERSION}", Outcome.DROP, Reason.NEAR_EVALUATION_IMAGE, float(hit.distance), float(radius)
    )
    return outcome_row(
        contender.screened, Stage.SELECT, Reason.NEAR_EVALUATION_IMAGE, detail, verdicts=[*contender.verdicts, judged]
    )


def order_of(hit: EvaluationHit) -> tuple[bool, int, int, str, str, str]:
    """Return the key by which the hit sorts first that is told: equal bytes, then the nearest, then by name."""
    return not hit.exact, hit.distance, hit.verify_distance, hit.set_name, hit.item, hit.image_url


def _rank(contender: Contender) -> Rank:
    return winner_key(
        pixels=contender.image.original_width * contender.image.original_height,
        listed=bool(contender.screened.linked_page),
        morphemes=contender.screened.morphemes,
        consent=consent_grade(contender.image.consent),
        candidate_id=contender.screened.candidate_id,
    )


def rank(chosen: Chosen) -> Rank:
    """Return the key by which samples sort where some must go: the order in which contenders win."""
    return winner_key(
        pixels=chosen.pixels,
        listed=chosen.listed,
        morphemes=chosen.morphemes,
        consent=chosen.consent,
        candidate_id=chosen.sample.key,
    )


def _chosen(
    teller: Contender, winner: Contender, losers: list[Contender], told: list[Contender], rules: DuplicateRules
) -> Chosen:
    shares = teller is not winner
    image = winner.image
    return Chosen(
        outcome=outcome_row(
            teller.screened,
            Stage.SELECT,
            NO_REASON,
            f"another caption of {image.image_url}" if shares else "",
            verdicts=teller.verdicts,
            winner_id=winner.screened.candidate_id if shares else "",
        ),
        sample=selected_row(teller, losers, picture=winner, told=told, rules=rules),
        pixels=image.original_width * image.original_height,
        listed=bool(teller.screened.linked_page),
        morphemes=teller.screened.morphemes,
        consent=consent_grade(image.consent),
    )


def _lost(loser: Contender, winner: Contender, winner_id: str, rules: DuplicateRules) -> OutcomeRow:
    """Return the outcome of a duplicate: how far it is from the image that is kept, and what binds it to its cluster.

    The kept image need not be the cluster's representative, which may have been dropped, and of equally large images
    the caption and the consent decide. Either is within ``max_spread`` of the representative, not of each other.
    """
    match, distance, verify_distance = resemblance(loser.image, winner.image, rules)
    seat = loser.cluster
    if match == EXACT:
        reason, detail = Reason.DUPLICATE_EXACT, f"the bytes of {winner.image.image_url}"
    else:
        reason = Reason.DUPLICATE_NEAR
        detail = f"{distance} of 64 and {verify_distance} of 256 bits from {winner.image.image_url}"
        detail += f"; {seat.match} in cluster {seat.cluster[:12]}"
        if seat.match == "near":
            detail += f" by {seat.proposed_by} and {seat.confirmed_by}: {seat.distance} and {seat.verify_distance} bits"
            detail += f" from {seat.representative_url or seat.released_in}, tones agree to {seat.agreement}"
    return outcome_row(loser.screened, Stage.DEDUPE, reason, detail, verdicts=loser.verdicts, winner_id=winner_id)


def over_cap(chosen: Chosen, cap: CaptionCap) -> OutcomeRow:
    """Return the outcome of a sample that is one too many for ``cap``."""
    judged = Verdict(f"{cap.name}@{CAP_VERSION}", Outcome.DROP, cap.reason, None, cap.limit)
    return chosen.outcome._replace(
        outcome=Outcome.DROP,
        reason=cap.reason,
        detail=f"beyond the first {cap.limit} of {cap.key(chosen.sample.caption)!r}",
        verdicts=[*chosen.outcome.verdicts, judged],
    )
