import numpy as np
import pytest

from filters.near_duplicates import content_ids
from pipelines.exchange import read_columns
from pipelines.hash_columns import hash_table, spread, write_edges
from pipelines.parts import write_part
from pipelines.sample import is_screenshot
from pipelines.storage import join
from schemas.records import ImageRow, Score


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


def test_what_is_a_screenshot_is_read_from_the_scores_of_each_image(tmp_path, picture, attempt):
    told = [(), (("colours", 60.0), ("entropy", 3.0), ("screenshot_share", 0.2)), (("screenshot_share", 0.9),)]
    rows = [picture(n, n)._replace(scores=[Score(*score) for score in scores]) for n, scores in enumerate(told)]
    rows.insert(1, picture(7, "lost", outcome="drop")._replace(scores=rows[1].scores))
    part = write_part(attempt.place, "images", 0, ImageRow, rows)
    table = hash_table(join(attempt.plan.folder, part.path))
    assert table["screenshot"].to_pylist() == [False, True, False]
    assert [is_screenshot(row) for row in rows if row.outcome == "keep"] == [False, True, False]


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
