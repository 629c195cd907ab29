"""A run killed in any stage goes on where it was and ends in the same root, and leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import DEMO, ROOT, harubang, root_of

STAGES = ["crawl", "extract", "screen", "fetch", "dedupe", "select", "pack"]


def started(out):
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", "run", str(DEMO), "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_attempt(out, stage, process):
    """Return once an attempt of ``stage`` has begun to write."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if any(path.name != "job.json" for path in Path(out).glob(f"stages/{stage}-*/attempt-*/*")):
            return
        assert process.poll() is None, f"the run ended before {stage} was seen"
        time.sleep(0.005)
    pytest.fail(f"{stage} did not begin")


def alive(session):
    """Return the processes of a session that still run."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(folder.name)
    return found


def test_killed_in_every_stage_and_resumed(demo, tmp_path):
    """One output folder is killed in each stage in turn; every start goes on from what is committed."""
    out = tmp_path / "out"
    for stage in STAGES:
        process = started(out)
        wait_for_attempt(out, stage, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        manifests = {path.parent.name.split("-")[0] for path in out.glob("stages/*/manifest.json")}
        assert manifests >= set(STAGES[: STAGES.index(stage)]), stage
        deadline = time.monotonic() + 10
        while alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert alive(process.pid) == [], stage
    done = harubang("run", DEMO, "--out", out)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert root_of(out) == root_of(demo)
    assert json.loads(harubang("verify", out, "--json").stdout)["ok"]
    for folder in (out / "stages").iterdir():
        assert len(list(folder.glob("attempt-*"))) == (folder.name[:5] != "fetch"), folder.name  # its work is in saved/


def test_a_second_run_into_the_same_folder_is_refused_while_the_first_is_at_work(tmp_path):
    out = tmp_path / "out"
    process = started(out)
    wait_for_attempt(out, "crawl", process)
    second = harubang("run", DEMO, "--out", out)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert second.returncode == 2
    assert b"another run is at work there" in second.stderr
