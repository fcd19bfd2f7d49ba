"""The DNS records that mail is judged by: TXT, MX, CNAME, and DMARC's policies.

DMARC is RFC 9989's, which finds policies and organizational domains by walking up the DNS ("DNS
Tree Walk"), where RFC 7489 had a list of public suffixes. For a domain whose organization publishes
one policy both come to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dns.resolver import NXDOMAIN, NoAnswer, Resolver

__all__ = ["DmarcPolicy", "Records"]

_MAX_LABELS: Final = 7
"""Of a longer domain, no more are walked up: a walk is at most eight queries."""


@dataclass(frozen=True, slots=True)
class DmarcPolicy:
    """A DMARC record.

    Attributes:
        domain: below whose ``_dmarc`` it stands.
        tags: in lower case.
    """

    domain: str
    tags: Mapping[str, str]

    def is_strict(self, identifier: str) -> bool:
        """Whether ``adkim`` or ``aspf`` asks for the very domain; relaxed if it does not say."""
        return self.tags.get(identifier) == "s"

    def asks_for(self, domain: str) -> str:
        """What receivers are asked to do with mail from a domain that fails: ``none``,
        ``quarantine`` or ``reject``.
        """
        asked = self.tags.get("p", "none")
        return asked if domain == self.domain else self.tags.get("sp", asked)


class Records:
    """The DNS. A name or type that is not there has no records; what else goes wrong raises
    dns.exception.DNSException.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._policies: dict[str, list[DmarcPolicy]] = {}

    def txt(self, name: str) -> list[str]:
        """The texts, each put together of its strings."""
        return [
            b"".join(each.strings).decode("utf-8", "replace") for each in self._ask(name, "TXT")
        ]

    def mx(self, name: str) -> list[str]:
        """The mail exchangers."""
        return [_bare(each.exchange) for each in self._ask(name, "MX")]

    def cname(self, name: str) -> list[str]:
        """What a name is an alias of; at most one."""
        return [_bare(each.target) for each in self._ask(name, "CNAME")]

    def dmarc(self, domain: str) -> DmarcPolicy | None:
        """The policy that holds for mail from a domain: its own, or its organization's."""
        found = self._walk(domain)
        if found and found[0].domain == domain:
            return found[0]
        organization = self.organization(domain)
        own = [each for each in found if each.domain == organization]
        return next(iter(own or found[-1:]), None)

    def organization(self, domain: str) -> str:
        """The organizational domain; the domain itself if there is no policy."""
        found = self._walk(domain)
        for each in found:
            if each.tags.get("psd") == "n":
                return each.domain
            if each.tags.get("psd") == "y" and each.domain != domain:
                labels = domain.split(".")
                return ".".join(labels[-each.domain.count(".") - 2 :])
        return found[-1].domain if found else domain

    def dmarc_texts(self, domain: str) -> list[str]:
        """The DMARC records at a domain; more than one are as good as none."""
        return [text for text in self.txt(f"_dmarc.{domain}") if "v" in _tags(text)]

    def _walk(self, domain: str) -> list[DmarcPolicy]:
        """The policies from a domain up to its top level, or to one that ends the walk."""
        if domain not in self._policies:
            self._policies[domain] = found = []
            labels = domain.split(".")
            while labels:
                here = ".".join(labels)
                texts = self.dmarc_texts(here)
                if len(texts) == 1:
                    found.append(DmarcPolicy(here, _tags(texts[0])))
                    if found[-1].tags.get("psd") in ("n", "y"):
                        break
                labels = labels[max(1, len(labels) - _MAX_LABELS) :]
        return self._policies[domain]

    def _ask(self, name: str, kind: str) -> Any:
        try:
            return self._resolver.resolve(name + ".", kind)
        except (NXDOMAIN, NoAnswer):
            return ()


def _tags(text: str) -> dict[str, str]:
    """The tags of a DMARC record; none of a text that is not one, which begins with its version."""
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    tags = {name.strip().lower(): value.strip().lower() for name, _, value in pairs}
    return tags if next(iter(tags.items()), None) == ("v", "dmarc1") else {}


def _bare(name: Any) -> str:
    return str(name).rstrip(".").lower()
