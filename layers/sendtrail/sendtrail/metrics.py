"""The metrics that functions emit, in CloudWatch's embedded metric format; all of them counts.

What AWS counts itself, or the figures show, is not among them, since each metric costs by the month
and each line by its length: SES counts mails and what became of them, API Gateway the requests of
its routes, Lambda how far the stream is behind.

docs/settings.md is generated from this table, and a test compares functions and alarms with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["METRICS"]

METRICS: Final[Mapping[str, str]] = {
    "Events": "events that ingest wrote to the log",
    "UnknownEvents": "… whose type is not known here: SES sends something new",
    "UnknownFields": "… with fields that are not known here, which are kept: SES has added some",
    "RejectedRecords": "records that are no event; they go to `IngestDlq`",
    "Unsubscribed": "readers who unsubscribed",
    "Resubscribed": "readers who subscribed again",
    "InvalidTokens": "requests whose token no key of ours signed",
    "FallbackToQueue": "opens, clicks and choices that went to the hits queue, not the log",
    "FallbackToLine": "… that went to a line of the function's log; `sendtrail recover` reads it",
    "NotWritten": "opens and clicks that were lost, by a fault of ours",
    "FannedOut": "plans whose messages were queued",
    "Sent": "messages that SES took",
    "Dropped": "messages that were not sent, with the reason in their history",
    "Rejected": "messages that SES never takes",
    "Failed": "messages that could not be rendered",
    "Deferred": "jobs that were put back, to be tried later",
    "Erased": "people who were erased: their erasure came to its end",
    "Inactivated": "participants whom the sweep found inactive",
    "Published": "notices of events for webhooks and the event bus",
    "Delivered": "notices that a webhook took, or the bus at a later try",
    "NotDelivered": "attempts to deliver one that failed; it is tried again for a day",
    "GivenUp": "notices that are not tried again; a replay brings those of webhooks back",
    "WebhooksSwitchedOff": "webhooks that were switched off, because nothing succeeded for a day",
    "BusRefused": "notices that the event bus did not take at once; they are tried again",
}
"""Name → what is counted."""
