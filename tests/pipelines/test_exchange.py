from collections import defaultdict
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.exchange import MIN_PARTITIONS, ROWS_PER_PARTITION, Exchange, partitions_for, read_slices


class Row(NamedTuple):
    key: str
    number: int


def by_key(row):
    return row.key


@settings(max_examples=25)
@given(rows=st.lists(st.builds(Row, st.text(max_size=3), st.integers(0, 9)), max_size=30), cut=st.integers(0, 30))
def test_rows_of_a_key_meet_whatever_files_they_came_in(tmp_path_factory, rows, cut):
    exchange = Exchange(str(tmp_path_factory.mktemp("spill")), Row, by_key, 4)
    partitions = defaultdict(list)
    for part in (rows[:cut], rows[cut:]):
        for partition, piece in exchange.write(part, source="x"):
            partitions[partition].append(piece)
    met = [list(read_slices(pieces, Row)) for pieces in partitions.values()]
    assert sorted(row for found in met for row in found) == sorted(rows)
    keys = [{row.key for row in found} for found in met]
    assert sum(len(found) for found in keys) == len({row.key for row in rows})


def test_nothing_to_exchange_writes_nothing(tmp_path):
    assert Exchange(str(tmp_path), Row, by_key, 4).write([]) == []
    assert list(tmp_path.iterdir()) == []


def test_a_slice_read_twice_is_read_once(tmp_path):
    ((_, piece),) = Exchange(str(tmp_path), Row, by_key, 4).write([Row("a", 1)])
    assert list(read_slices([piece, piece], Row)) == [Row("a", 1)]


def test_partitions_follow_the_rows():
    assert partitions_for(0) == MIN_PARTITIONS
    assert partitions_for(MIN_PARTITIONS * ROWS_PER_PARTITION) == MIN_PARTITIONS
    assert partitions_for(MIN_PARTITIONS * ROWS_PER_PARTITION + 1) == MIN_PARTITIONS + 1
