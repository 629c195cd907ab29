"""Holding an output folder, so that two runs cannot write into it at once.

On the local disk the operating system holds the lock and drops it with its process. An object store has nothing like
it, so there the lock is an object with a lease: made by a conditional put, written anew every `RENEW_EVERY` seconds,
and anybody's once the server's clock says that it is older than `LEASE`. A server that takes no conditional puts has
no lock: the run says so and goes on. No data hangs on it: every file is named by its content and every attempt by
chance, so two runs at once would waste work and clear each other's attempts away, and fail.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click
import msgspec

from pipelines import s3, storage
from pipelines.errors import InputRefused, StageFailed

FILE = ".lock"
LEASE = timedelta(seconds=60)
"""Age at which a lock that was not renewed is taken to be of a run that died elsewhere."""
RENEW_EVERY = 15.0
"""Seconds between two renewals."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock: the machine, its process-number space since it was started, the process, a word of its own."""

    host: str
    space: str
    process: int
    started: str
    token: str

    def is_dead(self) -> bool:
        """Tell whether the holder is known to be gone: a process of this very machine that is no more."""
        return self.space == _space() and _started(self.process) != self.started


def _space() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _started(process: int) -> str:
    """Return when a process was started, in the kernel's ticks; empty where there is none. Numbers are used again."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _me() -> Holder:
    process = os.getpid()
    return Holder(
        host=socket.gethostname(),
        space=_space(),
        process=process,
        started=_started(process),
        token=secrets.token_hex(8),
    )


class Lease:
    """A lock object that this process holds. `lost` is set when somebody else has taken it."""

    def __init__(self, path: str, data: bytes, version: str) -> None:
        self._path = path
        self._data = data
        self._version = version
        self._stop = threading.Event()
        self.lost = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_EVERY):
            try:
                self._version = s3.put(self._path, self._data, only_if=self._version)
            except s3.Changed:
                self.lost.set()
                return
            except s3.StoreRefused:
                continue  # the stage that is at work meets the same failure and reports it

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if not self.lost.is_set():
            s3.delete([self._path])

    def check(self) -> None:
        """Raise `StageFailed` if somebody else has taken the lock: this process was stopped or cut off for too long."""
        if self.lost.is_set():
            raise StageFailed(f"{self._path}: another run has taken the folder; this one ends")


@contextmanager
def locked(out: str) -> Iterator[Lease | None]:
    """Hold the output folder; what is yielded on an object store tells whether it is still held.

    Raises:
        InputRefused: another run holds it, or it cannot be written to.
    """
    if storage.is_remote(out):
        lease = _lease(out)
        if lease is None:
            yield None
            return
        with lease:
            yield lease
        return
    with _local(out):
        yield None


@contextmanager
def _local(out: str) -> Iterator[None]:
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        handle = (Path(out) / FILE).open("w")
    except OSError as error:
        raise InputRefused(f"--out {out}: cannot be written to ({error.strerror}); choose another folder") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputRefused(f"--out {out}: another run is at work there; wait for it or stop it") from error
        yield


def _lease(out: str) -> Lease | None:
    """Take the lock object; None where the server knows no conditional puts."""
    path = storage.join(out, FILE)
    data = msgspec.json.encode(_me())
    try:
        version = s3.put(path, data, only_if=_condition(out, path))
    except s3.Changed as error:
        found = s3.head(path)
        if found is not None and s3.read(path) == data:  # a first answer was lost, and the retry met our own object
            return Lease(path, data, found.etag)
        raise InputRefused(f"--out {out}: another run has just begun there; wait for it or stop it") from error
    except s3.StoreRefused as error:
        if "NotImplemented" not in str(error):
            raise
        click.echo(f"harubang: {out}: this object store has no locks; let no other run write there", err=True)
        return None
    return Lease(path, data, version)


def _condition(out: str, path: str) -> str:
    """Return the condition to take the lock by: there is none, or it is still the one of a run that died."""
    found = s3.head(path)
    if found is None:
        return s3.ABSENT
    try:
        holder = msgspec.json.decode(s3.read(path), type=Holder)
    except (FileNotFoundError, msgspec.MsgspecError):
        holder = None
    age = found.now - found.modified
    if age < LEASE and (holder is None or not holder.is_dead()):
        who = f"process {holder.process} on {holder.host}" if holder is not None else "a run that does not say who"
        left = int((LEASE - age).total_seconds()) + 1
        raise InputRefused(
            f"--out {out}: another run is at work there ({who}); wait for it or stop it"
            f" (if it died, its lock ends in {left} s)"
        )
    return found.etag
