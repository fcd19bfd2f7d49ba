"""Stopping: staff have a mailing, or a direct message, not sent, or not sent any further."""

from __future__ import annotations

from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.domain.actors import Actor
from sendtrail.domain.communication import CommunicationDefinition, Counters
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import sent_time
from sendtrail.domain.message import Message, Status
from sendtrail.domain.progress import progress_of
from sendtrail.domain.times import Timestamp
from sendtrail.errors import InvalidInputError
from sendtrail.log.trails import Trails
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.sending.stops import Stop, Stops

__all__ = ["Stopping"]


class Stopping:
    """Stops what was accepted for sending. What SES was called for already goes.

    Every command may be repeated: the first stop holds, and what the log says is made from it.
    """

    def __init__(
        self,
        stops: Stops,
        log: Trails,
        communications: CommunicationProjection,
        audit: Audit,
    ) -> None:
        self._stops = stops
        self._log = log
        self._communications = communications
        self._audit = audit

    def communication(
        self,
        definition: CommunicationDefinition,
        counters: Counters,
        at: Timestamp,
        *,
        by: Actor,
    ) -> CommunicationDefinition:
        """Stops a mailing; one that is finished, or was stopped before, stays as it is.

        Returns:
            its definition as it is then.

        Raises:
            InvalidInputError: something else sends it.
            AwsError: it may have been stopped; it may be repeated.
        """
        communication_id = definition.communication_id
        if not definition.posted:
            raise InvalidInputError(
                f"communication {communication_id} is not sent by Sendtrail, which cannot stop it"
            )
        if definition.stopped_at is not None or progress_of(definition, counters, at).is_over:
            return definition
        begins_at = definition.send_at or definition.created_at or at
        stop = self._stops.put(communication_id, Stop(at, by.text), begins_at=begins_at)
        stopped = Event.communication_stopped(communication_id, stop.at, stop.by)
        self._log.append([stopped])
        self._communications.define(stopped)
        self._audit(by, StaffAction.STOP_COMMUNICATION, communication_id)
        return definition.as_stopped(stopped)

    def message(self, message: Message, at: Timestamp, *, by: Actor) -> None:
        """Stops a direct message; one that does not wait any more stays as it is.

        If its time is more than a minute ahead it is dropped at once, or else by its job, unless
        SES was called before.

        Raises:
            InvalidInputError: it is of a mailing, or something else sends it.
            AwsError: it may have been stopped; it may be repeated.
        """
        message_id = message.message_id
        if message.communication_id is not None:
            of = message.communication_id
            raise InvalidInputError(f"message {message_id} is of communication {of}; stop that")
        if message.plan_id is None:
            raise InvalidInputError(
                f"message {message_id} is not sent by Sendtrail, which cannot stop it"
            )
        if message.status is not Status.QUEUED:
            return
        begins_at = sent_time(message_id)
        stop = self._stops.put(message.plan_id, Stop(at, by.text), begins_at=begins_at)
        if stop.is_before(begins_at):
            self._log.append([_dropped(message, stop)])
        self._audit(by, StaffAction.STOP_MESSAGE, message.participant_id)


def _dropped(message: Message, stop: Stop) -> Event:
    recipient = Recipient(
        message.message_id, message.participant_id, message.communication_id, message.address
    )
    return Event.of_sending(
        EventType.DROPPED,
        recipient,
        stop.at,
        kind=message.kind,
        subject=message.subject,
        detail=stop.detail(),
    )
