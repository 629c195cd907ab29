"""Other engines give the bytes that the embedded one gives."""

import json

from tests.e2e.conftest import DEMO, harubang, root_of

STAGES = ["crawl", "extract", "screen", "fetch", "dedupe", "select", "pack"]


def test_a_worker_process_of_a_job_service_gives_the_same_root(demo, worker_pools, tmp_path):
    out = tmp_path / "out"
    done = harubang("run", DEMO, "--out", out, "--", *worker_pools, timeout=600)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert root_of(out) == root_of(demo)
    assert json.loads(harubang("verify", out, "--json").stdout)["ok"]
    (log,) = (out / "log").iterdir()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["stage"] for line in lines if line["event"] == "unit"} == set(STAGES)
    assert [line["stage"] for line in lines if line["event"] == "committed"] == STAGES
    assert "starting worker" in (tmp_path / "workers" / "log").read_text()
