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
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

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
_BUFFER_BYTES: Final = 2**18
_ANSWERS: Final = msgspec.msgpack.Decoder(Decoded)

_LAST_SECONDS: Final = 1.0
"""How long a process may take to be gone after it hung up."""

_SINGLE_THREADED: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""The pool is the parallelism; threads inside a decoder would only fight over its core."""

_KEEPS_MEMORY: Final = {"MALLOC_TRIM_THRESHOLD_": str(2**26), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
"""glibc gives the buffers of a picture back to the kernel, which hands them out again page by page, zeroed: a sixth of
a decoder's time. So a decoder keeps up to 64 MiB (of 16 megapixels and more, nothing)."""


class _Image:
    """An image on its way through the pool."""

    __slots__ = ("answer", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.answer: asyncio.Future[Decoded] = asyncio.get_running_loop().create_future()

    def answered(self, decoded: Decoded) -> None:
        """Hand out what became of it, unless nobody waits for that any more."""
        if not self.answer.done():
            self.answer.set_result(decoded)

    def lost(self, reason: Reason, detail: str) -> None:
        """Hand out that it was lost."""
        self.answered(_lost(self.data, reason, detail))

    def failed(self, error: RuntimeError) -> None:
        """Hand out that no process starts that could decode it."""
        if not self.answer.done():
            self.answer.set_exception(error)


_Left = Callable[["_Child", _Image | None], None]
"""Told which process decodes no more, and at which image it died, where it did."""


class _Child(asyncio.BufferedProtocol):
    """One decoder process. It has one image at a time.

    One sent ahead would save it a wait, and cost more: 7.5 against 6.9 CPU ms an image of 95 kB, at the same speed.

    It is run by `subprocess` and not by asyncio, whose watcher and whose kill() race to reap a process that has just
    died, and lose its exit code.
    """

    def __init__(self, settings: ImageSettings, left: _Left, room: Callable[[], None]) -> None:
        """``left`` is told when the process decodes no more, ``room`` when it may be sent another image."""
        self._settings = settings
        self._left = left
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(_BUFFER_BYTES)
        self._filled = 0
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._begun = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._gone = False
        self.image: _Image | None = None
        """Sent and not answered."""

    async def start(self) -> None:
        """Start the process and wait until it is ready.

        Raises:
            RuntimeError: it does not come up: the installation is broken, not an image.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._transport, _ = await self._loop.create_connection(lambda: self, sock=ours)
            try:
                self._process = _spawn(self._settings, theirs)
            except OSError as error:
                self._ready.cancel()
                self._transport.abort()
                raise RuntimeError(f"the decoder process does not start ({error})") from error
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready
            if self._gone:  # already, before anybody was told that it is there
                raise ConnectionError("hung up")
        except OSError as error:  # it hung up, or takes too long
            raise RuntimeError(f"the decoder process does not start ({await self.end()})") from error
        except BaseException:
            await self.end()
            raise

    def send(self, image: _Image) -> None:
        """Send one image to a process that has none."""
        self.image = image
        self._begin()
        # One write, so that the process is not woken for the length alone.
        self._transport.write(len(image.data).to_bytes(_LENGTH_BYTES, "little") + image.data)

    def _take(self) -> _Image | None:
        image, self.image = self.image, None
        return image

    def _begin(self) -> None:
        """Note that the process begins with an image. One alarm serves many: it is set anew only as it rings."""
        self._begun = self._loop.time()
        if self._alarm is None:
            self._alarm = self._loop.call_at(self._begun + self._settings.decode_seconds, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._gone or self.image is None:
            return
        due = self._begun + self._settings.decode_seconds
        if self._loop.time() < due:
            self._alarm = self._loop.call_at(due, self._ring)
            return
        self.image.lost(Reason.DECODER_TIMED_OUT, f"over {self._settings.decode_seconds:g} s")
        self._leave()

    def _leave(self, culprit: _Image | None = None) -> None:
        self._gone = True
        self._left(self, culprit)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Give room for what the process sends, as asyncio asks for it."""
        if self._filled == len(self._buffer):
            self._buffer = self._buffer + bytes(self._filled)
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what the process sent: the whole answers in it, and the beginning of one."""
        self._filled += nbytes
        start = 0
        while not self._gone and self._filled - start >= _LENGTH_BYTES:
            first = start + _LENGTH_BYTES
            end = first + int.from_bytes(self._buffer[start:first], "little")
            if end - first > MAX_ANSWER_BYTES:
                self._broken(f"an answer of {end - first} bytes")
                return
            if end > self._filled:
                break
            self._frame(memoryview(self._buffer)[first:end])
            start = end
        self._filled -= start
        if self._filled:
            self._buffer[: self._filled] = self._buffer[start : start + self._filled]
        elif len(self._buffer) > _BUFFER_BYTES:
            self._buffer = bytearray(_BUFFER_BYTES)

    def _frame(self, frame: memoryview) -> None:
        if not self._ready.done():
            self._ready.set_result(None)
            return
        try:
            decoded = _ANSWERS.decode(frame)
        except msgspec.DecodeError as error:
            self._broken(str(error))
            return
        image = self._take()
        if image is None:
            self._broken("an answer to nothing")
            return
        image.answered(decoded)
        if decoded.reason in (Reason.DECODER_CRASHED, Reason.RECORD_RAISED):
            self._leave()
            return
        self._room()

    def _broken(self, detail: str) -> None:
        """Lose the image of an answer that is none."""
        image = self._take()
        if image is not None:
            image.lost(Reason.DECODER_CRASHED, detail)
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Learn that the process hung up."""
        if not self._ready.done():
            self._ready.set_exception(ConnectionError("hung up"))
        elif not self._gone:
            self._leave(self._take())

    async def end(self) -> str:
        """Kill the process if it lives, reap it, and return how it ended: a signal's name or an exit code."""
        self._gone = True
        self._process.kill()
        self._transport.abort()
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


def _lost(data: bytes, reason: Reason, detail: str) -> Decoded:
    return Decoded(reason=reason, detail=detail, raw_sha256=sha256_hex(data))


class DecoderPool:
    """Long-lived decoder processes behind one call; an async context manager. Use it in one event loop."""

    def __init__(self, settings: ImageSettings) -> None:
        self._settings = settings
        self._children: list[_Child] = []
        self._waiting: deque[_Image] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._failure: RuntimeError | None = None

    async def __aenter__(self) -> Self:
        """Start every process.

        Raises:
            RuntimeError: a process does not start.
        """
        for _ in range(self._settings.processes or len(os.sched_getaffinity(0))):
            _run(self._add(), self._starting)
        try:
            await asyncio.gather(*self._starting)
            if self._failure is not None:
                raise self._failure
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill and reap every process, also those at work."""
        await self._close()

    async def _close(self) -> None:
        for child in self._children:
            if child.image is not None:
                child.image.lost(Reason.DECODER_CRASHED, "the pool was closed")
            _run(self._bury(child, None), self._ending)
        self._children.clear()
        for image in self._waiting:
            image.answer.cancel()
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, *self._ending, return_exceptions=True)

    async def decode(self, data: bytes) -> Decoded:
        """Decode one image; calls made at once share the processes. No image makes it raise.

        Raises:
            RuntimeError: no decoder process starts any more.
        """
        if len(data) > self._settings.max_bytes:
            return _lost(data, Reason.BODY_TOO_LARGE, f"{len(data)} bytes")
        if self._failure is not None:
            raise self._failure
        image = _Image(data)
        self._waiting.append(image)
        self._feed()
        return await image.answer

    def _feed(self) -> None:
        """Send what waits to the processes that have nothing to do."""
        idle = [child for child in self._children if child.image is None]
        while self._waiting and idle:
            image = self._waiting.popleft()
            if not image.answer.done():  # else nobody waits for it any more
                idle.pop(0).send(image)

    async def _add(self) -> None:
        child = _Child(self._settings, self._replace, self._feed)
        try:
            await child.start()
        except RuntimeError as error:
            self._failure = error
            for image in self._waiting:
                image.failed(error)
            self._waiting.clear()
            return
        self._children.append(child)
        self._feed()

    def _replace(self, child: _Child, culprit: _Image | None) -> None:
        """Have another process in the place of ``child``, which died at ``culprit``."""
        if child not in self._children:  # it died as the pool was closed, which ends it
            return
        self._children.remove(child)
        _run(self._bury(child, culprit), self._ending)
        _run(self._add(), self._starting)

    async def _bury(self, child: _Child, culprit: _Image | None) -> None:
        if culprit is None:
            await child.end()
        else:
            culprit.lost(Reason.DECODER_CRASHED, await child.died())


def _run(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    """Run ``work`` as one of ``tasks``."""
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


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
