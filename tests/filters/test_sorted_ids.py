"""Sets of ids as ascending arrays, against Python's own sets."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.sorted_ids import distinct_ids, find_ids

some_ids = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), max_size=30)


@settings(max_examples=50)
@given(some_ids, some_ids)
def test_what_is_distinct_and_what_is_known(ids, others):
    known = distinct_ids(np.array(others, np.int64))
    assert known.tolist() == sorted(set(others))
    found, places = find_ids(np.array(ids, np.int64), known)
    assert found.tolist() == [one in others for one in ids]
    assert known[places[found]].tolist() == [one for one in ids if one in others]
