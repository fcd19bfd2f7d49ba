"""Our connection to AWS: where an answer ends, and whom it trusts."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.aws import connection
from sendtrail.aws.connection import Connection
from tests.examples import many


class Served:
    """A server on one port.

    Attributes:
        asked: what came, byte by byte, one entry for each request.
        connections: how many were made.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[bytes] = []
        self.connections = 0

    def connection(self, scheme: str = "http", host: str = "127.0.0.1") -> Connection:
        """A connection to it."""
        return Connection(urlsplit(f"{scheme}://{host}:{self.port}"), timeout=2)


@contextmanager
def serving(
    *answers: bytes, tls: ssl.SSLContext | None = None, hang_up: bool = True
) -> Iterator[Served]:
    """A server that gives these very bytes, one entry for each request; and then hangs up, or not.

    An entry ``b""`` hangs up at once.
    """
    left = list(answers)
    listener = socket.create_server(("127.0.0.1", 0))
    served = Served(listener.getsockname()[1])

    def serve() -> None:
        while left:
            try:
                accepted, _ = listener.accept()
                peer = tls.wrap_socket(accepted, server_side=True) if tls else accepted
            except OSError:  # closed, or a handshake that came to nothing
                return
            served.connections += 1
            with peer:
                while left:
                    request = b""
                    while not request.endswith(b"\r\n\r\nbody") and (more := peer.recv(65536)):
                        request += more
                    if not request:
                        break
                    served.asked.append(request)
                    answer = left.pop(0)
                    peer.sendall(answer)
                    if not answer or b"close" in answer:
                        break
                if not hang_up:
                    time.sleep(3)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        listener.close()


def answer(content: bytes, *headers: str) -> bytes:
    """An answer with the length of its content."""
    lines = "".join(f"{line}\r\n" for line in (f"Content-Length: {len(content)}", *headers))
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + content


def test_a_request_is_sent_as_http_asks_for_it() -> None:
    """The line, the headers, the length, and the body."""
    with serving(answer(b"{}")) as served:
        assert served.connection().request("POST", "/p", {"Host": "h", "X-A": "1"}, b"body") == (
            200,
            b"{}",
        )
    assert served.asked == [
        b"POST /p HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: 4\r\n\r\nbody"
    ]


@pytest.mark.parametrize(
    ("given_answer", "expected"),
    [
        (answer(b""), (200, b"")),
        (b"HTTP/1.1 400 Bad Request\r\ncontent-LENGTH:2\r\n\r\nno", (400, b"no")),
        (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3;x=y\r\n{\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"
            ),
            (200, b"{\r\n0123456789"),
        ),
        (b"HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n", (503, b"")),
    ],
)
def test_an_answer_ends_where_it_says(given_answer: bytes, expected: tuple[int, bytes]) -> None:
    """By its length or its chunks; the next answer of the same connection is read from there."""
    with serving(given_answer, answer(b"next")) as served:
        to = served.connection()
        assert to.request("POST", "/", {}, b"body") == expected
        assert to.request("POST", "/", {}, b"body") == (200, b"next")
    assert served.connections == 1


@pytest.mark.parametrize(
    "given_answer",
    [
        answer(b"all", "Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nall",
        b"HTTP/1.1 200 OK\r\nX-Word: close\r\n\r\nall",  # without a length, it ends with all
    ],
)
def test_a_last_answer_is_followed_by_a_new_connection(given_answer: bytes) -> None:
    """Where the other side says that it closes, as HTTP/1.0 does, or has to."""
    with serving(given_answer, answer(b"next")) as served:
        to = served.connection()
        assert to.request("POST", "/", {}, b"body") == (200, b"all")
        if b"1.0" not in given_answer:
            assert to.request("POST", "/", {}, b"body") == (200, b"next")
            assert served.connections == 2
        assert to._socket is None or b"1.0" not in given_answer


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"SSH-2.0-x\r\nclose\r\n",
        b"HTTP/1.1 xxx close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n9\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: close",
        b"HTTP/1.1 200 OK\r\n" + b"X: close\r\n" * 200 + b"\r\n",
    ],
)
def test_half_an_answer_is_an_error_and_the_connection_is_made_anew(broken: bytes) -> None:
    """Nothing of it is taken for the next answer."""
    with serving(broken, answer(b"next")) as served:
        to = served.connection()
        with pytest.raises(OSError, match=r"."):
            to.request("POST", "/", {}, b"body")
        assert to.request("POST", "/", {}, b"body") == (200, b"next")
    assert served.connections == 2


@many(60)
@given(st.binary(max_size=60))
def test_whatever_comes_is_an_answer_or_an_error(content: bytes) -> None:
    """Never another exception, never for ever."""
    with serving(b"HTTP/1.1 200 OK\r\n" + content + b"\r\nConnection: close\r\n\r\n") as served:
        try:
            status, _ = served.connection().request("POST", "/", {}, b"body")
        except OSError:
            return
    assert status == 200


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    """Not after the time by which all attempts must end, whatever a single wait may take."""
    with serving(b"HTTP/1.1 200 OK\r\n", hang_up=False) as served:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            served.connection().request("POST", "/", {}, b"body", ends=begun + 0.2)
        assert time.monotonic() - begun < 1.5


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[Path]:
    """A certificate for 127.0.0.1, with its key, that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    connection._trusted.cache_clear()
    yield file
    connection._trusted.cache_clear()


def tls_of(certificate: Path) -> ssl.SSLContext:
    """A server's side of it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_is_not_trusted_is_refused(certificate: Path) -> None:
    """Nothing is sent to whoever shows it."""
    with (
        serving(answer(b"{}"), tls=tls_of(certificate)) as served,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        served.connection("https").request("POST", "/", {}, b"body")
    assert served.asked == []


def test_a_trusted_certificate_is_good_for_its_own_host_only(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for 127.0.0.1, and not for what else leads there."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(answer(b"{}"), tls=tls_of(certificate)) as served:
        assert served.connection("https").request("POST", "/", {}, b"body") == (200, b"{}")
    with (
        serving(answer(b"{}"), tls=tls_of(certificate)) as served,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        served.connection("https", "localhost").request("POST", "/", {}, b"body")
