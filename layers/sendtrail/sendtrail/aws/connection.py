"""A kept-alive HTTP/1.1 connection to one endpoint, as far as AWS's JSON protocol and S3 need it.

The standard library's client parses the headers of every response with its email parser, which
costs more than everything else in a pixel request (docs/decisions/0015). This one interprets only
the headers that delimit a response (RFC 9112, sections 6 and 9).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from urllib.parse import SplitResult

if TYPE_CHECKING:
    import ssl

__all__ = ["Connection"]

_LONGEST_LINE: Final = 65_536
_MAX_HEADERS: Final = 100


class Connection:
    """A connection, opened on first use. Not thread-safe."""

    def __init__(self, endpoint: SplitResult, *, timeout: float) -> None:
        """Opens nothing yet.

        Args:
            endpoint: scheme, host and port.
            timeout: seconds for connecting, and for each wait for the server.
        """
        self._endpoint = endpoint
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._answers: BinaryIO | None = None

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        ends: float | None = None,
    ) -> tuple[int, bytes]:
        """Sends a request and returns the status and body of the response.

        Args:
            headers: all but ``Content-Length``.
            ends: the deadline for every wait (of `time.monotonic`).

        Raises:
            OSError: there was no complete response in time. The connection is closed; it may be
                used again.
        """
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{method} {path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        try:
            connection, answers = self._open(ends)
            connection.sendall(head.encode("latin-1") + body)
            self._wait_until(ends)
            return self._read(answers)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the connection; the next request opens a new one."""
        if self._answers is not None:
            self._answers.close()
        if self._socket is not None:
            self._socket.close()
        self._answers = self._socket = None

    def _open(self, ends: float | None) -> tuple[socket.socket, BinaryIO]:
        if self._socket is None or self._answers is None:
            endpoint = self._endpoint
            host, secure = endpoint.hostname or "", endpoint.scheme == "https"
            port = endpoint.port or (443 if secure else 80)
            self._socket = socket.create_connection((host, port), timeout=self._left(ends))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure:
                self._socket = _trusted().wrap_socket(self._socket, server_hostname=host)
            self._answers = cast("BinaryIO", self._socket.makefile("rb"))
        self._wait_until(ends)
        return self._socket, self._answers

    def _wait_until(self, ends: float | None) -> None:
        if ends is not None and self._socket is not None:
            self._socket.settimeout(self._left(ends))

    def _left(self, ends: float | None) -> float:
        if ends is None:
            return self._timeout
        return max(0.001, min(self._timeout, ends - time.monotonic()))

    def _read(self, answers: BinaryIO) -> tuple[int, bytes]:
        """Reads a response, then closes the connection if the server asks for it."""
        first = answers.readline(_LONGEST_LINE)
        if not first.startswith(b"HTTP/1."):
            raise ConnectionError(f"no answer, but {first!r:.60}")
        length = -1  # up to the end of the connection
        chunked, last = False, first.startswith(b"HTTP/1.0")
        try:
            status = int(first[9:12])
            for name, value in _headers(answers):
                if name == b"content-length":
                    length = int(value)
                elif name == b"transfer-encoding":
                    chunked = b"chunked" in value.lower()
                elif name == b"connection":
                    last = b"close" in value.lower()
            content = _chunks(answers) if chunked else answers.read(length)
        except ValueError as error:
            raise ConnectionError(f"not HTTP: {error}") from None
        if not chunked and len(content) < length:
            raise ConnectionError(f"{len(content)} bytes of {length}")
        if last or (length < 0 and not chunked):
            self.close()
        return status, content


def _headers(answers: BinaryIO) -> list[tuple[bytes, bytes]]:
    """The headers of a response, their names lower-cased."""
    found: list[tuple[bytes, bytes]] = []
    for _ in range(_MAX_HEADERS):
        line = answers.readline(_LONGEST_LINE)
        if line == b"\r\n":
            return found
        name, colon, value = line.partition(b":")
        if not colon:
            break
        found.append((name.lower(), value))
    raise ConnectionError("headers that do not end")


def _chunks(answers: BinaryIO) -> bytes:
    """The body of a response in chunked transfer encoding."""
    content = b""
    while size := int(answers.readline(_LONGEST_LINE).partition(b";")[0], 16):
        chunk = answers.read(size)
        if len(chunk) < size or answers.readline(_LONGEST_LINE) != b"\r\n":
            raise ConnectionError("a chunk that is cut off")
        content += chunk
    while answers.readline(_LONGEST_LINE) not in (b"\r\n", b""):
        pass
    return content


@cache
def _trusted() -> ssl.SSLContext:
    """The TLS context, built once: it loads all certificates that this machine trusts."""
    import ssl

    return ssl.create_default_context()
