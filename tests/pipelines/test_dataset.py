import itertools
import json
import os
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.near_duplicates import DuplicateRules
from pipelines import s3, storage
from pipelines.concept_counts import ConceptCounts, read_table, table_bytes
from pipelines.dataset import (
    DatasetFile,
    DatasetManifest,
    Ledger,
    dataset_card,
    files_of,
    publish,
    read_dataset_manifest,
    root_of,
)
from pipelines.errors import StageFailed
from pipelines.hash_index import index_bytes
from pipelines.parts import Part
from pipelines.stage import Committed, StageManifest
from schemas.identity import sha256_hex
from schemas.records import ConceptCount

CONCEPTS = ConceptCounts(
    (
        ConceptCount("문화유산", "돌하르방", 2),
        ConceptCount("문화유산", "첨성대", 0),
        ConceptCount("음식", "김치", 1_000),
        ConceptCount("음식", "떡국", 1),
    ),
    {"문화유산": 2, "음식": 1_001},
)
INDEX_JSON = index_bytes(DuplicateRules(), 0)
LEDGER = Ledger(5, 3, {"caption_url": 2}, True)
FILES = [
    DatasetFile("shards/00000.tar", 10, "a" * 64, 2),
    DatasetFile("shards/00001.tar", 11, "b" * 64, 1),
    DatasetFile("parquet/00000.parquet", 12, "c" * 64, 2),
    DatasetFile("lineage/00000.parquet", 13, "d" * 64, 2),
    DatasetFile("README.md", 14, "e" * 64, 0),
]


def packed(folder, contents):
    """A committed pack stage of shards with the given contents, each with its twin and lineage."""
    parts = []
    (folder / "attempt-1").mkdir(parents=True)
    for number, content in enumerate(contents):
        for table, ending in (("shards", "tar"), ("parquet", "parquet"), ("lineage", "parquet")):
            data = f"{table} {content}".encode()
            name = f"attempt-1/{table}-{number}-{sha256_hex(data)[:12]}.{ending}"
            (folder / name).write_bytes(data)
            parts.append(Part(table, number, name, len(data), sha256_hex(data), 2))
    manifest = StageManifest(stage="pack", fingerprint="f", covers={}, parts=parts, tallies={})
    return Committed(folder=str(folder), manifest=manifest)


def put(out, pack, **changes):
    about = {
        "name": "작은 모음",
        "licence": "apache-2.0",
        "ledger": LEDGER,
        "concepts": CONCEPTS,
        "hashes": [],
        "index": INDEX_JSON,
        "stages": {"pack": "f"},
        "version": "0.1",
    }
    return publish(str(out), pack, **(about | changes))


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# The root


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::17])
def test_the_root_does_not_depend_on_the_order_of_files(order):
    assert root_of([FILES[n] for n in order]) == root_of(FILES)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"rows": 9}, {"path": "shards/00009.tar"}])
def test_the_root_changes_with_every_file_that_holds_samples(number, change):
    changed = list(FILES)
    changed[number] = msgspec.structs.replace(FILES[number], **change)
    assert root_of(changed) != root_of(FILES)
    assert root_of(FILES[:number] + FILES[number + 1 :]) != root_of(FILES)


@pytest.mark.parametrize("number", [3, 4])
def test_lineage_and_card_are_not_in_the_root(number):
    assert root_of(FILES[:number] + FILES[number + 1 :]) == root_of(FILES)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=2))
def test_two_shards_may_not_change_places(digests):
    one, other = ([DatasetFile(f"shards/{n}.tar", 1, d, 1) for n, d in enumerate(o)] for o in (digests, digests[::-1]))
    assert (root_of(one) == root_of(other)) == (digests == digests[::-1])


def test_files_are_named_by_their_place_and_not_by_their_content(tmp_path):
    entries = [entry for entry, _ in files_of(packed(tmp_path / "pack", ["x", "y"]))]
    assert [entry.path for entry in entries] == [
        "shards/00000.tar",
        "shards/00001.tar",
        "parquet/00000.parquet",
        "parquet/00001.parquet",
        "lineage/00000.parquet",
        "lineage/00001.parquet",
    ]
    assert entries[0] == DatasetFile("shards/00000.tar", 8, sha256_hex(b"shards x"), 2)


# Publishing


def test_a_dataset_is_put_in_place_with_its_manifest_and_card(tmp_path):
    manifest = put(tmp_path / "out", packed(tmp_path / "pack", ["x", "y"]))
    assert names(tmp_path / "out") == ["dataset"]
    found = tree(tmp_path / "out" / "dataset")
    assert found["shards/00001.tar"] == b"shards y"
    assert sorted(found) == sorted([*(entry.path for entry in manifest.files), "manifest.json"])
    assert [(e.path, e.bytes, e.sha256) for e in manifest.files] == sorted(
        (name, len(data), sha256_hex(data)) for name, data in found.items() if name != "manifest.json"
    )
    assert (manifest.samples, manifest.ledger, manifest.root) == (4, LEDGER, root_of(manifest.files))
    assert read_dataset_manifest(str(tmp_path / "out")) == manifest


def test_the_table_of_concepts_is_listed_and_holds_every_entry(tmp_path):
    manifest = put(tmp_path / "out", packed(tmp_path / "pack", ["x"]))
    data = (tmp_path / "out" / "dataset" / "concepts.parquet").read_bytes()
    assert data == table_bytes(CONCEPTS.entries)
    assert read_table(data)[1] == list(CONCEPTS.entries)
    assert DatasetFile("concepts.parquet", len(data), sha256_hex(data), 0) in manifest.files
    fewer = CONCEPTS._replace(entries=CONCEPTS.entries[:1])
    again = put(tmp_path / "out", packed(tmp_path / "pack-2", ["x"]), concepts=fewer)
    assert (again.root, again != manifest) == (manifest.root, True)


def test_the_hash_index_is_listed_and_told_of_but_not_in_the_root(tmp_path):
    data = b"a band"
    (tmp_path / "band").write_bytes(data)
    entry = DatasetFile("hashes/band=0/00000.parquet", len(data), sha256_hex(data), 3)
    pack = packed(tmp_path / "pack", ["x"])
    manifest = put(tmp_path / "out", pack, hashes=[(entry, str(tmp_path / "band"))])
    assert entry in manifest.files
    assert DatasetFile("hashes/index.json", len(INDEX_JSON), sha256_hex(INDEX_JSON), 0) in manifest.files
    assert (tmp_path / "out" / "dataset" / entry.path).read_bytes() == data
    assert manifest.root == put(tmp_path / "other", pack).root
    assert "`hashes/`" in (tmp_path / "out" / "dataset" / "README.md").read_text()


def test_publishing_twice_changes_nothing(tmp_path):
    pack = packed(tmp_path / "pack", ["x"])
    first = put(tmp_path / "out", pack)
    path = tmp_path / "out" / "dataset"
    before = path.stat().st_ino, tree(path)
    assert put(tmp_path / "out", pack) == first
    assert (path.stat().st_ino, tree(path)) == before


def test_the_same_content_from_another_folder_is_the_same_dataset(tmp_path):
    one = put(tmp_path / "one", packed(tmp_path / "pack-1", ["x", "y"]))
    other = put(tmp_path / "other", packed(tmp_path / "pack-2", ["x", "y"]))
    assert one == other
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_an_older_dataset_is_replaced_whole(tmp_path):
    put(tmp_path / "out", packed(tmp_path / "pack-1", ["x", "y", "z"]))
    (tmp_path / "out" / "dataset" / "stray").write_text("not ours")
    manifest = put(tmp_path / "out", packed(tmp_path / "pack-2", ["w"]))
    assert sorted(tree(tmp_path / "out" / "dataset")) == sorted([*(e.path for e in manifest.files), "manifest.json"])
    assert names(tmp_path / "out") == ["dataset"]
    assert (tmp_path / "out" / "dataset" / "shards" / "00000.tar").read_bytes() == b"shards w"
    # The stage's own files outlive the dataset that was made of them.
    assert len(tree(tmp_path / "pack-1")) == 9


def test_what_a_killed_run_left_is_cleared_away(tmp_path):
    for left in ("dataset.new/shards/00007.tar", "dataset.old/manifest.json"):
        (tmp_path / "out" / left).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / left).write_text("half")
    manifest = put(tmp_path / "out", packed(tmp_path / "pack", ["x"]))
    assert names(tmp_path / "out") == ["dataset"]
    assert len(tree(tmp_path / "out" / "dataset")) == len(manifest.files) + 1


def test_where_files_cannot_be_linked_they_are_copied(tmp_path, monkeypatch):
    def no_links(*paths):
        raise OSError("cross-device link")

    monkeypatch.setattr(os, "link", no_links)
    put(tmp_path / "out", packed(tmp_path / "pack", ["x"]))
    assert (tmp_path / "out" / "dataset" / "shards" / "00000.tar").read_bytes() == b"shards x"


def test_a_part_that_is_gone_fails_and_leaves_the_older_dataset(tmp_path):
    put(tmp_path / "out", packed(tmp_path / "pack-1", ["x"]))
    pack = packed(tmp_path / "pack-2", ["y"])
    (tmp_path / "pack-2" / pack.manifest.table("parquet")[0].path).unlink()
    with pytest.raises(StageFailed, match="pack: the dataset cannot be put in place"):
        put(tmp_path / "out", pack)
    assert (tmp_path / "out" / "dataset" / "shards" / "00000.tar").read_bytes() == b"shards x"


def test_a_dataset_without_samples(tmp_path):
    manifest = put(tmp_path / "out", packed(tmp_path / "pack", []), ledger=Ledger(0, 0, {}, True))
    assert (manifest.samples, [entry.path for entry in manifest.files]) == (
        0,
        ["README.md", "concepts.parquet", "hashes/index.json"],
    )


# On an object store


def packed_on_store(folder, contents):
    """As `packed`, on an object store."""
    parts = []
    for number, content in enumerate(contents):
        for table, ending in (("shards", "tar"), ("parquet", "parquet"), ("lineage", "parquet")):
            with storage.ContentFile(f"{folder}/attempt-1") as file:
                file.file.write(f"{table} {content}".encode())
                made = file.publish(f"{table}-{number}", f".{ending}")
            parts.append(Part(table, number, made.path.removeprefix(f"{folder}/"), made.size, made.sha256, 2))
    manifest = StageManifest(stage="pack", fingerprint="f", covers={}, parts=parts, tallies={})
    return Committed(folder=folder, manifest=manifest)


def tree_on_store(folder):
    return {name: storage.read_bytes(f"{folder}/{name}") for name in storage.files_below(folder)}


def test_a_dataset_on_a_store_is_the_one_on_the_disk(s3_folder, tmp_path):
    local = put(tmp_path / "out", packed(tmp_path / "pack", ["x", "y"]))
    remote = put(s3_folder, packed_on_store(f"{s3_folder}/pack", ["x", "y"]))
    assert remote == local
    assert tree_on_store(f"{s3_folder}/dataset") == tree(tmp_path / "out" / "dataset")


def test_publishing_twice_on_a_store_writes_nothing(s3_folder, s3_proxy):
    pack = packed_on_store(f"{s3_folder}/pack", ["x"])
    put(s3_folder, pack)
    s3_proxy.asked.clear()
    put(s3_folder, pack)
    assert [method for method, _ in s3_proxy.asked if method == "PUT"] == []


def test_a_part_that_is_gone_leaves_the_older_dataset_on_a_store(s3_folder):
    put(s3_folder, packed_on_store(f"{s3_folder}/pack-1", ["x"]))
    before = tree_on_store(f"{s3_folder}/dataset")
    pack = packed_on_store(f"{s3_folder}/pack-2", ["y"])
    storage.remove_tree(f"{s3_folder}/pack-2")
    with pytest.raises(StageFailed, match="is missing or is not the file that was packed"):
        put(s3_folder, pack)
    assert tree_on_store(f"{s3_folder}/dataset") == before


@pytest.mark.parametrize(("fault", "first"), [("reset", 0), ("lost", 1)])
def test_a_publish_that_dies_at_any_request_shows_no_mixture_and_is_resumed(
    s3_folder, s3_proxy, fault, first, monkeypatch
):
    """Three shards are replaced by one. Whatever request fails, what a reader finds is the old dataset, none, or the
    new one; and the next try leaves exactly the new one, nothing of the old.
    """
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3._clients.clear()
    older = packed_on_store(f"{s3_folder}/pack-1", ["x", "y", "z"])
    newer = packed_on_store(f"{s3_folder}/pack-2", ["x", "w"])
    out = f"{s3_folder}/out"
    put(out, newer)
    wanted = tree_on_store(f"{out}/dataset")
    deaths = 0
    for number in range(first, 100, 2):
        put(out, older)
        left = [number]

        def dying(method, path, left=left):
            left[0] -= 1
            return fault if left[0] < 0 else None

        s3_proxy.fault = dying
        with suppress(StageFailed, s3.StoreRefused):
            put(out, newer)
        died = left[0] < 0
        s3_proxy.fault = lambda method, path: None
        seen = read_dataset_manifest(out)
        if seen is not None:
            for entry in seen.files:
                assert storage.hash_file(f"{out}/dataset/{entry.path}") == (entry.bytes, entry.sha256), number
        if not died:
            break
        deaths += 1
        put(out, newer)
        assert tree_on_store(f"{out}/dataset") == wanted, number
    assert deaths > 10


def test_no_dataset_and_no_manifest(tmp_path):
    assert read_dataset_manifest(str(tmp_path)) is None
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "manifest.json").write_text("{}")
    with pytest.raises(msgspec.ValidationError):
        read_dataset_manifest(str(tmp_path))


def test_the_manifest_is_json_for_others_to_read(tmp_path):
    put(tmp_path / "out", packed(tmp_path / "pack", ["x"]))
    found = json.loads((tmp_path / "out" / "dataset" / "manifest.json").read_text())
    assert list(found) == list(DatasetManifest.__struct_fields__)
    assert found["files"][0].keys() == {"path", "bytes", "sha256", "rows"}
    assert found["ledger"] == {"candidates": 5, "kept": 3, "dropped": {"caption_url": 2}, "balanced": True}


# The card


@pytest.mark.parametrize(
    ("samples", "size"),
    [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (100_000, "100K<n<1M"), (10**6, "n>1M")],
)
def test_the_card_s_head_says_how_to_load_and_how_much_there_is(samples, size):
    card = dataset_card(
        name="작은 모음", licence="cc-by-4.0", root="r" * 64, samples=samples, ledger=LEDGER, concepts=CONCEPTS
    )
    head = yaml.safe_load(card.split("---")[1])
    assert (head["license"], head["language"], head["size_categories"]) == ("cc-by-4.0", ["ko"], [size])
    assert [config["data_files"] for config in head["configs"]] == ["parquet/*.parquet", "shards/*.tar"]
    assert "r" * 64 in card
    assert "| caption_url | 2 |" in card


def test_the_card_tells_of_images_that_were_not_asked_for():
    about = {"name": "x", "licence": "other", "root": "r" * 64, "samples": 1, "ledger": LEDGER, "concepts": CONCEPTS}
    assert "source_kind` is `img2dataset`" in dataset_card(**about, downloads=True)
    assert "img2dataset" not in dataset_card(**about)


def test_the_card_says_what_the_captions_name():
    card = dataset_card(name="n", licence="mit", root="r", samples=2, ledger=LEDGER, concepts=CONCEPTS)
    assert "3 of the 4 concepts in the lexicon." in card
    assert "| 문화유산 | 1 of 2 | 2 | 돌하르방 2 |" in card
    assert "| 음식 | 2 of 2 | 1,001 | 김치 1,000, 떡국 1 |" in card
