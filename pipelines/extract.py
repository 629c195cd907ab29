"""The extract stage: source files to candidates. One file is one unit of work.

Four kinds of source feed it: WARC files, the WARC files and page list of our own crawl, URL–caption tables, and what
img2dataset downloaded. What cannot be read (a file, a record, a page, a row) becomes a row with its reason, so that the
ledger counts it.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import apache_beam as beam

from filters.caption_corpus import site_of
from filters.caption_safety import is_forbidden_url, withheld, without_forbidden
from filters.charset import decode_page, has_hangul
from filters.harvest import CaptionKind, PageHarvest, harvest
from filters.rights import page_refusal
from filters.url import normalize
from pipelines import coders, storage
from pipelines.download_shards import DOWNLOADED, Downloaded, Lost, read_shard
from pipelines.link_table import LinkRow, LinkTable, read_rows
from pipelines.parts import AttemptPlace, Done, PartWriter, Tally
from pipelines.parts import read_rows as read_part
from pipelines.progress import ProgressNotes
from pipelines.stage import outcome_tallies
from pipelines.unit_of_work import reported
from pipelines.warc import BrokenRecord, PageRecord, PassedRecord, read_pages
from schemas.identity import candidate_id, fingerprint
from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import CandidateRow, CaptionCandidate, PageRow

VERSION = 4
"""Grows with every change of what this stage finds."""


MAX_LICENCES = 16
"""Of one page that are recorded; a page with more lists the licences of others."""


class SourceUnit(NamedTuple):
    """One file to read. ``kind`` is warc, crawl, pages, table or img2dataset; the columns of the last two follow.

    The path of an img2dataset shard has no ending: it is made of several files.
    """

    kind: str
    path: str
    size: int
    url: str = ""
    caption: str = ""
    page: str = ""

    @property
    def table(self) -> LinkTable:
        """Which column holds what."""
        return LinkTable(path=self.path, url=self.url, caption=self.caption, page=self.page)


coders.register(SourceUnit)


class Extracted(NamedTuple):
    """What one page, record or row gave. ``passed``: a page without Hangul, which is counted and has no row."""

    page: PageRow | None
    candidates: list[CandidateRow]
    passed: bool = False


def failure(
    unit: str, reason: Reason, detail: str, *, kind: str, source: str, offset: int | None = None, url: str = ""
) -> CandidateRow:
    """Return the ledger's row for a unit of source that could not be read."""
    digest = fingerprint([unit, reason] if url else [unit, reason, Path(source).name, offset])
    return CandidateRow(
        candidate_id=candidate_id(image_url="", page_url=url, source_digest=digest),
        unit=unit,
        image_url="",
        page_url=url,
        page_title="",
        captions=[],
        source_kind=kind,
        source=source,
        source_offset=offset,
        source_digest="",
        captured_at="",
        reason=reason,
        detail=detail,
    )


def extract_page(record: PageRecord, *, kind: str, source: str, agent: str) -> Extracted:
    """Return the candidates on one archived page and the row that says what became of the page."""
    page_url = without_forbidden(normalize(record.url) or record.url)
    row = PageRow(
        page_url=page_url,
        source_kind=kind,
        source=source,
        source_offset=record.offset,
        source_digest=record.digest,
        http_status=record.status,
        captured_at=record.captured_at,
        charset="",
        images=0,
        outcome=Outcome.DROP,
        reason=NO_REASON,
        detail="",
    )
    content_type = record.header("content-type")
    if record.status != 200:
        return Extracted(row._replace(detail=f"HTTP status {record.status}"), [])
    if content_type and "html" not in content_type.lower():
        return Extracted(row._replace(detail=f"not HTML but {content_type[:80]}"), [])
    if not has_hangul(record.body):
        return Extracted(row._replace(detail="no Hangul"), [])

    def refused(reason: Reason, detail: str) -> Extracted:
        lost = failure("page", reason, detail, kind=kind, source=source, offset=record.offset, url=page_url)
        return Extracted(row._replace(reason=reason, detail=detail), [lost])

    if page_url != record.url and is_forbidden_url(record.url):
        return refused(Reason.URL_IDENTIFIER, "the page's URL holds a resident number")

    decoded = decode_page(record.body, content_type)
    if decoded is None:
        return refused(Reason.PAGE_UNDECODABLE, "the bytes are in no supported charset")
    page = harvest(decoded.text, page_url, with_links=False)
    if page.problem:
        return refused(Reason.PAGE_UNPARSABLE, page.problem)
    consent = page_refusal(record.headers, page.robots_meta, agent=agent)
    if consent is not None:
        return refused(Reason.PAGE_OPTED_OUT, f"{consent.channel}: {consent.value}"[:200])
    candidates = list(_candidates(page, record, page_url=page_url, kind=kind, source=source))
    kept = row._replace(outcome=Outcome.KEEP, charset=decoded.charset, images=len(page.images))
    return Extracted(kept, candidates)


def _candidates(
    page: PageHarvest, record: PageRecord, *, page_url: str, kind: str, source: str
) -> Iterator[CandidateRow]:
    site_name = withheld(page.site_name)
    licences = " ".join(name for name in page.licences[:MAX_LICENCES] if not is_forbidden_url(name))

    def row(
        image_url: str, captions: Iterable[CaptionCandidate], reason: str, detail: str, linked_page: str = ""
    ) -> CandidateRow:
        if is_forbidden_url(image_url):
            image_url, reason, detail = (
                without_forbidden(image_url),
                Reason.URL_IDENTIFIER,
                "the URL holds a resident number",
            )
        return CandidateRow(
            candidate_id=candidate_id(image_url=image_url, page_url=page_url, source_digest=record.digest),
            unit="image",
            image_url=image_url,
            page_url=page_url,
            page_title=withheld(page.title),
            captions=[found._replace(text=withheld(found.text)) for found in captions],
            source_kind=kind,
            source=source,
            source_offset=record.offset,
            source_digest=record.digest,
            captured_at=record.captured_at,
            reason=reason,
            detail=detail,
            linked_page=without_forbidden(linked_page) if site_of(linked_page) == site_of(page_url) else "",
            site_name=site_name,
            licences=licences,
        )

    for mention in page.images:
        yield row(mention.url, mention.captions, NO_REASON, "", mention.linked_page)
    for refused in page.refused:
        yield row(refused.raw_url, refused.captions, Reason.URL_REFUSED, "not an http or https URL that can be fetched")


def extract_row(found: LinkRow, *, source: str) -> CandidateRow:
    """Return the candidate of one row of a URL–caption table."""
    if found.problem:
        return failure(
            "row", Reason.TABLE_ROW_INVALID, found.problem, kind="table", source=source, offset=found.position
        )
    if is_forbidden_url(found.url) or is_forbidden_url(found.page):
        return failure(
            "row",
            Reason.URL_IDENTIFIER,
            "a URL holds a resident number",
            kind="table",
            source=source,
            offset=found.position,
        )
    image_url = normalize(found.url)
    page_url = (normalize(found.page) or found.page) if found.page else ""
    caption = withheld(found.caption)
    digest = fingerprint([found.url, caption, found.page])
    captions = [CaptionCandidate(CaptionKind.TABLE_COLUMN, caption, "")] if caption else []
    return CandidateRow(
        candidate_id=candidate_id(image_url=image_url or found.url, page_url=page_url, source_digest=digest),
        unit="image",
        image_url=image_url or found.url,
        page_url=page_url,
        page_title="",
        captions=captions,
        source_kind="table",
        source=source,
        source_offset=found.position,
        source_digest=digest,
        captured_at="",
        reason=NO_REASON if image_url else Reason.URL_REFUSED,
        detail="" if image_url else "not an http or https URL that can be fetched",
    )


def extract_downloaded(found: Downloaded | Lost) -> CandidateRow:
    """Return the candidate of one row of a download, or the ledger's row for what was lost of it."""
    if isinstance(found, Lost):
        return failure(
            found.unit, found.reason, found.detail, kind=DOWNLOADED, source=found.source, offset=found.offset
        )
    row = extract_row(found.link, source=found.source)
    row = row._replace(
        source_kind=DOWNLOADED,
        source_offset=found.offset,
        captured_at=found.captured_at,
        captions=[caption._replace(dom_path=found.member) for caption in row.captions],
    )
    if row.reason or not found.reason:
        return row
    # Of the same pair another shard may hold the image: a row that failed must not stand in for it.
    digest = fingerprint([row.source_digest, found.reason])
    return row._replace(
        candidate_id=candidate_id(image_url=row.image_url, page_url=row.page_url, source_digest=digest),
        unit="row",
        reason=found.reason,
        detail=withheld(found.detail)[:200],
    )


def extract_crawled(page: PageRow) -> CandidateRow:
    """Return the ledger's row for a page that the crawl was refused or could not get."""
    lost = failure("page", Reason(page.reason), page.detail, kind="crawl", source="crawl", url=page.page_url)
    return lost._replace(captured_at=page.captured_at)


def extract_unit(unit: SourceUnit, *, agent: str) -> Iterator[Extracted]:
    """Yield what one source file holds. A file that breaks off ends in a row that says so."""

    def lost(reason: Reason, detail: str) -> Extracted:
        return Extracted(None, [failure("source", reason, detail, kind=unit.kind, source=unit.path)])

    try:
        if unit.kind == DOWNLOADED:
            for part in read_shard(unit.path, unit.table):
                yield Extracted(None, [extract_downloaded(part)])
            return
        with storage.open_to_read(unit.path) as file:
            yield from extract_file(unit, file, agent=agent)
    except FileNotFoundError:
        yield lost(Reason.SOURCE_MISSING, "the file is gone")
    except (OSError, ValueError, EOFError) as error:
        yield lost(Reason.SOURCE_UNREADABLE, f"{type(error).__name__}: {error}"[:200])


def extract_file(unit: SourceUnit, file: BinaryIO, *, agent: str) -> Iterator[Extracted]:
    """Yield what is in ``file``, the WARC file or table of ``unit``.

    Raises:
        OSError, ValueError, EOFError: it breaks off or is not of its format; what was before the break is yielded.
    """
    if unit.kind == "table":
        for found in read_rows(file, unit.table, unit.path):
            yield Extracted(None, [extract_row(found, source=unit.path)])
        return
    for record in read_pages(file, may_matter=has_hangul):
        yield _guarded(record, unit, agent=agent)


def _guarded(record: PageRecord | BrokenRecord | PassedRecord, unit: SourceUnit, *, agent: str) -> Extracted:
    """Extract one record; whatever our own code raises on it becomes its reason, and the file goes on."""
    if isinstance(record, PassedRecord):
        return Extracted(None, [], passed=True)

    def lost(part: str, reason: Reason, detail: str) -> Extracted:
        url = without_forbidden(record.url)
        row = failure(part, reason, detail, kind=unit.kind, source=unit.path, offset=record.offset, url=url)
        return Extracted(None, [row])

    if isinstance(record, BrokenRecord):
        return lost("record", Reason.RECORD_UNREADABLE, record.problem)
    try:
        return extract_page(record, kind=unit.kind, source=unit.path, agent=agent)
    except Exception as error:  # noqa: BLE001 - one record must not cost its file; the ledger keeps the place
        return lost("page", Reason.RECORD_RAISED, where_raised(error))


def where_raised(error: BaseException) -> str:
    """Return the type of an error and where it was raised. Its message is left out: it may quote personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} at {place}"


class ExtractUnit(beam.DoFn):
    """Writes the candidates and pages of one source file."""

    def __init__(self, place: AttemptPlace, *, agent: str) -> None:
        self._place = place
        self._agent = agent

    @reported("extract")
    def process(self, element: tuple[int, SourceUnit]) -> Iterator[Done]:
        """Read one unit and report its parts and books."""
        number, unit = element
        notes = ProgressNotes(self._place.path)
        books: Counter[tuple[str, str]] = Counter()
        pages: Counter[str] = Counter()
        with (
            PartWriter(self._place, CandidateRow) as candidates,
            PartWriter(self._place, PageRow) as page_rows,
        ):
            for extracted in self._read(unit):
                if extracted.passed:
                    pages["passed_over"] += 1
                if extracted.page is not None:
                    page_rows.add(extracted.page)
                    pages[extracted.page.outcome] += 1
                for row in extracted.candidates:
                    candidates.add(row)
                    books[Outcome.DROP if row.reason else Outcome.KEEP, row.reason] += 1
                    notes.advance()
            parts = [candidates.publish("candidates", number), page_rows.publish("pages", number)]
        notes.finish()
        tallies = outcome_tallies(books)
        tallies += [Tally(f"pages:{outcome}", times) for outcome, times in sorted(pages.items())]
        yield Done(parts, tallies)

    def _read(self, unit: SourceUnit) -> Iterator[Extracted]:
        if unit.kind == "pages":
            for page in read_part(unit.path, PageRow):
                if page.outcome != Outcome.KEEP:  # an archived page is told of when its WARC record is read
                    yield Extracted(page, [extract_crawled(page)] if page.reason else [])
            return
        yield from extract_unit(unit, agent=self._agent)


def expand(pipeline: beam.Pipeline, units: list[SourceUnit], do_fn: beam.DoFn) -> beam.PCollection[Done]:
    """Wire the stage: one unit a source file."""
    handles = list(enumerate(units))
    done: beam.PCollection[Done] = pipeline | "sources" >> beam.Create(handles) | "extract" >> beam.ParDo(do_fn)
    return done
