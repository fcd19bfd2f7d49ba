"""Networks: the published ranges of services that scan mail.

A hit keeps its network by name, which is looked up before its address is shortened: several ranges
are narrower than what is kept of an address. ``networks.csv`` has them, each with its publisher,
its scope and what it would cost to be wrong. Where nothing but scanners lives a hit is a machine's;
where people browse from it, too, the name is a mere note.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Final

__all__ = ["NETWORKS", "Network", "is_scanners_network", "network_at", "network_of"]

_FILE: Final = Path(__file__).with_name("networks.csv")


@dataclass(frozen=True, slots=True)
class Network:
    """A range of addresses.

    Attributes:
        name: what a hit keeps.
        only_scanners: whether a hit from it is a machine's.
    """

    name: str
    first: int
    last: int
    version: int
    only_scanners: bool


@cache
def _networks() -> tuple[Network, ...]:
    with _FILE.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        found = [(ip_network(row["range"]), row) for row in rows]
    return tuple(
        Network(
            row["name"],
            int(network.network_address),
            int(network.broadcast_address),
            network.version,
            row["scope"] == "machine",
        )
        for network, row in sorted(found, key=lambda each: int(each[0].network_address))
    )


NETWORKS: Final = _networks
"""All of them, in the order of their first addresses."""


@cache
def _starts(version: int) -> tuple[tuple[int, ...], tuple[Network, ...]]:
    mine = tuple(network for network in _networks() if network.version == version)
    return tuple(network.first for network in mine), mine


def network_of(ip: str) -> str | None:
    """The name of the network of an address; None if it is in none, or no address."""
    try:
        return network_at(ip_address(ip))
    except ValueError:
        return None


def network_at(address: IPv4Address | IPv6Address) -> str | None:
    """The same, of an address that has been read."""
    number = int(address)
    starts, mine = _starts(address.version)
    place = bisect_right(starts, number) - 1
    return mine[place].name if place >= 0 and number <= mine[place].last else None


@cache
def _scanners() -> frozenset[str]:
    return frozenset(network.name for network in _networks() if network.only_scanners)


def is_scanners_network(name: str) -> bool:
    """Whether nothing but scanners lives in the network of that name."""
    return name in _scanners()
