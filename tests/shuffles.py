"""What crosses the shuffles of a pipeline on the embedded engine, element by element."""

from collections import defaultdict

import pytest
from apache_beam.coders.coder_impl import create_InputStream
from apache_beam.runners.portability.fn_api_runner.execution import GroupingBuffer, WindowGroupingBuffer

LIMIT = 1_000_000
"""Bytes above which no element may cross, whatever the size of the input."""


@pytest.fixture
def crossed(monkeypatch):
    """The encoded sizes in bytes of what was grouped, combined or made a side input since, by its coder."""
    sizes = defaultdict(list)

    def measure(buffer, coder_of):
        real = buffer.append

        def append(self, data):
            coder = coder_of(self)
            stream = create_InputStream(data)
            while left := stream.size():
                coder.get_impl().decode_from_stream(stream, True)
                sizes[str(coder)].append(left - stream.size())
            real(self, data)

        monkeypatch.setattr(buffer, "append", append)

    measure(GroupingBuffer, lambda buffer: buffer._pre_grouped_coder)
    measure(WindowGroupingBuffer, lambda buffer: buffer._windowed_value_coder)
    return sizes
