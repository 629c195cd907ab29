"""Content identities: canonical JSON, digests, fingerprints and candidate ids.

Nothing here depends on the clock, the process or Python's salted ``hash()``, so that the same content has the same
name in every run and on every engine.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

type_error_hint: Final = "only None, bool, int, float, str, list, tuple and str-keyed dict have a canonical form"

CANDIDATE_ID_HEX: Final = 32
"""Length of a candidate id in hex digits (128 bits): no collision is expected below 10^18 candidates."""


def canonical_json(value: object) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, UTF-8 as is.

    Raises:
        TypeError: ``value`` holds something without a canonical form (a set, bytes, an object).
        ValueError: ``value`` holds NaN or an infinity.
    """
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _check(value: object) -> None:
    if value is None or isinstance(value, bool | int | float | str):
        return
    if isinstance(value, list | tuple):
        for item in value:
            _check(item)
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"dict key {key!r}: {type_error_hint}")
            _check(item)
        return
    raise TypeError(f"{type(value).__name__}: {type_error_hint}")


def sha256_hex(data: bytes) -> str:
    """Return the sha256 of ``data`` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def fingerprint(value: object) -> str:
    """Return the sha256 (64 hex digits) of the canonical JSON of ``value``."""
    return sha256_hex(canonical_json(value).encode("utf-8", "surrogatepass"))


def candidate_id(*, image_url: str, page_url: str, source_digest: str) -> str:
    """Return the id of the candidate that shows ``image_url`` on ``page_url``, as read from ``source_digest``.

    The same page captured twice with the same bytes gives the same id; a changed page gives a new one.
    """
    return fingerprint([image_url, page_url, source_digest])[:CANDIDATE_ID_HEX]


def partition_of(key: str, partitions: int) -> int:
    """Return the partition, in ``range(partitions)``, that ``key`` falls into by its sha256."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big") % partitions
