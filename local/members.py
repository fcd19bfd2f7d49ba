"""The members of the demo's society, and the programs that they read their mail with.

The same every time: who they are is drawn from a seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

__all__ = [
    "APPLE_PROXY",
    "BROWSERS",
    "SILENT_FOR",
    "SCANNERS",
    "Member",
    "browser_of",
    "former_members",
    "image_agent_of",
    "members",
]

_MEMBERS: Final = 125
_FROM_THE_BEGINNING: Final = 105
"""So many are members all year; the others join in the course of it."""
_MONTHS: Final = 12

_FIRST: Final = (
    "Ada", "Ben", "Cleo", "Dirk", "Eva", "Finn", "Gita", "Hugo", "Iris", "Jan", "Kai", "Lea",
    "Mira", "Nils", "Olga", "Paul",
)  # fmt: skip
_LAST: Final = (
    "Jansen", "Meyer", "Rossi", "Silva", "Novak", "Dubois", "Larsen", "Kaya", "Costa", "Weber",
    "Byrne", "Okafor", "Lindqvist",
)  # fmt: skip
_FORMER: Final = (("Karl", "Ritter"), ("Lotte", "Vermeer"), ("Milo", "Hansen"))
SILENT_FOR: Final = timedelta(days=2 * 366 + 10)
"""How long former members have not been heard of: longer than makes one inactive."""
_DOMAINS: Final = (
    ("gmail.com", 36), ("outlook.com", 14), ("hotmail.com", 8), ("icloud.com", 13),
    ("yahoo.com", 8), ("gmx.de", 6), ("proton.me", 4), ("hartmann-law.example", 5),
    ("northern-power.example", 4),
)  # fmt: skip

BROWSERS: Final = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/130.0.0.0 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/130.0.0.0 Mobile Safari/537.36"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
    ),
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
)
_SAFARI: Final = BROWSERS[2]
_MAIL_PROGRAMS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.2.0",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
)
_PROXIES: Final = {
    "gmail.com": (
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    ),
    "yahoo.com": "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
}
"""What loads the images of a message when its reader looks at it."""

APPLE_PROXY: Final = "Mozilla/5.0"
"""What loads all images of all messages in advance for readers at icloud.com."""
SCANNERS: Final = {
    "hartmann-law.example": "Mozilla/5.0 (compatible; Barracuda Link Protection)",
    "northern-power.example": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Mimecast-URL-Protect/2.1",
}
"""What follows all links of all messages to a company, before anybody there has them."""


@dataclass
class Member:
    """A member of the society.

    Attributes:
        joined: the month of the year in which they joined; 0 for earlier.
        interest: how likely they are to read something.
        gone: bounced for good, complained or unsubscribed: not mailed any more.
    """

    participant_id: str
    first_name: str
    last_name: str
    address: str
    joined: int
    interest: float
    gone: bool = False

    @property
    def number(self) -> int:
        """The number in their id."""
        return int(self.participant_id.rpartition("-")[2])


def members(chance: random.Random) -> list[Member]:
    """All members. The 42nd is an avid reader, and there from the beginning."""
    domains, weights = zip(*_DOMAINS, strict=True)
    found = []
    for number in range(1, _MEMBERS + 1):
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        domain = chance.choices(domains, weights)[0]
        found.append(
            Member(
                participant_id=f"member-{number:04}",
                first_name=first,
                last_name=last,
                address=f"{first}.{last}.{number}@{domain}",
                joined=0 if number <= _FROM_THE_BEGINNING else chance.randrange(1, _MONTHS),
                interest=chance.betavariate(1.6, 2.0),
            )
        )
    found[41].interest = 0.97
    return found


def former_members() -> list[Member]:
    """Those who read something two years ago, and nothing since; the society still has them."""
    return [
        Member(f"former-{number:02}", first, last, f"{first}.{last}@gmx.de", joined=0, interest=0)
        for number, (first, last) in enumerate(_FORMER, 1)
    ]


def image_agent_of(address: str) -> str:
    """The User-Agent by which the images of a message are loaded when its reader opens it."""
    return _PROXIES.get(_domain(address)) or _own(_MAIL_PROGRAMS, address)


def browser_of(address: str) -> str:
    """The User-Agent of the browser in which its reader follows links."""
    return _SAFARI if _domain(address) == "icloud.com" else _own(BROWSERS, address)


def _own(agents: tuple[str, ...], address: str) -> str:
    """The one of some programs that a reader has, and keeps."""
    return random.Random(address).choice(agents)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
