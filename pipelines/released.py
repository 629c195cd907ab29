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

from filters.hamming import Rows, distances
from filters.hamming_index import first_bits, look_up, reach, tables, turned, turned_again
from filters.near_duplicates import DuplicateRules, Views, follow_released
from filters.sorted_ids import Ids, distinct_ids, find_ids
from pipelines.exchange import Handle, Slice, read_columns, write_columns
from pipelines.hash_columns import (
    BAND_COLUMNS,
    IMAGE_COLUMNS,
    TURNED,
    read_table,
    read_taken,
    spread,
    view_table,
    views_of,
    with_repeats,
    write_edges,
)
from pipelines.hash_index import KEY_COLUMN, ROW, Released, band_part, id_part
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
        return find_ids(ids, self.nodes)


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
    ids = distinct_ids(ids)
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

    ``bits`` is at least what the releases' files are cut by. Of several releases the first one's leader leads.
    """
    none = np.empty(0, np.int64)
    found: list[tuple[Rows, Ids]] = [(none, none)]
    left, leaders = np.arange(seen.ids.size), np.zeros(seen.ids.size, np.int64)
    asked = seen._replace(phash=turned(seen.phash, tables(rules.radius)[0]))
    for release in releases:
        path = release.bands.get((0, bucket >> (bits - release.made.prefix_bits)))
        if path is None or left.size == 0:
            continue
        table = read_table(path, BAND_COLUMNS)
        met, _ = find_ids(table[TURNED].to_numpy(), np.sort(asked.phash[left]))
        released = views_of(table.filter(pa.array(met)), phash=TURNED)
        leader, many = follow_released(_rows(asked, left), released, rules)
        leaders[left] += many
        follows = leader >= 0
        found.append((left[follows], released.ids[leader[follows]]))
        left = left[~follows]
    rows, ids = (np.concatenate(column) for column in zip(*found, strict=True))
    return Followed(rows, ids, leaders)


def _rows(seen: Views, rows: Rows) -> Views:
    return Views(seen.ids[rows], seen.phash[rows], seen.phash256[rows])


def ask_views(
    place: AttemptPlace, releases: Sequence[Released], seen: Views, rules: DuplicateRules
) -> Iterator[Handle]:
    """Yield the handles by which ``seen`` comes to the released files that may hold near views."""
    views = view_table(seen)
    for bits in sorted({release.made.prefix_bits for release in releases}):
        for number, table in enumerate(tables(rules.radius)):
            homes = first_bits(turned(seen.phash, table), bits)
            for home, piece in write_columns(place.exchange, views, homes):
                for release, released in enumerate(releases):
                    for change in reach(table, bits) if released.made.prefix_bits == bits else ():
                        if (number, home ^ change) in released.bands:
                            yield _place(release, band_part(number, home ^ change)), piece


class SearchReleased(beam.DoFn):
    """Finds the near pairs of new views and one file of a band of a release."""

    def __init__(self, place: AttemptPlace, rules: DuplicateRules, releases: Sequence[Released]) -> None:
        self._place = place
        self._rules = rules
        self._releases = releases

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Handle]:
        """Yield the handles by which the pairs come to where the released views' longer hashes are."""
        place, slices = element
        asked = read_columns(slices)
        assert asked is not None
        release, file = _placed(place)
        number, prefix = file >> 16, file & 0xFFFF
        released, plan = self._releases[release], tables(self._rules.radius)
        indexed = read_table(released.bands[number, prefix], [TURNED, ROW] if number else [TURNED])
        values, bits = indexed[TURNED].to_numpy(), released.made.prefix_bits
        pairs = look_up(turned(asked["phash"].to_numpy(), plan[number]), values, self._rules.radius, number, bits)
        rows = indexed[ROW].to_numpy()[pairs.right] if number else pairs.right.astype(np.uint32)
        proposed = asked.take(pairs.left).append_column(ROW, pa.array(rows))
        homes = first_bits(turned_again(values[pairs.right], plan[number], plan[0]), bits)
        for home, piece in write_columns(self._place.exchange, proposed, homes):
            yield _place(release, home), piece


class ConfirmReleased(beam.DoFn):
    """Confirms the near pairs of new views and one file of the views of a release by their longer hashes."""

    def __init__(self, place: AttemptPlace, rules: DuplicateRules, releases: Sequence[Released]) -> None:
        self._place = place
        self._rules = rules
        self._releases = releases

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Handle]:
        """Yield the handle of the file's edges."""
        place, slices = element
        proposed = read_columns(slices)
        assert proposed is not None
        release, prefix = _placed(place)
        seen, rows = views_of(proposed), proposed[ROW].to_numpy()
        indexed = views_of(read_table(self._releases[release].bands[0, prefix], BAND_COLUMNS), phash=TURNED)
        sure = distances(seen.phash256, indexed.phash256[rows]) <= self._rules.verify_radius
        yield from write_edges(self._place, seen.ids[sure], ~indexed.ids[rows[sure]])


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
        wanted = distinct_ids(asked["id"].to_numpy())
        same = wanted[find_ids(wanted, ids)[0]]
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
        joined, rows = self._labels.known(~read_table(path, ["id"])["id"].to_numpy())
        wanted = np.flatnonzero(joined)
        if wanted.size == 0:
            return
        table = with_repeats(read_taken(path, [*IMAGE_COLUMNS, KEY_COLUMN], wanted))
        roots = self._labels.roots[rows[wanted]]
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
