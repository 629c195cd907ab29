"""Work that is finished inside a stage, saved as it goes, so that a run that dies loses little of it.

A unit of work that asks the network (a host group) publishes what it has every so often into
``stages/<stage>-<fingerprint8>/saved/<unit>/``: its files first, then one record that lists them with sha256 and rows.
The folder's name holds the fingerprint and the unit's, so nothing else can take it for its own. A unit that begins
reads the records, takes every one whose files are all there with the bytes it says, and does the rest. What is listed
by the stage's manifest in the end stays; the commit clears the rest away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from pipelines import storage
from pipelines.parts import AttemptPlace, Part, read_rows
from schemas.identity import sha256_hex
from schemas.reasons import Reason, is_transient

_REFUSALS = frozenset({Reason.OPTED_OUT, Reason.PAGE_OPTED_OUT, Reason.OPT_OUT_LISTED, Reason.ROBOTS_DISALLOWED})

Row = TypeVar("Row", bound=NamedTuple)

FOLDER = "saved"

ROWS = 1_000
"""URLs a unit works off between two saves."""
BYTES = 64 << 20
"""Bytes a unit stores between two saves."""
SECONDS = 30.0
"""Time between two saves of a unit. A unit that is killed loses what it did since the last: the least of the three."""


class Due:
    """Tells when a unit is to save again."""

    def __init__(self) -> None:
        self._rows = 0
        self._bytes = 0
        self._start = time.monotonic()

    def count(self, stored: int) -> bool:
        """Count one more URL of which ``stored`` bytes are kept; return whether it is time to save."""
        self._rows += 1
        self._bytes += stored
        return self._rows >= ROWS or self._bytes >= BYTES or time.monotonic() - self._start >= SECONDS


def place_of(place: AttemptPlace, unit: str) -> AttemptPlace:
    """Return where the saved work of ``unit`` lies: it is the stage's, not the attempt's."""
    return AttemptPlace(place.folder, f"{FOLDER}/{unit}")


def save(place: AttemptPlace, parts: list[Part]) -> None:
    """Publish the record of ``parts``, whose files are published already."""
    data = msgspec.json.encode(parts)
    storage.write_bytes(storage.join(place.path, f"record-{sha256_hex(data)[:12]}.json"), data)


def records(place: AttemptPlace) -> list[list[Part]]:
    """Return what was saved at ``place``, in the order of the records' names.

    A record that cannot be read, or a file of which is missing or differs, is left out: its work is done again.
    """
    whole: dict[Part, bool] = {}
    found = []
    for path in storage.below(place.path, "record-*.json"):
        try:
            parts = msgspec.json.decode(storage.read_bytes(path), type=list[Part])
        except msgspec.MsgspecError:
            continue
        for part in parts:
            if part not in whole:
                whole[part] = is_whole(storage.join(place.folder, part.path), part)
        if all(whole[part] for part in parts):
            found.append(parts)
    return found


def untaken(
    place: AttemptPlace, table: str, record: type[Row], url_of: Callable[[Row], str], missing: set[str]
) -> Iterator[tuple[list[Row], list[Part]]]:
    """Yield the rows of ``table`` and the parts of each record all of whose URLs are still ``missing``.

    Two bundles may have done the same work: who takes a record takes its URLs from ``missing`` before the next.
    """
    for parts in records(place):
        listed = next(part for part in parts if part.table == table)
        rows = list(read_rows(storage.join(place.folder, listed.path), record))
        if missing.issuperset(map(url_of, rows)):
            yield rows, parts


def stands(reason: str, http_status: int | None) -> bool:
    """Tell whether the end of a URL in an earlier stage stands for a new one, which is then not asked for.

    Not where it failed for a transient reason, nor where it was refused: of that `pipelines.refusals` keeps what is
    never asked for again, and the rest is for the robots.txt (RFC 9309, section 2.4, lets a day's be believed), the
    site's other files and the opt-out list of today to say anew, before a request.
    """
    return reason not in _REFUSALS and not is_transient(reason, http_status)


def is_whole(path: str, part: Part) -> bool:
    """Tell whether the file ``path`` has the bytes that ``part`` says."""
    try:
        return storage.hash_file(path) == (part.size, part.sha256)
    except OSError:
        return False
