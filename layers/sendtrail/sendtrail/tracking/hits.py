"""Hits: records that a pixel was loaded or a link followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sendtrail.auth.tokens import ClickedLink, LoadedPixel
from sendtrail.domain.clients import address_kept
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.hits import LINKS, REQUEST, slot_of
from sendtrail.domain.times import Timestamp
from sendtrail.log.fallback import FallbackWriter, WrittenTo

__all__ = ["HitRecorder", "PublicRequest"]

_MAX_AGENT: Final = 1_000
_MAX_HELD: Final = 10_000
"""How many slots a process remembers."""


@dataclass(frozen=True, slots=True)
class PublicRequest:
    """A request on a public route.

    Attributes:
        request_id: API Gateway's; it becomes the event's identity.
        ip: the client's whole address.
        user_agent: the header, unchanged.
        how: ``head`` or ``prefetch``, if it was no person's request.
    """

    request_id: str
    at: Timestamp
    ip: str
    user_agent: str
    how: str = ""


class HitRecorder:
    """Records hits as events, with the write fallback.

    It remembers which slots hold a hit that it wrote: a later one of the same slot would be
    refused, and costs nothing.
    """

    def __init__(self, writer: FallbackWriter, *, whole_ip_addresses: bool) -> None:
        self._writer = writer
        self._held: dict[tuple[str, str], Timestamp] = {}
        self._whole = whole_ip_addresses

    def opened(self, pixel: LoadedPixel, request: PublicRequest) -> WrittenTo:
        """Records that a pixel was loaded; raises nothing."""
        return self._record(EventType.OPEN, pixel.recipient, request, {"sent_at": pixel.sent_at})

    def clicked(self, link: ClickedLink, request: PublicRequest) -> WrittenTo:
        """Records that a link was followed; raises nothing."""
        place = {"link": link.url, "position": link.position, LINKS: link.links}
        detail = {"sent_at": link.sent_at, **place}
        if link.template_link is not None:
            detail["template_link"] = link.template_link
        return self._record(EventType.CLICK, link.recipient, request, detail)

    def _record(
        self,
        event_type: EventType,
        recipient: Recipient,
        request: PublicRequest,
        detail: dict[str, Any],
    ) -> WrittenTo:
        client = {
            **address_kept(request.ip, whole=self._whole),
            "user_agent": request.user_agent[:_MAX_AGENT].encode("utf-8", "replace").decode(),
            REQUEST: request.how,
        }
        detail |= {name: value for name, value in client.items() if value}
        event = Event.of_request(event_type, recipient, request.at, request.request_id, detail)
        slot = (event.message_id, slot_of(event))
        if self._held.get(slot, "~") <= event.at:
            return WrittenTo.LOG
        written_to = self._writer.write(event)
        if written_to is WrittenTo.LOG:
            self._held[slot] = event.at
            if len(self._held) > _MAX_HELD:
                del self._held[next(iter(self._held))]
        return written_to
