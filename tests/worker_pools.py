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
def pools(tmp_path):
    """Yield the options that name Beam's job service and a worker pool, each process in a folder of
    its own with a decoy in it.
    """
    program = tmp_path / "worker"
    program.write_text(f"#!{sys.executable}\nfrom pipelines.worker import main\nmain()\n")
    program.chmod(0o755)
    jobs, workers = free_port(), free_port()
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "HARUBANG_TEST_CREDENTIAL": "from the environment"}
    processes = []

    def start(folder, *command):
        folder.mkdir()
        (folder / "filters.py").write_text("raise ImportError('a decoy from the working directory')\n")
        with (folder / "log").open("wb") as log:
            processes.append(
                subprocess.Popen(list(map(str, command)), cwd=folder, env=variables, stdout=log, stderr=log)
            )

    try:
        service = "apache_beam.runners.portability.local_job_service_main"
        start(tmp_path / "jobs", sys.executable, "-P", "-m", service, "-p", jobs)
        start(tmp_path / "workers", program, "--pool", f"localhost:{workers}")
        wait_for(jobs, processes[0])
        wait_for(workers, processes[1])
        yield [
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{jobs}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{workers}",
        ]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
