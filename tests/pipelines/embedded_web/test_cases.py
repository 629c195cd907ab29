"""Every case is asked for by the project's own client on the real server, and decoded by the real decoder."""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import urlsplit

import pytest

from filters.image import (
    ImageAspect,
    ImageBlank,
    ImageBlurred,
    ImageBorder,
    ImageEntropy,
    ImageGrey,
    ImageIcon,
    ImageMinSide,
    ImageScreenshot,
)
from pipelines.decoded import ImageSettings
from pipelines.decoder import DecoderPool
from pipelines.embedded_web import serve
from pipelines.embedded_web.cases import CASE_GROUPS, CASE_PAGES, CASES, NOT_ON_THE_WEB, PAGE_CASES, TAKEDOWN_URLS
from pipelines.image_row import image_row
from pipelines.web_client import Network, WebClient
from schemas.reasons import Outcome, Reason

# What the demo's workflow sets: the cases are made for these limits.
SETTINGS = ImageSettings(
    max_side=512, max_pixels=40_000_000, max_bytes=3 * 2**20, decode_seconds=3.0, memory_mib=320, processes=2
)
FILTERS = (
    ImageMinSide(min_side=128),
    ImageAspect(),
    ImageBlank(),
    ImageBlurred(),
    ImageEntropy(),
    ImageIcon(),
    ImageBorder(),
    ImageScreenshot(),
    ImageGrey(),
)
CAPPED = {Reason.CAPTION_REPEATED, Reason.CAPTION_NEAR_REPEATED}
LATER = {Reason.DUPLICATE_EXACT, Reason.DUPLICATE_NEAR, Reason.TAKEDOWN, *CAPPED}


def network(connect_to):
    return Network(
        allow_loopback=True,
        connect_to=connect_to,
        connections=16,
        connections_per_host=2,
        delay_seconds=0.0,
        total_seconds=2.0,
        max_body_bytes=3 * 2**20,
        max_redirects=5,
        max_tries=2,
        backoff_seconds=0.05,
        host_failures=5,
    )


async def fetch_all(connect_to, urls):
    """Return one image row per URL, its reason that of the network, the decoder or the first image filter."""
    rows = {}

    async def one(client, pool, limit, url):
        async with limit:
            fetched = await client.get(url, accept="image/*")
            decoded = await pool.decode(fetched.body) if not fetched.reason else None
        rows[url] = image_row(fetched, decoded)

    async with WebClient(network(connect_to)) as client, DecoderPool(SETTINGS) as pool, asyncio.TaskGroup() as tasks:
        limit = asyncio.Semaphore(8)
        for url in urls:
            tasks.create_task(one(client, pool, limit, url))
    return rows


def outcome(row):
    reasons = [row.reason, *(judge.decide(row).reason for judge in FILTERS)] if not row.reason else [row.reason]
    return next((reason for reason in reasons if reason), "")


def asked_for(case):
    """Whether the case is decided by asking for its image."""
    by_its_text = case.reason.startswith("caption_") and case.reason not in CAPPED
    judged_before = by_its_text or case.reason in (Reason.URL_REFUSED, Reason.DUPLICATE_CANDIDATE)
    return bool(case.image_url) and not judged_before


IMAGE_CASES = [case for case in CASES if asked_for(case)]


@pytest.fixture(scope="module")
def rows():
    with serve(1) as web:
        grouped = [url for group in CASE_GROUPS for url in group.image_urls]
        urls = {case.image_url for case in IMAGE_CASES} | set(grouped)
        pages = {case.page_url for case in PAGE_CASES}
        return asyncio.run(fetch_all(web.connect_to, sorted(urls | pages)))


@pytest.mark.parametrize("case", IMAGE_CASES, ids=lambda case: case.name)
def test_image_case(rows, case):
    expected = "" if case.reason in LATER else case.reason
    row = rows[case.image_url]
    assert outcome(row) == expected, row.detail
    assert (case.outcome == Outcome.DROP) == bool(case.reason)


@pytest.mark.parametrize("case", PAGE_CASES, ids=lambda case: case.name)
def test_page_case(rows, case):
    row = rows[case.page_url]
    answered = {Reason.PAGE_UNDECODABLE: Reason.IMAGE_FORMAT_REFUSED, Reason.PAGE_OPTED_OUT: None}
    expected = answered.get(case.reason, case.reason)
    if expected is None:  # the header refuses at once, the meta only once the page is read
        assert row.reason in (Reason.OPTED_OUT, Reason.IMAGE_FORMAT_REFUSED)
    else:
        assert row.reason == expected, row.detail


@pytest.mark.parametrize("group", CASE_GROUPS, ids=lambda group: group.name)
def test_group_of_the_network(rows, group):
    if group.name == "frequent_slogan":
        pytest.skip("judged by its text, in test_case_web.py")
    found = Counter(rows[url].reason for url in group.image_urls)
    assert set(found) <= set(group.reasons)
    assert set(group.certain) <= set(found)


def test_kept_images_are_what_their_case_says(rows):
    found = {case.name: rows[case.image_url] for case in IMAGE_CASES if not case.reason}
    sideways = found["kept_orientation"]
    assert (sideways.orientation, sideways.original_width, sideways.original_height) == (6, 600, 800)
    assert found["kept_first_frame"].frames == 2
    assert found["kept_transparency"].raw_format == "PNG"
    assert not found["kept_small_jpeg"].reencoded
    assert found["kept_alt"].reencoded
    assert found["kept_picture"].raw_format == "WEBP"
    assert found["kept_redirect"].final_url == "http://cases.harubang.test/kept/kept_redirect.jpg"


def test_duplicates_are_duplicates(rows):
    by_name = {case.name: rows[case.image_url] for case in IMAGE_CASES}
    assert by_name["duplicate_exact"].raw_sha256 == by_name["kept_exact_winner"].raw_sha256
    near, winner = by_name["duplicate_near"], by_name["kept_near_winner"]
    assert near.raw_sha256 != winner.raw_sha256
    assert (int(near.phash, 16) ^ int(winner.phash, 16)).bit_count() <= 4
    assert near.original_width * near.original_height < winner.original_width * winner.original_height


def test_every_reason_has_a_case_or_an_excuse():
    covered = {case.reason for case in CASES} | {reason for group in CASE_GROUPS for reason in group.certain}
    excused = {reason for reason, why in NOT_ON_THE_WEB if why}
    assert covered & excused == set()
    assert (covered - {""}) | excused == set(Reason)


def test_names_and_places_are_distinct():
    names = [case.name for case in CASES] + [group.name for group in CASE_GROUPS]
    assert len(names) == len(set(names))
    on_pages = [(case.page_url, case.image_url) for case in CASES if case.page_url]
    assert len(on_pages) == len(set(on_pages))


def test_takedowns_are_cases_of_their_own():
    assert set(TAKEDOWN_URLS) == {case.image_url for case in CASES if case.reason == Reason.TAKEDOWN}


def test_kept_cases_cover_every_caption_kind_and_charset():
    kept = {case.name for page in CASE_PAGES for case in page.cases if not case.reason}
    assert {
        f"kept_{form}" for form in ("alt", "title", "figcaption", "caption_paragraph", "og_image", "json_ld")
    } <= kept
    assert {page.charset for page in CASE_PAGES} == {"utf-8", "euc-kr", "cp949"}


def test_no_case_leaves_the_reserved_names():
    hosts = {urlsplit(case.image_url).hostname for case in CASES if case.image_url.startswith("http")}
    outside = {host for host in hosts if not host.endswith(".harubang.test")}
    assert outside == {"10.0.0.1", "169.254.169.254", "nowhere.invalid"}
