"""How a worker process starts, on a cluster and under the embedded engine, as Beam's container image does it.

    harubang-worker --pool localhost:50000

is a cluster's pool, one for each TaskManager, at an address that only it can reach. Workers are forked from a process
without threads that has imported all they need: an engine starts them anew for every job. Where an engine starts this
program itself (``--environment_type=PROCESS``), that process becomes the worker. A worker asks the runner for the
pipeline's options, which a pool does not hand over, and becomes Beam's. Nothing is staged or installed: the harubang
that is installed here is what runs. Credentials come from this process's environment and nowhere else.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection, forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import grpc
from apache_beam.portability.api import (
    beam_fn_api_pb2,
    beam_fn_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from google.protobuf import json_format, text_format

_log = logging.getLogger(__name__)
_ENDPOINTS = ("provision", "logging", "artifact", "control")
_ANSWER_WITHIN = 60  # seconds that a runner has to say what is to be run
_END_WITHIN = 10  # seconds that a worker has to end when it is told to
_IMPORTED = ["pipelines.cli", "apache_beam.runners.worker.sdk_worker_main"]


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


def environment(said: argparse.Namespace, info: beam_provision_api_pb2.ProvisionInfo) -> dict[str, str]:
    """Return the variables that tell Beam's worker what the runner said.

    ``PYTHONSAFEPATH`` keeps the working directory off the import path of what the worker starts: a ``filters`` or
    ``schemas`` that lies there would otherwise be taken for ours.
    """
    found = {
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


class Forks:
    """Workers forked from one process that has imported all they need. They end with this process, however it ends.

    Neither that process nor a worker takes a module from the working directory, unless this process does.
    """

    def __init__(self) -> None:
        """Start the process to fork from."""
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_IMPORTED)
        self._lock = threading.Lock()
        before = dict(os.environ)
        # What it is to know is read as it starts: where we lie, and that its working directory is no place to look.
        ours = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), before.get("PYTHONPATH")]))
        os.environ.update(PYTHONSAFEPATH="1", PYTHONPATH=ours)
        # A terminal's ^C reaches every process; this one alone ends the others, and says so once.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            _set_environment(before)
        atexit.register(_kill_fork_server)

    def start(
        self, said: argparse.Namespace, *, silent: bool = False, connected: Connection | None = None
    ) -> BaseProcess:
        """Start the worker that ``said`` describes, in this process's environment and working directory as they are.

        A ``silent`` one says nothing of what goes wrong in it but to its runner: Beam prints each traceback, as it is,
        with the text that could not be read. It sends something to ``connected`` once it has the runner.
        """
        arguments = (said, silent, dict(os.environ), str(Path.cwd()), connected)
        process = self._context.Process(target=_become_forked_worker, args=arguments, name=said.id, daemon=True)
        with self._lock:
            process.start()
        return process

    def wait(self, process: BaseProcess) -> int:
        """Wait for a worker's end and return its exit code, negative for a signal.

        Starting another one looks for the end of this one too, and the code can be read once.
        """
        connection.wait([process.sentinel])
        with self._lock:
            process.join()
        assert process.exitcode is not None
        return process.exitcode


def _kill_fork_server() -> None:
    """End it with us: by itself it takes a while to unload all that it imported, and keeps our output open."""
    process = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if process is not None:
        os.kill(process, signal.SIGKILL)


def _set_environment(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


class Pool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts and stops workers for a runner. They end with this process, however it ends."""

    def __init__(self) -> None:
        self._forks = Forks()
        self._workers: list[BaseProcess] = []
        self._lock = threading.Lock()

    def StartWorker(  # noqa: N802 - Beam's name
        self, request: beam_fn_api_pb2.StartWorkerRequest, _: object
    ) -> beam_fn_api_pb2.StartWorkerResponse:
        """Start the worker that ``request`` describes, and wait until it has the runner.

        One that ends before that is told as an error, with which the runner fails the job. It would wait for it for
        ever.
        """
        urls = (f"--{name}_endpoint={getattr(request, f'{name}_endpoint').url}" for name in _ENDPOINTS)
        said = parse([f"--id={request.worker_id}", *urls])
        _log.warning("starting worker %s", request.worker_id)
        told, connected = multiprocessing.Pipe(duplex=False)
        with told:
            with connected, self._lock:  # closed here, so that the worker's end ends it
                process = self._forks.start(said, connected=connected)
                self._workers = [worker for worker in self._workers if worker.is_alive()] + [process]
            try:
                told.recv_bytes()
                why = ""
            except EOFError:
                why = f"worker {said.id} ended as it started; the log of its pool (harubang-worker) says why"
        return beam_fn_api_pb2.StartWorkerResponse(error=why)

    def StopWorker(  # noqa: N802 - Beam's name
        self, request: beam_fn_api_pb2.StopWorkerRequest, _: object
    ) -> beam_fn_api_pb2.StopWorkerResponse:
        """End the worker of that number, the last one if there were several."""
        with self._lock:
            named = [worker for worker in self._workers if worker.name == request.worker_id]
        if named:
            _end(named[-1])
        return beam_fn_api_pb2.StopWorkerResponse()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            for worker in self._workers:
                worker.terminate()
            for worker in self._workers:
                _end(worker)


def _end(worker: BaseProcess) -> None:
    worker.terminate()
    worker.join(_END_WITHIN)
    if worker.is_alive():
        worker.kill()
        worker.join()


def serve_pool(address: str) -> None:
    """Start workers for whoever asks at ``address``, until this process is terminated.

    Beam's own pool listens at every address of the machine and would start workers for anybody. Two TaskManagers may
    not share a pool: both number their workers from 1, and one that ends would have the other's stopped.

    Raises:
        RuntimeError: nothing can listen at ``address``.
    """
    pool = Pool()
    server = grpc.server(ThreadPoolExecutor(), options=[("grpc.so_reuseport", 0)])
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    server.add_insecure_port(address)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.start()
    try:
        server.wait_for_termination()
    finally:
        pool.close()


def _become_forked_worker(
    said: argparse.Namespace, silent: bool, variables: dict[str, str], folder: str, connected: Connection | None
) -> None:
    logging.getLogger("apache_beam.runners.worker.sdk_worker_main").setLevel(logging.ERROR)  # tells each of its starts
    gc.freeze()  # what was imported is shared with the other workers for as long as nobody touches it
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _set_environment(variables)
    os.chdir(folder)
    become_worker(said, silent=silent, connected=connected)


def become_worker(said: argparse.Namespace, *, silent: bool = False, connected: Connection | None = None) -> None:
    """Be Beam's worker until the runner has no more work; send something to ``connected`` once it has the runner."""
    from apache_beam.runners.worker import sdk_worker_main

    info = provision(said.provision_endpoint, said.id) if said.provision_endpoint else None
    os.environ.update(environment(said, info or beam_provision_api_pb2.ProvisionInfo()))
    os.dup2(2, 1)  # whoever started us may never read our standard output: 1 MB of it would stop the job
    if silent:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until this process ends
    log_handler, harness, _ = sdk_worker_main.create_harness(os.environ)
    if connected is not None:
        connected.send_bytes(b"connected")
        connected.close()
    try:
        harness.run()
    finally:
        if log_handler is not None:
            log_handler.close()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def main() -> None:
    """Be a pool, or become Beam's worker."""
    said = parse(sys.argv[1:])
    if said.pool:
        serve_pool(said.pool)
    else:
        become_worker(said)


if __name__ == "__main__":
    main()
