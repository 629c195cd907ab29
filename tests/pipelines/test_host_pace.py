from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from pipelines.host_pace import HostPace, retry_after
from pipelines.network import Network

NOW = datetime(2026, 11, 22, 6, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("9" * 40, 999_999_999_999.0),
        ("Sun, 22 Nov 2026 06:02:00 GMT", 120.0),
        ("Sunday, 22-Nov-26 06:02:00 GMT", 120.0),
        ("Sun, 22 Nov 2026 15:02:00 +0900", 120.0),
        ("Sun Nov 22 06:02:00 2026", 120.0),
        ("Sun, 22 Nov 2026 05:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Sun, 99 Nov 2026 06:02:00 GMT", None),
    ],
)
def test_retry_after(value, expected):
    assert retry_after(value, NOW) == expected


def run(coroutine):
    return asyncio.run(coroutine)


def test_hold_ends_and_the_longer_hold_wins():
    async def check():
        pace = HostPace(Network(allow_loopback=True, delay_seconds=0))
        clock = asyncio.get_running_loop().time
        start = clock()
        pace.hold("a.kr", 0.2)
        pace.hold("a.kr", 0.05)
        assert await pace.begin("b.kr") == ""
        assert clock() - start < 0.15
        assert await pace.begin("a.kr") == ""
        assert clock() - start > 0.19

    run(check())


def test_waiters_learn_that_their_host_was_set_aside():
    async def check():
        pace = HostPace(Network(allow_loopback=True, delay_seconds=0, connections_per_host=1))
        assert await pace.begin("a.kr") == ""
        waiter = asyncio.create_task(pace.begin("a.kr"))
        await asyncio.sleep(0.01)
        pace.set_aside("a.kr", "why")
        pace.end("a.kr")
        assert await waiter == "why"
        assert await pace.begin("a.kr") == pace.aside("a.kr") == "why"
        assert pace.aside("b.kr") == ""

    run(check())


def test_failures_in_a_row_reach_the_threshold():
    async def check():
        pace = HostPace(Network(allow_loopback=True, host_failures=2))
        pace.failed("a.kr")
        assert pace.aside("a.kr") == ""
        pace.succeeded("a.kr")
        pace.failed("a.kr")
        assert pace.aside("a.kr") == ""
        pace.failed("a.kr")
        assert pace.aside("a.kr") == "2 failures in a row"

    run(check())


def test_crawl_delay_only_raises_the_delay():
    async def check():
        pace = HostPace(Network(allow_loopback=True, delay_seconds=0.3, max_crawl_delay=0.4))
        clock = asyncio.get_running_loop().time
        pace.ask_delay("a.kr", 0.05)
        for expected in (0.0, 0.3):
            start = clock()
            await pace.begin("a.kr")
            pace.end("a.kr")
            assert expected - 0.01 < clock() - start < expected + 0.29
        pace.ask_delay("a.kr", 0.4)
        assert pace.aside("a.kr") == ""
        start = clock()
        await pace.begin("a.kr")
        assert clock() - start > 0.35
        pace.ask_delay("a.kr", 0.41)
        assert pace.aside("a.kr") == "Crawl-delay 0.41 s is above 0.4 s"

    run(check())


def test_spacing_holds_where_connections_are_scarce():
    async def check():
        pace = HostPace(Network(allow_loopback=True, delay_seconds=0.05, connections=1, connections_per_host=4))
        starts = []

        async def one():
            assert await pace.begin("a.kr") == ""
            starts.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.08)
            pace.end("a.kr")

        await asyncio.gather(*(one() for _ in range(4)))
        assert min(b - a for a, b in pairwise(starts)) > 0.049

    run(check())
