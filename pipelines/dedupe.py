"""The dedupe stage: which fetched images are copies of one another, or of what was released, from hashes alone.

Two Beam jobs over columns of hashes. The first finds edges: images of one pHash meet in a partition, what is left to
search meets in the buckets of `filters.hamming`, and the edges of all, which travel in files as rows do, are joined by
union-find in one place. The second brings each component together to name its representatives.
`filters.near_duplicates` states the rule. What earlier releases hold joins both by their hash indexes (see
`pipelines.released`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa

from filters.hamming import Rows, home_prefixes, pairs_in_bucket, search_bands
from filters.hamming_index import first_bits, tables, turned
from filters.near_duplicates import (
    DuplicateRules,
    Views,
    confirmed,
    distinct,
    explain,
    follow_leaders,
    views,
)
from filters.sorted_ids import find_ids
from filters.union_find import add_edges, empty, labels
from pipelines import storage
from pipelines.cluster_table import cluster_table
from pipelines.exchange import Handle, Slice, group, partitions_for, read_columns, write_columns
from pipelines.hash_columns import (
    IMAGE_COLUMNS,
    hash_table,
    images_of,
    spread,
    view_table,
    views_of,
    without_tones,
    write_edges,
    write_table,
)
from pipelines.hash_index import Released, band_part, prefix_bits
from pipelines.parts import AttemptPlace, Done
from pipelines.progress import ProgressNotes
from pipelines.released import (
    RELEASED,
    TWIN_COLUMNS,
    ConfirmReleased,
    FindSame,
    SearchReleased,
    SpreadReleased,
    ask_ids,
    ask_views,
    files,
    first_told,
    led_by_released,
    read_labels,
)
from pipelines.stage import Attempt, merge_done, outcome_tallies
from pipelines.unit_of_work import reported
from schemas.reasons import NO_REASON, Outcome

VERSION = 7
"""Grows with every change of what this stage matches or writes."""
LABELS = "labels"


class Matching(NamedTuple):
    """What a run is matched by: the rules, about how many images, and the releases it is held against."""

    rules: DuplicateRules
    images: int
    releases: Sequence[Released] = ()

    @property
    def meeting_bits(self) -> int:
        """Into how many parts, as a power of two, views are cut to meet those of one pHash.

        By their pHashes as the first band of releases is, and at least as finely.
        """
        return max([prefix_bits(self.images), *(release.made.prefix_bits for release in self.releases)])


class SpreadViews(beam.DoFn):
    """Spreads the views of a part's images, so that those of one pHash meet; asks releases for its contents."""

    def __init__(self, place: AttemptPlace, matching: Matching) -> None:
        self._place = place
        self._matching = matching

    def process(self, path: str) -> Iterator[beam.pvalue.TaggedOutput]:
        """Yield the handles of one part's slices."""
        table = hash_table(path)
        if table.num_rows == 0:
            return
        rules, _, releases = self._matching
        seen = views(images_of(table), rules)
        places = first_bits(turned(seen.phash, tables(rules.radius)[0]), self._matching.meeting_bits)
        for handle in write_columns(self._place.exchange, view_table(seen), places):
            yield beam.pvalue.TaggedOutput("views", handle)
        for number, release in enumerate(releases):
            for handle in ask_ids(self._place, number, release, table["id"].to_numpy()):
                yield beam.pvalue.TaggedOutput("ids", handle)


class SpreadComponents(beam.DoFn):
    """Spreads a part's images by component."""

    def __init__(self, place: AttemptPlace, partitions: int, labels_path: str) -> None:
        self._place = place
        self._partitions = partitions
        self._labels_path = labels_path

    def setup(self) -> None:
        """Load the labels once a worker."""
        self._labels = read_labels(self._labels_path)

    def process(self, path: str) -> Iterator[Handle]:
        """Yield the handles of one part's slices."""
        table = hash_table(path, tones=True)
        if table.num_rows == 0:
            return
        ids = table["id"].to_numpy()
        roots, (tied, _) = self._labels.of(ids), self._labels.known(ids)
        table = without_tones(table, ~tied).append_column("root", pa.array(roots))
        yield from write_columns(self._place.exchange, table, spread(roots, self._partitions))


class FollowLeaders(beam.DoFn):
    """Joins images of one pHash; sends one of each group on to the buckets."""

    def __init__(self, place: AttemptPlace, matching: Matching) -> None:
        self._place = place
        self._matching = matching

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Yield the handles of the edges found in one partition and of its bucket slices."""
        bucket, slices = element
        table = read_columns(slices)
        if table is None:
            return
        rules, _, releases = self._matching
        seen = distinct(views_of(table))
        followed = led_by_released(seen, releases, rules, bits=self._matching.meeting_bits, bucket=bucket)
        edges = [(seen.ids[followed.rows], ~followed.ids)]
        seen = _without(seen, followed.rows)
        leader, searchable = follow_leaders(seen, rules, np.delete(followed.leaders, followed.rows))
        followers = np.flatnonzero(leader != np.arange(len(leader)))
        edges.append((seen.ids[followers], seen.ids[leader[followers]]))
        for handle in write_edges(self._place, *(np.concatenate(side) for side in zip(*edges, strict=True))):
            yield beam.pvalue.TaggedOutput("edges", handle)
        seen = _without(seen, np.flatnonzero(~searchable))
        for handle in self._visits(seen):
            yield beam.pvalue.TaggedOutput("handles", handle)
        for handle in ask_views(self._place, releases, seen, rules):
            yield beam.pvalue.TaggedOutput("asked", handle)

    def _visits(self, seen: Views) -> Iterator[Handle]:
        """Yield the handles of the slices that this run's own buckets see."""
        table = view_table(seen)
        for number, band in enumerate(search_bands(self._matching.rules.radius)):
            bits = min(prefix_bits(self._matching.images), band.width)
            places = band_part(number, 0) | home_prefixes(seen.phash, band, bits)
            yield from write_columns(self._place.exchange, table, places)


class SearchBucket(beam.DoFn):
    """Finds and confirms the near pairs of one bucket."""

    def __init__(self, place: AttemptPlace, matching: Matching) -> None:
        self._place = place
        self._matching = matching

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Handle]:
        """Yield the handle of the bucket's edges."""
        part, slices = element
        table = read_columns(slices)
        if table is None:
            return
        rules = self._matching.rules
        number = part >> 16
        seen = views_of(table)
        pairs = pairs_in_bucket(seen.phash, rules.radius, number)
        sure = confirmed(seen, pairs, rules)
        yield from write_edges(self._place, seen.ids[pairs.left[sure]], seen.ids[pairs.right[sure]])


def _without(seen: Views, rows: Rows) -> Views:
    left = np.delete(np.arange(seen.ids.size), rows)
    return Views(seen.ids[left], seen.phash[left], seen.phash256[left])


class JoinEdges(beam.DoFn):
    """Writes the component of every node that has an edge: the smallest node in it."""

    def __init__(self, place: AttemptPlace) -> None:
        self._place = place

    @reported("labels")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write one part of labels; the edges are read a file at a time."""
        forest = empty()
        for piece in sorted(element[1]):
            edges = read_columns([piece])
            assert edges is not None
            forest = add_edges(forest, edges["left"].to_numpy(), edges["right"].to_numpy())
        nodes, roots = labels(forest)
        yield Done([write_table(self._place, LABELS, 0, pa.table({"node": nodes, "root": roots}))], [])


class ExplainPartition(beam.DoFn):
    """Names the cluster, the representative and the evidence of every image of whole components."""

    def __init__(self, place: AttemptPlace, matching: Matching) -> None:
        self._place = place
        self._matching = matching

    @reported("explain")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write one part of clusters."""
        partition, slices = element
        pieces = list(slices)
        table = read_columns(piece for piece in pieces if piece.source != RELEASED)
        if table is None:  # a component that only ties releases to one another
            return
        released = _met(read_columns(piece for piece in pieces if piece.source == RELEASED), table)
        everything = pa.concat_tables([table.select(_JOINED), released.select(_JOINED)])
        is_released, _ = find_ids(everything["id"].to_numpy(), np.sort(released["id"].to_numpy()))
        found = explain(images_of(everything), everything["root"].to_numpy(), self._matching.rules, is_released)
        part = write_table(self._place, "clusters", partition, cluster_table(table, found, released))
        notes = ProgressNotes(self._place.path)
        notes.advance(part.rows)
        notes.finish()
        yield Done([part], outcome_tallies({(Outcome.KEEP, NO_REASON): part.rows}))


_JOINED = [*IMAGE_COLUMNS, "root"]


def _met(released: pa.Table | None, table: pa.Table) -> pa.Table:
    """Return the released images of the components that ``table`` has images of, each once."""
    if released is None:
        columns = {name: table[name].slice(0, 0) for name in _JOINED}
        return pa.table(columns | {name: pa.array([], pa.string()) for name in TWIN_COLUMNS})
    mine, _ = find_ids(released["root"].to_numpy(), np.sort(table["root"].to_numpy()))
    return first_told(released.filter(pa.array(mine)))


def run_dedupe(attempt: Attempt, paths: list[str], matching: Matching) -> Done:
    """Match fetched images, those of the parts at ``paths``; return what both jobs wrote."""
    joined = attempt.run(lambda p: _find_edges(p, paths, attempt.place, matching), unit="edges", label="match")
    found = [part.path for part in joined.parts if part.table == LABELS]
    labels_path = storage.join(attempt.place.folder, *found) if found else ""
    explained = attempt.run(
        lambda p: _explain(p, paths, attempt.place, matching, labels_path),
        total=matching.images,
        unit="images",
        partitions=partitions_for(matching.images),
    )
    return merge_done([joined, explained])


def _find_edges(
    pipeline: beam.Pipeline, paths: list[str], place: AttemptPlace, matching: Matching
) -> beam.PCollection[Done]:
    """Wire the first job: edges from views of one pHash, from this run's buckets and from those of releases."""
    rules, _, releases = matching
    parts = pipeline | "parts" >> beam.Create(paths)
    parts = parts | "hashes" >> beam.ParDo(SpreadViews(place, matching)).with_outputs("views", "ids")
    followed = group(parts.views, "same hash") | "follow" >> beam.ParDo(FollowLeaders(place, matching)).with_outputs(
        "edges", "handles", "asked"
    )
    searched = group(followed.handles, "buckets") | "search" >> beam.ParDo(SearchBucket(place, matching))
    edges = [followed.edges, searched]
    if releases:
        asked = group(followed.asked, "released buckets")
        proposed = asked | "search released" >> beam.ParDo(SearchReleased(place, rules, releases))
        proposed = group(proposed, "proposed")
        edges.append(proposed | "confirm released" >> beam.ParDo(ConfirmReleased(place, rules, releases)))
        edges.append(group(parts.ids, "released ids") | "same bytes" >> beam.ParDo(FindSame(place, releases)))
    joined = group(edges | "all edges" >> beam.Flatten(), "edges")
    done: beam.PCollection[Done] = joined | "labels" >> beam.ParDo(JoinEdges(place))
    return done


def _explain(
    pipeline: beam.Pipeline, paths: list[str], place: AttemptPlace, matching: Matching, labels_path: str
) -> beam.PCollection[Done]:
    """Wire the second job: whole components, with what releases have of them, explained."""
    partitions, releases = partitions_for(matching.images), matching.releases
    parts = pipeline | "parts" >> beam.Create(paths)
    rows = [parts | "labelled" >> beam.ParDo(SpreadComponents(place, partitions, labels_path))]
    if releases:
        spreader = SpreadReleased(place, partitions, labels_path, releases)
        rows.append(pipeline | "released images" >> beam.Create(files(releases)) | "met" >> beam.ParDo(spreader))
    together = group(rows | "rows" >> beam.Flatten(), "components")
    done: beam.PCollection[Done] = together | "explain" >> beam.ParDo(ExplainPartition(place, matching))
    return done
