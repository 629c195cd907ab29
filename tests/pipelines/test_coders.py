from apache_beam.coders import typecoders

from pipelines import coders
from pipelines.exchange import Slice
from pipelines.extract import SourceUnit
from pipelines.pack import Shard, Span
from pipelines.parts import Done


def test_every_record_that_crosses_a_shuffle_has_our_coder():
    for record in (Done, Slice, SourceUnit, Shard):
        assert isinstance(typecoders.registry.get_coder(record), coders.RecordCoder)


def test_a_nested_record_comes_back_as_itself():
    coder = coders.RecordCoder(Shard)
    shard = Shard(3, [Span("/a", 0, 5)])
    assert coder.decode(coder.encode(shard)) == shard
    assert isinstance(coder.decode(coder.encode(shard)).spans[0], Span)


def test_coders_are_equal_by_record():
    assert coders.RecordCoder(Slice) == coders.RecordCoder(Slice)
    assert coders.RecordCoder(Slice) != coders.RecordCoder(Done)
