"""Sites of a test, served on loopback whatever their names."""

import functools
import io
import itertools
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

HTML = "text/html; charset=utf-8"
_THINGS = ["돌하르방", "해녀", "한옥", "항아리", "김치", "감귤", "오름", "장독대"]


class _Files(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass


@contextmanager
def served_folder(folder):
    """Serve the files of ``folder`` and give the URL they begin with, without the last slash."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class LoopbackWeb:
    """Serves (content type, body) by host and path, on loopback, and counts.

    What is in ``failing`` gets 503; ``watch`` is told of each request.
    """

    def __init__(self, routes):
        self.routes = routes
        self.asked = Counter()
        self.failing = set()
        self.watch = lambda name: None
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                name = self.headers["Host"].partition(":")[0] + self.path
                web.asked[name] += 1
                web.watch(name)
                kind, body = web.routes.get(name, ("text/plain", b""))
                self.send_response(503 if name in web.failing else 200 if body else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *arguments: None  # a killed client resets its connections
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def counted(self):
        """Return how often each page and image was asked for since the last call."""
        asked = {name: number for name, number in self.asked.items() if name in self.routes}
        self.asked.clear()
        return asked


def _picture(seed, quality):
    rough = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rough).resize((160, 120), Image.Resampling.BICUBIC).save(out, "JPEG", quality=quality)
    return out.getvalue()


def _hosts(copies):
    return [f"{name}{copy}.test" for copy in range(copies) for name in ("ga", "na", "da")]


def small_site(copies=1):
    """Three sites of two pages, as often as told; of four images a page the last is a copy or near copy of another."""
    routes = {}
    for place, host in enumerate(_hosts(copies)):
        routes[f"{host}/"] = (HTML, b"<html><body><a href='/p0'>0</a><a href='/p1'>1</a></body></html>")
        for page, number in itertools.product(range(2), range(4)):
            seed = (place * 2 + page) * 4 + number
            drawn, quality = (seed % 8, 60 + 30 * (place % 2)) if number == 3 else (seed, 90)
            routes[f"{host}/i{page}-{number}.jpg"] = ("image/jpeg", _picture(drawn, quality))
        for page in range(2):
            seed = (place * 2 + page) * 4
            captions = [
                f"제주 바닷가 마을에서 만난 {_THINGS[n % len(_THINGS)]} 풍경 {n}" for n in range(seed, seed + 4)
            ]
            shown = {f"/i{page}-{number}.jpg": caption for number, caption in enumerate(captions)}
            shown |= {"/none.jpg": "사라진 사진 속의 한옥 마을 풍경", "/short.jpg": "돌"}
            body = "".join(
                f"<figure><img src='{name}'><figcaption>{caption}</figcaption></figure>"
                for name, caption in shown.items()
            )
            routes[f"{host}/p{page}"] = (HTML, f"<html><body><h1>마을 {page}</h1>{body}</body></html>".encode())
    return routes


def small_workflow(web, copies=1):
    """The workflow that takes `small_site` from ``web``: with drops, and several shards and partitions."""
    return {
        "name": "small",
        "sources": {"crawl": {"seeds": [f"http://{host}/" for host in _hosts(copies)], "depth": 2}},
        "network": {
            "allow_loopback": True,
            "connect_to": {"*": web.address},
            "connections": 8,
            "delay_seconds": 0,
            "backoff_seconds": 0.01,
            "max_tries": 1,
        },
        "fetch": {"processes": 1},
        "select": {"filters": []},
        "pack": {"samples_per_shard": 8},
    }
