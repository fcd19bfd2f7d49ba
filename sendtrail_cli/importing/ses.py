"""SES's events, as they were archived: by Firehose, from a queue or topic, or from EventBridge.

They are taken as ingest takes them, so what it has already changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendtrail.domain.events import Event
from sendtrail.errors import IgnoredRecordError
from sendtrail.intake.envelopes import notifications
from sendtrail.intake.parser import events_of
from sendtrail_cli.importing.told import Naming

__all__ = ["read_ses"]


def read_ses(record: Any, naming: Naming) -> list[Event]:
    """The events in a record, with any envelopes around them.

    Args:
        naming: of tags of the mail.

    Raises:
        RejectedRecordError: it is no event of SES; the message says what it is instead.
        IgnoredRecordError: it tells of no mail that was sent.
    """
    found = [event for each in notifications(record) for event in events_of(_renamed(each, naming))]
    if not found:
        raise IgnoredRecordError("SES's confirmation that it may publish")
    return found


def _renamed(notification: dict[str, Any], naming: Naming) -> dict[str, Any]:
    """A notification whose tags name participant and communication as ours do."""
    mail = notification.get("mail")
    tags = mail.get("tags") if isinstance(mail, dict) else None
    if not isinstance(tags, Mapping) or naming == Naming():
        return notification
    named = {
        "participant_id": naming.participant_in(tags),
        "communication_id": naming.communication_in(tags),
    }
    ours = {name: [value] for name, value in named.items() if value}
    return {**notification, "mail": {**notification["mail"], "tags": {**tags, **ours}}}
