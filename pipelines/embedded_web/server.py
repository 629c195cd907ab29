"""The HTTP server of the embedded web: one loopback port, hosts told apart by the Host header.

It also does what real servers do wrong: it stalls, hangs up, sends less than it promised, or never stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from aiohttp import web

from pipelines.embedded_web.web import Resource, Web

_ENDLESS_CHUNK = bytes(64 * 1024)
_ENDLESS_CHUNKS = 4_096
"""An endless body ends after 256 MiB all the same, in case nobody hangs up."""
_NOT_FOUND = Resource("text/html; charset=utf-8", lambda: "<p>찾으시는 쪽이 없습니다.</p>".encode(), 404)
_STALL_SECONDS = 60.0
_DRAWING_THREADS = 2


class Server:
    """Serves one `Web`. Bodies are made once, ahead of time where there is time, and kept."""

    def __init__(self, content: Web) -> None:
        self._content = content
        self._threads = ThreadPoolExecutor(_DRAWING_THREADS, thread_name_prefix="draw")
        self._bodies: dict[str, Future[bytes]] = {}
        self._runner = web.ServerRunner(
            web.Server(self._answer, access_log=None, handler_cancellation=True),
            handle_signals=False,
            shutdown_timeout=0.1,
        )

    async def start(self, port: int) -> int:
        """Listen on 127.0.0.1 at ``port`` (0: any free one) and return the port.

        Raises:
            OSError: the port is taken.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, backlog=1024)
        await site.start()
        self._ahead = asyncio.get_running_loop().create_task(self._draw_ahead())
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close every connection and give up what is being drawn."""
        self._ahead.cancel()
        await self._runner.cleanup()
        self._threads.shutdown(cancel_futures=True)

    async def _draw_ahead(self) -> None:
        """Draw one picture after the other, so that a request waits for at most one it did not ask for."""
        for url in self._content.photos:
            await asyncio.wrap_future(self._body(url, self._content.resources[url]))

    def _body(self, url: str, resource: Resource) -> Future[bytes]:
        found = self._bodies.get(url)
        if found is None:
            found = self._bodies[url] = self._threads.submit(resource.make)
        return found

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        url = f"http://{request.host.partition(':')[0]}{request.raw_path}"
        resource = self._content.resources.get(url)
        if resource is None:
            return web.Response(status=404, body=_NOT_FOUND.make(), headers={"Content-Type": _NOT_FOUND.content_type})
        manner = _manners().get(resource.manner)
        if manner is not None:
            return await manner(request, resource)
        body = await asyncio.wrap_future(self._body(url, resource))
        return web.Response(status=resource.status, body=body, headers=_headers(resource))


def _headers(resource: Resource) -> list[tuple[str, str]]:
    return [("Content-Type", resource.content_type), *resource.headers]


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _stall(request: web.BaseRequest, resource: Resource) -> web.StreamResponse:
    """Say nothing until the client is gone, which cancels this, or for `_STALL_SECONDS`."""
    del resource
    await asyncio.sleep(_STALL_SECONDS)
    _hang_up(request)
    return web.Response()


async def _drip(request: web.BaseRequest, resource: Resource) -> web.StreamResponse:
    """Send the head and a first byte, then nothing."""
    response = web.StreamResponse(headers={"Content-Type": resource.content_type, "Content-Length": "50000"})
    await response.prepare(request)
    await response.write(b"\xff")
    return await _stall(request, resource)


async def _hangup(request: web.BaseRequest, resource: Resource) -> web.StreamResponse:
    """Close the connection before a byte."""
    del resource
    _hang_up(request)
    return web.Response()


async def _short(request: web.BaseRequest, resource: Resource) -> web.StreamResponse:
    """Promise a thousand bytes more than are sent, and close the connection in good order."""
    body = resource.make()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {resource.content_type}\r\nContent-Length: {len(body) + 1000}\r\n\r\n"
    if request.transport is not None:
        request.transport.write(head.encode() + body)
        request.transport.close()
    return web.Response()


async def _endless(request: web.BaseRequest, resource: Resource) -> web.StreamResponse:
    """Send until the client hangs up."""
    response = web.StreamResponse(headers={"Content-Type": resource.content_type})
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        for _ in range(_ENDLESS_CHUNKS):
            await response.write(_ENDLESS_CHUNK)
    except ConnectionError:
        pass  # the client has enough, as it should
    return response


_Manner = Callable[[web.BaseRequest, Resource], Coroutine[None, None, web.StreamResponse]]


@cache
def _manners() -> dict[str, _Manner]:
    return {"stall": _stall, "drip": _drip, "hangup": _hangup, "short": _short, "endless": _endless}
