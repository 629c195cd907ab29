"""A loopback server whose every answer is raw bytes, or code that writes them, and a client run against it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pipelines.web_client import Fetched, Network, WebClient

IMAGE = "image/*"
PAGE = "text/html"

Answer = bytes | list[Any] | Callable[[asyncio.StreamWriter], Awaitable[None]]


def reply(status: int = 200, body: bytes = b"", *headers: str, length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def redirect(location: str, status: int = 302) -> bytes:
    return reply(status, b"", f"Location: {location}")


class Server:
    """Serves ``routes``: ``/path`` or ``host/path`` to an answer; a list of answers is given one after the other.

    What has no route is 404, and closes the connection. ``requests`` holds ``host/path`` of everything asked,
    ``heads`` the raw heads, ``times`` when they came.
    """

    def __init__(self, routes: dict[str, Answer], tls: ssl.SSLContext | None = None) -> None:
        self.routes = routes
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.times: list[float] = []
        self._tls = tls
        self._tasks: set[asyncio.Task] = set()

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *error) -> None:
        self._server.close()
        for _ in range(5):
            await asyncio.sleep(0.001)  # connections accepted last begin their tasks
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass  # the client may hang up on a hostile server
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.times.append(asyncio.get_running_loop().time())
        self.heads.append(head)
        path = head.split(" ", 2)[1]
        host = head.lower().partition("\r\nhost: ")[2].partition("\r\n")[0].partition(":")[0]
        self.requests.append(host + path)
        answer = self.routes.get(host + path, self.routes.get(path, reply(404, b"", "Connection: close")))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
            return True
        with contextlib.suppress(ConnectionError):
            await answer(writer)
        return False


def network(server: Server | None = None, **changes) -> Network:
    """A network of short deadlines in which every name leads to ``server``."""
    settings = {
        "allow_loopback": True,
        "delay_seconds": 0.0,
        "backoff_seconds": 0.001,
        "connect_seconds": 0.4,
        "total_seconds": 1.0,
        "rate_seconds": 0.3,
        "max_tries": 1,
        "consent_files": (),
        "connect_to": {"*": server.address} if server is not None else {},
    }
    return Network(**(settings | changes))


def fetch(
    routes: dict[str, Answer], *urls: str, accept: str = IMAGE, tls=None, opt_outs=None, **changes
) -> tuple[list[Fetched], Server]:
    """Fetch ``urls`` one after the other with one client from a server of ``routes``."""

    async def run() -> tuple[list[Fetched], Server]:
        async with Server(routes, tls) as server, WebClient(network(server, **changes), opt_outs) as client:
            found = [await client.get(url, accept=accept) for url in urls]
        return found, server

    return asyncio.run(run())


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS context for a.kr, and the file of the authority that vouches for it.

    Raises:
        FileNotFoundError: openssl, which makes it, is not installed.
    """
    path, key = folder / "a.pem", folder / "a.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "2", "-subj", "/CN=a.kr", "-addext", "subjectAltName=DNS:a.kr", "-keyout", key, "-out", path),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return context, path
