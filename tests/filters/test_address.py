from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.address import is_loopback, refusal

REFUSED = {
    "0.0.0.0": "this network",
    "0.1.2.3": "this network",
    "10.0.0.1": "private",
    "100.64.0.1": "shared address space",
    "100.100.100.200": "cloud metadata",
    "127.0.0.1": "loopback",
    "127.255.255.255": "loopback",
    "168.63.129.16": "cloud metadata",
    "169.254.1.1": "link local",
    "169.254.169.254": "cloud metadata",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.1": "IETF protocol assignments",
    "192.0.0.192": "cloud metadata",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4 relay anycast",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.51.100.7": "documentation",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "::7f00:1": "IPv4-compatible",
    "::ffff:127.0.0.1": "IPv4-mapped loopback",
    "::ffff:a9fe:a9fe": "IPv4-mapped cloud metadata",
    "::ffff:0:10.0.0.1": "IPv4-translated private",
    "64:ff9b::7f00:1": "NAT64 loopback",
    "64:ff9b::a00:1": "NAT64 private",
    "64:ff9b:1::1": "local-use IPv4/IPv6 translation",
    "100::1": "discard only",
    "2001::1": "Teredo",
    "2001:2::1": "IETF protocol assignments",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4 loopback",
    "2002:c0a8:101::": "6to4 private",
    "3fff::1": "documentation",
    "4000::1": "unallocated",
    "5f00::1": "segment routing",
    "fc00::1": "unique local",
    "fd00:ec2::254": "cloud metadata",
    "fe80::1": "link local",
    "fec0::1": "site local",
    "ff02::1": "multicast",
}


@pytest.mark.parametrize("address", REFUSED)
def test_special_addresses_are_refused_by_name(address):
    assert refusal(address, allow_loopback=False) == f"{address} is {REFUSED[address]}"


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "9.255.255.255", "11.0.0.0", "93.184.215.14", "100.63.255.255", "100.128.0.0", "126.255.255.255",
     "128.0.0.0", "172.15.255.255", "172.32.0.0", "211.231.100.15", "223.255.255.255", "2606:4700::1111",
     "2001:200::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"],
)  # fmt: skip
def test_public_addresses_pass(address):
    assert refusal(address, allow_loopback=False) is None


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "2130706433", "0177.0.0.1", "127.1", "0x7f.0.0.1", "1.2.3.4.5", "256.1.1.1", "[::1]", "::1%eth0",
     "fe80::1%1", " 1.1.1.1", "1.1.1.1\n", "１.1.1.1", "1.1.1.1/8"],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(text):
    assert refusal(text, allow_loopback=True) is not None


def test_leave_for_loopback_holds_for_its_plain_forms_only():
    for address in ("127.0.0.1", "127.9.9.9", "::1"):
        assert refusal(address, allow_loopback=True) is None
        assert is_loopback(address)
    for address in ("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "10.0.0.1", "0.0.0.0", "localhost"):
        assert refusal(address, allow_loopback=True) is not None
        assert not is_loopback(address)
    assert not is_loopback("1.1.1.1")


@settings(max_examples=300)
@given(st.integers(0, 2**32 - 1))
def test_nothing_that_python_calls_private_passes(number):
    address = IPv4Address(number)
    if refusal(str(address), allow_loopback=False) is None:
        assert address.is_global
        assert not address.is_multicast
    # An embedded address is refused where it is refused alone; these prefixes hide it.
    for prefix in ("::ffff:0:0", "64:ff9b::", "::ffff:0:0:0"):
        hidden = str(IPv6Address(int(IPv6Address(prefix)) + number))
        assert (refusal(hidden, allow_loopback=False) is None) == (refusal(str(address), allow_loopback=False) is None)


@settings(max_examples=300)
@given(st.integers(0, 2**128 - 1))
def test_nothing_that_python_calls_reserved_passes_in_ipv6(number):
    address = IPv6Address(number)
    if refusal(str(address), allow_loopback=False) is None:
        assert address.is_global
        assert not (address.is_multicast or address.is_reserved or address.is_site_local)
