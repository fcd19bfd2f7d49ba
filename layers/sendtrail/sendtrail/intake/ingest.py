"""Ingest: what SES published, and what the public routes could not write, goes into the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sendtrail.domain.events import Event
from sendtrail.errors import AwsError, RefusedError, RejectedRecordError
from sendtrail.intake.envelopes import notifications
from sendtrail.intake.parser import events_of
from sendtrail.log.event_log import EventLog
from sendtrail.log.serialization import deserialize, is_serialized_event

__all__ = ["Ingest", "IngestResult"]

Payload = str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a batch.

    Attributes:
        rejected: record id → why it is no event. Each belongs alone in the dead-letter queue.
        failed: record id → why it could not be written.
        acknowledged: how many records were SES's word that it may publish.
        events: how many events of each type were written.
    """

    rejected: Mapping[str, RejectedRecordError] = field(default_factory=dict)
    failed: Mapping[str, AwsError] = field(default_factory=dict)
    acknowledged: int = 0
    events: Mapping[str, int] = field(default_factory=dict)


def _events(payload: Payload) -> list[Event]:
    if isinstance(payload, str) and is_serialized_event(payload):
        return [deserialize(payload)]
    return [event for each in notifications(payload) for event in events_of(each)]


class Ingest:
    """Reads records and appends their events to the log, without reading anything first."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def ingest(self, records: Sequence[tuple[str, Payload]]) -> IngestResult:
        """Takes a batch.

        Args:
            records: of each record its id and its payload.

        Returns:
            what became of each; nothing is raised for a record that cannot be taken.
        """
        rejected: dict[str, RejectedRecordError] = {}
        read: dict[str, list[Event]] = {}
        for record_id, payload in records:
            try:
                read[record_id] = _events(payload)
            except RejectedRecordError as error:
                rejected[record_id] = error
        failed = self._append(read)
        written = [events for record_id, events in read.items() if record_id not in failed]
        return IngestResult(
            rejected,
            failed,
            sum(not events for events in written),
            Counter(event.type.value for events in written for event in events),
        )

    def _append(self, read: Mapping[str, list[Event]]) -> dict[str, AwsError]:
        """Appends all together; record by record if DynamoDB finds one that it does not take, so
        that the others do not suffer for it.
        """
        try:
            self._log.append(event for events in read.values() for event in events)
        except RefusedError as error:
            if len(read) == 1:
                return dict.fromkeys(read, error)
            failed: dict[str, AwsError] = {}
            for record_id, events in read.items():
                failed |= self._append({record_id: events})
            return failed
        except AwsError as error:
            return dict.fromkeys(read, error)
        return {}
