"""How much a run would do: candidates, images, bytes, core-hours and hours of asking, before it is begun.

What is committed already is counted; the rest is estimated from a sample of the sources (`pipelines.source_sample`),
what stages cost (`pipelines.stage_costs`) and what earlier fetches of the same output got. No request is made. Every
number says what it rests on, and what had to be assumed is said in words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from filters.url import host_of
from pipelines.download_shards import DOWNLOADED
from pipelines.exchange import partitions_for
from pipelines.extract import SourceUnit
from pipelines.network import Network
from pipelines.parts import read_batches
from pipelines.plan import RunPlan
from pipelines.screen import ScreenRules, screen_rows
from pipelines.source_sample import FileSample, SourceSample, sample_sources
from pipelines.stage import IN, KEEP, Committed, committed, committed_stages
from pipelines.stage_costs import COSTS, MEASURED
from pipelines.text_counts import CorpusCounts
from pipelines.workflow import Workflow
from schemas.identity import partition_of
from schemas.reasons import Outcome, Stage
from schemas.records import CandidateRow, ScreenedRow

SCREENED: Final = 4_000
"""Candidates of a sample that are screened: those of the smallest ids, which are hashes."""
PARTS: Final = 4
"""Parts of a committed table that are looked into. What is in which part is decided by a hash."""
SUCCESS: Final = 0.79
"""Of the URLs of CC12M, 0.792 led to an image in 2022 (img2dataset, issue 242)."""
RAW_BYTES: Final = 192_000
"""At the most: 1,300 images a second filled 2 Gbit/s in the download of LAION-400M (img2dataset's own account)."""
STORED_BYTES, STORED_SIDE = 37_600, 384
"""LAION-5B: 220 TB for 5.85 billion images of 384 pixels (img2dataset's own account); bytes go with the area."""


NOT_SAMPLED: Final = SourceSample([], 0, 0, [])
ASSUMED_OF_A_SAMPLE: Final = (
    "the beginning of a file is like the rest of it",
    "texts and URLs repeat no more in the whole than in the sample: fewer may pass the screen and be asked for",
)


class Number(msgspec.Struct, frozen=True):
    """An estimate with its bounds, and what it ``rests`` on: counted, sampled, earlier, published or unknown.

    The bounds of what is sampled are two standard errors wide (Cochran, Sampling Techniques, 3rd ed., 6.4: the ratio
    estimate, files being the units) and leave out what is assumed; with one file read in part there are none.
    """

    value: float | None
    low: float | None
    high: float | None
    rests: str


UNKNOWN: Final = Number(None, None, None, "unknown")


def counted(number: float) -> Number:
    """Return a number that is known."""
    return Number(number, number, number, "counted")


class Asking(msgspec.Struct, frozen=True):
    """How long politeness alone makes a fetch last, in hours; see `asking`."""

    hosts: int
    busiest_host: str
    busiest_urls: float
    hours_at_least: float
    hours_one_worker: float


class Estimate(msgspec.Struct, frozen=True):
    """What a run would do. Bytes are of images as they come and as they are stored; hours are of one core."""

    sampled_files: int
    of_files: int
    sampled_bytes: int
    of_bytes: int
    pages: Number
    candidates: Number
    kept: Number
    urls: Number
    images: Number
    raw_bytes: Number
    stored_bytes: Number
    core_hours: dict[str, float]
    asking: Asking | None
    assumed: list[str]


class Fetched(NamedTuple):
    """What becomes of a URL: how many lead to an image, and an image's mean bytes as it came and as it is stored."""

    success: float
    raw_bytes: float
    stored_bytes: float
    rests: str


def scaled(sample: SourceSample, number: Callable[[FileSample], float]) -> Number:
    """Return the total over all files of a number that is known of the sampled ones, by the ratio to their bytes."""
    files = sample.files
    pairs = [(file.read, number(file)) for file in files]
    read, seen = sum(x for x, _ in pairs), sum(y for _, y in pairs)
    if not files or read >= sample.of_bytes:
        return counted(seen)
    ratio = seen / read
    total = ratio * sample.of_bytes
    if len(files) < 2:
        return Number(total, None, None, "sampled")
    mean = read / len(files)
    spread = sum((y - ratio * x) ** 2 for x, y in pairs) / (len(files) - 1)
    left = 1 - read / sample.of_bytes
    error = 2 * sample.of_bytes * math.sqrt(left * spread / len(files)) / mean
    return Number(total, max(seen, total - error), total + error, "sampled")


def times(number: Number, factor: float, rests: str = "") -> Number:
    """Return ``number`` by a factor that is itself known only as well as ``rests`` says."""
    if number.value is None:
        return UNKNOWN
    low, value, high = (None if x is None else x * factor for x in (number.low, number.value, number.high))
    return Number(value, low, high, rests or number.rests)


def asking(urls: Sequence[str], total: float, network: Network) -> Asking | None:
    """Return how long it takes to ask for ``total`` URLs that are spread over hosts as ``urls`` are.

    A host is asked once in ``delay_seconds``, for its robots.txt and like files too, so the busiest one bounds the
    time with any number of workers. One worker does one partition of hosts after the other, each as long as the
    busiest host in it.
    """
    if not urls:
        return None
    hosts = Counter(map(host_of, urls))
    scale = total / len(urls)
    extra = 1 + len(network.consent_files)
    partitions = partitions_for(round(total))
    slowest: dict[int, float] = {}
    for host, number in hosts.items():
        seconds = (number * scale + extra) * network.delay_seconds
        partition = partition_of(host, partitions)
        slowest[partition] = max(seconds, slowest.get(partition, 0.0))
    busiest = min(hosts, key=lambda host: (-hosts[host], host))
    return Asking(
        hosts=len(hosts),
        busiest_host=busiest,
        busiest_urls=hosts[busiest] * scale,
        hours_at_least=max(slowest.values()) / 3600,
        hours_one_worker=sum(slowest.values()) / 3600,
    )


def _screen(rows: list[CandidateRow], rules: ScreenRules) -> list[ScreenedRow]:
    judged = sorted(rows, key=lambda row: (row.candidate_id, row.source_kind, row.source))[:SCREENED]
    return list(screen_rows(judged, rules, CorpusCounts.of(rows)))


def _committed_urls(screened: Committed) -> Iterator[tuple[str, str]]:
    """Yield the kind of source and image URL of the kept candidates in a few parts of the screened table."""
    for path in screened.paths("screened")[:PARTS]:
        for batch in read_batches(path, ["source_kind", "image_url", "outcome"]):
            kinds, urls, outcomes = (batch.column(n).to_pylist() for n in ("source_kind", "image_url", "outcome"))
            yield from ((k, u) for k, u, o in zip(kinds, urls, outcomes, strict=True) if o == Outcome.KEEP)


def fetched_before(out: str, max_side: int) -> Fetched:
    """Return what became of URLs in the largest earlier fetch of the output, or else what is published of others."""
    stages = committed_stages(out, Stage.FETCH)
    seen = max(stages, key=lambda stage: (stage.manifest.tallies.get(KEEP, 0), stage.folder), default=None)
    rows = images = raw = stored = 0
    for path in seen.paths("images")[:PARTS] if seen is not None else []:
        for batch in read_batches(path, ["outcome", "raw_bytes", "stored_bytes"]):
            for outcome, came, kept in zip(*(batch.column(n).to_pylist() for n in range(3)), strict=True):
                rows += 1
                raw += came
                images += outcome == Outcome.KEEP
                stored += kept if outcome == Outcome.KEEP else 0
    if images == 0:
        return Fetched(SUCCESS, RAW_BYTES, STORED_BYTES * (max_side / STORED_SIDE) ** 2, "published")
    return Fetched(images / rows, raw / images, stored / images, "earlier")


class Counted(NamedTuple):
    """What is known of a run's records: how many, and (kind of source, image URL) of some that pass the screen."""

    sample: SourceSample
    pages: Number
    candidates: Number
    kept: Number
    found: list[tuple[str, str]]


def count_records(workflow: Workflow, plan: RunPlan, units: Sequence[SourceUnit], assumed: list[str]) -> Counted:
    """Count what is committed, sample ``units`` for the rest, and add to ``assumed`` what that takes for granted."""
    extracted, screened = committed(plan.of(Stage.EXTRACT)), committed(plan.of(Stage.SCREEN))
    pages = candidates = kept = UNKNOWN
    if extracted is not None:
        tallies = extracted.manifest.tallies
        pages = counted(sum(number for heading, number in tallies.items() if heading.startswith("pages:")))
        candidates = counted(tallies.get(IN, 0))
    if screened is not None:
        kept = counted(screened.manifest.tallies.get(KEEP, 0))
        return Counted(NOT_SAMPLED, pages, candidates, kept, list(_committed_urls(screened)))
    sample = sample_sources(units, agent=workflow.network.agent)
    if not sample.files:
        return Counted(sample, pages, candidates, kept, [])
    if extracted is None:
        pages, candidates = scaled(sample, lambda file: file.pages), scaled(sample, lambda file: len(file.candidates))
    rows = [row for file in sample.files for row in file.candidates]
    judged = _screen(rows, ScreenRules(workflow.screen, workflow.safety, plan.concepts.entries))
    passed = [row for row in judged if row.outcome == Outcome.KEEP]
    share = len(passed) / len(judged) if judged else 0.0
    everything = len(judged) == len(rows) and sum(file.read for file in sample.files) >= sample.of_bytes
    kept = times(candidates, share, "counted" if everything else "sampled")
    assumed += [f"{path}: one JSON array, too large to look into; it is not counted" for path in sample.unread]
    if not everything:
        assumed += ASSUMED_OF_A_SAMPLE
    return Counted(sample, pages, candidates, kept, [(row.source_kind, row.image_url) for row in passed])


def estimate(workflow: Workflow, plan: RunPlan, out: str) -> Estimate | None:
    """Return the estimate of a run, or None where its images are there already."""
    if committed(plan.of(Stage.FETCH)) is not None:
        return None
    assumed: list[str] = []
    units = [file.unit for file in plan.files] + _crawled(workflow, plan, out, assumed)
    sample, pages, candidates, kept, found = count_records(workflow, plan, units, assumed)
    distinct = set(found)
    asked = sorted(url for kind, url in distinct if kind != DOWNLOADED)
    share_asked = len(asked) / len(distinct) if distinct else 1.0
    urls = times(kept, len(distinct) / len(found) if found else 1.0)
    before = fetched_before(out, workflow.fetch.max_side)
    if before.rests == "published" and asked:
        assumed.append(
            f"{SUCCESS:.0%} of URLs lead to an image (CC12M, 2022), of at most {RAW_BYTES / 1000:.0f} kB as it comes "
            f"(LAION-400M) and about {before.stored_bytes / 1000:.0f} kB as stored (LAION-5B, by area)"
        )
    images = times(urls, 1 - share_asked + share_asked * before.success, before.rests)
    assumed.append(f"a stage costs what was measured: {MEASURED}")
    return Estimate(
        sampled_files=len(sample.files),
        of_files=sample.of_files,
        sampled_bytes=sum(file.read for file in sample.files),
        of_bytes=sample.of_bytes,
        pages=pages,
        candidates=candidates,
        kept=kept,
        urls=urls,
        images=images,
        raw_bytes=times(images, before.raw_bytes),
        stored_bytes=times(images, before.stored_bytes),
        core_hours=_core_hours(plan, candidates, urls, images),
        asking=asking(asked, (urls.value or 0.0) * share_asked, workflow.network),
        assumed=assumed,
    )


def _crawled(workflow: Workflow, plan: RunPlan, out: str, assumed: list[str]) -> list[SourceUnit]:
    """Return the archives of the plan's crawl, or of the largest earlier one of the output; say what is not known."""
    if workflow.sources.crawl is None and workflow.sources.embedded_web is None:
        return []
    if workflow.sources.embedded_web is not None:
        assumed.append("the embedded web's own WARC files and tables are not counted")
    done = committed(plan.of(Stage.CRAWL))
    if done is None:
        earlier = committed_stages(out, Stage.CRAWL)
        done = max(earlier, key=lambda stage: (stage.manifest.rows("pages"), stage.folder), default=None)
        limit = f"at most {workflow.sources.crawl.max_pages:,} pages" if workflow.sources.crawl is not None else "small"
        if done is None:
            assumed.append(f"what the crawl will find is not known before it ({limit}) and not counted")
            return []
        assumed.append(f"the crawl will find what an earlier one of this output found ({limit})")
    parts = done.manifest.table("warc")
    return [SourceUnit("crawl", path, part.size) for path, part in zip(done.paths("warc"), parts, strict=True)]


def _core_hours(plan: RunPlan, candidates: Number, urls: Number, images: Number) -> dict[str, float]:
    """Return the CPU time of each stage that is to run, in hours of one core, as far as its units are known."""
    units = {
        Stage.EXTRACT: candidates,
        Stage.SCREEN: candidates,
        Stage.FETCH: urls,
        Stage.DEDUPE: images,
        Stage.SELECT: candidates,
        Stage.PACK: images,
    }
    return {
        str(stage): number.value * COSTS[stage].microseconds / 3.6e9
        for stage, number in units.items()
        if number.value is not None and committed(plan.of(stage)) is None
    }


def tell(found: Estimate) -> Iterator[str]:
    """Yield the estimate as lines of text."""
    if found.of_files:
        read, whole = found.sampled_bytes / 1e6, found.of_bytes / 1e6
        yield f"estimate from {found.sampled_files:,} of {found.of_files:,} files, {read:,.1f} of {whole:,.1f} MB"
    else:
        yield "estimate from what is committed"
    names = ("pages", "candidates", "kept", "urls", "images")
    labels = ("pages", "candidates", "pass the screen", "URLs to ask for", "images")
    for label, number in zip(labels, (getattr(found, name) for name in names), strict=True):
        yield f"  {label:<17}{_tell(number, 1, '')}"
    for label, number in (("bytes to come", found.raw_bytes), ("bytes to store", found.stored_bytes)):
        yield f"  {label:<17}{_tell(number, 1e9, ' GB')}"
    hours = "  ".join(f"{stage} {number:,.3g}" for stage, number in found.core_hours.items())
    told = f"{sum(found.core_hours.values()):,.3g}  ({hours})" if hours else "not known"
    yield f"  {'core-hours':<17}{told}"
    if found.asking is not None:
        a = found.asking
        yield (
            f"  {'hours of asking':<17}at least {a.hours_at_least:,.3g}, with one worker {a.hours_one_worker:,.3g}"
            f"  ({a.hosts:,} hosts seen; {a.busiest_host} has {a.busiest_urls:,.0f} URLs)"
        )
    for line in found.assumed:
        yield f"  assumed: {line}"


def _tell(number: Number, unit: float, name: str) -> str:
    if number.value is None:
        return "not known"
    form = ",.0f" if unit == 1 else ",.3g"
    text = f"{number.value / unit:{form}}{name}"
    if number.rests == "counted":
        return text
    if number.low is None or number.high is None:
        return f"about {text}  ({number.rests})"
    return f"about {text}  ({number.low / unit:{form}} to {number.high / unit:{form}}, {number.rests})"
