"""Meeting what was released: new views looked up in a release's buckets, and the samples they lead to.

Nothing of a release is compared with anything else of it. A released picture is a node of its own in the forest,
``~id`` for its content id, so that it is never taken for an image of this run, whose bytes may be the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa

from filters.hamming import Rows, home_prefixes, pairs_across
from filters.near_duplicates import DuplicateRules, Views, confirmed, follow_released
from pipelines.exchange import Handle, Slice, read_columns, write_columns
from pipelines.hash_columns import (
    IMAGE_COLUMNS,
    VIEW_COLUMNS,
    Ids,
    read_table,
    spread,
    view_table,
    views_of,
    write_edges,
)
from pipelines.hash_index import KEY_COLUMN, Released, id_part, index_bands
from pipelines.parts import AttemptPlace

RELEASED: Final = "released"
"""The source of the slices that hold released representatives."""

TWIN_COLUMNS: Final = ["released_in", "released_key"]
"""Of a released picture: the release, and the key of its sample there."""


class Labels(NamedTuple):
    """The component of every node that has an edge; ``nodes`` ascend."""

    nodes: Ids
    roots: Ids

    def of(self, ids: Ids) -> Ids:
        """Return the component of each id: its own where it has no edge."""
        found, rows = self.known(ids)
        return np.where(found, self.roots[rows], ids) if self.nodes.size else ids

    def known(self, ids: Ids) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], Rows]:
        """Return which ids have an edge, and their places among the nodes."""
        if self.nodes.size == 0:
            return np.zeros(ids.size, np.bool_), np.zeros(ids.size, np.int64)
        rows = np.minimum(np.searchsorted(self.nodes, ids), self.nodes.size - 1)
        return self.nodes[rows] == ids, rows


def read_labels(path: str) -> Labels:
    """Return the labels at ``path``, 16 bytes in memory for each node; none where no edge was found and it is ""."""
    if not path:
        return Labels(np.empty(0, np.int64), np.empty(0, np.int64))
    table = read_table(path, ["node", "root"])
    return Labels(table["node"].to_numpy(), table["root"].to_numpy())


def files(releases: Sequence[Released]) -> list[tuple[int, str]]:
    """Return every file of a table of images, with the number of its release."""
    return [(number, path) for number, release in enumerate(releases) for _, path in sorted(release.images.items())]


def ask_ids(place: AttemptPlace, release: int, released: Released, ids: Ids) -> Iterator[Handle]:
    """Yield the handles by which ``ids`` come to the files of a release that would have them."""
    ids = np.unique(ids)
    parts = id_part(ids, released.made.id_bits)
    there = np.isin(parts, np.array(sorted(released.images), np.int64))
    for part, piece in write_columns(place.exchange, pa.table({"id": ids[there]}), parts[there]):
        yield _place(release, part), piece


def _place(release: int, part: int) -> int:
    return release << 32 | part


def _placed(place: int) -> tuple[int, int]:
    return place >> 32, place & 0xFFFFFFFF


class Followed(NamedTuple):
    """Which views follow a released one: their rows, and the released content ids.

    ``leaders`` has for every view how many released ones lead its pHash.
    """

    rows: Rows
    ids: Ids
    leaders: Rows


def led_by_released(
    seen: Views, releases: Sequence[Released], rules: DuplicateRules, *, bits: int, bucket: int
) -> Followed:
    """Return what of ``seen``, the views of bucket ``bucket`` of the first band, a released leader speaks for.

    ``bits`` is at least what the releases' buckets are cut by. Of several releases the first one's leader leads.
    """
    band = index_bands(rules.radius)[0]
    none = np.empty(0, np.int64)
    found: list[tuple[Rows, Ids]] = [(none, none)]
    left, leaders = np.arange(seen.ids.size), np.zeros(seen.ids.size, np.int64)
    for release in releases:
        path = release.bands.get((0, bucket >> (bits - min(release.made.prefix_bits, band.width))))
        if path is None or left.size == 0:
            continue
        table = read_table(path, VIEW_COLUMNS)
        released = views_of(table.filter(pa.array(np.isin(table["phash"].to_numpy(), seen.phash))))
        leader, many = follow_released(Views(seen.ids[left], seen.phash[left], seen.phash256[left]), released, rules)
        leaders[left] += many
        follows = leader >= 0
        found.append((left[follows], released.ids[leader[follows]]))
        left = left[~follows]
    rows, ids = (np.concatenate(column) for column in zip(*found, strict=True))
    return Followed(rows, ids, leaders)


def ask_views(
    place: AttemptPlace, releases: Sequence[Released], seen: Views, rules: DuplicateRules
) -> Iterator[Handle]:
    """Yield the handles by which ``seen`` comes to the released buckets that may hold near views: one in each band."""
    table = view_table(seen)
    for bits in sorted({release.made.prefix_bits for release in releases}):
        for number, band in enumerate(index_bands(rules.radius)):
            cut = min(bits, band.width)
            for prefix, piece in write_columns(place.exchange, table, home_prefixes(seen.phash, band, cut)):
                for release, released in enumerate(releases):
                    if released.made.prefix_bits == bits and (number, prefix) in released.bands:
                        yield _place(release, number << 16 | prefix), piece


class SearchReleased(beam.DoFn):
    """Finds and confirms the near pairs of new views and one bucket of a release."""

    def __init__(self, place: AttemptPlace, rules: DuplicateRules, releases: Sequence[Released]) -> None:
        self._place = place
        self._rules = rules
        self._releases = releases

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Handle]:
        """Yield the handle of the bucket's edges."""
        place, slices = element
        table = read_columns(slices)
        assert table is not None
        release, bucket = _placed(place)
        number, prefix = bucket >> 16, bucket & 0xFFFF
        released = self._releases[release]
        seen, indexed = views_of(table), views_of(read_table(released.bands[number, prefix], VIEW_COLUMNS))
        pairs = pairs_across(seen.phash, indexed.phash, self._rules.radius, number)
        sure = confirmed(seen, pairs, self._rules, indexed)
        yield from write_edges(self._place, seen.ids[pairs.left[sure]], ~indexed.ids[pairs.right[sure]])


class FindSame(beam.DoFn):
    """Ties the contents of this run to the released ones of the same bytes."""

    def __init__(self, place: AttemptPlace, releases: Sequence[Released]) -> None:
        self._place = place
        self._releases = releases

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Handle]:
        """Yield the handle of the edges of one file of images."""
        place, slices = element
        release, part = _placed(place)
        asked = read_columns(slices)
        assert asked is not None
        ids = read_table(self._releases[release].images[part], ["id"])["id"].to_numpy()
        same = ids[np.isin(ids, asked["id"].to_numpy())]
        yield from write_edges(self._place, same, ~same)


class SpreadReleased(beam.DoFn):
    """Spreads the released pictures that new images are tied to, by component."""

    def __init__(self, place: AttemptPlace, partitions: int, labels_path: str, releases: Sequence[Released]) -> None:
        self._place = place
        self._partitions = partitions
        self._labels_path = labels_path
        self._releases = releases

    def setup(self) -> None:
        """Load the labels once a worker."""
        self._labels = read_labels(self._labels_path)

    def process(self, element: tuple[int, str]) -> Iterator[Handle]:
        """Yield the handles of one file of images."""
        number, path = element
        table = read_table(path, [*IMAGE_COLUMNS, KEY_COLUMN])
        joined, rows = self._labels.known(~table["id"].to_numpy())
        wanted = np.flatnonzero(joined)
        if wanted.size == 0:
            return
        table, roots = table.take(wanted), self._labels.roots[rows[wanted]]
        columns = {name: table[name] for name in IMAGE_COLUMNS} | {
            "root": roots,
            "released_in": pa.array([self._releases[number].label] * wanted.size, pa.string()),
            "released_key": table[KEY_COLUMN],
            "number": np.full(wanted.size, number),
        }
        yield from write_columns(
            self._place.exchange, pa.table(columns), spread(roots, self._partitions), source=RELEASED
        )


def first_told(table: pa.Table) -> pa.Table:
    """Return one row for each content, of the first release that has it."""
    ids, numbers = table["id"].to_numpy(), table["number"].to_numpy()
    order = np.lexsort((numbers, ids))
    fresh = np.r_[True, np.diff(ids[order]) != 0][: order.size]
    return table.take(order[fresh])
