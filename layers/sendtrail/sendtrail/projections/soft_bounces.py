"""The projection of soft bounces into suppressions.

For an address of a message that bounced softly the row of its suppression is read, *then* the
participant's newest messages, and what they show is written under the row's revision. So whatever
changes one of them later, be it that it arrived after all, is judged after that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.ids import normal_address
from sendtrail.domain.message import Message
from sendtrail.domain.soft_bounces import SoftBouncePolicy, is_soft
from sendtrail.domain.suppression import Suppression
from sendtrail.projections.items import message_from_item
from sendtrail.projections.optimistic_rows import RowState
from sendtrail.projections.participants import suppression_rows

__all__ = ["SoftBounces"]

_MORE: Final = 4
"""How many times as many messages are looked at as have to bounce: others are between them."""
_MOST: Final = 100


class SoftBounces:
    """Gives up addresses that bounce softly again and again."""

    def __init__(
        self,
        db: DynamoDB,
        trails: str,
        suppressions: str,
        policy: SoftBouncePolicy,
    ) -> None:
        """Reads messages in the table `trails`, and writes rows of the table `suppressions`."""
        self._db = db
        self._trails = trails
        self._suppressions = suppression_rows(db, suppressions)
        self._policy = policy

    def apply(self, changed: Iterable[Message]) -> None:
        """Judges the addresses of messages that have changed, where they bounced softly.

        Raises:
            AwsError: some of it may have been done; it may be repeated.
        """
        if not self._policy.count:
            return
        owners: dict[str, set[str]] = {}
        for message in changed:
            if message.address and message.bounce and is_soft(message.bounce):
                address = normal_address(message.address)
                owners.setdefault(address, set()).add(message.participant_id)
        if owners:
            self._suppressions.change(
                {
                    (address,): partial(self._judged, mine, address)
                    for address, mine in owners.items()
                },
                consistent=True,
            )

    def _judged(
        self, participant_ids: set[str], address: str, row: RowState[Suppression]
    ) -> RowState[Suppression]:
        suppression = row.state
        if suppression.soft and suppression.soft.participant_id:  # another's, perhaps
            participant_ids = participant_ids | {suppression.soft.participant_id}
        found = [
            self._policy.evidence(self._newest(each), address, after=suppression.lifted_at)
            for each in sorted(participant_ids)
        ]
        latest = max(filter(None, found), key=lambda evidence: evidence.rank, default=None)
        return RowState(replace(suppression, soft=latest), row.checkpoints)

    def _newest(self, participant_id: str) -> list[Message]:
        left = min(_MOST, self._policy.count * _MORE)
        found: list[Message] = []
        start = None
        while left > 0:
            items, start = self._db.query(
                self._trails,
                ("trail", participant_id),
                newest_first=True,
                start=start,
                limit=left,
            )
            found += map(message_from_item, items)
            left -= len(items)
            if start is None:
                break
        return found
