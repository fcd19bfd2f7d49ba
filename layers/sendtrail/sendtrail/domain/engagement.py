"""Engagement: whether a person or a machine opened a message or clicked a link.

The verdict is a pure function of the hit and the time of sending. The log keeps only the facts;
the verdict is drawn when they are projected, so that a rebuild applies better rules to old events.

The rules apply in this order; the first that matches decides.

1. Within 5 seconds of sending: no person reads that fast; a gateway scans the message.
2. No user agent at all: machine. Every mail program and browser sends one.
3. An image proxy that acts when a person looks (Gmail's, Yahoo's): human.
4. A proxy that fetches everything in advance (Apple Mail Privacy Protection): machine.
5. A security scanner, a link preview, another robot, by its own name: machine.
6. Anything else: human.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sendtrail.domain.times import Timestamp, epoch_ms

__all__ = ["SCAN_SECONDS", "Actor", "Reason", "Verdict", "classify"]

SCAN_SECONDS: Final = 5


class Actor(StrEnum):
    """Who opened or clicked."""

    HUMAN = "human"
    MACHINE = "machine"


class Reason(StrEnum):
    """The rules, by which verdicts are explained; in the order in which they are tried."""

    WITHIN_5_SECONDS_OF_SENDING = "within_5_seconds_of_sending"
    NO_USER_AGENT = "no_user_agent"
    GMAIL_IMAGE_PROXY = "gmail_image_proxy"
    YAHOO_IMAGE_PROXY = "yahoo_image_proxy"
    APPLE_PRIVACY_PROXY = "apple_privacy_proxy"
    SECURITY_SCANNER = "security_scanner"
    LINK_PREVIEW = "link_preview"
    ROBOT = "robot"
    MAIL_PROGRAM_OR_BROWSER = "mail_program_or_browser"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who acted, and the name of the rule that decided it."""

    actor: Actor
    reason: Reason

    @property
    def is_human(self) -> bool:
        """Whether the hit counts as a person's."""
        return self.actor is Actor.HUMAN


_HUMAN_PROXIES: Final = {
    Reason.GMAIL_IMAGE_PROXY: r"GoogleImageProxy",
    Reason.YAHOO_IMAGE_PROXY: r"YahooMailProxy",
}
_MACHINES: Final = {
    # Apple's proxies send the bare product token and nothing else.
    Reason.APPLE_PRIVACY_PROXY: r"^Mozilla/5\.0$",
    Reason.SECURITY_SCANNER: (
        r"Barracuda|Mimecast|Proofpoint|urldefense|FireEye|Forcepoint|IronPort|Sophos|Trend ?Micro|"
        r"Symantec|MessageLabs|BitDefender|Kaspersky|Fortinet|Fortiguard|Zscaler|Cloudmark|"
        r"Check ?Point|CUDA ?Mail|SafeLinks|Microsoft-?ATP|Cisco ?Umbrella|Hornetsecurity|"
        r"Vade ?Secure|Virus ?Total|Netcraft|PhishTank|\bESET\b|scann?er"
    ),
    Reason.LINK_PREVIEW: (
        r"BingPreview|Slackbot|Slack-ImgProxy|facebookexternalhit|Facebot|Twitterbot|LinkedInBot|"
        r"WhatsApp|TelegramBot|Discordbot|SkypeUriPreview|MicrosoftPreview|Iframely|Embedly|"
        r"redditbot|Pinterestbot|Line-?Preview|Google-PageRenderer|Chrome-Lighthouse|"
        r"Applebot|link-?preview|url-?preview|unfurl"
    ),
    Reason.ROBOT: (
        r"\bbot\b|bot/|robot|crawl|spider|slurp|headless|phantomjs|puppeteer|playwright|selenium|"
        r"^curl/|^wget/|python-requests|python-urllib|python-httpx|aiohttp|^Java/|Apache-HttpClient|"
        r"^axios/|^node-fetch|^undici|^Go-http-client|libwww-perl|^Ruby|^PHP/|"
        r"^http_get|monitor(ing)?\b|uptime|pingdom"
    ),
}
_HUMAN_RULES = [(name, re.compile(rule, re.IGNORECASE)) for name, rule in _HUMAN_PROXIES.items()]
_MACHINE_RULES = [(name, re.compile(rule, re.IGNORECASE)) for name, rule in _MACHINES.items()]
_MAX_USER_AGENT: Final = 1024


def classify(*, hit_at: Timestamp, sent_at: Timestamp, user_agent: str | None) -> Verdict:
    """Classifies one open or click.

    Args:
        hit_at: when the pixel was loaded or the link followed.
        sent_at: when the message was sent.
        user_agent: the request's ``User-Agent`` header, unchanged.
    """
    if epoch_ms(hit_at) - epoch_ms(sent_at) < SCAN_SECONDS * 1000:
        return Verdict(Actor.MACHINE, Reason.WITHIN_5_SECONDS_OF_SENDING)
    agent = (user_agent or "").strip()[:_MAX_USER_AGENT]
    if not agent:
        return Verdict(Actor.MACHINE, Reason.NO_USER_AGENT)
    for name, rule in _HUMAN_RULES:
        if rule.search(agent):
            return Verdict(Actor.HUMAN, name)
    for name, rule in _MACHINE_RULES:
        if rule.search(agent):
            return Verdict(Actor.MACHINE, name)
    return Verdict(Actor.HUMAN, Reason.MAIL_PROGRAM_OR_BROWSER)
