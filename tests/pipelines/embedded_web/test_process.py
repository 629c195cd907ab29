import http.client
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from pipelines.embedded_web import VERSION, EmbeddedWeb, serve
from pipelines.embedded_web.sites import SEEDS, hosts, sitemap_urls


def answers(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/robots.txt", headers={"Host": "jeju.harubang.test"})
        return connection.getresponse().status == 200
    except (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected):
        return False
    finally:
        connection.close()


def gone(port):
    for _ in range(100):
        if not answers(port):
            return True
        time.sleep(0.1)
    return False


def test_serve_tells_where_and_stops():
    with serve(3) as web:
        assert isinstance(web, EmbeddedWeb)
        assert answers(web.port)
        assert web.connect_to == {
            "harubang.test": f"127.0.0.1:{web.port}",
            "closed.harubang.test": "127.0.0.1:1",
        }
        assert (web.seeds, web.sitemaps, web.hosts) == (SEEDS, sitemap_urls(), hosts())
    assert not answers(web.port)


def test_it_stops_when_the_block_raises():
    with pytest.raises(LookupError), serve(3) as web:
        port = web.port
        raise LookupError
    assert not answers(port)


def test_it_ends_with_a_parent_that_is_killed():
    script = (
        "import time\n"
        "from pipelines.embedded_web import serve\n"
        "with serve(3) as web:\n"
        "    print(web.port, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        port = int(parent.stdout.readline())
        assert answers(port)
        os.kill(parent.pid, signal.SIGKILL)
    assert gone(port)


def test_the_module_serves_from_the_command_line():
    command = [sys.executable, "-m", "pipelines.embedded_web", "--port", "0", "--seed", "3"]
    # These tests may run in the background of a shell, which has ^C ignored; the server would inherit that.
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=heeds) as child:
        try:
            line = json.loads(child.stdout.readline())
            assert set(line) == {"port"}
            assert answers(line["port"])
            child.send_signal(signal.SIGINT)
            assert child.wait(10) == 0
        finally:
            child.kill()


def test_a_child_that_does_not_start(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="does not start"), serve(3):
        pass


def test_version_is_a_number():
    assert VERSION >= 1
