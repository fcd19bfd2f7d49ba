"""Preferences: a reader's own choice whether to get communications."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum

from sendtrail.auth.tokens import Reader
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.participant import Participant
from sendtrail.errors import AwsError
from sendtrail.log.fallback import FallbackWriter, WrittenTo
from sendtrail.projections.directory import Directory
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.tracking.hits import PublicRequest

__all__ = ["ChangedBy", "Preferences"]


class ChangedBy(StrEnum):
    """How a choice was made."""

    ONE_CLICK = "one-click"
    """By the button that a mail program shows (RFC 8058)."""
    PAGE = "page"


class Preferences:
    """Reads and records choices."""

    def __init__(
        self,
        directory: Directory,
        writer: FallbackWriter,
        projection: ParticipantProjection,
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._projection = projection

    def subscribed(self, reader: Reader) -> bool | None:
        """Whether the reader gets communications at that address, as dispatch decides it; None if
        that cannot be read just now.
        """
        participant_id = reader.recipient.participant_id
        try:
            profiles = self._directory.profiles((participant_id, reader.placeholder))
        except AwsError:
            return None
        known = Participant(participant_id)
        for profile in profiles:
            known = known.joined(profile)
        return known.subscribed

    def choose(
        self, recipient: Recipient, request: PublicRequest, *, subscribed: bool, by: ChangedBy
    ) -> WrittenTo:
        """Keeps a choice, whatever happens; and folds it at once, if that is possible."""
        detail = {"subscribed": subscribed, "by": by.value}
        event = Event.of_request(
            EventType.SUBSCRIPTION, recipient, request.at, request.request_id, detail
        )
        written_to = self._writer.write(event)
        if written_to is WrittenTo.LOG:
            with suppress(AwsError):  # the stream brings it in any case
                self._projection.apply([event])
        return written_to
