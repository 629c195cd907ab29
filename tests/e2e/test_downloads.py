"""Curating what img2dataset downloaded: no network, every row in the books, pictures upright."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from tests.pipelines.download_maker import sample, write_download

CAPTIONS = (
    "제주 성읍마을 입구에 서 있는 돌하르방",
    "경주 첨성대 앞에서 찍은 가을 풍경",
    "한복을 입고 경복궁을 걷는 사람들",
    "부산 감천문화마을의 알록달록한 집들",
)


def photograph(seed, size=(400, 300)):
    """Draw noise of every octave, which the image filters take for a photograph."""
    random = np.random.default_rng(seed)
    layers = [random.integers(0, 256, (3 * 2**n, 4 * 2**n, 3), dtype=np.uint8) for n in range(7)]
    scaled = [np.asarray(Image.fromarray(layer).resize(size, Image.Resampling.BICUBIC), float) for layer in layers]
    pixels = sum((layer - 128) * 0.7**n for n, layer in enumerate(scaled)) * 0.5 + 128
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=90)
    return out.getvalue()


PHOTOGRAPHS = [photograph(seed) for seed in range(4)]


def samples():
    sideways = json.dumps({"Image Orientation": "Rotated 90 CW"})
    kept = [sample(n, image, caption=CAPTIONS[n]) for n, image in enumerate(PHOTOGRAPHS)]
    kept[3][0]["exif"] = sideways
    again = sample(0, PHOTOGRAPHS[0], key="000000004", caption="돌하르방이 지키는 성읍마을 남문 앞 골목길")
    english = sample(5, photograph(5), caption="A statue in Jeju island")
    gone = sample(6, None)
    return [*kept, again, english, gone]


@pytest.fixture(scope="module")
def done(run_harubang, tmp_path_factory):
    folder = tmp_path_factory.mktemp("download")
    shard = write_download(folder / "laion", "webdataset", samples())
    write_download(folder / "laion", "webdataset", [sample(9, PHOTOGRAPHS[1])], shard=1, count=2)
    workflow = folder / "w.yaml"
    workflow.write_text(f"name: laion\nsources:\n  img2dataset: [{{path: {folder / 'laion'}, page: page}}]\n")
    ran = run_harubang("run", workflow, "--out", folder / "out")
    assert ran.returncode == 0, ran.stderr
    return folder / "out", shard


def test_the_books_balance_and_every_drop_has_its_reason(done, run_harubang):
    out, _ = done
    ledger = json.loads(run_harubang("ledger", out, "--json").stdout)
    assert ledger["dropped"]["http_status"] == 1
    assert ledger["dropped"]["source_count_wrong"] == 1
    assert ledger["dropped"]["caption_not_korean"] == 1
    assert ledger["dropped"]["duplicate_exact"] == 2
    assert (ledger["candidates"], ledger["kept"]) == (9, 4)
    assert run_harubang("verify", out).returncode == 0


def test_samples_hold_the_pictures_upright_and_say_where_they_came_from(done, run_harubang):
    out, shard = done
    with tarfile.open(out / "dataset" / "shards" / "00000.tar") as tar:
        members = {name: tar.extractfile(name).read() for name in tar.getnames()}
    told = {row["caption"]: row for row in (json.loads(data) for name, data in members.items() if ".json" in name)}
    turned = told[CAPTIONS[3]]
    assert (turned["width"], turned["height"], turned["orientation"]) == (300, 400, 6)
    assert Image.open(io.BytesIO(members[f"{turned['key']}.jpg"])).size == (300, 400)
    assert turned["caption_path"] == "000000003.jpg"
    assert (turned["source_kind"], turned["page_url"]) == ("img2dataset", "http://a.test/page/3")
    story = json.loads(run_harubang("trace", out, turned["key"], "--json").stdout)
    (lineage,) = story["lineage"]
    assert lineage["source"].startswith(shard)
    assert (lineage["fetched_at"], lineage["consent"]) == ("", [])
    assert "`source_kind` is `img2dataset`" in (out / "dataset" / "README.md").read_text()


def test_a_second_run_would_do_nothing(done, run_harubang):
    out, _ = done
    plan = run_harubang("plan", out.parent / "w.yaml", "--out", out).stdout.decode()
    assert plan.count("skip") == 6
