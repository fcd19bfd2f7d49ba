"""HitRecorder: a pixel that was loaded, a link that was followed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.auth.tokens import ClickedLink, LoadedPixel
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.times import Timestamp
from sendtrail.log.fallback import FallbackWriter, WrittenTo

__all__ = ["PublicRequest", "HitRecorder", "shortened"]

_MAX_AGENT: Final = 1_000
_KEPT_BITS: Final = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class PublicRequest:
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


class HitRecorder:
    """Turns hits into events."""

    def __init__(self, writer: FallbackWriter, *, whole_ip_addresses: bool) -> None:
        self._writer = writer
        self._whole = whole_ip_addresses

    def opened(self, pixel: LoadedPixel, request: PublicRequest) -> WrittenTo:
        """Keeps that a pixel was loaded."""
        return self._record(EventType.OPEN, pixel.recipient, request, {"sent_at": pixel.sent_at})

    def clicked(self, link: ClickedLink, request: PublicRequest) -> WrittenTo:
        """Keeps that a link was followed."""
        detail = {"sent_at": link.sent_at, "link": link.url, "position": link.position}
        return self._record(EventType.CLICK, link.recipient, request, detail)

    def _record(
        self,
        event_type: EventType,
        recipient: Recipient,
        request: PublicRequest,
        detail: dict[str, Any],
    ) -> WrittenTo:
        client = {
            "ip": request.ip if self._whole else shortened(request.ip),
            "user_agent": request.user_agent[:_MAX_AGENT].encode("utf-8", "replace").decode(),
        }
        detail |= {name: value for name, value in client.items() if value}
        return self._writer.write(
            Event.of_request(event_type, recipient, request.at, request.request_id, detail)
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
