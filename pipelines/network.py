"""The ``network`` section of a workflow: who we say we are, how politely we ask, and what we refuse to take."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

import msgspec

from filters.suppression import Suppression

VERSION: Final = "0.1"
CONSENT_FILES: Final = ("tdmrep", "ai.txt")
PACE_FIELDS: Final = frozenset(
    {
        "contact",
        "connections",
        "connections_per_host",
        "delay_seconds",
        "max_crawl_delay",
        "max_retry_after",
        "connect_seconds",
        "total_seconds",
        "min_bytes_per_second",
        "rate_seconds",
        "max_tries",
        "backoff_seconds",
        "host_failures",
        "robots_cache_seconds",
    }
)
"""Fields that say how often and how patiently is asked: an answer that was had under other values is as good."""

_DAY_SECONDS: Final = 86_400.0
_TOKEN: Final = re.compile(r"[A-Za-z_-]{3,64}")
_HEADER_SAFE: Final = re.compile(r"[\x20-\x7e]*")
_REACHABLE: Final = re.compile(r"https?://[^ /]+.*|(mailto:)?[^ @]+@[^ @]+")


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How pages and images are asked for. Times are in seconds, sizes in bytes.

    Attributes:
        agent: product token of the User-Agent, as robots.txt names us (RFC 9309: letters, ``_`` and ``-``).
        contact: a URL or mail address that reaches whoever runs the crawl. Without it only loopback is dialled.
        allow_loopback: let 127.0.0.0/8 and ::1 be dialled, at any port.
        connect_to: host name or parent domain -> "ip:port" that is dialled in its place, the most specific name
            winning and ``*`` standing for every name. The address is checked all the same; the port is trusted.
        ports: ports that may be dialled at public addresses.
        connections: requests in flight, in all.
        connections_per_host: requests in flight at one host.
        delay_seconds: least time between the starts of two requests to one host; Crawl-delay may raise it.
        max_crawl_delay: a host that asks for a longer Crawl-delay is set aside.
        max_retry_after: a host that asks for a longer Retry-After is set aside.
        connect_seconds: for one address: TCP and TLS.
        total_seconds: for one try of a request, its redirects included; waiting for our own turn does not count.
        min_bytes_per_second: a body that comes slower than this over ``rate_seconds`` is given up.
        max_body_bytes: of a body, as sent and again as decoded.
        max_header_bytes: of all header lines of a response.
        max_redirects: hops followed.
        max_tries: of one request, where a connection fails, time runs out or the server says 429 or 5xx.
        backoff_seconds: wait before the second try; doubled for each further one.
        host_failures: failures in a row after which a host is set aside.
        consent_files: which files of a host are asked for beside robots.txt: ``tdmrep``, ``ai.txt``.
        opt_out: what may not be asked for or kept, whoever holds it; see `filters.suppression.Suppression`.
        robots_cache_seconds: how long what a host says of itself is believed (RFC 9309: at most a day).

    Raises:
        ValueError: a value out of its range; the message begins with the field's name.
    """

    agent: str = "harubang"
    contact: str = ""
    allow_loopback: bool = False
    connect_to: dict[str, str] = {}
    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    connections: int = 64
    connections_per_host: int = 2
    delay_seconds: float = 1.0
    max_crawl_delay: float = 30.0
    max_retry_after: float = 120.0
    connect_seconds: float = 5.0
    total_seconds: float = 30.0
    min_bytes_per_second: int = 1024
    rate_seconds: float = 10.0
    max_body_bytes: int = 20 * 1024 * 1024
    max_header_bytes: int = 64 * 1024
    max_redirects: int = 5
    max_tries: int = 3
    backoff_seconds: float = 1.0
    host_failures: int = 5
    consent_files: tuple[str, ...] = CONSENT_FILES
    opt_out: Suppression = Suppression()
    robots_cache_seconds: float = 86_400.0

    @property
    def user_agent(self) -> str:
        """The User-Agent header."""
        return f"{self.agent}/{VERSION} (+{self.contact})" if self.contact else f"{self.agent}/{VERSION}"

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.agent):
            raise ValueError("agent: use 3 to 64 letters, '_' or '-', as robots.txt names crawlers")
        if not _HEADER_SAFE.fullmatch(self.contact):
            raise ValueError("contact: use printable ASCII")
        if self.contact and not _REACHABLE.fullmatch(self.contact):
            raise ValueError("contact: write a URL or a mail address, as in mailto:you@example.org")
        for names, least in ((_AT_LEAST_ONE, 1), (_NOT_NEGATIVE, 0), (_POSITIVE, 1e-3)):
            for name in names:
                if not least <= getattr(self, name) < float("inf"):
                    raise ValueError(f"{name}: must be {least} or more")
        if self.robots_cache_seconds > _DAY_SECONDS:
            raise ValueError(f"robots_cache_seconds: RFC 9309 allows at most {_DAY_SECONDS:g}")
        unknown = sorted(set(self.consent_files) - set(CONSENT_FILES))
        if unknown:
            raise ValueError(f"consent_files: {unknown[0]!r} is not one of {', '.join(CONSENT_FILES)}")
        for target in self.connect_to.values():
            dial_target(target)

    def refusal(self) -> str | None:
        """Return why nothing may be requested with these settings, in one line that says how to mend it, or None."""
        if not self.contact and not self.allow_loopback:
            return "network.contact: set a URL or mail address where the sites you crawl can reach you"
        return None


_AT_LEAST_ONE: Final = (
    "connections",
    "connections_per_host",
    "max_tries",
    "host_failures",
    "max_body_bytes",
    "max_header_bytes",
)
_NOT_NEGATIVE: Final = (
    "delay_seconds",
    "max_crawl_delay",
    "max_retry_after",
    "min_bytes_per_second",
    "max_redirects",
    "backoff_seconds",
)
_POSITIVE: Final = ("connect_seconds", "total_seconds", "rate_seconds", "robots_cache_seconds")


def dial_target(text: str) -> tuple[str, int]:
    """Return (address, port) of ``"127.0.0.1:8080"`` or ``"[::1]:8080"``.

    Raises:
        ValueError: it is not an IP address and a port.
    """
    address, _, port = text.rpartition(":")
    try:
        if port.isascii() and port.isdigit() and 0 < int(port) < 65536:
            return str(ip_address(address.removeprefix("[").removesuffix("]"))), int(port)
    except ValueError:
        pass  # said below, with the port's case
    raise ValueError(f"connect_to: {text!r} is not an IP address and a port, as in 127.0.0.1:8080")
