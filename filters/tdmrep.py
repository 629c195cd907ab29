"""TDMRep, the W3C community group's Text and Data Mining Reservation Protocol (final report of 10 May 2024).

A reservation is stated in ``/.well-known/tdmrep.json``, in a ``tdm-reservation`` header, or in a meta of that name;
the header supersedes the file and the meta supersedes the header. Values other than 0 and 1 state nothing, and what
states nothing never resets an earlier statement.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from filters.path_pattern import matches
from schemas.records import Consent

WELL_KNOWN: Final = "/.well-known/tdmrep.json"
FILE_CHANNEL: Final = "tdmrep-file"
HEADER_CHANNEL: Final = "tdmrep-header"
META_CHANNEL: Final = "tdmrep-meta"
NAME: Final = "tdm-reservation"


class Reservation(NamedTuple):
    """One entry of the well-known file: a path pattern, and True (reserved), False (not) or None (states nothing)."""

    location: str
    reserved: bool | None


_VALUE: Final = re.compile(r"\s*[\"']?\s*([01])\s*[\"']?\s*(?:;.*)?", re.DOTALL)
_WITH_ORIGIN: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


def _value(value: object) -> bool | None:
    """Return what a value states; quotes around it and parameters after it do not matter."""
    found = _VALUE.fullmatch(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    return found[1] == "1" if found is not None else None


def _location(text: str) -> str:
    """Return a location as the path pattern that it means, where it is written as a URL or without its first slash."""
    path = _WITH_ORIGIN.sub("", text.strip(), count=1)
    return path if not path or path.startswith(("/", "*")) else f"/{path}"


def parse(body: bytes) -> tuple[Reservation, ...]:
    """Return the entries of a well-known file, in order.

    Raises:
        ValueError: it is not a JSON array of objects with a ``location`` text; whoever asks must take that for a
            refusal, since the site meant to say something.
    """
    try:
        entries: Any = json.loads(body.decode("utf-8-sig"))
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list):
        raise ValueError("not an array")
    found = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("location"), str):
            raise ValueError("an entry without a location")
        found.append(Reservation(_location(entry["location"]), _value(entry.get(NAME))))
    return tuple(found)


def file_reservation(entries: Iterable[Reservation], target: str) -> Reservation | None:
    """Return the first entry that matches ``target`` (path and query) and states something, or None."""
    for entry in entries:
        if entry.reserved is not None and matches(entry.location, target):
            return entry
    return None


def consent(from_file: Reservation | None, headers: Iterable[str], metas: Iterable[tuple[str, str]]) -> Consent | None:
    """Return what TDMRep says of one resource by the channel that supersedes the others, or None if nothing.

    Args:
        from_file: the entry that `file_reservation` found.
        headers: the values of the response's ``tdm-reservation`` lines.
        metas: the page's metas as (name, content).
    """
    named = [text for name, text in metas if name.strip().lower() == NAME]
    # A header folded by a proxy reads "0, 1": each value counts, and one reservation among equals reserves.
    lines = [part for line in headers for part in line.split(",")]
    for channel, texts in ((META_CHANNEL, named), (HEADER_CHANNEL, lines)):
        stated = [value for text in texts if (value := _value(text)) is not None]
        if stated:
            return Consent(channel, ", ".join(text.strip() for text in texts), allowed=not any(stated))
    if from_file is not None and from_file.reserved is not None:
        entry = f"{from_file.location} {NAME}={int(from_file.reserved)}"
        return Consent(FILE_CHANNEL, entry, allowed=not from_file.reserved)
    return None
