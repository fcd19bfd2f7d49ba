"""Robots: which user agents are, by name.

The names are those of the list `crawler-user-agents`, which is kept by many. It is matched with
capitals, so that a phone of the model "M bot 54" is none. Added are scanners of mail and libraries
that it lacks, and words of what people use are left out.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["is_apple_privacy_proxy", "is_robot", "proxy_of_a_person"]

_MAX_USER_AGENT: Final = 1_024
_PROXIES: Final = {"GoogleImageProxy": "gmail", "YahooMailProxy": "yahoo"}
_ALSO: Final = re.compile(
    # Gateways that scan mail.
    r"(?i:Barracuda|Mimecast|Proofpoint|FortiGuard)|urldefense|FireEye|Forcepoint|IronPort|Sophos|"
    r"Cisco ?(Secure|Umbrella|Talos)|Trend ?Micro|\bTMES\b|Forti(net|Mail|Sandbox)|Symantec|"
    r"MessageLabs|BitDefender|Kaspersky|Zscaler|Cloudmark|Check ?Point|"
    r"CUDA ?Mail|SafeLinks|Microsoft-?ATP|Hornetsecurity|Vade ?Secure|Virus ?Total|Netcraft|"
    r"PhishTank|\bESET\b|[Ss]canner\b|"
    # Programs that no person reads mail with.
    r"[Hh]eadless|PhantomJS|[Pp]uppeteer|[Pp]laywright|[Ss]elenium|GuzzleHttp|[Uu]rllib3|"
    r"^[Ww]get|^Java/|^PHP/|^Ruby|^undici|^node\b|^got[ /(]|^axios|libwww-perl|HTTP_Request|"
    r"^Jakarta|^Apache-HttpClient|WinHttp|^WinInet|[Mm]onitor(ing)?\b|[Uu]ptime|"
    # Previews of links, and Gmail's, which fetches some pictures before anybody looks.
    r"GoogleMessages/|Edge/12\.246 Mozilla/5\.0$|"
    # What says so of itself, in a word of its own that no model of a phone is in front of.
    r"\b(ro)?bot/\d|[Cc]rawler|[Ss]pider/\d|[Ll]ink-?[Pp]review|[Uu]nfurl"
)

_OF_PEOPLE: Final = re.compile(
    # The build of a phone's system: that of Android 15 is in the list, since a crawler bore it.
    r"\bBuild/[\w.]+|"
    # Programs whose names have a robot's in them: a hospital's workstation, browsers, a reader.
    r"SynapseWorkstation|Opera Mini/[\d.]+|\w+\d008/(?=V?\d)|\bFluid(App)?\b|\bBlackboard/\d|"
    r"\bAdventurer/\d|\w*Sonic\b(?!/1\.0)|\bChirp(?= Build)"
)
"""Words that are left out before an agent is looked at."""


def proxy_of_a_person(agent: str) -> str | None:
    """The image proxy that fetches a picture when a person looks at it: ``gmail`` or ``yahoo``."""
    return next((name for word, name in _PROXIES.items() if word in agent), None)


def is_apple_privacy_proxy(agent: str) -> bool:
    """Whether it is that of Apple's Mail Privacy Protection, which sends the bare product token and
    fetches everything in advance.
    """
    return agent == "Mozilla/5.0"


@lru_cache(maxsize=4_096)
def is_robot(agent: str) -> bool:
    """Whether a user agent is a robot's, by its name."""
    from crawleruseragents import is_crawler  # 50 ms of processor time, once

    agent = _OF_PEOPLE.sub("", agent[:_MAX_USER_AGENT])
    return is_crawler(agent) or _ALSO.search(agent) is not None
