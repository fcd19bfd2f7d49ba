"""Clients: what is kept of who asked for a pixel or followed a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from sendtrail.domain.events import Event
from sendtrail.domain.hits import HITS, NETWORK
from sendtrail.domain.networks import network_at

__all__ = ["address_kept", "as_kept", "shortened"]

_KEPT_BITS: Final = {4: 24, 6: 48}


def address_kept(ip: str, *, whole: bool) -> Mapping[str, Any]:
    """What is kept of a client's address: ``ip``, and its ``network`` by name if it is known. That
    is looked up before the address is shortened.

    Args:
        whole: whether the whole address is kept, and not its network alone.
    """
    try:
        address = ip_address(ip)
    except ValueError:
        return {"ip": ip} if whole and ip else {}
    kept = {"ip": ip if whole else _network(address)}
    if network := network_at(address):
        kept[NETWORK] = network
    return kept


def as_kept(event: Event, *, whole: bool) -> Event:
    """An event as SES tells it, with what is kept of its client's address, if it is a hit."""
    if event.type not in HITS or "ip" not in event.detail:
        return event
    detail = {name: value for name, value in event.detail.items() if name != "ip"}
    return replace(event, detail={**detail, **address_kept(event.detail["ip"], whole=whole)})


def shortened(ip: str) -> str:
    """The network of an IP address, /24 or /48: it identifies no person, but still a scanner's data
    centre. Empty if `ip` is not an IP address.
    """
    try:
        return _network(ip_address(ip))
    except ValueError:
        return ""


def _network(address: IPv4Address | IPv6Address) -> str:
    dropped = address.max_prefixlen - _KEPT_BITS[address.version]
    return str(type(address)(int(address) >> dropped << dropped))
