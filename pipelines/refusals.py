"""What publishers refused in earlier runs of the same output, whatever their settings: it is not asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam

from pipelines import storage
from pipelines.exchange import Exchange, Slice
from pipelines.parts import read_rows
from pipelines.stage import committed_stages
from schemas.reasons import Reason, Stage

REFUSED_IMAGES = "refused images"
REFUSED_PAGES = "refused pages"
"""Sources of the slices of rows that were refused before; a page's URL may be an image's too."""

_REFUSALS = frozenset({Reason.OPTED_OUT, Reason.PAGE_OPTED_OUT})


class RefusedBefore(NamedTuple):
    """The paths of parts that may hold refusals: of images, and of pages."""

    images: list[str]
    pages: list[str]


NEVER_REFUSED = RefusedBefore([], [])


def refused_before(root: str) -> RefusedBefore:
    """Return the parts of every committed crawl and fetch stage of the output ``root`` that still have their rows."""
    tables = ((Stage.FETCH, "images"), (Stage.CRAWL, "pages"))
    found = ([path for stage in committed_stages(root, name) for path in stage.paths(table)] for name, table in tables)
    return RefusedBefore(*([path for path in paths if storage.exists(path)] for paths in found))


class RegroupRefusals(beam.DoFn):
    """Spreads the refusals in one part over the partitions of an exchange of its record."""

    def __init__(self, exchange: Exchange, source: str) -> None:
        self._exchange = exchange
        self._source = source

    def process(self, path: str) -> Iterator[tuple[int, Slice]]:
        """Yield the handles of one part's slices."""
        rows: Iterator[Any] = read_rows(path, self._exchange.record)
        yield from self._exchange.write((row for row in rows if row.reason in _REFUSALS), source=self._source)
