"""The dedupe stage: which fetched images are copies of one another, from their hashes alone.

Two Beam jobs over columns of hashes. The first finds edges: images of one pHash meet in a partition, what is left to
search meets in the buckets of `filters.hamming`, and the edges of all are joined by union-find as a mergeable combiner.
The second brings each component together to name its representatives. `filters.near_duplicates` states the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.hamming import bucket_rows, pairs_in_bucket, plan_bands
from filters.near_duplicates import (
    EVIDENCE,
    NEAR,
    TRIMMED,
    Clusters,
    DuplicateRules,
    Images,
    Views,
    confirmed,
    content_ids,
    distinct,
    explain,
    follow_leaders,
    hash_words,
    views,
)
from filters.union_find import Forest, add_edges, empty, labels, merge
from pipelines import coders, storage
from pipelines.exchange import Handle, Slice, group, partitions_for, read_columns, write_columns
from pipelines.parts import AttemptPlace, Done, read_batches, write_part
from pipelines.progress import ProgressNotes
from pipelines.stage import Attempt, merge_done, outcome_tallies
from schemas.reasons import NO_REASON, Outcome
from schemas.records import ClusterRow

VERSION = 2
"""Grows with every change of what this stage matches."""

_HASHES = ["phash", "phash256", "clear_bits"]
_VIEWS = ["", "trimmed_"]
_COLUMNS = ["image_url", "raw_sha256", "original_width", "original_height", "outcome"]
_COLUMNS += [view + name for view in _VIEWS for name in _HASHES]
_EDGES_AT_ONCE = 30_000  # half a megabyte an element
_ROWS_PER_BUCKET = 200_000

Ids = npt.NDArray[np.int64]


class Edges(NamedTuple):
    """Pairs of content ids as raw little-endian int64 bytes: what union-find is fed."""

    left: bytes
    right: bytes


class Label(NamedTuple):
    """The component of a content that has an edge: the smallest content id in it."""

    node: int
    root: int


coders.register(Edges)


def hash_table(path: str) -> pa.Table:
    """Return the columns of one part of images: URL, content id, each view's hashes in words, clear bits, pixels."""
    tables = []
    for batch in read_batches(path, _COLUMNS):
        rows = pa.Table.from_batches([batch])
        rows = rows.filter(pc.equal(rows["outcome"], Outcome.KEEP.value))
        trimmed = pc.not_equal(rows["trimmed_phash"], "")
        for name in _HASHES:  # an image without margins is its own trimmed view
            place = rows.column_names.index("trimmed_" + name)
            rows = rows.set_column(place, "trimmed_" + name, pc.if_else(trimmed, rows["trimmed_" + name], rows[name]))
        pixels = rows["original_width"].to_numpy() * rows["original_height"].to_numpy()
        tables.append(
            pa.table(
                {
                    "image_url": rows["image_url"],
                    "raw_sha256": rows["raw_sha256"],
                    "id": content_ids(rows["raw_sha256"].to_pylist()),
                    **{name: column for view in _VIEWS for name, column in _view_columns(rows, view)},
                    "pixels": pixels,
                }
            )
        )
    return pa.concat_tables(tables) if tables else pa.table({"id": pa.array([], pa.int64())})


def _view_columns(rows: pa.Table, view: str) -> Iterator[tuple[str, object]]:
    yield view + "phash", hash_words(rows[view + "phash"].to_pylist(), 64)[:, 0]
    longer = hash_words(rows[view + "phash256"].to_pylist(), 256)
    yield from ((f"{view}word{n}", longer[:, n]) for n in range(4))
    yield view + "clear_bits", rows[view + "clear_bits"]


def images_of(table: pa.Table) -> Images:
    """Return the columns that the matching rules work on."""

    def stacked(names: list[str]) -> Any:
        return np.stack([table[name].to_numpy() for name in names], axis=1)

    return Images(
        table["id"].to_numpy(),
        stacked([f"{view}phash" for view in _VIEWS]),
        stacked([f"{view}word{n}" for view in _VIEWS for n in range(4)]).reshape(-1, len(_VIEWS), 4),
        stacked([f"{view}clear_bits" for view in _VIEWS]),
        table["pixels"].to_numpy(),
    )


def view_table(seen: Views) -> pa.Table:
    """Return the columns in which views travel."""
    return pa.table({"id": seen.ids, "phash": seen.phash, **{f"word{n}": seen.phash256[:, n] for n in range(4)}})


def views_of(table: pa.Table) -> Views:
    """Return the views of a `view_table`."""
    words = np.stack([table[f"word{n}"].to_numpy() for n in range(4)], axis=1)
    return Views(table["id"].to_numpy(), table["phash"].to_numpy(), words)


def spread(values: npt.NDArray[np.uint64] | Ids, partitions: int) -> Ids:
    """Return the partition of each value: equal values meet, and close ones are spread."""
    mixed = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing (Knuth, TAOCP 3, 6.4)
    return ((mixed >> np.uint64(32)) % np.uint64(partitions)).astype(np.int64)


def in_chunks(left: Ids, right: Ids) -> Iterator[Edges]:
    """Yield edges in elements small enough to shuffle."""
    for start in range(0, len(left), _EDGES_AT_ONCE):
        piece = slice(start, start + _EDGES_AT_ONCE)
        yield Edges(left[piece].astype("<i8").tobytes(), right[piece].astype("<i8").tobytes())


class SpreadViews(beam.DoFn):
    """Spreads the views of a part's images by pHash."""

    def __init__(self, place: AttemptPlace, partitions: int, rules: DuplicateRules) -> None:
        self._place = place
        self._partitions = partitions
        self._rules = rules

    def process(self, path: str) -> Iterator[Handle]:
        """Yield the handles of one part's slices."""
        table = hash_table(path)
        if table.num_rows == 0:
            return
        seen = views(images_of(table), self._rules)
        yield from write_columns(self._place.exchange, view_table(seen), spread(seen.phash, self._partitions))


class SpreadComponents(beam.DoFn):
    """Spreads a part's images by component."""

    def __init__(self, place: AttemptPlace, partitions: int, labels_path: str) -> None:
        self._place = place
        self._partitions = partitions
        self._labels_path = labels_path

    def setup(self) -> None:
        """Load the labels once a worker: 16 bytes in memory for each content that has an edge."""
        with storage.open_to_read(self._labels_path) as file:
            table = pq.read_table(file)
        self._nodes, self._roots = table["node"].to_numpy(), table["root"].to_numpy()

    def process(self, path: str) -> Iterator[Handle]:
        """Yield the handles of one part's slices."""
        table = hash_table(path)
        if table.num_rows == 0:
            return
        roots = self._root_of(table["id"].to_numpy())
        table = table.append_column("root", pa.array(roots))
        yield from write_columns(self._place.exchange, table, spread(roots, self._partitions))

    def _root_of(self, ids: Ids) -> Ids:
        if len(self._nodes) == 0:
            return ids
        places = np.minimum(np.searchsorted(self._nodes, ids), len(self._nodes) - 1)
        return np.where(self._nodes[places] == ids, self._roots[places], ids)


class FollowLeaders(beam.DoFn):
    """Joins images of one pHash; sends one of each group on to the buckets."""

    def __init__(self, place: AttemptPlace, rules: DuplicateRules, *, expected: int) -> None:
        self._place = place
        self._rules = rules
        self._bands = plan_bands(rules.radius, max(expected, 1))
        self._prefix_bits = prefix_bits(expected)

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Yield the edges found in one partition and the handles of its bucket slices."""
        table = read_columns(element[1])
        if table is None:
            return
        seen = distinct(views_of(table))
        leader, searchable = follow_leaders(seen, self._rules)
        followers = np.flatnonzero(leader != np.arange(len(leader)))
        for edges in in_chunks(seen.ids[followers], seen.ids[leader[followers]]):
            yield beam.pvalue.TaggedOutput("edges", edges)
        left = np.flatnonzero(searchable)
        visits, places = [], []
        for number, band in enumerate(self._bands):
            bits = min(self._prefix_bits, band.width)
            for prefix, rows in bucket_rows(seen.phash[left], band, bits):
                visits.append(left[rows])
                places.append(np.full(len(rows), number << self._prefix_bits | prefix, np.int64))
        if visits:
            rows = np.concatenate(visits)
            visitors = view_table(seen).take(rows)
            for handle in write_columns(self._place.exchange, visitors, np.concatenate(places)):
                yield beam.pvalue.TaggedOutput("handles", handle)


class SearchBucket(beam.DoFn):
    """Finds and confirms the near pairs of one bucket."""

    def __init__(self, rules: DuplicateRules, *, expected: int) -> None:
        self._rules = rules
        self._bands = plan_bands(rules.radius, max(expected, 1))
        self._prefix_bits = prefix_bits(expected)

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Edges]:
        """Yield the bucket's edges."""
        place, slices = element
        table = read_columns(slices)
        if table is None:
            return
        number, prefix = place >> self._prefix_bits, place & ((1 << self._prefix_bits) - 1)
        bits = min(self._prefix_bits, self._bands[number].width)
        seen = views_of(table)
        pairs = pairs_in_bucket(seen.phash, self._bands, number, self._rules.radius, prefix_bits=bits, prefix=prefix)
        sure = confirmed(seen, pairs, self._rules)
        yield from in_chunks(seen.ids[pairs.left[sure]], seen.ids[pairs.right[sure]])


def prefix_bits(expected: int) -> int:
    """Return into how many buckets, as a power of two, a band is cut so that a bucket fits in memory."""
    return min(8, max(0, (expected // _ROWS_PER_BUCKET).bit_length()))


class JoinEdges(beam.CombineFn):
    """Beam's face of `filters.union_find`: a spanning forest is the accumulator."""

    def create_accumulator(self) -> Forest:
        """Return a forest without nodes."""
        return empty()

    def add_input(self, mutable_accumulator: Forest, element: Edges) -> Forest:
        """Add edges."""
        return add_edges(mutable_accumulator, np.frombuffer(element.left, "<i8"), np.frombuffer(element.right, "<i8"))

    def merge_accumulators(self, accumulators: Iterable[Forest]) -> Forest:
        """Return the components of all."""
        return merge(accumulators)

    def extract_output(self, accumulator: Forest) -> Forest:
        """Return the settled forest."""
        return merge([accumulator])


class WriteLabels(beam.DoFn):
    """Writes the component of every content that has an edge."""

    def __init__(self, place: AttemptPlace) -> None:
        self._place = place

    def process(self, forest: Forest) -> Iterator[Done]:
        """Write one part of labels."""
        nodes, roots = labels(forest)
        rows = (Label(int(node), int(root)) for node, root in zip(nodes, roots, strict=True))
        yield Done([write_part(self._place, "labels", 0, Label, rows)], [])


class ExplainPartition(beam.DoFn):
    """Names the cluster, the representative and the evidence of every image of whole components."""

    def __init__(self, place: AttemptPlace, rules: DuplicateRules) -> None:
        self._place = place
        self._rules = rules

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write one part of clusters."""
        partition, slices = element
        table = read_columns(slices)
        assert table is not None
        found = explain(images_of(table), table["root"].to_numpy(), self._rules)
        rows = sorted(cluster_rows(table, found))
        notes = ProgressNotes(self._place.path)
        notes.advance(len(rows))
        notes.flush()
        part = write_part(self._place, "clusters", partition, ClusterRow, rows)
        yield Done([part], outcome_tallies({(Outcome.KEEP, NO_REASON): len(rows)}))


def cluster_rows(table: pa.Table, found: Clusters) -> Iterator[ClusterRow]:
    """Yield the row of each image. A representative content is shown by the smallest of its URLs."""
    urls, digests, ids = (table[name].to_pylist() for name in ("image_url", "raw_sha256", "id"))
    shown: dict[int, tuple[str, str]] = {}
    for identity, url, digest in zip(ids, urls, digests, strict=True):
        shown[identity] = min(shown.get(identity, (url, digest)), (url, digest))
    for row, url in enumerate(urls):
        representative, digest = shown[int(found.representative[row])]
        match = str(found.match[row])
        proposed, verified = EVIDENCE[match]
        yield ClusterRow(
            image_url=url,
            cluster=digest,
            representative_url=representative,
            match=NEAR if match == TRIMMED else match,
            proposed_by=proposed,
            confirmed_by=verified,
            distance=int(found.distance[row]),
            verify_distance=int(found.verify_distance[row]),
            size=int(found.size[row]),
        )


def run_dedupe(attempt: Attempt, paths: list[str], images: int, rules: DuplicateRules) -> Done:
    """Match ``images`` fetched images; return what both jobs wrote."""
    place, partitions = attempt.place, partitions_for(images)

    def find_edges(pipeline: beam.Pipeline) -> beam.PCollection[Done]:
        parts = pipeline | "parts" >> beam.Create(paths) | "hashes" >> beam.ParDo(SpreadViews(place, partitions, rules))
        followed = group(parts, "same hash") | "follow" >> beam.ParDo(
            FollowLeaders(place, rules, expected=images)
        ).with_outputs("edges", "handles")
        searched = group(followed.handles, "buckets") | "search" >> beam.ParDo(SearchBucket(rules, expected=images))
        edges = (followed.edges, searched) | "edges" >> beam.Flatten()
        typed = edges | "edge types" >> beam.Map(_as_it_is).with_output_types(Edges)
        done: beam.PCollection[Done] = (
            typed | "join" >> beam.CombineGlobally(JoinEdges()) | "labels" >> beam.ParDo(WriteLabels(place))
        )
        return done

    joined = attempt.run(find_edges, unit="edges", label="match")
    labels_path = storage.join(place.folder, joined.parts[0].path)

    def explain_all(pipeline: beam.Pipeline) -> beam.PCollection[Done]:
        spreader = SpreadComponents(place, partitions, labels_path)
        parts = pipeline | "parts" >> beam.Create(paths) | "labelled" >> beam.ParDo(spreader)
        done: beam.PCollection[Done] = group(parts, "components") | "explain" >> beam.ParDo(
            ExplainPartition(place, rules)
        )
        return done

    return merge_done([joined, attempt.run(explain_all, total=images, unit="images")])


def _as_it_is(edges: Edges) -> Edges:
    return edges
