"""What researchers load the shards with: webdataset, Hugging Face datasets, img2dataset, DuckDB, pandas."""

import importlib.util
import io
import json
import sys
import tarfile
import types
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from schemas.identity import sha256_hex


@pytest.fixture(scope="module")
def manifest(demo):
    return json.loads((demo / "dataset" / "manifest.json").read_bytes())


@pytest.fixture(scope="module")
def shards(demo):
    return sorted(map(str, (demo / "dataset" / "shards").glob("*.tar")))


@pytest.fixture(scope="module")
def parquet(demo):
    return sorted(map(str, (demo / "dataset" / "parquet").glob("*.parquet")))


def test_shards_are_numbered_from_zero_without_a_gap(shards, parquet):
    assert len(shards) > 1
    assert [Path(path).name for path in shards] == [f"{n:05d}.tar" for n in range(len(shards))]
    assert [Path(path).name for path in parquet] == [f"{n:05d}.parquet" for n in range(len(shards))]


def test_members_are_fixed(shards):
    for path in shards:
        with tarfile.open(path) as tar:
            infos = tar.getmembers()
        assert [info.name.split(".")[1] for info in infos] == ["jpg", "txt", "json"] * (len(infos) // 3)
        assert {(info.mtime, info.uid, info.gid, info.uname, info.gname) for info in infos} == {(0, 0, 0, "", "")}
        keys = [info.name.split(".")[0] for info in infos[::3]]
        assert keys == sorted(keys)
        assert all(key.isascii() and len(key) == 32 for key in keys)


@pytest.mark.filterwarnings("ignore")
def test_webdataset(shards, manifest):
    import webdataset

    loaded = list(
        webdataset.WebDataset(shards, shardshuffle=False, empty_check=False)
        .decode("pil")
        .to_tuple("jpg", "txt", "json")
    )
    assert len(loaded) == manifest["samples"]
    for image, text, metadata in loaded:
        assert image.size == (metadata["width"], metadata["height"])
        assert text == metadata["caption"] == unicodedata.normalize("NFC", text)


@pytest.mark.filterwarnings("ignore")
def test_hugging_face_datasets(shards, parquet, manifest, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    rows = datasets.load_dataset("parquet", data_files=parquet, split="train", cache_dir=str(tmp_path / "p"))
    assert isinstance(rows.features["image"], datasets.Image)
    assert len(rows) == manifest["samples"]
    assert rows[0]["image"].size == (rows[0]["width"], rows[0]["height"])
    wds = datasets.load_dataset("webdataset", data_files=shards, split="train", cache_dir=str(tmp_path / "w"))
    assert isinstance(wds.features["jpg"], datasets.Image)
    assert sorted(wds["__key__"]) == sorted(rows["key"])
    assert wds[0]["txt"]


def test_duckdb_and_pandas(parquet, manifest):
    import duckdb
    import pandas

    glob = str(Path(parquet[0]).parent / "*.parquet")
    ((count, keys),) = duckdb.sql(f"SELECT count(*), count(DISTINCT key) FROM '{glob}'").fetchall()
    assert (count, keys) == (manifest["samples"],) * 2
    frame = pandas.read_parquet(parquet[0])
    first = frame.iloc[0]
    assert sha256_hex(first["image"]["bytes"]) == first["sha256"] == json.loads(first["metadata"])["sha256"]
    assert Image.open(io.BytesIO(first["image"]["bytes"])).format == "JPEG"


def test_img2dataset_reads_the_parquet_as_a_url_list(parquet, manifest, tmp_path, monkeypatch):
    """img2dataset's own reader takes our Parquet as input. Its package imports a downloader that asks the network on
    import, so its reader module is loaded by itself."""
    spec = importlib.util.find_spec("img2dataset")
    package = types.ModuleType("img2dataset")
    package.__path__ = list(spec.submodule_search_locations)
    monkeypatch.setitem(sys.modules, "img2dataset", package)
    from img2dataset.reader import Reader

    folder = str(Path(parquet[0]).parent)
    reader = Reader(folder, "parquet", "url", "caption", None, None, ["key"], 1000, set(), str(tmp_path))
    total = 0
    for _, shard in reader:
        table = __import__("pyarrow").ipc.open_file(shard).read_all()
        total += table.num_rows
        assert table.column_names == ["key", "caption", "url"]
    assert total == manifest["samples"]


def test_samples_are_named_as_img2dataset_names_them(shards):
    """open_clip and others read img2dataset's members: {key}.jpg, .txt, .json with these names in the JSON."""
    with tarfile.open(shards[0]) as tar:
        metadata = json.load(tar.extractfile(tar.getmembers()[2]))
    assert {"caption", "url", "key", "status", "width", "height", "original_width", "original_height", "sha256"} <= set(
        metadata
    )
    assert metadata["status"] == "success"
