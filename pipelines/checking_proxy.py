"""A proxy on loopback through which a foreign downloader asks: each hop is checked, paced and bounded as our own are.

Whoever uses it is given stand-ins for URLs, ``http://<token>.invalid/<row>``, and the proxy in its environment. Every
request for one goes through `WebClient.step`: robots.txt and its kin, the opt-out list, the address that is dialled,
the host's pace, the caps, what the response says of its use. A redirect is answered with a stand-in for the next hop.
TLS is spoken here: inside a CONNECT tunnel neither the path nor the response could be checked, and the downloader
would name itself. A name under ``.invalid`` is never resolved (RFC 6761, section 6.4), so that a downloader which
passes the proxy by reaches nothing; any other request, CONNECT too, is refused without a connection.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Final

from pipelines.web_client import Fetched, Visit, WebClient
from schemas.reasons import NO_REASON

_NO_BODY: Final = b"Content-Length: 0\r\nConnection: close\r\n\r\n"
_REFUSED: Final = b"HTTP/1.1 403 Refused\r\n" + _NO_BODY
_FAILED: Final = b"HTTP/1.1 502 Not had\r\n" + _NO_BODY


class CheckingProxy:
    """Serves the stand-ins of ``urls``, each once. An asynchronous context manager.

    ``found`` has what came of each row that was asked for and has ended, without its body, which went to who asked.
    """

    def __init__(self, client: WebClient, urls: Sequence[str], *, accept: str, seconds: float) -> None:
        self._client = client
        self._kinds = accept
        self._visits = [Visit(url, seconds) for url in urls]
        self._tasks: set[asyncio.Task[None]] = set()
        self._prefix = f"http://{secrets.token_hex(8)}.invalid/"
        self._due = {self.stand_in(row): row for row in range(len(urls))}
        self._answered = 0.0
        self._failure: BaseException | None = None
        self.found: dict[int, Fetched] = {}

    async def __aenter__(self) -> CheckingProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._answered = asyncio.get_running_loop().time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stand_in(self, row: int) -> str:
        """Return what stands for the URL of ``row``."""
        return f"{self._prefix}{row}"

    def row_of(self, stand_in: str) -> int:
        """Return the row that a stand-in stands for."""
        return int(stand_in.removeprefix(self._prefix))

    def idle(self) -> float:
        """Return the seconds since the last answer; 0 while a request is being worked on."""
        return 0.0 if self._tasks else asyncio.get_running_loop().time() - self._answered

    def raise_failure(self) -> None:
        """Raise what code of ours raised over a request, if anything."""
        if self._failure is not None:
            raise self._failure

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._answered = asyncio.get_running_loop().time()
        if not task.cancelled():
            self._failure = self._failure or task.exception()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(await self._answer(head.split(b"\r\n", 1)[0].decode("latin-1")))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or is nobody we serve; of a row that got no body its absence tells
        finally:
            writer.close()

    async def _answer(self, line: str) -> bytes:
        """Return the response to a request line."""
        method, _, rest = line.partition(" ")
        row = self._due.pop(rest.partition(" ")[0], None) if method == "GET" else None
        if row is None:
            return _REFUSED
        visit = self._visits[row]
        found = await self._client.step(visit, accept=self._kinds)
        if found is None:
            following = f"{self.stand_in(row)}/{len(visit.hops)}"
            self._due[following] = row
            return f"HTTP/1.1 302 Found\r\nLocation: {following}\r\n".encode() + _NO_BODY
        self.found[row] = found._replace(body=b"")
        if found.reason != NO_REASON:
            return _FAILED
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(found.body) + found.body
