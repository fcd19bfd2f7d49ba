"""A DNS server on this machine, of whatever records a test gives it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.resolver import Resolver

__all__ = ["Zone", "nameserver", "resolver_of"]

Zone = dict[tuple[str, str], list[str]]
"""(name, type) → records, as zone files write them."""


@contextmanager
def nameserver(zone: Zone) -> Iterator[Resolver]:
    """A resolver that asks a server of these records, which may change meanwhile."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(server, zone), daemon=True)
        thread.start()
        try:
            yield resolver_of(server.getsockname()[1])
        finally:
            server.sendto(b"", server.getsockname())
            thread.join()


def resolver_of(port: int, seconds: float = 5) -> Resolver:
    """A resolver that asks a port of this machine, for so long."""
    resolver = Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], port, seconds
    return resolver


def _serve(server: socket.socket, zone: Zone) -> None:
    while True:
        wire, where = server.recvfrom(4096)
        if not wire:
            return
        server.sendto(_answered(wire, zone), where)


def _answered(wire: bytes, zone: Mapping[tuple[str, str], list[str]]) -> bytes:
    query = dns.message.from_wire(wire)
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.AA
    (question,) = query.question
    name, kind = question.name.to_text(omit_final_dot=True), question.rdtype.name
    if not any(known == name for known, _ in zone):
        answer.set_rcode(dns.rcode.NXDOMAIN)
    for each in (kind, "CNAME"):
        if (name, each) in zone:
            answer.answer.append(
                dns.rrset.from_text_list(question.name, 60, "IN", each, zone[name, each])
            )
            break
    return answer.to_wire()
