"""The state of an output folder: each stage, whether it is committed, its counts, how far a live one is."""

from __future__ import annotations

import msgspec

from pipelines import storage
from pipelines.errors import InputRefused
from pipelines.ledger import Ledger, ledger_of
from pipelines.progress import done_so_far, job_at_work, pace
from pipelines.run import recorded_run
from pipelines.stage import Committed, read_manifest
from schemas.reasons import Stage


class StageStatus(msgspec.Struct, frozen=True):
    """One stage: ``state`` is committed, running (an attempt is there, maybe of a dead run) or waiting.

    The rest is of the job that a running one is at: ``done`` records of ``total``, ``reused`` of them finished before
    its last try, ``partitions`` finished of at most ``of_partitions``; ``rate`` is in records a second since the job
    began and ``seconds_left`` what the rest takes at that rate. None: not known.
    """

    stage: str
    fingerprint: str
    state: str
    counts: dict[str, int]
    done: int = 0
    reused: int = 0
    job: str = ""
    unit: str = ""
    total: int | None = None
    partitions: int = 0
    of_partitions: int | None = None
    rate: float | None = None
    seconds_left: float | None = None


class RunStatus(msgspec.Struct, frozen=True):
    """The whole folder."""

    workflow: str
    stages: list[StageStatus]


def run_status(out: str, now: float) -> RunStatus:
    """Return the state of the last run in ``out`` at the time ``now`` (seconds since 1970). Nothing is written.

    Raises:
        InputRefused: ``out`` holds no run.
    """
    record = recorded_run(out)
    stages = []
    for stage, folder in record.folders.items():
        found = committed_at(out, folder)
        place = storage.join(out, "stages", folder)
        attempts = storage.folders(place, "attempt-") if found is None else {}
        state = "committed" if found is not None else "running" if attempts else "waiting"
        counts = found.manifest.tallies if found is not None else {}
        status = StageStatus(stage, record.fingerprints[stage], state, counts)
        last = max(attempts, key=lambda name: (attempts[name], name), default=None)
        stages.append(status if last is None else _at_work(status, storage.join(place, last), now))
    return RunStatus(str(record.workflow["name"]), stages)


def _at_work(status: StageStatus, attempt: str, now: float) -> StageStatus:
    """Return a running stage's state with how far its last attempt is."""
    done, reused, partitions = progress = done_so_far(attempt)
    status = msgspec.structs.replace(status, done=done, reused=reused, partitions=partitions)
    job = job_at_work(attempt)
    if job is None:
        return status
    rate, left = pace(progress, job.total, now - job.started)
    return msgspec.structs.replace(
        status,
        job=job.label,
        unit=job.unit,
        total=job.total,
        of_partitions=job.partitions,
        rate=round(rate, 2),
        seconds_left=None if left is None else round(left, 1),
    )


def committed_at(out: str, folder: str) -> Committed | None:
    """Return the committed stage in ``out``/stages/``folder``, or None."""
    place = storage.join(out, "stages", folder)
    path = storage.join(place, "manifest.json")
    return Committed(folder=place, manifest=read_manifest(path)) if storage.exists(path) else None


def current_ledger(out: str) -> Ledger:
    """Return the ledger after the last committed stage that counts candidates.

    Raises:
        InputRefused: ``out`` holds no run, or nothing was counted yet.
    """
    record = recorded_run(out)
    for stage in (Stage.SELECT, Stage.SCREEN, Stage.EXTRACT):
        found = committed_at(out, record.folders[stage])
        if found is not None:
            return ledger_of(found)
    raise InputRefused(f"{out}: no candidates are counted yet; run the workflow again to go on")
