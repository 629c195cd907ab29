import gzip

import pytest
from fastwarc.warc import ArchiveIterator

from filters.caption_engine import CaptionRules
from filters.caption_safety import CaptionSafety
from pipelines.embedded_web.cases import SOURCE_CASES
from pipelines.embedded_web.sources import SOURCE_PICTURES, write_sources
from pipelines.embedded_web.web import url
from pipelines.extract import SourceUnit, extract_unit
from pipelines.screen import ScreenRules, screen_rows


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_sources(tmp_path_factory.mktemp("sources") / "new" / "folder")


def test_the_same_bytes_every_time(written, tmp_path):
    again = write_sources(tmp_path)
    write_sources(tmp_path)  # over what is there
    pairs = zip(written.warc + written.tables, again.warc + again.tables, strict=True)
    assert all(one.read_bytes() == other.read_bytes() for one, other in pairs)
    assert [path.name for path in again.tables] == ["links.csv", "links.jsonl"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        write_sources(tmp_path / "file" / "folder")


def test_the_good_archive_is_gzip_record_by_record(written):
    good = next(path for path in written.warc if path.name == "good.warc.gz")
    with good.open("rb") as file:
        assert [record.headers["WARC-Type"] for record in ArchiveIterator(file)] == ["warcinfo", "response", "response"]
    assert b"2021-03-01T00:00:00Z" in gzip.decompress(good.read_bytes())


@pytest.fixture(scope="module")
def rows(written):
    units = [SourceUnit("warc", str(path), 0) for path in written.warc]
    units += [SourceUnit("table", str(path), 0, "url", "caption", "page") for path in written.tables]
    found = [row for unit in units for each in extract_unit(unit, agent="harubang") for row in each.candidates]
    return list(screen_rows(found, ScreenRules(CaptionRules(), CaptionSafety())))


@pytest.mark.parametrize("case", SOURCE_CASES, ids=lambda case: case.name)
def test_case(rows, case):
    found = [row.reason for row in rows if (row.page_url, row.image_url) == (case.page_url, case.image_url)]
    assert case.reason in found


def test_nothing_but_the_cases(rows):
    assert sorted(row.reason for row in rows) == sorted(case.reason for case in SOURCE_CASES)


def test_pictures_that_the_files_name_are_served(web, rows):
    pictures = {url("archive", path) for path, _ in SOURCE_PICTURES}
    assert pictures <= set(web.resources)
    assert {row.image_url for row in rows if not row.reason} == pictures
