"""Claims to scopes: what a provider says of somebody, and what they may do here for it.

    groups=mail-admins:admin, groups=marketing:send, email=*@example.org:read

Each rule is a claim, a value and a scope. A claim that is a list has each of its members as a
value. ``*`` stands for any value, and ``*@example.org`` for all addresses of a domain. A value with
a comma is put in double quotes. ``realm_access.roles`` is a claim of
that name, or the member ``roles`` of the claim ``realm_access``. The highest scope that fits holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.auth.api_keys import Scope
from sendtrail.errors import ConfigurationError

__all__ = ["ClaimRule", "ClaimRules"]

_RULE: Final = re.compile(
    r"\s*(?P<claim>[^\s=,\"]+)\s*=\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>[^\",]*?))\s*"
    r":\s*(?P<scope>[a-z]+)\s*(?:,|$)"
)
_EMAIL: Final = "email"
_SHOWN_VALUES: Final = 20
_SHOWN_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """One rule.

    Attributes:
        value: as it must be; ``*`` for any, ``*@…`` for what ends so.
    """

    claim: str
    value: str
    scope: Scope

    def fits(self, value: str) -> bool:
        """Whether a value of the claim is what the rule asks for. Addresses are compared without
        regard to case (RFC 5321, section 2.4, of domains; providers write the rest as they like).
        """
        if self.value == "*":
            return bool(value)
        if self.claim == _EMAIL or self.value.startswith("*@"):
            return _fits_address(self.value.lower(), value.lower())
        return value == self.value


class ClaimRules:
    """All rules."""

    def __init__(self, rules: tuple[ClaimRule, ...]) -> None:
        self.rules = rules

    @classmethod
    def parse(cls, text: str) -> ClaimRules:
        """The rules in a text.

        Raises:
            ConfigurationError: one is malformed, or there is none; the message says which, and how
                one is written.
        """
        rules: list[ClaimRule] = []
        place, text = 0, text.strip().rstrip(",")
        while place < len(text):
            found = _RULE.match(text, place)
            if found is None:
                raise _malformed(text[place:].partition(",")[0].strip(), "is no rule")
            rules.append(_rule(found))
            place = found.end()
        if not rules:
            raise _malformed(text, "has no rule")
        return cls(tuple(rules))

    def scope_of(self, claims: Mapping[str, Any]) -> Scope | None:
        """The highest scope that claims give; None if they give none.

        An address counts only if the provider has verified it (``email_verified``).
        """
        order = list(Scope)
        given = [
            rule.scope
            for rule in self.rules
            if any(rule.fits(value) for value in _values(claims, rule.claim))
        ]
        return max(given, key=order.index, default=None)

    def held(self, claims: Mapping[str, Any]) -> dict[str, list[str]]:
        """Of each claim that rules ask for, the values that somebody has: to be shown."""
        names = dict.fromkeys(rule.claim for rule in self.rules)
        return {
            name: [value[:_SHOWN_LENGTH] for value in _values(claims, name)][:_SHOWN_VALUES]
            for name in names
        }


def _rule(found: re.Match[str]) -> ClaimRule:
    written = found[0].strip().rstrip(",")
    value = found["plain"] if found["quoted"] is None else found["quoted"]
    if found["scope"] not in [each.value for each in Scope]:
        raise _malformed(written, f"has no scope {found['scope']!r}")
    if not value:
        raise _malformed(written, "has no value")
    if "*" in value and value != "*" and ("*" in value[1:] or not value.startswith("*@")):
        raise _malformed(written, "has a * that is neither the whole value nor before an @")
    return ClaimRule(found["claim"], value, Scope(found["scope"]))


def _malformed(rule: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the setting OIDC_SCOPES: {rule!r} {why}; allowed are CLAIM=VALUE:SCOPE, with commas "
        "between them, and the scopes read, send and admin, such as "
        "groups=mail-admins:admin, email=*@example.org:read"
    )


def _fits_address(wanted: str, address: str) -> bool:
    if address.count("@") != 1 or address.startswith("@"):
        return False
    return address.endswith(wanted[1:]) if wanted.startswith("*@") else address == wanted


def _values(claims: Mapping[str, Any], name: str) -> Iterator[str]:
    """The values of a claim, as text; of an address that is not verified, none."""
    verified = claims.get("email_verified")
    if name == _EMAIL and verified is not True and verified != "true":
        return
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    for value in found if isinstance(found, list | tuple) else [found]:
        if isinstance(value, bool):
            yield str(value).lower()
        elif isinstance(value, str | int):
            yield str(value)
