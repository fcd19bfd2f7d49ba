"""A server that answers as it is told to: services in trouble."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Scripted", "served"]


class Scripted:
    """A server that answers what it is told to, and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, str] | None) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.connections = 0


@contextmanager
def served(script: Scripted, hang: float = 0) -> Iterator[str]:
    """A scripted server's URL; a None in the script hangs up.

    Args:
        hang: seconds to wait before each answer.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            script.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.asked.append(
                {"target": self.headers["X-Amz-Target"], "body": json.loads(body or "null")}
            )
            time.sleep(hang)
            answer = script.answers.pop(0) if script.answers else (200, "{}")
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            status, text = answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = do_POST  # noqa: N815 -- http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
