"""Sources, stages and the dataset on an S3 server: the same bytes as on a local disk, and no half of anything."""

import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from pipelines import s3, storage
from pipelines.dataset import read_dataset_manifest
from tests.e2e.conftest import DEMO, ROOT, harubang, root_of
from tests.e2e.test_faults import write_warc

NETWORK = "network: {allow_loopback: true, delay_seconds: 0, connect_seconds: 1, total_seconds: 2, max_tries: 1}\n"


def start(out):
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", "run", str(DEMO), "--out", out],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_run_killed_on_a_store_and_resumed_gives_the_dataset_of_a_local_run(demo, s3_folder):
    process = start(s3_folder)
    try:
        deadline = time.monotonic() + 500
        while not storage.find(f"{s3_folder}/stages/fetch-*/attempt-*/**"):
            assert process.poll() is None, "the run ended before its fetch was seen"
            assert time.monotonic() < deadline
            time.sleep(0.3)
        second = harubang("run", DEMO, "--out", s3_folder)
        states = {stage["stage"]: stage["state"] for stage in status_of(s3_folder)["stages"]}
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert (second.returncode, b"another run is at work there" in second.stderr) == (2, True)
    assert [states[stage] for stage in ("screen", "fetch", "pack")] == ["committed", "running", "waiting"]

    done = harubang("run", DEMO, "--out", s3_folder)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    manifest = read_dataset_manifest(s3_folder)
    assert manifest.root == root_of(demo)
    assert manifest.ledger == read_dataset_manifest(str(demo)).ledger
    left = files_but_logs(s3_folder)
    for stage in ("crawl", "extract", "screen", "fetch", "dedupe", "select", "pack"):
        files = [name for name in left if name.startswith(f"stages/{stage}-")]
        attempts = {name.split("/")[2] for name in files if not name.endswith("manifest.json")} - {"saved"}
        assert files
        assert len(attempts) <= 1, stage  # none where all that a stage made lies in saved
    assert not [name for name in left if ".lock" in name or "/exchange/" in name or "publishing" in name]
    assert b'"ok":true' in harubang("verify", s3_folder, "--json").stdout
    assert b'"balanced":true' in harubang("ledger", s3_folder, "--json").stdout
    key = next(name for name in rows(s3_folder, manifest))
    assert harubang("trace", s3_folder, key).stdout.decode().startswith(f"{key}\n")
    again = harubang("run", DEMO, "--out", s3_folder)
    assert again.returncode == 0
    assert files_but_logs(s3_folder) == left


def files_but_logs(out):
    """Return the names below ``out``; every run adds a log, also one that has nothing left to do."""
    return [name for name in storage.files_below(out) if not name.startswith("log/")]


def status_of(out):
    return msgspec.json.decode(harubang("status", out, "--json").stdout)


def rows(out, manifest):
    import pyarrow.parquet as pq

    for entry in manifest.files:
        if entry.path.startswith("lineage/"):
            with storage.open_to_read(f"{out}/dataset/{entry.path}") as file:
                yield from pq.read_table(file, columns=["key"]).column("key").to_pylist()


@pytest.fixture
def workflow(s3_folder, tmp_path):
    """A workflow over archives on the store, without images: their host answers nothing."""
    for name in ("one", "two"):
        write_warc(tmp_path / name, range(5))
        storage.write_bytes(f"{s3_folder}/sources/{name}.warc.gz", (tmp_path / name).read_bytes())
    path = tmp_path / "workflow.yaml"
    path.write_text(f"name: archives\nsources: {{warc: ['{s3_folder}/sources/*.warc.gz']}}\n{NETWORK}")
    return path


def test_sources_on_a_store_are_found_by_a_glob(s3_folder, workflow, call, tmp_path):
    answer = call("run", workflow, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert "candidates 10" in " ".join(answer.out.split())


def test_a_source_that_is_not_there_is_refused(s3_folder, workflow, call):
    answer = call("run", workflow, "--out", s3_folder, "--set", f"sources.warc=[{s3_folder}/none.warc.gz]")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "none.warc.gz: there is no such file" in answer.err


@pytest.mark.parametrize(
    ("fault", "method", "part"),
    [
        (403, "GET", "/sources/two"),
        (404, "GET", "/sources/two"),
        ("reset", "GET", "/sources/two"),
        (404, "GET", "/stages/extract-"),
        ("cut", "GET", "/stages/extract-"),
        (503, "PUT", "/screened-"),
        (500, "PUT", "/manifest.json"),
        ("reset", "PUT", "/dataset/README.md"),
    ],
)
def test_a_store_that_fails_ends_in_one_line_and_the_run_resumes(
    s3_folder, s3_proxy, workflow, call, fault, method, part
):
    out = f"{s3_folder}/out"
    s3_proxy.fault = lambda asked, path: fault if asked == method and part in path else None
    answer = call("run", workflow, "--out", out)
    s3_proxy.fault = lambda asked, path: None
    if (fault, part) == (404, "/sources/two"):  # the file is gone: that is an outcome, and the ledger has it
        assert answer.code == 0, answer.err
        assert "dropped: source_missing 1" in " ".join(answer.out.split())
        return
    lines = [line for line in answer.err.splitlines() if line.startswith("harubang:")]
    assert (answer.code, len(lines)) == (3, 1), answer.err
    assert "run the same command to resume" in lines[0]
    assert {404: "no such object", "reset": "onnection", "cut": "IncompleteRead"}.get(fault, str(fault)) in lines[0]
    assert "Traceback" not in answer.err
    assert read_dataset_manifest(out) is None
    assert not s3.head(f"{out}/.lock")
    again = call("run", workflow, "--out", out)
    assert again.code == 0, again.err
    assert "candidates 10" in " ".join(again.out.split())
    assert call("verify", out).code == 0


def test_a_store_that_is_slow_for_a_moment_is_waited_for(s3_folder, s3_proxy, workflow, call):
    asked = set()

    def once(method, path):
        first = (method, path) not in asked
        asked.add((method, path))
        return 503 if first and method == "PUT" else None

    s3_proxy.fault = once
    answer = call("run", workflow, "--out", f"{s3_folder}/out")
    assert answer.code == 0, answer.err
