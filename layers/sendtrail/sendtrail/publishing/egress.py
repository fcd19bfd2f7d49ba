"""Egress: requests to URLs that staff gave, which must not reach what only we can reach.

A host is resolved for each request, every address that its name has must be public, and the
connection is made to an address that was checked: between check and connection the name is not
looked up again. Redirects are answers like any other (OWASP, "Server-Side Request Forgery
Prevention"; Standard Webhooks, "Server Side Request Forgery").
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from sendtrail.domain.webhooks import MAX_URL
from sendtrail.errors import InvalidInputError, Problem, SendtrailError

__all__ = ["Answer", "Egress", "EgressError", "Network", "is_public", "networks"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORTS: Final = frozenset({443, 8443})
"""Of HTTPS. Nobody is helped by our knocking at any other."""
_MAX_HEAD: Final = 16_384
"""Bytes of an answer's status line and headers that are read; of its body, none is needed."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_SHARED: Final = ipaddress.IPv4Network("100.64.0.0/10")


class EgressError(SendtrailError):
    """A request had no answer, or was not made; the message says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request.

    Attributes:
        status: of HTTP.
        duration_ms: from resolving the name to the end of the answer's headers.
    """

    status: int
    duration_ms: int


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet's, and of one host alone.

    IPv6 addresses that lead to an IPv4 address (mapped, 6to4, Teredo, NAT64) are what that is.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id or address in _LOCAL_NAT64:
            return False
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
        if address.teredo or address.is_site_local:
            return False
        if int(address) >> 32 == 0:  # IPv4-compatible, which is deprecated (RFC 4291, 2.5.5.1)
            return False
    elif address in _SHARED:
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def networks(text: str) -> tuple[Network, ...]:
    """The networks in a setting, apart by commas.

    Raises:
        ValueError: one is none.
    """
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())


def _resolve(host: str, port: int) -> list[str]:
    """The addresses that a name has."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


class Egress:
    """Posts to public hosts alone."""

    def __init__(
        self,
        allowed: Iterable[Network] = (),
        *,
        timeout: float = 10.0,
        resolve: Callable[[str, int], list[str]] = _resolve,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        """Connects to nothing yet.

        Args:
            allowed: networks that may be reached though they are not public, at any port and also
                by HTTP: of a stack on one machine, and of tests.
            timeout: seconds for a request altogether.
            resolve: the addresses of a host and port; raises OSError.
            trusted: the TLS context; by default that of what this machine trusts.
        """
        self._allowed = tuple(allowed)
        self._timeout = timeout
        self._resolve = resolve
        self._trusted = trusted

    def check(self, url: str) -> None:
        """Checks what can be seen of a URL without asking anybody.

        Raises:
            InvalidInputError: it is not allowed; the message says what is.
        """
        try:
            place = _parts(url)
            self._check_place(place)
            literal = _literal(place.hostname or "")
            if literal is not None:
                self._check_address(literal)
        except EgressError as error:
            raise InvalidInputError(Problem(str(error), "url")) from None

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Posts a body, and reads the answer's status and headers.

        Raises:
            EgressError: there was no answer within the time-out, or the URL leads to where it
                must not.
        """
        began = time.monotonic()
        ends = began + self._timeout
        place = _parts(url)
        self._check_place(place)
        host = place.hostname or ""
        port = place.port or (443 if place.scheme == "https" else 80)
        addresses = [ipaddress.ip_address(each) for each in self._addresses(host, port)]
        for address in addresses:
            self._check_address(address)
        secure = place.scheme == "https"
        if not secure and not all(map(self._is_allowed, addresses)):
            raise EgressError("only https:// URLs are allowed")
        if port not in _PORTS and not all(map(self._is_allowed, addresses)):
            raise EgressError(_WRONG_PORT)
        status = self._exchange(place, addresses, port, headers, body, ends)
        return Answer(status, round((time.monotonic() - began) * 1000))

    def _check_place(self, place: SplitResult) -> None:
        if place.scheme != "https" and not (place.scheme == "http" and self._allowed):
            raise EgressError("only https:// URLs are allowed")
        if place.port not in (None, *_PORTS) and not self._allowed:
            raise EgressError(_WRONG_PORT)

    def _check_address(self, address: Address) -> None:
        if not is_public(address) and not self._is_allowed(address):
            raise EgressError("the host has an address that is not public")

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)

    def _addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host, within the time-out: the system's resolver has one of its own,
        which is longer.
        """
        found: list[list[str] | OSError | UnicodeError] = []

        def look_up() -> None:
            try:
                found.append(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                found.append(error)

        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(self._timeout)
        if not found or isinstance(found[0], Exception) or not found[0]:
            raise EgressError("the host's name leads to no address")
        return found[0]

    def _exchange(
        self,
        place: SplitResult,
        addresses: list[Address],
        port: int,
        headers: Mapping[str, str],
        body: bytes,
        ends: float,
    ) -> int:
        host = place.hostname or ""
        path = (place.path or "/") + (f"?{place.query}" if place.query else "")
        lines = {"Host": place.netloc, **headers, "Content-Length": str(len(body))}
        head = f"POST {path} HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        head += "Connection: close\r\n\r\n"
        try:
            with _connected(addresses, port, ends) as plain:
                if place.scheme != "https":
                    return _asked(plain, head.encode("ascii") + body, ends)
                plain.settimeout(_left(ends))
                context = self._trusted or _system_trust()
                with context.wrap_socket(plain, server_hostname=host) as secure:
                    return _asked(secure, head.encode("ascii") + body, ends)
        except TimeoutError:
            raise EgressError(f"no answer within {self._timeout:g} seconds") from None
        except ssl.SSLCertVerificationError as error:
            raise EgressError(f"its certificate is not valid: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise EgressError(f"TLS failed: {error.reason}") from None
        except OSError as error:
            raise EgressError(f"no connection: {error.strerror or 'closed'}") from None


_WRONG_PORT: Final = "the port is not allowed; allowed are 443 and 8443"


def _parts(url: str) -> SplitResult:
    """The parts of a URL.

    Raises:
        EgressError: it is none, or has what a webhook's URL must not have.
    """
    if (
        len(url) > MAX_URL
        or not url.isascii()
        or any(each <= " " or each == "\x7f" for each in url)
    ):
        raise EgressError(f"allowed are URLs of up to {MAX_URL} characters, which are ASCII's")
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError:
        raise EgressError("that is no URL") from None
    if not place.hostname or port == 0:
        raise EgressError("that is no URL with a host")
    if place.username is not None or place.password is not None:
        raise EgressError("a user or password in the URL is not allowed")
    if "\\" in url or place.fragment:
        raise EgressError("a backslash or fragment in the URL is not allowed")
    return place


def _literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name.

    In the forms of C's `inet_aton` too (``2130706433``, ``0x7f.1``), which resolvers take.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _connected(addresses: list[Address], port: int, ends: float) -> socket.socket:
    """A connection to the first of the addresses that takes one."""
    problem: OSError = OSError("no address")
    for address in addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(_left(ends))
            connection.connect((str(address), port))
        except OSError as error:
            connection.close()
            problem = error
        else:
            return connection
    raise problem


def _left(ends: float) -> float:
    """Seconds until `ends`.

    Raises:
        TimeoutError: there are none.
    """
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _asked(connection: Any, request: bytes, ends: float) -> int:
    """The status of the answer to a request; its headers are read, and no more. Interim answers
    (RFC 9110, 15.2) are passed over.

    However slowly the bytes come: `ends` holds for all of them together.
    """
    sent = 0
    while sent < len(request):
        connection.settimeout(_left(ends))
        sent += connection.send(request[sent : sent + 65_536])
    head, size = b"", 0
    while b"\r\n\r\n" not in head:
        connection.settimeout(_left(ends))
        more = connection.recv(4096)
        if not more:
            break
        head, size = head + more, size + len(more)
        if size > _MAX_HEAD:
            raise EgressError("the answer's headers are too long")
        while b"\r\n\r\n" in head and _status_in(head) // 100 == 1:
            head = head.partition(b"\r\n\r\n")[2]
    return _status_in(head)


def _status_in(head: bytes) -> int:
    """The status that an answer begins with.

    Raises:
        EgressError: it is no answer of HTTP.
    """
    status = head[9:12]
    if not head.startswith(b"HTTP/1.") or not status.isdigit() or b"\r\n" not in head:
        raise EgressError("the answer is not HTTP")
    return int(status)


@cache
def _system_trust() -> ssl.SSLContext:
    return ssl.create_default_context()
