"""One HTTP request and its answer: no redirects followed, every cap held, every failure a typed reason."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from pipelines.content_coding import TooLargeError, decode
from pipelines.dialling import DIAL, AddressRefusedError, CheckedResolver, Dial, DialRules, connector
from pipelines.network import Network
from schemas.reasons import NO_REASON, Reason

_DRAINED_BYTES: Final = 64 * 1024
"""What is read of a body nobody wants, to keep the connection; of a longer one the connection is closed."""
_MAX_LINE_BYTES: Final = 8190
_OPEN_FILES: Final = 65_536


REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

Headers = tuple[tuple[str, str], ...]
Wanted = Callable[[Headers], bool]
"""Tell from the headers of a resource, or of a redirect to it, whether it may be had at all."""


class Answer(NamedTuple):
    """What came of one request. ``status`` is None where no response arrived; ``retry``: it may end otherwise."""

    status: int | None
    headers: Headers
    body: bytes
    address: str
    location: str | None
    reason: str
    detail: str
    retry: bool

    def header(self, name: str) -> str:
        """Return the first value of the header ``name`` (lower case), or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def failure(reason: Reason, detail: str, *, retry: bool = False) -> Answer:
    """Return the answer of a request that got no response."""
    return Answer(None, (), b"", "", None, reason, detail[:500], retry)


class _TooSlowError(Exception):
    pass


class _OnceError(aiohttp.ClientError):
    """A lost connection, in a form that aiohttp does not try again behind the pace's back."""


_TOO_MUCH_HEAD: Final = ("Got more than", "Too many headers")
"""How aiohttp begins its messages on a line, or a number of lines, above its limits."""


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if not DIAL.get().fresh:
            raise  # the server had closed a kept-alive connection, which aiohttp mends with a new one
        raise _OnceError(str(error) or type(error).__name__) from error


class HttpExchange:
    """Sends single GET requests over kept-alive connections. An asynchronous context manager."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._rules = DialRules(network)

    async def __aenter__(self) -> HttpExchange:
        network = self._network
        _allow_open_files()
        self._resolver = CheckedResolver(self._rules)
        self._session = aiohttp.ClientSession(
            connector=connector(self._rules, self._resolver, network),
            headers={"User-Agent": network.user_agent},
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=network.connect_seconds, sock_read=network.rate_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
            max_headers=128,
            middlewares=(_once,),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._resolver.close()

    async def get(
        self,
        url: str,
        *,
        accept: str,
        seconds: float,
        max_body: int,
        wanted: Wanted | None = None,
        cut_body: bool = False,
        identity: bool = False,
    ) -> Answer:
        """Request ``url`` (in normal form) and return its answer; only cancellation is raised.

        Args:
            url: absolute, in normal form.
            accept: the Accept header.
            seconds: for everything: resolving, connecting, response, body.
            max_body: most bytes of the body, as sent and as decoded.
            wanted: asked before the body is read, which it is not where the answer is no.
            cut_body: give the first ``max_body`` bytes of a longer body instead of refusing it.
            identity: ask for no content coding, as for images.
        """
        dial = Dial()
        DIAL.set(dial)
        headers = {"Accept": accept, "Accept-Encoding": "identity" if identity else "gzip, deflate"}
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as response,
            ):
                return await self._answer(response, dial.address, max_body, wanted, cut_body=cut_body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _failed(error)._replace(address=dial.address)

    async def _answer(
        self, response: aiohttp.ClientResponse, peer: str, max_body: int, wanted: Wanted | None, *, cut_body: bool
    ) -> Answer:
        raw = response.raw_headers
        headers = tuple((name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in raw)
        answer = Answer(response.status, headers, b"", peer, None, NO_REASON, "", retry=False)
        size = sum(len(name) + len(value) + 4 for name, value in raw)
        if size > self._network.max_header_bytes:
            return answer._replace(reason=Reason.BODY_TOO_LARGE, detail=f"{size} bytes of headers")
        has_resource = response.status == 200 or response.status in REDIRECTS
        if has_resource and wanted is not None and not wanted(headers):
            return answer
        if response.status == 200:
            return await self._with_body(answer, response, max_body, cut_body=cut_body)
        await self._drain(response)
        return answer._replace(
            location=response.headers.get("Location"),
            reason=Reason.HTTP_STATUS,
            detail=f"HTTP {response.status}",
            retry=response.status == 429 or response.status >= 500,
        )

    async def _with_body(
        self, answer: Answer, response: aiohttp.ClientResponse, limit: int, *, cut_body: bool
    ) -> Answer:
        try:
            declared = response.content_length
            if declared is not None and declared > limit and not cut_body:
                raise TooLargeError(f"Content-Length {declared}")
            body = await self._body(response.content, limit, cut_body=cut_body)
            coding = ", ".join(response.headers.getall("Content-Encoding", ()))
            return answer._replace(body=decode(body, coding, limit) if coding else body)
        except TooLargeError as error:
            return answer._replace(reason=Reason.BODY_TOO_LARGE, detail=str(error))
        except _TooSlowError as error:
            return answer._replace(reason=Reason.TIMED_OUT, detail=str(error))
        except aiohttp.ClientPayloadError as error:
            return answer._replace(reason=Reason.BODY_INVALID, detail=str(error)[:500], retry=True)
        except ValueError as error:
            return answer._replace(reason=Reason.BODY_INVALID, detail=str(error)[:500])

    async def _body(self, content: aiohttp.StreamReader, limit: int, *, cut_body: bool) -> bytes:
        """Return the body.

        Raises:
            TooLargeError: it is longer than ``limit`` bytes and must not be cut.
            _TooSlowError: it came slower than the network section allows.
        """
        chunks: list[bytes] = []
        size = in_window = 0
        clock, network = asyncio.get_running_loop().time, self._network
        window_end = clock() + network.rate_seconds
        while chunk := await content.readany():
            chunks.append(chunk)
            size += len(chunk)
            in_window += len(chunk)
            if size > limit:
                if cut_body:
                    return b"".join(chunks)[:limit]
                raise TooLargeError(f"body of more than {limit} bytes")
            now = clock()
            if now >= window_end:
                if in_window < network.min_bytes_per_second * network.rate_seconds:
                    raise _TooSlowError(f"{in_window} bytes in {network.rate_seconds:g} s")
                window_end, in_window = now + network.rate_seconds, 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        try:
            await self._body(response.content, _DRAINED_BYTES, cut_body=True)
        except (aiohttp.ClientError, OSError, _TooSlowError):
            response.close()  # the status is known; what follows it does not matter


def _allow_open_files() -> None:
    """Raise this process's soft limit on open files: each host met may hold a kept-alive connection for seconds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _failed(error: aiohttp.ClientError | OSError | ValueError) -> Answer:
    """Return what ``error`` means."""
    text = f"{type(error).__name__}: {error}"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, AddressRefusedError):
        return failure(Reason.ADDRESS_REFUSED, str(cause))
    if isinstance(cause, socket.gaierror | UnicodeError):
        return failure(Reason.HOST_UNRESOLVED, text, retry=getattr(cause, "errno", 0) == socket.EAI_AGAIN)
    if isinstance(error, TimeoutError):
        return failure(Reason.TIMED_OUT, str(error) or "no time left", retry=True)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return failure(Reason.CONNECTION_FAILED, text)
    if isinstance(error, aiohttp.ClientResponseError):
        too_long = error.message.startswith(_TOO_MUCH_HEAD)
        return failure(Reason.BODY_TOO_LARGE if too_long else Reason.BODY_INVALID, text)
    return failure(Reason.CONNECTION_FAILED, text, retry=isinstance(error, aiohttp.ClientError | OSError))
