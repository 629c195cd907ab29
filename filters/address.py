"""Which IP addresses may be dialled: public ones only, loopback where the workflow allows it.

Python's own ``is_global`` is not enough: it calls 168.63.129.16 (Azure's host service), 192.88.99.1, the NAT64 and
6to4 forms of 127.0.0.1, and multicast global. The tables below follow the IANA special-purpose address registries
(RFC 6890 and its updates), with the metadata addresses of clouds added.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_V4: Final = tuple(
    (IPv4Network(network), name)
    for network, name in (
        # The first match names the refusal, so single addresses stand before the blocks that hold them.
        ("169.254.169.254/32", "cloud metadata"),
        ("169.254.170.2/32", "cloud metadata"),
        ("100.100.100.200/32", "cloud metadata"),
        ("192.0.0.192/32", "cloud metadata"),
        ("168.63.129.16/32", "cloud metadata"),
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared address space"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "IETF protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relay anycast"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6: Final = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("fd00:ec2::254/128", "cloud metadata"),
        ("fd20:ce::254/128", "cloud metadata"),
        ("::1/128", "loopback"),
        ("::/128", "unspecified"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b:1::/48", "local-use IPv4/IPv6 translation"),
        ("100::/64", "discard only"),
        ("100:0:0:1::/64", "dummy prefix"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "IETF protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link local"),
        ("fec0::/10", "site local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_TRANSLATED: Final = IPv6Network("::ffff:0:0:0/96")


def _embedded(address: IPv6Address) -> tuple[IPv4Address, str] | None:
    """Return the IPv4 address inside a mapped, translated, NAT64 or 6to4 address, and the form's name."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped, "IPv4-mapped"
    if address.sixtofour is not None:
        return address.sixtofour, "6to4"
    for network, name in ((_NAT64, "NAT64"), (_TRANSLATED, "IPv4-translated")):
        if address in network:
            return IPv4Address(int(address) & 0xFFFFFFFF), name
    return None


def _block(address: IPv4Address | IPv6Address) -> str:
    """Return the name of the special-purpose block that holds ``address``, or an empty string."""
    if isinstance(address, IPv4Address):
        return next((name for network, name in _V4 if address in network), "")
    found = _embedded(address)
    if found is not None:
        inner, form = found
        name = _block(inner)
        return f"{form} {name}" if name else ""
    name = next((name for network, name in _V6 if address in network), "")
    return name or ("" if address in _GLOBAL_UNICAST else "unallocated")


@lru_cache(maxsize=4096)
def refusal(address: str, *, allow_loopback: bool) -> str | None:
    """Return why ``address`` must not be dialled, or None where it may be.

    Args:
        address: an IPv4 dotted quad or an IPv6 address, without brackets. Anything else, a zone id included, is
            refused, so that an odd spelling never passes for the address that a socket would make of it.
        allow_loopback: let 127.0.0.0/8 and ::1 pass, in their plain forms only.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{address!r} is not an IP address"
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return f"{address} has a zone"
    name = _block(parsed)
    if not name or (name == "loopback" and allow_loopback):
        return None
    return f"{address} is {name}"


def is_loopback(address: str) -> bool:
    """Return whether ``address`` is 127.0.0.0/8 or ::1 in its plain form."""
    return refusal(address, allow_loopback=True) is None and refusal(address, allow_loopback=False) is not None
