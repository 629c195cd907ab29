import asyncio
import http.client
import socket

import aiohttp
import pytest

from pipelines.embedded_web.server import Server
from pipelines.embedded_web.web import Resource, Web, text

HOST = "a.harubang.test"


def small_web():
    def page(path, resource):
        return {f"http://{HOST}{path}": resource}

    return Web(
        page("/", text("<p>하나</p>", "text/html; charset=utf-8"))
        | {"http://b.harubang.test/": text("<p>둘</p>", "text/html; charset=utf-8")}
        | page("/moved", text("", status=302, headers=(("Location", "/"),)))
        | page("/view?id=1&w=2", text("셋"))
        | page("/stall", text("", manner="stall"))
        | page("/drip", text("", manner="drip"))
        | page("/hangup", text("", manner="hangup"))
        | page("/short", text("짧다", manner="short"))
        | page("/endless", text("", manner="endless"))
        | page("/photo.jpg", Resource("image/jpeg", lambda: b"\xff\xd8\xff")),
        (f"http://{HOST}/photo.jpg",),
        {},
    )


def with_server(check):
    """Run ``check(port)`` in a thread while the server runs in this one's event loop."""

    async def run():
        server = Server(small_web())
        port = await server.start(0)
        try:
            return await asyncio.to_thread(check, port)
        finally:
            await server.stop()

    return asyncio.run(run())


def get(port, path, host=HOST, timeout=5):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def test_hosts_are_told_apart():
    def check(port):
        assert get(port, "/")[2].decode() == "<p>하나</p>"
        assert get(port, "/", "b.harubang.test")[2].decode() == "<p>둘</p>"
        assert get(port, "/", f"{HOST}:80")[0] == 200
        assert get(port, "/", "c.harubang.test")[0] == 404
        assert get(port, "/none")[0] == 404
        assert get(port, "/view?id=1&w=2")[2].decode() == "셋"

    with_server(check)


def test_status_headers_and_type():
    def check(port):
        status, headers, body = get(port, "/moved")
        assert (status, headers["Location"], body) == (302, "/", b"")
        assert get(port, "/photo.jpg")[1]["Content-Type"] == "image/jpeg"

    with_server(check)


def test_a_connection_is_kept():
    def check(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        for _ in range(3):
            connection.request("GET", "/", headers={"Host": HOST})
            response = connection.getresponse()
            response.read()
            first = connection.sock
            assert first is not None
            assert response.status == 200
        connection.close()

    with_server(check)


@pytest.mark.parametrize("path", ["/stall", "/drip"])
def test_waiting_in_vain(path):
    def check(port):
        with pytest.raises(TimeoutError):
            get(port, path, timeout=0.3)

    with_server(check)


def test_closed_before_a_byte():
    def check(port):
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            get(port, "/hangup")

    with_server(check)


def test_less_than_was_promised():
    def check(port):
        with pytest.raises(http.client.IncompleteRead) as caught:
            get(port, "/short")
        assert caught.value.partial.decode() == "짧다"
        assert caught.value.expected == 1000

    with_server(check)


def test_a_body_without_end():
    def check(port):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(f"GET /endless HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            received = 0
            while received < 4 * 2**20:
                chunk = client.recv(1 << 16)
                assert chunk
                received += len(chunk)

    with_server(check)


def test_many_requests_at_once():
    async def run():
        server = Server(small_web())
        port = await server.start(0)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def one(path):
                async with session.get(f"http://127.0.0.1:{port}{path}", headers={"Host": HOST}) as response:
                    return await response.read()

            stalled = [asyncio.create_task(one("/stall")) for _ in range(20)]
            bodies = await asyncio.gather(*(one("/photo.jpg") for _ in range(200)))
            for task in stalled:
                task.cancel()
            await asyncio.gather(*stalled, return_exceptions=True)
        await server.stop()
        return bodies

    assert asyncio.run(run()) == [b"\xff\xd8\xff"] * 200


async def start(port):
    await Server(small_web()).start(port)


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError):
            asyncio.run(start(taken.getsockname()[1]))
