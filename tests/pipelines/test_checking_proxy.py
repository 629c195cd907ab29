"""The proxy that a foreign downloader asks through: what it lets pass, and that it lets nothing else pass."""

import asyncio
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest

from pipelines.checking_proxy import CheckingProxy
from pipelines.web_client import WebClient
from schemas.reasons import Reason
from tests.pipelines.hostile_server import IMAGE, Server, network, redirect, reply, self_signed

ROUTES = {
    "a.kr/1.jpg": reply(200, b"one", "X-Frame-Options: deny"),
    "a.kr/to.jpg": redirect("http://b.kr/1.jpg?x=1#y"),
    "b.kr/1.jpg?x=1": reply(200, b"two"),
    "a.kr/noai.jpg": reply(200, b"three", "X-Robots-Tag: otherbot: nofollow", "X-Robots-Tag: noai"),
    "a.kr/inside.jpg": redirect("http://192.168.0.1/1.jpg"),
}
CLIENT = """
import sys, urllib.request
for url in sys.argv[1:]:
    try:
        with urllib.request.urlopen(url, timeout=9) as response:
            print(response.status, response.url.rpartition("/")[2], response.read().decode(), dict(response.headers))
    except OSError as error:
        print(str(error))
"""


def urllib_asks(proxy, *urls):
    """Ask as img2dataset does: urllib in a process of its own with the proxy in its environment."""
    environment = {**os.environ, "http_proxy": proxy, "https_proxy": proxy}
    environment.pop("no_proxy", None)
    ran = subprocess.run(
        [sys.executable, "-c", CLIENT, *urls], env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    return ran.stdout.splitlines()


@asynccontextmanager
async def proxy_of(urls, kind=WebClient, routes=ROUTES, tls=None, **changes):
    """A proxy for ``urls`` that lead to a server of the routes, and that server."""
    async with (
        Server(dict(routes), tls) as server,
        kind(network(server, **changes)) as client,
        CheckingProxy(client, urls, accept=IMAGE, seconds=2.0) as proxy,
    ):
        yield proxy, server


def proxied(urls, ask, **changes):
    """Let ``ask`` use a proxy for ``urls`` in a thread; return what it returns, the proxy and the server."""

    async def run():
        async with proxy_of(urls, **changes) as (proxy, server):
            return await asyncio.to_thread(ask, proxy), proxy, server

    return asyncio.run(run())


def test_a_body_passes_and_nothing_else_of_the_response():
    lines, proxy, server = proxied(["http://a.kr/1.jpg"], lambda proxy: urllib_asks(proxy.address, proxy.stand_in(0)))
    assert lines == ["200 0 one {'Content-Length': '3', 'Connection': 'close'}"]
    assert (proxy.found[0].status, proxy.found[0].reason, proxy.found[0].body) == (200, "", b"")
    assert proxy.found[0].address == "127.0.0.1"
    assert "User-Agent: harubang/0.1\r\n" in server.heads[-1]
    assert "Python-urllib" not in "".join(server.heads)


def test_a_redirect_is_followed_by_the_downloader_and_judged_here_hop_by_hop():
    lines, proxy, server = proxied(["http://a.kr/to.jpg"], lambda proxy: urllib_asks(proxy.address, proxy.stand_in(0)))
    assert [line.split(" {")[0] for line in lines] == ["200 1 two"]
    found = proxy.found[0]
    assert (found.url, found.final_url) == ("http://a.kr/to.jpg", "http://b.kr/1.jpg?x=1")
    assert found.hops == ("http://a.kr/to.jpg", "http://b.kr/1.jpg?x=1")
    assert server.requests == ["a.kr/robots.txt", "a.kr/to.jpg", "b.kr/robots.txt", "b.kr/1.jpg?x=1"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a.kr/noai.jpg", Reason.OPTED_OUT),
        ("http://a.kr/gone.jpg", Reason.HTTP_STATUS),
        ("http://a.kr/inside.jpg", Reason.ADDRESS_REFUSED),
        ("file:///etc/passwd", Reason.URL_REFUSED),
    ],
)
def test_what_may_not_be_had_has_a_reason_and_no_body(url, reason):
    lines, proxy, _ = proxied([url], lambda proxy: urllib_asks(proxy.address, proxy.stand_in(0)))
    assert lines == ["HTTP Error 502: Not had"]
    assert proxy.found[0].reason == reason


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_path_behind_tls_is_judged_too(tmp_path, monkeypatch):
    tls, authority = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    routes = {
        "a.kr/robots.txt": reply(200, b"User-agent: *\nDisallow: /private/\n"),
        "a.kr/1.jpg": reply(200, b"one"),
        "a.kr/2.jpg": redirect("/private/2.jpg"),
        "a.kr/3.jpg": reply(200, b"three", "X-Robots-Tag: noai"),
    }
    lines, proxy, server = proxied(
        [f"https://a.kr/{number}.jpg" for number in (1, 2, 3)],
        lambda proxy: urllib_asks(proxy.address, *(proxy.stand_in(row) for row in range(3))),
        routes=routes,
        tls=tls,
    )
    assert [line[:9] for line in lines] == ["200 0 one", "HTTP Erro", "HTTP Erro"]
    assert [proxy.found[row].reason for row in range(3)] == ["", Reason.ROBOTS_DISALLOWED, Reason.OPTED_OUT]
    assert "a.kr/private/2.jpg" not in server.requests


def test_anything_but_a_stand_in_is_refused_and_asks_nobody():
    def ask(proxy):
        prefix = proxy.stand_in(0)
        return urllib_asks(
            proxy.address,
            "http://a.kr/1.jpg",
            "https://a.kr/1.jpg",
            f"{prefix}/1",
            f"{prefix}/x",
            proxy.stand_in(1),
            proxy.stand_in(-1),
            f"{prefix}0",
            f"{proxy.address}/0",
        )

    lines, proxy, server = proxied(["http://a.kr/1.jpg"], ask)
    assert lines == [
        "HTTP Error 403: Refused",
        "<urlopen error Tunnel connection failed: 403 Refused>",
        *["HTTP Error 403: Refused"] * 6,
    ]
    assert server.requests == []
    assert proxy.found == {}


def test_each_stand_in_is_good_for_one_request():
    lines, _, server = proxied(
        ["http://a.kr/1.jpg"], lambda proxy: urllib_asks(proxy.address, proxy.stand_in(0), proxy.stand_in(0))
    )
    assert [line[:14] for line in lines] == ["200 0 one {'Co", "HTTP Error 403"]
    assert server.requests.count("a.kr/1.jpg") == 1


def test_a_stand_in_without_the_proxy_leads_nowhere():
    def ask(proxy):
        return urllib_asks("", proxy.stand_in(0))

    lines, _, server = proxied(["http://a.kr/1.jpg"], ask)
    assert lines[0].startswith("<urlopen error [Errno -")
    assert server.requests == []


@pytest.mark.parametrize("head", [b"", b"\r\n\r\n", b"GET", b"GET \xff HTTP/1.1\r\n\r\n", b"x" * 100_000])
def test_what_is_no_request_harms_nobody(head):
    async def run():
        async with proxy_of(["http://a.kr/1.jpg"]) as (proxy, server):
            host, port = proxy.address.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head)
            writer.write_eof()
            try:
                answer = await reader.read()
            except ConnectionResetError:
                answer = b""
            writer.close()
            proxy.raise_failure()
            return answer, server.requests

    answer, asked = asyncio.run(run())
    assert answer.partition(b"\r\n")[0] in (b"", b"HTTP/1.1 403 Refused")
    assert asked == []


def test_what_our_own_code_raises_is_not_taken_for_the_network_s_fault():
    class Broken(WebClient):
        async def step(self, visit, *, accept, listen=None):
            raise RuntimeError("broken")

    async def run():
        async with proxy_of(["http://a.kr/1.jpg"], Broken) as (proxy, _):
            proxy.raise_failure()
            assert proxy.idle() >= 0
            await asyncio.to_thread(urllib_asks, proxy.address, proxy.stand_in(0))
            with pytest.raises(RuntimeError, match="broken"):
                proxy.raise_failure()

    asyncio.run(run())
