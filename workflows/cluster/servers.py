"""The servers of a cluster on this machine: an S3 server, Flink or Spark, Beam's job server, worker pools.

Each is a process in a folder of its own below the folder of the cluster, with its output in ``log`` there, and ends
with the `ExitStack` that it was started in.
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
from typing import NamedTuple

from pipelines import storage

ROOT = Path(__file__).parents[2]
ENGINES = ("flink-1.20", "flink-1.19", "spark-3")
BUCKET = "harubang"
_TASK_MANAGERS = 2
_POOL = "pool.test"  # the name that each TaskManager knows its own pool by
_KEEP_WORKERS = 5_000  # milliseconds; without, both engines start workers anew for each step of a job
_START_WITHIN = 180.0  # seconds; a JVM on a busy machine takes its time
_LANGUAGE = ("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.text")
_LIBRARY = ("java.time", "java.util", "java.util.concurrent", "java.util.concurrent.atomic")
_INTERNAL = ("sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar")
_JAVA = (
    "java",
    "-Xmx700m",
    "-XX:TieredStopAtLevel=1",  # a job is over before the second compiler has paid
    *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _LANGUAGE + _LIBRARY + _INTERNAL),
)
_TASK_MANAGER = {
    "cpu.cores": 1,
    "numberOfTaskSlots": 1,  # it has one worker process
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

Process = subprocess.Popen[bytes]


class ClusterError(Exception):
    """The cluster cannot be started; the message is one line."""


class Parts(NamedTuple):
    """Where the parts lie: the S3 server's program, the engine's class path and that of Beam's job server."""

    store: str
    engine: str
    beam: str


class Cluster(NamedTuple):
    """A running cluster: its processes by name, the pools' addresses by theirs, the pipeline options that name it.

    ``pages`` is the address of the engine's web pages and REST API, empty where it has none.
    """

    processes: dict[str, Process]
    pools: dict[str, str]
    options: list[str]
    pages: str


def find_parts(engine: str, tools: Path = ROOT / ".tools") -> Parts:
    """Return the parts of ``engine``, one of `ENGINES`.

    Raises:
        ClusterError: one of them is not there.
    """
    store = shutil.which("versitygw") or str(tools / "versitygw")
    jars = next(tools.glob(f"{engine}/lib/python*/site-packages/py*/{'jars' if 'spark' in engine else 'lib'}"), None)
    other = "beam-runners-flink" if "spark" in engine else "beam-runners-spark"
    beam = sorted(path for path in tools.glob("beam/*.jar") if not path.name.startswith((other, "slf4j-")))
    whole = all((tools / part / "ready").exists() for part in (engine, "beam"))  # nothing that was broken off
    if not Path(store).exists() or jars is None or not whole or shutil.which("java") is None:
        raise ClusterError(
            f"the parts of {engine} are not in {tools}: make cluster-parts ENGINE={engine} (needs Java, Maven, Go)"
        )
    return Parts(store, f"{jars}/*", ":".join(map(str, beam)))


def free_port() -> int:
    """Return a port of the loopback address that nobody listens at; another process may be quicker to take it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def started(folder: Path, *command: str | Path, **variables: str) -> Iterator[Process]:
    """Run a server in ``folder``; its whole process group ends with the context."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("ab") as log:
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
        process.wait()


def wait_for(what: str, ready: Callable[[], bool], processes: Sequence[Process]) -> None:
    """Return once ``ready`` says so.

    Raises:
        ClusterError: a process ended before, or it took longer than `_START_WITHIN`.
    """
    deadline = time.monotonic() + _START_WITHIN
    while True:
        there = ready()  # asked first: where our process is dead, somebody else listens at its port
        if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
            raise ClusterError(f"{what} did not start; its log, beside this cluster's others, says why")
        if there:
            return
        time.sleep(0.2)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether something listens at ``port``."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def start_store(stack: ExitStack, folder: Path, program: str, port: int) -> Process:
    """Start the S3 server at ``port`` over ``folder/objects``, which stays."""
    (folder / "objects" / BUCKET).mkdir(parents=True, exist_ok=True)
    keys = {"ROOT_ACCESS_KEY": "demo", "ROOT_SECRET_KEY": "demo-secret"}
    command = (program, "--port", f"127.0.0.1:{port}", "posix", folder / "objects")
    process = stack.enter_context(started(folder / "store", *command, **keys))
    wait_for("the S3 server", lambda: listens(port), [process])
    return process


def store_variables(port: int) -> dict[str, str]:
    """Return the variables by which the S3 server at ``port`` is found."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo-secret",
    }


def start_pool(stack: ExitStack, folder: Path, address: str, store: dict[str, str]) -> Process:
    """Start a worker pool at ``address``."""
    program = Path(sys.executable).with_name("harubang-worker")
    process = stack.enter_context(started(folder, program, "--pool", address, **store))
    host, port = address.split(":")
    wait_for("a worker pool", lambda: listens(int(port), host), [process])
    return process


def start_task_manager(stack: ExitStack, folder: Path, parts: Parts, number: int) -> Process:
    """Start TaskManager ``number`` of the JobManager whose ``conf`` is in ``folder``."""
    hosts = folder / "conf" / f"hosts-{number}"
    hosts.write_text(f"127.0.0.1 localhost {socket.gethostname()}\n{_pool_host(number)} {_POOL}\n", encoding="ascii")
    settings = [f"-Dtaskmanager.{key}={value}" for key, value in _TASK_MANAGER.items()]
    entry = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    command = (*_flink_java(parts), f"-Djdk.net.hosts.file={hosts}", entry, "--configDir", folder / "conf", *settings)
    return stack.enter_context(started(folder / f"taskmanager-{number}", *command))


def _pool_host(number: int) -> str:
    """Return the loopback address of a TaskManager's pool: as if each were on a machine of its own."""
    return f"127.0.0.{1 + number}"


def _flink_java(parts: Parts) -> tuple[str, ...]:
    return (*_JAVA, "-cp", f"{parts.engine}:{parts.beam}")


def _overview(rest: int, key: str) -> int:
    """Return a number of what the JobManager says of itself; 0 while it starts."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{rest}/v1/overview", timeout=30) as answer:
            return int(json.load(answer)[key])
    except urllib.error.URLError:
        return 0


def _start_flink(stack: ExitStack, folder: Path, parts: Parts) -> tuple[int, dict[str, Process]]:
    """Start a JobManager and the TaskManagers; return the port of its REST API and the processes."""
    rest = free_port()
    lines = {
        "jobmanager.rpc.address": "127.0.0.1",
        "jobmanager.bind-host": "127.0.0.1",
        "jobmanager.rpc.port": free_port(),
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.port": rest,
        "taskmanager.host": "127.0.0.1",
        "taskmanager.bind-host": "127.0.0.1",
        "classloader.resolve-order": "parent-first",  # Beam is on the cluster's class path already
        "heartbeat.interval": 2000,
        "heartbeat.timeout": 10000,  # milliseconds until a TaskManager that was killed is given up
    }
    conf = folder / "conf"
    conf.mkdir(parents=True)
    (conf / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()), encoding="utf-8")
    entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    command = (*_flink_java(parts), entry, "--configDir", conf)
    processes = {"jobmanager": stack.enter_context(started(folder / "jobmanager", *command))}
    for number in range(1, _TASK_MANAGERS + 1):
        processes[f"taskmanager-{number}"] = start_task_manager(stack, folder, parts, number)
    wait_for("Flink", lambda: _overview(rest, "taskmanagers") == _TASK_MANAGERS, list(processes.values()))
    return rest, processes


def _not_handed_out(folder: Path, parts: Parts) -> str:
    """Return the job server's class path, by names that make it hand none of it out with a job.

    It sends every jar of its class path to the cluster with each job, 300 MB, although all of them lie there; but none
    that has ``gradle/wrapper`` in its path (`PipelineResources.isStageable`, Beam 2.62).
    """
    place = folder / "gradle" / "wrapper"
    for jar in (*map(Path, parts.beam.split(":")), *sorted(Path(parts.engine).parent.glob("*.jar"))):
        storage.link(str(jar), str(place / jar.name))  # a symbolic link would be seen through
    return f"{place}/*"


def start_cluster(stack: ExitStack, folder: Path, engine: str, parts: Parts, store: dict[str, str]) -> Cluster:
    """Start ``engine``, Beam's job server for it and the worker pools, which have the variables of the ``store``."""
    processes: dict[str, Process] = {}
    pages = ""
    if engine.startswith("flink"):
        rest, processes = _start_flink(stack, folder, parts)
        pages = f"http://127.0.0.1:{rest}"
        hosts = [_pool_host(number) for number in range(1, _TASK_MANAGERS + 1)]
        pool = _POOL
        entry = ("org.apache.beam.runners.flink.FlinkJobServerDriver", f"--flink-master=127.0.0.1:{rest}")
        options = [f"--parallelism={_TASK_MANAGERS}"]
    else:
        hosts = ["127.0.0.1"]
        pool = "127.0.0.1"
        entry = ("org.apache.beam.runners.spark.SparkJobServerDriver", "--spark-master-url=local[2]")
        options = ["--sdk_worker_parallelism=2"]
    jobs, artifacts, workers = free_port(), free_port(), free_port()
    ports = (f"--job-port={jobs}", f"--artifact-port={artifacts}", "--expansion-port=0", "--job-host=127.0.0.1")
    path = _not_handed_out(folder, parts)
    here = [f"-Dspark.{name}" for name in ("driver.host=127.0.0.1", "driver.bindAddress=127.0.0.1", "ui.enabled=false")]
    command = (*_JAVA, *here, "-cp", path, *entry, *ports, f"--artifacts-dir={folder}/staged")
    processes["jobserver"] = stack.enter_context(started(folder / "jobserver", *command))
    pools = {f"pool-{number}": f"{host}:{workers}" for number, host in enumerate(hosts, 1)}
    processes |= {name: start_pool(stack, folder / name, address, store) for name, address in pools.items()}
    wait_for("Beam's job server", lambda: listens(jobs), [processes["jobserver"]])
    options += [
        "--runner=PortableRunner",
        f"--job_endpoint=127.0.0.1:{jobs}",
        f"--artifact_endpoint=127.0.0.1:{artifacts}",
        "--environment_type=EXTERNAL",
        f"--environment_config={pool}:{workers}",
        f"--environment_cache_millis={_KEEP_WORKERS}",
    ]
    return Cluster(processes, pools, options, pages)
