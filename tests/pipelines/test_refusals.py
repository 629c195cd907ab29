import io
from collections import Counter

import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

from filters.suppression import Suppression
from pipelines import fetch
from pipelines.crawl import run_crawl
from pipelines.decoded import ImageSettings
from pipelines.parts import read_rows, write_part
from pipelines.refusals import Refusals, refused_before
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join
from pipelines.suppression_list import NOTHING_LISTED, compile_list
from pipelines.workflow import Crawl
from schemas.identity import sha256_hex
from schemas.reasons import Reason
from schemas.records import Consent, ImageRow, PageRow, ScreenedRow
from tests.content_credentials import IN, assertion, in_jpeg, manifest, store, training_mining
from tests.pipelines.hostile_server import network, redirect, reply
from tests.pipelines.test_crawl import serving
from tests.pipelines.test_site_policy import ALLOWED, BODY, MATRIX


def jpeg():
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)).save(out, "JPEG")
    return out.getvalue()


REFUSING = {
    "/tag.jpg": reply(200, jpeg(), "X-Robots-Tag: noai"),
    "/tdm.jpg": reply(200, jpeg(), "tdm-reservation: 1"),
    "/usage.jpg": reply(200, jpeg(), "Content-Usage: train-ai=n"),
    "/inside.jpg": reply(200, in_jpeg(store(manifest(training_mining(ai_training="notAllowed"))))),
}
FREE = {"/free.jpg": reply(200, jpeg()), "/gone.jpg": reply(500)}
URLS = [f"http://a.kr{path}" for path in (*REFUSING, *FREE)]


def attempt_at(root, stage, **covers):
    return Attempt(plan=StagePlan(stage=stage, covers=covers, root=root), name="attempt-1", options=PipelineOptions([]))


def fetched(root, server, screened, urls=URLS, consent_files=(), opt_outs=NOTHING_LISTED, **covers):
    """Run the fetch stage for ``urls`` under ``covers``; return its rows by URL."""
    attempt = attempt_at(root, "fetch", **covers)
    rows = [screened._replace(image_url=url) for url in urls]
    part = write_part(attempt.place, "screened", 0, ScreenedRow, rows)
    paths = [join(attempt.plan.folder, part.path)]
    done = attempt.run(
        lambda p: fetch.expand(
            p,
            paths,
            place=attempt.place,
            network=network(server, consent_files=consent_files),
            settings=ImageSettings(processes=1),
            partitions=2,
            refused=refused_before(root),
            opt_outs=opt_outs,
        )
    )
    images = attempt.commit(done).paths("images")
    return {row.image_url: row for path in images for row in read_rows(path, ImageRow)}


def test_what_was_refused_is_not_asked_for_in_a_later_run_with_other_settings(tmp_path, screened):
    with serving(REFUSING | FREE) as server:
        first = fetched(str(tmp_path), server, screened, settings=1)
        asked = list(server.requests)
        second = fetched(str(tmp_path), server, screened, settings=2)
    assert {url for url, row in first.items() if row.reason == Reason.OPTED_OUT} == set(URLS[:4])
    again = server.requests[len(asked) :]
    assert sorted(again) == ["a.kr/free.jpg", "a.kr/gone.jpg", "a.kr/robots.txt"]
    for url in URLS[:4]:
        # With its evidence, and the time it was given; what its bytes were is known to the stage that had them.
        assert second[url] == first[url]._replace(raw_sha256="", raw_format="")
        assert not second[url].consent[-1].allowed
    assert (second[URLS[4]].reason, second[URLS[5]].reason) == ("", Reason.HTTP_STATUS)


@pytest.mark.parametrize("path", [*REFUSING][:3])
def test_what_the_crawl_was_refused_the_fetch_does_not_ask_for(tmp_path, screened, path):
    root = str(tmp_path)
    with serving(REFUSING | FREE) as server:
        attempt = attempt_at(root, "crawl")
        attempt.commit(run_crawl(attempt, Crawl(seeds=(f"http://a.kr{path}",), depth=0), network(server)))
        assert server.requests.count(f"a.kr{path}") == 1
        row = fetched(root, server, screened)[f"http://a.kr{path}"]
        assert server.requests.count(f"a.kr{path}") == 1
    channel, value = {
        "/tag.jpg": ("x-robots-tag", "noai"),
        "/tdm.jpg": ("tdmrep-header", "1"),
        "/usage.jpg": ("content-usage", "train-ai=n"),
    }[path]
    assert (row.outcome, row.reason, row.detail) == ("drop", Reason.OPTED_OUT, channel)
    assert row.consent == [Consent("robots.txt", "HTTP 404", allowed=True), Consent(channel, value, allowed=False)]
    assert row.fetched_at


def html(*links, head=""):
    shown = "".join(f"<a href='{link}'>{link}</a>" for link in links)
    return reply(200, f"<html><head>{head}</head><body>{shown}</body></html>".encode(), "Content-Type: text/html")


META = "<meta name=ROBOTS content='index, NoAI'>"
PAGES = {
    "a.kr/": html("/tag", "/meta", "/to-tag", "/to-meta", "/on", "/barred"),
    "a.kr/robots.txt": reply(200, b"User-agent: *\nDisallow: /barred"),
    "a.kr/tag": reply(200, b"<p>", "Content-Type: text/html", "X-Robots-Tag: noai"),
    "a.kr/meta": html(head=META),
    "a.kr/to-tag": redirect("/half-way"),
    "a.kr/half-way": redirect("http://b.kr/tag"),
    "a.kr/to-meta": redirect("http://b.kr/meta"),
    "b.kr/tag": reply(200, b"<p>", "Content-Type: text/html", "TDM-Reservation: 1"),
    "b.kr/meta": html(head=META),
    "a.kr/on": html("/half-way", "http://b.kr/tag", "http://b.kr/meta", "/tag"),
    "a.kr/barred": html(),
}
REFUSING_PAGES = ["a.kr/tag", "a.kr/meta", "a.kr/to-tag", "a.kr/half-way", "a.kr/to-meta", "b.kr/tag", "b.kr/meta"]


def crawled(root, server, **covers):
    attempt = attempt_at(root, "crawl", **covers)
    crawl = Crawl(seeds=("http://a.kr/",), scope=("http://a.kr/", "http://b.kr/"), depth=2)
    done = attempt.commit(run_crawl(attempt, crawl, network(server)))
    return {row.page_url: row for path in done.paths("pages") for row in read_rows(path, PageRow)}


def test_a_page_that_refused_is_asked_for_once_in_all_crawls_of_an_output_whatever_leads_to_it(tmp_path):
    with serving(PAGES) as server:
        first = crawled(str(tmp_path), server, settings=1)
        assert {page: server.requests.count(page) for page in REFUSING_PAGES} == dict.fromkeys(REFUSING_PAGES, 1)
        asked = len(server.requests)
        server.routes["a.kr/robots.txt"] = reply(404)
        second = crawled(str(tmp_path), server, settings=2)
    again = server.requests[asked:]
    assert set(again) == {"a.kr/", "a.kr/on", "a.kr/robots.txt", "a.kr/barred"}  # robots.txt is heard anew
    refused = {f"http://{page}" for page in REFUSING_PAGES}
    for rows in (first, second):
        assert {url for url, row in rows.items() if row.reason == Reason.PAGE_OPTED_OUT} == refused
    for url in refused:
        # With channel, raw value and time; the digest of what it said is known to the first crawl.
        assert second[url] == first[url]._replace(source_digest="")
        assert first[url].detail in ("x-robots-tag: noai", "tdmrep-header: 1", "meta-robots: index, NoAI")
    barred = "http://a.kr/barred"
    assert (first[barred].reason, second[barred].reason) == (Reason.ROBOTS_DISALLOWED, "")


def killed(root, server, screened, urls, **covers):
    """Run the fetch stage as `fetched` does, but die before the commit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Attempt, "commit", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception, match="killed"):
            fetched(root, server, screened, urls, **covers)


@pytest.mark.parametrize("settings", [1, 2], ids=["the same settings", "other settings"])
def test_a_killed_stage_knows_what_led_to_a_refusal(tmp_path, screened, settings):
    hops = ("http://a.kr/from.jpg", "http://b.kr/by.jpg", "http://c.kr/to.jpg")
    routes = dict(zip(("a.kr/from.jpg", "b.kr/by.jpg"), map(redirect, hops[1:]), strict=True))
    with serving(routes | {"c.kr/to.jpg": REFUSING["/tag.jpg"]}) as server:
        killed(str(tmp_path), server, screened, hops[:1], settings=1)
        asked = len(server.requests)
        rows = fetched(str(tmp_path), server, screened, hops, settings=settings)
    assert server.requests[asked:] == []
    assert [row.reason for row in rows.values()] == [Reason.OPTED_OUT] * 3
    assert len({(row.fetched_at, row.final_url, *row.consent) for row in rows.values()}) == 1


def test_what_a_list_named_by_its_bytes_is_asked_for_again_once_the_list_does_not(tmp_path, screened):
    root, free = str(tmp_path), jpeg()
    lists = [
        compile_list(Suppression(sha256=(digest,)), root, key="network.opt_out", radius=0)
        for digest in (sha256_hex(free), "0" * 64)
    ]
    with serving(FREE) as server:
        for number, (listed, times) in enumerate(((lists[0], 1), (lists[0], 1), (lists[1], 2))):
            row = fetched(root, server, screened, URLS[4:5], opt_outs=listed, settings=number)[URLS[4]]
            assert (row.reason == Reason.OPT_OUT_LISTED) == (listed == lists[0])
            assert server.requests.count("a.kr/free.jpg") == times


# The whole matrix through the stage: every spelling of every channel on a host of its own.

LABELS = ("c2pa.training-mining", "cawg.training-mining")
SAYS_NO = [training_mining(label, **{entry: use}) for label in LABELS for entry, use in (
    ("ai_training", "notAllowed"), ("ai_generative_training", "constrained"), ("data_mining", "NOTALLOWED")
)]  # fmt: skip
SAYS_YES = [training_mining(label, **uses) for label in LABELS for uses in (
    {"ai_training": "allowed"}, {"ai_inference": "notAllowed"}, {"ai_training": "Allowed", "data_mining": "allowed"}
)]  # fmt: skip
BROKEN = [assertion("c2pa.training-mining", data) for data in (b"", b"\xff", b"\xa1", b"\xa0", b"\x81" * 99)]


def inside(*assertions):
    kinds = ("JPEG", "PNG", "WEBP", "GIF")
    return [
        {"/x.jpg": reply(200, IN[kinds[number % 4]](store(manifest(words))))} for number, words in enumerate(assertions)
    ]


def matrix(channels):
    """Return routes and image URLs in which the cases of ``channels`` have hosts of their own."""
    routes, urls = {}, {}
    for channel, cases in channels.items():
        for case in cases:
            host = f"c{len(urls)}.kr"
            urls[f"http://{host}/x.jpg"] = channel
            routes[f"{host}/x.jpg"] = reply(200, jpeg())
            for path, answer in case.items():
                routes[host + path] = answer.replace(BODY, jpeg()).replace(LENGTH, b"Content-Length: %d" % len(jpeg()))
    return routes, urls


LENGTH = b"Content-Length: %d" % len(BODY)


def run_matrix(root, channels, screened):
    routes, urls = matrix(channels)
    with serving(routes) as server:
        for settings in (1, 2):
            rows = fetched(root, server, screened, tuple(urls), consent_files=("tdmrep", "ai.txt"), settings=settings)
    return rows, urls, server


def test_no_spelling_of_no_channel_is_asked_for_twice_stored_or_kept(tmp_path, screened):
    channels = MATRIX | {"c2pa": inside(*SAYS_NO, *BROKEN)}
    assert len(channels) >= 8
    assert all(len(cases) >= 10 for cases in channels.values())
    rows, urls, server = run_matrix(str(tmp_path), channels, screened)
    assert {url: row.reason for url, row in rows.items() if row.reason != Reason.OPTED_OUT} == {}
    assert {url for url, row in rows.items() if row.stored_sha256 or row.staging or row.staging_length} == set()
    asked = Counter(request for request in server.requests if request.endswith("/x.jpg"))
    assert {request: times for request, times in asked.items() if times > 1} == {}
    for row in rows.values():
        assert [consent for consent in row.consent if not consent.allowed and consent.value]
    assert len(rows) == len(urls) >= 110


def test_nothing_that_refuses_nothing_is_refused(tmp_path, screened):
    channels = {"spellings": list(ALLOWED.values()), "c2pa": inside(*SAYS_YES)}
    rows, urls, _ = run_matrix(str(tmp_path), channels, screened)
    assert {url: (row.reason, row.detail) for url, row in rows.items() if row.reason} == {}
    assert len(rows) == len(urls) >= 30


def test_an_output_without_stages_was_refused_nothing(tmp_path):
    assert refused_before(str(tmp_path)) == ()
    assert list(Refusals().of("http://a.kr/")) == []
