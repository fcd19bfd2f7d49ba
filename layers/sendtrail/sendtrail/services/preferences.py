"""Preferences: a reader's own choice whether to get communications."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.participant import Participant
from sendtrail.errors import AwsError
from sendtrail.services.fold_participants import FoldParticipants
from sendtrail.services.keeping import Keeper, Kept
from sendtrail.services.tracking import Hit
from sendtrail.storage.items import PROFILE, participant_from_item
from sendtrail.tokens import Reader

__all__ = ["By", "Preferences"]


class By(StrEnum):
    """How a choice was made."""

    ONE_CLICK = "one-click"
    """By the button that a mail program shows (RFC 8058)."""
    PAGE = "page"


class Preferences:
    """Reads and records choices."""

    def __init__(
        self, db: DynamoDB, participants: str, keeper: Keeper, fold: FoldParticipants
    ) -> None:
        self._db = db
        self._participants = participants
        self._keeper = keeper
        self._fold = fold

    def subscribed(self, reader: Reader) -> bool | None:
        """Whether the reader gets communications at that address, as dispatch decides it; None if
        that cannot be read just now.
        """
        ids = dict.fromkeys((reader.recipient.participant_id, reader.stand_in))
        keys = [{"participant_id": each, "part": PROFILE} for each in ids]
        try:
            items = self._db.get_all(self._participants, keys)
        except AwsError:
            return None
        known = Participant(reader.recipient.participant_id)
        for item in items:
            known = known.joined(participant_from_item(item))
        return known.subscribed

    def choose(self, recipient: Recipient, hit: Hit, *, subscribed: bool, by: By) -> Kept:
        """Keeps a choice, whatever happens; and folds it at once, if that is possible."""
        detail = {"subscribed": subscribed, "by": by.value}
        event = Event.of_request(EventType.SUBSCRIPTION, recipient, hit.at, hit.request_id, detail)
        kept = self._keeper.keep(event)
        if kept is Kept.LOG:
            with suppress(AwsError):  # the stream brings it in any case
                self._fold.take([event])
        return kept
