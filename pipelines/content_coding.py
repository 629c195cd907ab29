"""Bounded decoding of gzip and deflate bodies (RFC 9110, section 8.4)."""

from __future__ import annotations

import zlib
from typing import Final

_PLAIN: Final = frozenset({"", "identity"})
_GZIP: Final = frozenset({"gzip", "x-gzip"})


class TooLargeError(ValueError):
    """The body decodes to more bytes than allowed."""


def decode(body: bytes, coding: str, limit: int) -> bytes:
    """Return ``body`` decoded, never more than ``limit`` bytes of it in memory.

    Args:
        body: the body as sent.
        coding: the ``Content-Encoding`` value. Only one of gzip and deflate, once, is taken: nothing else is asked
            for, and layers of coding are a known way to hide a bomb.
        limit: most bytes of the decoded body.

    Raises:
        TooLargeError: there is more.
        ValueError: an unknown coding, or a body that is not what it says, or is cut short.
    """
    name = coding.strip().lower()
    if name in _PLAIN:
        return body
    if name in _GZIP:
        return _inflate(body, 16 + zlib.MAX_WBITS, limit)
    if name == "deflate":
        # The standard means zlib's format; some servers send a bare deflate stream.
        bare = len(body) < 2 or body[0] & 0x0F != 8 or int.from_bytes(body[:2], "big") % 31 != 0
        return _inflate(body, -zlib.MAX_WBITS if bare else zlib.MAX_WBITS, limit)
    raise ValueError(f"content coding {name[:64]!r} was not asked for")


def _inflate(body: bytes, wbits: int, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    rest = body
    while True:
        stream = zlib.decompressobj(wbits)
        try:
            part = stream.decompress(rest, limit - size + 1)
        except zlib.error as error:
            if parts:  # bytes after a complete gzip member are padding, as browsers take them
                break
            raise ValueError(f"body is not what its content coding says: {error}") from error
        size += len(part)
        if size > limit:
            raise TooLargeError(f"decodes to more than {limit} bytes")
        if not stream.eof:
            raise ValueError("body ends within its content coding")
        parts.append(part)
        rest = stream.unused_data
        if not rest or wbits <= zlib.MAX_WBITS:
            break
    return b"".join(parts)
