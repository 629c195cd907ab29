import os
import shutil
from pathlib import Path

import pytest

from pipelines.errors import InputRefused, StageFailed
from pipelines.ledger import Ledger
from pipelines.progress import Job, ProgressNotes, begin_job
from pipelines.status import committed_at, current_ledger, run_status

NOW = 1_000.0
AFTER_CRAWL = ["extract", "screen", "fetch", "dedupe", "select", "pack"]


def uncommit(output, *stages):
    for stage in stages:
        (Path(output.stages[stage].folder) / "manifest.json").unlink()


def test_a_finished_run_is_committed_throughout_with_its_counts(output):
    found = run_status(output.folder, NOW)
    assert found.workflow == "작은 모음"
    assert [(stage.stage, stage.state, stage.done) for stage in found.stages] == [
        (stage, "committed", 0) for stage in AFTER_CRAWL
    ]
    counts = {stage.stage: stage.counts for stage in found.stages}
    assert counts["screen"] == {"in": 3, "keep": 2, "drop:caption_too_short": 1}
    assert found.stages[0].fingerprint == output.stages["extract"].manifest.fingerprint


def test_a_stage_at_work_says_how_far_its_workers_are(output):
    uncommit(output, "pack")
    for worker in range(2):
        notes = ProgressNotes(f"{output.stages['pack'].folder}/attempt-1")
        notes.reuse(worker)
        notes.advance(3)
        notes.finish()
    pack = run_status(output.folder, NOW).stages[-1]
    assert (pack.state, pack.done, pack.reused, pack.counts) == ("running", 7, 1, {})


def test_a_job_at_work_says_how_much_there_is_to_do_and_how_long_it_will_take(output):
    uncommit(output, "fetch")
    attempt = f"{output.stages['fetch'].folder}/attempt-1"
    begin_job(attempt, Job("fetch", 30, "images", 8, NOW - 5))
    notes = ProgressNotes(attempt)
    notes.reuse(5)
    notes.advance(10)
    notes.finish()
    fetch = run_status(output.folder, NOW).stages[2]
    assert (fetch.stage, fetch.job, fetch.unit, fetch.done, fetch.total) == ("fetch", "fetch", "images", 15, 30)
    assert (fetch.partitions, fetch.of_partitions, fetch.rate, fetch.seconds_left) == (1, 8, 2.0, 7.5)


def test_a_stage_that_was_tried_twice_says_how_far_the_last_try_is(output):
    uncommit(output, "pack")
    for attempt, done in (("attempt-1", 5), ("attempt-0", 2)):
        notes = ProgressNotes(f"{output.stages['pack'].folder}/{attempt}")
        notes.advance(done)
        notes.finish()
        os.utime(f"{output.stages['pack'].folder}/{attempt}", (done, -done + 10**9))
    assert run_status(output.folder, NOW).stages[-1].done == 2


def test_a_stage_that_was_not_begun_waits(output):
    shutil.rmtree(output.stages["pack"].folder)
    pack = run_status(output.folder, NOW).stages[-1]
    assert (pack.stage, pack.state, pack.done) == ("pack", "waiting", 0)


@pytest.mark.parametrize("ask", [lambda out: run_status(out, NOW), current_ledger])
def test_a_folder_without_a_run_is_told(tmp_path, ask):
    with pytest.raises(InputRefused, match="holds no run of harubang; give the folder that was --out"):
        ask(str(tmp_path))


@pytest.mark.parametrize("ask", [lambda out: run_status(out, NOW), current_ledger])
def test_a_record_that_is_none_is_told(tmp_path, ask):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InputRefused, match="not a run record"):
        ask(str(tmp_path))


def test_a_manifest_that_is_none_is_told(output):
    (Path(output.stages["fetch"].folder) / "manifest.json").write_text("{")
    with pytest.raises(StageFailed, match="not a stage manifest"):
        run_status(output.folder, NOW)


def test_the_ledger_is_that_of_the_last_stage_that_counts_candidates(output):
    assert current_ledger(output.folder) == Ledger(3, 2, {"caption_too_short": 1}, True)
    uncommit(output, "select", "screen")
    assert current_ledger(output.folder) == Ledger(3, 3, {}, True)
    uncommit(output, "extract")
    with pytest.raises(InputRefused, match="no candidates are counted yet"):
        current_ledger(output.folder)


def test_what_is_not_committed_is_none(output):
    assert committed_at(output.folder, "extract-00000000") is None
    assert committed_at(output.folder, Path(output.stages["extract"].folder).name) == output.stages["extract"]
