"""The columns of an export, from which docs/exporting.md is generated.

A value is text, a number, a boolean, a list of texts, or None. How each file format writes it is
said in `sendtrail_cli.exporting.part_files`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from sendtrail.domain.communication import COUNTER_NAMES

__all__ = ["DATASETS", "VERSION", "Column", "Dataset", "Kind", "Row"]

VERSION: Final = 1
"""Of the columns and the layout: an export of another version is written anew."""

Row: TypeAlias = Mapping[str, Any]
"""Column → value; a column that is not there is None."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    JSON = "JSON, as text"
    TEXTS = "list of texts"
    TIME = "time, UTC, ms"
    COUNT = "integer"
    FLAG = "boolean"


class Dataset(StrEnum):
    """What is exported, each in a folder of its name."""

    MESSAGES = "messages"
    EVENTS = "events"
    MAILINGS = "mailings"
    SUPPRESSIONS = "suppressions"

    @property
    def by_day(self) -> bool:
        """Whether it is partitioned by day."""
        return self in (Dataset.MESSAGES, Dataset.EVENTS)


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and what it is."""

    name: str
    kind: Kind
    explanation: str


def _columns(of: Kind, /, **explanations: str) -> list[Column]:
    return [Column(name, of, explanation) for name, explanation in explanations.items()]


def _counters(of: str, names: Iterable[str] = COUNTER_NAMES) -> list[Column]:
    return [Column(name, Kind.COUNT, of) for name in names]


_BY: Final = "whose act it was on the organisation's side: kind, id and name, as the log has them"
_IN_FIGURES: Final = "what the message adds to this figure of its mailing"
_FIGURE: Final = "the mailing's figure, as the API has it"

DATASETS: Final[Mapping[Dataset, tuple[Column, ...]]] = {
    Dataset.MESSAGES: (
        *_columns(
            Kind.TEXT,
            message_id="a ULID; its time is that of the partition",
            participant_id="to whom",
            communication_id="the mailing; none for a direct message",
            kind="newsletter, invoice, …",
            template_id="of which it was made, if Sendtrail sent it",
        ),
        *_columns(Kind.COUNT, template_version="of the template"),
        *_columns(
            Kind.TEXT,
            subject="as sent",
            address="as written; none where SES names no recipient",
            provider="mailbox provider of the address",
            status="as the API says it",
            by=_BY,
        ),
        *_columns(Kind.FLAG, copy="whether it is a sender's own copy"),
        *_columns(Kind.COUNT, attachment_count="files that went with it, if Sendtrail sent it"),
        *_columns(
            Kind.TIME,
            accepted_at="when Sendtrail accepted it; none for mail of other systems",
            last_changed_at="the last thing that happened",
            sent_at="when SES accepted it",
            delivered_at="first delivery",
            delayed_at="first delay",
            first_opened_at="by anybody",
            last_opened_at="by anybody",
            first_human_opened_at="by a person",
            last_human_opened_at="by a person",
            first_clicked_at="by anybody",
            last_clicked_at="by anybody",
            first_human_clicked_at="by a person",
            last_human_clicked_at="by a person",
            bounced_at="of the bounce, also of one that is not counted: an out-of-office reply",
            dropped_at="when it was decided not to send it",
            spammed_at="first complaint",
            rejected_at="when SES refused it",
            failed_at="when it could not be made of its template",
            unsubscribed_at="when the reader unsubscribed by it, unless they undid it",
        ),
        *_columns(
            Kind.TEXT,
            bounce_type="Permanent, Transient or Undetermined",
            bounce_subtype="SES's",
            bounce_status="RFC 3463, such as 5.1.1",
            bounce_diagnostic="what the receiving server said",
            drop_reason="why it was not sent",
            counted_source="whose opens and clicks count: `own` or `ses`",
        ),
        *_counters(_IN_FIGURES),
        *_counters("what the message adds to this figure of its day", ("hard_bounced", "waiting")),
        *_columns(Kind.TEXTS, log="the elements of its row in the log, exactly"),
    ),
    Dataset.EVENTS: (
        *_columns(
            Kind.TEXT,
            event_key="time, type and digest: tells it from all others of its message, or trail",
            type="SES's, or Sendtrail's own (events.md)",
        ),
        *_columns(Kind.TIME, at="when it happened"),
        *_columns(
            Kind.TEXT,
            message_id="none for what concerns no message",
            participant_id="whom it concerns",
            communication_id="the mailing",
            address="the recipient",
            kind="of the message",
            source="who observed it: `ses` or `own`",
            url="the link that was followed, of a click",
            counted_link="by what figures count the click: the link in the template, or the URL",
            actor="of an open or click: `human` or `machine`; none past 500 of a bucket",
            actor_reason="by which rule that was told",
        ),
        *_columns(
            Kind.FLAG,
            counted="of an open or click: whether it is in figures, by who observed it",
        ),
        *_columns(Kind.JSON, detail="what else is known (events.md)"),
        *_columns(
            Kind.TEXT,
            trail="partition key in the log",
            entry="sort key in the log",
            log="the event's item in the log, exactly; none for what is in its message's row",
        ),
    ),
    Dataset.MAILINGS: (
        *_columns(
            Kind.TEXT,
            communication_id="its id",
            name="as given by the sender; the id of one known from events alone",
            kind="newsletter, invitation, …",
        ),
        *_columns(Kind.TIME, created_at="when it was posted, or its first message sent"),
        *_columns(Kind.TEXT, template_id="of which it was made"),
        *_columns(
            Kind.COUNT,
            template_version="of the template",
            planned="for how many recipients it was posted",
        ),
        *_columns(Kind.TEXT, by=_BY),
        *_columns(Kind.TIME, send_at="when it is to be sent", stopped_at="when staff stopped it"),
        *_columns(Kind.TEXT, stopped_by=_BY),
        *_counters(_FIGURE),
        *_columns(
            Kind.JSON,
            dropped_by_reason="reason → messages",
            links="as the API has them",
            providers="as the API has them",
            machines="as the API has them",
            hits_by_age="as the API has them",
        ),
    ),
    Dataset.SUPPRESSIONS: (
        *_columns(
            Kind.TEXT,
            address="normalised",
            reason="the gravest that holds; none once it is lifted",
        ),
        *_columns(Kind.TIME, since="the time of the evidence for that", lifted_at="last lifted"),
        *_columns(
            Kind.TEXT,
            message_id="of the evidence",
            participant_id="of the evidence",
            diagnostic="what the server said, the type of complaint, or staff's note",
            by=_BY,
        ),
        *_columns(
            Kind.JSON,
            evidence="reason → the latest evidence for it, exactly",
            soft="that its soft bounces were too many, exactly",
        ),
    ),
}
"""Dataset → its columns, in order."""
