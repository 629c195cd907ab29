from __future__ import annotations

import asyncio
import hashlib
import json
import time

import pytest

from pipelines.web_client import WebClient
from schemas.reasons import Reason
from schemas.records import Consent
from tests.pipelines.hostile_server import IMAGE, PAGE, Server, fetch, network, redirect, reply

BODY = b"\xff\xd8\xff" + b"j" * 500
ALLOW = b"User-agent: *\nDisallow: /private/\n"
DISALLOW = b"User-agent: *\nDisallow: /\n"


async def silence(writer):
    await asyncio.sleep(60)


async def hang_up(writer):
    pass


def padded(rules: bytes, size: int) -> bytes:
    line = b"# " + b"x" * 77 + b"\n"
    return line * (size // len(line)) + rules


def chain(length: int, end: bytes) -> dict[str, bytes]:
    routes = {f"/r{n}": redirect(f"/r{n + 1}") for n in range(1, length)}
    return {"/robots.txt": redirect("/r1"), f"/r{length}": reply(200, end)} | routes


# RFC 9309, one row each: what the server does with /robots.txt, and what becomes of /x.jpg.

TRUTH = {
    "200 that allows": ({"/robots.txt": reply(200, ALLOW)}, ""),
    "200 that disallows": ({"/robots.txt": reply(200, DISALLOW)}, Reason.ROBOTS_DISALLOWED),
    "200 and empty": ({"/robots.txt": reply(200)}, ""),
    "200 with a page of HTML": (
        {"/robots.txt": reply(200, b"<html>Disallow: /</html>", "Content-Type: text/html")},
        "",
    ),
    "204": ({"/robots.txt": reply(204, length=False)}, ""),
    "206": ({"/robots.txt": reply(206, ALLOW)}, Reason.ROBOTS_UNREACHABLE),
    "304": ({"/robots.txt": reply(304, length=False)}, Reason.ROBOTS_UNREACHABLE),
    "400": ({"/robots.txt": reply(400)}, ""),
    "401": ({"/robots.txt": reply(401)}, ""),
    "403": ({"/robots.txt": reply(403, DISALLOW)}, ""),
    "404": ({"/robots.txt": reply(404)}, ""),
    "410": ({"/robots.txt": reply(410)}, ""),
    "429": ({"/robots.txt": reply(429)}, ""),
    "451": ({"/robots.txt": reply(451)}, ""),
    "500": ({"/robots.txt": reply(500)}, Reason.ROBOTS_UNREACHABLE),
    "500 with rules that allow": ({"/robots.txt": reply(500, ALLOW)}, Reason.ROBOTS_UNREACHABLE),
    "502": ({"/robots.txt": reply(502)}, Reason.ROBOTS_UNREACHABLE),
    "503": ({"/robots.txt": reply(503)}, Reason.ROBOTS_UNREACHABLE),
    "599": ({"/robots.txt": reply(599)}, Reason.ROBOTS_UNREACHABLE),
    "reset": ({"/robots.txt": hang_up}, Reason.ROBOTS_UNREACHABLE),
    "stall": ({"/robots.txt": silence}, Reason.ROBOTS_UNREACHABLE),
    "1 redirect": (chain(1, DISALLOW), Reason.ROBOTS_DISALLOWED),
    "5 redirects to a refusal": (chain(5, DISALLOW), Reason.ROBOTS_DISALLOWED),
    "5 redirects to leave": (chain(5, ALLOW), ""),
    "6 redirects to a refusal": (chain(6, DISALLOW), Reason.ROBOTS_DISALLOWED),
    "11 redirects": (chain(11, ALLOW), Reason.ROBOTS_UNREACHABLE),
    "a loop of redirects": ({"/robots.txt": redirect("/robots.txt")}, Reason.ROBOTS_UNREACHABLE),
    "a redirect to another host": (
        {"a.kr/robots.txt": redirect("http://b.kr/r"), "b.kr/r": reply(200, DISALLOW)},
        Reason.ROBOTS_DISALLOWED,
    ),
    "a redirect to 404": ({"/robots.txt": redirect("/none")}, ""),
    "a redirect to 500": ({"/robots.txt": redirect("/e"), "/e": reply(500)}, Reason.ROBOTS_UNREACHABLE),
    "a redirect to a private address": ({"/robots.txt": redirect("http://10.0.0.1/")}, Reason.ROBOTS_UNREACHABLE),
    "a redirect to a file": ({"/robots.txt": redirect("file:///robots.txt")}, Reason.ROBOTS_UNREACHABLE),
    "rules after 500 KiB": ({"/robots.txt": reply(200, padded(DISALLOW, 500 * 1024))}, Reason.ROBOTS_DISALLOWED),
    "600 KiB": ({"/robots.txt": reply(200, DISALLOW + padded(b"", 600 * 1024))}, Reason.ROBOTS_DISALLOWED),
    "2 MiB": ({"/robots.txt": reply(200, DISALLOW + padded(b"", 2 << 20))}, Reason.ROBOTS_DISALLOWED),
    "a body cut short": (
        {"/robots.txt": reply(200, DISALLOW, "Content-Length: 999", "Connection: close", length=False)},
        Reason.ROBOTS_UNREACHABLE,
    ),
    "a byte order mark": ({"/robots.txt": reply(200, b"\xef\xbb\xbf" + DISALLOW)}, Reason.ROBOTS_DISALLOWED),
    "carriage returns only": ({"/robots.txt": reply(200, DISALLOW.replace(b"\n", b"\r"))}, Reason.ROBOTS_DISALLOWED),
    "bytes that are no UTF-8": ({"/robots.txt": reply(200, b"# \xb0\xa1\n" + DISALLOW)}, Reason.ROBOTS_DISALLOWED),
    "our own group allows": ({"/robots.txt": reply(200, DISALLOW + b"\nUser-agent: Harubang\nAllow: /\n")}, ""),
    "our own group disallows": (
        {"/robots.txt": reply(200, b"User-agent: *\nAllow: /\n\nUser-Agent: HARUBANG\nDisallow: /x\n")},
        Reason.ROBOTS_DISALLOWED,
    ),
    "another's group disallows": ({"/robots.txt": reply(200, b"User-agent: otherbot\nDisallow: /\n")}, ""),
    "a longer name's group disallows": ({"/robots.txt": reply(200, b"User-agent: harubangs\nDisallow: /\n")}, ""),
    "the longer path wins": ({"/robots.txt": reply(200, b"User-agent: *\nDisallow: /\nAllow: /x.jpg\n")}, ""),
    "a wildcard": ({"/robots.txt": reply(200, b"User-agent: *\nDisallow: /*.jpg$\n")}, Reason.ROBOTS_DISALLOWED),
}


@pytest.mark.parametrize("row", TRUTH)
def test_robots_truth_table(row):
    routes, reason = TRUTH[row]
    start = time.monotonic()
    image = {"/x.jpg": reply(200, BODY)}
    found, server = fetch(image | routes, "http://a.kr/x.jpg", "http://a.kr/x.jpg", contact="mailto:crawl@a.kr")
    assert {f.reason for f in found} == {reason}, found[0]
    assert server.requests.count("a.kr/x.jpg") == (0 if reason else 2)
    assert server.requests.count("a.kr/robots.txt") == 1  # what a site says is remembered, also that it is silent
    assert time.monotonic() - start < 2
    assert found[0].consent[0].channel == "robots.txt"
    assert found[0].consent[0].allowed == (reason == "")


def test_robots_evidence_holds_the_digest_or_the_status():
    digest = hashlib.sha256(DISALLOW).hexdigest()
    (found,), _ = fetch({"/robots.txt": reply(200, DISALLOW)}, "http://a.kr/x")
    assert found.consent == (Consent("robots.txt", f"disallow sha256:{digest}", allowed=False),)
    (found,), _ = fetch({"/robots.txt": reply(403)}, "http://a.kr/x")
    assert found.consent == (Consent("robots.txt", "HTTP 403", allowed=True),)
    (found,), _ = fetch({"/robots.txt": reply(503)}, "http://a.kr/x")
    assert found.consent == (Consent("robots.txt", "unreachable: HTTP 503", allowed=False),)


def test_a_host_that_is_not_there_is_unreachable():
    (found,), _ = fetch({}, "http://a.kr/x", connect_to={"a.kr": "127.0.0.1:1"})
    assert found.reason == Reason.ROBOTS_UNREACHABLE


def test_robots_are_learnt_once_for_callers_at_once_and_per_origin():
    async def run():
        async with Server({"/x": reply(200, BODY)}) as server, WebClient(network(server)) as client:
            urls = ["http://a.kr/x", "http://a.kr:8080/x", "http://b.kr/x"] * 5
            await asyncio.gather(*(client.get(url, accept=IMAGE) for url in urls))
            return server

    server = asyncio.run(run())
    assert sorted(r for r in server.requests if "robots" in r) == ["a.kr/robots.txt"] * 2 + ["b.kr/robots.txt"]


def test_robots_are_asked_for_again_when_they_are_stale():
    async def run():
        routes = {"/robots.txt": [reply(200, ALLOW), reply(200, DISALLOW)], "/x": reply(200, BODY)}
        async with Server(routes) as server, WebClient(network(server, robots_cache_seconds=0.1)) as client:
            first = await client.get("http://a.kr/x", accept=IMAGE)
            await asyncio.sleep(0.15)
            return first, await client.get("http://a.kr/x", accept=IMAGE)

    first, second = asyncio.run(run())
    assert (first.reason, second.reason) == ("", Reason.ROBOTS_DISALLOWED)


def test_the_site_files_are_asked_for_once_each_and_only_where_robots_leave_anything():
    both = {"consent_files": ("tdmrep", "ai.txt")}
    _, server = fetch({"/x": reply(200, BODY)}, "http://a.kr/x", "http://a.kr/x", **both)
    assert server.requests == [
        "a.kr/robots.txt",
        "a.kr/.well-known/tdmrep.json",
        "a.kr/ai.txt",
        "a.kr/x",
        "a.kr/x",
    ]
    _, server = fetch({"/robots.txt": reply(500)}, "http://a.kr/x", **both)
    assert server.requests == ["a.kr/robots.txt"]


# The opt-out matrix: channels by spellings. Each refuses; nothing refused is asked for twice, or kept.

TAG_SPELLINGS = [
    "noai",
    "NoAI",
    "NOIMAGEAI",
    "noindex",
    "noimageindex",
    "none",
    " noai ",
    "noai,noimageai",
    "index, follow, noai",
    "noai;noimageai",
    "max-snippet:0, noai",
    "noai, max-snippet:0",
    "max-image-preview:none, noai",
    "max-image-preview: large , noimageai",
    "unavailable_after: 25 Jun 2027 15:00:00 PST, noai",
    "noindex, unavailable_after: 25 Jun 2027 15:00:00 PST",
    "unavailable_after: Friday, 25-Jun-27 15:00:00 UTC, noindex",
    "unavailable_after: 2027-06-25T15:00:00+09:00, noai",
    "harubang: noai",
    "Harubang : NoAI",
    "HARUBANG/0.1: noai",
    "*: noai",
    "otherbot: index, harubang: noai",
    "otherbot: noindex, nofollow, harubang: nofollow, noai",
    "noindex: true",
]


def tag(*values):
    return {"/x.jpg": reply(200, BODY, *(f"X-Robots-Tag: {value}" for value in values))}


def tdm_file(*entries, **extra):
    body = json.dumps([dict(zip(("location", "tdm-reservation"), entry, strict=True)) | extra for entry in entries])
    return {"/.well-known/tdmrep.json": reply(200, body.encode(), "Content-Type: application/json")}


def tdm_header(*lines):
    return {"/x.jpg": reply(200, BODY, *lines)}


def usage_header(*lines):
    return {"/x.jpg": reply(200, BODY, *lines)}


def robots(text):
    return {"/robots.txt": reply(200, text.encode())}


def ai(text):
    return {"/ai.txt": reply(200, text.encode())}


MATRIX: dict[str, list[dict[str, bytes]]] = {
    "x-robots-tag": [
        *(tag(value) for value in TAG_SPELLINGS),
        tag("index", "noai"),
        tag("otherbot: noindex", "harubang: noindex"),
        {"/x.jpg": reply(200, BODY, "x-robots-tag:noai")},
        {"/x.jpg": reply(200, BODY, "X-ROBOTS-TAG: index", "x-Robots-tag: NONE")},
    ],
    "x-robots-tag on a redirect": [
        {"/x.jpg": reply(status, b"", "Location: /y.jpg", f"X-Robots-Tag: {value}")}
        for status in (301, 302, 303, 307, 308)
        for value in ("noai", "index, NoImageAI")
    ],
    "tdmrep file": [
        tdm_file(("/", 1)),
        tdm_file(("/", "1")),
        tdm_file(("*", 1)),
        tdm_file(("/x.jpg", 1)),
        tdm_file(("/*.jpg", 1)),
        tdm_file(("/*.jpg$", 1)),
        tdm_file(("/%78.jpg", 1)),
        tdm_file(("/y", 0), ("/x", 1), ("/", 0)),
        tdm_file(("/x", 2), ("/", 1)),
        tdm_file(("/", 1), **{"tdm-policy": "https://a.kr/policy.json"}),
        {"/.well-known/tdmrep.json": reply(200, b'\xef\xbb\xbf[{"location": "/", "tdm-reservation": 1}]')},
        {"/.well-known/tdmrep.json": reply(200, b'{"location": "/", "tdm-reservation": 1}')},
        {"/.well-known/tdmrep.json": reply(200, b'[{"location": "/", ', "Content-Type: application/json")},
        {"/.well-known/tdmrep.json": reply(200, b'[{"tdm-reservation": 1}]')},
        {"/.well-known/tdmrep.json": redirect("/t"), "/t": reply(200, b'[{"location": "/", "tdm-reservation": 1}]')},
    ],
    "tdmrep header": [
        tdm_header("tdm-reservation: 1"),
        tdm_header("TDM-Reservation: 1"),
        tdm_header("TDM-RESERVATION:1"),
        tdm_header("tdm-reservation:   1  "),
        tdm_header("tdm-reservation: 1", "tdm-policy: https://a.kr/policy.json"),
        tdm_header("tdm-policy: https://a.kr/policy.json", "tdm-reservation: 1"),
        tdm_header("tdm-reservation: 0", "tdm-reservation: 1"),
        tdm_header("tdm-reservation: 1", "tdm-reservation: 0"),
        tdm_header("tdm-reservation: 0, 1"),
        tdm_header("tdm-reservation: yes", "tdm-reservation: 1"),
        {**tdm_file(("/", 0)), **tdm_header("tdm-reservation: 1")},
    ],
    "content-usage header": [
        usage_header(f"{name}: {value}")
        for name, value in (
            ("Content-Usage", "train-ai=n"),
            ("content-usage", "train-ai=n"),
            ("CONTENT-USAGE", "TRAIN-AI=N"),
            ("Content-Usage", "train-ai = n"),
            ("Content-Usage", "search=y, train-ai=n"),
            ("Content-Usage", "train-ai=n, search=y"),
            ("Content-Usage", "search=y,train-ai=n"),
            ("Content-Usage", 'train-ai="n"'),
            ("Content-Usage", "train-ai=n;exceptions=(x)"),
            ("Content-Usage", "train-ai=y, train-ai=n"),
            ("Content-Usage", "train-ai=no"),
            ("Content-Usage", "bots=n"),
            ("Content-Usage", "ai-train=no"),
        )
    ]
    + [usage_header("Content-Usage: search=y", "Content-Usage: train-ai=n")],
    "content-usage in robots.txt": [
        robots(text)
        for text in (
            "User-agent: *\nContent-Usage: train-ai=n\n",
            "User-agent: *\nAllow: /\nContent-Usage: train-ai=n",
            "user-agent:*\ncontent-usage:train-ai=n",
            "User-Agent: Harubang\nContent-Usage: train-ai=n\n",
            "User-agent: a\nUser-agent: harubang\nContent-usage: train-ai=n\n",
            "User-agent: *\nContent-Usage: /x train-ai=n\n",
            "User-agent: *\nContent-Usage: / train-ai=y\nContent-Usage: /x.jpg train-ai=n\n",
            "User-agent: *\nContent-Usage: /*.jpg$ train-ai=n\n",
            "User-agent: *\nContent-Usage: train-ai=y\nContent-Usage: train-ai=n\n",
            "User-agent: *\r\nContent-Usage: search=y, train-ai=n # not for models\r\n",
            "User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n",
            "# \n\n  User-agent : *\n  Content-Usage : train-ai = n\n",
            "Content-Usage: train-ai=n\n",
        )
    ],
    "ai.txt": [
        ai(text)
        for text in (
            "User-Agent: *\nDisallow: /\n",
            "User-Agent: *\nDisallow: *\n",
            "User-Agent: *\nDisallow: *.jpg\n",
            "user-agent: *\ndisallow: *.jpg",
            "User-Agent: *\nDisallow: /*.jpg$\n",
            "User-Agent: *\nAllow: *.txt\nDisallow: *.png\nDisallow: *.jpg\n",
            "User-Agent: harubang\nDisallow: /x\n",
            "# Spawning AI\n# Prevent datasets from using the following file types\n\nUser-Agent: *\nDisallow: *.jpg\n",
            "\ufeffUser-Agent: *\r\nDisallow: *.jpg\r\n",
            "User-Agent: *\nDisallow: /x.jpg\nAllow: /\n",
        )
    ],
}


IN_FILES = {"tdmrep file", "content-usage in robots.txt", "ai.txt"}


@pytest.mark.parametrize(
    ("channel", "number"), [(channel, n) for channel, cases in MATRIX.items() for n in range(len(cases))]
)
def test_opt_out_matrix(channel, number):
    routes = {"/x.jpg": reply(200, BODY)} | MATRIX[channel][number]
    found, server = fetch(routes, *["http://a.kr/x.jpg"] * 3, consent_files=("tdmrep", "ai.txt"))
    assert {f.reason for f in found} == {Reason.OPTED_OUT}, found[0]
    assert [f.body for f in found] == [b""] * 3
    # What the site's files refuse is not asked for at all.
    assert server.requests.count("a.kr/x.jpg") == (0 if channel in IN_FILES else 1)
    assert "a.kr/y.jpg" not in server.requests
    refusals = [consent for consent in found[2].consent if not consent.allowed]
    assert refusals
    assert all(refusal.value for refusal in refusals)
    assert found[2].fetched_at


ALLOWED: dict[str, dict[str, bytes]] = {
    "another agent's tag": tag("otherbot: noindex, noai"),
    "a tag that allows": tag("all", "index, follow"),
    "a preview of none": tag("max-image-preview:none"),
    "a date only": tag("unavailable_after: Friday, 25-Jun-27 15:00:00 UTC"),
    "nofollow": tag("nofollow, noarchive, nosnippet"),
    "a tag of an image's own words": tag("nonesuch"),
    "tdmrep 0": tdm_header("tdm-reservation: 0"),
    "tdmrep neither": tdm_header("tdm-reservation: 2"),
    "tdmrep true": tdm_header("tdm-reservation: true"),
    "tdmrep file of 0": tdm_file(("/", 0)),
    "tdmrep file for elsewhere": tdm_file(("/images/", 1)),
    "the first entry of a tdmrep file": tdm_file(("/x.jpg", 0), ("/", 1)),
    "a page in the place of tdmrep": {"/.well-known/tdmrep.json": reply(200, b"<html>", "Content-Type: text/html")},
    "an empty tdmrep file": {"/.well-known/tdmrep.json": reply(200, b"[]", "Content-Type: application/json")},
    "content-usage of search": usage_header("Content-Usage: search=n"),
    "content-usage y": usage_header("Content-Usage: train-ai=y"),
    "content-usage y against bots": usage_header("Content-Usage: bots=n, train-ai=y"),
    "content-usage without sense": usage_header("Content-Usage: )(,,=;"),
    "content-usage for another path": robots("User-agent: *\nContent-Usage: /y train-ai=n\n"),
    "content-usage for another agent": robots("User-agent: otherbot\nContent-Usage: train-ai=n\n"),
    "content-usage of our own group": robots(
        "User-agent: *\nContent-Usage: train-ai=n\n\nUser-agent: harubang\nContent-Usage: train-ai=y\n"
    ),
    "content-usage of the longer path": robots(
        "User-agent: *\nContent-Usage: /x.jpg train-ai=y\nContent-Usage: / train-ai=n\n"
    ),
    "ai.txt about other files": ai("User-Agent: *\nDisallow: *.png\nDisallow: *.mp3\nAllow: *.jpg\n"),
    "a page in the place of ai.txt": ai("<html><body>Disallow: /</body></html>"),
    "another file named ai.txt": ai("---\nname: Harubang\n---\n# What this site is about\n"),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_refuses_nothing_is_fetched(case):
    routes = {"/x.jpg": reply(200, BODY)} | ALLOWED[case]
    (found,), _ = fetch(routes, "http://a.kr/x.jpg", consent_files=("tdmrep", "ai.txt"))
    assert (found.reason, found.body) == ("", BODY)
    assert all(consent.allowed for consent in found.consent)


def test_ai_txt_refuses_images_whose_type_is_not_in_their_name():
    routes = ai("User-Agent: *\nDisallow: *.png\n") | {"/image?id=3": reply(200, BODY), "/page": reply(200, b"p")}
    files = {"consent_files": ("ai.txt",)}
    assert fetch(routes, "http://a.kr/image?id=3", **files)[0][0].reason == Reason.OPTED_OUT
    assert fetch(routes, "http://a.kr/X.PNG", **files)[0][0].reason == Reason.OPTED_OUT
    assert fetch(routes, "http://a.kr/page", accept=PAGE, **files)[0][0].reason == ""


@pytest.mark.parametrize("path", ["/.well-known/tdmrep.json", "/ai.txt"])
@pytest.mark.parametrize("answer", [reply(500), reply(503), hang_up, silence, redirect("http://10.0.0.1/")])
def test_a_consent_file_that_cannot_be_had_closes_the_site(path, answer):
    routes = {path: answer, "/x.jpg": reply(200, BODY)}
    (found,), server = fetch(routes, "http://a.kr/x.jpg", consent_files=("tdmrep", "ai.txt"), contact="mailto:a@a.kr")
    assert found.reason == Reason.ROBOTS_UNREACHABLE
    assert "a.kr/x.jpg" not in server.requests
    assert not found.consent[-1].allowed


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_consent_file_that_is_not_there_states_nothing(status):
    routes = {"/.well-known/tdmrep.json": reply(status), "/ai.txt": reply(status), "/x.jpg": reply(200, BODY)}
    (found,), _ = fetch(routes, "http://a.kr/x.jpg", consent_files=("tdmrep", "ai.txt"))
    assert found.reason == ""


def test_consent_that_was_given_is_kept_as_evidence():
    head = ["tdm-reservation: 0", "Content-Usage: train-ai=y"]
    (found,), _ = fetch({"/x.jpg": reply(200, BODY, *head)}, "http://a.kr/x.jpg")
    assert found.consent[1:] == (
        Consent("tdmrep-header", "0", allowed=True),
        Consent("content-usage", "train-ai=y", allowed=True),
    )
