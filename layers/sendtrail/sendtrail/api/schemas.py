"""What the routes take and answer, as Pydantic models: the OpenAPI description is made of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model, model_validator

from sendtrail.auth.api_keys import Scope
from sendtrail.auth.audit import ObjectKind, StaffAction
from sendtrail.domain.engagement import Actor, Reason
from sendtrail.domain.events import SuppressionReason
from sendtrail.domain.message import DropReason, Status
from sendtrail.domain.names import MAX_NAME
from sendtrail.domain.progress import MailingState
from sendtrail.domain.reputation import Standing
from sendtrail.domain.webhooks import (
    EVENT_TYPES,
    MAX_DESCRIPTION,
    MAX_URL,
    DeliveryStatus,
    DisabledReason,
)
from sendtrail.mail.addresses import MAX_ADDRESS
from sendtrail.mail.attachments import MAX_ATTACHMENTS, MAX_FILE_NAME, MAX_TOTAL_BYTES, MAX_TYPE
from sendtrail.reading.health import Concern, QueueName, Severity
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS, ValueType
from sendtrail.reading.timeline import EntryType
from sendtrail.reading.webhooks import WebhookState
from sendtrail.rights.erasing import ErasureState, Keeps
from sendtrail.sending.holds import HoldReason
from sendtrail.sending.schedule import MAX_DAYS_AHEAD

__all__ = [
    "EMAIL",
    "FoundParticipants",
    "ID",
    "MAX_VERSIONS",
    "AcceptedCommunication",
    "AcceptedMessage",
    "Address",
    "Addressee",
    "Caller",
    "Communication",
    "CommunicationDraft",
    "CommunicationPreview",
    "CommunicationSummary",
    "Erasure",
    "GatewayMessage",
    "Interaction",
    "LiftedSuppression",
    "Message",
    "MessageDraft",
    "MessageWithTrail",
    "ParticipantName",
    "Overview",
    "Page",
    "Participant",
    "ParticipantOfAddress",
    "PersonExport",
    "Problem",
    "Recipient",
    "Replay",
    "StaffAct",
    "StaffActor",
    "Subscription",
    "Suppress",
    "Suppression",
    "Template",
    "TemplateDraft",
    "TemplateNames",
    "TimelineEntry",
    "Webhook",
    "WebhookDelivery",
    "WebhookDraft",
    "WebhookEventType",
    "WebhookList",
    "WebhookWithSecret",
]

T = TypeVar("T")
ID: Final = r"^[A-Za-z0-9_-]{1,128}$"
"""What participants, communications and templates are named by."""
ERASURE: Final = r"^erased-[0-9A-HJKMNP-TV-Z]{26}$"
"""An erasure, and the pseudonym that stands for whoever was erased."""
MAX_VERSIONS: Final = 10**9
EMAIL: Final[dict[str, JsonValue]] = {"format": "email"}
"""What a text says of itself that is an address; whether it can be one is checked elsewhere."""

Time = Annotated[
    str,
    Field(
        description="UTC, ISO 8601, with Z",
        examples=["2026-11-24T09:30:00.000Z"],
        json_schema_extra={"format": "date-time"},
    ),
]
Moment = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"})]
"""A time that is given, with an offset."""
Day = Annotated[str, Field(examples=["2026-11-24"], json_schema_extra={"format": "date"})]


Kind = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="your own word for what it is"),
]


class _Body(BaseModel):
    """What a request's body is: these fields and no others, each of its type as JSON has it."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _for_example(**body: JsonValue) -> ConfigDict:
    """What a model's description shows one of."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="For the next part; null at the end")

    @classmethod
    def model_parametrized_name(cls, params: tuple[type[Any], ...]) -> str:
        """What a page is called where it is described: `MessagePage`."""
        kinds = get_args(params[0]) or params
        return "Or".join(kind.__name__ for kind in kinds) + "Page"

    @classmethod
    def of(cls, items: Iterable[dict[str, Any]], next_cursor: str | None) -> Self:
        """A page of these items, each checked against the model."""
        return cls.model_validate({"items": list(items), "next_cursor": next_cursor})


class ProblemError(BaseModel):
    """One thing that is not valid in a request."""

    place: str = Field(alias="in")
    name: str
    message: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemError] = []


class GatewayMessage(BaseModel):
    """What API Gateway says of a missing or unknown API key."""

    message: str


class StaffActor(BaseModel):
    """Who on the organisation's side did something."""

    kind: str = Field(
        description="`key`, an API key; `person`, who signed in by name; `operator`, who works on "
        "the stack by credentials of AWS",
        examples=["key"],
    )
    id: str = Field(
        description="identifies it; of a key, as `sendtrail key list` shows it",
        examples=["0f3a5c7e9b1d2f40"],
    )
    name: str | None = Field(description="as it was then", examples=["Front office"])


By = Annotated[StaffActor | None, Field(description="null: it is not known, or nobody of staff")]


class Caller(BaseModel):
    """Whose key a request came with, and what it may do."""

    by: StaffActor
    scope: Scope


class Evidence(BaseModel):
    """Why an address is not to be mailed."""

    reason: SuppressionReason
    since: Time
    message_id: str | None
    participant_id: str | None
    diagnostic: str | None
    by: By


class Suppression(Evidence):
    """An address that is not to be mailed."""

    address: str


class StaffAct(BaseModel):
    """Something that staff did, or a program by an API key."""

    at: Time = Field(description="If it is counted, the beginning of the hour")
    action: str = Field(examples=[action.value for action in StaffAction])
    by: By
    object_kind: ObjectKind | None = Field(description="What it was done to")
    object_id: str | None
    count: int | None = Field(
        description="Of what programs do by the thousand: about how often in that hour; else null"
    )


class LiftedSuppression(BaseModel):
    """Which lists an address was taken off."""

    address: str
    lifted: bool = Field(description="It was suppressed here")
    removed_from_ses: bool = Field(description="It was on SES's suppression list of the account")


class Gets(BaseModel):
    """What mail somebody gets, by the rule that sending goes by."""

    communications: bool
    direct_messages: bool
    reason: DropReason | None = Field(
        description="why not all; null also where no address is known"
    )
    since: Time | None


class Participant(BaseModel):
    """A participant, with the address to write to."""

    participant_id: str
    name: str | None
    named_by: By
    subscribed: bool = Field(description="They get communications at this address")
    subscription_changed_at: Time | None
    subscription_changed_by: str | None = Field(
        description="The participant whose choice that is; another one, if they chose at the same "
        "address"
    )
    subscription_recorded_by: By
    last_interaction_at: Time | None
    last_interaction_recorded_by: By
    inactive_since: Time | None
    first_seen_at: Time | None
    address: str | None
    address_registered_by: By
    suppression: Evidence | None
    gets: Gets


class ParticipantOfAddress(BaseModel):
    """Somebody who has, or had, an address."""

    participant_id: str
    address: str
    first_used_at: Time | None
    last_used_at: Time | None
    registered_at: Time | None


class FoundParticipants(Page[Participant | ParticipantOfAddress]):
    """A part of the list of those who were looked for; of an address, those who have or had it."""


class Address(BaseModel):
    """An address in a participant's history."""

    address: str
    first_used_at: Time | None
    last_used_at: Time | None
    registered_at: Time | None
    registered_by: By
    current: bool
    suppression: Evidence | None


class Bounce(BaseModel):
    """How a message bounced, in SES's words."""

    type: str
    subtype: str
    status: str | None
    diagnostic: str | None


class Message(BaseModel):
    """A message; what has not happened is null."""

    message_id: str
    participant_id: str
    communication_id: str | None
    kind: str | None
    template_id: str | None
    template_version: int | None
    subject: str | None
    address: str | None
    status: Status
    last_changed_at: Time | None
    sent_at: Time | None
    delivered_at: Time | None
    first_opened_at: Time | None
    last_opened_at: Time | None
    open_count: int
    human_open_count: int
    first_clicked_at: Time | None
    last_clicked_at: Time | None
    click_count: int
    human_click_count: int
    bounced_at: Time | None
    bounce: Bounce | None
    dropped_at: Time | None
    drop_reason: str | None
    spammed_at: Time | None
    rejected_at: Time | None
    failed_at: Time | None
    delayed_at: Time | None
    unsubscribed_at: Time | None
    by: By
    copy_: bool = Field(
        alias="copy", description="a sender's own copy: of no mailing, and in no figure"
    )
    attachment_count: int


class Attachment(BaseModel):
    """A file that went with a message."""

    name: str
    content_type: str
    size: int = Field(description="in bytes")


class TimelineEntry(BaseModel):
    """A line of a participant's timeline."""

    at: Time = Field(description="of a message, when it was accepted, or sent by something else")
    type: EntryType
    message: Message | None = Field(description="null of all that is none")
    address: str | None
    detail: dict[str, Any]
    by: By


class PersonExport(BaseModel):
    """All that is kept of a participant, or a part of it."""

    format: str = Field(examples=["sendtrail-person/1"])
    exported_at: Time
    participant_id: str
    messages: list[dict[str, Any]] = Field(
        description="Newest first, each as a message of a history is, with all its `events` and "
        "with what was `planned`: its content, and what was merged into it"
    )
    profile: dict[str, Any] | None = Field(
        None, description="This and all below is in the first part alone"
    )
    addresses: list[dict[str, Any]] | None = None
    suppressions: list[dict[str, Any]] | None = Field(
        None, description="Of their addresses; also those that were lifted"
    )
    placeholders: list[dict[str, Any]] | None = Field(
        None, description="What is known of those addresses by themselves"
    )
    events: list[dict[str, Any]] | None = Field(
        None, description="What was recorded of them and of their addresses"
    )
    acts: list[dict[str, Any]] | None = Field(None, description="What staff did to them")
    next_cursor: str | None = Field(description="null: there is no more")


class Trace(BaseModel):
    """What may still hold a trace of somebody who was erased, and until when."""

    where: Keeps
    until: Time


class Erasure(BaseModel):
    """An erasure, and its report; it does not say of whom."""

    erasure_id: str = Field(
        description="the pseudonym that stands for them from now on",
        examples=["erased-5Z0W8Q2M4T6Y1R3K7N9P0B2D4F"],
    )
    state: ErasureState = Field(
        description="running, until a pass over everything, a quarter of an hour after the one "
        "before, finds nothing"
    )
    asked_at: Time
    by: By
    passes: int = Field(description="how often everything was gone through")
    done_at: Time | None
    counts: dict[str, int] = Field(
        description="how many were rewritten or deleted so far: `messages`, `rows` of their "
        "profile and addresses, `plans`, `drafts`, `attachments`, and others"
    )
    shared_addresses: int = Field(
        description="addresses that others have too: what is kept of those is theirs, and stays"
    )
    traces: list[Trace] = Field(description="once it is done")


class Link(BaseModel):
    """A link of a message that was clicked."""

    url: str | None = Field(description="null: all others together")
    clicks: int
    human_clicks: int
    first_clicked_at: Time
    last_clicked_at: Time


class TrailEvent(BaseModel):
    """Something that happened to a message."""

    at: Time
    type: str
    source: str
    address: str | None
    detail: dict[str, Any]
    actor: Actor | None
    actor_reason: Reason | None
    uncounted: bool = Field(description="true: seen also by us, and counted there")
    by: By


class Turn(StrEnum):
    """What a message waits for that nothing holds."""

    TURN = "turn"
    SCHEDULED = "scheduled"


class Waiting(BaseModel):
    """What a message waits for that is not sent yet."""

    reason: HoldReason | Turn = Field(
        description="turn: nothing holds it, and those before it are sent first; scheduled: its "
        "time, until, has not come"
    )
    since: Time
    until: Time | None = Field(description="it is tried until this at least; null of a turn")


class MessageWithTrail(Message):
    """A message with its links and its trail, oldest first."""

    waiting: Waiting | None = Field(description="null if it does not wait")
    links: list[Link]
    attachments: list[Attachment] = Field(description="empty too once they are kept no more")
    events: list[TrailEvent]
    events_truncated: bool


class CommunicationLink(BaseModel):
    """A link of a mailing; of one that Sendtrail sent, also those that nobody followed."""

    url: str | None = Field(description="null: all others together")
    clicks: int
    human_clicks: int
    human_clicked: int | None = Field(
        description="messages in which a person followed it; null: of all others together"
    )


_COMPLAINTS: Final = "who marked it as spam; Gmail tells nobody, so of its recipients 0 is unknown"


class Provider(BaseModel):
    """A mailing's figures at one mailbox provider."""

    provider: str
    recipients: int
    sent: int
    delivered: int
    opened: int
    human_opened: int
    clicked: int
    human_clicked: int
    bounced: int
    blocked: int
    dropped: int
    spammed: int = Field(description=_COMPLAINTS)
    unsubscribed: int


class Machines(BaseModel):
    """Opens and clicks of a mailing that were judged to be machines', by the rule that told so."""

    reason: Reason
    opens: int
    clicks: int


class Hold(BaseModel):
    """Why SES takes no mail now. What waits is sent by itself when it takes mail again."""

    reason: HoldReason
    since: Time
    seen_at: Time
    until: Time = Field(description="what waits since then is tried until this at least")


class HitsOfAge(BaseModel):
    """Opens and clicks by how long after its sending a message got them: by the hour in the first
    24, by the day until the 30th, and all later ones together.
    """

    from_hours: int
    until_hours: int | None = Field(description="null: for ever")
    opens: int
    human_opens: int
    clicks: int
    human_clicks: int


class CommunicationSummary(BaseModel):
    """A mailing and its figures. Past tense counts messages, each once; `opens` and `clicks` count
    hits; rates are fractions of `sent`, null where nothing was sent.
    """

    communication_id: str
    name: str
    kind: str | None
    created_at: Time | None
    template_id: str | None
    template_version: int | None
    by: By
    state: MailingState = Field(
        description="recorded: something else sends it; held: what is left of it waits, since SES "
        "takes no mail"
    )
    planned: int = Field(description="for how many recipients it is; of a recorded one, known")
    done: int = Field(description="of these sent, dropped, rejected or failed")
    send_at: Time | None = Field(description="null: at once, or something else sends it")
    stopped_at: Time | None
    stopped_by: By
    recipients: int = Field(description="accepted until now")
    sent: int
    delivered: int
    opened: int
    opens: int
    human_opened: int
    human_opens: int
    clicked: int
    clicks: int
    human_clicked: int
    human_clicks: int
    bounced: int
    delayed: int
    dropped: int
    dropped_by_reason: dict[str, int]
    spammed: int = Field(description=_COMPLAINTS)
    unsubscribed: int
    rejected: int
    failed: int
    blocked: int
    open_rate: float | None
    human_open_rate: float | None
    click_rate: float | None
    human_click_rate: float | None


class Communication(CommunicationSummary):
    """A mailing with its figures per link, per mailbox provider, by machines, and over time."""

    held: Hold | None = Field(description="why what is left of it waits; null if nothing holds it")
    links: list[CommunicationLink]
    providers: list[Provider]
    machines: list[Machines] = Field(description="by reason, the most frequent first")
    hits_by_age: list[HitsOfAge] = Field(
        description="youngest first; ages at which there was nothing are left out"
    )


class DayFigures(BaseModel):
    """What became of the mail of a day, or of several; all count messages, each once."""

    sent: int
    delivered: int
    human_opened: int
    human_clicked: int
    bounced: int = Field(description="for good, or without evidence of arrival")
    hard_bounced: int = Field(description="for good, which SES counts in an account's bounce rate")
    spammed: int = Field(description=_COMPLAINTS)
    unsubscribed: int
    dropped: int
    waiting: int = Field(description="accepted, and neither sent nor given up")


class DayOfMail(DayFigures):
    """A day, of UTC, and what became of the mail that was sent on it."""

    day: Day


class ReputationRate(BaseModel):
    """A rate by which SES judges an account. SES's own is of a volume that it does not disclose."""

    count: int
    sent: int = Field(
        description="to the providers that count: of complaints, not Gmail; never the simulator"
    )
    rate: float | None = Field(description="a fraction; null where nothing was sent")
    review_at: float = Field(description="from here on SES reviews the account")
    pause_at: float = Field(description="from here on SES may pause its sending")
    standing: Standing | None


class ReputationRates(BaseModel):
    """Hard bounces, and complaints."""

    bounces: ReputationRate
    complaints: ReputationRate


class ProviderOfMail(BaseModel):
    """What became of the mail to one mailbox provider."""

    provider: str
    sent: int
    delivered: int
    human_opened: int
    human_clicked: int
    bounced: int
    hard_bounced: int
    spammed: int | None = Field(description="null: this provider, Gmail, tells nobody")
    unsubscribed: int
    dropped: int
    waiting: int
    bounce_rate: float | None = Field(description="of hard bounces; null where nothing was sent")
    complaint_rate: float | None = Field(description="null where it is unknown")


class QueueLength(BaseModel):
    """How much is in a queue, approximately; null where it could not be told."""

    queue: QueueName
    waiting: int | None
    in_flight: int | None
    delayed: int | None


class HealthFinding(BaseModel):
    """Something that is wrong, or may be; docs/runbook.md says what to do."""

    concern: Concern
    severity: Severity = Field(description="unknown: it could not be told")
    queue: QueueName | None
    count: int | None
    since: Time | None
    reason: HoldReason | Standing | None


class Overview(BaseModel):
    """All mail by the day, SES's limits, and what is wrong now."""

    from_: Day = Field(alias="from")
    until: Day
    days: list[DayOfMail] = Field(description="every one, the earliest first")
    total: DayFigures
    previous: DayFigures = Field(description="of as many days before those")
    rates: ReputationRates
    providers: list[ProviderOfMail] = Field(description="the largest first")
    last_event_at: Time | None = Field(
        description="when SES last told of mail of these days, or the last 14; null if it has not"
    )
    queues: list[QueueLength]
    held: Hold | None = Field(description="why SES takes no mail now; null if it does")
    findings: list[HealthFinding] = Field(description="the worst first; empty if all is well")


_COLUMN_TYPES: Final[dict[ValueType, Any]] = {
    ValueType.ID: str,
    ValueType.ADDRESS: str | None,
    ValueType.STATUS: Status,
    ValueType.REASON: str | None,
    ValueType.TEXT: str | None,
    ValueType.COUNT: int,
    ValueType.TIME: Time | None,
}

if TYPE_CHECKING:

    class Recipient(BaseModel):
        """For mypy, which knows no model that is made while the program runs."""

else:
    Recipient = create_model(
        "Recipient",
        __doc__="A recipient of a mailing.",
        __module__=__name__,
        **{column.name: (_COLUMN_TYPES[column.type], ...) for column in RECIPIENT_COLUMNS},
    )


class TemplateDraft(_Body):
    """A version of a template to be: sources in Liquid, and HTML or text or both."""

    model_config = _for_example(subject="News for {{ name }}", html="<p>Dear {{ name }}, …</p>")

    subject: Annotated[str, Field(min_length=1, max_length=1000)]
    html: Annotated[str | None, Field(min_length=1)] = None
    text: Annotated[
        str | None, Field(min_length=1, description="made from the HTML, if left out")
    ] = None
    description: Annotated[
        str | None, Field(min_length=1, max_length=300, description="what it is for")
    ] = None


class Template(BaseModel):
    """A version of a template, which never changes."""

    template_id: str
    version: int
    subject: str
    html: str | None
    text: str | None
    fields: list[str] = Field(description="The merge fields that its recipients' data must have")
    created_at: Time
    by: By
    description: str | None = Field(description="What it is for, as its author says")


class TemplateNames(BaseModel):
    """Which templates there are."""

    template_ids: list[str] = Field(description="in order; of very many, the first 500")


class Addressee(_Body):
    """Somebody to write to."""

    participant_id: Annotated[str, Field(pattern=ID)]
    address: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_ADDRESS,
            description="their current one, if left out",
            json_schema_extra=EMAIL,
        ),
    ] = None
    data: Annotated[dict[str, Any], Field(description="the merge fields")] = {}


class AttachmentDraft(_Body):
    """A file to go with a mail."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_FILE_NAME,
            description="with an extension, such as .pdf; not one that SES refuses (.exe, .js, …)",
        ),
    ]
    content_type: Annotated[str, Field(max_length=MAX_TYPE, examples=["application/pdf"])]
    content: Annotated[
        str,
        Field(
            min_length=1,
            description="in base64",
            json_schema_extra={"contentEncoding": "base64"},
        ),
    ]


class _Sendable(_Body):
    template_id: Annotated[str | None, Field(pattern=ID)] = None
    template_version: Annotated[
        int | None, Field(ge=1, le=MAX_VERSIONS, description="the newest, if left out")
    ] = None
    subject: Annotated[str | None, Field(min_length=1, max_length=1000)] = None
    html: Annotated[str | None, Field(min_length=1)] = None
    text: Annotated[str | None, Field(min_length=1)] = None
    tracking: Annotated[bool, Field(description="whether it has a pixel and tracked links")] = True
    reply_to: Annotated[
        str | None, Field(min_length=3, max_length=MAX_ADDRESS, json_schema_extra=EMAIL)
    ] = None
    copy_to: Annotated[
        list[Annotated[str, Field(min_length=3, max_length=MAX_ADDRESS, json_schema_extra=EMAIL)]],
        Field(max_length=10, description="your own addresses: a copy each, in no figure"),
    ] = []
    send_at: Annotated[
        Moment | None,
        Field(
            description=f"when to send it, with an offset; at most {MAX_DAYS_AHEAD} days ahead. At "
            "once, if left out",
            examples=["2026-12-04T09:00:00+01:00"],
        ),
    ] = None
    attachments: Annotated[
        list[AttachmentDraft],
        Field(
            max_length=MAX_ATTACHMENTS,
            description=f"of {MAX_TOTAL_BYTES // 1024**2} MB together, before base64",
        ),
    ] = []

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        own = self.subject or self.html or self.text
        if self.template_id and own:
            raise ValueError("give a template_id, or subject and html or text; not both")
        if not self.template_id and not (self.subject and (self.html or self.text)):
            raise ValueError("give a template_id, or subject and html or text")
        if self.template_version and not self.template_id:
            raise ValueError("template_version: of which template?")
        return self


class CommunicationDraft(_Sendable):
    """A mailing to be sent. What it says is a template, or its own subject and body, in Liquid."""

    model_config = _for_example(
        name="Evenings",
        kind="invitation",
        subject="An evening for {{ name }}",
        html='<p>Dear {{ name }}, <a href="https://society.example/">come and see us</a>.</p>',
        recipients=[
            {"participant_id": "jo", "address": "jo@example.com", "data": {"name": "Jo"}},
            {"participant_id": "bo", "address": "bo@example.com", "data": {"name": "Bo"}},
        ],
    )

    name: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Kind = "newsletter"
    recipients: Annotated[list[Addressee], Field(min_length=1)]
    allow_likely_spam: Annotated[bool, Field(description="send it even if it looks like spam")] = (
        False
    )


class MessageDraft(Addressee, _Sendable):
    """A message to one participant: for them alone, so it goes out also if they unsubscribed."""

    model_config = _for_example(
        participant_id="jo",
        address="jo@example.com",
        subject="Your receipt",
        text="Dear {{ name }}, thank you.",
        data={"name": "Jo"},
    )

    kind: Kind = "direct"


class SpamFinding(BaseModel):
    """Something that mailbox providers are known to mind."""

    rule: str
    points: float
    what: str


class Spam(BaseModel):
    """How a mail looks to a spam filter."""

    points: float
    threshold: float
    likely_spam: bool = Field(description="true: it is not sent, every message of it is dropped")
    findings: list[SpamFinding]


class AcceptedCommunication(BaseModel):
    """A mailing that was taken for sending."""

    communication_id: str
    created_at: Time
    send_at: Time | None = Field(description="null: at once")
    recipients: int
    template_id: str | None
    template_version: int | None
    spam: Spam


class AcceptedMessage(BaseModel):
    """A message that was taken for sending."""

    message_id: str
    participant_id: str
    address: str
    send_at: Time | None = Field(description="null: at once")
    template_id: str | None
    template_version: int | None
    spam: Spam


class WouldBeDropped(BaseModel):
    """A recipient who would not be mailed now, and why."""

    participant_id: str
    address: str
    drop_reason: DropReason
    evidence: dict[str, Any]


class CommunicationPreview(BaseModel):
    """A mailing as one of its recipients would read it, and what would become of it."""

    participant_id: str
    address: str
    subject: str
    html: str | None
    text: str
    attachments: list[Attachment]
    recipients: int
    would_be_dropped: list[WouldBeDropped]
    spam: Spam


class Interaction(_Body):
    """A transaction of a participant."""

    kind: Annotated[str, Field(min_length=1, max_length=64)] = "transaction"
    at: Annotated[str | None, Field(max_length=40, description="when; now, if left out")] = None
    reference: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=256,
            description="its own id; needs `at`. The same told again is the same",
        ),
    ] = None


class ParticipantName(_Body):
    """What a participant is called."""

    name: Annotated[
        str | None, Field(min_length=1, max_length=MAX_NAME, description="null removes it")
    ]


class Subscription(_Body):
    """Whether a participant wants communications."""

    subscribed: bool


class Suppress(_Body):
    """Why an address is suppressed by hand."""

    note: Annotated[str, Field(max_length=500)] = ""


class WebhookDraft(_Body):
    """An endpoint to be told of events, and of which."""

    model_config = _for_example(
        url="https://crm.example.org/hooks/mail",
        event_types=["message.bounced", "participant.unsubscribed"],
        description="CRM",
    )

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_URL,
            description="HTTPS, at a public address; redirects are not followed",
            json_schema_extra={"format": "uri"},
        ),
    ]
    event_types: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(
            max_length=len(EVENT_TYPES),
            description="which, as the list of webhooks names them; empty: all, those of later "
            "versions too",
        ),
    ] = []
    full: Annotated[
        bool,
        Field(
            description="whether an event comes with address, subject and details, which so leave "
            "the stack; else with ids, by which the API tells the rest"
        ),
    ] = False
    description: Annotated[
        str | None, Field(max_length=MAX_DESCRIPTION, description="for colleagues")
    ] = None


class Webhook(BaseModel):
    """An endpoint that is told of events, and how it fares."""

    webhook_id: str
    url: str
    event_types: list[str] = Field(description="Empty: all")
    full: bool
    description: str | None
    state: WebhookState
    created_at: Time
    by: By
    secret_made_at: Time
    last_success_at: Time | None = Field(description="When it last took something")
    failing_since: Time | None = Field(description="Since when it has taken nothing")
    retry_at: Time | None = Field(description="If it fails: when it is tried again")
    disabled_at: Time | None = Field(description="When it was switched off")
    disabled_reason: DisabledReason | None = Field(
        description="failing: for a day nothing was taken; gone: it answered 410"
    )


class WebhookWithSecret(Webhook):
    """A webhook, and its new secret."""

    secret: str = Field(
        description="By which its requests are signed; shown this once", examples=["whsec_…"]
    )


class WebhookEventType(BaseModel):
    """A type of event that webhooks are told of."""

    type: str = Field(examples=["message.bounced"])
    description: str


class WebhookList(BaseModel):
    """All webhooks: 20 at most."""

    switched_on: bool = Field(description="false: this stack sends nothing to any of them")
    items: list[Webhook]
    event_types: list[WebhookEventType] = Field(description="what each can be told of")


class Replay(_Body):
    """A span of time."""

    model_config = _for_example(
        **{"from": "2026-11-24T00:00:00.000Z", "to": "2026-11-25T00:00:00.000Z"}
    )

    from_: Annotated[Moment, Field(alias="from", description="of the first events, with an offset")]
    to: Annotated[Moment, Field(description="before which the last of them happened")]


class WebhookDelivery(BaseModel):
    """What became of an event that a webhook was to be told of."""

    delivery_id: str = Field(description="The header webhook-id of its requests")
    type: str = Field(examples=["message.bounced"])
    at: Time = Field(description="When the event happened")
    event_id: str
    message_id: str | None
    status: DeliveryStatus
    attempts: int
    first_at: Time | None = Field(description="When it was first tried; null: it never was")
    last_at: Time | None = Field(description="When it was last tried")
    http_status: int | None = Field(description="Of the last answer; null: there was none")
    error: str | None = Field(description="Why the last attempt failed")
    duration_ms: int | None = Field(description="How long the last attempt took")
    replayed: bool = Field(description="It was told once more, by a replay")
