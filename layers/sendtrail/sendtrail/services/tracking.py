"""Tracking: a pixel that was loaded, a link that was followed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.times import Timestamp
from sendtrail.services.keeping import Keeper, Kept
from sendtrail.tokens import ClickedLink, LoadedPixel

__all__ = ["Hit", "Tracking", "shortened"]

_MOST_AGENT: Final = 1_000
_KEPT_BITS: Final = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class Hit:
    """A request on a public route.

    Attributes:
        request_id: API Gateway's, which makes the event what it is.
        ip: where it came from, as it is.
        user_agent: the header, as it was sent.
    """

    request_id: str
    at: Timestamp
    ip: str
    user_agent: str


class Tracking:
    """Turns hits into events."""

    def __init__(self, keeper: Keeper, *, whole_ip_addresses: bool) -> None:
        self._keeper = keeper
        self._whole = whole_ip_addresses

    def opened(self, pixel: LoadedPixel, hit: Hit) -> Kept:
        """Keeps that a pixel was loaded."""
        return self._keep(EventType.OPEN, pixel.recipient, hit, {"sent_at": pixel.sent_at})

    def clicked(self, link: ClickedLink, hit: Hit) -> Kept:
        """Keeps that a link was followed."""
        detail = {"sent_at": link.sent_at, "link": link.url, "position": link.position}
        return self._keep(EventType.CLICK, link.recipient, hit, detail)

    def _keep(
        self, event_type: EventType, recipient: Recipient, hit: Hit, detail: dict[str, Any]
    ) -> Kept:
        client = {
            "ip": hit.ip if self._whole else shortened(hit.ip),
            "user_agent": hit.user_agent[:_MOST_AGENT].encode("utf-8", "replace").decode(),
        }
        detail |= {name: value for name, value in client.items() if value}
        return self._keeper.keep(
            Event.of_request(event_type, recipient, hit.at, hit.request_id, detail)
        )


def shortened(ip: str) -> str:
    """The network that an address is in, /24 or /48: no one person's, and good enough to tell a
    scanner's data centre. Empty for what is no address.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    dropped = address.max_prefixlen - _KEPT_BITS[address.version]
    return str(type(address)(int(address) >> dropped << dropped))
