"""Live progress: workers note how far they are in small files, the driver adds them up and shows one line a stage.

Files, because workers may be other processes. They lie in the attempt's folder and go with it. On an object store,
where each note is a request, they are written more rarely. What is to be done in all, the driver notes beside them, so
that anybody who looks at the folder can tell how far a job is.
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

import msgspec

from pipelines import s3, storage
from pipelines.unit_of_work import count

_NOTE_EVERY = 0.5  # seconds between two notes of one worker
_NOTE_REMOTELY_EVERY = 10.0
_LINE_EVERY = 10.0  # seconds between two lines where the output is a file
_FOLDER = "progress"
_JOB = "job.json"


class Job(NamedTuple):
    """What one Beam job of a stage has to do: ``total`` of ``unit`` in at most so many ``partitions``, where known.

    ``started`` is in seconds since 1970.
    """

    label: str
    total: int | None
    unit: str
    partitions: int | None
    started: float


class Progress(NamedTuple):
    """Records done, how many of them were done before this try began, and units of work (partitions) finished."""

    done: int
    reused: int
    partitions: int


class Pace(NamedTuple):
    """Records a second since a job began, without those that were done before, and the seconds left at that rate.

    ``left`` is None where the total or the rate is not known.
    """

    rate: float
    left: float | None


class ProgressNotes:
    """A unit of work's count of finished records, noted at the most twice a second."""

    def __init__(self, attempt_folder: str) -> None:
        self._path = storage.join(attempt_folder, _FOLDER, f"{os.getpid()}-{uuid.uuid4().hex[:8]}")
        self._every = _NOTE_REMOTELY_EVERY if storage.is_remote(attempt_folder) else _NOTE_EVERY
        self._done = 0
        self._reused = 0
        self._counted = 0
        self._next = 0.0

    def advance(self, number: int = 1) -> None:
        """Count ``number`` more records as done."""
        self._done += number
        if time.monotonic() >= self._next:
            self._write(finished=0)

    def reuse(self, number: int) -> None:
        """Count ``number`` records as done before."""
        self._reused += number
        self.advance(number)

    def finish(self) -> None:
        """Note that the unit of work is done."""
        self._write(finished=1)

    def _write(self, *, finished: int) -> None:
        self._next = time.monotonic() + self._every
        count("done", self._done - self._counted)
        self._counted = self._done
        note = f"{self._done} {self._reused} {finished}"
        if storage.is_remote(self._path):
            with suppress(s3.StoreRefused):  # it is only a note: the next may be taken, and work need not end for it
                storage.write_bytes(self._path, note.encode())
            return
        path = Path(self._path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(note, encoding="ascii")


def begin_job(attempt_folder: str, job: Job) -> None:
    """Note what a job has to do, and clear away what the attempt's job before it noted."""
    storage.remove_tree(storage.join(attempt_folder, _FOLDER))
    storage.write_bytes(storage.join(attempt_folder, _JOB), msgspec.json.encode(job))


def job_at_work(attempt_folder: str) -> Job | None:
    """Return the last job that was begun in an attempt, or None where there is none, or its note is being cleared."""
    with suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode(storage.read_bytes(storage.join(attempt_folder, _JOB)), type=Job)
    return None


def done_so_far(attempt_folder: str) -> Progress:
    """Return what all units of work have noted as done."""
    sums = [0, 0, 0]
    for note in storage.find(storage.join(attempt_folder, _FOLDER, "*")):
        with suppress(FileNotFoundError):  # a commit elsewhere clears the notes away while they are read
            noted = storage.read_bytes(note.path).split()
            if len(noted) == len(sums):  # else it is being written
                sums = [known + int(more) for known, more in zip(sums, noted, strict=True)]
    return Progress(*sums)


def pace(progress: Progress, total: int | None, seconds: float) -> Pace:
    """Return how fast a job is that has run for ``seconds``, and how long it still needs."""
    rate = (progress.done - progress.reused) / seconds if seconds > 0 else 0.0
    known = total is not None and rate > 0 and progress.done < total
    return Pace(rate, (total - progress.done) / rate if known and total is not None else None)


def describe(job: Job, progress: Progress, seconds: float) -> str:
    """Return the line of progress: done/total, how many before, rate, and the time left where the total is known."""
    text = f"{job.label:<8} {progress.done:,}" + (f"/{job.total:,}" if job.total is not None else "") + f" {job.unit}"
    if progress.reused:
        text += f" ({progress.reused:,} done before)"
    rate, left = pace(progress, job.total, seconds)
    text += f"  {rate:,.1f}/s  {seconds:,.0f} s"
    return text + (f"  {left:,.0f} s left" if left is not None else "")


class ProgressLine:
    """Shows one job's progress on ``stream`` while it runs: a live line on a terminal, else now and then.

    Nothing is said where it is not to be ``shown``.
    """

    def __init__(self, job: Job, attempt_folder: str, *, shown: bool = True, stream: TextIO | None = None) -> None:
        self._job = job
        self._folder = attempt_folder
        self._shown = shown
        self._stream = stream if stream is not None else sys.stderr
        self._stopped = threading.Event()
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _line(self) -> str:
        return describe(self._job, done_so_far(self._folder), time.monotonic() - self._start)

    def _watch(self) -> None:
        live = self._stream.isatty() and not storage.is_remote(self._folder)
        while not self._stopped.wait(_NOTE_EVERY if live else _LINE_EVERY):
            self._stream.write(f"\r\x1b[K{self._line()}" if live else f"{self._line()}\n")
            self._stream.flush()

    def __enter__(self) -> Self:
        if self._shown:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._shown:
            return
        self._stopped.set()
        self._thread.join()
        self._stream.write(f"\r\x1b[K{self._line()}\n" if self._stream.isatty() else f"{self._line()}\n")
        self._stream.flush()
