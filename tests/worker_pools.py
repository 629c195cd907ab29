"""Beam's own job service with a worker pool: separate processes and the real job interface, without Java."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def wait_for(port, process):
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)


@contextmanager
def server(folder, command):
    """Run a server in a new folder, with a decoy of one of our packages in it and its output in ``log``."""
    folder.mkdir()
    (folder / "filters.py").write_text("raise ImportError('a decoy from the working directory')\n")
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "HARUBANG_TEST_CREDENTIAL": "from the environment"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(list(map(str, command)), cwd=folder, env=variables, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def pool(tmp_path):
    """Yield the address of a worker pool and its process."""
    program = tmp_path / "worker"
    guarded = "if __name__ == '__main__':\n    main()\n"  # as in the program that pip installs
    program.write_text(f"#!{sys.executable}\nfrom pipelines.worker import main\n{guarded}")
    program.chmod(0o755)
    port = free_port()
    with server(tmp_path / "workers", [program, "--pool", f"localhost:{port}"]) as process:
        wait_for(port, process)
        yield f"localhost:{port}", process


@contextmanager
def pools(tmp_path):
    """Yield the options that name Beam's job service and a worker pool."""
    jobs = free_port()
    service = [sys.executable, "-P", "-m", "apache_beam.runners.portability.local_job_service_main", "-p", jobs]
    with server(tmp_path / "jobs", service) as process, pool(tmp_path) as (workers, _):
        wait_for(jobs, process)
        yield [
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{jobs}",
            "--environment_type=EXTERNAL",
            f"--environment_config={workers}",
        ]
