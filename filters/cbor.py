"""Reading CBOR (RFC 8949) from hostile bytes: bounded in depth and in items, with one kind of error."""

from __future__ import annotations

import struct
from typing import Any, Final

MAX_DEPTH: Final = 32
MAX_ITEMS: Final = 20_000
"""Of one document, keys and values counted; the assertions that are read here have under a hundred."""

_BREAK: Final = object()
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}
_SIMPLE: Final = {20: False, 21: True, 22: None, 23: None}


def loads(data: bytes) -> Any:
    """Return the first data item of ``data`` as plain Python values; tags are dropped, what follows is not read.

    Raises:
        ValueError: it is cut off, not well-formed, nested deeper than `MAX_DEPTH`, of more than `MAX_ITEMS` items, or
            has a map with a key that is neither text nor number.
    """
    item = _Reader(data).item(0)
    if item is _BREAK:
        raise ValueError("a break outside of an indefinite item")
    return item


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._items = 0

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise ValueError("cut off")
        self._at += size
        return taken

    def item(self, depth: int) -> Any:
        self._items += 1
        if depth > MAX_DEPTH or self._items > MAX_ITEMS:
            raise ValueError("too deep" if depth > MAX_DEPTH else "too many items")
        head = self._take(1)[0]
        major, low = head >> 5, head & 31
        if major == 7:
            return self._simple(low)
        if low in (28, 29, 30) or (low == 31 and major in (0, 1, 6)):
            raise ValueError(f"reserved head 0x{head:02x}")
        size = None if low == 31 else low if low < 24 else int.from_bytes(self._take(1 << (low - 24)), "big")
        if major in (2, 3):
            return self._string(major, size)
        if major == 4:
            return list(self._members(size, depth))
        if major == 5:
            return self._map(size, depth)
        if major == 6:
            return self.item(depth + 1)
        assert size is not None
        return size if major == 0 else -1 - size

    def _simple(self, low: int) -> Any:
        if low == 31:
            return _BREAK
        if low in _FLOATS:
            return struct.unpack(_FLOATS[low], self._take(1 << (low - 24)))[0]
        value = self._take(1)[0] if low == 24 else low
        if low > 24:
            raise ValueError(f"reserved simple value {low}")
        return _SIMPLE.get(value, value)

    def _string(self, major: int, size: int | None) -> bytes | str:
        if size is not None:
            raw = self._take(size)
        else:
            pieces = []
            while (head := self._take(1)[0]) != 0xFF:
                if head >> 5 != major or head & 31 > 27:
                    raise ValueError("a piece of a string that is none")
                low = head & 31
                length = low if low < 24 else int.from_bytes(self._take(1 << (low - 24)), "big")
                pieces.append(self._take(length))
            raw = b"".join(pieces)
        return raw if major == 2 else raw.decode()  # UnicodeDecodeError is a ValueError

    def _members(self, size: int | None, depth: int) -> list[Any]:
        found: list[Any] = []
        while size is None or len(found) < size:
            member = self.item(depth + 1)
            if member is _BREAK:
                if size is None:
                    break
                raise ValueError("a break in a definite item")
            found.append(member)
        return found

    def _map(self, size: int | None, depth: int) -> dict[Any, Any]:
        flat = self._members(None if size is None else 2 * size, depth)
        if len(flat) % 2:
            raise ValueError("a key without a value")
        if not all(isinstance(key, str | int | float) for key in flat[::2]):
            raise ValueError("a key that is neither text nor number")
        return dict(zip(flat[::2], flat[1::2], strict=True))
