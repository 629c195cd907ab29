"""The embedded web as a child process that is certain to end. Light to import: nothing is drawn here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pipelines.embedded_web.sites import SEEDS, hosts, sitemap_urls
from pipelines.embedded_web.web import DOMAIN, host

_STOP_SECONDS = 5.0
_CLOSED = "127.0.0.1:1"
"""Where nothing listens: port 1 (tcpmux) is privileged and out of use."""


class EmbeddedWeb(NamedTuple):
    """A running web. ``connect_to`` says where its names are dialled, the most specific one winning."""

    port: int
    connect_to: dict[str, str]
    seeds: tuple[str, ...]
    sitemaps: tuple[str, ...]
    hosts: tuple[str, ...]


@contextmanager
def serve(seed: int) -> Iterator[EmbeddedWeb]:
    """Serve the web of ``seed`` from a child process for as long as the context lasts.

    The child watches a pipe and ends when this process does, even when that is killed.

    Raises:
        RuntimeError: the child does not start.
    """
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-P", "-m", "pipelines.embedded_web", "--seed", str(seed), "--until-eof"]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(f"the embedded web does not start (exit code {child.wait()})")
            port = int(json.loads(line)["port"])
            here = f"127.0.0.1:{port}"
            yield EmbeddedWeb(
                port,
                {DOMAIN: here, host("closed"): _CLOSED},
                SEEDS,
                sitemap_urls(),
                hosts(),
            )
        finally:
            child.stdin.close()
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
