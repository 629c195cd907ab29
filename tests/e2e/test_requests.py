"""What is asked of the web over several runs into one folder: killed, retried, changed. A server counts."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import saved
from pipelines.parts import AttemptPlace, read_rows
from pipelines.run import read_run_record
from pipelines.stage import NOT_DECODED, REUSED, read_manifest
from pipelines.status import run_status
from schemas.records import ImageRow, PageRow
from tests.e2e.conftest import ROOT, root_of
from tests.loopback_web import HTML, LoopbackWeb

HOSTS = [f"{name}.test" for name in ("ga", "na", "da")]
PAGES, IMAGES = 8, 3  # pages a host, images a page
SAVE_ROWS = 4
CONNECTIONS = 4
THINGS = ["돌하르방", "해녀", "한옥", "항아리", "김치", "감귤", "오름", "장독대"]


def picture(seed):
    rough = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rough).resize((240, 180), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


def site():
    """Return (content type, body) by host and path: a front page that links pages, pages that show images."""
    routes = {}
    for place, host in enumerate(HOSTS):
        links = "".join(f"<a href='/p{n}'>{n}</a>" for n in range(PAGES))
        routes[f"{host}/"] = (
            "text/html; charset=utf-8",
            f"<html><body><p>제주 이야기</p>{links}</body></html>".encode(),
        )
        for page in range(PAGES):
            shown = ""
            for number in range(IMAGES):
                seed = (place * PAGES + page) * IMAGES + number
                routes[f"{host}/i{page}-{number}.jpg"] = ("image/jpeg", picture(seed))
                caption = f"제주 바닷가 마을에서 만난 {THINGS[seed % len(THINGS)]} 풍경 {seed}"
                shown += f"<figure><img src='/i{page}-{number}.jpg'><figcaption>{caption}</figcaption></figure>"
            body = f"<html><body><h1>마을 {page}</h1>{shown}</body></html>".encode()
            routes[f"{host}/p{page}"] = (HTML, body)
    return routes


@pytest.fixture
def web():
    served = LoopbackWeb(site())
    yield served
    served.close()


@pytest.fixture
def workflow(web, tmp_path):
    path = tmp_path / "workflow.yaml"
    text = {
        "name": "counted",
        "sources": {"crawl": {"seeds": [f"http://{host}/" for host in HOSTS], "depth": 2}},
        "network": {
            "allow_loopback": True,
            "connect_to": {"*": web.address},
            "connections": CONNECTIONS,
            "delay_seconds": 0,
            "backoff_seconds": 0.01,
            "host_failures": 100,
            "max_tries": 1,
        },
        "fetch": {"processes": 1},
        "select": {"filters": []},
    }
    path.write_text(json.dumps(text))
    return path


def started(*arguments):
    """Start a run that saves its work every few URLs."""
    code = f"from pipelines import saved; saved.ROWS = {SAVE_ROWS}; from pipelines.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.fixture
def finished(call):
    """Run to the end, in this process."""

    def run(*arguments):
        done = call("run", *arguments)
        assert done.code == 0, done.err[-2000:]
        return done

    return run


@pytest.fixture
def asked_as_json(call):
    return lambda *arguments: json.loads(call(*arguments, "--json").out)


def saved_work(out):
    """Return the pages and images, as the server names them, that stages in ``out`` have saved or committed."""
    names = set()
    for stage in map(str, Path(out).glob("stages/*")):
        parts = [
            part
            for unit in Path(stage).glob("saved/*")
            for parts in saved.records(AttemptPlace(stage, f"saved/{unit.name}"))
            for part in parts
        ]
        if Path(stage, "manifest.json").exists():
            parts = read_manifest(f"{stage}/manifest.json").parts
        for part in parts:
            if "/crawl-" in stage and part.table == "pages":
                names |= {row.page_url.removeprefix("http://") for row in read_rows(f"{stage}/{part.path}", PageRow)}
            elif part.table == "images":
                names |= {row.image_url.removeprefix("http://") for row in read_rows(f"{stage}/{part.path}", ImageRow)}
    return names


def fetched(out):
    """Return the manifest of the fetch stage of the last run in ``out``."""
    return read_manifest(f"{out}/stages/{read_run_record(str(out)).folders['fetch']}/manifest.json")


def images_of(web):
    return {name for name in web.routes if name.endswith(".jpg")}


def test_a_run_killed_again_and_again_asks_for_nothing_that_it_had_saved(
    web, workflow, tmp_path, finished, asked_as_json
):
    finished(workflow, "--out", tmp_path / "whole")
    assert web.counted() == dict.fromkeys(web.routes, 1)
    assert asked_as_json("ledger", tmp_path / "whole")["kept"] == len(images_of(web))

    out = tmp_path / "out"
    asked = Counter()
    reused = 0
    seen = []  # what `harubang status` said of the run at work
    for ending, deaths in ((("/", *"01234567"), (9, 18)), ((".jpg",), (14, 33, 51))):
        for death in deaths:
            process = started(workflow, "--out", out)

            def kill_at(name, process=process, ending=ending, death=death):
                done = {n for n in {**asked, **web.asked} if n.endswith(ending) and n in web.routes}
                if name.endswith(ending) and len(done) >= death:
                    seen.append(run_status(str(out), time.time()).stages)
                    os.kill(process.pid, signal.SIGKILL)

            before = saved_work(out)
            web.watch = kill_at
            assert process.wait(240) == -signal.SIGKILL, process.stderr.read().decode()[-2000:]
            process.stderr.close()
            web.watch = lambda name: None
            now = web.counted()
            assert not before & now.keys()
            asked.update(now)
            assert len(asked.keys() - saved_work(out)) <= SAVE_ROWS + 2 * CONNECTIONS
            assert saved_work(out) >= before
            fetch = next(stage for stage in seen[-1] if stage.stage == "fetch")
            if ending == (".jpg",):
                assert (fetch.state, fetch.job, fetch.total, fetch.of_partitions) == ("running", "fetch", 72, 8)
                assert fetch.reused <= fetch.done <= 72
                assert fetch.partitions < 8
                assert fetch.rate >= 0
                everything = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
                asked_as_json("status", out)
                assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == everything
            else:
                assert fetch.state == "waiting"
            reused = max(reused, len(before))
    assert reused > 40
    before = saved_work(out)
    done = finished(workflow, "--out", out)
    assert "done before)" in done.err
    assert not before & web.counted().keys()
    assert root_of(out) == root_of(tmp_path / "whole")
    assert asked_as_json("ledger", out) == asked_as_json("ledger", tmp_path / "whole")
    assert asked_as_json("verify", out)["ok"]
    leftover = [path.name for path in out.glob("stages/*/saved/*/*") if path.name.startswith((".", "record"))]
    assert leftover == []


def test_what_failed_is_asked_for_again_alone_and_the_dataset_is_that_of_a_sound_web(
    web, workflow, tmp_path, call, finished, asked_as_json
):
    finished(workflow, "--out", tmp_path / "sound")
    web.counted()

    out = tmp_path / "out"
    refusing = {"ga.test/p1", "na.test/", "na.test/i2-0.jpg", "da.test/i0-0.jpg", "da.test/i7-2.jpg"}
    web.failing = set(refusing)
    finished(workflow, "--out", out)
    assert asked_as_json("ledger", out)["dropped"] == {"http_status": 4}
    first = web.counted()
    hidden = web.routes.keys() - first.keys()  # behind the front page that failed
    assert all(name.startswith(("na.test/", "ga.test/i1-")) for name in hidden)
    traced = asked_as_json("trace", out, "http://da.test/i0-0.jpg")
    assert [row["reason"] for row in traced["images"]] == ["http_status"]

    # Without being asked to, a run tries nothing again.
    finished(workflow, "--out", out)
    assert web.counted() == {}

    # The web is sound again but for one image.
    web.failing = {"da.test/i7-2.jpg"}
    planned = call("plan", workflow, "--out", out, "--retry-failed").out
    assert "what failed for a transient reason is asked for again" in planned
    finished(workflow, "--out", out, "--retry-failed")
    second = web.counted()
    assert second == dict.fromkeys((refusing & first.keys()) | hidden, 1)
    assert asked_as_json("ledger", out)["dropped"] == {"http_status": 1}

    # And then wholly so: only the fetch is run again.
    web.failing = set()
    finished(workflow, "--out", out, "--retry-failed")
    assert web.counted() == {"da.test/i7-2.jpg": 1}
    assert len(list(out.glob("stages/crawl-*"))) == 2
    assert root_of(out) == root_of(tmp_path / "sound")
    assert asked_as_json("ledger", out) == asked_as_json("ledger", tmp_path / "sound")
    traced = asked_as_json("trace", out, "http://da.test/i0-0.jpg")
    assert [row["reason"] for row in traced["images"]] == [""]
    assert [(row["reason"], row["http_status"]) for row in traced["earlier"]] == [("http_status", 503)]

    # A run afterwards, asked to or not, has nothing left to do, and the stages before may go.
    for arguments in ((), ("--retry-failed",)):
        finished(workflow, "--out", out, *arguments)
        assert web.counted() == {}
    current = set(json.loads((out / "run.json").read_bytes())["folders"].values())
    for folder in (out / "stages").iterdir():
        if folder.name not in current:
            shutil.rmtree(folder)
    assert asked_as_json("verify", out)["ok"]
    assert root_of(out) == root_of(tmp_path / "sound")


def test_a_changed_workflow_asks_only_for_what_no_earlier_stage_has(web, workflow, tmp_path, finished, asked_as_json):
    """And decodes only what none has: the third site shows pictures of the first."""
    out = tmp_path / "out"
    mirrored = [name for name in images_of(web) if name.startswith("da.test/") and not name.endswith("-0.jpg")]
    web.routes |= {name: web.routes[name.replace("da.", "ga.")] for name in mirrored}
    finished(workflow, "--out", out, "--set", "sources.crawl.seeds=[http://ga.test/, http://na.test/]")
    web.counted()
    root = root_of(out)

    # A third site, another pace: pages and images that are there are not asked for.
    finished(workflow, "--out", out, "--set", "network.delay_seconds=0.001")
    assert web.counted() == dict.fromkeys((name for name in web.routes if name.startswith("da.test/")), 1)
    assert root_of(out) != root
    counts = fetched(out).tallies
    assert (counts["in"], counts[REUSED], counts[NOT_DECODED]) == (len(images_of(web)), 48, len(mirrored))
    assert asked_as_json("verify", out)["ok"]
    finished(workflow, "--out", tmp_path / "fresh")
    assert NOT_DECODED not in fetched(tmp_path / "fresh").tallies
    ends = [json.loads((folder / "dataset" / "manifest.json").read_bytes()) for folder in (out, tmp_path / "fresh")]
    assert [ends[0][name] for name in ("root", "ledger")] == [ends[1][name] for name in ("root", "ledger")]
    web.counted()

    # Back to two sites: nothing at all is asked for.
    finished(
        workflow,
        "--out",
        out,
        "--set",
        "network.delay_seconds=0.002",
        "--set",
        "sources.crawl.seeds=[http://ga.test/, http://na.test/]",
    )
    assert web.counted() == {}
    assert root_of(out) == root

    # Other pixels: the images are asked for, the pages are not.
    finished(workflow, "--out", out, "--set", "fetch.max_side=128")
    assert web.counted() == dict.fromkeys(images_of(web), 1)
    assert NOT_DECODED not in fetched(out).tallies
    assert asked_as_json("verify", out)["ok"]
