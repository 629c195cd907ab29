"""The report of a run: gathers from the committed stages what `pipelines.report_page` shows, and writes it.

Every table is read once, in batches, with the columns that are needed. What is held is counts and a small draw of rows,
so memory does not grow with the run.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.url import host_of
from pipelines import storage
from pipelines.dataset import DatasetManifest
from pipelines.errors import StageFailed
from pipelines.parts import read_batches
from pipelines.report_charts import Bar, BinCounts, Histogram, Scale, bin_counts, linear, logarithmic
from pipelines.report_page import KeptSample, PageBooks, Report, StageBooks, Thumbnail, page
from pipelines.report_samples import DROPPED_COLUMNS, DroppedDraw, Smallest, rows_with, sheets, staged_thumbnail
from pipelines.stage import DROP, IN, KEEP, Committed
from schemas.reasons import Outcome, Stage

FILE: Final = "report.html"
KEPT_SHOWN: Final = 60
"""Kept samples on the contact sheet."""
HOSTS_SHOWN: Final = 20
HOSTS_COUNTED: Final = 100_000
"""Hosts that are counted at a time; beyond, the rarest half is let go and its counts are lost."""
CLUSTERS_SHOWN: Final = 10

_FUNNEL: Final = (Stage.EXTRACT, Stage.SCREEN, Stage.FETCH, Stage.DEDUPE, Stage.SELECT)
_HOST: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>[^/?#]+)"
_PAGES: Final = "pages:"

_IMAGE_SCALES: Final[dict[str, tuple[str, Scale]]] = {
    "short_side": ("Original short side", logarithmic(2, 3, 4, 14, unit="pixels")),
    "area": ("Original area", logarithmic(10, 5, 2, 9, unit="pixels")),
    "aspect": ("Aspect: longer to shorter side", linear(0.1, 30, start=1.0, tick=5, unit="")),
    "stored_bytes": ("Stored size", logarithmic(10, 6, 2, 7, unit="bytes")),
    "sharpness": ("Sharpness", logarithmic(10, 4, -1, 5, unit="variance of the Laplacian")),
    "entropy": ("Entropy", linear(0.25, 32, tick=4, unit="bits a pixel")),
}
_LENGTHS: Final = linear(5, 40, tick=5, unit="characters")
_MORPHEMES: Final = linear(1, 60, tick=5, unit="in a kept caption")


def write_report(out: str, name: str, done: dict[Stage, Committed], manifest: DatasetManifest) -> None:
    """Write ``out``/report.html about a finished run. The same stages give the same bytes.

    Args:
        out: the run's output folder.
        name: the workflow's name.
        done: the committed stages; the crawl is missing where nothing was crawled.
        manifest: the published dataset.

    Raises:
        StageFailed: a table cannot be read, or the page cannot be written.
    """
    try:
        html = page(gather(name, done, manifest))
        storage.write_bytes(storage.join(out, FILE), html.encode())
    except OSError as error:
        raise StageFailed(f"report: {error}") from error


def gather(name: str, done: dict[Stage, Committed], manifest: DatasetManifest) -> Report:
    """Return what the report shows. See `write_report`."""
    outcomes = _Outcomes()
    for path in done[Stage.SELECT].paths("outcomes"):
        outcomes.read(path)
    images = _Images(done[Stage.FETCH].folder)
    for path in done[Stage.FETCH].paths("images"):
        images.read(path, outcomes.draw.images_wanted())
    samples = _Samples(done[Stage.FETCH].folder)
    for path in done[Stage.SELECT].paths("selected"):
        samples.read(path, outcomes.draw.winners_wanted())
    drawn = sheets(
        outcomes.draw,
        {(stage, reason): number for (stage, outcome, reason), number in outcomes.books.items() if outcome != KEEP},
        _texts(done[Stage.SCREEN].paths("screened"), outcomes.draw.texts_wanted()),
        {**images.pictures, **samples.winners},
    )
    stages = stage_books(outcomes.books)
    return Report(
        name=name,
        root=manifest.root,
        samples=manifest.samples,
        candidates=manifest.ledger.candidates,
        balanced=_balanced(manifest, stages),
        shards=sum(file.path.startswith("shards/") for file in manifest.files),
        release=manifest.harubang,
        stages=stages,
        pages=tuple(_page_books(done)),
        histograms=_histograms(images, samples, outcomes),
        kinds=tuple(Bar(kind, n, n) for kind, n in sorted(samples.kinds.items(), key=lambda pair: (-pair[1], pair[0]))),
        hosts=outcomes.hosts.top(HOSTS_SHOWN),
        hosts_note=outcomes.hosts.note(),
        clusters=_clusters(done[Stage.DEDUPE].paths("clusters")),
        kept=samples.kept(),
        dropped=drawn,
    )


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


class _Outcomes:
    """The outcomes table: the books, hosts, caption lengths and the draw of dropped candidates."""

    def __init__(self) -> None:
        self.books: Counter[tuple[str, str, str]] = Counter()
        self.hosts = HostCounts()
        self.draw = DroppedDraw()
        self.kept_lengths = bin_counts(_LENGTHS)
        self.dropped_lengths = bin_counts(_LENGTHS)

    def read(self, path: str) -> None:
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
        counted = (
            pa.table({"host": hosts, "kept": kept}).group_by("host").aggregate([("kept", "sum"), ("kept", "count")])
        )
        for row in sorted(counted.to_pylist(), key=lambda row: str(row["host"])):
            self.hosts.add(row["host"], row["kept_count"], row["kept_sum"])

    def _count_lengths(self, table: pa.Table) -> None:
        lengths = _numbers(pc.utf8_length(table.column("caption")))
        kept = _numbers(pc.equal(table.column("outcome"), str(Outcome.KEEP))) > 0
        screen = _numbers(pc.equal(table.column("stage"), str(Stage.SCREEN))) > 0
        self.kept_lengths.add(lengths[kept])
        self.dropped_lengths.add(lengths[~kept & screen & (lengths > 0)])


class _Images:
    """The images table: distributions of what was fetched, and thumbnails of the dropped ones to show."""

    _COLUMNS = (
        "image_url outcome original_width original_height stored_bytes scores staging staging_offset staging_length"
    ).split()

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.counts = _image_counts()
        self.pictures: dict[str, Thumbnail | None] = {}

    def read(self, path: str, wanted: set[str]) -> None:
        values = pa.array(sorted(wanted), pa.string())
        for batch in read_batches(path, self._COLUMNS):
            table = pa.Table.from_batches([batch])
            table = table.filter(pc.equal(table.column("outcome"), str(Outcome.KEEP)))
            width, height = (_numbers(table.column(f"original_{side}")) for side in ("width", "height"))
            _count_sizes(self.counts, width, height, _numbers(table.column("stored_bytes")))
            scores = (
                pa.concat_arrays([pc.list_flatten(chunk) for chunk in table.column("scores").chunks])
                if len(table)
                else None
            )
            for name in ("sharpness", "entropy") if scores is not None else ():
                mine = scores.filter(pc.equal(pc.struct_field(scores, "name"), name))
                self.counts[name].add(_numbers(pc.struct_field(mine, "value")))
            for row in table.filter(pc.is_in(table.column("image_url"), value_set=values)).to_pylist():
                self.pictures[row["image_url"]] = staged_thumbnail(self._folder, row)


class _Facts(msgspec.Struct, frozen=True):
    """What the report reads from a sample's metadata; the rest is skipped without being decoded."""

    url: str
    page_url: str
    caption_kind: str
    morphemes: int
    width: int
    height: int
    original_width: int
    original_height: int
    scores: dict[str, float]


class _Samples:
    """The selected table: distributions of what was kept, and the samples to show."""

    _COLUMNS = ("key", "caption", "metadata", "staging", "staging_offset", "staging_length")

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._decoder = msgspec.json.Decoder(_Facts)
        self._smallest = Smallest(KEPT_SHOWN, ["key"])
        self.counts = _image_counts()
        self.morphemes = bin_counts(_MORPHEMES)
        self.kinds: Counter[str] = Counter()
        self.winners: dict[str, Thumbnail | None] = {}

    def read(self, path: str, winners: set[str]) -> None:
        values = pa.array(sorted(winners), pa.string())
        for batch in read_batches(path, list(self._COLUMNS)):
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
        for name in ("sharpness", "entropy"):
            self.counts[name].add([fact.scores[name] for fact in facts if name in fact.scores])
        self.morphemes.add([fact.morphemes for fact in facts])
        self.kinds.update(fact.caption_kind for fact in facts)

    def kept(self) -> tuple[KeptSample, ...]:
        """Return the samples of the contact sheet."""
        return tuple(self._sample(row) for row in self._smallest.rows)

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
    return {name: bin_counts(scale) for name, (_, scale) in _IMAGE_SCALES.items()}


def _count_sizes(counts: dict[str, BinCounts], width: Any, height: Any, stored: Any) -> None:
    shorter = np.minimum(width, height)
    counts["short_side"].add(shorter)
    counts["area"].add(width * height)
    counts["aspect"].add(np.maximum(width, height) / np.maximum(shorter, 1))
    counts["stored_bytes"].add(stored)


def _numbers(column: Any) -> Any:
    """Return an Arrow column as an array of float64, nulls as NaN."""
    return (
        np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), np.float64)
        if isinstance(column, pa.Array)
        else np.asarray(pc.cast(column, pa.float64()).to_numpy(), np.float64)
    )


def stage_books(books: Counter[tuple[str, str, str]]) -> tuple[StageBooks, ...]:
    """Return the funnel from counts by (stage, outcome, reason): every candidate passes every stage before its end."""
    came = sum(books.values())
    made = []
    for stage in _FUNNEL:
        dropped = [(reason, n) for (at, outcome, reason), n in books.items() if at == stage and outcome != KEEP]
        went = came - sum(number for _, number in dropped)
        made.append(StageBooks(stage, came, went, tuple(sorted(dropped, key=lambda pair: (-pair[1], pair[0])))))
        came = went
    return tuple(made)


def _balanced(manifest: DatasetManifest, stages: tuple[StageBooks, ...]) -> bool:
    """Whether the table, counted anew, says what the ledger and the dataset say."""
    ledger = manifest.ledger
    found = (stages[0].came, stages[-1].went)
    return ledger.balanced and found == (ledger.candidates, ledger.kept) and ledger.kept == manifest.samples


def _page_books(done: dict[Stage, Committed]) -> list[PageBooks]:
    made = []
    if Stage.CRAWL in done:
        tallies = done[Stage.CRAWL].manifest.tallies
        refused = {heading.removeprefix(DROP): n for heading, n in tallies.items() if heading.startswith(DROP)}
        passed = refused.pop("passed_over", 0)
        made.append(_page_row("crawled", tallies.get(IN, 0), tallies.get(KEEP, 0), passed, refused))
    return made + _extract_books(done[Stage.EXTRACT])


def _extract_books(extract: Committed) -> list[PageBooks]:
    """Return the pages that were read from archives; those the crawl did not get have no offset in an archive."""
    books: Counter[tuple[str, str]] = Counter()
    for path in extract.paths("pages"):
        for batch in read_batches(path, ["source_offset", "outcome", "reason"]):
            table = pa.Table.from_batches([batch])
            table = table.filter(pc.is_valid(table.column("source_offset")))
            for row in table.group_by(["outcome", "reason"]).aggregate([([], "count_all")]).to_pylist():
                books[row["outcome"], row["reason"]] += row["count_all"]
    read = sum(n for (outcome, _), n in books.items() if outcome == KEEP)
    passed = sum(n for (outcome, reason), n in books.items() if outcome != KEEP and not reason)
    refused = {reason: n for (outcome, reason), n in books.items() if outcome != KEEP and reason}
    return [_page_row("read from archives", sum(books.values()), read, passed, refused)] if books else []


def _page_row(title: str, came: int, read: int, passed: int, refused: dict[str, int]) -> PageBooks:
    return PageBooks(title, came, read, passed, tuple(sorted(refused.items(), key=lambda pair: (-pair[1], pair[0]))))


def _texts(paths: list[str], wanted: set[str]) -> dict[tuple[str, str], dict[str, Any]]:
    columns = ["candidate_id", "reason", "caption_kind", "caption_raw"]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path in paths:
        for row in rows_with(path, "candidate_id", wanted, columns):
            found[row["candidate_id"], row["reason"]] = row
    return found


def _clusters(paths: list[str]) -> tuple[Bar, ...]:
    """Count clusters by their number of images, each at its representative."""
    sizes: Counter[int] = Counter()
    for path in paths:
        for batch in read_batches(path, ["image_url", "representative_url", "size"]):
            mine = batch.filter(pc.equal(batch.column("image_url"), batch.column("representative_url")))
            sizes.update(min(size, CLUSTERS_SHOWN) for size in mine.column("size").to_pylist())
    return tuple(Bar(f"{size}{'+' * (size == CLUSTERS_SHOWN)}", n, n) for size, n in sorted(sizes.items()))


def _histograms(images: _Images, samples: _Samples, outcomes: _Outcomes) -> tuple[Histogram, ...]:
    lengths = Histogram(
        "Caption length",
        _LENGTHS,
        outcomes.kept_lengths.series("kept"),
        outcomes.dropped_lengths.series("dropped at screen"),
    )
    morphemes = Histogram("Morphemes", _MORPHEMES, samples.morphemes.series("kept"))
    of_images = [
        Histogram(title, scale, samples.counts[name].series("kept"), images.counts[name].series("fetched"))
        for name, (title, scale) in _IMAGE_SCALES.items()
    ]
    return (lengths, morphemes, *of_images)
