import shutil

import msgspec
import numpy as np
import pytest

from filters.hamming_index import tables
from filters.near_duplicates import DuplicateRules
from pipelines.dataset import DatasetManifest
from pipelines.errors import InputRefused
from pipelines.hash_index import (
    HashIndex,
    check_bytes,
    file_bits,
    find_released,
    id_bits,
    id_part,
    index_bytes,
    prefix_bits,
    published,
)
from pipelines.parts import Part
from pipelines.verify import verify

RULES = DuplicateRules()


def dataset(output):
    return f"{output.folder}/dataset"


def rewrite(path, kind, **changes):
    with open(path, "rb") as file:
        found = msgspec.json.decode(file.read(), type=kind)
    with open(path, "wb") as file:
        file.write(msgspec.json.encode(msgspec.structs.replace(found, **changes)))


def test_a_release_is_found_with_its_name_and_what_identifies_it(output):
    (found,) = find_released([dataset(output) + "/"], RULES, "/elsewhere")
    assert found.label == f"작은 모음 {output.manifest.root[:8]}"
    assert (found.made.rules, found.made.prefix_bits, found.made.id_bits) == (RULES, 0, 0)
    assert found.images == {0: f"{dataset(output)}/hashes/images-00000.parquet"}
    assert sorted(found.bands) == [(number, 0) for number in range(len(tables(RULES.radius)))]
    assert found.identity[:2] == ["작은 모음", output.manifest.root]
    hashes = {file.path: file.sha256 for file in output.manifest.files if file.path.startswith("hashes/")}
    assert dict(found.identity[2]) == hashes
    assert verify(output.folder).ok


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: shutil.rmtree(folder), "is no dataset"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "is not one of harubang's"),
        (lambda folder: (folder / "hashes" / "index.json").write_text("{"), "is not one of harubang's"),
        (lambda folder: (folder / "hashes" / "images-00000.parquet").unlink(), "images-00000.parquet is missing"),
        (lambda folder: (folder / "hashes" / "band=1" / "00000.parquet").write_bytes(b""), "00000.parquet is missing"),
        (lambda folder: rewrite(folder / "manifest.json", DatasetManifest, files=[]), "carries no hashes/index.json"),
        (lambda folder: rewrite(folder / "hashes" / "index.json", HashIndex, version=0), "of version 0, not 6"),
        (
            lambda folder: rewrite(folder / "hashes" / "index.json", HashIndex, rules=DuplicateRules(radius=5)),
            "was made with dedupe.radius 5, not 6",
        ),
    ],
)
def test_a_folder_that_is_no_release_of_ours_is_refused_in_one_line(output, tmp_path, spoil, why):
    spoil(tmp_path / "out" / "dataset")
    with pytest.raises(InputRefused, match=why) as refused:
        find_released([dataset(output)], RULES, "/elsewhere")
    assert str(refused.value).startswith(f"dedupe.against: {dataset(output)}: ")
    assert "\n" not in str(refused.value)


def test_an_index_of_which_a_byte_was_changed_or_that_is_gone_is_refused(output, tmp_path):
    found = find_released([dataset(output)], RULES, "/elsewhere")
    check_bytes(found)
    path = tmp_path / "out" / "dataset" / "hashes" / "band=1" / "00000.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputRefused, match=r"00000\.parquet: its sha256 is not the manifest's; copy the release anew"):
        check_bytes(found)
    path.unlink()
    with pytest.raises(InputRefused, match=r"00000\.parquet: cannot be read \(No such file or directory\); copy"):
        check_bytes(found)


def test_a_run_is_not_held_against_itself(output):
    with pytest.raises(InputRefused, match="is what this run publishes itself"):
        find_released([dataset(output)], RULES, f"{output.folder}/../out/dataset")


def test_files_are_named_by_what_is_looked_up_in_them():
    parts = [Part(table, number, "x", 1, "", 1) for table, number in (("bands", 2 << 16 | 5), ("hashed", 7))]
    assert [published(part) for part in parts] == ["hashes/band=2/00005.parquet", "hashes/images-00007.parquet"]


def test_an_index_says_how_it_is_cut():
    made = [msgspec.json.decode(index_bytes(RULES, images), type=HashIndex) for images in (0, 10_000_000)]
    assert [(index.prefix_bits, index.id_bits) for index in made] == [(0, 0), (4, 6)]


@pytest.mark.parametrize(("images", "bits"), [(0, 0), (249_999, 0), (250_000, 1), (10**7, 6), (10**11, 16)])
def test_tables_of_images_are_cut_as_they_grow(images, bits):
    assert id_bits(images) == bits
    ids = np.array([0, 2**62 - 1, 2**62, 2**63 - 1])
    assert id_part(ids, 1).tolist() == [0, 0, 1, 1]
    assert id_part(ids, 0).tolist() == [0] * 4


@pytest.mark.parametrize(("images", "bits"), [(0, 0), (999_999, 0), (1_000_000, 1), (10**7, 4), (10**9, 8)])
def test_bands_of_an_index_are_cut_as_the_images_grow(images, bits):
    assert file_bits(images) == bits


@pytest.mark.parametrize(("images", "bits"), [(0, 0), (199_999, 0), (200_000, 1), (10_000_000, 6), (10**9, 8)])
def test_buckets_are_cut_as_the_images_grow(images, bits):
    assert prefix_bits(images) == bits
