"""Running a workflow: each stage in turn, skipped where it is committed, published at the end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import msgspec
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import (
    concept_counts,
    crawl,
    decontaminate,
    dedupe,
    extract,
    fetch,
    hash_index,
    index_writer,
    known_images,
    pack,
    run_log,
    screen,
    select,
    storage,
)
from pipelines.concept_counts import ConceptCounts
from pipelines.coverage import told
from pipelines.dataset import FOLDER, DatasetManifest, publish
from pipelines.embedded_web import EmbeddedWeb, serve, write_sources
from pipelines.errors import CheckFailed, InputRefused, StageFailed
from pipelines.evaluation_sets import check_items, find_files
from pipelines.exchange import partitions_for
from pipelines.extract import SourceUnit
from pipelines.hash_index import index_bytes
from pipelines.ledger import ledger_of
from pipelines.lock import Lease
from pipelines.plan import RunPlan, find_sources, plan_run, retries_after
from pipelines.refusals import refused_before
from pipelines.report import write_report
from pipelines.run_log import RunLog, plain
from pipelines.runner import check_path
from pipelines.stage import (
    Attempt,
    Committed,
    StagePlan,
    clear_leftovers,
    committed,
    earlier_stages,
    merge_done,
    new_attempt,
)
from pipelines.suppression_list import ListFile, compile_list
from pipelines.unit_of_work import by_table
from pipelines.workflow import Crawl, Workflow, as_plain
from schemas.reasons import Outcome, Stage
from schemas.records import ClusterRow, ImageRow, ScreenedRow

RUN_RECORD = "run.json"


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is being run in an output folder: the workflow with every default, and each stage's fingerprint.

    ``retries`` says how often each stage has been asked to try failed requests again.
    """

    workflow: dict[str, Any]
    fingerprints: dict[str, str]
    folders: dict[str, str]
    harubang: str
    retries: dict[str, int] = {}


def read_run_record(out: str) -> RunRecord | None:
    """Return the record of the last run in ``out``, or None where nothing was run.

    Raises:
        InputRefused: the record there cannot be read.
    """
    path = storage.join(out, RUN_RECORD)
    if not storage.exists(path):
        return None
    try:
        return msgspec.json.decode(storage.read_bytes(path), type=RunRecord)
    except msgspec.MsgspecError as error:
        raise InputRefused(f"{path}: not a run record ({error}); is this an output folder of harubang?") from error


def recorded_run(out: str) -> RunRecord:
    """Return the record of the last run in ``out``.

    Raises:
        InputRefused: nothing was run there, or the record cannot be read.
    """
    record = read_run_record(out)
    if record is None:
        raise InputRefused(f"{out}: holds no run of harubang; give the folder that was --out")
    return record


class Run:
    """One run of a workflow into an output folder."""

    def __init__(
        self,
        workflow: Workflow,
        out: str,
        options: PipelineOptions,
        *,
        retry_failed: bool = False,
        log_to: TextIO | None = None,
    ) -> None:
        self._workflow = workflow
        self._out = out
        self._options = options
        self._retry_failed = retry_failed
        self._log = RunLog(out, stream=log_to)
        self._network = workflow.network
        self._crawl = workflow.sources.crawl
        self._opt_outs = self._takedowns = ListFile()
        self._done: dict[Stage, Committed] = {}

    def plan(self) -> RunPlan:
        """Return the plan. Nothing is written.

        Raises:
            InputRefused: a source is missing, empty or unreadable, the network section lacks what it must say, or the
                record of the last run cannot be read.
        """
        sources = self._workflow.sources
        if sources.warc or sources.crawl or sources.tables:  # the embedded web and downloads ask nobody
            self._check_network()
        record = read_run_record(self._out)
        files = find_sources(self._workflow)
        near = (file.path for file in find_files(self._workflow.select.exclude_near))
        for path in (self._out, *(file.unit.path for file in files), *self._workflow.dedupe.against, *near):
            check_path(path, self._options)
        plan = plan_run(self._workflow, self._out, files, record.retries if record is not None else {})
        if self._retry_failed:
            plan = plan_run(self._workflow, self._out, files, retries_after(plan))
        return plan

    def execute(self, lease: Lease | None = None) -> DatasetManifest:
        """Run what is not committed and publish the dataset and the report, while ``lease`` is held.

        Raises:
            InputRefused: the workflow asks for what may not be done.
            StageFailed: a stage could not finish; what is committed stays.
            CheckFailed: what was selected does not cover what the workflow demands; nothing is published.
        """
        plan = self.plan()
        self._compile_lists()
        self._check_what_is_left_out(plan)
        record = RunRecord(
            workflow=as_plain(self._workflow),
            fingerprints={stage.stage: stage.fingerprint for stage in plan.stages},
            folders={stage.stage: Path(stage.folder).name for stage in plan.stages},
            harubang=version("harubang"),
            retries=dict(plan.retries),
        )
        try:
            for folder in (self._out, storage.join(self._out, run_log.FOLDER)):
                storage.remove_unfinished(folder)
            storage.write_bytes(storage.join(self._out, RUN_RECORD), msgspec.json.format(msgspec.json.encode(record)))
        except OSError as error:
            raise StageFailed(f"{self._out}: {error}") from error
        with ExitStack() as stack:
            self._serve_embedded_web(plan, stack)
            for stage in plan.stages:
                self._done[Stage(stage.stage)] = self._finished(stage, plan)
                if lease is not None:
                    lease.check()
                if stage.stage == Stage.SELECT:
                    concepts = self._covered(plan)
        packed = self._done[Stage.PACK]
        manifest = publish(
            self._out,
            packed,
            hashes=hash_index.files_of(packed),
            index=index_bytes(self._workflow.dedupe.rules(), self._done[Stage.SELECT].manifest.rows("selected")),
            name=self._workflow.name,
            licence=self._workflow.pack.licence,
            downloads=bool(self._workflow.sources.img2dataset),
            ledger=ledger_of(self._done[Stage.SELECT]),
            concepts=concepts,
            stages=record.fingerprints,
            version=record.harubang,
        )
        write_report(self._out, self._workflow.name, self._done, manifest, concepts)
        self._log.add("published", {"root": manifest.root, "samples": manifest.ledger.kept})
        self._log.write_if_possible()
        return manifest

    def _finished(self, stage: StagePlan, plan: RunPlan) -> Committed:
        """Return a stage once it is committed, and log what became of it."""
        named = {"stage": stage.stage, "fingerprint": stage.fingerprint}
        began = time.monotonic()
        found = committed(stage)
        event = "skipped"
        try:
            if found is None:
                found, event = self._run_stage(stage, plan), "committed"
            else:
                clear_leftovers(found)  # of a run that was killed as it committed the stage
        except BaseException as error:
            why = str(error) or type(error).__name__
            self._log.add("failed", {**named, "seconds": _since(began), "error": why})
            self._log.write_if_possible()
            raise
        parts, tallies = found.manifest.parts, found.manifest.tallies
        rows, sizes = by_table(parts, lambda part: part.rows), by_table(parts, lambda part: part.size)
        wrote = {"rows": plain(rows), "bytes": plain(sizes), "counts": tallies}
        self._log.add(event, {**named, "seconds": _since(began), **wrote})
        self._log.write_if_possible()
        return found

    def _compile_lists(self) -> None:
        radius = self._workflow.dedupe.radius
        opt_out, takedowns = self._workflow.network.opt_out, self._workflow.select.takedowns
        self._opt_outs = compile_list(opt_out, self._out, key="network.opt_out", radius=radius)
        self._takedowns = compile_list(takedowns, self._out, key="select.takedowns", radius=radius)

    def _check_what_is_left_out(self, plan: RunPlan) -> None:
        """Read releases and evaluation sets through, where a stage is to use them: not only once the crawl is over."""
        if committed(plan.of(Stage.DEDUPE)) is None:
            hash_index.check_bytes(plan.released)
        if committed(plan.of(Stage.SELECT)) is None:
            check_items(find_files(self._workflow.select.exclude_near))

    def _covered(self, plan: RunPlan) -> ConceptCounts:
        """Return the counts of the selected samples where they cover what the workflow demands."""
        counts = concept_counts.total(self._done[Stage.SELECT], plan.concepts.categories())
        short = plan.demands.shortfalls(counts)
        if short:
            raise CheckFailed(f"{told(short)}. Nothing was published; {self._out}/{FOLDER} is as it was")
        return counts

    def _serve_embedded_web(self, plan: RunPlan, stack: ExitStack) -> None:
        """Start the embedded web where a stage is still to ask it for something."""
        source = self._workflow.sources.embedded_web
        if source is None or all(committed(plan.of(stage)) for stage in (Stage.CRAWL, Stage.FETCH)):
            return
        web: EmbeddedWeb = stack.enter_context(serve(source.seed))
        self._crawl = Crawl(seeds=web.seeds, sitemaps=web.sitemaps, scope=("http://*.harubang.test/",), depth=4)
        self._network = msgspec.structs.replace(
            self._network, connect_to={**self._network.connect_to, **web.connect_to}, allow_loopback=True
        )

    def _run_stage(self, stage: StagePlan, plan: RunPlan) -> Committed:
        steps: dict[Stage, Callable[[Attempt, RunPlan], Committed]] = {
            Stage.CRAWL: self._run_crawl,
            Stage.EXTRACT: self._run_extract,
            Stage.SCREEN: self._run_screen,
            Stage.FETCH: self._run_fetch,
            Stage.DEDUPE: self._run_dedupe,
            Stage.SELECT: self._run_select,
            Stage.PACK: self._run_pack,
        }
        return steps[Stage(stage.stage)](new_attempt(stage, self._options, self._log), plan)

    def _check_network(self) -> None:
        refusal = self._network.refusal()
        if refusal is not None:
            raise InputRefused(refusal)

    def _run_crawl(self, attempt: Attempt, plan: RunPlan) -> Committed:
        del plan
        assert self._crawl is not None
        earlier = earlier_stages(attempt.plan, but=crawl.NOT_IN_AN_ANSWER, tables=crawl.TABLES)
        return attempt.commit(crawl.run_crawl(attempt, self._crawl, self._network, self._opt_outs, earlier))

    def _run_extract(self, attempt: Attempt, plan: RunPlan) -> Committed:
        units = [file.unit for file in plan.files]
        if self._workflow.sources.embedded_web is not None:
            units += _embedded_units(self._out)
        crawled = self._done.get(Stage.CRAWL)
        if crawled is not None:
            units += [SourceUnit("crawl", path, 0) for path in crawled.paths("warc")]
            units += [SourceUnit("pages", path, 0) for path in crawled.paths("pages")]
        do_fn = extract.ExtractUnit(attempt.place, agent=self._network.agent)
        return attempt.commit(
            attempt.run(lambda p: extract.expand(p, units, do_fn), unit="candidates", partitions=len(units))
        )

    def _run_screen(self, attempt: Attempt, plan: RunPlan) -> Committed:
        extracted = self._done[Stage.EXTRACT]
        rows = extracted.manifest.rows("candidates")
        rules = screen.ScreenRules(self._workflow.screen, self._workflow.safety, plan.concepts.entries)
        return attempt.commit(screen.run_screen(attempt, extracted.paths("candidates"), rows, rules), expected=rows)

    def _run_fetch(self, attempt: Attempt, plan: RunPlan) -> Committed:
        del plan
        screened = self._done[Stage.SCREEN]
        kept = screened.manifest.tallies.get(Outcome.KEEP, 0)
        paths = screened.paths("screened")
        earlier = earlier_stages(attempt.plan, but=fetch.NOT_IN_AN_ANSWER, tables=fetch.TABLES)
        refused = refused_before(self._out)
        known = known_images.index_earlier(attempt, earlier)
        done = attempt.run(
            lambda p: fetch.expand(
                p,
                paths,
                place=attempt.place,
                network=self._network,
                settings=self._workflow.fetch.images,
                engine=self._workflow.fetch.engine,
                partitions=partitions_for(kept),
                opt_outs=self._opt_outs,
                earlier=earlier,
                refused=refused,
                known=known,
            ),
            total=kept,
            unit="images",
            partitions=partitions_for(kept),
        )
        return attempt.commit(done)

    def _run_dedupe(self, attempt: Attempt, plan: RunPlan) -> Committed:
        fetched = self._done[Stage.FETCH]
        kept = fetched.manifest.tallies.get(Outcome.KEEP, 0)
        matching = dedupe.Matching(self._workflow.dedupe.rules(), kept, plan.released)
        done = dedupe.run_dedupe(attempt, fetched.paths("images"), matching)
        return attempt.commit(done, expected=kept)

    def _run_select(self, attempt: Attempt, plan: RunPlan) -> Committed:
        screened = self._done[Stage.SCREEN]
        rows = screened.manifest.rows("screened")
        inputs: list[tuple[str, type, list[str]]] = [
            ("screened", ScreenedRow, screened.paths("screened")),
            ("images", ImageRow, self._done[Stage.FETCH].paths("images")),
            ("clusters", ClusterRow, self._done[Stage.DEDUPE].paths("clusters")),
        ]
        read, evaluation = decontaminate.read_tables(
            attempt,
            find_files(self._workflow.select.exclude_near),
            self._workflow.fetch.images,
            self._workflow.dedupe.rules(),
        )
        rules = select.SelectRules(self._workflow.select, self._opt_outs, self._takedowns, plan.concepts)
        done = attempt.run(
            lambda p: select.expand(
                p,
                inputs,
                place=attempt.place,
                rules=rules,
                partitions=partitions_for(rows),
                evaluation=evaluation,
            ),
            total=rows,
            unit="candidates",
            partitions=partitions_for(rows),
        )
        return attempt.commit(merge_done([read, done]), expected=rows)

    def _run_pack(self, attempt: Attempt, plan: RunPlan) -> Committed:
        del plan
        selected = self._done[Stage.SELECT]
        rows = selected.manifest.rows("selected")
        shards = pack.shards_of(selected, self._workflow.pack.samples_per_shard)
        do_fn = pack.PackShard(
            attempt.place,
            self._done[Stage.FETCH].folder,
            captions_listed=self._workflow.select.captions == "list",
        )
        packed = attempt.run(
            lambda p: pack.expand(p, shards, do_fn), total=rows, unit="samples", partitions=len(shards)
        )
        rules = self._workflow.dedupe.rules()
        indexed = attempt.run(
            lambda p: index_writer.expand(p, selected.paths("selected"), attempt.place, rules=rules, samples=rows),
            unit="hashes",
            label="index",
        )
        return attempt.commit(merge_done([packed, indexed]), expected=rows)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)


def _embedded_units(out: str) -> list[SourceUnit]:
    """Write the embedded web's own WARC files and tables below ``out`` and return them."""
    units = []
    with tempfile.TemporaryDirectory() as folder:
        written = write_sources(Path(folder))
        for path in (*written.warc, *written.tables):
            data = path.read_bytes()
            place = storage.join(out, "embedded_web", path.name)
            storage.write_bytes(place, data)
            columns = ("url", "caption", "page") if path in written.tables else ()
            units.append(SourceUnit("table" if columns else "warc", place, len(data), *columns))
    return units
