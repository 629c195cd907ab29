import asyncio
import gzip
import io

import pytest

from pipelines import saved
from pipelines.archive import Archive, Crawled, EarlierCrawl, Link
from pipelines.parts import AttemptPlace, Done, read_rows
from pipelines.stage import Committed, StageManifest
from pipelines.warc import read_pages
from pipelines.web_client import Fetched
from schemas.reasons import Reason
from schemas.records import PageRow

URLS = [f"http://a.kr/{n}" for n in range(6)]
PARTITIONS = 16
NUMBER = 2 * PARTITIONS + 5


def visit(url, body=b"", reason="", links=(), status=200, year=2026):
    """What became of one visit: a page of ``body``, or nothing to archive."""
    row = PageRow(url, "crawl", "crawl", None, "", status, f"{year}-01-01T00:00:00Z", "", 0, "keep", "", "")
    found = [Link(url, link, 1, False) for link in links]
    if not body:
        return Crawled(row._replace(outcome="drop", reason=reason), found, None)
    page = Fetched(url, url, row.captured_at, "127.0.0.1", status, (), body, "", "", (), (url,))
    return Crawled(row, found, page)


def crawl(folder, *visits, wanted=URLS, earlier=None, die=False, number=NUMBER):
    """Resume, take over, add ``visits``; return the report, or None where the run dies before its last save."""
    with Archive(AttemptPlace(str(folder), "attempt-1"), number, wanted) as archive:
        archive.resume()
        if earlier is not None:
            archive.take_over([earlier], 5)
        for one in visits:
            asyncio.run(archive.add(one))
        if die:
            return None
        asyncio.run(archive.save())
        return archive.done()


def missing(folder, wanted=URLS):
    with Archive(AttemptPlace(str(folder), "attempt-2"), NUMBER, wanted) as archive:
        archive.resume()
        return archive.missing


def read(folder, done):
    """Return rows by URL, links, and the bodies of the archive by URL; each row's place in it is right."""
    tables = {"pages": PageRow, "links": Link}
    rows = {
        name: [row for part in done.parts if part.table == name for row in read_rows(str(folder / part.path), record)]
        for name, record in tables.items()
    }
    bodies = {}
    for part in (part for part in done.parts if part.table == "warc"):
        for page in read_pages(io.BytesIO((folder / part.path).read_bytes()), may_matter=lambda block: True):
            bodies[page.url] = page.body
            (row,) = (row for row in rows["pages"] if row.page_url == page.url)
            assert (row.source, row.source_offset) == (part.path, page.offset)
    assert bodies.keys() == {row.page_url for row in rows["pages"] if row.outcome == "keep"}
    assert len({row.page_url for row in rows["pages"]}) == len(rows["pages"])
    return {row.page_url: row for row in rows["pages"]}, sorted(rows["links"]), bodies


def test_visits_are_archived_with_rows_links_and_books(tmp_path):
    done = crawl(
        tmp_path,
        visit(URLS[0], b"zero", links=("http://a.kr/x",)),
        visit(URLS[1], reason=Reason.PAGE_OPTED_OUT),
        visit(URLS[2]),
    )
    rows, links, bodies = read(tmp_path, done)
    assert list(rows) == URLS[:3]
    assert links == [Link(URLS[0], "http://a.kr/x", 1, False)]
    assert bodies == {URLS[0]: b"zero"}
    assert dict(done.tallies) == {"in": 3, "keep": 1, "drop:page_opted_out": 1, "drop:passed_over": 1}
    assert {part.partition for part in done.parts} == {NUMBER}


def test_no_visit_is_no_file(tmp_path):
    assert crawl(tmp_path) == Done([], [])
    assert list(tmp_path.iterdir()) == []


def test_what_was_saved_before_a_death_is_not_visited_again(tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "ROWS", 2)
    visits = [visit(url, url.encode(), links=(f"{url}/x",)) for url in URLS]
    assert crawl(tmp_path, *visits[:5], die=True) is None
    assert missing(tmp_path) == URLS[4:]
    done = crawl(tmp_path, *visits[4:])
    rows, links, bodies = read(tmp_path, done)
    assert sorted(rows) == URLS
    assert links == [Link(url, f"{url}/x", 1, False) for url in URLS]
    assert bodies == {url: url.encode() for url in URLS}
    assert dict(done.tallies) == {"in": 6, "keep": 6, "reused": 4}


def test_a_round_whose_archive_is_gone_is_visited_again(tmp_path):
    done = crawl(tmp_path, visit(URLS[0], b"zero"), visit(URLS[1]))
    (tmp_path / next(part.path for part in done.parts if part.table == "warc")).unlink()
    assert missing(tmp_path) == URLS


def test_another_round_does_not_take_it(tmp_path):
    crawl(tmp_path, visit(URLS[0], b"zero"), number=NUMBER + PARTITIONS)
    assert missing(tmp_path) == URLS


# Earlier stages


def earlier_of(folder, *reports):
    parts = [part for done in reports for part in done.parts]
    manifest = StageManifest(stage="crawl", fingerprint="", covers={}, parts=parts, tallies={})
    return EarlierCrawl.of(Committed(folder=str(folder), manifest=manifest), PARTITIONS)


def test_an_earlier_stage_s_visits_are_taken_whatever_round_they_were_in_but_for_transient_failures(tmp_path):
    old = tmp_path / "old"
    reports = [
        crawl(old, visit(URLS[0], b"zero", links=("http://a.kr/x",)), number=5),
        crawl(
            old,
            visit(URLS[1], reason=Reason.TIMED_OUT),
            visit(URLS[2], reason=Reason.HTTP_STATUS, status=404),
            visit(URLS[3], b"three", links=("http://a.kr/y",)),
            visit(URLS[4], b"four"),
        ),
        crawl(old, visit(URLS[5], b"other hosts"), number=6),
    ]
    earlier = earlier_of(old, *reports)
    done = crawl(tmp_path / "new", visit(URLS[1], b"late"), wanted=[*URLS[:4], URLS[5]], earlier=earlier)
    rows, links, bodies = read(tmp_path / "new", done)
    assert sorted(rows) == URLS[:4]
    assert links == [Link(URLS[0], "http://a.kr/x", 1, False), Link(URLS[3], "http://a.kr/y", 1, False)]
    assert bodies == {URLS[0]: b"zero", URLS[1]: b"late", URLS[3]: b"three"}
    assert dict(done.tallies) == {"in": 4, "keep": 3, "drop:http_status": 1, "reused": 3}


@pytest.mark.parametrize("newer_first", [True, False])
def test_of_two_earlier_stages_the_latest_answer_is_taken(tmp_path, newer_first):
    old, new = tmp_path / "old", tmp_path / "new"
    stages = [
        earlier_of(old, crawl(old, visit(URLS[0], b"then"), visit(URLS[1], b"once"))),
        earlier_of(new, crawl(new, visit(URLS[0], b"now", year=2027))),
    ]
    with Archive(AttemptPlace(str(tmp_path / "next"), "attempt-1"), NUMBER, URLS[:2]) as archive:
        archive.take_over(stages[::-1] if newer_first else stages, 5)
        _, _, bodies = read(tmp_path / "next", archive.done())
    assert bodies == {URLS[0]: b"now", URLS[1]: b"once"}


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_an_earlier_page_that_is_not_in_its_archive_is_visited(tmp_path, damage):
    done = crawl(tmp_path / "old", visit(URLS[0], b"zero"), visit(URLS[1]), visit(URLS[2], b"two" * 99))
    warc = tmp_path / "old" / next(part.path for part in done.parts if part.table == "warc")
    warc.unlink() if damage == "gone" else warc.write_bytes(warc.read_bytes()[:-9])
    with Archive(AttemptPlace(str(tmp_path / "new"), "attempt-1"), NUMBER, URLS[:3]) as archive:
        archive.take_over([earlier_of(tmp_path / "old", done)], 5)
        assert archive.missing == ([URLS[0], URLS[2]] if damage == "gone" else [URLS[2]])


def test_a_header_with_a_resident_number_is_archived_without_it(tmp_path):
    number = "900101-1234567"  # made up: the check digit does not fit
    one = visit(URLS[0], b"<p>")
    page = one.page._replace(headers=(("Content-Type", "text/html"), ("Set-Cookie", f"who={number}; Path=/")))
    done = crawl(tmp_path, one._replace(page=page), wanted=URLS[:1])
    (warc,) = (tmp_path / part.path for part in done.parts if part.table == "warc")
    written = gzip.decompress(warc.read_bytes())
    assert "Set-Cookie: who=[주민등록번호]; Path=/".encode() in written
    assert number.encode() not in written
