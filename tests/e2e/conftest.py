"""A finished run of the demo, made once for all tests that look at its outcome, and a way to run the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from pipelines.cli import main

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "workflows" / "demo.yaml"


def harubang(*arguments, timeout=300, stdin=b""):
    """Run the command line in a process of its own and return it with its output as text."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )


def root_of(out):
    return json.loads((Path(out) / "dataset" / "manifest.json").read_bytes())["root"]


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def call(capfd, monkeypatch):
    """Call the command line in this process: the real entry point, without a second start of Python."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["harubang", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as leave:
            code = int(leave.code or 0)
        return Answer(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def run_harubang():
    return harubang


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The output folder of one run of the demo workflow."""
    out = tmp_path_factory.mktemp("demo") / "out"
    done = harubang("run", DEMO, "--out", out)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return out
