from pathlib import Path

import msgspec
import pytest

from pipelines.concept_counts import ConceptCounts, read_table, table_bytes
from pipelines.concept_lexicon import NOTHING_ADDED
from pipelines.coverage import Coverage, Release, read_demands, told
from pipelines.errors import InputRefused
from schemas.identity import sha256_hex
from schemas.records import ConceptCount


def counts(**samples):
    """Counts of some concepts; the rest of the lexicon has none."""
    categories = NOTHING_ADDED.categories()
    entries = sorted(ConceptCount(category, name, samples.get(name, 0)) for name, category in categories.items())
    return ConceptCounts(tuple(entries), dict.fromkeys(categories.values(), 0))


def shortfalls(found, **asked):
    return read_demands(Release(coverage=Coverage(**asked)), NOTHING_ADDED).shortfalls(found)


@pytest.fixture
def earlier(output):
    """Return a function that makes the output's dataset hold the given counts; it returns the output's folder."""

    def publish(version=None, **samples):
        folder = Path(output.folder) / "dataset"
        data = table_bytes(counts(**samples).entries)
        (folder / "concepts.parquet").write_bytes(data)
        files = [
            msgspec.structs.replace(entry, bytes=len(data), sha256=sha256_hex(data))
            if entry.path == "concepts.parquet"
            else entry
            for entry in output.manifest.files
        ]
        (folder / "manifest.json").write_bytes(
            msgspec.json.encode(msgspec.structs.replace(output.manifest, files=files))
        )
        return output.folder

    return publish


def test_nothing_is_demanded_by_default():
    demands = read_demands(Release(), NOTHING_ADDED)
    assert not any(demands)
    assert demands.shortfalls(counts()) == []


@pytest.mark.parametrize(("samples", "short"), [(2, ["돌하르방 is in 2 samples, 3 are demanded"]), (3, []), (4, [])])
def test_a_concept_s_samples_are_held_against_a_number(samples, short):
    assert shortfalls(counts(돌하르방=samples), concepts={"돌하르방": 3}) == short


def test_a_category_s_concepts_are_held_against_a_number():
    found = counts(김치=9, 떡국=1)
    assert shortfalls(found, categories={"음식": 2}) == []
    assert shortfalls(found, categories={"음식": 3, "의복": 1}) == [
        "음식 has 2 concepts, 3 are demanded",
        "의복 has 0 concepts, 1 are demanded",
    ]


def test_fewer_than_last_time_is_told_with_both_counts(earlier):
    out = earlier(돌하르방=3, 김치=1_000, 첨성대=1)
    assert shortfalls(counts(돌하르방=3, 김치=1_000, 첨성대=1), against=out) == []
    assert shortfalls(counts(돌하르방=2, 김치=2_000), against=out) == [
        f"돌하르방 is in 2 samples, {out} has 3",
        f"첨성대 is in 0 samples, {out} has 1",
    ]
    assert shortfalls(counts(돌하르방=2), against=out, only=("돌하르방",)) == [f"돌하르방 is in 2 samples, {out} has 3"]
    assert shortfalls(counts(돌하르방=3), against=f"{out}/dataset", only=("돌하르방", "떡국")) == []


@pytest.mark.parametrize(
    ("share", "samples", "enough"), [(0.7, 7, True), (0.7, 6, False), (1.5, 14, False), (1.5, 15, True)]
)
def test_a_share_of_last_time_may_be_enough(earlier, share, samples, enough):
    out = earlier(돌하르방=10)
    short = shortfalls(counts(돌하르방=samples), against=out, at_least=share)
    needed = {0.7: 7, 1.5: 15}[share]
    assert short == ([] if enough else [f"돌하르방 is in {samples} samples, {out} has 10 and {needed} are demanded"])


def test_one_line_names_ten_and_counts_the_rest():
    line = told([f"개념{n} is in 0 samples, 1 are demanded" for n in range(12)])
    assert line.startswith("release.coverage: 개념0 is in 0 samples, 1 are demanded; 개념1 ")
    assert line.endswith("; and 2 more")
    assert line.count(";") == 10
    assert told(["가"]) == "release.coverage: 가"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"concepts": {"돌하루반": 1}},
            r"release\.coverage\.concepts: the lexicon has no concept '돌하루반'; mend the name",
        ),
        ({"categories": {"과자": 1}}, r"release\.coverage\.categories: the lexicon has no category '과자'"),
        ({"against": "x", "only": ("없는것",)}, r"release\.coverage\.only: the lexicon has no concept '없는것'"),
        ({"against": "/none"}, r"release\.coverage\.against: /none: holds no dataset of harubang"),
    ],
)
def test_what_cannot_be_demanded_is_told(asked, message):
    with pytest.raises(InputRefused, match=message):
        read_demands(Release(coverage=Coverage(**asked)), NOTHING_ADDED)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"at_least": 0.0}, "at_least is over 0"),
        ({"at_least": float("inf")}, "at_least is over 0"),
        ({"only": ("김치",)}, "name it in against"),
        ({"concepts": {"김치": 0}}, "at least 1 each"),
        ({"categories": {"음식": -1}}, "at least 1 each"),
    ],
)
def test_nonsense_is_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        Coverage(**asked)


def test_a_dataset_that_cannot_be_compared_is_told(earlier, monkeypatch):
    out = earlier(돌하르방=1)
    table = Path(out) / "dataset" / "concepts.parquet"
    manifest = Path(out) / "dataset" / "manifest.json"
    good = table.read_bytes()
    table.write_bytes(table_bytes([]))
    with pytest.raises(InputRefused, match="is not the one in its manifest; give a dataset that is whole"):
        shortfalls(counts(), against=out)
    table.write_bytes(b"")
    with pytest.raises(InputRefused, match=r"cannot be read .*not a table of concepts"):
        shortfalls(counts(), against=out)
    table.unlink()
    with pytest.raises(InputRefused, match=r"cannot be read .*No such file"):
        shortfalls(counts(), against=out)
    table.write_bytes(good)
    monkeypatch.setattr("pipelines.coverage.LEXICON_VERSION", read_table(good)[0] + 1)
    with pytest.raises(InputRefused, match="was counted with lexicon version 1, this is 2; run it again"):
        shortfalls(counts(), against=out)
    written = manifest.read_bytes()
    manifest.write_bytes(written.replace(b"concepts.parquet", b"other.parquet"))
    with pytest.raises(InputRefused, match=r"has no concepts\.parquet: it is of an older release"):
        shortfalls(counts(), against=out)
    manifest.write_bytes(b"{}")
    with pytest.raises(InputRefused, match="cannot be read"):
        shortfalls(counts(), against=out)
