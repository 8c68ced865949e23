"""A small threaded HTTP server for WSGI applications: Werkzeug's, with connections that stay open.

Werkzeug closes each connection after one answer, and queues 128 new ones at most. Here 500 clients may arrive at once,
and each keeps its connection.
"""

from __future__ import annotations

import io
import socket
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

BACKLOG = 2048
LARGEST_BODY = 10 * 2**20  # as API Gateway takes it
IDLE_SECONDS = 60


class PortInUse(Exception):
    """Another process listens there."""


class Handler(WSGIRequestHandler):
    """Reads each request whole: the next one on the connection starts where this one ends."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = IDLE_SECONDS
    largest_body = LARGEST_BODY

    def run_wsgi(self) -> None:
        """Answer one request."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._body(environ))
        head: list[str] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            head[:] = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]

        answer = self.server.app(environ, start_response)
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        if not any(line.lower().startswith("content-length:") for line in head):
            head.append(f"Content-Length: {len(body)}")
        if self.close_connection:
            head.append("Connection: close")
        self.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1") + (b"" if self.command == "HEAD" else body))

    def _body(self, environ: dict[str, Any]) -> bytes:
        """Return the request's body. One that is too long is left unread, and the answer closes the connection."""
        if environ.get("wsgi.input_terminated"):
            body: bytes = environ["wsgi.input"].read(self.largest_body + 1)
            environ["CONTENT_LENGTH"] = str(len(body))
            self.close_connection = self.close_connection or len(body) > self.largest_body
            return body
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > self.largest_body:
            self.close_connection = True
            return b""
        return self.rfile.read(int(length))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing: the functions write their own logs."""


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes a free one.

    Raises:
        PortInUse: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortInUse(f"port {port} on {host} cannot be used: {error.strerror}. Set PORT to another") from None
    return listener


def serve(app: Any, listener: socket.socket, handler: type[Handler] = Handler) -> None:
    """Serve until the process ends, with a thread for each connection."""
    host, port = listener.getsockname()
    server = ThreadedWSGIServer(host, port, app, handler, fd=listener.fileno())
    server.daemon_threads = True
    server.serve_forever()
