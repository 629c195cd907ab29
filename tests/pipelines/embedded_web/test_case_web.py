"""The cases that fall by their text or page, judged by the real extraction and caption engine."""

from __future__ import annotations

import pytest

from filters.caption_corpus import CountedCorpus
from filters.caption_engine import CaptionInput, CaptionRules
from filters.caption_safety import CaptionSafety
from pipelines.embedded_web.cases import CASE_GROUPS, CASES
from pipelines.extract import extract_page
from pipelines.screen import ScreenRules, screen_rows
from pipelines.warc import PageRecord
from schemas.reasons import Reason

PAGE_REASONS = (Reason.PAGE_OPTED_OUT, Reason.PAGE_UNDECODABLE)
TEXT_CASES = [
    case
    for case in CASES
    if case.page_url
    and (case.image_url or case.reason in PAGE_REASONS)
    and not case.page_url.startswith("http://archive.")
]


def early(reason):
    """Whether a case falls before its image is asked for."""
    if reason in (Reason.CAPTION_REPEATED, Reason.CAPTION_NEAR_REPEATED):
        return False  # capped once everything else is decided
    return reason.startswith(("caption_", "page_")) or reason == Reason.URL_REFUSED


@pytest.fixture(scope="module")
def screened(web):
    rows = []
    for url, resource in sorted(web.resources.items()):
        if resource.content_type.startswith("text/html") and resource.status == 200:
            headers = (("Content-Type", resource.content_type), *resource.headers)
            record = PageRecord(url, 0, "", 200, headers, resource.make())
            rows += extract_page(record, kind="crawl", source="crawl", agent="harubang").candidates
    inputs = [CaptionInput(tuple(row.captions), row.page_title, row.page_url, row.image_url) for row in rows]
    return list(screen_rows(rows, ScreenRules(CaptionRules(), CaptionSafety()), CountedCorpus(inputs)))


@pytest.mark.parametrize("case", TEXT_CASES, ids=lambda case: case.name)
def test_case(screened, case):
    found = [row for row in screened if (row.page_url, row.image_url) == (case.page_url, case.image_url)]
    assert [row.reason for row in found] == [case.reason if early(case.reason) else ""]


@pytest.mark.parametrize("group", CASE_GROUPS, ids=lambda group: group.name)
def test_group(screened, group):
    found = {row.image_url: row.reason for row in screened if row.page_url == group.page_url}
    expected = group.reasons[0] if early(group.reasons[0]) else ""
    assert found == dict.fromkeys(group.image_urls, expected)


def test_every_photo_of_the_sites_passes_with_the_caption_written_for_it(screened, web):
    found = {row.image_url: (row.reason, row.caption) for row in screened if row.image_url in web.captions}
    assert found == {url: ("", caption) for url, caption in web.captions.items()}


def test_a_phone_number_is_replaced(screened):
    (row,) = [row for row in screened if row.image_url.endswith("/kept_redacted.jpg")]
    assert row.caption.endswith("[휴대전화번호]")
    assert "5678" not in repr(row)
