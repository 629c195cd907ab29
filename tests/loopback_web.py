"""Sites of a test, served on loopback whatever their names."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML = "text/html; charset=utf-8"


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
