"""The worker's start, alone and under Beam's portable job service with two worker pools: real processes, no jar."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.portability.api import beam_provision_api_pb2

from pipelines.runner import make_pipeline, parse_options
from pipelines.worker import environment, parse

ROOT = Path(__file__).parents[2]


def test_flags_that_are_not_known_are_ignored():
    said = parse(["--id=7", "--provision_endpoint", "localhost:1", "--new_thing=x", "--semi_persist_dir=/tmp"])
    assert (said.id, said.provision_endpoint, said.control_endpoint) == ("7", "localhost:1", "")


def test_a_worker_without_a_number_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse(["--provision_endpoint=localhost:1"])
    assert "--id" in capsys.readouterr().err


def test_what_the_runner_said_reaches_beam_s_worker_and_the_environment_stays():
    info = beam_provision_api_pb2.ProvisionInfo(runner_capabilities=["one", "two"])
    info.control_endpoint.url = "localhost:2"
    info.status_endpoint.url = "localhost:4"
    info.pipeline_options["beam:option:job_name:v1"] = "demo"
    said = parse(["--id=7", "--logging_endpoint=localhost:3"])
    found = environment(said, info, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "PYTHONSAFEPATH": ""})
    assert json.loads(found["PIPELINE_OPTIONS"]) == {"beam:option:job_name:v1": "demo"}
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert (found["WORKER_ID"], found["RUNNER_CAPABILITIES"], found["PYTHONSAFEPATH"]) == ("7", "one two", "1")
    assert [found[f"{name}_API_SERVICE_DESCRIPTOR"].strip() for name in ("LOGGING", "CONTROL", "STATUS")] == [
        'url: "localhost:3"',
        'url: "localhost:2"',
        'url: "localhost:4"',
    ]


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


@pytest.fixture
def cluster(tmp_path):
    """Beam's job service and two worker pools behind one port, each in a folder of its own with a decoy in it."""
    program = tmp_path / "worker"
    program.write_text(f"#!{sys.executable}\nfrom pipelines.worker import main\nmain()\n")
    program.chmod(0o755)
    jobs, workers = free_port(), free_port()
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "HARUBANG_TEST_CREDENTIAL": "from the environment"}
    processes = []

    def start(folder, *module):
        folder.mkdir()
        (folder / "filters.py").write_text("raise ImportError('a decoy from the working directory')\n")
        with (folder / "log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", *map(str, module)], cwd=folder, env=variables, stdout=log, stderr=log
                )
            )

    try:
        start(tmp_path / "jobs", "apache_beam.runners.portability.local_job_service_main", "-p", jobs)
        for name in ("one", "two"):
            pool = "apache_beam.runners.worker.worker_pool_main"
            start(tmp_path / name, pool, "--service_port", workers, "--container_executable", program)
        wait_for(jobs, processes[0])
        wait_for(workers, processes[2])
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


def test_a_job_on_worker_pools_has_options_and_credentials_and_nothing_of_the_working_directory(cluster, tmp_path):
    seen = str(tmp_path / "seen")

    def look(number):
        import os
        import sys

        from filters.url import host_of

        print("x" * 2_000_000)  # noqa: T201 - what must not stop a worker
        options = os.environ["PIPELINE_OPTIONS"]
        said = [
            os.environ["HARUBANG_TEST_CREDENTIAL"],
            "the-job" in options,
            host_of("http://a.test/"),
            sys.flags.safe_path,
        ]
        return number, said

    def note(found, path=seen):
        import json

        from pipelines import storage

        storage.write_bytes(path, json.dumps(sorted(found)).encode())

    pipeline = make_pipeline(parse_options([*cluster, "--job_name=the-job"]))
    numbers = pipeline | beam.Create([1, 2, 3]) | beam.Reshuffle() | beam.Map(look)
    _ = numbers | beam.combiners.ToList() | beam.Map(note)
    pipeline.run().wait_until_finish()
    said = ["from the environment", True, "a.test", True]
    assert json.loads(Path(seen).read_text()) == [[1, said], [2, said], [3, said]]
