from __future__ import annotations

import msgspec
import pytest

from pipelines.network import Network, dial_target


def test_who_we_say_we_are():
    assert Network().user_agent == "harubang/0.1"
    assert Network(contact="https://a.kr/bot").user_agent == "harubang/0.1 (+https://a.kr/bot)"


def test_a_contact_is_needed_beyond_loopback():
    assert "network.contact" in Network().refusal()
    assert Network(contact="mailto:a@a.kr").refusal() is None
    assert Network(allow_loopback=True).refusal() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": "a b"},
        {"agent": "x"},
        {"agent": "하르방"},
        {"contact": "a\r\nX: y"},
        {"contact": "관리자"},
        {"contact": "hello"},
        {"contact": "https://"},
        {"connections": 0},
        {"max_tries": 0},
        {"delay_seconds": -1.0},
        {"delay_seconds": float("nan")},
        {"total_seconds": 0.0},
        {"total_seconds": float("inf")},
        {"robots_cache_seconds": 86_401.0},
        {"consent_files": ("robots",)},
        {"connect_to": {"a.kr": "localhost:80"}},
        {"connect_to": {"a.kr": "127.0.0.1"}},
        {"connect_to": {"a.kr": "127.0.0.1:0"}},
    ],
)
def test_values_out_of_range_are_named(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        Network(**changes)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(changes, Network)


def test_the_edges_are_taken():
    Network(connections=1, max_tries=1, delay_seconds=0.0, max_redirects=0, robots_cache_seconds=86_400.0)
    assert Network(consent_files=()).consent_files == ()


def test_unknown_keys_are_refused():
    with pytest.raises(msgspec.ValidationError, match="delay"):
        msgspec.convert({"delay": 3}, Network)


def test_dial_target():
    assert dial_target("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert dial_target("[::1]:80") == ("::1", 80)
