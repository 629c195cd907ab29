"""The report of a run: gathers from the committed stages what `pipelines.report_page` shows, and writes it.

Every table is read once, in batches, with the columns that are needed. What is held is counts and a small draw of rows,
so memory does not grow with the run.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.concept_counts import ConceptCounts
from pipelines.dataset import DatasetManifest
from pipelines.errors import StageFailed
from pipelines.parts import read_batches
from pipelines.report_charts import Bar, Histogram
from pipelines.report_concepts import concept_fields
from pipelines.report_counts import (
    HOSTS_SHOWN,
    IMAGE_SCALES,
    LENGTHS,
    MORPHEMES,
    ImageCounts,
    OutcomeCounts,
    SampleCounts,
)
from pipelines.report_page import PageBooks, Report, StageBooks, page
from pipelines.report_samples import rows_with, sheets
from pipelines.stage import DROP, KEEP, Committed
from schemas.reasons import Outcome, Stage

FILE: Final = "report.html"
_PAGES: Final = "pages:"
_PAGES_WITH_ROWS: Final = frozenset({_PAGES + Outcome.KEEP, _PAGES + Outcome.DROP})
_CLUSTERS_SHOWN: Final = 10
_FUNNEL: Final = (Stage.EXTRACT, Stage.SCREEN, Stage.FETCH, Stage.DEDUPE, Stage.SELECT)


def write_report(
    out: str, name: str, done: dict[Stage, Committed], manifest: DatasetManifest, concepts: ConceptCounts
) -> None:
    """Write ``out``/report.html about a finished run. The same stages give the same bytes.

    Args:
        out: the run's output folder.
        name: the workflow's name.
        done: the committed stages; the crawl is missing where nothing was crawled.
        manifest: the published dataset.
        concepts: how many of its samples name each concept.

    Raises:
        StageFailed: a table cannot be read, or the page cannot be written.
    """
    try:
        html = page(gather(name, done, manifest, concepts))
        storage.write_bytes(storage.join(out, FILE), html.encode())
    except OSError as error:
        raise StageFailed(f"report: {error}") from error


def gather(name: str, done: dict[Stage, Committed], manifest: DatasetManifest, concepts: ConceptCounts) -> Report:
    """Return what the report shows. See `write_report`."""
    outcomes = OutcomeCounts()
    for path in done[Stage.SELECT].paths("outcomes"):
        outcomes.read(path)
    images = ImageCounts(done[Stage.FETCH].folder)
    for path in done[Stage.FETCH].paths("images"):
        images.read(path, outcomes.draw.images_wanted())
    samples = SampleCounts(done[Stage.FETCH].folder)
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
        licences=samples.licence_bars(),
        hosts=outcomes.hosts.top(HOSTS_SHOWN),
        hosts_note=outcomes.hosts.note(),
        clusters=_clusters(done[Stage.DEDUPE].paths("clusters")),
        concepts=concept_fields(concepts),
        kept=samples.kept(),
        dropped=drawn,
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
        made.append(_page_row("crawl", "archived", tallies.get(KEEP, 0), passed, refused))
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
    tallies = extract.manifest.tallies  # records that are passed over unread have a heading and no row
    passed += sum(n for heading, n in tallies.items() if heading.startswith(_PAGES) and heading not in _PAGES_WITH_ROWS)
    refused = {reason: n for (outcome, reason), n in books.items() if outcome != KEEP and reason}
    return [_page_row("archives", "read", read, passed, refused)] if books or passed else []


def _page_row(title: str, use: str, used: int, passed: int, refused: dict[str, int]) -> PageBooks:
    ranked = tuple(sorted(refused.items(), key=lambda pair: (-pair[1], pair[0])))
    return PageBooks(title, use, used + passed + sum(refused.values()), used, passed, ranked)


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
            sizes.update(min(size, _CLUSTERS_SHOWN) for size in mine.column("size").to_pylist())
    return tuple(Bar(f"{size}{'+' * (size == _CLUSTERS_SHOWN)}", n, n) for size, n in sorted(sizes.items()))


def _histograms(images: ImageCounts, samples: SampleCounts, outcomes: OutcomeCounts) -> tuple[Histogram, ...]:
    lengths = Histogram(
        "Caption length",
        LENGTHS,
        outcomes.kept_lengths.series("kept"),
        outcomes.dropped_lengths.series("dropped at screen"),
    )
    morphemes = Histogram("Morphemes", MORPHEMES, samples.morphemes.series("kept"))
    of_images = [
        Histogram(title, scale, samples.counts[name].series("kept"), images.counts[name].series("fetched"))
        for name, (title, scale) in IMAGE_SCALES.items()
    ]
    return (lengths, morphemes, *of_images)
