"""moto with answers of its own: a server that hands on every request but those that a test answers.

For states of an account that moto cannot be brought into, such as SES's sandbox.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["Amended", "amended"]

_OF_A_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host"})


class Amended:
    """What is answered in moto's place.

    Attributes:
        url: where it is.
        answers: path, or X-Amz-Target, → the JSON to answer.
        refused: paths and targets that the caller has no permission for.
        errors: target → the code of the error to answer.
    """

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, Mapping[str, Any]] = {}
        self.refused: set[str] = set()
        self.errors: dict[str, str] = {}

    def answer(self, what: set[str]) -> tuple[int, bytes] | None:
        """Status and body for a request, of these names; None to hand it on."""
        if what & self.refused:
            said = {
                "__type": "AccessDeniedException",
                "message": "no identity-based policy allows it",
            }
            return 403, json.dumps(said).encode()
        for name in what & self.errors.keys():
            return 400, json.dumps({"__type": self.errors[name]}).encode()
        for name in what & self.answers.keys():
            return 200, json.dumps(self.answers[name]).encode()
        return None


@contextmanager
def amended(moto_url: str) -> Iterator[Amended]:
    """moto, amended."""
    state = Amended()
    netloc = urlsplit(moto_url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(urlsplit(self.path).path)
            found = state.answer({path, self.headers.get("X-Amz-Target", "")})
            headers: dict[str, str] = {"Content-Type": "application/json"}
            if found is None:
                status, headers, content = self._handed_on(body)
            else:
                status, content = found
                if status == 403:
                    headers["X-Amzn-Errortype"] = "AccessDeniedException"
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _handed_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = HTTPConnection(netloc, timeout=30)
            try:
                kept = {k: v for k, v in self.headers.items() if k.lower() not in _OF_A_HOP}
                connection.request(
                    self.command, self.path, body=body, headers=kept | {"Host": netloc}
                )
                answer = connection.getresponse()
                given = {k: v for k, v in answer.getheaders() if k.lower() not in _OF_A_HOP}
                return answer.status, given, answer.read()
            finally:
                connection.close()

        do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 -- as http.server asks

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
