"""Politeness: how many requests a host gets at once, how far apart they start, and when it is left alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pipelines.network import Network


class _Host:
    __slots__ = ("aside", "delay", "failures", "next_start", "slots")

    def __init__(self, network: Network) -> None:
        self.slots = asyncio.Semaphore(network.connections_per_host)
        self.delay = network.delay_seconds
        self.next_start = 0.0
        self.failures = 0
        self.aside = ""


class HostPace:
    """The pace of every host of one client. Times are of the running event loop's clock."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._hosts: dict[str, _Host] = {}
        self._connections = asyncio.Semaphore(network.connections)

    def _host(self, host: str) -> _Host:
        state = self._hosts.get(host)
        if state is None:
            state = self._hosts[host] = _Host(self._network)
        return state

    def aside(self, host: str) -> str:
        """Return why ``host`` was set aside, or an empty string."""
        return self._host(host).aside

    def set_aside(self, host: str, why: str) -> None:
        """Leave ``host`` alone for as long as the client lives."""
        self._host(host).aside = why

    def ask_delay(self, host: str, seconds: float) -> None:
        """Take a Crawl-delay: start requests at least ``seconds`` apart, or set the host aside if that is too long."""
        state = self._host(host)
        if seconds > self._network.max_crawl_delay:
            state.aside = f"Crawl-delay {seconds:g} s is above {self._network.max_crawl_delay:g} s"
        elif seconds > state.delay:
            state.next_start += seconds - state.delay
            state.delay = seconds

    async def begin(self, host: str) -> str:
        """Wait for a turn at ``host``. Return an empty string, and `end` must follow; or why it was set aside."""
        state = self._host(host)
        await state.slots.acquire()
        try:
            loop = asyncio.get_running_loop()
            while not state.aside:
                wait = state.next_start - loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                    continue
                await self._connections.acquire()
                now = loop.time()
                if state.next_start <= now and not state.aside:
                    state.next_start = now + state.delay
                    return ""
                # Another request of this host started while this one waited for a connection.
                self._connections.release()
        except BaseException:
            state.slots.release()
            raise
        state.slots.release()
        return state.aside

    def end(self, host: str) -> None:
        """Give the turn back."""
        self._connections.release()
        self._host(host).slots.release()

    def succeeded(self, host: str) -> None:
        """Note that ``host`` answered."""
        self._host(host).failures = 0

    def failed(self, host: str) -> None:
        """Note a failure; after ``host_failures`` of them in a row the host is set aside."""
        state = self._host(host)
        state.failures += 1
        if state.failures >= self._network.host_failures and not state.aside:
            state.aside = f"{state.failures} failures in a row"

    def hold(self, host: str, seconds: float) -> None:
        """Start nothing more at ``host`` for ``seconds``."""
        state = self._host(host)
        state.next_start = max(state.next_start, asyncio.get_running_loop().time() + seconds)


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds from ``now`` that a Retry-After value asks for, or None where it says nothing readable.

    RFC 9110, section 10.2.3: a number of seconds, or an HTTP date; the least time to wait.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
