"""An HTTP proxy before an AWS service, which sees, counts or spoils what passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from local.serving import Serving

__all__ = ["Answer", "Between", "Forward", "Request", "Take"]

_HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks.

    Attributes:
        headers: by lower-case name.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """The operation in AWS's JSON protocols (``PutItem``); empty in others."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]

    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)

    def with_json(self, value: Any) -> Request:
        """The same with another body. Its signature is then wrong, which no emulator minds."""
        return replace(self, body=json.dumps(value, separators=(",", ":")).encode())


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answers, or what is answered in its place."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, status: int, value: Any) -> Answer:
        """An answer in AWS's JSON protocols."""
        body = json.dumps(value, separators=(",", ":")).encode()
        return cls(status, body, {"Content-Type": "application/x-amz-json-1.0"})

    @classmethod
    def error(cls, status: int, code: str, message: str = "") -> Answer:
        """An error of DynamoDB: its code is ``ThrottlingException`` or the like."""
        kind = f"com.amazonaws.dynamodb.v20120810#{code}"
        return cls.of_json(status, {"__type": kind, "message": message})

    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


Forward = Callable[[Request], Answer]
Take = Callable[[Request, Forward], "Answer | None"]
"""Answers a request, by handing it on or not; None hangs up without an answer."""


class Between(Serving):
    """A proxy on a port of its own; each connection in a thread of its own."""

    def __init__(self, endpoint: str, take: Take) -> None:
        """Listens from now on; answers once started.

        Args:
            endpoint: the service's URL.
            take: called for each request, by several threads at once, with a function that hands
                a request on to the service.
        """

        class Handler(_Handler):
            upstream = urlsplit(endpoint).netloc
            answer_to = staticmethod(take)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that is killed in the middle hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    disable_nagle_algorithm = True
    upstream: str
    answer_to: Take

    def setup(self) -> None:
        super().setup()
        self._connection = HTTPConnection(self.upstream, timeout=60)

    def finish(self) -> None:
        self._connection.close()
        super().finish()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        answer = self.answer_to(request, self._forward)
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 -- as they are looked up

    def _forward(self, request: Request) -> Answer:
        """Hands a request on; an answer of 503 if the service does not answer."""
        headers = {
            name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP
        }
        headers["Content-Length"] = str(len(request.body))
        try:
            self._connection.request(request.method, request.path, request.body, headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            return Answer.error(503, "ServiceUnavailable", repr(error))
        kept = {
            name: value
            for name, value in response.headers.items()
            if name.lower() not in _HOP_BY_HOP
        }
        return Answer(response.status, body, kept)

    def log_message(self, *_: object) -> None:
        """Nothing."""
