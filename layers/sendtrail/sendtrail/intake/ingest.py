"""Ingest: appends SES's events, and those that the public routes could not write, to the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sendtrail.domain.clients import as_kept
from sendtrail.domain.events import Event
from sendtrail.errors import AwsError, IgnoredRecordError, RejectedRecordError
from sendtrail.intake.envelopes import notifications
from sendtrail.intake.parser import UNKNOWN_FIELDS, events_of
from sendtrail.log.serialization import deserialize, is_serialized_event
from sendtrail.log.trails import Trails

__all__ = ["Ingest", "IngestResult"]

Payload = str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The outcome of a batch.

    Attributes:
        rejected: record id → why it is not an event. Only these records belong in the dead-letter
            queue.
        failed: record id → why its events could not be written.
        ignored: record id → why nothing of it is kept.
        acknowledged: how many records were SES's confirmation that it may publish.
        events: how many events of each type were written.
        with_unknown_fields: how many of them have fields that are not known here.
    """

    rejected: Mapping[str, RejectedRecordError] = field(default_factory=dict)
    failed: Mapping[str, AwsError] = field(default_factory=dict)
    ignored: Mapping[str, IgnoredRecordError] = field(default_factory=dict)
    acknowledged: int = 0
    events: Mapping[str, int] = field(default_factory=dict)
    with_unknown_fields: int = 0


def _events(payload: Payload, *, whole_ip_addresses: bool) -> list[Event]:
    if isinstance(payload, str) and is_serialized_event(payload):
        return [deserialize(payload)]
    return [
        as_kept(event, whole=whole_ip_addresses)
        for each in notifications(payload)
        for event in events_of(each)
    ]


class Ingest:
    """Parses records and appends their events to the log, without reading anything first."""

    def __init__(self, log: Trails, *, whole_ip_addresses: bool) -> None:
        self._log = log
        self._whole_ip_addresses = whole_ip_addresses

    def ingest(self, records: Sequence[tuple[str, Payload]]) -> IngestResult:
        """Ingests a batch.

        Args:
            records: the id and payload of each record.

        Returns:
            the outcome of each; nothing is raised for a record that cannot be ingested.
        """
        rejected: dict[str, RejectedRecordError] = {}
        ignored: dict[str, IgnoredRecordError] = {}
        read: dict[str, list[Event]] = {}
        for record_id, payload in records:
            try:
                read[record_id] = _events(payload, whole_ip_addresses=self._whole_ip_addresses)
            except RejectedRecordError as error:
                rejected[record_id] = error
            except IgnoredRecordError as error:
                ignored[record_id] = error
        failed = self._append(read)
        written = [events for record_id, events in read.items() if record_id not in failed]
        return IngestResult(
            rejected,
            failed,
            ignored,
            sum(not events for events in written),
            Counter(event.type.value for events in written for event in events),
            sum(UNKNOWN_FIELDS in event.detail for events in written for event in events),
        )

    def _append(self, read: Mapping[str, list[Event]]) -> dict[str, AwsError]:
        """Appends all events together; returns for each record whose events may not all have been
        written why.
        """
        owners = [record_id for record_id, events in read.items() for _ in events]
        events = [event for mine in read.values() for event in mine]
        failed: dict[str, AwsError] = {}
        for record_id, error in zip(owners, self._log.append_each(events), strict=True):
            if error:
                failed.setdefault(record_id, error)
        return failed
