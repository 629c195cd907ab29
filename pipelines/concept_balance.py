"""Balancing samples by concept, inside the select stage: a first pass counts them, a second lets each be judged.

The counts are a side input of the second pass: as many numbers as the lexicon has entries.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import apache_beam as beam
import pyarrow.compute as pc

from filters.base import verdict
from filters.concept_balance import BalancedSample, ConceptBalance, NamedConcept
from pipelines.concept_counts import facts_of
from pipelines.exchange import Slice, read_columns
from schemas.identity import canonical_json
from schemas.reasons import Outcome
from schemas.records import Chosen, Verdict


def balanced(chosen: Chosen, rule: ConceptBalance, counts: Mapping[str, int]) -> Chosen:
    """Return the sample with the rule's verdict in its outcome and its metadata, dropped where the rule says so.

    ``counts`` say how many samples name each concept.
    """
    facts = facts_of(chosen.sample.metadata)
    named = tuple(NamedConcept(name, counts[name]) for name in facts.names())
    sample = BalancedSample(facts.sha256, chosen.sample.caption, named)
    decision = rule.decide(sample)
    judged = verdict(rule, decision)
    outcome = chosen.outcome._replace(verdicts=[*chosen.outcome.verdicts, judged])
    if decision.outcome == Outcome.DROP:
        weighed = rule.weigh(sample)
        detail = (
            "no concept" if weighed is None else f"{weighed.concept.name}: {weighed.concept.samples} samples name it"
        )
        outcome = outcome._replace(outcome=Outcome.DROP, reason=decision.reason, detail=detail)
    metadata = with_verdict(chosen.sample.metadata, judged)
    return chosen._replace(outcome=outcome, sample=chosen.sample._replace(metadata=metadata))


def with_verdict(metadata: str, judged: Verdict) -> str:
    """Return a sample's metadata with one more verdict among its details."""
    plain = json.loads(metadata)
    details = json.loads(plain["details"])
    details["verdicts"].append(judged._asdict())
    return canonical_json(plain | {"details": canonical_json(details)})


class CountConcepts(beam.DoFn):
    """Counts the concepts of one partition of samples."""

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[dict[str, int]]:
        """Yield how many of the partition's samples name each concept."""
        _, slices = element
        table = read_columns(slices)
        if table is None:
            return
        counts: Counter[str] = Counter()
        for metadata in pc.struct_field(table.column("sample"), "metadata").to_pylist():
            counts.update(facts_of(metadata).names())
        yield dict(counts)


class SumCounts(beam.CombineFn):
    """Adds up the counts of all partitions."""

    def create_accumulator(self) -> Counter[str]:
        """Return the counts of nothing."""
        return Counter()

    def add_input(self, mutable_accumulator: Counter[str], element: Mapping[str, int]) -> Counter[str]:
        """Add one partition's counts."""
        mutable_accumulator.update(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Counter[str]]) -> Counter[str]:
        """Add up counts that were added up apart."""
        return sum(accumulators, Counter())

    def extract_output(self, accumulator: Counter[str]) -> dict[str, int]:
        """Return the counts."""
        return dict(accumulator)


def counted(chosen: beam.PCollection[tuple[int, list[Slice]]]) -> beam.pvalue.AsSingleton:
    """Return, as a side input, how many samples name each concept."""
    counts = chosen | "count concepts" >> beam.ParDo(CountConcepts()) | "sum" >> beam.CombineGlobally(SumCounts())
    return beam.pvalue.AsSingleton(counts)
