"""URLs as a browser would request them: absolute, http or https, one spelling for one address.

The rules are those of the WHATWG URL standard for http and https, as far as they concern what is sent: Korean paths
are percent-encoded as UTF-8, Korean hosts become ``xn--`` names. Where a browser would repair a host (``127.1``,
``2130706433``), this module refuses: such spellings serve to slip past address checks, not to show pictures.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final, NamedTuple

import idna

MAX_URL_CHARACTERS: Final = 8_000
"""Longest URL taken. RFC 9110, section 4.1, asks every party to support at least 8,000 octets."""

_PORTS: Final = {"http": "80", "https": "443"}
# A URL that is already in normal form and whose host cannot be a number: most of those in a crawl.
_PLAIN: Final = re.compile(
    r"https?://(?=[a-z0-9.-]{1,253}/)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
    r"(?:/(?!\.|%2[Ee])[A-Za-z0-9_.~!$&'()*+,;=:@%-]*)+(?:\?[A-Za-z0-9_.~!$&()*+,;=:@%/?-]+)?",
    re.ASCII,
)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_NOT_IN_HOST: Final = re.compile(r"[^a-z0-9._-]")
_V6_LITERAL: Final = re.compile(r"\[([0-9a-f:.]+)\]", re.IGNORECASE)
_QUAD: Final = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!\Z)|\Z)){4}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
# WHATWG percent-encode sets: path, and query of a special scheme.
_PATH_UNSAFE: Final = re.compile(rb"[^!$%&'()*+,\-./0-9:;=@A-Z\[\\\]_a-z|~]")
_QUERY_UNSAFE: Final = re.compile(rb"[^!$%&()*+,\-./0-9:;=?@A-Z\[\\\]^_`a-z{|}~]")
_DOT: Final = frozenset({".", "%2e", "%2E"})
_TWO_DOTS: Final = frozenset({"..", ".%2e", ".%2E", "%2e.", "%2E.", "%2e%2e", "%2e%2E", "%2E%2e", "%2E%2E"})


class _Parts(NamedTuple):
    scheme: str
    authority: str
    path: str
    query: str


class _RefusedError(ValueError):
    """The text is no URL that may be requested; the message says why."""


def normalize(url: str, base: str | None = None) -> str | None:
    """Return ``url`` resolved against ``base`` in normal form, or None where it may not be requested.

    Normal form: scheme and host in lower case, host in IDNA (UTS 46), no default port, no user information, no
    fragment, path and query percent-encoded (non-ASCII as UTF-8), dot segments resolved, ASCII white space dropped as
    browsers do. Percent escapes are left as they are written. Idempotent.

    Args:
        url: an absolute or relative reference, as found in a page or a ``Location`` header. Bytes that were no UTF-8,
            read with ``surrogateescape``, are percent-encoded as they are.
        base: the absolute URL it is relative to.
    """
    if len(url) <= MAX_URL_CHARACTERS and _PLAIN.fullmatch(url):
        return url
    try:
        return _normalized(url, base)
    except _RefusedError:
        return None


def why_refused(url: str, base: str | None = None) -> str | None:
    """Return why `normalize` gives None for the same arguments, or None where it gives a URL."""
    try:
        _normalized(url, base)
    except _RefusedError as refused:
        return str(refused)
    return None


def host_of(url: str) -> str:
    """Return the host of a URL in normal form: no port, an IPv6 address without its brackets."""
    authority = url.split("/", 3)[2]
    if authority.startswith("["):
        return authority[1 : authority.index("]")]
    return authority.partition(":")[0]


def origin_of(url: str) -> str:
    """Return the origin of a URL in normal form, as in ``https://example.kr:8443``."""
    return url[: url.index("/", 8)]


def _normalized(url: str, base: str | None) -> str:
    if len(url) > MAX_URL_CHARACTERS:
        raise _RefusedError(f"longer than {MAX_URL_CHARACTERS} characters")
    parts = _resolved(url, base)
    scheme, authority = parts.scheme, _authority(parts.scheme, parts.authority)
    path = _encode(_without_dots(parts.path), _PATH_UNSAFE)
    query = _encode(parts.query, _QUERY_UNSAFE)
    text = f"{scheme}://{authority}{path}?{query}" if query else f"{scheme}://{authority}{path}"
    if len(text) > MAX_URL_CHARACTERS:
        raise _RefusedError(f"longer than {MAX_URL_CHARACTERS} characters once encoded")
    return text


def _resolved(url: str, base: str | None) -> _Parts:
    """Split ``url``, taking from ``base`` what it leaves out."""
    text = url.strip("".join(map(chr, range(0x21)))).translate({9: None, 10: None, 13: None})
    text = text.partition("#")[0]
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found is not None else ""
    if scheme and scheme not in _PORTS:
        raise _RefusedError(f"scheme {scheme[:32]} is neither http nor https")
    rest = found[2] if found is not None else text
    target, mark, query = rest.partition("?")
    target = target.replace("\\", "/")
    home = None if base is None else _resolved(base, None)
    if scheme and (target.startswith("//") or home is None or home.scheme != scheme):
        return _absolute(scheme, target, query)
    if home is None:
        raise _RefusedError("relative, and there is no base")
    if target.startswith("//"):
        return _absolute(home.scheme, target, query)
    if target.startswith("/"):
        return _Parts(home.scheme, home.authority, target, query)
    if target:
        return _Parts(home.scheme, home.authority, home.path.rpartition("/")[0] + "/" + target, query)
    return _Parts(home.scheme, home.authority, home.path, query if mark else home.query)


def _absolute(scheme: str, target: str, query: str) -> _Parts:
    authority, slash, path = target.lstrip("/").partition("/")
    return _Parts(scheme, authority, slash + path or "/", query)


def _authority(scheme: str, authority: str) -> str:
    """Return host, and port where it is not the scheme's own."""
    if "@" in authority:
        raise _RefusedError("user information in the host part")
    literal = _V6_LITERAL.match(authority)
    if literal is not None:
        host, rest = _v6_host(literal[1]), authority[literal.end() :]
        if rest and rest[0] != ":":
            raise _RefusedError("text after an IPv6 address")
        port = rest[1:]
    else:
        name, _, port = authority.partition(":")
        host = _host(name)
    if not port or port == _PORTS[scheme]:
        return host
    if not (port.isascii() and port.isdigit()) or not 0 < int(port[:6]) < 65536 or len(port) > 5:
        raise _RefusedError("port is not a number from 1 to 65535")
    if port[0] == "0":
        raise _RefusedError("port with leading zeros")
    return f"{host}:{port}"


def _v6_host(literal: str) -> str:
    try:
        return f"[{IPv6Address(literal).compressed}]"
    except ValueError:
        raise _RefusedError("host is not an IPv6 address") from None


def _host(name: str) -> str:
    host = _percent_decoded(name) if "%" in name else name
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except UnicodeError as error:  # idna's own errors are UnicodeErrors
            raise _RefusedError(f"host is not a valid internationalised name: {error}"[:200]) from None
    host = host.lower().removesuffix(".")
    if not host or _NOT_IN_HOST.search(host):
        raise _RefusedError("host is empty or holds a character that no host has")
    labels = host.split(".")
    if len(host) > 253 or not all(0 < len(label) <= 63 for label in labels):
        raise _RefusedError("host with an empty or overlong label")
    # As browsers do: a host whose last label is a number is an IPv4 address, whatever its spelling.
    if _NUMBER.fullmatch(labels[-1]) and not _QUAD.fullmatch(host):
        raise _RefusedError("host is an odd spelling of an IP address")
    return host


def _percent_decoded(name: str) -> str:
    data = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), name.encode("utf-8", "replace"))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _RefusedError("host holds escapes that are no UTF-8") from None


def _encode(text: str, unsafe: re.Pattern[bytes]) -> str:
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise _RefusedError("holds a lone surrogate") from None
    return unsafe.sub(lambda found: b"%%%02X" % found[0][0], data).decode("ascii")


def _without_dots(path: str) -> str:
    """Resolve ``.`` and ``..`` (RFC 3986, section 5.2.4; their escaped forms as WHATWG has them)."""
    if "/." not in path and "/%2" not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment in _TWO_DOTS:
            del kept[-1:]
        elif segment not in _DOT:
            kept.append(segment)
            continue
        if last:
            kept.append("")
    return "/" + "/".join(kept)
