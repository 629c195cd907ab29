import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.near_duplicates import content_ids
from filters.tones import BYTES
from pipelines.exchange import read_columns
from pipelines.hash_columns import hash_table, images_of, read_taken, spread, without_tones, write_edges
from pipelines.parts import write_part
from pipelines.storage import join
from schemas.records import ImageRow


def test_the_table_of_a_part_holds_kept_images_only(tmp_path, picture, attempt):
    rows = [picture(1, "a", pixels=30), picture(2, "b", outcome="drop")]
    part = write_part(attempt.place, "images", 0, ImageRow, rows)
    table = hash_table(join(attempt.plan.folder, part.path))
    assert table["image_url"].to_pylist() == ["http://a.kr/1.jpg"]
    assert table["pixels"].to_pylist() == [300]
    assert table["id"].to_pylist() == content_ids([rows[0].raw_sha256]).tolist()
    assert [f"{table[f'word{n}'][0].as_py():016x}" for n in range(4)] == [
        rows[0].phash256[at : at + 16] for at in range(0, 64, 16)
    ]


def test_tones_are_read_where_asked_and_those_of_the_whole_stand_in_for_the_trimmed(tmp_path, picture, attempt):
    whole, inside = bytes([1]) * BYTES, bytes([2]) * BYTES
    rows = [
        picture(1, "a")._replace(tones=whole),
        picture(2, "b"),
        picture(3, "c")._replace(tones=whole, trimmed_tones=inside),
    ]
    path = join(attempt.plan.folder, write_part(attempt.place, "images", 0, ImageRow, rows).path)
    table = hash_table(path, tones=True)
    told = images_of(table).tones
    assert told.shape == (3, 2, BYTES)
    assert told[:, :, 0].tolist() == [[1, 1], [0, 0], [1, 2]]
    assert (told == told[:, :, :1]).all()
    bare = images_of(without_tones(table, np.array([True, False, False]))).tones
    assert bare[:, :, 0].tolist() == [[0, 0], [0, 0], [1, 2]]
    assert not images_of(hash_table(path)).tones.any()


def test_rows_are_taken_from_the_row_groups_that_have_them(tmp_path):
    path = tmp_path / "some.parquet"
    pq.write_table(pa.table({"id": list(range(10)), "other": [0] * 10}), path, row_group_size=3)
    for rows in ([4], [0, 2, 3, 9], list(range(10))):
        assert read_taken(str(path), ["id"], np.array(rows)).to_pydict() == {"id": rows}


def test_equal_values_meet_and_close_ones_are_spread():
    values = np.arange(1000, dtype=np.uint64)
    places = spread(values, 8)
    assert np.array_equal(places, spread(values, 8))
    assert set(places.tolist()) == set(range(8))
    assert np.bincount(places).max() < 200
    assert spread(np.array([-1, 5], np.int64), 3).tolist() == spread(np.array([-1, 5], np.int64), 3).tolist()


def test_edges_travel_in_a_file(attempt):
    ((place, piece),) = write_edges(attempt.place, np.array([1, 2, 3]), np.array([4, 5, 6]))
    assert (place, read_columns([piece]).to_pydict()) == (0, {"left": [1, 2, 3], "right": [4, 5, 6]})
    assert write_edges(attempt.place, np.array([], np.int64), np.array([], np.int64)) == []


def test_a_hash_of_another_length_is_refused(attempt, picture):
    part = write_part(attempt.place, "images", 0, ImageRow, [picture(1, "a"), picture(2, "b")._replace(phash="12")])
    with pytest.raises(ValueError, match="hash '12': expected 16 hex digits"):
        hash_table(join(attempt.plan.folder, part.path))
