"""The worker's start, alone and under Beam's portable job service with a worker pool: real processes, no jar."""

import json
import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import apache_beam as beam
import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc, beam_provision_api_pb2

from pipelines.runner import make_pipeline, parse_options
from pipelines.worker import environment, parse
from tests.processes import descendants, ended_within
from tests.worker_pools import pool


def test_flags_that_are_not_known_are_ignored():
    said = parse(["--id=7", "--provision_endpoint", "localhost:1", "--new_thing=x", "--semi_persist_dir=/tmp"])
    assert (said.id, said.provision_endpoint, said.control_endpoint) == ("7", "localhost:1", "")


def test_a_worker_without_a_number_is_refused(capsys):
    for arguments in (["--provision_endpoint=localhost:1"], ["--id=1", "--pool=localhost:1"]):
        with pytest.raises(SystemExit):
            parse(arguments)
        assert "--id" in capsys.readouterr().err


def test_what_the_runner_said_reaches_beam_s_worker():
    info = beam_provision_api_pb2.ProvisionInfo(runner_capabilities=["one", "two"])
    info.control_endpoint.url = "localhost:2"
    info.status_endpoint.url = "localhost:4"
    info.pipeline_options["beam:option:job_name:v1"] = "demo"
    said = parse(["--id=7", "--logging_endpoint=localhost:3"])
    found = environment(said, info)
    assert json.loads(found["PIPELINE_OPTIONS"]) == {"beam:option:job_name:v1": "demo"}
    assert (found["WORKER_ID"], found["RUNNER_CAPABILITIES"], found["PYTHONSAFEPATH"]) == ("7", "one two", "1")
    assert [found[f"{name}_API_SERVICE_DESCRIPTOR"].strip() for name in ("LOGGING", "CONTROL", "STATUS")] == [
        'url: "localhost:3"',
        'url: "localhost:2"',
        'url: "localhost:4"',
    ]


def test_a_job_on_a_worker_pool_has_options_and_credentials_and_nothing_of_the_working_directory(
    worker_pools, tmp_path
):
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

    pipeline = make_pipeline(parse_options([*worker_pools, "--job_name=the-job"]))
    numbers = pipeline | beam.Create([1, 2, 3]) | beam.Reshuffle() | beam.Map(look)
    _ = numbers | beam.combiners.ToList() | beam.Map(note)
    pipeline.run().wait_until_finish()
    said = ["from the environment", True, "a.test", True]
    assert json.loads(Path(seen).read_text()) == [[1, said], [2, said], [3, said]]
    assert (tmp_path / "workers" / "log").read_text().count("starting worker") == 1


def test_one_worker_is_stopped_and_told_as_one_that_never_came_and_none_outlives_its_pool(tmp_path):
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        pool(tmp_path) as (address, process),
        grpc.insecure_channel(address) as channel,
        ExitStack() as calls,
    ):
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        before = set(descendants(process.pid))
        started, answers = {}, {}
        for name in ("1", "2"):  # who takes their call says nothing, and they wait
            request = beam_fn_api_pb2.StartWorkerRequest(worker_id=name)
            request.provision_endpoint.url = f"127.0.0.1:{mute.getsockname()[1]}"
            answers[name] = stub.StartWorker.future(request)
            calls.enter_context(mute.accept()[0])
            (started[name],) = set(descendants(process.pid)) - before - set(started.values())
        stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="1"))
        stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="never started"))
        assert ended_within(60, [started["1"]])
        assert answers["1"].result(60).error.startswith("worker 1 ended as it started; ")
        assert not answers["2"].done()
        assert started["2"] in descendants(process.pid)
        all_of_them = descendants(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        assert ended_within(60, all_of_them)
