"""Other engines give the bytes that the embedded one gives."""

import json

from tests.e2e.conftest import DEMO, harubang, root_of


def test_two_worker_processes_of_a_job_service_give_the_same_root(demo, worker_pools, tmp_path):
    out = tmp_path / "out"
    done = harubang("run", DEMO, "--out", out, "--", *worker_pools, timeout=600)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert root_of(out) == root_of(demo)
    assert json.loads(harubang("verify", out, "--json").stdout)["ok"]
    started = [(tmp_path / name / "log").read_text().count("Starting worker") for name in ("one", "two")]
    assert sum(started) > 0
