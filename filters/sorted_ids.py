"""Sets of content ids as ascending arrays. `numpy.unique` and `numpy.isin` hash: of 6 million ids 25 times the time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.uint64]


def distinct_ids(ids: Ids) -> Ids:
    """Return ``ids`` ascending, each once."""
    ids = np.sort(ids)
    distinct: Ids = ids[np.r_[True, ids[1:] != ids[:-1]][: ids.size]]
    return distinct


def find_ids(ids: Numbers, known: Numbers) -> tuple[npt.NDArray[np.bool_], Ids]:
    """Return which of ``ids`` are in ``known``, which ascends, and a place there of each: any if it is not."""
    if known.size == 0:
        return np.zeros(ids.size, np.bool_), np.zeros(ids.size, np.int64)
    places = np.minimum(np.searchsorted(known, ids), known.size - 1)
    return known[places] == ids, places
