"""A workflow on a real cluster of this machine, compared with the same on the embedded engine.

``make cluster-demo`` runs it on Flink, ``make cluster-demo ENGINE=spark-3`` on Spark. It starts an S3 server, the
engine, Beam's job server and worker pools, submits ``workflows/demo.yaml`` with its output on the S3 server, and ends
with exit code 1 if the roots differ. Logs and the embedded run's output lie in ``out/cluster/``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click

from workflows.cluster.servers import (
    BUCKET,
    ENGINES,
    ROOT,
    ClusterError,
    find_parts,
    free_port,
    start_cluster,
    start_store,
    store_variables,
)

OUT = ROOT / "out" / "cluster"


def harubang(*arguments: str | Path, **variables: str) -> str:
    """Run harubang and return what it says."""
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise click.ClickException(f"harubang {arguments[0]} ended with {done.returncode}; {OUT}/*/log may say more")
    return done.stdout.decode()


def run(workflow: Path, out: str, *options: str, **variables: str) -> tuple[str, float]:
    """Run a workflow, verify its output; return its root and the seconds it took."""
    start = time.monotonic()
    harubang("run", workflow, "--out", out, *options, **variables)
    seconds = time.monotonic() - start
    return json.loads(harubang("verify", out, "--json", **variables))["root"], seconds


@click.command()
@click.argument("workflow", default=ROOT / "workflows" / "demo.yaml", type=click.Path(exists=True, path_type=Path))
@click.option("--engine", type=click.Choice(ENGINES), default=ENGINES[0], show_default=True)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="handed to harubang run")
def main(workflow: Path, engine: str, overrides: tuple[str, ...]) -> None:
    """Run WORKFLOW on the embedded engine and on a cluster, and compare the roots."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no server stays
    settings = [f"--set={override}" for override in overrides]
    shutil.rmtree(OUT, ignore_errors=True)
    try:
        parts = find_parts(engine)
        with ExitStack() as stack:
            port = free_port()
            store = store_variables(port)
            start_store(stack, OUT, parts.store, port)
            expected, seconds = run(workflow, str(OUT / "embedded"), *settings)
            click.echo(f"embedded engine, local disk  {seconds:6.0f} s  {expected}")
            cluster = start_cluster(stack, OUT, engine, parts, store)
            if cluster.pages:
                click.echo(f"the cluster's pages, while it runs: {cluster.pages}")
            found, seconds = run(workflow, f"s3://{BUCKET}/out", *settings, "--", *cluster.options, **store)
            click.echo(f"{engine:<27}  {seconds:6.0f} s  {found}")
    except ClusterError as error:
        raise click.ClickException(str(error)) from error
    if found != expected:
        raise click.ClickException("the roots differ")


if __name__ == "__main__":
    main()
