"""A pool of decoder processes: hostile images are decoded where they can do no harm, and on every core.

An image that hangs, crashes or exhausts its decoder costs one sample and one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import apache_beam as beam
import msgspec

from pipelines.decoded import Decoded, ImageSettings
from schemas.identity import sha256_hex
from schemas.reasons import Reason

__all__ = ["Decoded", "DecoderPool", "DecodingDoFn", "ImageSettings"]

START_SECONDS: Final = 60.0
"""Longest start of a decoder process. A fresh one needs well under a second; a loaded machine, more."""

MAX_ANSWER_BYTES: Final = 256 * 2**20
_LENGTH_BYTES: Final = 4
_STREAM_LIMIT: Final = 2**22

_LAST_SECONDS: Final = 1.0
"""How long a process may take to be gone after it hung up."""

_SINGLE_THREADED: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""The pool is the parallelism; threads inside a decoder would only fight over its core."""

_KEEPS_MEMORY: Final = {"MALLOC_TRIM_THRESHOLD_": str(2**26), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
"""glibc gives the buffers of a picture back to the kernel, which hands them out again page by page, zeroed: a sixth of
a decoder's time. So a decoder keeps up to 64 MiB (of 16 megapixels and more, nothing)."""


class _Child:
    """One decoder process. It decodes one image at a time.

    It is run by `subprocess` and not by asyncio, whose watcher and whose kill() race to reap a process that has just
    died, and lose its exit code.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, settings: ImageSettings) -> _Child:
        """Start a process and wait until it is ready.

        Raises:
            RuntimeError: it does not come up: the installation is broken, not an image.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = _spawn(settings, theirs)
            except OSError as error:
                ours.close()
                raise RuntimeError(f"the decoder process does not start ({error})") from error
        reader, writer = await asyncio.open_connection(sock=ours, limit=_STREAM_LIMIT)
        child = cls(process, reader, writer)
        try:
            async with asyncio.timeout(START_SECONDS):
                await child._receive()
        except (TimeoutError, EOFError, OSError) as error:
            raise RuntimeError(f"the decoder process does not start ({await child.end()})") from error
        except BaseException:
            await child.end()
            raise
        return child

    async def exchange(self, data: bytes) -> bytes:
        """Send one image and return the answer's bytes.

        Raises:
            EOFError, OSError: the process died.
        """
        # One write, so that the process is not woken for the length alone.
        self._writer.write(len(data).to_bytes(_LENGTH_BYTES, "little") + data)
        await self._writer.drain()
        return await self._receive()

    async def _receive(self) -> bytes:
        size = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "little")
        if size > MAX_ANSWER_BYTES:
            raise EOFError(f"an answer of {size} bytes")
        return await self._reader.readexactly(size)

    async def end(self) -> str:
        """Kill the process if it lives, reap it, and return how it ended: a signal's name or an exit code."""
        self._process.kill()
        self._writer.transport.abort()
        code = await asyncio.to_thread(self._process.wait)
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    async def died(self) -> str:
        """Return how a process ended that hung up; one that hung up and lives on is killed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, _LAST_SECONDS)
        return await self.end()


def _spawn(settings: ImageSettings, end: socket.socket) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(  # noqa: S603  # our own interpreter, our own module
        # -P: the working directory is not a place to import from
        [sys.executable, "-P", "-m", "pipelines.decode_child", msgspec.json.encode(settings).decode()],
        stdin=end.fileno(),
        stdout=end.fileno(),
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_SINGLE_THREADED, **_KEEPS_MEMORY, "PYTHONPATH": paths},
    )


class DecoderPool:
    """Long-lived decoder processes behind one call; an async context manager. Use it in one event loop."""

    def __init__(self, settings: ImageSettings) -> None:
        self._settings = settings
        self._answers = msgspec.msgpack.Decoder(Decoded)
        # A slot is a child that is up or coming up, so that a replacement starts while others work.
        self._idle: asyncio.Queue[asyncio.Task[_Child]] = asyncio.Queue()
        self._slots: set[asyncio.Task[_Child]] = set()

    async def __aenter__(self) -> Self:
        """Start every process.

        Raises:
            RuntimeError: a process does not start.
        """
        for _ in range(self._settings.processes or len(os.sched_getaffinity(0))):
            self._add_slot()
        started = await asyncio.gather(*self._slots, return_exceptions=True)
        failures = [failure for failure in started if isinstance(failure, BaseException)]
        if failures:
            await self._close()
            raise failures[0]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill and reap every process, also those at work."""
        await self._close()

    def _add_slot(self) -> None:
        slot = asyncio.get_running_loop().create_task(_Child.start(self._settings))
        self._slots.add(slot)
        self._idle.put_nowait(slot)

    async def _close(self) -> None:
        for slot in self._slots:
            slot.cancel()
        for outcome in await asyncio.gather(*self._slots, return_exceptions=True):
            if isinstance(outcome, _Child):
                await outcome.end()
        self._slots.clear()

    async def decode(self, data: bytes) -> Decoded:
        """Decode one image; calls made at once share the processes. No image makes it raise.

        Raises:
            RuntimeError: no decoder process starts any more.
        """
        if len(data) > self._settings.max_bytes:
            return self._lost(data, Reason.BODY_TOO_LARGE, f"{len(data)} bytes")
        slot = await self._idle.get()
        healthy = False
        try:
            child = await asyncio.shield(slot)
            try:
                async with asyncio.timeout(self._settings.decode_seconds):
                    decoded = self._answers.decode(await child.exchange(data))
            except TimeoutError:
                return self._lost(data, Reason.DECODER_TIMED_OUT, f"over {self._settings.decode_seconds:g} s")
            except (EOFError, OSError, msgspec.DecodeError) as error:
                detail = str(error) if isinstance(error, msgspec.DecodeError) else await child.died()
                return self._lost(data, Reason.DECODER_CRASHED, detail)
            healthy = decoded.reason not in (Reason.DECODER_CRASHED, Reason.RECORD_RAISED)
            return decoded
        finally:
            if healthy:
                self._idle.put_nowait(slot)
            else:
                await self._replace(slot)

    async def _replace(self, slot: asyncio.Task[_Child]) -> None:
        self._slots.discard(slot)
        self._add_slot()
        if slot.done() and not slot.cancelled() and slot.exception() is None:
            await slot.result().end()

    @staticmethod
    def _lost(data: bytes, reason: Reason, detail: str) -> Decoded:
        return Decoded(reason=reason, detail=detail, raw_sha256=sha256_hex(data))


class DecodingDoFn(beam.DoFn):
    """Decodes images. One event loop and one pool of decoding children serve a worker's life."""

    def __init__(self, settings: ImageSettings) -> None:
        self._settings = settings

    def setup(self) -> None:
        """Start the worker's event loop and its decoding children."""
        self._loop = asyncio.new_event_loop()
        self._pool = self._loop.run_until_complete(DecoderPool(self._settings).__aenter__())

    def teardown(self) -> None:
        """Stop the children."""
        self._loop.run_until_complete(self._pool.__aexit__(None, None, None))
        self._loop.close()
