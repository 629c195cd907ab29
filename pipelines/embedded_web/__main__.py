"""Serves the embedded web: ``python -m pipelines.embedded_web --port 0 --seed 1``.

The first line on stdout is ``{"port": n}``. With ``--until-eof`` it ends when its stdin does, so that it never
outlives the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from pipelines.embedded_web.build import build
from pipelines.embedded_web.server import Server


async def _serve(port: int, seed: int, *, until_eof: bool) -> None:
    server = Server(build(seed))
    bound = await server.start(port)
    sys.stdout.write(json.dumps({"port": bound}) + "\n")
    sys.stdout.flush()
    if until_eof:
        await _stdin_ended()
    else:
        await asyncio.Event().wait()


async def _stdin_ended() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass


def main() -> None:
    """Read the options and serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.embedded_web", description="Serve the embedded web.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=1, help="which web to draw")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    options = parser.parse_args()
    try:
        asyncio.run(_serve(options.port, options.seed, until_eof=options.until_eof))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
