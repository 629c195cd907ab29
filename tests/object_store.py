"""A real S3 server on loopback for the tests that need one, and a proxy that makes it fail."""

import http.client
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BUCKET = "harubang-test"
TOOL = Path(__file__).parents[1] / ".tools" / "versitygw"


def environment(url):
    """The variables by which a command finds the server. Few tries: a test has no time for more."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_MAX_ATTEMPTS": "2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def served(folder):
    """Start the server over ``folder`` and yield its address; skip the test where the server is not installed."""
    pytest.importorskip("boto3", reason="boto3 is not installed: make installs it")
    tool = os.environ.get("HARUBANG_S3_SERVER") or shutil.which("versitygw") or (str(TOOL) if TOOL.exists() else "")
    if not tool:
        pytest.skip("no S3 server (versitygw) is installed: make s3-server")
    (folder / BUCKET).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    credentials = {"ROOT_ACCESS_KEY": "test-key", "ROOT_SECRET_KEY": "test-secret"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [tool, "--port", f"127.0.0.1:{port}", "posix", str(folder)],
            env={**os.environ, **credentials},
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, (folder / "server.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


class FaultyProxy:
    """Hands requests on to a server, unless ``fault(method, path)`` returns a status, ``reset``, ``cut`` or ``lost``.

    ``asked`` lists what was asked for, as (method, path with query).
    """

    def __init__(self, upstream):
        self.upstream = upstream.removeprefix("http://")
        self.fault = lambda method, path: None
        self.asked = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(proxy):  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _pass(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                proxy.asked.append((self.command, self.path))
                fault = proxy.fault(self.command, self.path)
                if fault == "lost":  # it is done, and its answer does not arrive
                    self._forward(body)
                if fault in ("reset", "lost"):
                    linger = struct.pack("ii", 1, 0)  # close sends a reset and not an end
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.close_connection = True
                    self.connection.close()
                    return
                if fault is not None and fault != "cut":
                    self._answer(fault, {"Content-Type": "application/xml"}, ERRORS[fault].encode())
                    return
                status, passed, data = self._forward(body)
                if fault == "cut":
                    data = data[: len(data) // 2]
                    self.close_connection = True
                self._answer(status, passed, data)

            def _forward(self, body):
                upstream = http.client.HTTPConnection(proxy.upstream, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                upstream.request(self.command, self.path, body, headers)
                answer = upstream.getresponse()
                data = answer.read()
                upstream.close()
                dropped = ("transfer-encoding", "connection")
                return answer.status, {k: v for k, v in answer.getheaders() if k.lower() not in dropped}, data

            def _answer(self, status, headers, body):
                self.send_response_only(status)
                headers.setdefault("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        for method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._pass)
        return Handler


def _error(code):
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as the test wants it</Message></Error>"


ERRORS = {
    403: _error("AccessDenied"),
    404: _error("NoSuchKey"),
    500: _error("InternalError"),
    501: _error("NotImplemented"),
    503: _error("SlowDown"),
}
