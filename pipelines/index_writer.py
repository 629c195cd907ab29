"""Writing the hash index of a release, from the samples that are in it (`pipelines.hash_index` says what it holds)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa

from filters import near_duplicates
from filters.hamming import Rows
from filters.hamming_index import first_bits, tables, turned, turned_again
from filters.near_duplicates import DuplicateRules, Views, distinct, views
from pipelines.exchange import Slice, group, read_columns, write_columns
from pipelines.hash_columns import (
    TONE_COLUMNS,
    TURNED,
    images_of,
    sample_table,
    view_table,
    views_of,
    without_repeats,
    write_table,
)
from pipelines.hash_index import (
    BANDS,
    IMAGES,
    KEY_COLUMN,
    ROW,
    band_part,
    file_bits,
    id_bits,
    id_part,
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
        seen = views(images_of(table.drop_columns(TONE_COLUMNS)), self._rules)  # which need none
        homes = first_bits(turned(seen.phash, tables(self._rules.radius)[0]), file_bits(self._samples))
        for handle in write_columns(self._place.exchange, view_table(seen), homes):
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
        yield Done([write_table(self._place, IMAGES, part, without_repeats(table.take(first)))], [])


class WriteViews(beam.DoFn):
    """Writes one file of views, in the order of their pHashes, and spreads these over the other bands' files."""

    def __init__(self, place: AttemptPlace, rules: DuplicateRules, samples: int) -> None:
        self._place = place
        self._rules = rules
        self._samples = samples

    @reported("index views")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done | beam.pvalue.TaggedOutput]:
        """Write the file; yield the handles of its rows."""
        prefix, slices = element
        table = read_columns(slices)
        assert table is not None
        first, *others = tables(self._rules.radius)
        seen = first_of_each(distinct(views_of(table)))
        seen = seen._replace(phash=turned(seen.phash, first))
        written = view_table(seen, phash=TURNED).take(np.lexsort((seen.ids, seen.phash)))
        yield Done([write_table(self._place, BANDS, band_part(0, prefix), written)], [])
        rows = np.arange(written.num_rows, dtype=np.uint32)
        for number, other in enumerate(others, 1):
            phash = turned_again(written[TURNED].to_numpy(), first, other)
            homes = band_part(number, 0) | first_bits(phash, file_bits(self._samples))
            for handle in write_columns(self._place.exchange, pa.table({TURNED: phash, ROW: rows}), homes):
                yield beam.pvalue.TaggedOutput("rows", handle)


class WriteBand(beam.DoFn):
    """Writes one file of another band, in the order of its pHashes."""

    def __init__(self, place: AttemptPlace) -> None:
        self._place = place

    @reported("index bands")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write the file."""
        part, slices = element
        table = read_columns(slices)
        assert table is not None
        table = table.sort_by([(TURNED, "ascending"), (ROW, "ascending")])
        yield Done([write_table(self._place, BANDS, part, table)], [])


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
    written = group(spread.views, "by hash") | "views" >> beam.ParDo(WriteViews(place, rules, samples)).with_outputs(
        "rows", main="done"
    )
    bands = group(written.rows, "by band") | "bands" >> beam.ParDo(WriteBand(place))
    done: beam.PCollection[Done] = (images, written.done, bands) | "reports" >> beam.Flatten()
    return done
