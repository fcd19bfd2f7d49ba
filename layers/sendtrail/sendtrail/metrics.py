"""The metrics that functions emit, in CloudWatch's embedded metric format; all of them counts.

docs/settings.md is generated from this table, and a test compares functions and alarms with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["METRICS"]

METRICS: Final[Mapping[str, str]] = {
    "Events": "events that ingest wrote to the log",
    "<Type>Events": "… of each type; watch `UnknownEvents`: SES sends what is not known here",
    "RejectedRecords": "records that are no event; they go to `IngestDlq`",
    "ProjectedMessages": "messages that a batch of the stream was about",
    "Opens": "pixels that were loaded",
    "Clicks": "links that were followed",
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
    "Inactivated": "participants whom the sweep found inactive",
}
"""Name → what is counted."""
