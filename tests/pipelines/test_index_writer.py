import numpy as np

from filters import near_duplicates
from filters.hamming_index import first_bits, tables, turned, turned_again
from filters.near_duplicates import DuplicateRules, Views, content_ids
from filters.tones import BYTES
from pipelines import hash_index
from pipelines.hash_columns import IMAGE_COLUMNS
from pipelines.hash_index import BANDS, IMAGES, file_bits
from pipelines.index_writer import first_of_each
from schemas.identity import sha256_hex
from schemas.records import ImageHashes, LineageRow, SelectedRow

RULES = DuplicateRules()
LINEAGE = LineageRow("", "", "", None, "", "", "", "", "", "", None, "", [])


def sample(key, content, phash, *, clear=64, trimmed=""):
    inside = (trimmed * 16, trimmed * 64, clear if trimmed else 0)
    tones = [digit.encode() * BYTES for digit in (phash, trimmed)]
    hashes = ImageHashes(sha256_hex(content), phash * 16, phash * 64, clear, *inside, 9, *tones)
    return SelectedRow(key, "", "{}", LINEAGE, hashes, "", 0, 0)


def test_no_sample_no_file(index):
    assert index([]) == {}


def test_samples_that_share_a_picture_are_one_row_with_the_smallest_key(index):
    found = index([sample("b", b"one", "3"), sample("a", b"one", "3"), sample("c", b"two", "5", trimmed="6")])
    rows = found[IMAGES, 0]
    assert sorted(row["key"] for row in rows) == ["a", "c"]
    assert [row["id"] for row in rows] == sorted(content_ids([sha256_hex(b"one"), sha256_hex(b"two")]).tolist())
    assert list(rows[0]) == [*IMAGE_COLUMNS, "key"]
    assert {(row["pixels"], row["tones"][:1], row["trimmed_tones"][:1]) for row in rows} == {
        (9, b"3", b""),
        (9, b"5", b"6"),
    }


def test_a_trimmed_view_is_told_only_where_it_is_not_the_whole_picture(index):
    rows = index([sample("a", b"one", "3"), sample("b", b"two", "5", trimmed="6")])[IMAGES, 0]
    told = {row["key"]: (row["trimmed_phash"], row["trimmed_word3"], row["trimmed_clear_bits"]) for row in rows}
    assert told == {"a": (None, None, None), "b": (int("6" * 16, 16), int("6" * 16, 16), 64)}


def test_every_clear_view_is_in_every_band_and_a_plain_one_in_none(index, monkeypatch):
    monkeypatch.setattr(hash_index, "_ROWS_PER_BAND_FILE", 1)
    samples = [sample("a", b"one", "3", trimmed="6"), sample("b", b"two", "5", clear=31), sample("c", b"six", "7")]
    found, bits = index(samples), file_bits(len(samples))
    plan = tables(RULES.radius)
    assert (len(plan), bits) == (3, 2)
    hashes = np.array([int(digit * 16, 16) for digit in "367"], np.uint64)
    ids = content_ids([sha256_hex(name) for name in (b"one", b"one", b"six")]).tolist()
    views = {}
    for number, band in enumerate(plan):
        files = {part & 0xFFFF: rows for (name, part), rows in found.items() if name == BANDS and part >> 16 == number}
        listed = {prefix: [row["turned"] for row in rows] for prefix, rows in files.items()}
        assert sorted(phash for rows in listed.values() for phash in rows) == np.sort(turned(hashes, band)).tolist()
        assert all(rows == sorted(rows) for rows in listed.values())
        assert all(phash >> 64 - bits == prefix for prefix, rows in listed.items() for phash in rows)
        for prefix, rows in files.items():
            for at, row in enumerate(rows):
                first = turned_again(np.array([row["turned"]], np.uint64), band, plan[0])
                if number == 0:
                    views[prefix, at] = first[0]
                    of = turned(hashes, band).tolist().index(row["turned"])
                    assert (row["id"], row["word0"]) == (ids[of], hashes[of])
                else:
                    assert views[first_bits(first, bits)[0], row["row"]] == first[0]


def test_of_one_phash_the_first_by_id_are_listed_as_many_as_may_lead(monkeypatch):
    monkeypatch.setattr(near_duplicates, "MAX_LEADERS", 2)
    ids, phash = np.array([9, 4, 5, 1, 7]), np.array([8, 8, 8, 3, 3], np.uint64)
    found = first_of_each(Views(ids, phash, np.zeros((5, 4), np.uint64)))
    assert sorted(zip(found.phash.tolist(), found.ids.tolist(), strict=True)) == [(3, 1), (3, 7), (8, 4), (8, 5)]
