from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from filters.harvest import PageHarvest
from pipelines import extract
from pipelines.extract import (
    ExtractUnit,
    SourceUnit,
    extract_crawled,
    extract_page,
    extract_row,
    extract_unit,
    failure,
    where_raised,
)
from pipelines.link_table import LinkRow
from pipelines.parts import AttemptPlace, read_rows, write_part
from pipelines.runner import make_pipeline
from pipelines.warc import PageRecord, WarcWriter
from schemas.reasons import Reason
from schemas.records import CandidateRow, CaptionCandidate, PageRow
from tests.pipelines.download_maker import picture, sample, write_download

HTML = "<html><head><title>제주 여행</title></head><body><img src='/1.jpg' alt='공원에 선 돌하르방'></body></html>"
RESIDENT = "900101-1234567"  # made up: the check digit does not fit
REFUSED_URL = "not an http or https URL that can be fetched"


def record(html=HTML, *, url="http://a.test/p", status=200, kind="text/html; charset=utf-8", headers=(), body=None):
    fields = ((("Content-Type", kind),) if kind else ()) + tuple(headers)
    return PageRecord(url, 17, "2026-01-01T00:00:00Z", status, fields, html.encode() if body is None else body)


def extracted(found, kind="warc"):
    return extract_page(found, kind=kind, source="/data/a.warc.gz", agent="harubang")


def warc(path, *pages):
    """Write a WARC file of pages given as (URL, HTML)."""
    with path.open("wb") as file:
        writer = WarcWriter(file)
        for url, html in pages:
            headers = [("Content-Type", "text/html; charset=utf-8")]
            writer.add(url=url, fetched_at="", address="", status=200, headers=headers, body=html.encode())
    return SourceUnit("warc", str(path), path.stat().st_size)


def unit_rows(unit):
    found = list(extract_unit(unit, agent="harubang"))
    return [one.page for one in found if one.page], [row for one in found for row in one.candidates]


# A page


def test_a_page_gives_its_images_with_where_they_were_found():
    found = extracted(record())
    (row,) = found.candidates
    assert row._replace(candidate_id="") == CandidateRow(
        candidate_id="",
        unit="image",
        image_url="http://a.test/1.jpg",
        page_url="http://a.test/p",
        page_title="제주 여행",
        captions=row.captions,
        source_kind="warc",
        source="/data/a.warc.gz",
        source_offset=17,
        source_digest=record().digest,
        captured_at="2026-01-01T00:00:00Z",
        reason="",
        detail="",
    )
    assert CaptionCandidate("alt", "공원에 선 돌하르방", "/html/body/img") in [
        caption._replace(dom_path="/html/body/img") for caption in row.captions
    ]
    page = found.page
    assert (page.page_url, page.outcome, page.reason, page.charset, page.images) == (
        "http://a.test/p",
        "keep",
        "",
        "utf-8",
        1,
    )
    assert (page.source, page.source_offset, page.source_digest, page.http_status) == (
        "/data/a.warc.gz",
        17,
        record().digest,
        200,
    )


def test_the_page_that_an_image_links_to_is_told_of_where_it_is_of_the_same_site():
    page = '<meta property="og:site_name" content=제주문화원><a href="{}"><img src=/1.jpg alt="공원에 선 돌하르방"></a>'
    for href, linked in (
        ("/article", "http://a.test/article"),
        ("http://www.a.test/article", "http://www.a.test/article"),
        ("http://b.test/article", ""),
        ("/article?who=900101-1234567", "http://a.test/article?who=REDACTED"),
    ):
        (row,) = extracted(record(page.format(href))).candidates
        assert (row.image_url, row.linked_page, row.site_name) == ("http://a.test/1.jpg", linked, "제주문화원")


def test_the_licences_that_a_page_names_go_with_its_images():
    links = '<a rel=license href="https://creativecommons.org/licenses/by/4.0/">CC BY</a> <p>공공누리 제1유형'
    (row,) = extracted(record(f"<p>제주</p><img src=/1.jpg alt=돌하르방>{links}")).candidates
    assert row.licences == "https://creativecommons.org/licenses/by/4.0/ kogl:1"


def test_the_same_page_gives_the_same_ids_and_a_changed_one_others():
    (first,), (again,) = extracted(record()).candidates, extracted(record()).candidates
    (changed,) = extracted(record(HTML + "<p>새 글")).candidates
    (elsewhere,) = extracted(record(url="http://a.test/q")).candidates
    assert first == again
    assert len({first.candidate_id, changed.candidate_id, elsewhere.candidate_id}) == 3


def test_the_urls_of_page_and_image_are_in_normal_form():
    found = extracted(record(url="HTTP://A.test:80/x/../p#top"))
    assert found.page.page_url == "http://a.test/p"
    assert found.candidates[0].image_url == "http://a.test/1.jpg"


@pytest.mark.parametrize(
    ("page", "detail"),
    [
        (record(status=404), "HTTP status 404"),
        (record(status=206), "HTTP status 206"),
        (record(kind="application/pdf"), "not HTML but application/pdf"),
        (record("<p>Hello, no Korean here</p>"), "no Hangul"),
        (record(""), "no Hangul"),
    ],
)
def test_a_page_that_is_passed_over_has_a_row_and_no_place_in_the_ledger(page, detail):
    found = extracted(page)
    assert found.candidates == []
    assert (found.page.outcome, found.page.reason, found.page.detail) == ("drop", "", detail)


@pytest.mark.parametrize("kind", ["", "TEXT/HTML", "application/xhtml+xml"])
def test_what_may_be_html_is_read(kind):
    assert len(extracted(record(kind=kind)).candidates) == 1


def test_a_page_in_cp949_is_read():
    found = extracted(record(body=HTML.encode("cp949"), kind="text/html"))
    assert found.page.charset == "cp949"
    assert found.candidates[0].page_title == "제주 여행"


@pytest.mark.parametrize(
    ("page", "reason", "detail"),
    [
        (record(headers=[("X-Robots-Tag", "noai")]), Reason.PAGE_OPTED_OUT, "x-robots-tag"),
        (record("<meta name=robots content=noimageai>" + HTML), Reason.PAGE_OPTED_OUT, "noimageai"),
        (record("<meta name=tdm-reservation content=1>" + HTML), Reason.PAGE_OPTED_OUT, "tdm"),
        (record(headers=[("tdm-reservation", "1")]), Reason.PAGE_OPTED_OUT, "1"),
        (
            record(body="가나다".encode() + b"\xff\xfe\xfd\xfc\xfb\xfa" * 400, kind="text/html"),
            Reason.PAGE_UNDECODABLE,
            "the bytes are in no supported charset",
        ),
    ],
)
def test_a_page_that_may_not_or_cannot_be_read_is_in_the_ledger(page, reason, detail):
    found = extracted(page)
    (row,) = found.candidates
    assert (row.unit, row.reason, row.page_url, row.image_url) == ("page", reason, "http://a.test/p", "")
    assert detail in row.detail
    assert (row.source, row.source_offset) == ("/data/a.warc.gz", 17)
    assert (found.page.outcome, found.page.reason, found.page.detail) == ("drop", reason, row.detail)


def test_a_page_the_parser_refuses_is_in_the_ledger(monkeypatch):
    nothing = PageHarvest("", (), (), (), (), (), (), problem="ValueError: refused")
    monkeypatch.setattr(extract, "harvest", lambda *page, **options: nothing)
    (row,) = extracted(record()).candidates
    assert (row.unit, row.reason, row.detail) == ("page", Reason.PAGE_UNPARSABLE, "ValueError: refused")


def test_an_opt_out_for_another_agent_is_not_ours():
    assert len(extracted(record(headers=[("X-Robots-Tag", "otherbot: noai")])).candidates) == 1


def test_an_image_that_cannot_be_requested_is_dropped_with_its_captions():
    found = extracted(record(HTML + "<img src='data:image/gif;base64,R0lGOD' alt='성산일출봉의 아침'>"))
    good, refused = found.candidates
    assert good.reason == ""
    assert (refused.unit, refused.reason, refused.detail) == ("image", Reason.URL_REFUSED, REFUSED_URL)
    assert refused.image_url.startswith("data:image/gif")
    assert "성산일출봉의 아침" in [caption.text for caption in refused.captions]
    assert good.candidate_id != refused.candidate_id


# Numbers that may never be written


def test_a_resident_number_is_withheld_from_every_text(tmp_path):
    page = HTML.replace("공원에 선", f"공원에 선 {RESIDENT}").replace("제주 여행", f"제주 {RESIDENT}")
    found = extracted(record(page))
    assert RESIDENT not in repr(found)
    assert found.candidates[0].page_title == "제주 [주민등록번호]"
    assert any("[주민등록번호]" in caption.text for caption in found.candidates[0].captions)
    row = extract_row(LinkRow(0, "http://a.test/1.jpg", f"돌하르방 {RESIDENT}", "", ""), source="t.csv")
    assert row.captions[0].text == "돌하르방 [주민등록번호]"


def test_an_image_whose_url_holds_a_resident_number_is_dropped_and_the_url_is_not_written():
    found = extracted(record(HTML.replace("/1.jpg", f"/{RESIDENT}.jpg")))
    (row,) = found.candidates
    assert (row.unit, row.reason, row.detail) == ("image", Reason.URL_IDENTIFIER, "the URL holds a resident number")
    assert RESIDENT not in repr(found)


def test_a_page_whose_url_holds_a_resident_number_is_not_read_and_the_url_is_not_written():
    found = extracted(record(url=f"http://a.test/{RESIDENT}/p"))
    (row,) = found.candidates
    assert (row.unit, row.reason) == ("page", Reason.URL_IDENTIFIER)
    assert RESIDENT not in repr(found)


@pytest.mark.parametrize("place", ["url", "page"])
def test_a_row_whose_urls_hold_a_resident_number(place):
    urls = {"url": "http://a.test/1.jpg", "page": "http://a.test/"} | {place: f"http://a.test/{RESIDENT}"}
    row = extract_row(LinkRow(4, caption="돌하르방", problem="", **urls), source="t.csv")
    assert (row.unit, row.reason, row.source_offset) == ("row", Reason.URL_IDENTIFIER, 4)
    assert RESIDENT not in repr(row)


# A table's row


def test_a_row_gives_a_candidate():
    row = extract_row(LinkRow(3, "HTTP://A.test/1.jpg", "돌하르방", "http://a.test:80/p", ""), source="/data/t.csv")
    assert (row.unit, row.image_url, row.page_url, row.reason) == (
        "image",
        "http://a.test/1.jpg",
        "http://a.test/p",
        "",
    )
    assert row.captions == [CaptionCandidate("table_column", "돌하르방", "")]
    assert (row.source_kind, row.source, row.source_offset) == ("table", "/data/t.csv", 3)


def test_a_row_is_known_by_its_texts_and_not_by_its_place():
    one, moved, other = (
        extract_row(LinkRow(at, "http://a.test/1.jpg", text, "", ""), source=source)
        for at, text, source in ((0, "돌하르방", "a.csv"), (9, "돌하르방", "b.csv"), (0, "하르방", "a.csv"))
    )
    assert one.candidate_id == moved.candidate_id
    assert one.candidate_id != other.candidate_id


def test_a_row_without_a_caption_or_page():
    row = extract_row(LinkRow(0, "http://a.test/1.jpg", "", "", ""), source="t.txt")
    assert (row.captions, row.page_url) == ([], "")


@pytest.mark.parametrize("url", ["ftp://a.test/1.jpg", "javascript:x", "http://", "1.jpg"])
def test_a_row_whose_url_cannot_be_requested(url):
    row = extract_row(LinkRow(0, url, "돌하르방", "", ""), source="t.csv")
    assert (row.unit, row.image_url, row.reason, row.detail) == ("image", url, Reason.URL_REFUSED, REFUSED_URL)


def test_a_row_that_is_none_is_known_by_its_place():
    first, second = (
        extract_row(LinkRow(at, "", "", "", "no URL in column 'url'"), source="/data/t.csv") for at in (0, 1)
    )
    assert (first.unit, first.reason, first.detail) == ("row", Reason.TABLE_ROW_INVALID, "no URL in column 'url'")
    assert first.candidate_id != second.candidate_id


# The ledger's rows for what failed


def test_a_failure_has_one_id_per_thing_that_failed():
    places = [
        failure("record", Reason.RECORD_UNREADABLE, "", kind="warc", source=source, offset=offset)
        for source, offset in (("/a/1.warc", 0), ("/a/1.warc", 9), ("/a/2.warc", 0))
    ]
    assert len({row.candidate_id for row in places}) == 3
    pages = [
        failure("page", Reason.PAGE_OPTED_OUT, "", kind="warc", source=source, offset=offset, url="http://a.test/")
        for source, offset in (("/a/1.warc", 0), ("/b/2.warc", 9))
    ]
    assert pages[0].candidate_id == pages[1].candidate_id


def test_a_page_that_the_crawl_was_refused_is_in_the_ledger():
    page = extracted(record()).page._replace(reason=Reason.ROBOTS_DISALLOWED, detail="Disallow: /")
    row = extract_crawled(page)
    assert (row.unit, row.reason, row.detail, row.page_url) == (
        "page",
        Reason.ROBOTS_DISALLOWED,
        "Disallow: /",
        "http://a.test/p",
    )
    assert (row.source_kind, row.source, row.captured_at) == ("crawl", "crawl", "2026-01-01T00:00:00Z")


def test_where_code_raised_is_told_without_what_it_says():
    try:
        raise ValueError("900101-1234567")
    except ValueError as error:
        line = error.__traceback__.tb_lineno
        assert where_raised(error) == f"ValueError at test_extract.py:{line}"
    assert where_raised(ValueError("secret")) == "ValueError at nowhere"


# A file


def test_a_warc_file_gives_its_pages_in_order(tmp_path):
    pages, rows = unit_rows(warc(tmp_path / "a.warc.gz", ("http://a.test/1", HTML), ("http://a.test/2", HTML)))
    assert [page.page_url for page in pages] == ["http://a.test/1", "http://a.test/2"]
    assert [row.page_url for row in rows] == ["http://a.test/1", "http://a.test/2"]
    assert {row.source for row in rows} == {str(tmp_path / "a.warc.gz")}
    assert rows[0].source_offset < rows[1].source_offset


def test_a_page_without_hangul_is_passed_over_before_it_is_parsed_and_counted(tmp_path):
    unit = warc(tmp_path / "a.warc.gz", ("http://a.test/1", "<p>English</p>"))
    assert unit_rows(unit) == ([], [])
    (done,) = ExtractUnit(AttemptPlace(str(tmp_path), "attempt-1"), agent="harubang").process((0, unit))
    assert dict(done.tallies) == {"pages:passed_over": 1}


def test_a_crawled_page_is_told_with_its_place_in_the_archive(tmp_path):
    unit = warc(tmp_path / "warc-00000-0123.warc.gz", ("http://a.test/1", HTML))._replace(kind="crawl")
    pages, rows = unit_rows(unit)
    assert [(row.source_kind, row.source, row.source_offset) for row in rows] == [
        ("crawl", unit.path, pages[0].source_offset)
    ]
    assert pages[0].source == unit.path


def test_a_file_that_is_gone(tmp_path):
    _, (row,) = unit_rows(SourceUnit("warc", str(tmp_path / "gone.warc"), 1))
    assert (row.unit, row.reason, row.detail) == ("source", Reason.SOURCE_MISSING, "the file is gone")
    assert row.source == str(tmp_path / "gone.warc")


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("a.warc", "warc", b"garbage " * 100),
        ("a.csv", "table", b"url,caption\nhttp://a.kr/1.jpg,\xff\xfe\xff\n"),
        ("a.parquet", "table", b"PAR1 garbage"),
        ("a.json", "table", b"[{"),
        ("a.csv.gz", "table", b"not gzip"),
    ],
)
def test_a_file_that_is_garbage(tmp_path, name, kind, data):
    (tmp_path / name).write_bytes(data)
    _, rows = unit_rows(SourceUnit(kind, str(tmp_path / name), len(data), "url", "caption"))
    assert [(row.unit, row.reason) for row in rows] == [("source", Reason.SOURCE_UNREADABLE)]
    assert rows[0].detail


def test_a_folder_in_a_file_s_place(tmp_path):
    _, (row,) = unit_rows(SourceUnit("warc", str(tmp_path), 1))
    assert (row.reason, row.detail.split(":")[0]) == (Reason.SOURCE_UNREADABLE, "IsADirectoryError")


def test_what_stands_before_the_break_of_a_file_is_kept(tmp_path):
    unit = warc(tmp_path / "a.warc.gz", ("http://a.test/1", HTML), ("http://a.test/2", HTML))
    data = Path(unit.path).read_bytes()
    Path(unit.path).write_bytes(data[:-200] + b"\xff" * 400)
    _, rows = unit_rows(unit)
    assert (rows[0].unit, rows[0].reason) == ("image", "")
    assert rows[-1].reason in (Reason.SOURCE_UNREADABLE, Reason.RECORD_UNREADABLE)
    assert len(rows) == 2


def test_a_record_that_cannot_be_read_costs_only_itself(tmp_path):
    head = (
        b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.test/%d\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n"
    )
    good = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + HTML.encode()
    blocks = [good, "HTTP/1.1 abc\r\n\r\n한글".encode(), good]
    (tmp_path / "a.warc").write_bytes(b"".join(head % (n, len(block), block) for n, block in enumerate(blocks)))
    _, rows = unit_rows(SourceUnit("warc", str(tmp_path / "a.warc"), 1))
    assert [(row.unit, row.reason, row.page_url) for row in rows] == [
        ("image", "", "http://a.test/0"),
        ("record", Reason.RECORD_UNREADABLE, "http://a.test/1"),
        ("image", "", "http://a.test/2"),
    ]
    assert "no HTTP response head" in rows[1].detail


def test_a_page_our_own_code_raises_on_costs_only_itself(tmp_path, monkeypatch):
    real = extract.extract_page

    def faulty(record, **about):
        if record.url.endswith("/2"):
            raise ZeroDivisionError("quotes 900101-1234567")
        return real(record, **about)

    monkeypatch.setattr(extract, "extract_page", faulty)
    unit = warc(tmp_path / "a.warc.gz", *((f"http://a.test/{n}", HTML) for n in (1, 2, 3)))
    _, rows = unit_rows(unit)
    assert [(row.unit, row.reason) for row in rows] == [("image", ""), ("page", Reason.RECORD_RAISED), ("image", "")]
    assert rows[1].detail.startswith("ZeroDivisionError at test_extract.py:")
    assert "900101" not in repr(rows[1])
    assert rows[1].page_url == "http://a.test/2"


def test_a_table_file_gives_a_row_each(tmp_path):
    (tmp_path / "t.tsv").write_text(
        "link\ttext\tpage\nhttp://a.kr/1.jpg\t돌하르방\thttp://a.kr/\n\t없음\t\n", encoding="utf-8"
    )
    _, rows = unit_rows(SourceUnit("table", str(tmp_path / "t.tsv"), 1, "link", "text", "page"))
    assert [(row.unit, row.reason, row.image_url, row.page_url) for row in rows] == [
        ("image", "", "http://a.kr/1.jpg", "http://a.kr/"),
        ("row", Reason.TABLE_ROW_INVALID, "", ""),
    ]


# The stage


def test_the_stage_writes_one_part_a_file_and_its_books(tmp_path):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    unit = warc(tmp_path / "a.warc.gz", ("http://a.test/1", HTML), ("http://a.test/2", "<p>한글</p>"))
    (done,) = ExtractUnit(place, agent="harubang").process((4, unit))
    assert [(part.table, part.partition, part.rows) for part in done.parts] == [("candidates", 4, 1), ("pages", 4, 2)]
    assert dict(done.tallies) == {"in": 1, "keep": 1, "pages:keep": 2}
    assert len(list(read_rows(str(tmp_path / done.parts[1].path), PageRow))) == 2


def test_of_the_crawl_s_own_pages_only_those_not_archived_are_told(tmp_path):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    page = extracted(record(), kind="crawl").page
    rows = [
        page,
        page._replace(page_url="http://a.test/2", outcome="drop", reason=Reason.HTTP_STATUS, detail="500"),
        page._replace(page_url="http://a.test/3", outcome="drop", reason="", detail="redirects to http://a.test/p"),
    ]
    part = write_part(place, "pages", 0, PageRow, rows)
    unit = SourceUnit("pages", str(tmp_path / part.path), 0)
    (done,) = ExtractUnit(place, agent="harubang").process((0, unit))
    assert dict(done.tallies) == {"in": 1, "drop:http_status": 1, "pages:drop": 2}
    (lost,) = read_rows(str(tmp_path / done.parts[0].path), CandidateRow)
    assert (lost.page_url, lost.reason) == ("http://a.test/2", Reason.HTTP_STATUS)


def test_no_sources_are_no_work(tmp_path):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    with make_pipeline(PipelineOptions([])) as pipeline:
        extract.expand(pipeline, [], ExtractUnit(place, agent="harubang"))
    assert list(tmp_path.iterdir()) == []


# What img2dataset downloaded


def downloaded(tmp_path, *samples):
    shard = write_download(tmp_path / "out", "webdataset", samples)
    unit = SourceUnit("img2dataset", shard, 0, "url", "caption", "page")
    return unit_rows(unit)[1]


def test_a_downloaded_image_is_a_candidate_that_says_where_it_lies(tmp_path):
    (row,) = downloaded(tmp_path, sample(7, picture(0)))
    assert row._replace(candidate_id="", source_digest="") == CandidateRow(
        candidate_id="",
        unit="image",
        image_url="http://a.test/7.jpg",
        page_url="http://a.test/page/7",
        page_title="",
        captions=[CaptionCandidate("table_column", "공원에 선 돌하르방 7", "000000007.jpg")],
        source_kind="img2dataset",
        source=str(tmp_path / "out" / "00000.tar"),
        source_offset=0,
        source_digest="",
        captured_at="2026-01-01T00:00:00Z",
        reason="",
        detail="",
    )


def test_a_row_that_failed_has_its_reason_and_no_part_in_the_candidate_that_did_not(tmp_path):
    good, bad = downloaded(tmp_path, sample(7, picture(0)), sample(7, None, key="000000008"))
    assert (bad.unit, bad.reason, bad.image_url) == ("row", Reason.HTTP_STATUS, good.image_url)
    assert bad.detail == "failed_to_download: HTTP Error 404: Not Found"
    assert bad.source_offset == 1
    assert good.candidate_id != bad.candidate_id


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.test/1.jpg", "data:image/png;base64,AA"])
def test_what_img2dataset_opens_and_we_do_not_is_refused(url, tmp_path):
    (row,) = downloaded(tmp_path, sample(7, picture(0), url=url))
    assert (row.unit, row.reason) == ("image", Reason.URL_REFUSED)


def test_a_row_without_a_url_and_a_shard_that_does_not_add_up_are_told(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", [sample(7, picture(0), url=None)], count=3)
    _, rows = unit_rows(SourceUnit("img2dataset", shard, 0, "url", "caption", "page"))
    assert [(row.unit, row.reason, row.source_kind) for row in rows] == [
        ("row", Reason.TABLE_ROW_INVALID, "img2dataset"),
        ("source", Reason.SOURCE_COUNT_WRONG, "img2dataset"),
    ]


def test_no_resident_number_comes_out_of_a_download(tmp_path):
    rows = downloaded(
        tmp_path,
        sample(1, picture(0), caption=f"번호 {RESIDENT}"),
        sample(2, None, error_message=f"HTTP Error 404: {RESIDENT}"),
        sample(3, picture(0), url=f"http://a.test/{RESIDENT}.jpg"),
    )
    assert [row.reason for row in rows] == ["", Reason.HTTP_STATUS, Reason.URL_IDENTIFIER]
    assert RESIDENT not in str(rows)
