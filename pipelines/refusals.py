"""What was refused for its use in this output, whatever the settings then: it is not asked for again.

Each unit of work that asks the network saves, beside its rows, what publishers refused and on what URLs: the one
wanted, the redirects, the one that said no. So a redirect to it is known too, after a kill and under other settings.
A refusal says no to all that comes after, so every one that is found counts, whether a manifest lists it or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines import saved, storage
from pipelines.parts import AttemptPlace, Part, read_batches, read_rows, write_part
from schemas.reasons import Stage
from schemas.records import Consent

TABLE: Final = "refusals"


class RefusedVisit(NamedTuple):
    """One refusal of the use of what ``urls`` (in normal form, the refusing one last) lead to, with its evidence.

    ``reason`` is `Reason.OPTED_OUT`, or `Reason.OPT_OUT_LISTED` where the list named the content.
    """

    urls: list[str]
    refused_at: str
    http_status: int | None
    address: str
    reason: str
    detail: str
    consent: list[Consent]


def refused_before(root: str) -> tuple[str, ...]:
    """Return the parts of refusals of every crawl and fetch stage of the output ``root``, finished or not."""
    folder = storage.join(root, "stages")
    stages = (Stage.CRAWL, Stage.FETCH)
    return tuple(path for stage in stages for path in storage.below(folder, f"{stage}-*/{saved.FOLDER}/*/{TABLE}-*"))


def write_refusals(place: AttemptPlace, partition: int, refused: Iterable[RefusedVisit]) -> list[Part]:
    """Write the part of ``refused``; return it, or nothing where nothing was refused."""
    rows = sorted(refused, key=lambda row: (row.urls, row.refused_at))
    return [write_part(place, TABLE, partition, RefusedVisit, rows)] if rows else []


class Refusals:
    """The refusals in the parts ``paths``, and in what the stage that owns ``folder`` has saved of all its units.

    In memory are 12 bytes a URL; the evidence is read where it is asked for.
    """

    def __init__(self, paths: Iterable[str] = (), folder: str = "") -> None:
        own = storage.below(storage.join(folder, saved.FOLDER), f"*/{TABLE}-*") if folder else []
        self._paths = sorted({*paths, *own})
        found = [_keys(path) for path in self._paths]
        keys = np.concatenate([keys for keys, _ in found]) if found else np.empty(0, np.uint64)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._parts = np.repeat(np.arange(len(found), dtype=np.int32), [len(keys) for keys, _ in found])[order]
        self._rows = np.concatenate([rows for _, rows in found])[order] if found else np.empty(0, np.int32)

    def of(self, url: str) -> Iterator[RefusedVisit]:
        """Yield every refusal that ``url``, in normal form, is known to lead to."""
        if not self._keys.size:
            return
        key = _key(url)
        first, last = (int(np.searchsorted(self._keys, key, side)) for side in ("left", "right"))
        for place in range(first, last):
            visit = _visits(self._paths[self._parts[place]])[self._rows[place]]
            if url in visit.urls:
                yield visit


def _key(url: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(url.encode("utf-8", "replace"), digest_size=8).digest(), "big"))


@cache
def _keys(path: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """Return the keys of a part's URLs and the row of each; a part is named by its content, and never changes."""
    keys: list[np.uint64] = []
    rows: list[int] = []
    row = 0
    for batch in read_batches(path, ["urls"]):
        for urls in batch.column(0).to_pylist():
            keys += map(_key, urls)
            rows += [row] * len(urls)
            row += 1
    return np.array(keys, np.uint64), np.array(rows, np.int32)


@lru_cache(maxsize=4)
def _visits(path: str) -> list[RefusedVisit]:
    return list(read_rows(path, RefusedVisit))
