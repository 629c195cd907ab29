"""The demo's selection run again: several captions a picture, and evaluation sets; loaded as researchers load it."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

EACH, LISTED = "select.captions=each", "select.captions=list"


@pytest.fixture(scope="module")
def again(demo, tmp_path_factory, run_harubang):
    """Return a function that runs the demo with other settings, from the stages that the demo has committed."""

    def run(*overrides):
        out = tmp_path_factory.mktemp("captions") / "out"
        shutil.copytree(demo, out)
        sets = [word for override in overrides for word in ("--set", override)]
        done = run_harubang("run", "workflows/demo.yaml", "--out", out, *sets)
        assert done.returncode == 0, done.stderr
        ledger = json.loads(run_harubang("ledger", out, "--json").stdout)
        assert ledger["balanced"]
        return out, ledger

    return run


def files_of(out):
    dataset = Path(out) / "dataset"
    return sorted(map(str, (dataset / "shards").glob("*.tar"))), sorted(
        map(str, (dataset / "parquet").glob("*.parquet"))
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("override", [EACH, LISTED])
def test_samples_with_the_captions_of_their_copies_load(again, demo, run_harubang, monkeypatch, tmp_path, override):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets
    import webdataset

    out, ledger = again(override)
    shards, parquet = files_of(out)
    before = json.loads(run_harubang("ledger", demo, "--json").stdout)["kept"]
    loaded = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil"))
    rows = datasets.load_dataset("parquet", data_files=parquet, split="train", cache_dir=str(tmp_path / "p"))
    wds = datasets.load_dataset("webdataset", data_files=shards, split="train", cache_dir=str(tmp_path / "w"))
    assert len(loaded) == len(rows) == len(wds) == ledger["kept"]
    assert isinstance(rows.features["image"], datasets.Image)
    assert len({sample["__key__"] for sample in loaded}) == ledger["kept"]
    if override == EACH:
        assert ledger["kept"] > before
        assert len(set(rows["sha256"])) == before
        assert "captions" not in rows.features
    else:
        assert ledger["kept"] == before
        assert max(map(len, rows["captions"])) > 1
        assert all(row["captions"][0] == row["caption"] for row in rows.select_columns(["captions", "caption"]))
        assert all(len(sample["json"]["captions"]) == len(sample["json"]["caption_pages"]) for sample in loaded)
    assert json.loads(run_harubang("verify", out, "--json").stdout)["ok"]


def test_what_an_evaluation_set_holds_is_not_in_the_dataset(again, demo, tmp_path, run_harubang):
    row = pq.read_table(files_of(demo)[1][0]).slice(0, 2).to_pylist()
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "a.jpg").write_bytes(row[0]["image"]["bytes"])
    (tmp_path / "captions.txt").write_text(row[1]["caption"], encoding="utf-8")
    sets = f"select.exclude_near=[{tmp_path}/eval, {{path: {tmp_path}/captions.txt, name: ko}}]"
    out, ledger = again(sets)
    assert ledger["dropped"]["near_evaluation_image"] >= 1
    assert ledger["dropped"]["evaluation_caption"] >= 1
    left = [key for path in files_of(out)[1] for key in pq.read_table(path, columns=["key"])["key"].to_pylist()]
    assert not {row[0]["key"], row[1]["key"]} & set(left)
    told = run_harubang("trace", out, row[0]["key"]).stdout.decode()
    assert "near_evaluation_image eval: a.jpg, the same bytes" in told
    (tmp_path / "eval" / "b.jpg").write_bytes(b"\xff\xd8\xff")
    planned = run_harubang("plan", "workflows/demo.yaml", "--out", out, "--set", sets).stdout.decode()
    assert [line.split()[1] for line in planned.splitlines() if line.startswith(("dedupe", "select"))] == [
        "skip",
        "run",
    ]
    refused = run_harubang("run", "workflows/demo.yaml", "--out", out, "--set", sets)
    assert refused.returncode == 2
    assert "select.exclude_near: eval: b.jpg: image_undecodable" in refused.stderr.decode()
