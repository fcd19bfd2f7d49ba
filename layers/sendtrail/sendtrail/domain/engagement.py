"""Engagement: whether a person or a machine opened a message or clicked a link.

The log keeps the facts, and the verdict is drawn from them when they are judged, so that better
rules apply to old mail by a rebuild. The rules apply in this order; the first that matches decides:

1. SES says that it was likely a bot (`isBotEvent` of its Open and Click, since August 2026).
2. The request says so: it only asks for headers (HEAD), fetches in advance (`Sec-Purpose` and its
   forerunners), or names no user agent, as every mail program and browser does.
3. It comes from a network in which nothing but mail scanners lives (`sendtrail.domain.networks`).
4. The pattern of the hits that are judged together: links were followed faster than a person can
   (`sendtrail.domain.bursts`). Then all hits of that burst are a scanner's.
5. The name: of Apple's privacy proxy, which fetches everything in advance, or of a robot.
6. Within 5 seconds of sending no person reads yet.

Anything else is a person's; also through the image proxies of Gmail and Yahoo, which act when a
person looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sendtrail.domain.events import Event, Source
from sendtrail.domain.hits import BOT, NETWORK, REQUEST, VERDICT, sent_at_of
from sendtrail.domain.networks import is_scanners_network
from sendtrail.domain.robots import is_apple_privacy_proxy, is_robot, proxy_of_a_person
from sendtrail.domain.times import epoch_ms

__all__ = ["SCAN_SECONDS", "Actor", "Reason", "Verdict", "classify"]

SCAN_SECONDS: Final = 5


class Actor(StrEnum):
    """Who opened or clicked."""

    HUMAN = "human"
    MACHINE = "machine"


class Reason(StrEnum):
    """The rules, by which verdicts are explained; in the order in which they are tried."""

    SES_SAYS_BOT = "ses_says_bot"
    HEAD_REQUEST = "head_request"
    PREFETCH = "prefetch"
    NO_USER_AGENT = "no_user_agent"
    SCANNER_NETWORK = "scanner_network"
    FASTER_THAN_A_PERSON = "faster_than_a_person"
    APPLE_PRIVACY_PROXY = "apple_privacy_proxy"
    ROBOT = "robot"
    WITHIN_5_SECONDS_OF_SENDING = "within_5_seconds_of_sending"
    GMAIL_IMAGE_PROXY = "gmail_image_proxy"
    YAHOO_IMAGE_PROXY = "yahoo_image_proxy"
    MAIL_PROGRAM_OR_BROWSER = "mail_program_or_browser"

    @property
    def actor(self) -> Actor:
        """Whose a hit is that the rule decides."""
        return Actor.HUMAN if self in _OF_PEOPLE else Actor.MACHINE


_OF_PEOPLE: Final = frozenset(
    {Reason.GMAIL_IMAGE_PROXY, Reason.YAHOO_IMAGE_PROXY, Reason.MAIL_PROGRAM_OR_BROWSER}
)
_BEFORE_BURSTS: Final = frozenset(
    {
        Reason.SES_SAYS_BOT,
        Reason.HEAD_REQUEST,
        Reason.PREFETCH,
        Reason.NO_USER_AGENT,
        Reason.SCANNER_NETWORK,
    }
)
"""The rules that are tried before that of bursts."""
_PROXIES: Final = {"gmail": Reason.GMAIL_IMAGE_PROXY, "yahoo": Reason.YAHOO_IMAGE_PROXY}
_REQUESTS: Final = {"head": Reason.HEAD_REQUEST, "prefetch": Reason.PREFETCH}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who acted, by the rule that decided it."""

    reason: Reason

    @property
    def actor(self) -> Actor:
        """Who acted."""
        return self.reason.actor

    @property
    def is_human(self) -> bool:
        """Whether the hit counts as a person's."""
        return self.actor is Actor.HUMAN


def classify(hit: Event, *, in_burst: bool = False) -> Verdict:
    """The verdict on one open or click.

    Args:
        in_burst: whether it is of a burst of hits that is faster than a person.
    """
    return Verdict(_reason(hit, in_burst=in_burst))


def _reason(hit: Event, *, in_burst: bool) -> Reason:
    detail = hit.detail
    if told := detail.get(VERDICT):  # of somebody who was erased: what told it is gone
        reason = Reason(str(told))
        return Reason.FASTER_THAN_A_PERSON if in_burst and reason not in _BEFORE_BURSTS else reason
    agent = str(detail.get("user_agent") or "").strip()
    if hit.source is Source.SES and detail.get(BOT) == "Likely":
        return Reason.SES_SAYS_BOT
    request = _REQUESTS.get(str(detail.get(REQUEST)))
    if request:
        return request
    if not agent:
        return Reason.NO_USER_AGENT
    if is_scanners_network(str(detail.get(NETWORK))):
        return Reason.SCANNER_NETWORK
    if in_burst:
        return Reason.FASTER_THAN_A_PERSON
    if is_apple_privacy_proxy(agent):
        return Reason.APPLE_PRIVACY_PROXY
    proxy = proxy_of_a_person(agent)
    if proxy is None and is_robot(agent):
        return Reason.ROBOT
    if epoch_ms(hit.at) - epoch_ms(sent_at_of(hit)) < SCAN_SECONDS * 1000:
        return Reason.WITHIN_5_SECONDS_OF_SENDING
    return _PROXIES[proxy] if proxy else Reason.MAIL_PROGRAM_OR_BROWSER
