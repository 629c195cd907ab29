"""The state of an output folder: each stage, whether it is committed, its counts, how far a live one is."""

from __future__ import annotations

import msgspec

from pipelines import storage
from pipelines.errors import InputRefused
from pipelines.ledger import Ledger, ledger_of
from pipelines.progress import Progress, done_so_far
from pipelines.run import recorded_run
from pipelines.stage import Committed, read_manifest
from schemas.reasons import Stage


class StageStatus(msgspec.Struct, frozen=True):
    """One stage: ``state`` is committed, running (an attempt is there, maybe of a dead run) or waiting.

    ``done`` counts what a running one has finished, ``reused`` how much of it was finished before its last try.
    """

    stage: str
    fingerprint: str
    state: str
    counts: dict[str, int]
    done: int
    reused: int


class RunStatus(msgspec.Struct, frozen=True):
    """The whole folder."""

    workflow: str
    stages: list[StageStatus]


def run_status(out: str) -> RunStatus:
    """Return the state of the last run in ``out``.

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
        last = max(attempts, key=lambda name: (attempts[name], name), default=None)
        progress = done_so_far(storage.join(place, last)) if last is not None else Progress(0, 0)
        counts = found.manifest.tallies if found is not None else {}
        stages.append(StageStatus(stage, record.fingerprints[stage], state, counts, *progress))
    return RunStatus(str(record.workflow["name"]), stages)


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
