"""What the routes take and answer, as Pydantic models: the OpenAPI description is made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model, model_validator

from sendtrail.domain.engagement import Actor, Reason
from sendtrail.domain.events import SuppressionReason
from sendtrail.domain.message import DropReason, Status
from sendtrail.mail.addresses import MAX_ADDRESS
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS, ValueType
from sendtrail.sending.holds import HoldReason

__all__ = [
    "EMAIL",
    "ID",
    "MAX_VERSIONS",
    "AcceptedCommunication",
    "AcceptedMessage",
    "Address",
    "Addressee",
    "Communication",
    "CommunicationDraft",
    "CommunicationPreview",
    "CommunicationSummary",
    "GatewayMessage",
    "Interaction",
    "LiftedSuppression",
    "Message",
    "MessageDraft",
    "MessageWithTrail",
    "Page",
    "Participant",
    "ParticipantOfAddress",
    "Problem",
    "Recipient",
    "StaffActor",
    "Subscription",
    "Suppress",
    "Suppression",
    "Template",
    "TemplateDraft",
    "TemplateNames",
]

T = TypeVar("T")
ID: Final = r"^[A-Za-z0-9_-]{1,128}$"
"""What participants, communications and templates are named by."""
MAX_VERSIONS: Final = 10**9
EMAIL: Final[dict[str, JsonValue]] = {"format": "email"}
"""What a text says of itself that is an address; whether it can be one is checked elsewhere."""

Time = Annotated[
    str, Field(description="UTC, ISO 8601, with Z", examples=["2026-11-24T09:30:00.000Z"])
]


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

    kind: str = Field(description="`key`, an API key", examples=["key"])
    id: str = Field(
        description="identifies it; of a key, as `sendtrail key list` shows it",
        examples=["0f3a5c7e9b1d2f40"],
    )
    name: str | None = Field(description="as it was then", examples=["Front office"])


By = Annotated[StaffActor | None, Field(description="null: it is not known, or nobody of staff")]


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


class LiftedSuppression(BaseModel):
    """Which lists an address was taken off."""

    address: str
    lifted: bool = Field(description="It was suppressed here")
    removed_from_ses: bool = Field(description="It was on SES's suppression list of the account")


class Participant(BaseModel):
    """A participant, with the address to write to."""

    participant_id: str
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


class ParticipantOfAddress(BaseModel):
    """Somebody who has, or had, an address."""

    participant_id: str
    address: str
    first_used_at: Time | None
    last_used_at: Time | None
    registered_at: Time | None


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


class Waiting(BaseModel):
    """What a message waits for that is not sent yet."""

    reason: HoldReason | Literal["turn"] = Field(
        description="turn: nothing holds it, and those before it are sent first"
    )
    since: Time
    until: Time | None = Field(description="it is tried until this at least; null of a turn")


class MessageWithTrail(Message):
    """A message with its links and its trail, oldest first."""

    waiting: Waiting | None = Field(description="null if it does not wait")
    links: list[Link]
    events: list[TrailEvent]
    events_truncated: bool


class CommunicationLink(BaseModel):
    """A link of a mailing that was clicked."""

    url: str | None = Field(description="null: all others together")
    clicks: int
    human_clicks: int


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
    recipients: int
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


_COLUMN_TYPES: Final[dict[ValueType, Any]] = {
    ValueType.ID: str,
    ValueType.ADDRESS: str | None,
    ValueType.STATUS: Status,
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


class TemplateNames(BaseModel):
    """Which templates there are."""

    template_ids: list[str] = Field(description="in order; of very many, the first 500 added")


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
    recipients: int
    template_id: str | None
    template_version: int | None
    spam: Spam


class AcceptedMessage(BaseModel):
    """A message that was taken for sending."""

    message_id: str
    participant_id: str
    address: str
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


class Subscription(_Body):
    """Whether a participant wants communications."""

    subscribed: bool


class Suppress(_Body):
    """Why an address is suppressed by hand."""

    note: Annotated[str, Field(max_length=500)] = ""
