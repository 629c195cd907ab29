"""The workers of a cluster: a pool that starts them, and how one starts, as Beam's container image does it.

    harubang-worker --pool localhost:50000

is the pool, one for each TaskManager, at an address that only it can reach. The pool runs this program again for each
worker, and so does ``--environment_type=PROCESS``. A worker asks the runner for the pipeline's options, which a pool
does not hand over, and becomes Beam's worker under this very interpreter. Nothing is staged or installed: the harubang
that is installed here is what runs. Credentials come from this process's environment and nowhere else.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
from apache_beam.portability.api import (
    beam_fn_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer, kill_process_gracefully
from google.protobuf import json_format, text_format

_ENDPOINTS = ("provision", "logging", "artifact", "control")
_ANSWER_WITHIN = 60  # seconds that a runner has to say what is to be run


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what the command line says: ``pool``, or ``id`` and endpoints; flags that are not known are ignored."""
    parser = argparse.ArgumentParser(prog="harubang-worker", description=__doc__, allow_abbrev=False)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--id", default="", help="the number of the worker to become")
    what.add_argument("--pool", default="", metavar="HOST:PORT", help="start workers for a runner that asks here")
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


def serve_pool(address: str) -> None:
    """Start workers for whoever asks at ``address``, until this process is terminated; they end with it.

    Beam's own pool listens at every address of the machine and would start workers for anybody. Two TaskManagers may
    not share a pool: both number their workers from 1, and one that ends would have the other's stopped.

    Raises:
        RuntimeError: nothing can listen at ``address``.
    """
    servicer = BeamFnExternalWorkerPoolServicer(use_process=True, container_executable=sys.argv[0])
    server = grpc.server(ThreadPoolExecutor(), options=[("grpc.so_reuseport", 0)])
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(servicer, server)
    server.add_insecure_port(address)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.start()
    try:
        server.wait_for_termination()
    finally:
        for process in servicer._worker_processes.values():
            kill_process_gracefully(process)


def main() -> None:
    """Be a pool, or become Beam's worker."""
    said = parse(sys.argv[1:])
    if said.pool:
        serve_pool(said.pool)
        return
    info = provision(said.provision_endpoint, said.id) if said.provision_endpoint else None
    variables = environment(said, info or beam_provision_api_pb2.ProvisionInfo(), os.environ)
    os.dup2(2, 1)  # a pool never reads its workers' standard output: 1 MB of it would stop the job
    arguments = [sys.executable, "-m", "apache_beam.runners.worker.sdk_worker_main"]
    os.execve(sys.executable, arguments, variables)  # noqa: S606 - our own interpreter, no shell


if __name__ == "__main__":
    main()
