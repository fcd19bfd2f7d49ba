"""Preferences: readers' own choice whether to get communications."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from sendtrail.auth.tokens import Reader
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.participant import Participant
from sendtrail.domain.times import Timestamp
from sendtrail.errors import AwsError
from sendtrail.log.erasures import Erasures
from sendtrail.log.fallback import FallbackWriter, WrittenTo
from sendtrail.projections.directory import Directory
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.tracking.hits import PublicRequest

__all__ = ["ChangedBy", "Preferences", "Subscription"]


class ChangedBy(StrEnum):
    """What a reader changed their subscription by."""

    ONE_CLICK = "one-click"
    """The unsubscribe button of a mail program (RFC 8058)."""
    PAGE = "page"
    """The preferences page."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Whether a reader gets communications at an address.

    Attributes:
        since: when they, or somebody on their behalf, chose so; None if nobody did.
    """

    subscribed: bool
    since: Timestamp | None = None


class Preferences:
    """Reads and records readers' choices."""

    def __init__(
        self,
        directory: Directory,
        writer: FallbackWriter,
        projection: ParticipantProjection,
        erasures: Erasures,
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._projection = projection
        self._erasures = erasures

    def subscription(self, reader: Reader) -> Subscription | None:
        """Whether the reader is subscribed, and since when, by the same rule as eligibility; None
        if that cannot be read.
        """
        participant_id = reader.recipient.participant_id
        try:
            profiles = self._directory.profiles((participant_id, reader.placeholder))
        except AwsError:
            return None
        by_id = {profile.participant_id: profile for profile in profiles}
        person = by_id.get(participant_id) or Participant(participant_id)
        placeholder = by_id.get(reader.placeholder)
        choice = person.choice_at(placeholder)
        return Subscription(
            person.gets_communications_at(placeholder), choice.at if choice else None
        )

    def choose(
        self, reader: Reader, request: PublicRequest, *, subscribed: bool, by: ChangedBy
    ) -> WrittenTo:
        """Records a choice of the reader and of the address they read at, with the write fallback,
        and projects it at once if it is in the log; raises nothing.
        """
        recipient = reader.recipient
        placeholders = [reader.placeholder]
        with suppress(AwsError):  # then it undoes what was chosen at this address
            placeholders = self._directory.concerned(
                recipient.participant_id, reader.placeholder, subscribed=subscribed
            )
        detail = {"subscribed": subscribed, "by": by.value, "placeholders": placeholders}
        event = Event.of_request(
            EventType.SUBSCRIPTION, recipient, request.at, request.request_id, detail
        )
        written_to = self._writer.write(event)
        if written_to is WrittenTo.LOG:
            with suppress(AwsError):  # the stream delivers it in any case
                if not self._is_of_somebody_erased(event):
                    self._projection.apply([event])
        return written_to

    def _is_of_somebody_erased(self, event: Event) -> bool:
        """Whether a link was followed in the mail of somebody who was erased since."""
        return bool(self._erasures.of_messages([(event.participant_id, event.message_id)]))
