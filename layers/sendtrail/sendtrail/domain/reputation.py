"""Rates of bounces and complaints, against the limits by which SES judges an account.

SES's developer guide, "Amazon SES Sending review process FAQs": the bounce rate is of hard bounces;
from 5 % on the account is put under review, and from 10 % on its sending may be paused. The
complaint rate is of mail to domains that send SES complaint feedback; its limits are 0.1 % and
0.5 %. Mail to the mailbox simulator is in neither ("Using the mailbox simulator manually").

SES's own rates are of a "representative volume", which it does not disclose, and leave out mail to
domains that the account has verified. So these are an early sign, and not SES's figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sendtrail.domain.providers import NO_COMPLAINTS, SIMULATOR

__all__ = [
    "BOUNCES",
    "COMPLAINTS",
    "FEW",
    "Limits",
    "Rate",
    "Standing",
    "bounce_rate",
    "complaint_rate",
    "complaints_at",
]

FEW: Final = 1_000
"""Of fewer messages than this a single complaint exceeds SES's limit, and a rate says little."""

Figures = Mapping[str, int]
"""As `sendtrail.domain.days.day_figures` gives them."""


class Standing(StrEnum):
    """What SES may do about a rate."""

    WITHIN = "within"
    REVIEW = "review"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Limits:
    """From which rates on SES reviews an account, and may pause its sending; as fractions."""

    review: float
    pause: float

    def standing(self, rate: float) -> Standing:
        """What SES may do about a rate."""
        if rate >= self.pause:
            return Standing.PAUSE
        return Standing.REVIEW if rate >= self.review else Standing.WITHIN


BOUNCES: Final = Limits(review=0.05, pause=0.10)
COMPLAINTS: Final = Limits(review=0.001, pause=0.005)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many messages, and the limits of that."""

    count: int
    sent: int
    limits: Limits

    @property
    def fraction(self) -> float | None:
        """The rate as a fraction; None where nothing was sent."""
        return self.count / self.sent if self.sent else None

    @property
    def standing(self) -> Standing | None:
        """What SES may do about it; None where nothing was sent."""
        return None if self.fraction is None else self.limits.standing(self.fraction)


def bounce_rate(providers: Mapping[str, Figures]) -> Rate:
    """The rate of hard bounces, of all providers but the mailbox simulator.

    Args:
        providers: the figures of each.
    """
    counted = [each for name, each in providers.items() if name != SIMULATOR]
    return Rate(*_sums(counted, "hard_bounced"), BOUNCES)


def complaint_rate(providers: Mapping[str, Figures]) -> Rate:
    """The rate of complaints, of the providers that tell of them.

    Args:
        providers: the figures of each.
    """
    silent = NO_COMPLAINTS | {SIMULATOR}
    counted = [each for name, each in providers.items() if name not in silent]
    return Rate(*_sums(counted, "spammed"), COMPLAINTS)


def complaints_at(provider: str, figures: Figures) -> int | None:
    """How many complaints there were at a provider; None if it tells of none, and none came."""
    return figures["spammed"] or (None if provider in NO_COMPLAINTS else 0)


def _sums(figures: list[Figures], name: str) -> tuple[int, int]:
    return sum(each[name] for each in figures), sum(each["sent"] for each in figures)
