"""What a workflow will run: every stage with its fingerprint, and whether it is committed already."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import msgspec

from filters import charset, harvest
from filters.base import filter_id
from pipelines import crawl, dedupe, embedded_web, evaluation_sets, extract, fetch, pack, screen, select, storage
from pipelines.concept_counts import total
from pipelines.concept_lexicon import AddedConcepts, read_added
from pipelines.coverage import Demands, read_demands, told
from pipelines.dataset import FOLDER
from pipelines.download_shards import DOWNLOADED, Download, find_shards
from pipelines.errors import InputRefused
from pipelines.extract import SourceUnit
from pipelines.hash_index import Released, find_released
from pipelines.img2dataset_engine import IMG2DATASET, installed_version
from pipelines.link_table import format_of
from pipelines.parts import read_batches
from pipelines.stage import StagePlan, committed
from pipelines.suppression_list import content_of
from pipelines.workflow import Workflow, as_plain
from schemas.reasons import Stage, is_transient


class SourceFile(NamedTuple):
    """A file to read and what its identity is made of: size and modification time."""

    unit: SourceUnit
    modified: float


class RunPlan(NamedTuple):
    """The stages of a run in order, the source files they start from, the workflow's own concepts, and what a release
    must cover.

    ``released`` are the releases it dedupes against. ``retries`` says how often each stage has been asked to try failed
    requests again.
    """

    stages: list[StagePlan]
    files: list[SourceFile]
    concepts: AddedConcepts
    demands: Demands
    retries: Mapping[str, int]
    released: list[Released]

    def of(self, stage: Stage) -> StagePlan:
        """Return one stage's plan."""
        return next(plan for plan in self.stages if plan.stage == stage)


class PlannedStage(msgspec.Struct, frozen=True):
    """One line of ``harubang plan``: what would happen to a stage and why."""

    stage: str
    fingerprint: str
    folder: str
    action: str
    why: str


def find_sources(workflow: Workflow) -> list[SourceFile]:
    """Return the WARC files, tables and shards of downloads that the workflow names, in order.

    Raises:
        InputRefused: a path or glob names no file, a table is of no known format, or a folder holds no shard.
    """
    wanted = [("sources.warc", pattern, SourceUnit("warc", pattern, 0)) for pattern in workflow.sources.warc]
    for table in workflow.sources.tables:
        unit = SourceUnit("table", table.path, 0, table.url, table.caption, table.page)
        wanted.append(("sources.tables", table.path, unit))
    files = []
    for key, pattern, unit in wanted:
        try:
            found = storage.find(pattern)
        except OSError as error:
            raise InputRefused(f"{key}: {pattern}: cannot be listed ({error}); mend the path or its rights") from error
        if not found:
            raise InputRefused(f"{key}: {pattern}: there is no such file; mend the path (it starts from here)")
        if len(found) == 1 and found[0].size == 0:
            raise InputRefused(f"{key}: {pattern}: the file is empty; give one with content")
        for file in found:
            if unit.kind == "table":
                format_of(file.path)
            if not storage.is_remote(file.path) and not os.access(file.path, os.R_OK):
                raise InputRefused(f"{key}: {file.path}: may not be read; mend its rights")
            files.append(SourceFile(unit._replace(path=file.path, size=file.size), file.modified))
    return files + [shard for download in workflow.sources.img2dataset for shard in _shards(download)]


def _shards(download: Download) -> list[SourceFile]:
    key = f"sources.img2dataset: {download.path}"
    try:
        shards = find_shards(download.path)
    except OSError as error:
        raise InputRefused(f"{key}: cannot be listed ({error}); mend the path or its rights") from error
    if not shards:
        raise InputRefused(f"{key}: holds no shard (00000.tar, 00000.parquet, 00000/); give the folder that holds them")
    unit = SourceUnit(DOWNLOADED, "", 0, "url", download.caption, download.page)
    return [SourceFile(unit._replace(path=shard.path, size=shard.size), shard.modified) for shard in shards]


def _versions(filters: Iterable[Any]) -> list[str]:
    return [filter_id(judge) for judge in filters]


def _engine(name: str) -> str:
    """Return a fetch engine with its version, if it has one of its own."""
    return f"{name} {installed_version()}" if name == IMG2DATASET else name


def plan_run(
    workflow: Workflow, out: str, files: list[SourceFile], retries: Mapping[str, int] | None = None
) -> RunPlan:
    """Return the plan of a run. Each fingerprint covers the stage's config, its code's versions and its inputs'.

    Those of crawl and fetch cover how often what failed was to be tried again (``retries``): a retry is a stage of its
    own, which takes over what the one before it has.

    Raises:
        InputRefused: a file or release that the workflow names is missing, malformed or of other rules, or its fetch
            engine is not installed.
    """
    retries = retries or {}
    concepts = read_added(workflow.concepts)
    demands = read_demands(workflow.release, concepts)
    network = as_plain(workflow.network)
    network.pop("connect_to")  # where a name is dialled does not change what it is asked for
    # A list only takes away: what was fetched before it grew need not be fetched again, for selection asks it too.
    opt_out = network.pop("opt_out")
    stages: list[StagePlan] = []

    def add(stage: Stage, **covers: Any) -> str:
        plan = StagePlan(stage=stage, covers=covers, root=out)
        stages.append(plan)
        return plan.fingerprint

    reading = {"charset": charset.VERSION, "harvest": harvest.VERSION, "resiliparse": version("resiliparse")}
    sources = workflow.sources
    crawled = ""
    if sources.crawl is not None or sources.embedded_web is not None:
        starts = as_plain(sources.crawl) if sources.crawl is not None else None
        web = as_plain(sources.embedded_web) if sources.embedded_web is not None else None
        crawled = add(
            Stage.CRAWL,
            version=crawl.VERSION,
            crawl=starts,
            embedded_web=web,
            network=network,
            reading=reading,
            retries=retries.get(Stage.CRAWL, 0),
        )
    if sources.embedded_web is not None:
        reading["embedded_web"] = embedded_web.VERSION
    identities = [[file.unit.kind, file.unit.path, file.unit.size, file.modified, *file.unit[3:]] for file in files]
    extracted = add(
        Stage.EXTRACT,
        version=extract.VERSION,
        reading=reading,
        agent=workflow.network.agent,
        files=identities,
        crawl=crawled,
    )
    screened = add(
        Stage.SCREEN,
        version=screen.VERSION,
        rules=as_plain(workflow.screen),
        safety=as_plain(workflow.safety),
        filters=_versions([*workflow.screen.filters, *screen.safety_filters(workflow.safety)]),
        engine=screen.engine_versions(concepts.digests),
        extract=extracted,
    )
    image = as_plain(workflow.fetch.images)
    image.pop("processes")  # how many decode at once changes nothing
    fetched = add(
        Stage.FETCH,
        version=fetch.VERSION,
        network=network,
        image=image,
        engine=_engine(workflow.fetch.engine),
        libraries={name: version(name) for name in ("pillow", "opencv-python-headless", "simplejpeg", "imagehash")},
        screen=screened,
        retries=retries.get(Stage.FETCH, 0),
    )
    rules = workflow.dedupe.rules()
    released = find_released(workflow.dedupe.against, rules, storage.join(out, FOLDER))
    clustered = add(
        Stage.DEDUPE,
        version=dedupe.VERSION,
        rules=as_plain(rules),
        against=[release.identity for release in released],
        pyarrow=version("pyarrow"),
        fetch=fetched,
    )
    selected = add(
        Stage.SELECT,
        version=select.VERSION,
        select=as_plain(workflow.select),
        opt_out=opt_out,
        lists=[content_of(listed) for listed in (workflow.network.opt_out, workflow.select.takedowns)],
        filters=_versions([*workflow.select.filters, *filter(None, [workflow.select.balance])]),
        evaluation=evaluation_sets.identity(evaluation_sets.find_files(workflow.select.exclude_near)),
        screen=screened,
        fetch=fetched,
        dedupe=clustered,
    )
    add(
        Stage.PACK,
        version=pack.VERSION,
        samples_per_shard=workflow.pack.samples_per_shard,
        pyarrow=version("pyarrow"),
        select=selected,
    )
    return RunPlan(stages, files, concepts, demands, retries, released)


def retries_after(plan: RunPlan) -> dict[str, int]:
    """Return the retries of a run that is to try again what failed for a transient reason.

    The first committed stage in which something did is raised by one: what follows it gets new fingerprints too, and
    a new fetch stage asks again for what failed of itself. One that is not committed is running into it already.
    """
    retries = dict(plan.retries)
    for stage, table in ((Stage.CRAWL, "pages"), (Stage.FETCH, "images")):
        found = next((committed(planned) for planned in plan.stages if planned.stage == stage), None)
        if found is not None and _has_transient_failures(found.paths(table)):
            retries[stage] = retries.get(stage, 0) + 1
            break
    return retries


def _has_transient_failures(paths: list[str]) -> bool:
    for path in paths:
        for batch in read_batches(path, ["reason", "http_status"]):
            ends = zip(batch.column("reason").to_pylist(), batch.column("http_status").to_pylist(), strict=True)
            if any(is_transient(reason, status) for reason, status in set(ends)):
                return True
    return False


def describe_plan(plan: RunPlan, previous: dict[str, str], tried: Mapping[str, int]) -> list[PlannedStage]:
    """Return what would become of each stage. ``previous`` are the last run's fingerprints, ``tried`` its retries."""
    lines = []
    for stage in plan.stages:
        before = previous.get(stage.stage)
        if committed(stage) is not None:
            action, why = "skip", "it is committed with this fingerprint"
        elif plan.retries.get(stage.stage, 0) > tried.get(stage.stage, 0):
            action, why = "run", "what failed for a transient reason is asked for again"
        elif before is None:
            action, why = "run", "it has not been run here"
        elif before != stage.fingerprint:
            action, why = "run", "its config, code or inputs changed since the last run"
        else:
            action, why = "run", "it did not finish"
        lines.append(PlannedStage(stage.stage, stage.fingerprint, stage.folder, action, why))
    return lines + ([_describe_release(plan)] if any(plan.demands) else [])


def _describe_release(plan: RunPlan) -> PlannedStage:
    """Return whether the dataset will be published, as far as that is known before the run."""
    select = committed(plan.of(Stage.SELECT))
    if select is None:
        action, why = "check", "it is published if what is selected covers what the workflow demands"
    else:
        short = plan.demands.shortfalls(total(select, plan.concepts.categories()))
        action, why = ("fail", told(short)) if short else ("pass", "what is selected covers what the workflow demands")
    return PlannedStage("release", "", FOLDER, action, why)
