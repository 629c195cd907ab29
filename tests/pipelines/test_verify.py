import io
import json
import tarfile
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.concept_counts import read_table, table_bytes
from pipelines.dataset import root_of
from pipelines.errors import InputRefused
from pipelines.ledger import Ledger
from pipelines.tar import TarWriter
from pipelines.verify import Verification, verify
from schemas.identity import sha256_hex


def data_files(output):
    return [entry.path for entry in output.manifest.files]


def stage_file(output, stage, table):
    """Return a part as (path, its name below the output folder)."""
    committed = output.stages[stage]
    path = Path(committed.paths(table)[0])
    return path, path.relative_to(output.folder).as_posix()


def flip(path):
    """Change one bit in the middle of a file, in place, as a bad disk does."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()  # the dataset's files and the stages' may be one file under two names
    path.write_bytes(data)


def rewrite(output, change):
    """Publish the manifest anew after ``change``, with sizes, digests and root as the files now are."""
    folder = Path(output.folder) / "dataset"
    files = []
    for entry in output.manifest.files:
        data = (folder / entry.path).read_bytes()
        files.append(msgspec.structs.replace(entry, bytes=len(data), sha256=sha256_hex(data)))
    manifest = msgspec.structs.replace(output.manifest, files=files, root=root_of(files))
    (folder / "manifest.json").write_bytes(msgspec.json.encode(change(manifest)))


def repack(output, change):
    """Rewrite the first shard's members, given to ``change`` as a list of (name, bytes), with an honest manifest."""
    path = Path(output.folder) / "dataset" / "shards" / "00000.tar"
    with tarfile.open(path) as tar:
        members = [(info.name, tar.extractfile(info).read()) for info in tar]
    out = io.BytesIO()
    writer = TarWriter(out)
    for name, data in change(members):
        writer.add(name, data)
    writer.close()
    path.unlink()
    path.write_bytes(out.getvalue())
    rewrite(output, lambda manifest: manifest)


def test_a_sound_output_verifies_with_its_root(output):
    assert verify(output.folder) == Verification(output.manifest.root, True, [])


def test_every_kind_of_file_is_there_to_be_flipped(output):
    assert {path.split("/")[0] for path in data_files(output)} == {
        "shards",
        "parquet",
        "lineage",
        "hashes",
        "README.md",
        "concepts.parquet",
    }


@pytest.mark.parametrize(
    "name",
    [
        "shards/00000.tar",
        "shards/00001.tar",
        "parquet/00001.parquet",
        "lineage/00000.parquet",
        "hashes/index.json",
        "README.md",
    ],
)
def test_one_bit_of_the_dataset_is_told_by_its_file(output, name):
    flip(Path(output.folder) / "dataset" / name)
    found = verify(output.folder)
    assert not found.ok
    assert f"dataset/{name}: its bytes are not those of the manifest" in found.problems
    assert (found.root != output.manifest.root) == name.startswith(("shards/", "parquet/"))


@pytest.mark.parametrize(
    ("stage", "table"),
    [
        ("extract", "candidates"),
        ("extract", "pages"),
        ("screen", "screened"),
        ("fetch", "images"),
        ("fetch", "staging"),
        ("dedupe", "clusters"),
        ("select", "outcomes"),
        ("select", "selected"),
        ("pack", "shards"),
        ("pack", "lineage"),
    ],
)
def test_one_bit_of_a_stage_is_told_by_its_file(output, stage, table):
    path, name = stage_file(output, stage, table)
    flip(path)
    assert verify(output.folder) == Verification(
        output.manifest.root, False, [f"{name}: its bytes are not those of the manifest"]
    )


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\x00", lambda data: b""])
def test_a_file_cut_or_grown_is_told(output, change):
    path = Path(output.folder) / "dataset" / "shards" / "00000.tar"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(change(data))
    assert "dataset/shards/00000.tar: its bytes are not those of the manifest" in verify(output.folder).problems


def test_a_missing_file_is_told(output):
    (Path(output.folder) / "dataset" / "parquet" / "00000.parquet").unlink()
    path, name = stage_file(output, "fetch", "staging")
    path.unlink()
    problems = verify(output.folder).problems
    assert "dataset/parquet/00000.parquet: is missing" in problems
    assert f"{name}: is missing" in problems


def test_a_file_too_many_is_told(output):
    (Path(output.folder) / "dataset" / "shards" / "00009.tar").write_bytes(b"")
    found = verify(output.folder)
    assert (found.ok, found.problems) == (False, ["dataset/shards/00009.tar: is not in the manifest"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [(None, "there is no dataset; run the workflow to its end"), ("{}", "not a manifest"), ("\xff", "not a manifest")],
)
def test_a_dataset_without_a_manifest_is_told(output, text, problem):
    path = Path(output.folder) / "dataset" / "manifest.json"
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="latin-1")
    found = verify(output.folder)
    assert (found.root, found.ok) == ("", False)
    assert any(problem in told for told in found.problems)


def test_a_stage_that_is_not_committed_or_has_no_manifest_is_told(output):
    for stage, text in (("screen", None), ("fetch", "{")):
        path = Path(output.stages[stage].folder) / "manifest.json"
        path.unlink()
        if text is not None:
            path.write_text(text)
    problems = verify(output.folder).problems
    assert f"stages/{Path(output.stages['screen'].folder).name}: is not committed" in problems
    assert any(str(Path(output.stages["fetch"].folder) / "manifest.json") in told for told in problems)
    assert len(problems) == 2


def test_a_manifest_with_another_root_is_told(output):
    rewrite(output, lambda manifest: msgspec.structs.replace(manifest, root="0" * 64))
    assert verify(output.folder).problems == [
        f"dataset/manifest.json: root {'0' * 64} but the files give {output.manifest.root}"
    ]


@pytest.mark.parametrize("ledger", [Ledger(3, 3, {}, True), Ledger(3, 2, {"caption_too_short": 1}, False)])
def test_a_ledger_that_does_not_fit_is_told(output, ledger):
    rewrite(output, lambda manifest: msgspec.structs.replace(manifest, ledger=ledger))
    problems = verify(output.folder).problems
    assert f"dataset/manifest.json: the ledger keeps {ledger.kept} of 2 samples" in problems
    assert any("its ledger is not the one in dataset/manifest.json" in told for told in problems)


# Inside files whose bytes are those of the manifest


def problems_inside(output):
    found = [told for told in verify(output.folder).problems if told.startswith("dataset/")]
    return [told.removeprefix("dataset/shards/00000.tar: ").removeprefix(f"{'0' * 32}: ") for told in found]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda m: m[:2], "has jpg, txt and not jpg, txt, json"),
        (lambda m: [m[1], m[0], m[2]], "has txt, jpg, json and not jpg, txt, json"),
        (lambda m: [(m[0][0], b"another"), *m[1:]], "the image is not the one its metadata names"),
        (lambda m: [m[0], (m[1][0], b"another"), m[2]], "the Parquet file holds another sample"),
        (lambda m: [], "0 samples, 1 rows, 1 in the manifest"),
    ],
)
def test_a_sample_that_is_not_whole_is_told(output, change, problem):
    repack(output, change)
    assert problem in problems_inside(output)


def test_samples_out_of_order_are_told(output):
    def late(members):
        return [(name.replace("0" * 32, "f" * 32), data) for name, data in members]

    repack(output, late)
    assert any(told.endswith("out of order") for told in verify(output.folder).problems)


def test_a_twin_of_other_samples_is_told(output):
    path = Path(output.folder) / "dataset" / "parquet" / "00000.parquet"
    table = pq.read_table(path)
    path.unlink()
    pq.write_table(table.set_column(0, "key", pa.array(["9" * 32])), path)
    rewrite(output, lambda manifest: manifest)
    assert "the Parquet file holds another sample" in problems_inside(output)


def test_a_shard_without_its_twin_in_the_manifest_is_told(output):
    (Path(output.folder) / "dataset" / "parquet" / "00000.parquet").unlink()
    files = [entry for entry in output.manifest.files if entry.path != "parquet/00000.parquet"]
    manifest = msgspec.structs.replace(output.manifest, files=files, root=root_of(files))
    (Path(output.folder) / "dataset" / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    assert (
        "dataset/shards/00000.tar: has no twin parquet/00000.parquet in the manifest" in verify(output.folder).problems
    )


@pytest.mark.parametrize("path", ["../run.json", "shards/../../run.json", "/etc/hostname"])
def test_a_manifest_that_lists_what_is_no_file_of_the_dataset_is_told(output, path):
    stray = msgspec.structs.replace(output.manifest.files[0], path=path)
    manifest = msgspec.structs.replace(output.manifest, files=[*output.manifest.files, stray])
    (Path(output.folder) / "dataset" / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    problem = f"dataset/manifest.json: lists {path}, which is no file of the dataset"
    assert problem in verify(output.folder).problems


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(InputRefused, match="holds no run of harubang"):
        verify(str(tmp_path))


def test_the_answer_is_the_contract_s(output):
    assert json.loads(msgspec.json.encode(verify(output.folder)._asdict())) == {
        "root": output.manifest.root,
        "ok": True,
        "problems": [],
    }


def test_a_table_of_concepts_that_the_samples_do_not_bear_out_is_told(output):
    path = Path(output.folder) / "dataset" / "concepts.parquet"
    _, rows = read_table(path.read_bytes())
    path.write_bytes(table_bytes([row._replace(samples=int(row.name in ("돌하르방", "김치"))) for row in rows]))
    rewrite(output, lambda manifest: manifest)
    assert verify(output.folder).problems == [
        "dataset/concepts.parquet: 김치 has 1 samples but 0 name it",
        "dataset/concepts.parquet: 돌하르방 has 1 samples but 2 name it",
    ]
    path.write_bytes(b"no table")
    rewrite(output, lambda manifest: manifest)
    (problem,) = verify(output.folder).problems
    assert problem.startswith("dataset/concepts.parquet: not a table of concepts")


def test_a_dataset_of_before_there_was_a_table_of_concepts_verifies(output):
    folder = Path(output.folder) / "dataset"
    (folder / "concepts.parquet").unlink()
    files = [entry for entry in output.manifest.files if entry.path != "concepts.parquet"]
    older = msgspec.structs.replace(output.manifest, files=files)
    (folder / "manifest.json").write_bytes(msgspec.json.encode(older))
    assert verify(output.folder).problems == []
