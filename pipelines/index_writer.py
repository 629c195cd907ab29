"""Writing the hash index of a release, from the samples that are in it (`pipelines.hash_index` says what it holds)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np

from filters import near_duplicates
from filters.hamming import Rows, home_prefixes, key_order
from filters.near_duplicates import DuplicateRules, Views, distinct, views
from pipelines.exchange import Slice, group, read_columns, write_columns
from pipelines.hash_columns import images_of, sample_table, view_table, views_of, write_table
from pipelines.hash_index import (
    BANDS,
    IMAGES,
    KEY_COLUMN,
    band_part,
    id_bits,
    id_part,
    index_bands,
    prefix_bits,
)
from pipelines.parts import AttemptPlace, Done
from pipelines.unit_of_work import reported


class SpreadSamples(beam.DoFn):
    """Spreads the pictures of a part of selected samples over the index's files."""

    def __init__(self, place: AttemptPlace, rules: DuplicateRules, samples: int) -> None:
        self._place = place
        self._rules = rules
        self._samples = samples

    def process(self, path: str) -> Iterator[beam.pvalue.TaggedOutput]:
        """Yield the handles of one part's slices."""
        table = sample_table(path)
        if table.num_rows == 0:
            return
        parts = id_part(table["id"].to_numpy(), id_bits(self._samples))
        for handle in write_columns(self._place.exchange, table, parts):
            yield beam.pvalue.TaggedOutput("images", handle)
        seen = views(images_of(table), self._rules)
        for number, band in enumerate(index_bands(self._rules.radius)):
            home = home_prefixes(seen.phash, band, min(prefix_bits(self._samples), band.width))
            for handle in write_columns(self._place.exchange, view_table(seen), band_part(number, 0) | home):
                yield beam.pvalue.TaggedOutput("views", handle)


class WriteImages(beam.DoFn):
    """Writes one file of the table of images, in the order of content ids, each with the smallest of its keys."""

    def __init__(self, place: AttemptPlace) -> None:
        self._place = place

    @reported("index images")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write the file."""
        part, slices = element
        table = read_columns(slices)
        assert table is not None
        table = table.sort_by([("id", "ascending"), (KEY_COLUMN, "ascending")])
        _, first = np.unique(table["id"].to_numpy(), return_index=True)
        yield Done([write_table(self._place, IMAGES, part, table.take(first))], [])


class WriteBand(beam.DoFn):
    """Writes one file of one band's views, in the order of its keys."""

    def __init__(self, place: AttemptPlace, rules: DuplicateRules) -> None:
        self._place = place
        self._rules = rules

    @reported("index bands")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write the file."""
        part, slices = element
        table = read_columns(slices)
        assert table is not None
        seen = first_of_each(distinct(views_of(table)))
        rows = key_order(seen.phash, seen.ids, index_bands(self._rules.radius)[part >> 16])
        yield Done([write_table(self._place, BANDS, part, view_table(seen).take(rows))], [])


def first_of_each(seen: Views) -> Views:
    """Return the first `filters.near_duplicates.MAX_LEADERS` views of each pHash by id: as many as may lead it."""
    order = np.lexsort((seen.ids, seen.phash))
    _, starts = np.unique(seen.phash[order], return_index=True)
    number: Rows = np.arange(order.size) - np.repeat(starts, np.diff(starts, append=order.size))
    rows = np.sort(order[number < near_duplicates.MAX_LEADERS])
    return Views(seen.ids[rows], seen.phash[rows], seen.phash256[rows])


def expand(
    pipeline: beam.Pipeline, paths: list[str], place: AttemptPlace, *, rules: DuplicateRules, samples: int
) -> beam.PCollection[Done]:
    """Wire the job over the parts of selected samples at ``paths``, which have ``samples`` rows."""
    spread = (
        pipeline
        | "parts" >> beam.Create(paths)
        | "spread" >> beam.ParDo(SpreadSamples(place, rules, samples)).with_outputs("images", "views")
    )
    images = group(spread.images, "by id") | "images" >> beam.ParDo(WriteImages(place))
    bands = group(spread.views, "by band") | "bands" >> beam.ParDo(WriteBand(place, rules))
    done: beam.PCollection[Done] = (images, bands) | "reports" >> beam.Flatten()
    return done
