"""A receiver of webhooks on this machine: it verifies what it is sent by the standard's library, and
answers as a test wants it to.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

__all__ = ["Answering", "Receiver", "receiver"]

Answering = Callable[[int], int | tuple[int, dict[str, str]] | float]
"""Of the number of a request (from 0): a status, a status with headers, or seconds to hang."""


@dataclass
class Receiver:
    """What a receiver is, and what it has got.

    Attributes:
        secrets: by any of which a request may be signed; none are checked if there are none.
        answering: what each request is answered by.
        taken: webhook id → the payload, of what was answered by 2xx.
        ids: the ids of all requests that were verified, in order.
        forged: how many requests were not signed by any of the secrets.
        connections: how many there were.
        headers: of the last request.
    """

    url: str = ""
    secrets: list[str] = field(default_factory=list)
    answering: Answering = lambda _: 204
    taken: dict[str, Any] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    forged: int = 0
    connections: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def types(self) -> list[str]:
        """The types of what was taken."""
        return [each["type"] for each in self.taken.values()]

    def read(self, body: bytes, headers: dict[str, str]) -> Any:
        """The payload of a request; None if it is not from whom it says."""
        for secret in self.secrets:
            try:
                return Webhook(secret).verify(body, headers)
            except WebhookVerificationError:
                continue
        return None if self.secrets else json.loads(body)


@contextmanager
def receiver(host: str = "127.0.0.1", **given: Any) -> Iterator[Receiver]:
    """A receiver, until the context is left."""
    mine = Receiver(**given)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = dict(self.headers.items())
            with mine.lock:
                number = mine.connections
                mine.connections += 1
                mine.headers = headers
                payload = mine.read(body, headers)
                if payload is None:
                    mine.forged += 1
                else:
                    mine.ids.append(self.headers["webhook-id"])
            said = mine.answering(number)
            if isinstance(said, float):
                time.sleep(said)
                return
            status, more = said if isinstance(said, tuple) else (said, {})
            if payload is not None and 200 <= status < 300:
                with mine.lock:
                    mine.taken[self.headers["webhook-id"]] = payload
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    mine.url = f"http://{host}:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield mine
    finally:
        server.shutdown()
        server.server_close()
