"""The same content gives the same root: again, with two workers, with shuffled sources, on another port."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pipelines.embedded_web import write_sources
from pipelines.run import read_run_record
from pipelines.stage import REUSED
from pipelines.status import committed_at
from tests.e2e.conftest import DEMO, harubang, root_of
from tests.loopback_web import served_folder

CAPTIONS = [
    "제주 돌문화공원 입구에 서 있는 돌하르방",
    "경주 첨성대에 걸린 저녁달",
    "설날 아침 색동 한복을 입은 아이들",
    "처마 밑에 매달린 메주와 곶감",
    "성산일출봉 위로 떠오르는 아침 해",
    "장독대에 눈이 소복이 쌓인 한옥 마당",
]


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """A folder of pictures on a real server, and a table that lists each of them, some twice."""
    folder = tmp_path_factory.mktemp("web")
    rows = []
    for number in range(36):
        noise = np.random.default_rng(number).integers(0, 256, (240, 320, 3), dtype=np.uint8)
        Image.fromarray(noise).filter(ImageFilter.GaussianBlur(14)).save(folder / f"{number}.jpg", quality=92)
        rows.append((f"{number}.jpg", f"{CAPTIONS[number % 6]}의 {number}번째 풍경과 사람들"))
    rows += [(rows[0][0], "같은 사진을 달리 설명한 돌하르방의 옆모습"), rows[1]]
    with served_folder(folder) as base:
        yield base, rows


def workflow_of(folder, base, tables):
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, rows in enumerate(tables):
        path = folder / f"t{number}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["url", "caption"])
            writer.writerows((f"{base}/{name}", caption) for name, caption in rows)
        paths.append(f"{{path: {path}}}")
    workflow = folder / "workflow.yaml"
    workflow.write_text(
        f"name: tables\nsources: {{tables: [{', '.join(paths)}]}}\n"
        "network: {allow_loopback: true, delay_seconds: 0, connections_per_host: 8}\n"
        "pack: {samples_per_shard: 10}\n",
        encoding="utf-8",
    )
    return workflow


def run(workflow, out, *options):
    done = harubang("run", workflow, "--out", out, *options)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return root_of(out)


@pytest.fixture(scope="module")
def first(web, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    base, rows = web
    return run(workflow_of(folder, base, [rows]), folder / "out"), folder


def test_two_worker_processes_give_the_same_root(web, first, tmp_path):
    base, rows = web
    two = ["--", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    assert run(workflow_of(tmp_path, base, [rows]), tmp_path / "out", *two) == first[0]


def test_img2dataset_gives_the_same_root_and_what_it_fetched_is_not_asked_for_again(web, first, tmp_path):
    base, rows = web
    workflow, out = workflow_of(tmp_path, base, [rows]), tmp_path / "out"
    assert run(workflow, out, "--set", "fetch.engine=img2dataset") == first[0]
    assert tallies_of_fetch(out)["keep"] == 36
    assert run(workflow, out) == first[0]
    assert tallies_of_fetch(out)[REUSED] == 36


def tallies_of_fetch(out):
    return committed_at(str(out), read_run_record(str(out)).folders["fetch"]).manifest.tallies


def test_shuffled_candidates_in_other_files_give_the_same_samples(web, first, tmp_path):
    base, rows = web
    mixed = [rows[i] for i in np.random.default_rng(7).permutation(len(rows))]
    run(workflow_of(tmp_path, base, [mixed[:11], mixed[11:20], mixed[20:]]), tmp_path / "out")
    assert samples(tmp_path / "out") == samples(first[1] / "out")


def samples(out):
    """Return the samples of the tars without the name of the source file, which the shuffle changed."""
    import json
    import tarfile

    found = []
    for path in sorted((Path(out) / "dataset" / "shards").iterdir()):
        with tarfile.open(path) as tar:
            for info in tar:
                data = tar.extractfile(info).read()
                if info.name.endswith(".json"):
                    metadata = json.loads(data)
                    del metadata["source_name"]
                    data = json.dumps(metadata).encode()
                found.append((info.name, data))
    return found


def test_a_run_again_skips_every_stage_and_keeps_the_root(first, run_harubang):
    root, folder = first
    before = sorted((folder / "out" / "stages").glob("*/*"))
    done = run_harubang("run", folder / "workflow.yaml", "--out", folder / "out")
    assert done.returncode == 0
    assert root_of(folder / "out") == root
    assert sorted((folder / "out" / "stages").glob("*/*")) == before
    plan = run_harubang("plan", folder / "workflow.yaml", "--out", folder / "out").stdout.decode()
    assert [line.split()[1] for line in plan.splitlines()] == ["skip"] * 6


def test_a_changed_threshold_runs_selection_and_not_the_fetch(first, run_harubang):
    _, folder = first
    plan = run_harubang(
        "plan", folder / "workflow.yaml", "--out", folder / "out", "--set", "select.on_unknown=keep"
    ).stdout.decode()
    assert {line.split()[0]: line.split()[1] for line in plan.splitlines()} == {
        "extract": "skip",
        "screen": "skip",
        "fetch": "skip",
        "dedupe": "skip",
        "select": "run",
        "pack": "run",
    }


def test_the_demo_gives_the_same_root_again_and_by_two_worker_processes(demo, tmp_path):
    two = ["--", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    assert run(DEMO, tmp_path / "out", *two) == root_of(demo)


def test_the_embedded_sources_are_the_same_bytes(tmp_path):
    first, second = (write_sources(tmp_path / name) for name in "ab")
    for one, other in zip((*first.warc, *first.tables), (*second.warc, *second.tables), strict=True):
        assert one.read_bytes() == other.read_bytes()
