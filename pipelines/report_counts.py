"""What the report counts in the tables of outcomes, images and selected samples, batch by batch."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from filters.url import host_of
from pipelines.parts import read_batches
from pipelines.report_charts import Bar, BinCounts, Scale, linear, logarithmic
from pipelines.report_page import KeptSample, Thumbnail
from pipelines.report_samples import DROPPED_COLUMNS, DroppedDraw, Smallest, short_address, staged_thumbnail
from schemas.reasons import Outcome, Stage

KEPT_SHOWN: Final = 60
"""Kept samples on the contact sheet."""
HOSTS_SHOWN: Final = 20
LICENCES_SHOWN: Final = 20
NO_LICENCE: Final = "none named"
HOSTS_COUNTED: Final = 100_000
"""Hosts that are counted at a time; beyond, the rarest half is let go and its counts are lost."""

_SCORES: Final = ("sharpness", "entropy")
_HOST: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>\[[^\]]*\]|[^/?#:]+)"

IMAGE_SCALES: Final[dict[str, tuple[str, Scale]]] = {
    "short_side": ("Original short side", logarithmic(2, 3, 4, 14, unit="pixels")),
    "area": ("Original area", logarithmic(10, 5, 2, 9, unit="pixels")),
    "aspect": ("Aspect: longer to shorter side", linear(0.1, 30, start=1.0, tick=5, unit="")),
    "stored_bytes": ("Stored size", logarithmic(10, 6, 2, 7, unit="bytes")),
    "sharpness": ("Sharpness", logarithmic(10, 4, -1, 5, unit="variance of the Laplacian")),
    "entropy": ("Entropy", linear(0.25, 32, tick=4, unit="bits a pixel")),
}
LENGTHS: Final = linear(5, 40, tick=5, unit="characters")
MORPHEMES: Final = linear(1, 60, tick=5, unit="in a kept caption")


class HostCounts:
    """Candidates and kept samples by host; at most `HOSTS_COUNTED` hosts are held."""

    def __init__(self, most: int = HOSTS_COUNTED) -> None:
        self._most = most
        self._counts: dict[str, tuple[int, int]] = {}
        self._pruned = False

    def add(self, host: str, candidates: int, kept: int) -> None:
        """Count more of ``host``."""
        before = self._counts.get(host, (0, 0))
        self._counts[host] = (before[0] + candidates, before[1] + kept)
        if len(self._counts) > self._most:
            self._counts = dict(self._ranked()[: self._most // 2])
            self._pruned = True

    def _ranked(self) -> list[tuple[str, tuple[int, int]]]:
        return sorted(self._counts.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))

    def top(self, most: int) -> tuple[Bar, ...]:
        """Return the hosts with the most kept samples; of as many, those with more candidates first."""
        return tuple(Bar(host, kept, candidates) for host, (candidates, kept) in self._ranked()[:most])

    def note(self) -> str:
        """Return how many hosts there are, and whether their counts are whole."""
        if self._pruned:
            return "of very many hosts; rare ones were set aside while counting, so counts may be too low"
        return f"{min(HOSTS_SHOWN, len(self._counts))} of {len(self._counts):,}, those with the most kept first"


class OutcomeCounts:
    """The outcomes table: the books, hosts, caption lengths and the draw of dropped candidates."""

    def __init__(self) -> None:
        self.books: Counter[tuple[str, str, str]] = Counter()
        self.hosts = HostCounts()
        self.draw = DroppedDraw()
        self.kept_lengths = BinCounts(LENGTHS)
        self.dropped_lengths = BinCounts(LENGTHS)

    def read(self, path: str) -> None:
        """Count one part."""
        for batch in read_batches(path, ["stage", "outcome", "reason", *DROPPED_COLUMNS]):
            table = pa.Table.from_batches([batch])
            for row in table.group_by(["stage", "outcome", "reason"]).aggregate([([], "count_all")]).to_pylist():
                self.books[row["stage"], row["outcome"], row["reason"]] += row["count_all"]
            self._count_hosts(table)
            self._count_lengths(table)
            self.draw.offer(table)

    def _count_hosts(self, table: pa.Table) -> None:
        on_page = pc.not_equal(table.column("page_url"), "")
        addresses = pc.if_else(on_page, table.column("page_url"), table.column("image_url"))
        hosts = pc.fill_null(pc.struct_field(pc.extract_regex(addresses, _HOST), "host"), "(no address)")
        kept = pc.cast(pc.equal(table.column("outcome"), str(Outcome.KEEP)), pa.int64())
        pairs = pa.table({"host": hosts, "kept": kept})
        counted = pairs.group_by("host").aggregate([("kept", "sum"), ("kept", "count")])
        for row in sorted(counted.to_pylist(), key=lambda row: str(row["host"])):
            self.hosts.add(row["host"], row["kept_count"], row["kept_sum"])

    def _count_lengths(self, table: pa.Table) -> None:
        lengths = _numbers(pc.utf8_length(table.column("caption")))
        kept = _numbers(pc.equal(table.column("outcome"), str(Outcome.KEEP))) > 0
        screen = _numbers(pc.equal(table.column("stage"), str(Stage.SCREEN))) > 0
        self.kept_lengths.add(lengths[kept])
        self.dropped_lengths.add(lengths[~kept & screen & (lengths > 0)])


class ImageCounts:
    """The images table: distributions of what was fetched, and thumbnails of the dropped ones to show."""

    _COLUMNS: ClassVar = [
        "image_url",
        "outcome",
        "original_width",
        "original_height",
        "stored_bytes",
        "scores",
        "staging",
        "staging_offset",
        "staging_length",
    ]

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.counts = _image_counts()
        self.pictures: dict[str, Thumbnail | None] = {}

    def read(self, path: str, wanted: set[str]) -> None:
        """Count one part; keep a thumbnail of each image whose URL is ``wanted``."""
        values = pa.array(sorted(wanted), pa.string())
        for batch in read_batches(path, self._COLUMNS):
            table = pa.Table.from_batches([batch])
            table = table.filter(pc.equal(table.column("outcome"), str(Outcome.KEEP)))
            width, height = (_numbers(table.column(f"original_{side}")) for side in ("width", "height"))
            _count_sizes(self.counts, width, height, _numbers(table.column("stored_bytes")))
            scores = pc.list_flatten(table.column("scores"))
            for name in _SCORES:
                mine = scores.filter(pc.equal(pc.struct_field(scores, "name"), name))
                self.counts[name].add(_numbers(pc.struct_field(mine, "value")))
            for row in table.filter(pc.is_in(table.column("image_url"), value_set=values)).to_pylist():
                self.pictures[row["image_url"]] = staged_thumbnail(self._folder, row)


class _Facts(msgspec.Struct, frozen=True):
    """What the report reads from a sample's metadata; the rest is skipped without being decoded."""

    url: str
    page_url: str
    caption_kind: str
    licences: str
    morphemes: int
    width: int
    height: int
    original_width: int
    original_height: int
    scores: dict[str, float]


class SampleCounts:
    """The selected table: distributions of what was kept, and the samples to show."""

    _COLUMNS: ClassVar = ["key", "caption", "metadata", "staging", "staging_offset", "staging_length"]

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._decoder = msgspec.json.Decoder(_Facts)
        self._smallest = Smallest(KEPT_SHOWN, ["key"])
        self.counts = _image_counts()
        self.morphemes = BinCounts(MORPHEMES)
        self.kinds: Counter[str] = Counter()
        self.licences: Counter[str] = Counter()
        self.winners: dict[str, Thumbnail | None] = {}

    def read(self, path: str, winners: set[str]) -> None:
        """Count one part; keep a thumbnail of each sample whose key is in ``winners``."""
        values = pa.array(sorted(winners), pa.string())
        for batch in read_batches(path, self._COLUMNS):
            table = pa.Table.from_batches([batch])
            self._count([self._decoder.decode(text) for text in table.column("metadata").to_pylist()])
            self.counts["stored_bytes"].add(_numbers(table.column("staging_length")))
            self._smallest.offer(table)
            for row in table.filter(pc.is_in(table.column("key"), value_set=values)).to_pylist():
                self.winners[row["key"]] = staged_thumbnail(self._folder, row)

    def _count(self, facts: list[_Facts]) -> None:
        width = np.array([fact.original_width for fact in facts], np.float64)
        height = np.array([fact.original_height for fact in facts], np.float64)
        _count_sizes(self.counts, width, height, np.empty(0))
        for name in _SCORES:
            self.counts[name].add([fact.scores[name] for fact in facts if name in fact.scores])
        self.morphemes.add([fact.morphemes for fact in facts])
        self.kinds.update(fact.caption_kind for fact in facts)
        self.licences.update(name for fact in facts for name in fact.licences.split() or [NO_LICENCE])

    def kept(self) -> tuple[KeptSample, ...]:
        """Return the samples of the contact sheet."""
        return tuple(self._sample(row) for row in self._smallest.rows)

    def licence_bars(self) -> tuple[Bar, ...]:
        """Return how many samples each licence is named for; a page may name several."""
        ranked = sorted(self.licences.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(Bar(short_address(name), number, number) for name, number in ranked[:LICENCES_SHOWN])

    def _sample(self, row: dict[str, Any]) -> KeptSample:
        facts = self._decoder.decode(row["metadata"])
        return KeptSample(
            key=row["key"],
            caption=row["caption"],
            kind=facts.caption_kind,
            host=host_of(facts.page_url or facts.url),
            width=facts.width,
            height=facts.height,
            picture=staged_thumbnail(self._folder, row),
        )


def _image_counts() -> dict[str, BinCounts]:
    return {name: BinCounts(scale) for name, (_, scale) in IMAGE_SCALES.items()}


def _count_sizes(
    counts: dict[str, BinCounts], width: NDArray[np.float64], height: NDArray[np.float64], stored: NDArray[np.float64]
) -> None:
    shorter = np.minimum(width, height)
    counts["short_side"].add(shorter)
    counts["area"].add(width * height)
    counts["aspect"].add(np.maximum(width, height) / np.maximum(shorter, 1))
    counts["stored_bytes"].add(stored)


def _numbers(column: Any) -> NDArray[np.float64]:
    """Return an Arrow column as an array, nulls as NaN."""
    return np.asarray(pc.cast(column, pa.float64()), np.float64)
