"""Days: what became of all mail, counted by the day on which it was sent.

A message belongs to the day in its id: of UTC, when it was accepted, or, where something else sends
mail, sent. That is a function of its key, so no message moves from a day to another, and what
happens to it later counts on its day. Mailings and direct messages count alike.

A day's counters are by mailbox provider alone, and its figures are their sum: links and times since
send are a communication's, and would make a day's row too long for a write unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, TypeAlias

from sendtrail.domain.communication import DAY_COUNTERS, Counters
from sendtrail.domain.ids import sent_time
from sendtrail.domain.message import Message, Status
from sendtrail.domain.times import Timestamp, epoch_ms

__all__ = [
    "UNNAMED",
    "Day",
    "by_provider",
    "day_counters_of",
    "day_figures",
    "day_is_forgotten",
    "day_of",
    "days_until",
    "told_by_ses",
]

Day: TypeAlias = str
"""``YYYY-MM-DD``, of UTC."""

UNNAMED: Final = "unnamed"
"""In place of a provider, of what SES told of a mail to several without naming one."""

_GROUP: Final = "day/"
_BY_SES: Final = frozenset({"sent", "delivered", "bounced", "hard_bounced", "spammed"})
"""Counters that nothing but SES's events changes, of our own mail too."""
_DAY_MS: Final = 24 * 3600 * 1000


def day_of(message_id: str) -> Day:
    """The day to which a message belongs."""
    return sent_time(message_id)[:10]


def day_counters_of(message: Message | None) -> Counters:
    """What one message contributes to the counters of its day: ``day/<provider>/<counter>``.

    Opened and clicked are people's; bounced is as in a communication's figures, and hard bounced
    what SES counts in an account's bounce rate. Waiting is what was accepted, and neither sent nor
    given up.
    """
    if message is None:
        return Counters()
    total = message.engagement.total
    bounce = message.bounce
    counts = {
        "sent": message.sent_at is not None and message.has_recipient,
        "delivered": message.delivered_at is not None,
        "human_opened": total.opens.human_count > 0,
        "human_clicked": total.clicks.human_count > 0,
        "bounced": message.is_bounced,
        "hard_bounced": bounce is not None and bounce.is_permanent,
        "spammed": message.spammed_at is not None,
        "unsubscribed": message.unsubscribed_at is not None,
        "dropped": message.drop is not None,
        "waiting": message.status is Status.QUEUED,
    }
    provider = message.mailbox_provider or UNNAMED
    return Counters({f"{_GROUP}{provider}/{name}": 1 for name, true in counts.items() if true})


def told_by_ses(old: Message | None, new: Message) -> bool:
    """Whether a change of a message is one that SES told of; a rebuild's is none."""
    if new.moved and not (old and old.moved):
        return False  # it goes to its place under a pseudonym, or is gone from where it was
    changed = (day_counters_of(new) - day_counters_of(old)).counts
    return any(name.rpartition("/")[2] in _BY_SES for name in changed)


def day_is_forgotten(day: Day, epoch: Timestamp, *, retention_days: int) -> bool:
    """Whether the log may have forgotten messages of a day when an epoch began."""
    return epoch_ms(f"{day}T00:00:00.000Z") < epoch_ms(epoch) - (retention_days - 1) * _DAY_MS


def day_figures(counters: Counters) -> dict[str, int]:
    """The figures of all mail together: every counter of `DAY_COUNTERS`."""
    figures = dict.fromkeys(DAY_COUNTERS, 0)
    for _, name, number in _parts(counters):
        figures[name] += number
    return figures


def by_provider(counters: Counters) -> dict[str, dict[str, int]]:
    """The figures at each mailbox provider, without `UNNAMED`."""
    found: dict[str, dict[str, int]] = {}
    for provider, name, number in _parts(counters):
        if provider != UNNAMED:
            found.setdefault(provider, dict.fromkeys(DAY_COUNTERS, 0))[name] += number
    return found


def days_until(last: Day, number: int) -> list[Day]:
    """So many days up to a last one, the earliest first."""
    end = date.fromisoformat(last)
    return [(end - timedelta(days=back)).isoformat() for back in reversed(range(number))]


def _parts(counters: Counters) -> Iterator[tuple[str, str, int]]:
    for key, number in counters.counts.items():
        _, provider, name = key.split("/")
        yield provider, name, number
