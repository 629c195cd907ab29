from __future__ import annotations

import asyncio
import time

import pytest

from pipelines.host_queue import for_each_by_host
from pipelines.web_client import WebClient
from tests.pipelines.hostile_server import IMAGE, Server, network, reply


def run(urls, work, hosts_at_once=4, lanes_per_host=2):
    asyncio.run(for_each_by_host(urls, work, hosts_at_once=hosts_at_once, lanes_per_host=lanes_per_host))


def test_each_url_once_and_each_host_in_order():
    urls = [f"http://{host}.kr/{n}" for n in range(5) for host in "abcdefg"]
    done, running, most = [], {"hosts": 0}, 0

    async def work(url):
        nonlocal most
        running[url[7]] = running.get(url[7], 0) + 1
        most = max(most, sum(1 for host in "abcdefg" if running.get(host)))
        assert running[url[7]] <= 2
        await asyncio.sleep(0)
        running[url[7]] -= 1
        done.append(url)

    run(urls, work)
    assert sorted(done) == sorted(urls)
    assert most == 4
    for host in "abcdefg":
        assert [url for url in done if url[7] == host] == [url for url in urls if url[7] == host]


def test_nothing_to_do():
    run([], None)


def test_what_work_raises_comes_out():
    async def work(url):
        raise KeyError(url)

    with pytest.raises(ExceptionGroup):
        run(["http://a.kr/"], work)


def test_a_slow_host_does_not_starve_the_rest():
    async def check():
        routes = {f"/{n}": reply(200, b"x") for n in range(8)}
        routes["slow.kr/robots.txt"] = reply(200, b"User-agent: *\nCrawl-delay: 0.3")
        finished = {}
        async with Server(routes) as server, WebClient(network(server, connections=2)) as client:
            start = time.monotonic()

            async def work(url):
                assert (await client.get(url, accept=IMAGE)).reason == ""
                finished[url] = time.monotonic() - start

            hosts = ["slow.kr", *(f"h{n}.kr" for n in range(20))]
            urls = [f"http://{host}/{n}" for n in range(4) for host in hosts]
            await for_each_by_host(urls, work, hosts_at_once=8, lanes_per_host=2)
        return finished

    finished = asyncio.run(check())
    assert len(finished) == 84
    assert max(at for url, at in finished.items() if "slow" in url) > 1.1
    assert max(at for url, at in finished.items() if "slow" not in url) < 0.9
