from __future__ import annotations

import asyncio
import gzip
import hashlib
import random
import resource
import shutil
import socket
import time
import zlib
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from filters.suppression import Suppression
from pipelines.suppression_list import compile_list
from pipelines.web_client import Network, WebClient
from schemas.reasons import Reason
from schemas.records import Consent
from tests.pipelines.hostile_server import IMAGE, PAGE, Server, fetch, network, redirect, reply, self_signed

BODY = b"\xff\xd8\xff" + b"j" * 2000
SLACK = 4  # seconds: what ends these is a deadline, on a busy machine too


def one(answer, *, path="/x.jpg", accept=IMAGE, **changes):
    """The result of one request to a host whose only resource gives ``answer``."""
    found, server = fetch({path: answer}, f"http://a.kr{path}", accept=accept, **changes)
    return found[0], server


# What works.


def test_an_image_comes_with_its_evidence():
    robots = b"User-agent: *\nDisallow: /private/\n"
    routes = {"/robots.txt": reply(200, robots), "/x.jpg": reply(200, BODY, "Content-Type: image/jpeg")}
    (found,), server = fetch(routes, "HTTP://A.KR:80/x.jpg#top", contact="mailto:crawl@a.kr")
    assert (found.status, found.body, found.reason) == (200, BODY, "")
    assert (found.url, found.final_url) == ("HTTP://A.KR:80/x.jpg#top", "http://a.kr/x.jpg")
    assert found.address == "127.0.0.1"
    assert found.hops == ("http://a.kr/x.jpg",)
    digest = hashlib.sha256(robots).hexdigest()
    assert found.consent == (Consent("robots.txt", f"allow sha256:{digest}", allowed=True),)
    assert abs(datetime.fromisoformat(found.fetched_at) - datetime.now(UTC)) < timedelta(minutes=1)
    assert server.requests == ["a.kr/robots.txt", "a.kr/x.jpg"]
    assert "User-Agent: harubang/0.1 (+mailto:crawl@a.kr)" in server.heads[1]
    assert "Accept-Encoding: identity" in server.heads[1]
    assert "Cookie" not in server.heads[1]


def test_a_page_may_be_gzipped_and_the_robots_file_is_asked_for_once():
    page = "<p>돌하르방</p>".encode()
    routes = {"/a": reply(200, gzip.compress(page), "Content-Encoding: gzip"), "/b": reply(200, page)}
    found, server = fetch(routes, "http://a.kr/a", "http://a.kr/b", accept=PAGE)
    assert [f.body for f in found] == [page, page]
    assert server.requests.count("a.kr/robots.txt") == 1
    assert "Accept-Encoding: gzip, deflate" in server.heads[1]


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY, mtime=0)),
        ("gzip", gzip.compress(BODY[:900], mtime=0) + gzip.compress(BODY[900:], mtime=0)),
        ("gzip", gzip.compress(BODY, mtime=0) + b"\x00" * 64),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-15)),
        ("identity", BODY),
    ],
)
def test_content_codings(coding, sent):
    found, _ = one(reply(200, sent, f"Content-Encoding: {coding}"))
    assert (found.reason, found.body) == ("", BODY)


def test_redirects_are_followed_hop_by_hop_and_each_hop_is_named():
    routes = {
        "a.kr/1": redirect("//b.kr/2", 301),
        "b.kr/2": redirect("../3?돌", 308),
        "b.kr/3?%EB%8F%8C": reply(200, BODY),
    }
    (found,), server = fetch(routes, "http://a.kr/1")
    assert found.body == BODY
    assert found.hops == ("http://a.kr/1", "http://b.kr/2", "http://b.kr/3?%EB%8F%8C")
    assert found.final_url == found.hops[-1]
    assert "b.kr/robots.txt" in server.requests


def test_five_redirects_are_followed_and_six_are_too_many():
    routes = {f"/{n}": redirect(f"/{n + 1}") for n in range(6)} | {"/6": reply(200, BODY)}
    assert fetch(routes, "http://a.kr/1")[0][0].body == BODY
    assert fetch(routes, "http://a.kr/0")[0][0].reason == Reason.TOO_MANY_REDIRECTS


def test_a_location_in_raw_euc_kr_is_sent_as_it_is():
    routes = {"/x.jpg": redirect("/돌.jpg".encode("euc-kr").decode("ascii", "surrogateescape"))}
    _, server = fetch(routes, "http://a.kr/x.jpg")
    assert server.requests[-1] == "a.kr/%B5%B9.jpg"


def test_robots_of_a_redirect_target_hold():
    routes = {
        "a.kr/x.jpg": redirect("http://b.kr/y.jpg"),
        "b.kr/robots.txt": reply(200, b"User-agent: harubang\nDisallow: /"),
        "b.kr/y.jpg": reply(200, BODY),
    }
    (found,), server = fetch(routes, "http://a.kr/x.jpg")
    assert (found.reason, found.final_url) == (Reason.ROBOTS_DISALLOWED, "http://b.kr/y.jpg")
    assert "b.kr/y.jpg" not in server.requests
    assert not found.consent[-1].allowed


# Hostile servers: every case ends in its reason, within its deadline.


async def silence(writer):
    await asyncio.sleep(60)


async def reset(writer):
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


async def hang_up(writer):
    pass


def drip(head: bytes, piece: bytes = b"x", pause: float = 0.05):
    async def write(writer):
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return write


def flood(head: bytes, piece: bytes):
    async def write(writer):
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return write


def then_close(data: bytes):
    async def write(writer):
        writer.write(data)
        await writer.drain()

    return write


def then_silence(data: bytes):
    async def write(writer):
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(60)

    return write


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"
BOMB = gzip.compress(b"\x00" * (1 << 20))
CAP = 64 * 1024

HOSTILE = {
    "reset before the answer": (reset, Reason.CONNECTION_FAILED),
    "closed before the answer": (hang_up, Reason.CONNECTION_FAILED),
    "no answer": (silence, Reason.TIMED_OUT),
    "half a status line, then nothing": (then_silence(b"HTTP/1.1 20"), Reason.TIMED_OUT),
    "half a status line, then closed": (then_close(b"HTTP/1.1 20"), Reason.CONNECTION_FAILED),
    "head by single bytes": (drip(b"HTTP/1.1 200 OK\r\nX: "), Reason.TIMED_OUT),
    "body by single bytes": (drip(UNTIL_CLOSE), Reason.TIMED_OUT),
    "chunks by single bytes": (drip(CHUNKED, b"1\r\nx\r\n"), Reason.TIMED_OUT),
    "body stalls": (then_silence(UNTIL_CLOSE + b"x" * 9000), Reason.TIMED_OUT),
    "endless body": (flood(UNTIL_CLOSE, b"x" * 9000), Reason.BODY_TOO_LARGE),
    "endless chunks": (flood(CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n"), Reason.BODY_TOO_LARGE),
    "endless tiny chunks": (flood(CHUNKED, b"1\r\nx\r\n" * 500), Reason.BODY_TOO_LARGE),
    "endless chunk extension": (flood(CHUNKED + b"1;", b"x" * 9000), Reason.TIMED_OUT),
    "endless chunk size": (flood(CHUNKED, b"f" * 9000), Reason.BODY_INVALID),
    "endless trailers": (flood(CHUNKED + b"0\r\n", b"A: b\r\n" * 500), Reason.BODY_TOO_LARGE),
    "a chunk size that is no number": (then_close(CHUNKED + b"zz\r\nxx\r\n0\r\n\r\n"), Reason.BODY_INVALID),
    "a negative chunk size": (then_close(CHUNKED + b"-5\r\nxx\r\n0\r\n\r\n"), Reason.BODY_INVALID),
    "chunks cut short": (then_close(CHUNKED + b"ff\r\nxx"), Reason.BODY_INVALID),
    "a Content-Length above the cap": (
        then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
        Reason.BODY_TOO_LARGE,
    ),
    "a body shorter than its Content-Length": (
        then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nxx"),
        Reason.BODY_INVALID,
    ),
    "a negative Content-Length": (reply(200, b"xx", "Content-Length: -2", length=False), Reason.BODY_INVALID),
    "a Content-Length in words": (reply(200, b"xx", "Content-Length: two", length=False), Reason.BODY_INVALID),
    "two Content-Lengths": (
        reply(200, b"xx", "Content-Length: 2", "Content-Length: 9", length=False),
        Reason.BODY_INVALID,
    ),
    "Content-Length and chunks": (
        then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n"),
        Reason.BODY_INVALID,
    ),
    "endless headers": (flood(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 500), Reason.BODY_TOO_LARGE),
    "an endless header line": (flood(b"HTTP/1.1 200 OK\r\nA: ", b"b" * 9000), Reason.BODY_TOO_LARGE),
    "an endless header name": (flood(b"HTTP/1.1 200 OK\r\n", b"b" * 9000), Reason.BODY_TOO_LARGE),
    "an endless status line": (flood(b"HTTP/1.1 200 ", b"b" * 9000), Reason.BODY_TOO_LARGE),
    "100 KB of headers in 20 lines": (
        reply(200, b"", *(f"A{n}: {'b' * 5000}" for n in range(20))),
        Reason.BODY_TOO_LARGE,
    ),
    "a NUL in a header": (reply(200, b"", "A: b\x00c"), Reason.BODY_INVALID),
    "a header with no colon": (reply(200, b"", "what"), Reason.BODY_INVALID),
    "HTTP/0.9": (then_close(b"<html>hello</html>"), Reason.BODY_INVALID),
    "another protocol": (then_close(b"SSH-2.0-OpenSSH_9.6\r\n"), Reason.BODY_INVALID),
    "TLS on the plain port": (then_close(b"\x15\x03\x01\x00\x02\x02\x46"), Reason.BODY_INVALID),
    "a status that is no number": (then_close(b"HTTP/1.1 OK OK\r\n\r\n"), Reason.BODY_INVALID),
    "endless 100 Continue": (flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), Reason.TIMED_OUT),
    "101 Switching Protocols": (
        then_silence(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"),
        Reason.HTTP_STATUS,
    ),
    "204": (reply(204, length=False), Reason.HTTP_STATUS),
    "206 unasked": (reply(206, b"xx", "Content-Range: bytes 0-1/9"), Reason.HTTP_STATUS),
    "304 unasked": (reply(304, length=False), Reason.HTTP_STATUS),
    "300 with a Location": (redirect("/y", 300), Reason.HTTP_STATUS),
    "404 with an endless body": (flood(b"HTTP/1.1 404 X\r\n\r\n", b"x" * 9000), Reason.HTTP_STATUS),
    "500 with a body that stalls": (then_silence(b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\nx"), Reason.HTTP_STATUS),
    "a gzip bomb": (reply(200, BOMB, "Content-Encoding: gzip"), Reason.BODY_TOO_LARGE),
    "a gzip bomb in many members": (
        reply(200, gzip.compress(b"\x00" * 8000) * 20, "Content-Encoding: gzip"),
        Reason.BODY_TOO_LARGE,
    ),
    "a deflate bomb": (
        reply(200, zlib.compress(b"\x00" * (1 << 20)), "Content-Encoding: deflate"),
        Reason.BODY_TOO_LARGE,
    ),
    "a bare deflate bomb": (
        reply(200, zlib.compress(b"\x00" * (1 << 20), wbits=-15), "Content-Encoding: deflate"),
        Reason.BODY_TOO_LARGE,
    ),
    "gzip in gzip": (reply(200, gzip.compress(BOMB), "Content-Encoding: gzip, gzip"), Reason.BODY_INVALID),
    "gzip in gzip on two lines": (
        reply(200, gzip.compress(BOMB), "Content-Encoding: gzip", "Content-Encoding: gzip"),
        Reason.BODY_INVALID,
    ),
    "brotli unasked": (reply(200, b"\x0b\x02\x80", "Content-Encoding: br"), Reason.BODY_INVALID),
    "zstandard unasked": (reply(200, b"\x28\xb5\x2f\xfd", "Content-Encoding: zstd"), Reason.BODY_INVALID),
    "gzip cut short": (reply(200, gzip.compress(BODY)[:-9], "Content-Encoding: gzip"), Reason.BODY_INVALID),
    "gzip that is none": (reply(200, BODY, "Content-Encoding: gzip"), Reason.BODY_INVALID),
    "a redirect to itself": (redirect("/x.jpg"), Reason.TOO_MANY_REDIRECTS),
    "a redirect to an empty Location": (redirect(""), Reason.TOO_MANY_REDIRECTS),
    "a redirect to nowhere": (reply(302), Reason.REDIRECT_REFUSED),
    "a redirect to file": (redirect("file:///etc/passwd"), Reason.REDIRECT_REFUSED),
    "a redirect to data": (redirect("data:image/gif;base64,R0lGOD"), Reason.REDIRECT_REFUSED),
    "a redirect to gopher": (redirect("gopher://a.kr:70/x"), Reason.REDIRECT_REFUSED),
    "a redirect with user information": (redirect("http://b.kr@127.0.0.1/"), Reason.REDIRECT_REFUSED),
    "a redirect to a number": (redirect("http://2852039166/"), Reason.REDIRECT_REFUSED),
    "a redirect to an octal address": (redirect("http://0251.0376.0251.0376/"), Reason.REDIRECT_REFUSED),
    "a redirect to a short address": (redirect("http://127.1/"), Reason.REDIRECT_REFUSED),
    "a redirect to a hexadecimal address": (redirect("http://0x7f.0.0.1/"), Reason.REDIRECT_REFUSED),
    "a redirect to cloud metadata": (redirect("http://169.254.169.254/latest/"), Reason.ADDRESS_REFUSED),
    "a redirect to cloud metadata in IPv6": (redirect("http://[fd00:ec2::254]/"), Reason.ADDRESS_REFUSED),
    "a redirect to mapped metadata": (redirect("http://[::ffff:169.254.169.254]/"), Reason.ADDRESS_REFUSED),
    "a redirect to mapped loopback": (redirect("http://[::ffff:127.0.0.1]/"), Reason.ADDRESS_REFUSED),
    "a redirect to NAT64 loopback": (redirect("http://[64:ff9b::7f00:1]/"), Reason.ADDRESS_REFUSED),
    "a redirect to a private address": (redirect("http://192.168.0.1/"), Reason.ADDRESS_REFUSED),
    "a redirect to full-width digits": (redirect("http://１６９.２５４.１６９.２５４/"), Reason.ADDRESS_REFUSED),
    "a redirect to a resident number": (redirect("/900101-1234567.jpg"), Reason.REDIRECT_REFUSED),
    "a redirect to this network": (redirect("http://0.0.0.0/"), Reason.ADDRESS_REFUSED),
    "a redirect with a header break": (redirect("/y\r\nX-Robots-Tag:noai"), Reason.OPTED_OUT),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_servers(case):
    answer, reason = HOSTILE[case]
    start = time.monotonic()
    found, server = one(answer, max_body_bytes=CAP, contact="mailto:crawl@a.kr")
    assert found.reason == reason, found
    assert time.monotonic() - start < 1.0 + SLACK
    assert found.body == b""
    assert server.requests.count("a.kr/x.jpg") == 1
    assert not [request for request in server.requests if not request.startswith("a.kr/")]


def test_a_body_below_the_least_rate_is_given_up_before_the_deadline():
    start = time.monotonic()
    found, _ = one(drip(UNTIL_CLOSE, b"x" * 10), total_seconds=20.0)
    assert found.reason == Reason.TIMED_OUT
    assert found.detail.endswith("bytes in 0.3 s")
    assert time.monotonic() - start < 10
    steady = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n\r\n", b"x" * 1000)
    assert len(one(steady, total_seconds=20.0)[0].body) == 8000


def test_memory_stays_flat_under_bombs():
    cases = [BOMB * 40, gzip.compress(b"\x00" * (40 << 20), 9)]
    routes = {f"/{n}": reply(200, sent, "Content-Encoding: gzip") for n, sent in enumerate(cases)}
    routes["/2"] = flood(UNTIL_CLOSE, b"x" * 65536)
    routes["/3"] = flood(b"HTTP/1.1 200 OK\r\nA: ", b"b" * 65536)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found, _ = fetch(routes, *(f"http://a.kr/{n}" for n in range(4)), total_seconds=10.0)
    assert [f.reason for f in found] == [Reason.BODY_TOO_LARGE] * 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_a_body_longer_than_its_content_length_does_not_leak_into_the_next_answer():
    sneaky = reply(200, b"ab", "Content-Length: 2", length=False) + reply(200, b"poison")
    found, _ = fetch({"/x": sneaky, "/y": reply(200, b"clean")}, "http://a.kr/x", "http://a.kr/y")
    assert [f.body for f in found] == [b"ab", b"clean"]


def test_cookies_are_not_kept():
    _, server = fetch({"/x": reply(200, b"", "Set-Cookie: a=b; Path=/")}, "http://a.kr/x", "http://a.kr/x")
    assert "cookie" not in server.heads[-1].lower()


def test_proxies_of_the_environment_are_ignored(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert one(reply(200, BODY))[0].body == BODY


# Addresses.


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://user:pass@a.kr/x", Reason.URL_REFUSED),
        ("http://2130706433/", Reason.URL_REFUSED),
        ("http://0177.1/", Reason.URL_REFUSED),
        ("http://127.1/", Reason.URL_REFUSED),
        ("http://0x7f.1/", Reason.URL_REFUSED),
        ("http://0x7f000001/", Reason.URL_REFUSED),
        ("file:///etc/passwd", Reason.URL_REFUSED),
        ("data:,x", Reason.URL_REFUSED),
        ("/x.jpg", Reason.URL_REFUSED),
        ("", Reason.URL_REFUSED),
        ("http://[::ffff:127.0.0.1]/", Reason.ADDRESS_REFUSED),
        ("http://10.0.0.1/", Reason.ADDRESS_REFUSED),
        ("http://100.100.100.200/", Reason.ADDRESS_REFUSED),
        ("http://168.63.129.16/", Reason.ADDRESS_REFUSED),
        ("http://[fe80::1]/", Reason.ADDRESS_REFUSED),
        ("http://nowhere.invalid/", Reason.HOST_UNRESOLVED),  # RFC 2606: never registered
    ],
)
def test_urls_and_addresses_that_are_not_dialled(url, reason):
    async def run():
        async with WebClient(network(contact="mailto:crawl@a.kr", total_seconds=5.0)) as client:
            return await client.get(url, accept=IMAGE)

    found = asyncio.run(run())
    assert (found.reason, found.status, found.hops) == (reason, None, ())


def test_loopback_needs_leave_even_where_a_name_is_mapped_to_it():
    (found,), server = fetch({"/x": reply(200, BODY)}, "http://a.kr/x", allow_loopback=False, contact="mailto:a@a.kr")
    assert found.reason == Reason.ADDRESS_REFUSED
    assert server.requests == []


def test_without_a_contact_nothing_but_loopback_is_dialled():
    with pytest.raises(ValueError, match=r"network\.contact"):
        WebClient(Network())
    (found,), _ = fetch({"/x": redirect("http://93.184.215.14/")}, "http://a.kr/x")
    assert found.reason == Reason.ADDRESS_REFUSED
    assert "network.contact is not set" in found.detail


def test_a_name_that_changes_its_address_is_refused_when_it_is_dialled(monkeypatch):
    answers = iter(["127.0.0.1", "169.254.169.254"])

    def rebinding(host, port, *args, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    async def run():
        async with Server({"/a.jpg": reply(200, BODY, "Connection: close")}) as server:
            monkeypatch.setattr("socket.getaddrinfo", rebinding)
            url = f"http://evil.kr:{server.port}"
            async with WebClient(network(contact="mailto:a@a.kr", connect_to={})) as client:
                first = await client.get(f"{url}/a.jpg", accept=IMAGE)
                second = await client.get(f"http://evil.kr:{server.port + 1}/a.jpg", accept=IMAGE)
            return first, second

    first, second = asyncio.run(run())
    assert first.body == BODY
    assert (second.reason, second.address) == (Reason.ADDRESS_REFUSED, "")


def test_one_refused_address_refuses_a_name_with_several(monkeypatch):
    infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("127.0.0.1", "10.0.0.1")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: infos)

    async def run():
        async with WebClient(network()) as client:
            return await client.get("http://mixed.kr/", accept=IMAGE)

    assert asyncio.run(run()).reason == Reason.ADDRESS_REFUSED


# TLS.


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_certificates_are_verified(tmp_path, monkeypatch):
    context, authority = self_signed(tmp_path)
    routes = {"/x": reply(200, BODY)}
    (refused,), _ = fetch(routes, "https://a.kr/x", tls=context)
    assert refused.reason == Reason.ROBOTS_UNREACHABLE
    assert "CERTIFICATE_VERIFY_FAILED" in refused.detail
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    found, server = fetch(routes, "https://a.kr/x", "https://b.kr/x", tls=context)
    assert found[0].body == BODY
    assert found[1].reason == Reason.ROBOTS_UNREACHABLE  # a certificate for another name
    assert "b.kr/x" not in server.requests


def test_a_redirect_to_a_host_with_a_bad_certificate_or_none_ends_typed(tmp_path):
    (found,), _ = fetch({"/x": redirect("https://a.kr/y")}, "http://a.kr/x")
    assert found.reason == Reason.ROBOTS_UNREACHABLE


def test_a_tls_handshake_that_stalls_is_given_up():
    start = time.monotonic()
    (found,), server = fetch({}, "https://a.kr/x")  # a plain server, waiting for the end of a request's head
    assert found.reason == Reason.ROBOTS_UNREACHABLE
    assert server.requests == []
    assert time.monotonic() - start < 1.0 + SLACK


# Pace.


def test_starts_at_one_host_are_spaced_and_hosts_do_not_wait_for_each_other():
    async def run():
        routes = {f"/{n}": reply(200, b"x") for n in range(4)}
        async with Server(routes) as server, WebClient(network(server, delay_seconds=0.2)) as client:
            urls = [f"http://{host}.kr/{n}" for host in "abcdefgh" for n in range(3)]
            start = time.monotonic()
            found = await asyncio.gather(*(client.get(url, accept=IMAGE) for url in urls))
            return found, server, time.monotonic() - start

    found, server, seconds = asyncio.run(run())
    assert {f.reason for f in found} == {""}
    by_host: dict[str, list[float]] = {}
    for request, at in zip(server.requests, server.times, strict=True):
        by_host.setdefault(request[0], []).append(at)
    for times in by_host.values():
        assert len(times) == 4
        assert min(b - a for a, b in pairwise(times)) > 0.15  # as the server sees it, on a busy machine
    assert seconds < 3  # eight hosts, 0.6 s each


def test_requests_at_one_host_are_limited():
    running, most = 0, 0

    async def slow(writer):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        writer.write(reply(200, b"x"))

    async def run(**changes):
        async with Server({f"/{n}": slow for n in range(6)}) as server, WebClient(network(server, **changes)) as client:
            await asyncio.gather(*(client.get(f"http://a.kr/{n}", accept=IMAGE) for n in range(6)))

    asyncio.run(run(connections_per_host=3))
    assert most == 3
    most = 0
    asyncio.run(run(connections_per_host=3, connections=1))
    assert most == 1


def test_a_crawl_delay_is_kept():
    routes = {"/robots.txt": reply(200, b"User-agent: *\nCrawl-delay: 0.3"), "/x": reply(200, b"x")}
    _, server = fetch(routes, "http://a.kr/x", "http://a.kr/x")
    first, second, third = server.times
    assert second - first > 0.2  # between answers; a busy machine hears one late
    assert third - second > 0.29


def test_a_crawl_delay_that_is_too_long_sets_the_host_aside():
    routes = {"/robots.txt": reply(200, b"User-agent: *\nCrawl-delay: 31"), "/x": reply(200, b"x")}
    (found, other), server = fetch(routes, "http://a.kr/x", "http://a.kr/y")
    assert found.reason == other.reason == Reason.HOST_SET_ASIDE
    assert found.detail == "Crawl-delay 31 s is above 30 s"
    assert server.requests == ["a.kr/robots.txt"]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_the_least_wait(status):
    routes = {"/x": [reply(status, b"", "Retry-After: 1"), reply(200, BODY)]}
    (found,), server = fetch(routes, "http://a.kr/x", max_tries=2)
    assert found.body == BODY
    assert server.times[2] - server.times[1] > 0.95


def test_retry_after_as_a_date():
    def ahead(seconds):
        return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    routes = {"/x": [reply(503, b"", f"Retry-After: {ahead(2)}"), reply(200, BODY)]}
    (found,), server = fetch(routes, "http://a.kr/x", max_tries=2)
    assert found.body == BODY
    assert server.times[2] - server.times[1] > 0.9
    (found, other), server = fetch(
        {"/x": reply(503, b"", f"Retry-After: {ahead(3600)}")}, "http://a.kr/x", "http://a.kr/y", max_tries=2
    )
    assert (found.reason, found.status) == (Reason.HTTP_STATUS, 503)
    assert other.reason == Reason.HOST_SET_ASIDE
    assert server.requests == ["a.kr/robots.txt", "a.kr/x"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(hang_up, Reason.CONNECTION_FAILED), (reset, Reason.CONNECTION_FAILED), (reply(500), Reason.HTTP_STATUS)],
)
def test_a_failure_is_tried_again_and_then_ends(bad, reason):
    routes = {"/x": [bad, bad, reply(200, BODY, "Connection: close")], "/y": bad}
    (good, ended), server = fetch(routes, "http://a.kr/x", "http://a.kr/y", max_tries=3)
    assert good.body == BODY
    assert ended.reason == reason
    assert server.requests.count("a.kr/x") == server.requests.count("a.kr/y") == 3


def test_a_refusal_is_not_tried_again():
    for answer in (reply(404), reply(403), redirect("ftp://a.kr/"), reply(200, b"", "X-Robots-Tag: noai")):
        _, server = one(answer, max_tries=3)
        assert server.requests.count("a.kr/x.jpg") == 1


def test_back_off_doubles():
    _, server = fetch({"/x": reply(500)}, "http://a.kr/x", max_tries=4, backoff_seconds=0.1)
    gaps = [b - a for a, b in pairwise(server.times[1:])]
    assert len(gaps) == 3
    assert gaps[0] > 0.09
    assert gaps[1] > 0.19
    assert gaps[2] > 0.39


def test_a_host_that_keeps_failing_is_set_aside_and_a_success_forgives():
    failing = {"/x": hang_up, "/ok": reply(200, BODY)}
    urls = ["http://a.kr/x", "http://a.kr/x", "http://a.kr/ok", "http://a.kr/x", "http://a.kr/x", "http://a.kr/x"]
    found, server = fetch(failing, *urls, "http://a.kr/ok", "http://b.kr/ok", host_failures=3)
    assert [f.reason for f in found] == [
        Reason.CONNECTION_FAILED,
        Reason.CONNECTION_FAILED,
        "",
        Reason.CONNECTION_FAILED,
        Reason.CONNECTION_FAILED,
        Reason.CONNECTION_FAILED,
        Reason.HOST_SET_ASIDE,
        "",
    ]
    assert found[6].detail == "3 failures in a row"
    assert server.requests.count("a.kr/ok") == 1


def test_a_kept_alive_connection_that_the_server_closed_is_opened_anew():
    routes = {"/robots.txt": reply(404), "/x": then_close(reply(200, BODY))}
    found, server = fetch(routes, "http://a.kr/x", "http://a.kr/x", "http://a.kr/x")
    assert [f.body for f in found] == [BODY] * 3
    assert server.requests.count("a.kr/x") == 3


def test_the_deadline_spans_redirects():
    routes = {f"/{n}": _slow_redirect(n) for n in range(8)}
    start = time.monotonic()
    (found,), _ = fetch(routes, "http://a.kr/0", max_redirects=8, total_seconds=0.6)
    assert found.reason == Reason.TIMED_OUT
    assert time.monotonic() - start < 0.6 + SLACK


def _slow_redirect(n):
    async def write(writer):
        await asyncio.sleep(0.2)
        writer.write(redirect(f"/{n + 1}"))

    return write


def test_cancellation_propagates_and_gives_the_turn_back():
    async def run():
        async with (
            Server({"/x": silence, "/y": reply(200, BODY)}) as server,
            WebClient(network(server, connections=1, connections_per_host=1)) as client,
        ):
            await client.get("http://a.kr/y", accept=IMAGE)
            task = asyncio.create_task(client.get("http://a.kr/x", accept=IMAGE))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await client.get("http://a.kr/y", accept=IMAGE)

    assert asyncio.run(run()).body == BODY


def test_many_hosts_with_dead_ones_among_them_do_not_stall():
    async def run():
        routes = {f"h{n}.kr/x": silence if n % 20 == 0 else reply(200, b"x") for n in range(200)}
        async with Server(routes) as server, WebClient(network(server, rate_seconds=4, total_seconds=4)) as client:
            urls = [f"http://h{n}.kr/x" for n in range(200)]
            random.Random(1).shuffle(urls)
            return await asyncio.gather(*(client.get(url, accept=IMAGE) for url in urls))

    start = time.monotonic()
    found = asyncio.run(run())
    reasons = [f.reason for f in found]
    assert (reasons.count(""), reasons.count(Reason.TIMED_OUT)) == (190, 10)
    assert time.monotonic() - start < 20  # the ten one after another would take 40 s


def test_an_opted_out_url_is_not_asked_for_again_by_any_of_its_names():
    routes = {"/a": redirect("/b"), "/b": reply(200, BODY, "X-Robots-Tag: noai")}
    found, server = fetch(routes, "http://a.kr/a", "http://a.kr/b", "http://a.kr/a", "http://a.kr/b")
    assert {f.reason for f in found} == {Reason.OPTED_OUT}
    assert Consent("x-robots-tag", "noai", allowed=False) in found[3].consent
    assert server.requests == ["a.kr/robots.txt", "a.kr/a", "a.kr/b"]


@pytest.mark.parametrize(
    "answer",
    [
        then_close(b"HTTP/1.1 200 OK\r\nX-Robots-Tag: noai\r\nContent-Length: 900\r\n\r\nxx"),
        then_silence(b"HTTP/1.1 200 OK\r\nX-Robots-Tag: noai\r\nContent-Length: 900\r\n\r\nxx"),
        flood(b"HTTP/1.1 200 OK\r\nX-Robots-Tag: noai\r\n\r\n", b"x" * 9000),
        reply(200, b"x", "X-Robots-Tag: noai", "Content-Encoding: gzip"),
    ],
)
def test_an_opt_out_is_heard_before_the_body_fails(answer):
    start = time.monotonic()
    found, server = fetch({"/x": answer}, "http://a.kr/x", "http://a.kr/x", max_tries=3)
    assert [f.reason for f in found] == [Reason.OPTED_OUT] * 2
    assert found[0].status == 200
    assert server.requests.count("a.kr/x") == 1
    assert time.monotonic() - start < 1


def test_a_redirect_to_what_opted_out_is_remembered_too():
    routes = {"/a": redirect("/c"), "/b": redirect("/c"), "/c": reply(200, BODY, "X-Robots-Tag: noai")}
    found, server = fetch(routes, *(f"http://a.kr/{path}" for path in "cabab"))
    assert {f.reason for f in found} == {Reason.OPTED_OUT}
    assert found[1].hops == ("http://a.kr/a",)
    assert server.requests == ["a.kr/robots.txt", "a.kr/c", "a.kr/a", "a.kr/b"]


def test_evidence_of_every_hop_is_kept_once():
    routes = {
        "a.kr/1": redirect("/2"),
        "a.kr/2": redirect("http://b.kr/3"),
        "b.kr/robots.txt": reply(200, b""),
        "b.kr/3": reply(200, BODY, "tdm-reservation: 0"),
    }
    (found,), _ = fetch(routes, "http://a.kr/1")
    assert [consent.value[:9] for consent in found.consent] == ["HTTP 404", "allow sha", "0"]


# Opt-out lists


def listed(folder, **suppression):
    return compile_list(Suppression(**suppression), str(folder), key="network.opt_out", radius=6).load()


def test_what_a_list_names_is_not_asked_for_and_its_host_not_even_for_its_files(tmp_path):
    routes = {"/x.jpg": reply(200, BODY), "/y.jpg": reply(200, BODY)}
    opt_outs = listed(tmp_path, urls=("https://a.kr/x.jpg",), hosts=("b.kr",))
    urls = ("http://a.kr/x.jpg", "http://img.b.kr/y.jpg", "http://a.kr/y.jpg")
    found, server = fetch(routes, *urls, opt_outs=opt_outs)
    assert [f.reason for f in found] == [Reason.OPT_OUT_LISTED, Reason.OPT_OUT_LISTED, ""]
    evidence = "url a.kr/x.jpg (network.opt_out.urls:1)"
    assert (found[0].detail, found[0].consent) == (evidence, (Consent("opt-out list", evidence, allowed=False),))
    assert (found[0].status, found[0].hops) == (None, ())
    assert found[0].fetched_at
    assert server.requests == ["a.kr/robots.txt", "a.kr/y.jpg"]


def test_a_redirect_to_what_a_list_names_is_not_followed(tmp_path):
    routes = {"a.kr/x.jpg": redirect("http://img.b.kr/y.jpg"), "b.kr/y.jpg": reply(200, BODY)}
    found, server = fetch(routes, *["http://a.kr/x.jpg"] * 2, opt_outs=listed(tmp_path, hosts=("b.kr",)))
    assert {f.reason for f in found} == {Reason.OPT_OUT_LISTED}
    assert server.requests == ["a.kr/robots.txt", "a.kr/x.jpg"]


def test_a_robots_file_that_moved_to_a_listed_host_is_unreachable(tmp_path):
    routes = {"a.kr/robots.txt": redirect("http://b.kr/robots.txt"), "/x.jpg": reply(200, BODY)}
    (found,), server = fetch(routes, "http://a.kr/x.jpg", opt_outs=listed(tmp_path, hosts=("b.kr",)))
    assert found.reason == Reason.ROBOTS_UNREACHABLE
    assert server.requests == ["a.kr/robots.txt"]
