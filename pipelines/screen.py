"""The screen stage: one caption a candidate, chosen, cleaned and judged before any image is fetched.

Rows are regrouped by candidate id, so that the same candidate found twice meets itself and the result does not depend
on the order of the sources.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import apache_beam as beam

from filters.caption_engine import CaptionInput, CaptionRules, CorpusEvidence, Judged, judge
from filters.caption_safety import CaptionSafety, make_safe, redacted
from filters.concepts import LEXICON_VERSION, Concept, ConceptMatcher, concept_matcher
from filters.identifiers import IdentifierPolicy
from filters.unwanted import AbuseText, SpamText
from pipelines import storage, text_counts
from pipelines.exchange import Exchange, Slice, partitions_for, read_slices
from pipelines.extract import where_raised
from pipelines.parts import AttemptPlace, Done, PartWriter, read_rows
from pipelines.progress import ProgressNotes
from pipelines.stage import Attempt, merge_done, outcome_tallies
from pipelines.text_counts import CorpusCounts
from pipelines.unit_of_work import reported
from schemas.reasons import Outcome, Reason
from schemas.records import CandidateRow, ScreenedRow

VERSION = 4
"""Grows with every change of what this stage decides, beyond its filters' own versions."""

BATCH = 2_000
"""Captions handed to the engine at a time; Kiwi spreads a batch over its threads."""


class ScreenRules(NamedTuple):
    """Everything captions are held against. ``concepts`` are the workflow's own, beside the shipped ones."""

    captions: CaptionRules
    safety: CaptionSafety
    concepts: tuple[Concept, ...] = ()


def screened(
    row: CandidateRow, judged: Judged, safety: CaptionSafety, matcher: ConceptMatcher | None = None
) -> ScreenedRow:
    """Return the candidate with the engine's answer. No text that comes out holds an identifier that may not stay.

    ``matcher`` names the concepts of a caption that is kept; None where none is.
    """
    safe = make_safe(judged.caption, safety)
    kept = judged.outcome == Outcome.KEEP
    concepts = []
    if matcher is not None and kept and not safe.reason and judged.analysis is not None:
        concepts = matcher.match(judged.caption, judged.analysis.tokens)
    found: dict[str, Any] = row._asdict()
    del found["reason"], found["detail"], found["site_name"]
    found["page_title"] = redacted(row.page_title, safety)
    found["captions"] = [candidate._replace(text=redacted(candidate.text, safety)) for candidate in row.captions]
    return ScreenedRow(
        **found,
        caption=safe.text,
        caption_kind=judged.kind,
        caption_path=judged.dom_path,
        caption_raw=redacted(judged.raw, safety),
        why=judged.why,
        steps=[*judged.steps, *(["identifiers"] if safe.findings else [])],
        concepts=concepts,
        morphemes=judged.morphemes,
        outcome=Outcome.DROP if kept and safe.reason else judged.outcome,
        reason=judged.reason or (safe.reason if kept else ""),
        detail=judged.detail,
        verdicts=[*judged.verdicts, *(safe.verdicts if kept else ())],
    )


def dropped(row: CandidateRow, reason: str, detail: str, safety: CaptionSafety) -> ScreenedRow:
    """Return the candidate as dropped before its caption was looked at."""
    blank = Judged(outcome=Outcome.DROP, reason=reason, detail=detail)
    return screened(row, blank, safety)


def screen_rows(
    rows: Iterable[CandidateRow], rules: ScreenRules, evidence: CorpusEvidence | None = None
) -> Iterator[ScreenedRow]:
    """Yield every row with its outcome, in an order that depends on the rows and not on the order they come in.

    Of rows with the same id (the same page bytes read twice) the first by kind of source, source and offset goes on.
    The kind comes first because the path of a crawl's archive depends on the output folder.
    """
    ordered = sorted(rows, key=_precedence)
    pending: list[CandidateRow] = []
    previous = ""
    for row in ordered:
        if row.reason:
            yield dropped(row, row.reason, row.detail, rules.safety)
        elif row.candidate_id == previous:
            detail = "the same image on the same bytes of the same page"
            yield dropped(row, Reason.DUPLICATE_CANDIDATE, detail, rules.safety)
        else:
            pending.append(row)
            if len(pending) == BATCH:
                yield from _judge(pending, rules, evidence)
                pending = []
        previous = row.candidate_id
    yield from _judge(pending, rules, evidence)


def _precedence(row: CandidateRow) -> tuple[str, str, str, int]:
    offset = -1 if row.source_offset is None else row.source_offset
    return row.candidate_id, row.source_kind, row.source, offset


def _judge(rows: Sequence[CandidateRow], rules: ScreenRules, evidence: CorpusEvidence | None) -> Iterator[ScreenedRow]:
    """Judge a batch; where our own code raises, find the row that did it and let the others go on."""
    inputs = [
        CaptionInput(tuple(row.captions), row.page_title, row.page_url, row.image_url, row.linked_page, row.site_name)
        for row in rows
    ]
    try:
        answers = judge(inputs, rules.captions, evidence)
    except Exception as error:  # noqa: BLE001 - the row that raised becomes a ledger row of its own
        if len(rows) == 1:
            yield dropped(rows[0], Reason.RECORD_RAISED, where_raised(error), rules.safety)
            return
        middle = len(rows) // 2
        yield from _judge(rows[:middle], rules, evidence)
        yield from _judge(rows[middle:], rules, evidence)
        return
    matcher = concept_matcher(rules.concepts)
    for row, answer in zip(rows, answers, strict=True):
        yield screened(row, answer, rules.safety, matcher)


class Regroup(beam.DoFn):
    """Spreads the rows of one part over the partitions of an exchange."""

    def __init__(self, exchange: Exchange, *, source: str = "") -> None:
        self._exchange = exchange
        self._source = source

    def process(self, path: str) -> Iterator[tuple[int, Slice]]:
        """Yield the handles of one part's slices."""
        yield from self._exchange.write(read_rows(path, self._exchange.record), source=self._source)


class ScreenPartition(beam.DoFn):
    """Screens the candidates of one partition."""

    def __init__(self, place: AttemptPlace, rules: ScreenRules, counts: list[str]) -> None:
        self._place = place
        self._rules = rules
        self._counts = counts

    def setup(self) -> None:
        """Load once a worker what every caption needs, and keep the garbage collector from walking it again and again.

        A caption makes some hundred small objects; walking all that was loaded cost a fifth of the screen's time.
        """
        self._evidence = CorpusCounts(self._counts)
        concept_matcher(self._rules.concepts)
        gc.collect()
        gc.freeze()

    @reported("screen")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write the partition's part and report it."""
        partition, slices = element
        notes = ProgressNotes(self._place.path)
        books: Counter[tuple[str, str]] = Counter()
        with PartWriter(self._place, ScreenedRow) as writer:
            for row in screen_rows(read_slices(slices, CandidateRow), self._rules, self._evidence):
                writer.add(row)
                books[row.outcome, row.reason] += 1
                notes.advance()
            part = writer.publish("screened", partition)
        notes.finish()
        yield Done([part], outcome_tallies(books))


def run_screen(attempt: Attempt, paths: list[str], rows: int, rules: ScreenRules) -> Done:
    """Count the texts of all candidates, then screen them; return what both jobs wrote."""
    partitions = partitions_for(rows)
    counted = attempt.run(
        lambda p: text_counts.expand(p, paths, attempt.place, partitions),
        unit="texts",
        partitions=partitions,
        label="count",
    )
    counts = [storage.join(attempt.plan.folder, part.path) for part in counted.parts]
    exchange = Exchange(attempt.place.exchange, CandidateRow, by_candidate, partitions)
    do_fn = ScreenPartition(attempt.place, rules, counts)

    def expand(pipeline: beam.Pipeline) -> beam.PCollection[Done]:
        handles = pipeline | "parts" >> beam.Create(paths) | "regroup" >> beam.ParDo(Regroup(exchange))
        done: beam.PCollection[Done] = exchange.group(handles, "group") | "screen" >> beam.ParDo(do_fn)
        return done

    return merge_done([counted, attempt.run(expand, total=rows, unit="captions", partitions=partitions)])


def by_candidate(row: CandidateRow) -> str:
    """The key of the screen's exchange."""
    return row.candidate_id


def safety_filters(safety: CaptionSafety) -> tuple[IdentifierPolicy, SpamText, AbuseText]:
    """Return the safety filters, whose versions a fingerprint covers."""
    return safety.identifiers, safety.spam, safety.abuse


def engine_versions(lexicons: Iterable[str] = ()) -> list[str]:
    """Return the versions that decide what the caption engine says, beyond those of its filters.

    ``lexicons`` are the sha256 of the workflow's own concept lexicons.
    """
    kiwi = [f"{name} {version(name)}" for name in ("kiwipiepy", "kiwipiepy-model")]
    return [*kiwi, f"concepts {LEXICON_VERSION}", *(f"lexicon {digest}" for digest in lexicons)]
