"""Connections to checked addresses only: the resolver, and the check on the very address that is dialled."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from filters import address
from pipelines.network import Network, dial_target


class Dial:
    """Where one request went. ``fresh``: over a connection opened for it, not one that was kept alive."""

    __slots__ = ("address", "fresh")

    def __init__(self) -> None:
        self.address = ""
        self.fresh = False


DIAL: Final[ContextVar[Dial]] = ContextVar("dial")
"""The `Dial` that the request running in this context fills; aiohttp hands out neither of its facts."""

_RESOLVER_THREADS: Final = 32


class AddressRefusedError(OSError):
    """The address must not be dialled; the message says which and why."""


class DialRules:
    """Which (address, port) pairs may be dialled, and what stands in for a host name."""

    def __init__(self, network: Network) -> None:
        self._allow_loopback = network.allow_loopback
        self._loopback_only = not network.contact
        self._mapped = {host.lower().rstrip("."): dial_target(target) for host, target in network.connect_to.items()}
        self._ports = frozenset(network.ports) | {port for _, port in self._mapped.values()}

    def refusal(self, ip: str, port: int) -> str | None:
        """Return why ``ip`` at ``port`` must not be dialled, or None."""
        refused = address.refusal(ip, allow_loopback=self._allow_loopback)
        if refused is not None:
            return refused
        if address.is_loopback(ip):
            return None
        if self._loopback_only:
            return f"{ip} is not loopback, and network.contact is not set"
        return None if port in self._ports else f"port {port} is not one of network.ports"

    def mapped(self, host: str) -> tuple[str, int] | None:
        """Return what ``network.connect_to`` puts in the place of ``host``, by its most specific entry."""
        if not self._mapped:
            return None
        name = host
        while name:
            found = self._mapped.get(name)
            if found is not None:
                return found
            name = name.partition(".")[2]
        return self._mapped.get("*")

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Return an unconnected socket for ``info``, as ``getaddrinfo`` has it.

        This is the last step before the kernel connects, so IP literals, redirects and names that changed their
        address in between all come by here.

        Raises:
            AddressRefusedError: its address must not be dialled.
        """
        family, kind, protocol, _, target = info
        refused = self.refusal(target[0], target[1])
        if refused is not None:
            raise AddressRefusedError(refused)
        DIAL.get().fresh = True
        return socket.socket(family, kind, protocol)


class CheckedResolver(AbstractResolver):
    """System name resolution in threads. One refused address among a name's addresses refuses the name."""

    def __init__(self, rules: DialRules) -> None:
        self._rules = rules
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="resolver")

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature; both families are asked
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``.

        Raises:
            AddressRefusedError: one of them must not be dialled.
            OSError: the name has none.
        """
        mapped = self._rules.mapped(host)
        targets = [mapped] if mapped is not None else await self._addresses(host, port)
        for ip, at in targets:
            refused = self._rules.refusal(ip, at)
            if refused is not None:
                raise AddressRefusedError(f"{host}: {refused}")
        return [
            ResolveResult(
                hostname=host,
                host=ip,
                port=at,
                family=socket.AF_INET6 if ":" in ip else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for ip, at in targets
        ]

    async def _addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        )
        return [(str(info[4][0]), port) for info in infos]

    async def close(self) -> None:
        """Let the threads end; lookups still queued are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _PeerConnector(aiohttp.TCPConnector):
    """A TCP connector that leaves the peer of each request in `DIAL`: kept-alive connections are not resolved anew."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - aiohttp's signature
        connection = await super().connect(req, traces, timeout)
        peer = connection.transport.get_extra_info("peername") if connection.transport is not None else None
        DIAL.get().address = str(peer[0]) if peer else ""
        return connection


def connector(rules: DialRules, resolver: CheckedResolver, network: Network) -> aiohttp.TCPConnector:
    """Return the connector of a client: checked addresses, verified certificates, names cached for five minutes."""
    return _PeerConnector(
        resolver=resolver,
        socket_factory=rules.socket,
        ttl_dns_cache=300,
        dns_cache_max_size=10_000,
        limit=0,  # the pace of hosts limits connections
        keepalive_timeout=max(5.0, 2 * network.delay_seconds),
        ssl=_verifying(os.environ.get("SSL_CERT_FILE")),
    )


@cache
def _verifying(authorities: str | None) -> ssl.SSLContext:
    """Return a context that verifies certificates; reading the authorities takes 30 ms, and clients are many."""
    return ssl.create_default_context(cafile=authorities)
