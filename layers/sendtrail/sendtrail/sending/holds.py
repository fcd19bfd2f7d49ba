"""Holds: why SES takes no mail now, which is told to staff while letters wait.

What is held goes back to its queue and is tried again every quarter of an hour, so a hold that
nobody has met for longer is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from enum import StrEnum
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms
from sendtrail.errors import ConditionFailedError, HeldError

__all__ = ["LONGEST_HOLD_SECONDS", "Hold", "HoldReason", "Holds", "hold_of"]

LONGEST_HOLD_SECONDS: Final = 14 * 24 * 3600
"""For how long what is held is queued anew; after that it has a queue's attempts, a day and a half,
and is a dead letter then."""

_KEY: Final = {"id": "#hold"}
_STANDS_MS: Final = 20 * 60_000
"""For how long a hold stands after it was met: longer than it is until all that waits is tried."""
_KEPT_SECONDS: Final = 24 * 3600


class HoldReason(StrEnum):
    """Why SES takes no mail."""

    DAILY_QUOTA = "daily_quota"
    """As much was sent in 24 hours as the account may."""
    SENDER_NOT_VERIFIED = "sender_not_verified"
    """Neither the sender's address nor its domain is verified in this region."""
    RECIPIENT_NOT_VERIFIED = "recipient_not_verified"
    """The account is in the sandbox, where recipients must be verified, too."""
    SENDING_PAUSED = "sending_paused"
    """AWS, or somebody in the account, has paused its sending."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why letters wait.

    Attributes:
        since: when it was met first; `seen_at`: when last.
    """

    reason: HoldReason
    since: Timestamp
    seen_at: Timestamp

    @property
    def until(self) -> Timestamp:
        """For how long what waits since then is certain to wait."""
        return from_epoch_ms(epoch_ms(self.since) + LONGEST_HOLD_SECONDS * 1000)


_PAUSED: Final = frozenset({"AccountSuspendedException", "SendingPausedException"})


def hold_of(code: str, message: str, status: int | None, *, sender: str) -> HeldError | None:
    """The hold that an answer of SES means; None if it means none ("Amazon SES email sending
    errors", "Errors related to the sending quotas" in its developer guide).

    Args:
        sender: the From address, with or without a display name.
    """
    said = message.lower()
    if "daily" in said and "quota" in said:
        return HeldError(code, message, status, reason=HoldReason.DAILY_QUOTA)
    if code in _PAUSED:
        return HeldError(code, message, status, reason=HoldReason.SENDING_PAUSED)
    if code == "MailFromDomainNotVerifiedException":
        return HeldError(code, message, status, reason=HoldReason.SENDER_NOT_VERIFIED)
    if code == "MessageRejected" and "not verified" in said:
        # It names the identities that are not; in the sandbox recipients are among them.
        if parseaddr(sender)[1].lower() in said:
            return HeldError(code, message, status, reason=HoldReason.SENDER_NOT_VERIFIED)
        reason = HoldReason.RECIPIENT_NOT_VERIFIED
        return HeldError(code, message, status, reason=reason, whole=False)
    return None


class Holds:
    """Keeps the hold that was met last, in a row of its own."""

    def __init__(self, db: DynamoDB, table: str) -> None:
        self._db = db
        self._table = table

    def note(self, reason: str, at: Timestamp) -> None:
        """Notes that a hold was met.

        Raises:
            AwsError: it may not be noted.
        """
        at_ms = epoch_ms(at)
        values = {":at": at_ms, ":reason": reason, ":kept": at_ms // 1000 + _KEPT_SECONDS}
        names = {"#seen": "seen_at", "#reason": "reason", "#kept": "expiration"}
        try:
            self._db.update(
                self._table,
                _KEY,
                update="SET #seen = :at, #kept = :kept",
                names=names,
                values={**values, ":recent": at_ms - _STANDS_MS},
                condition="#reason = :reason AND #seen > :recent",
            )
        except ConditionFailedError:
            self._db.update(
                self._table,
                _KEY,
                update="SET #seen = :at, #kept = :kept, #reason = :reason, #since = :at",
                names={**names, "#since": "since"},
                values=values,
            )

    def standing(self, at: Timestamp) -> Hold | None:
        """The hold that stands at a time; None if there is none.

        Raises:
            AwsError: nobody knows.
        """
        found = self._db.get_all(self._table, [_KEY], consistent=False)
        return _standing(found[0], epoch_ms(at)) if found else None


def _standing(row: Mapping[str, Any], at_ms: int) -> Hold | None:
    if row["seen_at"] < at_ms - _STANDS_MS:
        return None
    since, seen_at = (from_epoch_ms(row[name]) for name in ("since", "seen_at"))
    return Hold(HoldReason(row["reason"]), since, seen_at)
