"""Live progress: workers note how far they are in small files, the driver adds them up and shows one line a stage.

Files, because workers may be other processes. They lie in the attempt's folder and go with it. On an object store,
where each note is a request, they are written more rarely.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self, TextIO

from pipelines import s3, storage

_NOTE_EVERY = 0.5  # seconds between two notes of one worker
_NOTE_REMOTELY_EVERY = 10.0
_LINE_EVERY = 10.0  # seconds between two lines where the output is a file
_FOLDER = "progress"


class Progress(NamedTuple):
    """Finished units of work, and how many of them were finished before this try began."""

    done: int
    reused: int


class ProgressNotes:
    """A worker's count of finished units of work, noted at the most twice a second."""

    def __init__(self, attempt_folder: str) -> None:
        self._path = storage.join(attempt_folder, _FOLDER, f"{os.getpid()}-{uuid.uuid4().hex[:8]}")
        self._every = _NOTE_REMOTELY_EVERY if storage.is_remote(attempt_folder) else _NOTE_EVERY
        self._done = 0
        self._reused = 0
        self._next = 0.0

    def advance(self, number: int = 1) -> None:
        """Count ``number`` more units as done."""
        self._done += number
        if time.monotonic() >= self._next:
            self.flush()

    def reuse(self, number: int) -> None:
        """Count ``number`` units as done before."""
        self._reused += number
        self.advance(number)

    def flush(self) -> None:
        """Write the count down now."""
        self._next = time.monotonic() + self._every
        note = f"{self._done} {self._reused}"
        if storage.is_remote(self._path):
            with suppress(s3.StoreRefused):  # it is only a note: the next may be taken, and work need not end for it
                storage.write_bytes(self._path, note.encode())
            return
        path = Path(self._path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(note, encoding="ascii")


def done_so_far(attempt_folder: str) -> Progress:
    """Return the units that all workers have noted as done."""
    done = reused = 0
    for note in storage.find(storage.join(attempt_folder, _FOLDER, "*")):
        with suppress(FileNotFoundError):  # a commit elsewhere clears the notes away while they are read
            noted = storage.read_bytes(note.path).split()
            if len(noted) == 2:  # else it is being written
                done += int(noted[0])
                reused += int(noted[1])
    return Progress(done, reused)


def describe(stage: str, *, progress: Progress, total: int | None, unit: str, seconds: float) -> str:
    """Return the line of progress: done/total, how many before, rate, and the time left where the total is known."""
    done, reused = progress
    rate = (done - reused) / seconds if seconds > 0 else 0.0
    text = f"{stage:<8} {done:,}" + (f"/{total:,}" if total is not None else "") + f" {unit}"
    if reused:
        text += f" ({reused:,} done before)"
    text += f"  {rate:,.1f}/s  {seconds:,.0f} s"
    if total is not None and rate > 0 and done < total:
        text += f"  {(total - done) / rate:,.0f} s left"
    return text


class ProgressLine:
    """Shows one stage's progress on ``stream`` while the stage runs: a live line on a terminal, else now and then."""

    def __init__(
        self, stage: str, attempt_folder: str, *, total: int | None, unit: str, stream: TextIO | None = None
    ) -> None:
        self._stage = stage
        self._folder = attempt_folder
        self._total = total
        self._unit = unit
        self._stream = stream if stream is not None else sys.stderr
        self._stopped = threading.Event()
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _line(self) -> str:
        seconds = time.monotonic() - self._start
        return describe(
            self._stage, progress=done_so_far(self._folder), total=self._total, unit=self._unit, seconds=seconds
        )

    def _watch(self) -> None:
        live = self._stream.isatty() and not storage.is_remote(self._folder)
        while not self._stopped.wait(_NOTE_EVERY if live else _LINE_EVERY):
            self._stream.write(f"\r\x1b[K{self._line()}" if live else f"{self._line()}\n")
            self._stream.flush()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._stream.write(f"\r\x1b[K{self._line()}\n" if self._stream.isatty() else f"{self._line()}\n")
        self._stream.flush()
