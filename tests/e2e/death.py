"""Runs of the command line that are killed at a named point, or that note every point they pass.

Each run is a process of its own, forked from one that has everything loaded, so that it begins in milliseconds. What a
point is made of is what the run asks of the operating system: a file is made, synced, named, linked, removed. So no
line of the product knows that it is watched.
"""

import gc
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from filters import morphology
from pipelines import cli, decoder, saved, tar, warc

NOT_REACHED = 77
"""Exit code of a run that was about to commit its stage without having come to the point at which it was to die."""
SAVE_ROWS = 3
TIMEOUT = 120  # seconds a run may take; it is killed by SIGALRM then
ROOT = Path(__file__).parents[2]


class Point(NamedTuple):
    """A point of a run: ``before`` or ``after`` something is done to a path below the output folder.

    ``stage`` is the stage in which it lies, empty where that is none.
    """

    when: str
    what: str
    path: str
    stage: str = ""

    def is_at(self, event):
        when, what, path = event
        return (when, what) == (self.when, self.what) and re.search(self.path, path) is not None


class _Watch:
    """Tells ``seen`` of everything that is done to a file below ``out``, before and after."""

    def __init__(self, out, seen):
        self._out = os.path.realpath(out) + "/"
        self._seen = seen
        for name in ("replace", "rename", "link"):
            self._wrap(os, name, name, lambda source, target, **_: target)
        for name in ("unlink", "rmdir"):
            self._wrap(os, name, "remove", self._removed)
        self._wrap(os, "fsync", "sync", self._opened)
        self._wrap(tar.TarWriter, "add", "image", lambda writer, *_: self._opened(writer._file.fileno()))
        self._wrap(warc.WarcWriter, "_append", "page", lambda writer, *_: self._opened(writer._file.fileno()))
        self._wrap(decoder, "_spawn", "start", lambda *_: f"{self._out}decoder")

    @staticmethod
    def _opened(handle):
        return os.readlink(f"/proc/self/fd/{handle}")

    def _removed(self, path, *, dir_fd=None):
        return os.path.join(self._opened(dir_fd), path) if dir_fd is not None else path

    def _wrap(self, owner, name, what, path_of):
        real = getattr(owner, name)

        def watched(*arguments, **named):
            path = os.path.realpath(path_of(*arguments, **named))
            if not path.startswith(self._out):
                return real(*arguments, **named)
            self._seen("before", what, path[len(self._out) :])
            result = real(*arguments, **named)
            self._seen("after", what, path[len(self._out) :])
            return result

        setattr(owner, name, watched)


class Killer:
    """Kills this process at the ``call``-th time that it comes to ``point``."""

    def __init__(self, point, call):
        self._point = point
        self._left = call
        self._lock = threading.Lock()
        self._end = Point("before", "replace", rf"^stages/{point.stage}-\w+/manifest")

    def __call__(self, *event):
        with self._lock:
            if self._point.is_at(event):
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            if self._point.stage and self._point.path != self._end.path and self._end.is_at(event):
                os._exit(NOT_REACHED)


def _run(request):
    """Be one run, in a session of its own; never return."""
    os.setsid()
    signal.alarm(TIMEOUT)
    null, said = os.open(os.devnull, os.O_RDONLY), os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for handle, place in ((null, 0), (said, 1), (said, 2)):
        os.dup2(handle, place)
    saved.ROWS = SAVE_ROWS
    sys.argv = ["harubang", *request["arguments"]]
    events = []
    if request["point"] is None:
        _Watch(request["arguments"][-1], lambda *event: events.append(event))
    else:
        _Watch(request["arguments"][-1], Killer(Point(*request["point"]), request["call"]))
    code = 0
    try:
        cli.main()
    except SystemExit as leave:
        code = leave.code
    Path(request["log"]).with_suffix(".json").write_text(json.dumps(events))
    os._exit(code)


def main():
    """Fork a run for each line that asks for one, and answer with its process and how it ended."""
    morphology.SHORT_CHARACTERS = sys.maxsize  # a fork has none of the threads that long texts are handed to
    morphology.analyze(["제주 돌하르방"])
    gc.freeze()
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            _run(json.loads(line))
        _, status = os.waitpid(process, 0)
        sys.stdout.write(json.dumps([process, os.waitstatus_to_exitcode(status)]) + "\n")
        sys.stdout.flush()


class Ended(NamedTuple):
    """How a run ended: its exit code, negative for a signal, what it said, and the processes that it left behind."""

    code: int
    said: str
    left: list[str]


class Deaths:
    """Runs into output folders, one at a time, each in a process of its own."""

    def __init__(self, folder):
        self._log = folder / "run.log"
        command = [sys.executable, "-m", __name__]
        self._server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stdin.close()
        self._server.wait(20)
        self._server.stdout.close()

    def run(self, *arguments, point=None, call=0):
        """Run to the end, or until the ``call``-th time at ``point``. The output folder is the last argument."""
        words = ["run", *map(str, arguments)]
        request = {"arguments": words, "log": str(self._log), "point": point, "call": call}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        process, code = json.loads(self._server.stdout.readline())
        return Ended(code, self._log.read_text(), left_by(process))

    def events(self):
        """Return the points that the last run passed, which was not to die."""
        return [tuple(event) for event in json.loads(self._log.with_suffix(".json").read_text())]


def left_by(session):
    """Return the commands of the processes of a session that still run after 10 s."""
    deadline = time.monotonic() + 10
    while True:
        found = [stat[1] for stat in _stats() if int(stat[5]) == session and stat[2] != "Z"]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def _stats():
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                number, rest = (folder / "stat").read_text().split(" (", 1)
                name, rest = rest.rsplit(") ", 1)
                yield [number, name, *rest.split()]


if __name__ == "__main__":
    main()
