from typing import NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.arrow import arrow_schema, from_table, to_table
from schemas.records import CandidateRow, CaptionCandidate, ClusterRow, Contender, ImageRow, ScreenedRow, Verdict


class Unfit(NamedTuple):
    value: set[str]


class TwoTypes(NamedTuple):
    value: int | str


def test_schema_names_types_and_nullability():
    schema = arrow_schema(Verdict)
    assert schema.names == ["filter_id", "outcome", "reason", "score", "threshold"]
    assert schema.field("score").type == pa.float64()
    assert schema.field("score").nullable
    assert not schema.field("reason").nullable
    assert schema.metadata == {b"record": b"Verdict"}


@pytest.mark.parametrize("record", [Unfit, TwoTypes])
def test_a_type_without_a_column_raises(record):
    with pytest.raises(TypeError):
        arrow_schema(record)


CAPTIONS = st.lists(st.builds(CaptionCandidate, st.sampled_from(["alt", "title"]), st.text(), st.text()), max_size=3)


@given(st.lists(st.tuples(st.text(), CAPTIONS, st.none() | st.integers(0, 2**40)), max_size=5))
def test_rows_survive_the_table(found):
    rows = [
        CandidateRow(text, "image", "u", "p", "t", captions, "warc", "s", offset, "d", "", "", "")
        for text, captions, offset in found
    ]
    assert list(from_table(CandidateRow, to_table(CandidateRow, rows))) == rows


def test_no_rows_make_an_empty_table_of_the_schema():
    assert to_table(CandidateRow, []).schema == arrow_schema(CandidateRow)


def test_nested_records_come_back_as_records(contender):
    (row,) = from_table(Contender, to_table(Contender, [contender]))
    assert row == contender
    assert isinstance(row.screened, ScreenedRow)
    assert isinstance(row.image, ImageRow)
    assert isinstance(row.cluster, ClusterRow)
    assert isinstance(row.image.consent[0].allowed, bool)
