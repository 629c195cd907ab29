"""The start of a Beam worker process on a machine of a cluster: what Beam's container image does, without a container.

A worker pool runs it once a worker::

    python -m apache_beam.runners.worker.worker_pool_main --service_port 50000 --container_executable …/harubang-worker

and so does ``--environment_type=PROCESS``. It asks the runner for the pipeline's options, which a pool alone would
withhold from the worker, and becomes Beam's worker under this very interpreter. Nothing is staged or installed: the
harubang that is installed here is what runs. Credentials come from this process's environment and nowhere else.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc, endpoints_pb2
from google.protobuf import json_format, text_format

_ENDPOINTS = ("provision", "logging", "artifact", "control")
_ANSWER_WITHIN = 60  # seconds that a runner has to say what is to be run


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what a runner says on the command line: ``id`` and endpoints; flags that are not known are ignored."""
    parser = argparse.ArgumentParser(prog="harubang-worker", description=__doc__, allow_abbrev=False)
    parser.add_argument("--id", required=True)
    for name in _ENDPOINTS:
        parser.add_argument(f"--{name}_endpoint", default="")
    return parser.parse_known_args(list(arguments))[0]


def provision(endpoint: str, worker: str) -> beam_provision_api_pb2.ProvisionInfo:
    """Return what the runner at ``endpoint`` has for the worker.

    Raises:
        grpc.RpcError: it does not answer.
    """
    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        return stub.GetProvisionInfo(request, metadata=[("worker_id", worker)], timeout=_ANSWER_WITHIN).info


def environment(
    said: argparse.Namespace, info: beam_provision_api_pb2.ProvisionInfo, base: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of Beam's worker: that of this process, and what the runner said.

    ``PYTHONSAFEPATH`` keeps the working directory off the import path: a ``filters`` or ``schemas`` that lies there
    would otherwise be taken for ours.
    """
    found = {
        **base,
        "PYTHONSAFEPATH": "1",
        "WORKER_ID": said.id,
        "LOGGING_API_SERVICE_DESCRIPTOR": _descriptor(said.logging_endpoint or info.logging_endpoint.url),
        "CONTROL_API_SERVICE_DESCRIPTOR": _descriptor(said.control_endpoint or info.control_endpoint.url),
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
        "SEMI_PERSISTENT_DIRECTORY": tempfile.gettempdir(),
    }
    if info.HasField("status_endpoint"):
        found["STATUS_API_SERVICE_DESCRIPTOR"] = _descriptor(info.status_endpoint.url)
    return found


def _descriptor(url: str) -> str:
    return str(text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url)))


def main() -> None:
    """Become Beam's worker."""
    said = parse(sys.argv[1:])
    info = provision(said.provision_endpoint, said.id) if said.provision_endpoint else None
    variables = environment(said, info or beam_provision_api_pb2.ProvisionInfo(), os.environ)
    os.dup2(2, 1)  # a pool never reads its workers' standard output: 1 MB of it would stop the job
    arguments = [sys.executable, "-m", "apache_beam.runners.worker.sdk_worker_main"]
    os.execve(sys.executable, arguments, variables)  # noqa: S606 - our own interpreter, no shell


if __name__ == "__main__":
    main()
