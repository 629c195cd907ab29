"""The select stage: every table together, one outcome a candidate.

First candidates meet their image and its cluster, and are held against the workflow's thresholds; then those of one
cluster meet, and one of them wins; then the winners are brought into the order of their keys for packing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import apache_beam as beam

from filters.near_duplicates import winner_key
from pipelines.exchange import Exchange, Slice, group, read_slices, write_slices
from pipelines.outcome import decide, outcome_row
from pipelines.parts import AttemptPlace, Done, PartWriter, write_part
from pipelines.progress import ProgressNotes
from pipelines.sample import selected_row
from pipelines.screen import Regroup
from pipelines.stage import outcome_tallies
from pipelines.workflow import Select
from schemas.reasons import NO_REASON, Reason, Stage
from schemas.records import ClusterRow, Contender, ImageRow, OutcomeRow, ScreenedRow, SelectedRow

VERSION = 2
"""Grows with every change of what this stage decides or writes, beyond its filters' own versions."""


def choose(contenders: Iterable[Contender]) -> Iterator[tuple[OutcomeRow, SelectedRow | None]]:
    """Yield the outcome of every contender of one cluster, and with the winner's its sample."""
    ordered = sorted(
        contenders,
        key=lambda c: winner_key(
            pixels=c.image.original_width * c.image.original_height,
            morphemes=c.screened.morphemes,
            listed=bool(c.screened.linked_page),
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
