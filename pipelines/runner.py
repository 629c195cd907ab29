"""The one place that builds a Beam pipeline and decides which engine runs it."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import PurePath
from typing import Any
from weakref import WeakKeyDictionary

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import DebugOptions, DirectOptions, PipelineOptions, StandardOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_fn_api_pb2, beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner, worker_handlers
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineRunner, create_runner

from pipelines.errors import InputRefused
from pipelines.worker import Forks, parse

_STOP_SECONDS = 30.0  # that a worker process has for the end of what it does
_STOP_SECONDS_OF_A_FAILURE = 2.0
_TOLD_SECONDS = 10.0  # that the end of one may take to be told
_EMBEDDED = ("", "directrunner", "fnapirunner", "embedded")
_REFUSED = {
    "daskrunner": "it loses data silently",
    "rayrunner": "it has had no maintainer since 2022",
}


def parse_options(arguments: Sequence[str]) -> PipelineOptions:
    """Return Beam's options from what follows ``--`` on the command line.

    Raises:
        InputRefused: an option is not Beam's, or asks for an engine, or a way of running it, that loses or corrupts
            data.
    """
    said = io.StringIO()
    unknown: list[str] = []

    def note_unknown(parser: argparse.ArgumentParser) -> None:
        unknown.extend(parser.parse_known_args(list(arguments))[1])

    try:
        with contextlib.redirect_stderr(said):
            options = PipelineOptions(list(arguments))
            options.get_all_options(add_extra_args_fn=note_unknown, retain_unknown_options=True)
    except SystemExit as error:  # how argparse refuses; its last line says why
        why = (said.getvalue().strip().splitlines() or ["not understood"])[-1].rsplit("error: ", 1)[-1]
        raise InputRefused(f"Beam options {' '.join(arguments)}: {why}") from error
    name = (options.view_as(StandardOptions).runner or "").rsplit(".", 1)[-1].lower()
    if name in _REFUSED:
        raise InputRefused(f"--runner={name}: refused, {_REFUSED[name]}; use the default, FlinkRunner or SparkRunner")
    if name not in _EMBEDDED and "." not in (options.view_as(StandardOptions).runner or ""):
        try:
            create_runner(options.view_as(StandardOptions).runner)
        except ValueError as error:
            raise InputRefused(f"--runner={name}: Beam has no such engine; leave it out, or use FlinkRunner") from error
    if unknown and is_embedded(options):  # another engine's job service has options that Beam's Python does not know
        raise InputRefused(
            f"Beam options {' '.join(unknown)}: the engine in this process knows none of this name; "
            "leave it out, or mend its spelling"
        )
    if options.view_as(DirectOptions).direct_running_mode == "multi_threading":
        raise InputRefused(
            "--direct_running_mode=multi_threading: refused, Beam 2.77 corrupts records in this mode; "
            "use multi_processing, or leave it out"
        )
    if any("data_buffer_time_limit_ms" in argument for argument in arguments):
        raise InputRefused("data_buffer_time_limit_ms: refused, Beam 2.77 corrupts records with it; leave it out")
    if any(argument.startswith("--s3_") for argument in arguments):
        raise InputRefused(
            "--s3_…: Beam's options are shown in a cluster's pages, so S3 is set in the environment only; set "
            "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY here and for every worker"
        )
    return options


def is_embedded(options: PipelineOptions) -> bool:
    """Tell whether ``options`` ask for the engine in this process, whose workers share its machine and folder."""
    name = (options.view_as(StandardOptions).runner or "").rsplit(".", 1)[-1].lower()
    return name in _EMBEDDED


def check_path(path: str, options: PipelineOptions) -> None:
    """Check that a worker on any machine finds ``path`` as this process does.

    Raises:
        InputRefused: it starts from this process's working directory, and the workers are elsewhere.
    """
    if not is_embedded(options) and "://" not in path and not PurePath(path).is_absolute():
        raise InputRefused(
            f"{path}: a cluster's workers have other working directories; give s3://… or an absolute path that all have"
        )


def make_pipeline(options: PipelineOptions) -> beam.Pipeline:
    """Return a new pipeline on the engine that ``options`` ask for; in-memory on this machine by default."""
    if is_embedded(options):
        # What a worker raises reaches us as an exception; Beam's own traceback of it would bury the one clear line.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
        return beam.Pipeline(runner=_embedded(options), options=options)
    # Else Beam runs "pip freeze" for every job, 2 s, and sends the list; the workers install nothing anyway.
    options.view_as(DebugOptions).add_experiment("disable_logging_submission_environment")
    return beam.Pipeline(options=options)


def _embedded(options: PipelineOptions) -> PipelineRunner:
    """Return the embedded engine with the options passed on to worker processes.

    Never ``DirectRunner``: it first tries to download another engine.
    """
    passed = options.get_all_options()
    passed["default_sdk_harness_log_level"] = passed["default_sdk_harness_log_level"] or "CRITICAL"  # as we do
    encoded = JobServiceHandle.encode_pipeline_options(passed)
    provision = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(provision))


@cache
def _forks() -> Forks:
    return Forks()


_failures: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""Why a job failed, by the server that its workers talk to."""


@worker_handlers.WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)
class _WatchedWorker(worker_handlers.SubprocessSdkWorkerHandler):
    """A worker process of the embedded engine, forked from one that has imported all it needs: each job has new ones.

    Where one dies, Beam 2.77 waits for its answer for ever, or says only that a stream broke; where one fails, it first
    waits for those before it in its list. So what any worker of the job was asked for, and is asked for later, is
    answered with what went wrong first, and the job fails with that.
    """

    def start_worker(self) -> None:
        """Start the process, and a thread that waits for its end."""
        self._how = ""
        self._ended = threading.Event()
        control, data = self.control_conn, self.data_conn
        control.set_input, data.set_inputs = _quiet(control.set_input), _quiet(data.set_inputs)
        self._push, control.push = control.push, self._push_watched
        self._elements, data.input_elements = data.input_elements, self._elements_watched
        said = parse([f"--id={self.worker_id}", f"--provision_endpoint={self.control_address}"])
        self.worker = _forks().start(said, silent=True)
        self.worker_thread = threading.Thread(name="watch_worker", target=self._watch, daemon=True)
        self.worker_thread.start()

    def stop_worker(self) -> None:
        """Wait for its end; one whose job failed elsewhere may be at work for hours, or wait for ever: it is killed."""
        self.worker_thread.join(_STOP_SECONDS if sys.exception() is None else _STOP_SECONDS_OF_A_FAILURE)
        if self.worker_thread.is_alive():
            self.worker.kill()
            self.worker_thread.join()

    def _watch(self) -> None:
        code = _forks().wait(self.worker)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        self._how = f"a worker process {how}"
        self._ended.set()
        self._fail_job(self._how)

    def _fail_job(self, why: str) -> None:
        why = _failures.setdefault(self._grpc_server, why)
        for connection in list(self._grpc_server.control_handler._connections_by_worker_id.values()):
            for future in list(connection._futures_by_id.values()):
                _answer(future, why)

    def _push_watched(self, request: Any) -> Any:
        future = self._push(request)
        if future is None:  # there is no more work
            return None

        def take(response: Any) -> None:
            worker_handlers.ControlFuture.set(future, response)
            if response.error:
                self._fail_job(response.error)

        future.set = take
        if future.is_done():  # before we could watch it
            take(future.get())
        if self._grpc_server in _failures:
            _answer(future, _failures[self._grpc_server])
        return future

    def _elements_watched(self, *arguments: Any, **named: Any) -> Iterator[Any]:
        try:
            yield from self._elements(*arguments, **named)
        except Exception as error:
            if self._ended.wait(_TOLD_SECONDS):  # its stream breaks before its end is told
                raise RuntimeError(self._how) from error
            raise


def _answer(future: Any, why: str) -> None:
    response = beam_fn_api_pb2.InstructionResponse(instruction_id=future.instruction_id, error=why)
    worker_handlers.ControlFuture.set(future, response)


def _quiet(take: Callable[[Iterator[Any]], None]) -> Callable[[Iterator[Any]], None]:
    """Return ``take``, which has a thread read a worker's stream, with streams that end where they break.

    Else the thread ends with a traceback, and that buries the one clear line.
    """

    def until_it_breaks(stream: Iterator[Any]) -> Iterator[Any]:
        with contextlib.suppress(grpc.RpcError):
            yield from stream

    return lambda stream: take(until_it_breaks(stream))
