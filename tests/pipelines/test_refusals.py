import io
from collections import Counter

import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

from pipelines import fetch
from pipelines.crawl import run_crawl
from pipelines.decoded import ImageSettings
from pipelines.parts import read_rows, write_part
from pipelines.refusals import refused_before
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join
from pipelines.workflow import Crawl
from schemas.reasons import Reason
from schemas.records import Consent, ImageRow, ScreenedRow
from tests.content_credentials import IN, assertion, in_jpeg, manifest, store, training_mining
from tests.pipelines.hostile_server import network, reply
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


def fetched(root, server, screened, urls=URLS, consent_files=(), **covers):
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
        assert second[url] == first[url]  # with its evidence, and the time it was given
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
    assert row.consent == [Consent(channel, value, allowed=False)]
    assert row.fetched_at


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
    assert refused_before(str(tmp_path)) == ([], [])
