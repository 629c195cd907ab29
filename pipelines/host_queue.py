"""The order of work over many hosts: a slow host holds up its own URLs and nobody else's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from filters.url import host_of


async def for_each_by_host(
    urls: Iterable[str], work: Callable[[str], Awaitable[None]], *, hosts_at_once: int, lanes_per_host: int
) -> None:
    """Run ``work`` on every URL (in normal form), each host's in order and many hosts side by side.

    Workers that take URLs of all hosts from one queue end up waiting together for the slowest host; here each host has
    its own queue. An exception of ``work`` ends the rest and comes out in an exception group.

    Args:
        urls: what to work on. Hosts are begun in the order of their first URL.
        work: told one URL at a time.
        hosts_at_once: hosts worked on at the same time; a host that is done makes room for the next.
        lanes_per_host: URLs of one host worked on at the same time.
    """
    queues: dict[str, deque[str]] = {}
    for url in urls:
        queues.setdefault(host_of(url), deque()).append(url)
    hosts = iter(queues.values())

    async def lane(queue: deque[str]) -> None:
        while queue:
            await work(queue.popleft())

    async def one_host_after_another() -> None:
        for queue in hosts:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(min(lanes_per_host, len(queue))):
                    lanes.create_task(lane(queue))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(hosts_at_once, len(queues))):
            tasks.create_task(one_host_after_another())
