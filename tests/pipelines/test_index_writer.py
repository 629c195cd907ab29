from collections import defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest

from filters import near_duplicates
from filters.near_duplicates import DuplicateRules, Views, content_ids
from pipelines.hash_columns import IMAGE_COLUMNS
from pipelines.hash_index import BANDS, IMAGES, index_bands
from pipelines.index_writer import SpreadSamples, WriteBand, WriteImages, first_of_each
from pipelines.parts import AttemptPlace, write_part
from schemas.identity import sha256_hex
from schemas.records import ImageHashes, LineageRow, SelectedRow

RULES = DuplicateRules()
LINEAGE = LineageRow("", "", "", None, "", "", "", "", "", "", None, "", [])


def sample(key, content, phash, *, clear=64, trimmed=""):
    hashes = ImageHashes(
        sha256_hex(content), phash * 16, phash * 64, clear, trimmed * 16, trimmed * 64, clear if trimmed else 0, 9, True
    )
    return SelectedRow(key, "", "{}", LINEAGE, hashes, "", 0, 0)


@pytest.fixture
def write(tmp_path):
    """Write the index of samples; return the rows of its tables, by table and partition."""

    def written(rows):
        place = AttemptPlace(str(tmp_path), "attempt-1")
        path = str(tmp_path / write_part(place, "selected", 0, SelectedRow, rows).path)
        slices = defaultdict(list)
        for output in SpreadSamples(place, RULES, len(rows)).process(path):
            part, piece = output.value
            slices[output.tag, part].append(piece)
        writers = {"images": WriteImages(place), "views": WriteBand(place, RULES)}
        parts = [
            part
            for (tag, number), pieces in slices.items()
            for done in writers[tag].process((number, pieces))
            for part in done.parts
        ]
        return {(part.table, part.partition): pq.read_table(tmp_path / part.path).to_pylist() for part in parts}

    return written


def test_no_sample_no_file(write):
    assert write([]) == {}


def test_samples_that_share_a_picture_are_one_row_with_the_smallest_key(write):
    found = write([sample("b", b"one", "3"), sample("a", b"one", "3"), sample("c", b"two", "5", trimmed="6")])
    rows = found[IMAGES, 0]
    assert sorted(row["key"] for row in rows) == ["a", "c"]
    assert [row["id"] for row in rows] == sorted(content_ids([sha256_hex(b"one"), sha256_hex(b"two")]).tolist())
    assert list(rows[0]) == [*IMAGE_COLUMNS, "key"]
    assert (rows[0]["pixels"], rows[0]["screenshot"]) == (9, True)


def test_every_clear_view_is_in_every_band_and_a_plain_one_in_none(write):
    found = write([sample("a", b"one", "3", trimmed="6"), sample("b", b"two", "5", clear=31)])
    bands = [rows for (table, _), rows in found.items() if table == BANDS]
    assert len(bands) == len(index_bands(RULES.radius))
    for rows in bands:
        assert {row["phash"] for row in rows} == {int("3" * 16, 16), int("6" * 16, 16)}
        assert {row["id"] for row in rows} == {int(content_ids([sha256_hex(b"one")])[0])}


def test_of_one_phash_the_first_by_id_are_listed_as_many_as_may_lead(monkeypatch):
    monkeypatch.setattr(near_duplicates, "MAX_LEADERS", 2)
    ids, phash = np.array([9, 4, 5, 1, 7]), np.array([8, 8, 8, 3, 3], np.uint64)
    found = first_of_each(Views(ids, phash, np.zeros((5, 4), np.uint64)))
    assert sorted(zip(found.phash.tolist(), found.ids.tolist(), strict=True)) == [(3, 1), (3, 7), (8, 4), (8, 5)]
