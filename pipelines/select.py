"""The select stage: every table together, one outcome a candidate.

First candidates meet their image and its cluster, and are held against the workflow's thresholds; then those of one
cluster meet, and one of them wins; then the winners are brought into the order of their keys for packing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import apache_beam as beam

from filters.base import Filter, verdict
from filters.near_duplicates import winner_key
from filters.url import host_of
from pipelines.exchange import Exchange, Slice, group, read_slices, write_slices
from pipelines.parts import AttemptPlace, Done, PartWriter, write_part
from pipelines.progress import ProgressNotes
from pipelines.screen import Regroup
from pipelines.stage import outcome_tallies
from pipelines.workflow import Select, Takedowns
from schemas.identity import canonical_json
from schemas.reasons import NO_REASON, Outcome, Reason, Stage
from schemas.records import (
    ClusterRow,
    Contender,
    ImageRow,
    LineageRow,
    OutcomeRow,
    ScreenedRow,
    SelectedRow,
    Verdict,
)

VERSION = 1
"""Grows with every change of what this stage decides or writes, beyond its filters' own versions."""

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


def taken_down(row: ScreenedRow, image: ImageRow, takedowns: Takedowns) -> str:
    """Return what a takedown names of this candidate, or an empty text."""
    for url in (image.image_url, image.final_url, row.page_url):
        if url in takedowns.urls:
            return url
        if url and host_of(url) in takedowns.hosts:
            return host_of(url)
    return next((digest for digest in (image.raw_sha256, image.stored_sha256) if digest in takedowns.sha256), "")


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
    row: ScreenedRow, image: ImageRow | None, cluster: ClusterRow | None, select: Select
) -> OutcomeRow | Contender:
    """Return the candidate's outcome, or, where nothing is held against it, the candidate as a contender.

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
    named = taken_down(row, image, select.takedowns)
    if named:
        return outcome_row(row, Stage.SELECT, Reason.TAKEDOWN, named)
    reason, verdicts = judge_image(image, select.filters, select.on_unknown)
    if reason:
        return outcome_row(row, Stage.SELECT, reason, "", verdicts=verdicts)
    return Contender(row, image, cluster, verdicts)


def choose(contenders: Iterable[Contender]) -> Iterator[tuple[OutcomeRow, SelectedRow | None]]:
    """Yield the outcome of every contender of one cluster, and with the winner's its sample."""
    ordered = sorted(
        contenders,
        key=lambda c: winner_key(
            pixels=c.image.original_width * c.image.original_height,
            morphemes=c.screened.morphemes,
            candidate_id=c.screened.candidate_id,
        ),
    )
    winner, *losers = ordered
    key = winner.screened.candidate_id
    kept = outcome_row(winner.screened, Stage.SELECT, NO_REASON, "", verdicts=winner.verdicts)
    yield kept, selected_row(winner, losers)
    for loser in losers:
        same = loser.image.raw_sha256 == winner.image.raw_sha256
        reason = Reason.DUPLICATE_EXACT if same else Reason.DUPLICATE_NEAR
        detail = f"{loser.cluster.match}, {loser.cluster.distance} bits from {loser.cluster.representative_url}"
        yield (
            outcome_row(
                loser.screened, Stage.DEDUPE, reason, "" if same else detail, verdicts=loser.verdicts, winner_id=key
            ),
            None,
        )


def selected_row(winner: Contender, losers: Sequence[Contender]) -> SelectedRow:
    """Return the sample that ``winner`` becomes; the captions of ``losers`` stay in its metadata."""
    row, image = winner.screened, winner.image
    return SelectedRow(
        key=row.candidate_id,
        caption=row.caption,
        metadata=canonical_json(_metadata(winner, losers)),
        lineage=LineageRow(
            key=row.candidate_id,
            source_kind=row.source_kind,
            source=row.source,
            source_offset=row.source_offset,
            source_digest=row.source_digest,
            captured_at=row.captured_at,
            page_url=row.page_url,
            image_url=row.image_url,
            final_url=image.final_url,
            fetched_at=image.fetched_at,
            http_status=image.http_status,
            address=image.address,
            consent=image.consent,
        ),
        staging=image.staging,
        staging_offset=image.staging_offset,
        staging_length=image.staging_length,
    )


def _metadata(winner: Contender, losers: Sequence[Contender]) -> dict[str, object]:
    """Return what the sample's JSON says: only what is the same in every run over the same content.

    Every value has one type in every sample. What is a list, or may be absent, stands in ``details`` as JSON text:
    loaders such as Hugging Face's guess a shard's types from its first samples, and an empty list has none.
    """
    row, image = winner.screened, winner.image
    return {
        "key": row.candidate_id,
        "url": row.image_url,
        "page_url": row.page_url,
        "page_title": row.page_title,
        "caption": row.caption,
        "caption_kind": row.caption_kind,
        "caption_path": row.caption_path,
        "caption_raw": row.caption_raw,
        "caption_why": row.why,
        "concepts": ", ".join(row.concepts),
        "morphemes": row.morphemes,
        "source_kind": row.source_kind,
        "source_name": "crawl" if row.source_kind == "crawl" else PurePosixPath(row.source).name,
        "source_digest": row.source_digest,
        "status": "success",
        "http_status": image.http_status or 0,
        "width": image.width,
        "height": image.height,
        "original_width": image.original_width,
        "original_height": image.original_height,
        "format": image.raw_format,
        "orientation": image.orientation,
        "frames": image.frames,
        "reencoded": image.reencoded,
        "sha256": image.stored_sha256,
        "raw_sha256": image.raw_sha256,
        "phash": image.phash,
        "dhash": image.dhash,
        "cluster": winner.cluster.cluster,
        "scores": {score.name: score.value for score in image.scores},
        "details": canonical_json(
            {
                "captions": [candidate._asdict() for candidate in row.captions],
                "caption_steps": row.steps,
                "consent": [evidence._asdict() for evidence in image.consent],
                "verdicts": [judged._asdict() for judged in (*row.verdicts, *winner.verdicts)],
                "duplicates": [_duplicate(loser) for loser in losers],
            }
        ),
    }


def _duplicate(loser: Contender) -> dict[str, object]:
    return {
        "candidate_id": loser.screened.candidate_id,
        "url": loser.screened.image_url,
        "page_url": loser.screened.page_url,
        "caption": loser.screened.caption,
        "caption_kind": loser.screened.caption_kind,
        "raw_sha256": loser.image.raw_sha256,
        "distance": loser.cluster.distance,
    }


def key_range(key: str, partitions: int) -> int:
    """Return the partition of a sample key (hex) such that partitions in order hold keys in order."""
    return int(key[:8], 16) * partitions >> 32


class JoinPartition(beam.DoFn):
    """Decides the candidates of one partition of image URLs, but for those that contend with duplicates."""

    def __init__(self, place: AttemptPlace, select: Select, contenders: Exchange) -> None:
        self._place = place
        self._select = select
        self._contenders = contenders

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Write the outcomes that are clear; hand the contenders on by cluster."""
        partition, slices = element
        pieces: dict[str, list[Slice]] = defaultdict(list)
        for piece in slices:
            pieces[piece.source].append(piece)
        images = {row.image_url: row for row in read_slices(pieces["images"], ImageRow)}
        clusters = {row.image_url: row for row in read_slices(pieces["clusters"], ClusterRow)}
        notes = ProgressNotes(self._place.path)
        books: Counter[tuple[str, str]] = Counter()
        contenders: list[Contender] = []
        outcomes: list[OutcomeRow] = []
        for row in read_slices(pieces["screened"], ScreenedRow):
            decided = decide(row, images.get(row.image_url), clusters.get(row.image_url), self._select)
            if isinstance(decided, Contender):
                contenders.append(decided)
            else:
                outcomes.append(decided)
                books[decided.outcome, decided.reason] += 1
            notes.advance()
        notes.flush()
        outcomes.sort(key=lambda o: o.candidate_id)
        part = write_part(self._place, "outcomes", partition, OutcomeRow, outcomes)
        yield beam.pvalue.TaggedOutput("done", Done([part], outcome_tallies(books)))
        for handle in self._contenders.write(contenders):
            yield beam.pvalue.TaggedOutput("handles", handle)


class ChoosePartition(beam.DoFn):
    """Lets the contenders of each cluster of one partition meet."""

    def __init__(self, place: AttemptPlace, *, partitions: int) -> None:
        self._place = place
        self._partitions = partitions

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Write the outcomes; hand the samples on in ranges of their keys."""
        partition, slices = element
        clusters: dict[str, list[Contender]] = defaultdict(list)
        for contender in read_slices(slices, Contender):
            clusters[contender.cluster.cluster].append(contender)
        books: Counter[tuple[str, str]] = Counter()
        samples: dict[int, list[NamedTuple]] = defaultdict(list)
        with PartWriter(self._place, OutcomeRow) as writer:
            for cluster in sorted(clusters):
                for outcome, sample in choose(clusters[cluster]):
                    writer.add(outcome)
                    books[outcome.outcome, outcome.reason] += 1
                    if sample is not None:
                        samples[key_range(sample.key, self._partitions)].append(sample)
            part = writer.publish("outcomes", self._partitions + partition)
        yield beam.pvalue.TaggedOutput("done", Done([part], outcome_tallies(books)))
        for handle in write_slices(self._place.exchange, SelectedRow, samples):
            yield beam.pvalue.TaggedOutput("handles", handle)


class OrderPartition(beam.DoFn):
    """Writes the samples of one range of keys in the order of their keys."""

    def __init__(self, place: AttemptPlace) -> None:
        self._place = place

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write one part of selected samples."""
        partition, slices = element
        rows = sorted(read_slices(slices, SelectedRow), key=lambda row: row.key)
        part = write_part(self._place, "selected", partition, SelectedRow, rows)
        yield Done([part], [])


def expand(
    pipeline: beam.Pipeline,
    inputs: list[tuple[str, type, list[str]]],
    *,
    place: AttemptPlace,
    select: Select,
    partitions: int,
) -> beam.PCollection[Done]:
    """Wire the stage. ``inputs`` are (name, record, paths) of the screened, images and clusters tables."""
    regrouped = []
    for name, record, paths in inputs:
        exchange = Exchange(place.exchange, record, by_image_url, partitions)
        parts = pipeline | f"{name} parts" >> beam.Create(paths)
        regrouped.append(parts | f"regroup {name}" >> beam.ParDo(Regroup(exchange, source=name)))
    contenders = Exchange(place.exchange, Contender, by_cluster, partitions)
    joined = group(regrouped | "tables" >> beam.Flatten(), "meet image") | "decide" >> beam.ParDo(
        JoinPartition(place, select, contenders)
    ).with_outputs("done", "handles")
    chosen = group(joined.handles, "meet cluster") | "choose" >> beam.ParDo(
        ChoosePartition(place, partitions=partitions)
    ).with_outputs("done", "handles")
    ordered = group(chosen.handles, "order") | "write" >> beam.ParDo(OrderPartition(place))
    done: beam.PCollection[Done] = (joined.done, chosen.done, ordered) | "reports" >> beam.Flatten()
    return done


def by_image_url(row: ScreenedRow | ImageRow | ClusterRow) -> str:
    """The key of the first exchange."""
    return row.image_url


def by_cluster(row: Contender) -> str:
    """The key of the second exchange."""
    return row.cluster.cluster
