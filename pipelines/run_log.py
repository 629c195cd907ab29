"""The log of a run: one JSON object a line, a line for every unit of work and every stage.

It lies in ``DIR/log/``, one file a run, on an object store too: there nothing can be appended to, so the file is put
anew, whole, at the end of each job and stage. The lines of units come with their reports, through the engine, so that
they are there whatever machine did the work, and those of a unit that was done twice once.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from pipelines import storage
from pipelines.parts import Tally, Work
from pipelines.s3 import StoreRefused

FOLDER = "log"


class RunLog:
    """What one run has logged. ``stream`` gets each line as it comes."""

    def __init__(self, out: str, *, stream: TextIO | None = None) -> None:
        self.run = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        self.path = storage.join(out, FOLDER, f"{self.run}.jsonl")
        self.stream = stream
        self._lines: list[bytes] = []

    def add(self, event: str, fields: Mapping[str, Any], *, at: float | None = None) -> None:
        """Add a line; ``at`` is in seconds since 1970, now by default."""
        moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
        said = {"at": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z", "run": self.run, "event": event}
        line = msgspec.json.encode({**said, **fields}) + b"\n"
        self._lines.append(line)
        if self.stream is not None:
            self.stream.write(line.decode())
            self.stream.flush()

    def add_work(self, work: Iterable[Work], job: Mapping[str, Any]) -> None:
        """Add a line for each unit of work of a job, in the order they ended. ``job`` are the fields that name it."""
        for unit in sorted(work, key=lambda unit: (unit.ended, unit)):
            fields = {
                "step": unit.step,
                "partition": unit.partition,
                "seconds": unit.took / 1000,
                "rows": plain(unit.rows),
                "bytes": plain(unit.sizes),
                "counts": plain(unit.tallies),
            }
            self.add("unit", {**job, **fields}, at=unit.ended / 1000)

    def write(self) -> None:
        """Put all lines so far.

        Raises:
            OSError, StoreRefused: they cannot be written; they are kept for the next time.
        """
        storage.write_bytes(self.path, b"".join(self._lines))

    def write_if_possible(self) -> None:
        """Put all lines so far; where that fails they go with the next, and work need not end for it."""
        with suppress(OSError, StoreRefused):
            self.write()


def plain(tallies: Iterable[Tally]) -> dict[str, int]:
    """Return tallies as a mapping."""
    return {tally.heading: tally.number for tally in tallies}
