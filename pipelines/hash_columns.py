"""The columns in which hashes travel: read from parts of images, spread over partitions, and written as tables."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.hamming import Rows
from filters.near_duplicates import Images, Views, first_bits, hash_words
from filters.sorted_ids import Ids
from filters.tones import BYTES as TONES_BYTES
from filters.tones import Tones
from pipelines import storage
from pipelines.exchange import Handle, write_columns
from pipelines.parts import AttemptPlace, Part, read_batches
from schemas.reasons import Outcome

_HASHES: Final = ["phash", "phash256", "clear_bits"]
_VIEWS: Final = ["", "trimmed_"]
_READ: Final = ["image_url", "raw_sha256", "original_width", "original_height", "outcome"]
TONE_COLUMNS: Final = [f"{view}tones" for view in _VIEWS]
_VIEWED: Final = [view + name for view in _VIEWS for name in _HASHES]
_ROWS_PER_GROUP: Final = 100_000

_WORDS: Final = [f"word{n}" for n in range(4)]
TURNED: Final = "turned"
"""A pHash in the form in which a table of `filters.hamming_index` has it."""
BAND_COLUMNS: Final = ["id", TURNED, *_WORDS]
"""Of a view in an index."""
IMAGE_COLUMNS: Final = [
    "id",
    "raw_sha256",
    *(f"{view}{name}" for view in _VIEWS for name in ("phash", *_WORDS, "clear_bits")),
    "pixels",
    *TONE_COLUMNS,
]
"""What is known of an image's bytes; `hash_table` has its URL before them, `sample_table` the sample's key after.

Trimmed tones are empty where the trimmed view is the whole picture; tones are, too, where they are not needed.
"""


def hash_table(path: str, *, tones: bool = False) -> pa.Table:
    """Return the columns of one part of images: URL, content id, each view's hashes in words, clear bits, pixels.

    Of its tones only where asked: they are the most of it.
    """
    tables = []
    for batch in read_batches(path, _READ + _VIEWED + TONE_COLUMNS * tones):
        rows = pa.Table.from_batches([batch])
        rows = rows.filter(pc.equal(rows["outcome"], Outcome.KEEP.value))
        rows = rows.append_column("pixels", pc.multiply(rows["original_width"], rows["original_height"]))
        tables.append(pa.table({"image_url": rows["image_url"], **_image_columns(rows)}))
    return pa.concat_tables(tables) if tables else pa.table({"id": pa.array([], pa.int64())})


def sample_table(path: str) -> pa.Table:
    """Return the columns of one part of selected samples: what `hash_table` has of their pictures, and the key."""
    tables = []
    for batch in read_batches(path, ["key", "hashes"]):
        rows = pa.Table.from_batches([batch])
        keys, rows = rows["key"], pa.Table.from_struct_array(rows["hashes"])
        tables.append(pa.table({**_image_columns(rows), "key": keys}))
    return pa.concat_tables(tables) if tables else pa.table({"id": pa.array([], pa.int64())})


def _image_columns(rows: pa.Table) -> dict[str, Any]:
    trimmed = pc.not_equal(rows["trimmed_phash"], "")
    for name in _HASHES:  # an image without margins is its own trimmed view
        place = rows.column_names.index("trimmed_" + name)
        rows = rows.set_column(place, "trimmed_" + name, pc.if_else(trimmed, rows["trimmed_" + name], rows[name]))
    return {
        "id": first_bits(_words(rows["raw_sha256"], 256)),
        "raw_sha256": rows["raw_sha256"],
        **{name: column for view in _VIEWS for name, column in _view_columns(rows, view)},
        "pixels": rows["pixels"],
        **{name: rows[name] for name in TONE_COLUMNS if name in rows.column_names},
    }


def _view_columns(rows: pa.Table, view: str) -> Iterator[tuple[str, object]]:
    yield view + "phash", _words(rows[view + "phash"], 64)[:, 0]
    longer = _words(rows[view + "phash256"], 256)
    yield from ((f"{view}word{n}", longer[:, n]) for n in range(4))
    yield view + "clear_bits", rows[view + "clear_bits"]


def _words(column: pa.ChunkedArray, bits: int) -> npt.NDArray[np.uint64]:
    """Return what `filters.near_duplicates.hash_words` does, without a Python object for each text.

    Raises:
        ValueError: as `filters.near_duplicates.hash_words`.
    """
    texts = column.combine_chunks()
    if len(texts) == 0 or pc.any(pc.not_equal(pc.fill_null(pc.binary_length(texts), -1), bits // 4)).as_py():
        return hash_words(texts.to_pylist(), bits)  # which says what is wrong
    start, end = np.frombuffer(texts.buffers()[1], np.int32)[[texts.offset, texts.offset + len(texts)]]
    return hash_words([str(texts.buffers()[2][start:end], "ascii")], bits * len(texts)).reshape(-1, bits // 64)


def images_of(table: pa.Table) -> Images:
    """Return the columns that the matching rules work on; without tones in ``table`` all agree."""

    def stacked(names: list[str]) -> Any:
        return np.stack([table[name].to_numpy() for name in names], axis=1)

    return Images(
        table["id"].to_numpy(),
        stacked([f"{view}phash" for view in _VIEWS]),
        stacked([f"{view}word{n}" for view in _VIEWS for n in range(4)]).reshape(-1, len(_VIEWS), 4),
        stacked([f"{view}clear_bits" for view in _VIEWS]),
        table["pixels"].to_numpy(),
        _tones_of(table),
    )


def _tones_of(table: pa.Table) -> Tones:
    """Return the tones of each row's views: shape (rows, views, `TONES_BYTES`)."""
    found = np.zeros(TONES_BYTES, np.uint8)
    if TONE_COLUMNS[0] not in table.column_names:
        return np.broadcast_to(found, (table.num_rows, len(_VIEWS), TONES_BYTES))
    found = np.zeros((table.num_rows, len(_VIEWS), TONES_BYTES), np.uint8)
    for view, name in enumerate(TONE_COLUMNS):
        start = 0
        for chunk in table[name].chunks:
            rows = slice(start, start + len(chunk))
            known = pc.equal(pc.binary_length(chunk), TONES_BYTES).to_numpy(zero_copy_only=False)
            told = np.frombuffer(b"".join(chunk.filter(pa.array(known)).to_pylist()), np.uint8)
            found[rows, view:][known] = told.reshape(-1, 1, TONES_BYTES)
            start += len(chunk)
    return found


def view_table(seen: Views, *, phash: str = "phash") -> pa.Table:
    """Return the columns in which views travel."""
    return pa.table({"id": seen.ids, phash: seen.phash, **{name: seen.phash256[:, n] for n, name in enumerate(_WORDS)}})


def views_of(table: pa.Table, *, phash: str = "phash") -> Views:
    """Return the views of a `view_table`."""
    words = np.stack([table[name].to_numpy() for name in _WORDS], axis=1)
    return Views(table["id"].to_numpy(), table[phash].to_numpy(), words)


def without_repeats(table: pa.Table) -> pa.Table:
    """Return `IMAGE_COLUMNS` with nulls for a trimmed view that is the whole picture."""
    names = ("phash", *_WORDS, "clear_bits")
    same = reduce(pc.and_, (pc.equal(table[name], table["trimmed_" + name]) for name in names))
    for name in ("trimmed_" + name for name in names):
        kept = pc.if_else(same, pa.scalar(None, table[name].type), table[name])
        table = table.set_column(table.column_names.index(name), name, kept)
    return table


def with_repeats(table: pa.Table) -> pa.Table:
    """Return what `without_repeats` was given."""
    for name in ("phash", *_WORDS, "clear_bits"):
        column = pc.coalesce(table["trimmed_" + name], table[name])
        table = table.set_column(table.column_names.index("trimmed_" + name), "trimmed_" + name, column)
    return table


def without_tones(table: pa.Table, rows: npt.NDArray[np.bool_]) -> pa.Table:
    """Return ``table`` with empty tones in the given rows: what is compared with nothing needs none."""
    for name in TONE_COLUMNS:
        kept = pc.if_else(pa.array(rows), pa.scalar(b"", table[name].type), table[name])
        table = table.set_column(table.column_names.index(name), name, kept)
    return table


def spread(values: npt.NDArray[np.uint64] | Ids, partitions: int) -> Ids:
    """Return the partition of each value: equal values meet, and close ones are spread."""
    mixed = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing (Knuth, TAOCP 3, 6.4)
    return ((mixed >> np.uint64(32)) % np.uint64(partitions)).astype(np.int64)


def write_edges(place: AttemptPlace, left: Ids, right: Ids) -> list[Handle]:
    """Write the edges ``left[i]``-``right[i]`` of the graph of near images; return the handle to shuffle, if any."""
    edges = pa.table({"left": left, "right": right})
    return write_columns(place.exchange, edges, np.zeros(len(left), np.int64))


def read_table(path: str, columns: list[str]) -> pa.Table:
    """Return columns of a Parquet file."""
    with storage.open_to_read(path) as file:
        return pq.read_table(file, columns=columns)


def read_taken(path: str, columns: list[str], rows: Rows) -> pa.Table:
    """Return columns of the given rows, ascending, of a Parquet file, one row group in memory at a time."""
    taken, start = [], 0
    with storage.open_to_read(path) as file:
        parquet = pq.ParquetFile(file)
        for group in range(parquet.num_row_groups):
            end = start + parquet.metadata.row_group(group).num_rows
            here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, end)] - start
            if here.size > 0:
                taken.append(parquet.read_row_group(group, columns).take(here))
            start = end
    return pa.concat_tables(taken)


def write_table(place: AttemptPlace, name: str, partition: int, table: pa.Table) -> Part:
    """Write ``table`` as one part; hashes seldom repeat, so that dictionaries would only cost."""
    with storage.ContentFile(place.path) as content:
        pq.write_table(table, content.file, compression="zstd", use_dictionary=False, row_group_size=_ROWS_PER_GROUP)
        return place.part(name, partition, content.publish(f"{name}-{partition:05d}", ".parquet"), table.num_rows)
