"""Suppression lists: what must not be used because somebody asked for it, by URL, host, sha256 or pHash.

One record serves opt-outs, which are heard before anything is requested, and takedowns, which clear a release. Entries
are kept as numbers of 64 bits in sorted columns: a million takes 16 MB, and a look-up some microseconds. Two of a
million texts share such a number with a chance of 1 in 40 million; what is named then is left out without need.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from filters.url import host_of, normalize, why_refused

CHANNEL: Final = "opt-out list"
KINDS: Final = ("url", "host", "sha256", "phash")

_HEX: Final = re.compile(r"[0-9a-f]+")
_DIGITS: Final = {"sha256": 64, "phash": 16}
_ESCAPE: Final = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)
_LINE_BITS: Final = 40
_MOST_BAND_BITS: Final = 16

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


class Suppression(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must not be used: URLs of images or pages (by http and https alike), hosts with all their subdomains,
    sha256 of image bytes as fetched or as stored, pHashes (hex; images within the dedupe radius are meant).

    ``files`` hold entries of any of these kinds: one a line, or Parquet or CSV with columns named ``url``, ``host``,
    ``sha256``, ``phash``.
    """

    files: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    phash: tuple[str, ...] = ()


class Entry(NamedTuple):
    """One thing not to be used. ``kind`` is one of `KINDS`; ``value`` is in normal form, a URL without its scheme."""

    kind: str
    value: str


def entry(kind: str, text: str) -> Entry:
    """Return the entry of ``kind`` that ``text`` writes.

    Raises:
        ValueError: it writes none; the message says why.
    """
    text = text.strip()
    if kind == "url":
        url = normalize(text)
        if url is None:
            raise ValueError(f"{text[:200]!r} is not a URL that could be requested: {why_refused(text)}")
        return Entry(kind, _without_scheme(url))
    if kind == "host":
        return Entry(kind, _host(text))
    text = text.lower()
    if len(text) != _DIGITS[kind] or not _HEX.fullmatch(text):
        raise ValueError(f"{text[:200]!r} is not a {kind}: that has {_DIGITS[kind]} hexadecimal digits")
    return Entry(kind, text)


def entry_of(line: str) -> Entry:
    """Return the entry that ``line`` writes, its kind seen by its form.

    Raises:
        ValueError: it writes none; the message says why.
    """
    text = line.strip()
    if "://" in text:
        return entry("url", text)
    for kind, digits in _DIGITS.items():
        if len(text) == digits and _HEX.fullmatch(text.lower()):
            return entry(kind, text)
    return entry("host", text)


def _without_scheme(url: str) -> str:
    # RFC 3986, section 6.2.2.1: the case of an escape says nothing.
    return _ESCAPE.sub(lambda found: found[0].upper(), url.partition("://")[2])


def _host(text: str) -> str:
    name = text.removeprefix("*").removeprefix(".")
    url = normalize(f"http://{name}/") if name and not re.search(r"[/?#\s]", name) else None
    host = host_of(url) if url is not None else ""
    # One label alone would be a whole top-level domain, and is more likely a hash with a digit missing.
    if not re.search(r"[.:]", host) and host != "localhost":
        raise ValueError(f"{text[:200]!r} is neither a URL with its scheme, a host, a sha256 nor a pHash")
    return host


def _key(kind: str, value: str) -> int:
    return int.from_bytes(blake2b(f"{kind} {value}".encode("utf-8", "replace"), digest_size=8).digest(), "big")


class Columns(NamedTuple):
    """A list as it is kept: sorted keys of exact entries and pHashes, each with its place (source and line)."""

    keys: Words
    key_places: Places
    phashes: Words
    phash_places: Places
    sources: tuple[str, ...]


def columns(sources: Sequence[tuple[str, Iterable[tuple[int, Entry]]]]) -> Columns:
    """Return the columns of entries that come as (line, entry) from each of ``sources`` (name, entries).

    Of an entry that stands twice the first place is kept.
    """
    exact: list[npt.NDArray[np.uint64]] = []
    near: list[npt.NDArray[np.uint64]] = []
    for number, (_, entries) in enumerate(sources):
        for chunk in _chunks(entries):
            for wanted, found in ((False, exact), (True, near)):
                rows = [(line, e) for line, e in chunk if (e.kind == "phash") == wanted]
                values = [int(e.value, 16) if wanted else _key(*e) for _, e in rows]
                places = [number << _LINE_BITS | line for line, _ in rows]
                found.append(np.array([values, places], np.uint64))
    keys, phashes = (_sorted(found) for found in (exact, near))
    return Columns(*keys, *phashes, tuple(name for name, _ in sources))


def _chunks(entries: Iterable[tuple[int, Entry]], size: int = 50_000) -> Iterator[list[tuple[int, Entry]]]:
    chunk: list[tuple[int, Entry]] = []
    for found in entries:
        chunk.append(found)
        if len(chunk) == size:
            yield chunk
            chunk = []
    yield chunk


def _sorted(found: list[npt.NDArray[np.uint64]]) -> tuple[Words, Places]:
    values, places = np.concatenate(found, axis=1) if found else np.empty((2, 0), np.uint64)
    order = np.lexsort((places, values))
    values, first = np.unique(values[order], return_index=True)
    return values, places[order][first].astype(np.int64)


class SuppressionTable:
    """A list, ready to be asked. Answers are evidence (what is named, and where that stands) or an empty text."""

    def __init__(self, held: Columns, radius: int) -> None:
        """Take the columns; ``radius`` is how many of 64 bits a pHash may differ from one on the list."""
        self._held = held
        self._near = _NearHashes(held.phashes, radius)

    def url(self, url: str) -> str:
        """Say whether ``url``, its host or a parent of that is named; what cannot be requested is not."""
        normal = normalize(url)
        if normal is None:
            return ""
        found = self._find("url", _without_scheme(normal))
        host = host_of(normal)
        while host and not found:
            found = self._find("host", host)
            host = host.partition(".")[2]
        return found

    def image(self, digests: Iterable[str], phash: str) -> str:
        """Say whether an image is named by one of its sha256 ``digests`` or by its pHash; empty texts are unknown."""
        found = next((named for digest in digests if digest and (named := self._find("sha256", digest))), "")
        if not found and phash:
            row, distance = self._near.nearest(int(phash, 16))
            if row >= 0:
                listed = f"{int(self._held.phashes[row]):016x}"
                bits = f", {distance} bits from {phash}" if distance else ""
                found = f"phash {listed}{bits} ({self._where(int(self._held.phash_places[row]))})"
        return found

    def has(self, evidence: str) -> bool:
        """Tell whether the list still names an image that an earlier answer of `image` was ``evidence`` against."""
        kind, _, rest = evidence.partition(" ")
        value = rest.partition(" ")[0].rstrip(",")
        return bool(self.image((value,), "") if kind == "sha256" else kind == "phash" and self.image((), value))

    def _find(self, kind: str, value: str) -> str:
        key = np.uint64(_key(kind, value))
        row = int(np.searchsorted(self._held.keys, key))
        if row == len(self._held.keys) or self._held.keys[row] != key:
            return ""
        return f"{kind} {value} ({self._where(int(self._held.key_places[row]))})"

    def _where(self, place: int) -> str:
        return f"{self._held.sources[place >> _LINE_BITS]}:{place & ((1 << _LINE_BITS) - 1)}"


class _NearHashes:
    """Finds the nearest of many 64-bit hashes within a radius: of radius + 1 bands of bits, one must be equal.

    `hamming.near_in` is made for many questions at once. Asked one at a time, as a fetch does, it takes 5 to 45 times
    as long (radius 6: 1.1 ms against 0.04 ms of 1,000 hashes, 6.4 against 1.3 of a million, measured).
    """

    def __init__(self, hashes: Words, radius: int) -> None:
        self._hashes = hashes
        self._radius = radius
        self._bits = min(64 // (radius + 1), _MOST_BAND_BITS)
        self._bands = []
        for number in range(radius + 1):
            keys = (hashes >> np.uint64(number * self._bits) & np.uint64((1 << self._bits) - 1)).astype(np.int64)
            order = np.argsort(keys, kind="stable").astype(np.int32)
            self._bands.append((order, np.searchsorted(keys[order], np.arange((1 << self._bits) + 1))))

    def nearest(self, value: int) -> tuple[int, int]:
        """Return (row, distance in bits) of the nearest hash, of several the first; (-1, 0) where none is near."""
        rows = []
        for number, (order, starts) in enumerate(self._bands):
            key = value >> number * self._bits & (1 << self._bits) - 1
            rows.append(order[starts[key] : starts[key + 1]])
        candidates = np.concatenate(rows)
        if candidates.size == 0:
            return -1, 0
        distances = np.bitwise_count(self._hashes[candidates] ^ np.uint64(value))
        distance = int(distances.min())
        return (int(candidates[distances == distance].min()), distance) if distance <= self._radius else (-1, 0)
