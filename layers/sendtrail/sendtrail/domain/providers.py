"""Mailbox providers, by the domain of the address.

Only the domain of the address decides, without a DNS lookup, so that an address always has the same
provider. Domains that are not listed count as ``other``.
"""

from __future__ import annotations

from typing import Final

from sendtrail.domain.ids import normal_address

__all__ = ["NO_COMPLAINTS", "OTHER", "PROVIDERS", "SIMULATOR", "provider_of"]

OTHER: Final = "other"
SIMULATOR: Final = "ses-simulator"
NO_COMPLAINTS: Final = frozenset({"gmail"})
"""Providers that tell SES of no complaints: none known there means nothing."""

PROVIDERS: Final[dict[str, tuple[str, ...]]] = {
    "gmail": ("gmail.com", "googlemail.com"),
    "microsoft": (
        "outlook",
        "hotmail",
        "live",
        "msn.com",
        "windowslive.com",
        "passport.com",
    ),
    "yahoo": ("yahoo", "ymail.com", "rocketmail.com", "myyahoo.com"),
    "aol": ("aol", "aim.com", "netscape.net"),
    "apple": ("icloud.com", "me.com", "mac.com", "privaterelay.appleid.com"),
    "proton": ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    "fastmail": ("fastmail.com", "fastmail.fm"),
    "zoho": ("zoho.com", "zohomail.com", "zohomail.eu"),
    "gmx": ("gmx", "mail.com"),
    "web.de": ("web.de",),
    "t-online": ("t-online.de", "magenta.de"),
    "bluewin": ("bluewin.ch",),
    "orange": ("orange.fr", "wanadoo.fr"),
    "free": ("free.fr",),
    "laposte": ("laposte.net",),
    "libero": ("libero.it", "virgilio.it", "iol.it"),
    "ziggo": ("ziggo.nl", "home.nl", "upcmail.nl"),
    "kpn": ("kpnmail.nl", "planet.nl", "hetnet.nl", "kpnplanet.nl"),
    "bt": ("btinternet.com", "btopenworld.com"),
    "sky": ("sky.com",),
    "comcast": ("comcast.net", "xfinity.com"),
    "verizon": ("verizon.net",),
    "at&t": ("att.net", "sbcglobal.net", "bellsouth.net"),
    "mail.ru": ("mail.ru", "bk.ru", "inbox.ru", "list.ru"),
    "yandex": ("yandex.ru", "yandex.com", "ya.ru"),
    "qq": ("qq.com", "foxmail.com"),
    "netease": ("163.com", "126.com", "yeah.net"),
    "naver": ("naver.com",),
    "ses-simulator": ("simulator.amazonses.com",),
}
"""Provider → its domains. A name without a dot matches under every country's suffix (``yahoo`` is
``yahoo.com``, ``yahoo.co.uk``, …)."""

_BY_DOMAIN = {domain: name for name, domains in PROVIDERS.items() for domain in domains}


def provider_of(address: str) -> str:
    """The mailbox provider of an address: a key of `PROVIDERS`, or ``other``."""
    domain = normal_address(address).rpartition("@")[2]
    found = _BY_DOMAIN.get(domain)
    if found is None:
        name, _, suffix = domain.partition(".")
        # A country's suffix: `com`, `fr`, `co.uk`, `com.br`; never somebody else's longer name.
        if suffix and all(len(part) <= 3 for part in suffix.split(".")) and suffix.count(".") <= 1:
            found = _BY_DOMAIN.get(name)
    return found or OTHER
