"""The demo on a real Flink cluster of this machine, compared with the demo on the embedded engine.

``make cluster-demo`` runs it. It starts an S3 server, Flink's JobManager and two TaskManagers, Beam's job server and
two worker pools, each a process in a folder of its own, submits ``workflows/demo.yaml`` with its output on the S3
server, and ends with exit code 1 if the roots differ. Logs and the embedded run's output lie in ``out/cluster/``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"
OUT = ROOT / "out" / "cluster"
BUCKET = "harubang"
TASK_MANAGERS = 2
SLOTS = 1  # of a TaskManager; it has one worker process
POOL = "pool.test"  # the name that each TaskManager knows its own pool by
START_WITHIN = 180.0  # seconds; a JVM on a busy machine takes its time
_OPENED = ("lang", "util", "io", "net", "nio", "util.concurrent", "lang.reflect", "text", "time")
_JAVA = ("java", "-Xmx700m", *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED))
_TASK_MANAGER = {
    "cpu.cores": SLOTS,
    "numberOfTaskSlots": SLOTS,
    "memory.task.heap.size": "256mb",
    "memory.task.off-heap.size": "0b",
    "memory.managed.size": "128mb",
    "memory.framework.heap.size": "128mb",
    "memory.framework.off-heap.size": "128mb",
    "memory.network.min": "64mb",
    "memory.network.max": "64mb",
    "memory.jvm-metaspace.size": "256mb",
    "memory.jvm-overhead.min": "192mb",
    "memory.jvm-overhead.max": "192mb",
}


def parts() -> tuple[str, str, str]:
    """Return the S3 server's program, Flink's class path and Beam's.

    Raises:
        click.ClickException: one of them is not there.
    """
    server = shutil.which("versitygw") or str(TOOLS / "versitygw")
    flink = next(TOOLS.glob("flink/lib/python*/site-packages/pyflink/lib"), None)
    beam = sorted(path for path in TOOLS.glob("beam-flink/*.jar") if not path.name.startswith(("flink-", "slf4j-")))
    if not Path(server).exists() or flink is None or not beam or shutil.which("java") is None:
        raise click.ClickException("the parts of the cluster are not there: make cluster-parts (needs Java, Maven, Go)")
    return server, f"{flink}/*", ":".join(map(str, beam))


def free_port() -> int:
    """Return a port of the loopback address that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def started(name: str, *command: str | Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in the folder ``out/cluster/NAME``; its whole process group ends with the context."""
    folder = OUT / name
    folder.mkdir(parents=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
                process.wait(15)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue


def wait_for(what: str, ready: Callable[[], bool], processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Return once ``ready`` says so; fail where a process ends before, or after `START_WITHIN`."""
    deadline = time.monotonic() + START_WITHIN
    while not ready():
        if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
            raise click.ClickException(f"{what} did not start; {OUT}/*/log say why")
        time.sleep(0.5)


def listens(port: int) -> bool:
    """Tell whether something listens at ``port``."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def task_managers(port: int) -> int:
    """Return how many TaskManagers the JobManager at ``port`` knows; none while it starts."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/overview", timeout=30) as answer:
            return int(json.load(answer)["taskmanagers"])
    except urllib.error.URLError:
        return 0


def start_store(stack: ExitStack, server: str) -> dict[str, str]:
    """Start the S3 server; return the variables by which it is found."""
    port = free_port()
    data = OUT / "objects"
    (data / BUCKET).mkdir(parents=True)
    keys = {"ROOT_ACCESS_KEY": "demo", "ROOT_SECRET_KEY": "demo-secret"}
    process = stack.enter_context(started("store", server, "--port", f"127.0.0.1:{port}", "posix", data, **keys))
    wait_for("the S3 server", lambda: listens(port), [process])
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo-secret",
    }


def pool_address(number: int) -> str:
    """Return the loopback address of a TaskManager's pool: as if each were on a machine of its own."""
    return f"127.0.0.{1 + number}"


def start_flink(stack: ExitStack, flink: str, beam: str) -> int:
    """Start a JobManager and the TaskManagers; return the port of its REST API."""
    rest, rpc = free_port(), free_port()
    conf = OUT / "conf"
    conf.mkdir(parents=True)
    lines = {
        "jobmanager.rpc.address": "127.0.0.1",
        "jobmanager.bind-host": "127.0.0.1",
        "jobmanager.rpc.port": rpc,
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.port": rest,
        "taskmanager.host": "127.0.0.1",
        "taskmanager.bind-host": "127.0.0.1",
        "classloader.resolve-order": "parent-first",  # Beam is on the cluster's class path already
    }
    (conf / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()), encoding="utf-8")
    java = (*_JAVA, "-cp", f"{flink}:{beam}")
    entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    processes = [stack.enter_context(started("jobmanager", *java, entry, "--configDir", conf))]
    for number in range(1, TASK_MANAGERS + 1):
        entry = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        hosts = conf / f"hosts-{number}"
        hosts.write_text(
            f"127.0.0.1 localhost {socket.gethostname()}\n{pool_address(number)} {POOL}\n", encoding="ascii"
        )
        settings = [f"-Dtaskmanager.{key}={value}" for key, value in _TASK_MANAGER.items()]
        command = (*java, f"-Djdk.net.hosts.file={hosts}", entry, "--configDir", conf, *settings)
        processes.append(stack.enter_context(started(f"taskmanager-{number}", *command)))
    wait_for("Flink", lambda: task_managers(rest) == TASK_MANAGERS, processes)
    return rest


def start_beam(stack: ExitStack, flink: str, beam: str, rest: int, store: dict[str, str]) -> list[str]:
    """Start Beam's job server and the worker pools; return the pipeline options that name them."""
    jobs, artifacts, workers = free_port(), free_port(), free_port()
    entry = "org.apache.beam.runners.flink.FlinkJobServerDriver"
    ports = (
        f"--job-port={jobs}",
        f"--artifact-port={artifacts}",
        "--expansion-port=0",
        f"--artifacts-dir={OUT}/staged",
    )
    server = (*_JAVA, "-cp", f"{beam}:{flink}", entry, f"--flink-master=127.0.0.1:{rest}", "--job-host=127.0.0.1")
    processes = [stack.enter_context(started("jobserver", *server, *ports))]
    program = Path(sys.executable).with_name("harubang-worker")
    for number in range(1, TASK_MANAGERS + 1):
        command = (program, "--pool", f"{pool_address(number)}:{workers}")
        processes.append(stack.enter_context(started(f"pool-{number}", *command, **store)))
    wait_for("Beam's job server", lambda: listens(jobs), processes)
    return [
        "--runner=PortableRunner",
        f"--job_endpoint=127.0.0.1:{jobs}",
        f"--artifact_endpoint=127.0.0.1:{artifacts}",
        "--environment_type=EXTERNAL",
        f"--environment_config={POOL}:{workers}",
        f"--parallelism={TASK_MANAGERS * SLOTS}",
    ]


def harubang(*arguments: str | Path, **variables: str) -> str:
    """Run harubang and return what it says."""
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise click.ClickException(f"harubang {arguments[0]} ended with {done.returncode}; {OUT}/*/log may say more")
    return done.stdout.decode()


def run(workflow: Path, out: str, *beam_options: str, **variables: str) -> tuple[str, float]:
    """Run a workflow, verify its output; return its root and the seconds it took."""
    start = time.monotonic()
    harubang("run", workflow, "--out", out, *(["--", *beam_options] if beam_options else []), **variables)
    seconds = time.monotonic() - start
    return json.loads(harubang("verify", out, "--json", **variables))["root"], seconds


@click.command()
@click.argument("workflow", default=ROOT / "workflows" / "demo.yaml", type=click.Path(exists=True, path_type=Path))
def main(workflow: Path) -> None:
    """Run WORKFLOW on the embedded engine and on Flink, and compare the roots."""
    server, flink, beam = parts()
    shutil.rmtree(OUT, ignore_errors=True)
    with ExitStack() as stack:
        store = start_store(stack, server)
        expected, seconds = run(workflow, str(OUT / "embedded"))
        click.echo(f"embedded engine, local disk   {seconds:6.0f} s  {expected}")
        options = start_beam(stack, flink, beam, start_flink(stack, flink, beam), store)
        found, seconds = run(workflow, f"s3://{BUCKET}/flink", *options, **store)
        click.echo(f"Flink, 2 TaskManagers, S3     {seconds:6.0f} s  {found}")
    if found != expected:
        raise click.ClickException("the roots differ")


if __name__ == "__main__":
    main()
