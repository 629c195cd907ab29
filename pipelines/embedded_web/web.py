"""What a web is made of: resources by URL, and how each is to be served."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

DOMAIN = "harubang.test"
"""The parent of every host. ``.test`` is reserved (RFC 2606), so no request can leave by mistake."""


class Resource(NamedTuple):
    """One answer. ``make`` gives its body and may be called any number of times.

    ``manner`` says how it is sent: plain; gzip (coded); stall (nothing ever comes), drip (the head comes, then
    nothing), hangup (closed before a byte), short (closed before Content-Length is reached), endless (until the
    client has enough).
    """

    content_type: str
    make: Callable[[], bytes]
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    manner: str = "plain"


class Web(NamedTuple):
    """All of it, by URL. ``photos`` are the URLs of the sites' drawn images, all distinct; ``captions`` theirs."""

    resources: dict[str, Resource]
    photos: tuple[str, ...]
    captions: dict[str, str]


def host(name: str) -> str:
    """Return the full name of the host called ``name``."""
    return f"{name}.{DOMAIN}"


def url(name: str, path: str) -> str:
    """Return the URL of ``path`` (with its slash) on the host called ``name``."""
    return f"http://{name}.{DOMAIN}{path}"


def text(body: str, content_type: str = "text/plain; charset=utf-8", **more: object) -> Resource:
    """Return a resource of UTF-8 text; ``more`` are further fields of `Resource`."""
    return Resource(content_type, lambda: body.encode(), **more)  # type: ignore[arg-type]
