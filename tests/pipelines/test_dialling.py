from __future__ import annotations

import asyncio
import socket

import pytest

from pipelines.dialling import DIAL, AddressRefusedError, CheckedResolver, Dial, DialRules
from pipelines.network import Network

OPEN = Network(contact="mailto:a@a.kr")
LOOPBACK = Network(allow_loopback=True)


@pytest.mark.parametrize(
    ("network", "ip", "port", "why"),
    [
        (OPEN, "1.1.1.1", 80, None),
        (OPEN, "1.1.1.1", 8443, None),
        (OPEN, "1.1.1.1", 22, "port 22"),
        (OPEN, "2606:4700::1111", 443, None),
        (OPEN, "127.0.0.1", 80, "loopback"),
        (OPEN, "10.0.0.1", 80, "private"),
        (LOOPBACK, "127.0.0.1", 22, None),
        (LOOPBACK, "::1", 80, None),
        (LOOPBACK, "1.1.1.1", 80, "contact"),
        (LOOPBACK, "10.0.0.1", 80, "private"),
        (Network(contact="mailto:a@a.kr", connect_to={"a.kr": "1.1.1.1:99"}), "1.1.1.1", 99, None),
        (Network(contact="mailto:a@a.kr", connect_to={"a.kr": "10.0.0.1:80"}), "10.0.0.1", 80, "private"),
    ],
)
def test_what_may_be_dialled(network, ip, port, why):
    found = DialRules(network).refusal(ip, port)
    assert (found is None) if why is None else (why in found)


def test_the_most_specific_name_is_mapped():
    targets = {"kr": "127.0.0.1:1", "a.kr": "127.0.0.1:2", "www.A.kr.": "127.0.0.1:3"}
    rules = DialRules(Network(allow_loopback=True, connect_to=targets))
    ports = {name: rules.mapped(name) for name in ("kr", "b.kr", "a.kr", "x.a.kr", "www.a.kr", "aa.kr", "a.kr.com")}
    assert {name: found and found[1] for name, found in ports.items()} == {
        "kr": 1,
        "b.kr": 1,
        "a.kr": 2,
        "x.a.kr": 2,
        "www.a.kr": 3,
        "aa.kr": 1,
        "a.kr.com": None,
    }
    anywhere = DialRules(Network(allow_loopback=True, connect_to={"*": "127.0.0.1:4"}))
    assert anywhere.mapped("a.kr.com") == ("127.0.0.1", 4)


def test_the_socket_is_refused_at_the_last_step():
    rules = DialRules(OPEN)
    for family, target in ((socket.AF_INET, ("169.254.169.254", 80)), (socket.AF_INET6, ("::1", 80, 0, 0))):
        with pytest.raises(AddressRefusedError):
            rules.socket((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", target))
    dial = Dial()
    DIAL.set(dial)
    made = rules.socket((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("1.1.1.1", 80)))
    made.close()
    assert dial.fresh


def test_names_are_resolved_and_checked():
    async def run(network, name):
        resolver = CheckedResolver(DialRules(network))
        try:
            return await resolver.resolve(name, 80)
        finally:
            await resolver.close()

    found = asyncio.run(run(LOOPBACK, "localhost"))
    assert {entry["host"] for entry in found} <= {"127.0.0.1", "::1"}
    assert {entry["port"] for entry in found} == {80}
    with pytest.raises(AddressRefusedError, match="localhost"):
        asyncio.run(run(OPEN, "localhost"))
    with pytest.raises(socket.gaierror):
        asyncio.run(run(OPEN, "nowhere.invalid"))
