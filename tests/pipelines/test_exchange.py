from collections import defaultdict
from typing import NamedTuple

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.exchange import (
    FAN_OUT,
    MIN_PARTITIONS,
    ROWS_PER_PARTITION,
    Exchange,
    by_source,
    partitions_for,
    read_slices,
)
from schemas.identity import partition_of


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


@pytest.mark.parametrize("partitions", [4, FAN_OUT, FAN_OUT + 1, 3 * FAN_OUT])
def test_rows_dealt_once_or_twice_come_to_the_same_partitions(tmp_path, monkeypatch, partitions):
    monkeypatch.setattr("pipelines.exchange._LOAD_BYTES", 4_000)  # of some 14,000 in a stretch
    exchange = Exchange(str(tmp_path), Row, by_key, partitions)
    rows = [Row(f"{number:05d}", number) for number in range(4_000)]
    handles = [*exchange.write(rows[:2_500], source="a"), *exchange.write(rows[2_500:], source="b")]
    assert len(handles) <= 2 * FAN_OUT

    def found(element):
        partition, slices = element
        pieces = by_source(slices)
        return [(partition, source, list(read_slices(pieces[source], Row))) for source in "ab"]

    with beam.Pipeline(runner=fn_runner.FnApiRunner()) as pipeline:
        met = exchange.group(pipeline | beam.Create(handles), "meet") | beam.FlatMap(found)
        assert_that(met | beam.Map(told), equal_to([told(one) for one in wanted(rows, partitions)]))


def test_rows_are_written_load_by_load(tmp_path):
    rows = [Row(str(number), number) for number in range(31)]
    handles = Exchange(str(tmp_path), Row, by_key, 2, load=10).write(iter(rows))
    assert len({piece.path for _, piece in handles}) == len(list(tmp_path.iterdir())) == 4
    assert sorted(read_slices([piece for _, piece in handles], Row)) == sorted(rows)


def told(found):
    partition, source, rows = found
    return partition, source, sorted(rows)


def wanted(rows, partitions):
    groups = {(partition_of(row.key, partitions), source): [] for row in rows for source in "ab"}
    for number, row in enumerate(rows):
        groups[partition_of(row.key, partitions), "a" if number < 2_500 else "b"].append(row)
    return [(partition, source, found) for (partition, source), found in groups.items()]


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
