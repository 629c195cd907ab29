"""A stage's life: its fingerprint and folder, the Beam job that fills an attempt, the books, the commit.

A stage owns ``stages/<stage>-<fingerprint8>/``. Workers write parts into ``attempt-…/`` below it. The job's last step
gathers what they report; when the books balance, one manifest is published that lists every part with its sha256 and
row count. Readers read only what a manifest lists, so an attempt that died is never seen. What it had finished of a
unit of work that asks the network lies in ``saved/`` (see `pipelines.saved`) and is taken up by the next.
"""

from __future__ import annotations

import secrets
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.options.pipeline_options import PipelineOptions

from filters.caption_safety import safe_report
from pipelines import saved, storage
from pipelines.errors import StageFailed
from pipelines.network import PACE_FIELDS
from pipelines.parts import AttemptPlace, Done, Part, Tally, Work
from pipelines.progress import Job, ProgressLine, begin_job
from pipelines.run_log import RunLog
from pipelines.runner import make_pipeline
from pipelines.s3 import StoreRefused
from schemas.identity import canonical_json, fingerprint
from schemas.reasons import Outcome

IN = "in"
"""Heading of the records a stage took in."""
KEEP = "keep"
"""Heading of the records that went on."""
DROP = "drop:"
"""Prefix of the headings of dropped records; the reason follows."""
REUSED = "reused"
"""Heading of the records that a killed run, or an earlier stage, had done already: those in no need of a request."""
NOT_DECODED = "not_decoded"
"""Heading of the images that came, but whose bytes an earlier stage has decoded and stored."""

_MANIFEST = "manifest.json"
_RESULT = "result.json"


class StagePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage would do: everything its fingerprint covers, and where it lives."""

    stage: str
    covers: dict[str, Any]
    root: str

    @property
    def fingerprint(self) -> str:
        """The sha256 of all that decides this stage's output: config, versions, inputs."""
        return fingerprint([self.stage, self.covers])

    @property
    def folder(self) -> str:
        """The stage's own folder."""
        return storage.join(self.root, "stages", f"{self.stage}-{self.fingerprint[:8]}")


class StageManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The commit record of a stage. ``tallies`` are the books: see `balance`."""

    stage: str
    fingerprint: str
    covers: dict[str, Any]
    parts: list[Part]
    tallies: dict[str, int]

    def table(self, name: str) -> list[Part]:
        """Return the parts of one table in the order of their partitions."""
        return sorted((part for part in self.parts if part.table == name), key=lambda p: (p.partition, p.path))

    def rows(self, name: str) -> int:
        """Return the row count of one table."""
        return sum(part.rows for part in self.table(name))


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """A committed stage as the next one reads it."""

    folder: str
    manifest: StageManifest

    def paths(self, table: str) -> list[str]:
        """Return the full paths of a table's parts, in order."""
        return [storage.join(self.folder, part.path) for part in self.manifest.table(table)]


def committed(plan: StagePlan) -> Committed | None:
    """Return the stage if its manifest is published, else None.

    Raises:
        StageFailed: the manifest there is of another fingerprint or cannot be read.
    """
    path = storage.join(plan.folder, _MANIFEST)
    if not storage.exists(path):
        return None
    found = read_manifest(path)
    if found.fingerprint != plan.fingerprint:
        raise StageFailed(f"{path}: belongs to fingerprint {found.fingerprint}, not {plan.fingerprint}; remove it")
    return Committed(folder=plan.folder, manifest=found)


def earlier_stages(plan: StagePlan, *, but: frozenset[str], tables: frozenset[str]) -> list[Committed]:
    """Return the stages of the same output whose answers from the network are as good as new ones, by folder.

    They are committed, of the same name, cover the same except for the keys ``but`` and the pace they asked at, and
    still have every part of ``tables``.

    Raises:
        StageFailed: the manifest of one cannot be read.
    """
    wanted = _without_pace(plan.covers, but)
    found = []
    for stage in committed_stages(plan.root, plan.stage):
        if stage.manifest.fingerprint == plan.fingerprint or _without_pace(stage.manifest.covers, but) != wanted:
            continue
        if all(storage.exists(path) for table in tables for path in stage.paths(table)):
            found.append(stage)
    return found


def committed_stages(root: str, name: str) -> list[Committed]:
    """Return every committed stage of one name in the output ``root``, by folder.

    Raises:
        StageFailed: the manifest of one cannot be read.
    """
    return [
        Committed(folder=path.removesuffix(f"/{_MANIFEST}"), manifest=read_manifest(path))
        for path in storage.below(storage.join(root, "stages"), f"{name}-*/{_MANIFEST}")
    ]


def _without_pace(covers: Mapping[str, Any], but: frozenset[str]) -> str:
    rest = {key: value for key, value in covers.items() if key not in but}
    rest["network"] = {key: value for key, value in covers.get("network", {}).items() if key not in PACE_FIELDS}
    return canonical_json(rest)


def read_manifest(path: str) -> StageManifest:
    """Return the manifest at ``path``.

    Raises:
        StageFailed: it cannot be read or is not a stage manifest.
    """
    try:
        return msgspec.json.decode(storage.read_bytes(path), type=StageManifest)
    except OSError as error:
        raise StageFailed(f"{path}: {error}; run the same command to resume") from error
    except msgspec.MsgspecError as error:
        raise StageFailed(
            f"{path}: not a stage manifest ({error}); remove the folder to run the stage again"
        ) from error


def outcome_tallies(books: Mapping[tuple[str, str], int]) -> list[Tally]:
    """Return the books of (outcome, reason) counts: how many came in, were kept, were dropped for each reason."""
    counts: Counter[str] = Counter()
    for (outcome, reason), number in books.items():
        counts[IN] += number
        counts[KEEP if outcome == Outcome.KEEP else DROP + reason] += number
    return [Tally(heading, number) for heading, number in sorted(counts.items())]


def balance(stage: str, tallies: dict[str, int], *, expected: int | None = None) -> None:
    """Check the conservation law: in = kept + Σ dropped by reason, and in = what the inputs hold.

    Raises:
        StageFailed: the books do not balance.
    """
    came = tallies.get(IN, 0)
    went = tallies.get(KEEP, 0) + sum(number for heading, number in tallies.items() if heading.startswith(DROP))
    if came != went:
        raise StageFailed(f"{stage}: {came} records came in but {went} are accounted for")
    if expected is not None and came != expected:
        raise StageFailed(f"{stage}: the inputs hold {expected} records but {came} came in")


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at running a stage; workers get its folder and name."""

    plan: StagePlan
    name: str
    options: PipelineOptions
    log: RunLog | None = None

    @property
    def place(self) -> AttemptPlace:
        """Where this try's files go."""
        return AttemptPlace(self.plan.folder, self.name)

    def run(
        self,
        expand: Callable[[beam.Pipeline], beam.PCollection[Done]],
        *,
        total: int | None = None,
        unit: str = "rows",
        partitions: int | None = None,
        label: str = "",
    ) -> Done:
        """Run one Beam job and return what its workers report, parts sorted and tallies summed.

        ``total`` is how many of ``unit`` there are to do, ``partitions`` the most units of work that do them.

        Raises:
            StageFailed: the job failed; the message is the first line of its error.
        """
        result = storage.join(self.place.path, f"{label}{_RESULT}")
        job = Job(label or self.plan.stage, total, unit, partitions, time.time())
        logged = {"stage": self.plan.stage, "fingerprint": self.plan.fingerprint, "job": job.label}
        try:
            begin_job(self.place.path, job)
            if self.log is not None:
                self.log.add("started", {**logged, "total": total, "unit": unit, "partitions": partitions})
            with ProgressLine(job, self.place.path, shown=self.log is None or self.log.stream is None):
                pipeline = make_pipeline(self.options)
                reports = expand(pipeline)
                nothing = pipeline | "nothing" >> beam.Create([Done([], [])])  # a job without work has a report too
                keyed = [
                    some | f"{name} keyed" >> beam.Map(_keyed).with_output_types(tuple[int, Done])
                    for name, some in (("reports", reports), ("no report", nothing))
                ]
                gathered = keyed | "all reports" >> beam.Flatten() | "gather" >> beam.GroupByKey()
                _ = gathered | "note" >> beam.ParDo(_WriteReport(result))
                pipeline.run().wait_until_finish()
            done = msgspec.json.decode(storage.read_bytes(result), type=Done)
        except Exception as error:
            where = self._note_traceback(error)
            raise StageFailed(
                f"{self.plan.stage}: {_last_line(error)}{where}; run the same command to resume"
            ) from error
        if self.log is not None:
            self.log.add_work(done.work, logged)
            self.log.write_if_possible()
        return done._replace(work=())

    def _note_traceback(self, error: Exception) -> str:
        """Write the traceback beside the attempt's files, if the disk lets us, and say where.

        Code of other people quotes what it cannot read, so identifiers in it are replaced.
        """
        path = storage.join(self.place.path, "error.txt")
        try:
            report = safe_report("".join(traceback.format_exception(error)))
            storage.write_bytes(path, report.encode("utf-8", "backslashreplace"))
        except (OSError, StoreRefused):
            return ""  # the disk or the store is what failed
        return f" (traceback: {path})"

    def commit(self, done: Done, *, expected: int | None = None) -> Committed:
        """Check the books, publish the manifest, and clear away attempts that died.

        Raises:
            StageFailed: the books do not balance, or the manifest cannot be written.
        """
        tallies = {tally.heading: tally.number for tally in done.tallies}
        balance(self.plan.stage, tallies, expected=expected)
        manifest = StageManifest(
            stage=self.plan.stage,
            fingerprint=self.plan.fingerprint,
            covers=self.plan.covers,
            parts=done.parts,
            tallies=tallies,
        )
        try:
            storage.write_bytes(
                storage.join(self.plan.folder, _MANIFEST), msgspec.json.format(msgspec.json.encode(manifest), indent=1)
            )
        except OSError as error:
            raise StageFailed(f"{self.plan.stage}: {_last_line(error)}") from error
        stage = Committed(folder=self.plan.folder, manifest=manifest)
        clear_leftovers(stage)
        return stage


def new_attempt(plan: StagePlan, options: PipelineOptions, log: RunLog | None = None) -> Attempt:
    """Return a new try at ``plan``; its name is new, so that a zombie of an older try cannot write into it."""
    return Attempt(plan=plan, name=f"attempt-{secrets.token_hex(4)}", options=options, log=log)


def clear_leftovers(stage: Committed) -> None:
    """Remove from a committed stage's folder what its manifest does not need.

    That is attempts that died, work that was saved and not used, exchange files, and files that were being written when
    a run was killed: also one that was killed right after the manifest was published.
    """
    listed = {part.path for part in stage.manifest.parts}
    needed = {path.split("/", 1)[0] for path in listed}
    for attempt in storage.folders(stage.folder, "attempt-"):
        if attempt not in needed:
            storage.remove_tree(storage.join(stage.folder, attempt))
            continue
        for working in ("progress", "exchange"):
            storage.remove_tree(storage.join(stage.folder, attempt, working))
    storage.remove_unlisted(stage.folder, saved.FOLDER, listed)
    storage.remove_unfinished(stage.folder)


def _last_line(error: BaseException) -> str:
    """Return the line that says what went wrong; worker processes hand over a whole traceback as text."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = str(error)
    if "Traceback" in text:
        lines = [line for line in text.splitlines() if line and not line.startswith((" ", "\t"))]
        errors = [line for line in lines if "Error" in line.split(":", 1)[0] or "Failed" in line.split(":", 1)[0]]
        text = (errors or lines or [text])[0]
    first = text.strip().splitlines()[0] if text.strip() else ""
    return f"{type(error).__name__}: {safe_report(first)}"


def merge_done(reports: Iterable[Done]) -> Done:
    """Return the reports as one: parts in a total order, tallies summed."""
    counts: Counter[str] = Counter()
    parts: list[Part] = []
    work: list[Work] = []
    for report in reports:
        parts.extend(report.parts)
        work.extend(report.work)
        for tally in report.tallies:
            counts[tally.heading] += tally.number
    tallies = [Tally(heading, number) for heading, number in sorted(counts.items())]
    return Done(sorted(set(parts)), tallies, tuple(sorted(work)))


def _keyed(report: Done) -> tuple[int, Done]:
    return 0, report


class _WriteReport(beam.DoFn):
    """Writes the merged report where the driver reads it; twice the same is harmless."""

    def __init__(self, path: str) -> None:
        self._path = path

    def process(self, gathered: tuple[int, Iterable[Done]]) -> None:
        """Write them as one, as JSON. They come one by one, so that no element grows with their number."""
        storage.write_bytes(self._path, msgspec.json.encode(merge_done(gathered[1])))
