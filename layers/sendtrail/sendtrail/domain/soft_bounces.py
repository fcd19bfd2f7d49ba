"""Soft bounces: when an address that bounces again and again for a while is given up.

One transient bounce means nothing: a mailbox is full, a server is down. But mailbox providers think
little of who keeps writing to an address that has not taken mail for months. It is told by messages
and not by events, since an out-of-office reply is a transient bounce, too, of a message that
arrived; and as a function of the set of messages, so that their order changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sendtrail.domain.bounces import Bounce, is_provider_refusal
from sendtrail.domain.ids import normal_address
from sendtrail.domain.message import Message
from sendtrail.domain.suppression import Evidence
from sendtrail.domain.times import Timestamp, epoch_ms

__all__ = ["SoftBouncePolicy", "is_soft"]

_MAX_DIAGNOSTIC = 500
_NOT_THE_MAILBOX = frozenset({"MessageTooLarge", "ContentRejected", "AttachmentRejected"})


@dataclass(frozen=True, slots=True)
class SoftBouncePolicy:
    """How many messages in a row have to bounce softly, over how many days at most.

    Attributes:
        count: 0 for a policy by which no address is given up.
    """

    count: int
    days: int

    def evidence(
        self, messages: Iterable[Message], address: str, *, after: Timestamp | None
    ) -> Evidence | None:
        """The latest evidence for giving an address up; None if there is none.

        Those are messages that were sent one after another, each of which bounced softly, whether
        SES calls that Transient or Undetermined. What says nothing of the mailbox, such as a
        refusal of the content, is passed over.

        Args:
            messages: to one participant, of whatever addresses.
            address: normalised.
            after: when its suppression was last lifted: what bounced before is forgiven.
        """
        if not self.count:
            return None
        run: list[tuple[Bounce, Message]] = []
        for message in sorted(messages, key=_when, reverse=True):
            if not message.sent_at or normal_address(message.address or "") != address:
                continue
            bounce = message.bounce
            if not message.is_bounced or bounce is None:
                run.clear()
            elif is_soft(bounce):
                if bounce.at <= (after or ""):
                    return None
                run.append((bounce, message))
                del run[: -self.count]
                if len(run) == self.count and self._is_short(run[-1][0], run[0][0]):
                    return _evidence(run[-1][0], *run[0], self.count)
        return None

    def _is_short(self, first: Bounce, last: Bounce) -> bool:
        most = timedelta(days=self.days) // timedelta(milliseconds=1)
        return epoch_ms(last.at) - epoch_ms(first.at) <= most


def is_soft(bounce: Bounce) -> bool:
    """Whether a bounce says that a mailbox takes no mail now, and not that it never will."""
    about_mailbox = bounce.subtype not in _NOT_THE_MAILBOX and not is_provider_refusal(bounce)
    return not bounce.is_permanent and about_mailbox


def _when(message: Message) -> tuple[str, str]:
    return (message.sent_at or "", message.message_id)


def _evidence(first: Bounce, last: Bounce, message: Message, count: int) -> Evidence:
    said = " ".join(filter(None, (last.status, last.diagnostic))) or f"{last.type}/{last.subtype}"
    text = f"{count} messages in a row bounced since {first.at[:10]}; the last: {said}"
    return Evidence(last.at, message.message_id, message.participant_id, text[:_MAX_DIAGNOSTIC])
