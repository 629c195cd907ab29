"""The select stage: every table together, one outcome a candidate.

First candidates meet their image and its cluster, and are held against the workflow's thresholds; then those of one
cluster meet, and one of them wins; then samples of one caption meet, where the workflow caps them; then what is left
is balanced by concept, where the workflow asks for it, and brought into the order of its keys for packing. An outcome
is written where it is settled, so a kept one is last.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import apache_beam as beam

from filters.caption_caps import CaptionCap, FirstOfEach, caption_caps
from filters.near_duplicates import DuplicateRules
from pipelines import concept_balance
from pipelines.cluster_winner import choose, contaminated, order_of, over_cap, rank
from pipelines.concept_counts import SampleTally
from pipelines.concept_lexicon import NOTHING_ADDED, AddedConcepts
from pipelines.decontaminate import NEAR, NO_TABLES, SAID, EvaluationTables, by_hit_cluster, by_hit_url, meet
from pipelines.exchange import Exchange, Handle, Slice, by_source, read_slices
from pipelines.outcome import Lists, decide
from pipelines.parts import AttemptPlace, Done, PartWriter, write_part
from pipelines.progress import ProgressNotes
from pipelines.screen import Regroup
from pipelines.stage import outcome_tallies
from pipelines.suppression_list import NOTHING_LISTED, ListFile
from pipelines.unit_of_work import reported
from pipelines.workflow import Select
from schemas.reasons import Outcome
from schemas.records import (
    Chosen,
    ClusterRow,
    ConceptCount,
    Contender,
    EvaluationHit,
    ImageRow,
    OutcomeRow,
    ScreenedRow,
    SelectedRow,
)

VERSION = 10
"""Grows with every change of what this stage decides or writes, beyond its filters' own versions."""


class SelectRules(NamedTuple):
    """Everything a candidate is held against, and the workflow's own concepts."""

    select: Select
    opt_outs: ListFile = NOTHING_LISTED
    takedowns: ListFile = NOTHING_LISTED
    concepts: AddedConcepts = NOTHING_ADDED


def key_range(key: str, partitions: int) -> int:
    """Return the partition of a sample key (hex) such that partitions in order hold keys in order."""
    return int(key[:8], 16) * partitions >> 32


class JoinPartition(beam.DoFn):
    """Decides the candidates of one partition of image URLs, but for those that contend with duplicates."""

    def __init__(self, place: AttemptPlace, rules: SelectRules, contenders: Exchange, hits: Exchange) -> None:
        self._place = place
        self._rules = rules
        self._contenders = contenders
        self._hits = hits

    @reported("decide")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Write the outcomes that are clear; hand the contenders on by cluster."""
        partition, slices = element
        pieces = by_source(slices)
        images = {row.image_url: row for row in read_slices(pieces["images"], ImageRow)}
        clusters = {row.image_url: row for row in read_slices(pieces["clusters"], ClusterRow)}
        said = nearest_by(read_slices(pieces[SAID], EvaluationHit), lambda hit: hit.candidate_id)
        near = nearest_by(read_slices(pieces[NEAR], EvaluationHit), lambda hit: hit.image_url)
        lists = Lists(self._rules.opt_outs.load(), self._rules.takedowns.load())
        notes = ProgressNotes(self._place.path)
        contenders: list[Contender] = []
        outcomes: list[OutcomeRow] = []
        for row in read_slices(pieces["screened"], ScreenedRow):
            image, cluster = images.get(row.image_url), clusters.get(row.image_url)
            decided = decide(row, image, cluster, self._rules.select, lists, said.get(row.candidate_id))
            if isinstance(decided, Contender):
                contenders.append(decided)
            else:
                outcomes.append(decided)
            notes.advance()
        notes.finish()
        yield beam.pvalue.TaggedOutput("done", write_outcomes(self._place, partition, outcomes))
        hits = [near[url]._replace(cluster=clusters[url].cluster) for url in sorted(near)]
        yield from handed_on([*self._contenders.write(contenders), *self._hits.write(hits, source=NEAR)])


class ChoosePartition(beam.DoFn):
    """Lets the contenders of each cluster of one partition meet, and what is near an evaluation set of each."""

    def __init__(
        self, place: AttemptPlace, captions: str, *, parts_from: int, onward: Exchange, rules: DuplicateRules
    ) -> None:
        self._place = place
        self._captions = captions
        self._rules = rules
        self._parts_from = parts_from
        self._onward = onward

    @reported("choose")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Write the outcomes of those that lose; hand on those that win."""
        partition, slices = element
        clusters: dict[str, list[Contender]] = defaultdict(list)
        hits: dict[str, dict[str, EvaluationHit]] = defaultdict(dict)
        pieces = by_source(slices)
        for contender in read_slices(pieces[""], Contender):
            clusters[contender.cluster.cluster].append(contender)
        for hit in read_slices(pieces[NEAR], EvaluationHit):
            hits[hit.cluster][hit.image_url] = hit
        lost: list[OutcomeRow] = []
        won: list[Chosen] = []
        for cluster in sorted(clusters):
            if cluster in hits:
                lost += contaminated(clusters[cluster], hits[cluster], self._rules.radius)
                continue
            for settled in choose(clusters[cluster], self._captions, self._rules):
                if isinstance(settled, Chosen):
                    won.append(settled)
                else:
                    lost.append(settled)
        yield beam.pvalue.TaggedOutput("done", write_outcomes(self._place, self._parts_from + partition, lost))
        yield from handed_on(self._onward.write(won))


class CapPartition(beam.DoFn):
    """Keeps the first samples of each caption of one partition."""

    def __init__(self, place: AttemptPlace, cap: CaptionCap, *, parts_from: int, onward: Exchange) -> None:
        self._place = place
        self._cap = cap
        self._parts_from = parts_from
        self._onward = onward

    @reported("cap")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Write the outcomes of those that are too many, as they come; hand on those that stay."""
        partition, slices = element
        first: FirstOfEach[Chosen] = FirstOfEach(self._cap.limit)
        over = 0
        with PartWriter(self._place, OutcomeRow) as writer:
            for chosen in read_slices(slices, Chosen):
                gone = first.add(self._cap.key(chosen.sample.caption), rank(chosen), chosen)
                if gone is not None:
                    writer.add(over_cap(gone, self._cap))
                    over += 1
            part = writer.publish("outcomes", self._parts_from + partition)
        books = outcome_tallies({(Outcome.DROP, self._cap.reason): over} if over else {})
        yield beam.pvalue.TaggedOutput("done", Done([part], books))
        yield from handed_on(self._onward.write(first.items()))


class OrderPartition(beam.DoFn):
    """Balances the samples of one range of keys and writes those that stay in the order of their keys."""

    def __init__(self, place: AttemptPlace, rules: SelectRules, *, parts_from: int) -> None:
        self._place = place
        self._balance = rules.select.balance
        self._added = rules.concepts
        self._parts_from = parts_from

    @reported("order")
    def process(self, element: tuple[int, Iterable[Slice]], counts: Mapping[str, int] | None = None) -> Iterator[Done]:
        """Write one part of selected samples, one of outcomes, and one of how many samples name each concept.

        ``counts`` are how many samples named each before any was balanced out, where there is a balance to keep.
        """
        partition, slices = element
        rows = sorted(read_slices(slices, Chosen), key=lambda row: row.sample.key)
        if self._balance is not None and counts is not None:
            rows = [concept_balance.balanced(row, self._balance, counts) for row in rows]
        samples = [row.sample for row in rows if row.outcome.outcome == Outcome.KEEP]
        tally = SampleTally(self._added.categories())
        tally.add(sample.metadata for sample in samples)
        outcomes = write_outcomes(self._place, self._parts_from + partition, [row.outcome for row in rows])
        selected = write_part(self._place, "selected", partition, SelectedRow, samples)
        concepts = write_part(self._place, "concepts", partition, ConceptCount, tally.rows())
        yield Done([selected, *outcomes.parts, concepts], outcomes.tallies)


def write_outcomes(place: AttemptPlace, number: int, rows: list[OutcomeRow]) -> Done:
    """Write settled outcomes as one part and account for them."""
    books = Counter((row.outcome, row.reason) for row in rows)
    part = write_part(place, "outcomes", number, OutcomeRow, sorted(rows, key=lambda row: row.candidate_id))
    return Done([part], outcome_tallies(books))


def nearest_by(hits: Iterable[EvaluationHit], key: Callable[[EvaluationHit], str]) -> dict[str, EvaluationHit]:
    """Return the hit that is told of each key."""
    nearest: dict[str, EvaluationHit] = {}
    for hit in hits:
        nearest[key(hit)] = min(hit, nearest.get(key(hit), hit), key=order_of)
    return nearest


def handed_on(handles: Iterable[Handle]) -> Iterator[beam.pvalue.TaggedOutput]:
    """Yield what the next step finds its rows by."""
    for handle in handles:
        yield beam.pvalue.TaggedOutput("handles", handle)


def expand(
    pipeline: beam.Pipeline,
    inputs: list[tuple[str, type, list[str]]],
    *,
    place: AttemptPlace,
    rules: SelectRules,
    partitions: int,
    evaluation: EvaluationTables = NO_TABLES,
) -> beam.PCollection[Done]:
    """Wire the stage. ``inputs`` are (name, record, paths) of the screened, images and clusters tables."""
    regrouped = []
    for name, record, paths in inputs:
        exchange = Exchange(place.exchange, record, by_image_url, partitions)
        parts = pipeline | f"{name} parts" >> beam.Create(paths)
        regrouped.append(parts | f"regroup {name}" >> beam.ParDo(Regroup(exchange, source=name)))
    screened, images, _ = (paths for _, _, paths in inputs)
    found = Exchange(place.exchange, EvaluationHit, by_hit_url, partitions)
    regrouped += meet(pipeline, evaluation, found, images=images, screened=screened)
    contenders = Exchange(place.exchange, Contender, by_cluster, partitions)
    hits = Exchange(place.exchange, EvaluationHit, by_hit_cluster, partitions)
    joined = found.group(regrouped | "tables" >> beam.Flatten(), "meet image") | "decide" >> beam.ParDo(
        JoinPartition(place, rules, contenders, hits)
    ).with_outputs("done", "handles")
    caps = caption_caps(max_same=rules.select.max_same_caption, max_near=rules.select.max_near_captions)
    onwards = [Exchange(place.exchange, Chosen, partial(by_capped_caption, cap=cap), partitions) for cap in caps]
    onwards.append(Exchange(place.exchange, Chosen, by_key, partitions, key_range))
    chosen = contenders.group(joined.handles, "meet cluster") | "choose" >> beam.ParDo(
        ChoosePartition(
            place,
            rules.select.captions,
            parts_from=partitions,
            onward=onwards[0],
            rules=evaluation.rules,
        )
    ).with_outputs("done", "handles")
    reports = [joined.done, chosen.done]
    for number, (cap, (met, onward)) in enumerate(zip(caps, pairwise(onwards), strict=True), start=2):
        chosen = met.group(chosen.handles, f"meet {cap.name}") | cap.name >> beam.ParDo(
            CapPartition(place, cap, parts_from=number * partitions, onward=onward)
        ).with_outputs("done", "handles")
        reports.append(chosen.done)
    left = onwards[-1].group(chosen.handles, "order")
    counts = [] if rules.select.balance is None else [concept_balance.counted(left)]
    writer = OrderPartition(place, rules, parts_from=(2 + len(caps)) * partitions)
    reports.append(left | "write" >> beam.ParDo(writer, *counts))
    done: beam.PCollection[Done] = reports | "reports" >> beam.Flatten()
    return done


def by_image_url(row: ScreenedRow | ImageRow | ClusterRow) -> str:
    """The key of the first exchange."""
    return row.image_url


def by_cluster(row: Contender) -> str:
    """The key of the second exchange."""
    return row.cluster.cluster


def by_capped_caption(row: Chosen, *, cap: CaptionCap) -> str:
    """The key of the samples that count as one caption for ``cap``."""
    return cap.key(row.sample.caption)


def by_key(row: Chosen) -> str:
    """The key of the last exchange, whose partitions are in the order of keys."""
    return row.sample.key
