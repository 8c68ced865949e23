"""A stub of the AWS Parameters and Secrets extension, from which a function reads its secrets."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_KEY = "a key of the benchmark's, as long as a real one"
_RING = {"current": "1", "1": _KEY}
MASTER = _KEY.encode()


class _Secrets(BaseHTTPRequestHandler):
    secret = _RING

    def do_GET(self) -> None:
        """Answer any request for a secret with the same key ring."""
        body = json.dumps({"SecretString": json.dumps(self.secret)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing: the terminal is for figures."""


@contextmanager
def secrets_extension(**fields: str) -> Iterator[int]:
    """Serve secrets on a port of this machine, with more fields if some are given. Yield the port."""
    handler = type("Secrets", (_Secrets,), {"secret": _RING | fields})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
