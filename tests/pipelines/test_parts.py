from typing import NamedTuple

import pytest

from pipelines import coders, parts
from pipelines.parts import AttemptPlace, Done, Part, Tally
from schemas.identity import sha256_hex


class Row(NamedTuple):
    name: str
    number: int


def test_a_part_holds_its_rows_in_order_and_says_what_it_is(tmp_path):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    rows = [Row(f"이름{n}", n) for n in range(parts.ROWS_PER_GROUP + 3)]
    part = parts.write_part(place, "rows", 7, Row, rows)
    path = tmp_path / part.path
    assert (part.table, part.partition, part.rows) == ("rows", 7, len(rows))
    assert part.sha256 == sha256_hex(path.read_bytes())
    assert part.size == path.stat().st_size
    assert list(parts.read_rows(str(path), Row)) == rows
    assert max(batch.num_rows for batch in parts.read_batches(str(path))) <= parts.ROWS_PER_GROUP


def test_the_same_rows_are_the_same_part(tmp_path):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    first, second = (parts.write_part(place, "rows", 0, Row, [Row("a", 1)]) for _ in range(2))
    assert first == second


def test_an_empty_part_can_be_read(tmp_path):
    part = parts.write_part(AttemptPlace(str(tmp_path), "attempt-1"), "rows", 0, Row, [])
    assert part.rows == 0
    assert list(parts.read_rows(str(tmp_path / part.path), Row)) == []


def test_a_part_whose_rows_raise_leaves_nothing(tmp_path):
    def rows():
        yield Row("a", 1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        parts.write_part(AttemptPlace(str(tmp_path), "attempt-1"), "rows", 0, Row, rows())
    assert list((tmp_path / "attempt-1").iterdir()) == []


def test_reports_survive_their_coder():
    done = Done([Part("rows", 0, "a/b", 1, "00", 2)], [Tally("keep", 2)])
    coder = coders.RecordCoder(Done)
    assert coder.decode(coder.encode(done)) == done
    assert coder.is_deterministic()
