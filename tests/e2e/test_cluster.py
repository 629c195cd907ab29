"""A real Flink cluster and a real object store, both on this machine, of which one process after another is killed.

The parts are where ``make cluster-parts`` puts them, in ``.tools``, or in the folder that HARUBANG_CLUSTER_PARTS names.
"""

import base64
import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from apache_beam.coders import VarIntCoder

from pipelines.dataset import read_dataset_manifest
from pipelines.stage import read_manifest
from tests.e2e.conftest import ROOT
from tests.loopback_web import LoopbackWeb, small_site, small_workflow
from tests.processes import descendants, ended_within
from workflows.cluster import servers

TOOLS = Path(os.environ.get("HARUBANG_CLUSTER_PARTS") or ROOT / ".tools")
KILLED = ("taskmanager", "worker", "pool", "store")
LET_THROUGH = 4  # images that are answered before one is killed
WITHIN = 240  # seconds that a run may take on a busy machine, with what it waits for a process to come back


def find_parts():
    """Return the first engine whose parts are there, and the parts; skip where there are none."""
    why = ""
    for engine in ("flink-1.20", "flink-1.19"):
        try:
            return engine, servers.find_parts(engine, TOOLS)
        except servers.ClusterError as error:
            why = str(error)
    pytest.skip(why)


class Cluster:
    """A cluster of which processes can be killed and started again."""

    def __init__(self, stack, folder):
        engine, self.parts = find_parts()
        self.stack, self.folder = stack, folder
        self.port = servers.free_port()
        few_tries = {"AWS_MAX_ATTEMPTS": "2", "AWS_EC2_METADATA_DISABLED": "true"}
        self.variables = {**servers.store_variables(self.port), **few_tries}
        store = servers.start_store(stack, folder, self.parts.store, self.port)
        started = servers.start_cluster(stack, folder, engine, self.parts, self.variables)
        self.options, self.pools, self.pages = started.options, started.pools, started.pages
        self.processes = {**started.processes, "store": store}

    def workers(self):
        """Return the pools' workers and what they started."""
        pools = (self.processes[name].pid for name in self.pools)
        return [worker for pool in pools for forks in descendants(pool) for worker in descendants(forks)]

    def fetching(self):
        """Return the number of the TaskManager whose worker is at work in the fetch, and that worker."""
        for number, name in enumerate(self.pools, 1):
            for worker in reversed(descendants(self.processes[name].pid)):
                if any(b"decode_child" in Path(f"/proc/{child}/cmdline").read_bytes() for child in descendants(worker)):
                    return number, worker
        raise AssertionError("no worker has a decoder")

    def kill(self, kind):
        """Kill one that is needed for the fetch; start a TaskManager or a pool anew. Nothing it started may stay."""
        number, worker = self.fetching()
        name = {"taskmanager": f"taskmanager-{number}", "pool": f"pool-{number}"}.get(kind, kind)
        process = worker if kind == "worker" else self.processes[name].pid
        started = descendants(process)
        os.kill(process, signal.SIGKILL)
        assert ended_within(20, started)
        if kind == "pool":
            again = servers.start_pool(self.stack, self.folder / name, self.pools[name], self.variables)
            self.processes[name] = again
        elif kind == "taskmanager":
            self.processes[name] = servers.start_task_manager(self.stack, self.folder, self.parts, number)

    def counters(self):
        """Return what Flink's REST API has of our counters, by name, for each job that finished."""
        jobs = [job["jid"] for job in self.asked("/jobs/overview")["jobs"] if job["state"] == "FINISHED"]
        coder = VarIntCoder()
        counted = []
        for job in jobs:
            said = self.asked(f"/jobs/{job}/accumulators")["user-task-accumulators"]
            entries = [entry for value in said for entry in json.loads(value["value"])["metrics"]["attempted"]]
            ours = [entry for entry in entries if entry["labels"].get("NAMESPACE") == "harubang"]
            payloads = {entry["labels"]["NAME"]: base64.b64decode(entry["payload"]) for entry in ours}
            counted.append({name: coder.decode(payload) for name, payload in payloads.items()})
        return counted

    def asked(self, path):
        with urllib.request.urlopen(self.pages + path, timeout=30) as answer:
            return json.load(answer)

    def start_store(self):
        self.processes["store"] = servers.start_store(self.stack, self.folder, self.parts.store, self.port)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with ExitStack() as stack:
        cluster = Cluster(stack, tmp_path_factory.mktemp("cluster"))
        yield cluster
        everything = [process.pid for process in cluster.processes.values()]
        everything += [child for process in everything for child in descendants(process)]
    assert ended_within(20, everything)


@pytest.fixture(scope="module")
def web():
    served = LoopbackWeb(small_site())
    yield served
    served.close()


@pytest.fixture(scope="module")
def workflow(web, tmp_path_factory):
    """A workflow over a table of all images of the web: some are near copies, one of each site is not there."""
    folder = tmp_path_factory.mktemp("workflow")
    with (folder / "images.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["url", "caption", "page"])
        for seed, name in enumerate(
            sorted([*web.routes, *(f"{host}.test/none.jpg" for host in ("ga0", "na0", "da0"))])
        ):
            if name.endswith(".jpg"):
                rows.writerow(
                    [f"http://{name}", f"제주 바닷가 마을의 돌하르방 풍경 {seed}", f"http://{name.split('/')[0]}/"]
                )
    text = small_workflow(web)
    text["sources"] = {
        "tables": [{"path": str(folder / "images.csv"), "url": "url", "caption": "caption", "page": "page"}]
    }
    (folder / "workflow.yaml").write_text(json.dumps(text))
    return folder / "workflow.yaml"


@pytest.fixture(scope="module")
def undisturbed(workflow, cluster):
    """Where the store keeps the output of a run on the embedded engine that nothing happened to."""
    code, _, err = finished(harubang("run", workflow, "--out", f"s3://{servers.BUCKET}/whole", **cluster.variables))
    assert code == 0, err
    return cluster.folder / "objects" / servers.BUCKET / "whole"


def harubang(*arguments, **variables):
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    environment = {**os.environ, **variables}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(process):
    try:
        out, err = process.communicate(timeout=WITHIN)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out.decode(), err.decode()


def finished_with_a_death(web, process, kill):
    """Call ``kill`` once some images have been answered and more are asked for; return what ``process`` came to."""
    asked, go_on = threading.Semaphore(0), threading.Event()

    def watch(path):
        asked.release()
        if sum(web.asked.values()) > LET_THROUGH:
            go_on.wait(WITHIN)

    web.asked.clear()
    web.watch = watch
    try:
        for _ in range(LET_THROUGH + 1):
            while not asked.acquire(timeout=1):
                assert process.poll() is None, finished(process)
        kill()
        go_on.set()
        return finished(process)
    finally:
        web.watch = lambda path: None
        go_on.set()
        process.kill()


@pytest.mark.parametrize("kind", KILLED)
def test_a_run_of_which_a_process_is_killed_gives_the_dataset_of_an_undisturbed_one(
    web, workflow, undisturbed, cluster, kind
):
    objects = cluster.folder / "objects" / servers.BUCKET / kind
    if kind != KILLED[0]:  # one is on the cluster from its first stage on, the others from the fetch
        for stage in [*(undisturbed / "stages").glob("extract-*"), *(undisturbed / "stages").glob("screen-*")]:
            shutil.copytree(
                stage, objects / "stages" / stage.name
            )  # with the attributes in which the store has its own
    out = f"s3://{servers.BUCKET}/{kind}"
    command = ("run", workflow, "--out", out, "--", *cluster.options)
    run = harubang(*command, **cluster.variables)
    code, _, err = finished_with_a_death(web, run, lambda: cluster.kill(kind))
    if kind == "store":  # it stayed away
        assert code == 3, err
        cluster.start_store()
    for _ in range(2):  # Flink may have begun the job again, or given it up
        if code == 0:
            break
        said = [line for line in err.splitlines() if line.startswith("harubang:")]
        assert (code, len(said)) == (3, 1), err
        assert "run the same command to resume" in said[0]
        code, _, err = finished(harubang(*command, **cluster.variables))
    assert code == 0, err

    expected = read_dataset_manifest(str(undisturbed))
    code, said, err = finished(harubang("verify", out, "--json", **cluster.variables))
    assert (code, json.loads(said)["root"]) == (0, expected.root), err
    code, said, err = finished(harubang("ledger", out, "--json", **cluster.variables))
    assert (code, json.loads(said)["balanced"]) == (0, True), err
    check_files(objects, read_dataset_manifest(str(objects)), expected)
    (fetch,) = (objects / "stages").glob("fetch-*")
    fetched = read_manifest(str(fetch / "manifest.json"))
    counted = [counters for counters in cluster.counters() if "rows:images" in counters]
    books = {"in", "keep", "drop:http_status"}
    assert counted
    for counters in counted:  # of this run's fetch, and those before
        assert counters["rows:images"] == counters["done"] == fetched.rows("images")
        assert {name: counters[name] for name in books} == {name: fetched.tallies[name] for name in books}
    assert ended_within(30, cluster.workers())


def check_files(out, manifest, expected):
    """Compare what lies on the store with what the manifests list, and with the dataset of an undisturbed run."""
    listed = {entry.path: (entry.bytes, entry.sha256) for entry in manifest.files}
    files = {path: (out / "dataset" / path).read_bytes() for path in listed}
    assert {path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()} == listed
    there = {path.relative_to(out / "dataset").as_posix() for path in (out / "dataset").rglob("*") if path.is_file()}
    assert there - listed.keys() <= {"manifest.json", "README.md", "concepts.parquet", "hashes/index.json"}
    samples = {entry for entry in manifest.files if not entry.path.startswith("lineage")}  # that has times
    assert samples == {entry for entry in expected.files if not entry.path.startswith("lineage")}
    assert listed.keys() == {entry.path for entry in expected.files}
    assert (manifest.ledger, manifest.stages) == (expected.ledger, expected.stages)
    for stage in (out / "stages").iterdir():
        parts = {part.path for part in read_manifest(str(stage / "manifest.json")).parts}
        left = {path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file()}
        assert {path for path in left if not path.endswith(".json")} == parts, stage.name
    assert [path for path in out.rglob("*") if ".lock" in path.name or "exchange" in path.parts] == []
