"""The pack stage: selected samples to WebDataset tars and Parquet files, one shard a unit of work.

A shard is a run of samples in the order of their keys. Keys are content hashes, so that order is a shuffle that is
the same every time. Each image is read by (staging tar, offset, length) and nothing but handles passes through Beam.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple, Self

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import coders, storage
from pipelines.parts import AttemptPlace, Done, PartWriter, read_batches
from pipelines.progress import ProgressNotes
from pipelines.stage import Committed, outcome_tallies
from pipelines.tar import TarWriter
from pipelines.unit_of_work import reported
from schemas.arrow import from_table
from schemas.reasons import NO_REASON, Outcome
from schemas.records import LineageRow, SelectedRow

VERSION = 6
"""Grows with every change of what is written."""

_ROW_GROUP = 100  # images in memory at a time; also what a reader of one row loads

_BATCH_BYTES = 32 << 20
"""Bytes of images that are read at once: the more of a tar's images in one batch, the fewer requests for them."""

_TEXT = {"dtype": "string", "_type": "Value"}
_NUMBER = {"dtype": "int64", "_type": "Value"}
_FEATURES: dict[str, Any] = {
    "key": _TEXT,
    "image": {"_type": "Image"},
    **dict.fromkeys(("caption", "url", "page_url"), _TEXT),
    **dict.fromkeys(("width", "height"), _NUMBER),
    **dict.fromkeys(("sha256", "phash", "metadata"), _TEXT),
}
_LISTED = ("captions", "caption_pages")


def parquet_schema(*, captions_listed: bool = False) -> pa.Schema:
    """Return the columns of a Parquet shard; the metadata makes Hugging Face load ``image`` as an Image feature.

    Where every sample lists its captions (``select.captions: list``), they are columns of their own.
    """
    lists = _LISTED if captions_listed else ()
    features = _FEATURES | {name: {"feature": _TEXT, "_type": "Sequence"} for name in lists}
    image = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    return pa.schema(
        [
            pa.field("key", pa.string()),
            pa.field("image", image),
            *(pa.field(name, pa.string()) for name in ("caption", "url", "page_url")),
            *(pa.field(name, pa.int64()) for name in ("width", "height")),
            *(pa.field(name, pa.string()) for name in ("sha256", "phash", "metadata")),
            *(pa.field(name, pa.list_(pa.string())) for name in lists),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )


class Span(NamedTuple):
    """Rows ``start`` to ``stop`` (exclusive) of one part of selected samples."""

    path: str
    start: int
    stop: int


class Shard(NamedTuple):
    """One shard to write: its number and the rows it is made of, in order."""

    number: int
    spans: list[Span]


coders.register(Shard)


def plan_shards(parts: list[tuple[str, int]], samples_per_shard: int) -> list[Shard]:
    """Cut the parts, given as (path, rows) in order, into shards of ``samples_per_shard``; the last may be smaller."""
    shards: list[Shard] = []
    spans: list[Span] = []
    room = samples_per_shard
    for path, rows in parts:
        start = 0
        while start < rows:
            taken = min(room, rows - start)
            spans.append(Span(path, start, start + taken))
            start += taken
            room -= taken
            if room == 0:
                shards.append(Shard(len(shards), spans))
                spans, room = [], samples_per_shard
    if spans:
        shards.append(Shard(len(shards), spans))
    return shards


def read_span(span: Span) -> Iterator[SelectedRow]:
    """Yield the rows of a span."""
    position = 0
    for batch in read_batches(span.path):
        first, last = max(span.start - position, 0), min(span.stop - position, batch.num_rows)
        if first < last:
            yield from from_table(SelectedRow, batch.slice(first, last - first))
        position += batch.num_rows


def batches(rows: Iterable[SelectedRow]) -> Iterator[list[SelectedRow]]:
    """Cut ``rows`` into lists whose images are read at once: `_BATCH_BYTES` of them, the last row over it included."""
    batch: list[SelectedRow] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += row.staging_length
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class ShardWriter:
    """Writes one shard's tar and its Parquet twin, sample by sample."""

    def __init__(
        self, tar: storage.ContentFile, parquet: storage.ContentFile, *, captions_listed: bool = False
    ) -> None:
        self._tar = TarWriter(tar.file)
        self._schema = parquet_schema(captions_listed=captions_listed)
        self._parquet = pq.ParquetWriter(parquet.file, self._schema, compression="none")
        self._rows: list[dict[str, object]] = []
        self.samples = 0

    def add(self, row: SelectedRow, jpeg: bytes) -> None:
        """Append one sample: ``{key}.jpg``, ``{key}.txt``, ``{key}.json``, always in this order."""
        caption = unicodedata.normalize("NFC", row.caption)
        for ending, data in (("jpg", jpeg), ("txt", caption.encode()), ("json", row.metadata.encode())):
            self._tar.add(f"{row.key}.{ending}", data)
        metadata: dict[str, Any] = json.loads(row.metadata)
        known = {name: metadata[name] for name in self._schema.names if name in metadata}
        image = {"bytes": jpeg, "path": f"{row.key}.jpg"}
        self._rows.append({**known, "image": image, "caption": caption, "metadata": row.metadata})
        self.samples += 1
        if len(self._rows) == _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._parquet.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []

    def close(self) -> None:
        """Write the ends of both files."""
        self._flush()
        self._parquet.close()
        self._tar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._parquet.is_open:
            with suppress(OSError):  # an error is on its way out already, and the files are thrown away
                self._parquet.close()


class PackShard(beam.DoFn):
    """Writes one shard: tar, Parquet, and the lineage of its samples."""

    def __init__(self, place: AttemptPlace, staging_folder: str, *, captions_listed: bool = False) -> None:
        self._place = place
        self._staging = staging_folder
        self._captions_listed = captions_listed

    @reported("pack")
    def process(self, shard: Shard) -> Iterator[Done]:
        """Write the shard's files and report them."""
        notes = ProgressNotes(self._place.path)
        with (
            storage.ContentFile(self._place.path) as tar,
            storage.ContentFile(self._place.path) as parquet,
            PartWriter(self._place, LineageRow) as lineage,
            ShardWriter(tar, parquet, captions_listed=self._captions_listed) as writer,
        ):
            for rows in batches(row for span in shard.spans for row in read_span(span)):
                images = self._images(rows)
                for row in rows:
                    writer.add(row, images[row.staging, row.staging_offset])
                    lineage.add(row.lineage)
                    notes.advance()
            writer.close()
            stem = f"{shard.number:05d}"
            files = (("shards", tar.publish(stem, ".tar")), ("parquet", parquet.publish(stem, ".parquet")))
            parts = [self._place.part(table, shard.number, file, writer.samples) for table, file in files]
            parts.append(lineage.publish("lineage", shard.number))
        notes.finish()
        yield Done(parts, outcome_tallies({(Outcome.KEEP, NO_REASON): writer.samples}))

    def _images(self, rows: list[SelectedRow]) -> dict[tuple[str, int], bytes]:
        """Return the images of ``rows`` by staging tar and offset; a tar is read once, from front to back."""
        ranges: dict[str, list[tuple[int, int]]] = {}
        for row in rows:
            ranges.setdefault(row.staging, []).append((row.staging_offset, row.staging_length))
        return {
            (name, offset): jpeg
            for name, places in sorted(ranges.items())
            for offset, jpeg in storage.read_ranges(storage.join(self._staging, name), places)
        }


def expand(pipeline: beam.Pipeline, shards: list[Shard], do_fn: beam.DoFn) -> beam.PCollection[Done]:
    """Wire the stage: one unit a shard."""
    done: beam.PCollection[Done] = pipeline | "shards" >> beam.Create(shards) | "pack" >> beam.ParDo(do_fn)
    return done


def shards_of(selected: Committed, samples_per_shard: int) -> list[Shard]:
    """Return the shards that the selected samples make."""
    rows = [part.rows for part in selected.manifest.table("selected")]
    return plan_shards(list(zip(selected.paths("selected"), rows, strict=True)), samples_per_shard)
