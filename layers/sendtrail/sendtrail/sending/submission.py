"""Composing: what somebody asks to be sent becomes a plan, once everything about it is checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.domain.actors import Actor
from sendtrail.domain.eligibility import Ineligible
from sendtrail.domain.ids import (
    digest,
    new_message_id,
    normal_address,
    participant_of_address,
)
from sendtrail.domain.links import countable
from sendtrail.domain.plan import Content, Plan, PlannedMessage, SpamReport
from sendtrail.domain.times import Timestamp, epoch_ms
from sendtrail.errors import (
    InvalidInputError,
    InvalidTemplateError,
    MissingFieldError,
    NotFoundError,
    Problem,
    Problems,
)
from sendtrail.log.trails import Trails
from sendtrail.mail.addresses import canonical_address, sendable_address
from sendtrail.mail.attachments import Attachment, check_attachments, planned_attachments
from sendtrail.mail.spam import score
from sendtrail.mail.templates import Rendered
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.directory import Directory
from sendtrail.sending.attachment_store import AttachmentStore
from sendtrail.sending.composer import Composer
from sendtrail.sending.eligibility import Eligibility
from sendtrail.sending.plan_store import PlanStore
from sendtrail.sending.rendering import NO_UNSUBSCRIBING, MessageRenderer
from sendtrail.sending.schedule import schedule_problem
from sendtrail.sending.template_store import TemplateStore

__all__ = ["Addressee", "Submission", "Draft", "Prepared", "Request"]

_MILLISECOND: Final = timedelta(milliseconds=1)
_MAX_DATA: Final = 16_384  # bytes, of one recipient's
_READERS: Final = 8
_MAX_DEPTH: Final = 32  # of a recipient's data
_SCORED: Final = 5
"""How many of a mailing's messages get a spam score: they are all of one template."""
_QUEUED_AGAIN: Final = timedelta(days=1)
"""How long a repeated request also queues its plan again; after that, what it asks for has long
been done, or is in a dead-letter queue."""
_NOTHING: Final = Rendered("", None, "")
"""What a message comes to that cannot be rendered."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody to write to.

    Attributes:
        address: None for the one that they are written to now.
        data: the merge fields.
    """

    participant_id: str
    address: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody asks to be sent.

    Attributes:
        content: a template without a version stands for its newest.
        name: of a communication; None for a direct message.
        copy_to: the sender's own addresses, for a copy each.
        send_at: when it is to be sent; None for at once.
        attachments: what goes with each message (`sendtrail.mail.attachments`).
    """

    content: Content
    kind: str
    recipients: Sequence[Addressee]
    name: str | None = None
    tracked: bool = True
    allow_likely_spam: bool = False
    reply_to: str | None = None
    copy_to: Sequence[str] = ()
    send_at: Timestamp | None = None
    attachments: Sequence[Attachment] = ()

    @property
    def is_communication(self) -> bool:
        """Whether it is a mailing, and no direct message."""
        return self.name is not None


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for it, when, and by which ``Idempotency-Key``, if any."""

    by: Actor
    at: Timestamp
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan that is checked and not kept.

    Attributes:
        rendered: its messages; whole is the one that is looked at, as it would be read. Others lack
            a text part that has to be made.
        ineligible: of each message why it would be dropped now, or None.
    """

    plan: Plan
    rendered: Sequence[Rendered]
    ineligible: Sequence[Ineligible | None] = ()


class Submission:
    """Checks drafts, and takes them for sending."""

    def __init__(
        self,
        *,
        plans: PlanStore,
        attachments: AttachmentStore,
        templates: TemplateStore,
        renderer: MessageRenderer,
        composer: Composer,
        log: Trails,
        communications: CommunicationProjection,
        directory: Directory,
        eligibility: Eligibility,
        enqueue: Callable[[Plan], None],
        max_recipients: int,
        max_days_ahead: int,
        spam_threshold: float,
        job_size: int,
        audit: Audit,
    ) -> None:
        """Takes what it works with.

        Args:
            enqueue: queues a plan, to be fanned out.
            max_recipients: of one communication.
            max_days_ahead: how many days ahead something may be scheduled.
            spam_threshold: the score from which on a communication is not sent.
            job_size: how many messages are sent by one job.
            audit: told of each draft that was taken.
        """
        self._plans = plans
        self._attachments = attachments
        self._templates = templates
        self._renderer = renderer
        self._composer = composer
        self._log = log
        self._communications = communications
        self._directory = directory
        self._eligibility = eligibility
        self._enqueue = enqueue
        self._job_size = job_size
        self._audit = audit
        self.max_recipients = max_recipients
        self.max_days_ahead = max_days_ahead
        self.spam_threshold = spam_threshold

    def submit(self, draft: Draft, request: Request) -> Plan:
        """Takes a draft for sending; nothing of it is sent unless all of it can be.

        The plan is written first, with its attachments, and never changed, and the queue is told
        last: whoever repeats a request with the same key, after whatever failure, goes on with the
        first one's plan.

        Raises:
            InvalidInputError: something in it is not allowed or missing: all of that, each with
                its place.
            NotFoundError: there is no such template.
            AwsError: it may have been taken; with an ``Idempotency-Key`` it can be asked for again.
        """
        problems = Problems()
        unfit = self._check(draft, problems)
        known = None
        if request.idempotency_key and not problems:
            known = self._plans.find(_plan_id(draft, request))
        if known is None:  # what is repeated may be of a time that has come meanwhile
            self._check_time(draft, request, problems)
        plan = known
        if plan is None:
            prepared = self._prepare(draft, request, problems, unfit).plan
            self._attachments.put(draft.attachments)
            plan = self._plans.put(prepared)
        if plan.request != _digest(draft):
            raise InvalidInputError(
                "this Idempotency-Key was used before, with another body; use a new one"
            )
        posted = plan.posted(self._links(plan))
        if posted:
            self._log.append([posted])
            self._communications.define(posted)
        elif plan.send_at:  # it is in the history of its recipient while it waits
            self._log.append(plan.accepted())
        if epoch_ms(request.at) - epoch_ms(plan.accepted_at) < _QUEUED_AGAIN // _MILLISECOND:
            self._enqueue(plan)
        if plan.communication_id:
            self._audit(request.by, StaffAction.SEND_COMMUNICATION, plan.communication_id)
        else:
            (message,) = plan.messages
            self._audit(request.by, StaffAction.SEND_MESSAGE, message.participant_id)
        return plan

    def _links(self, plan: Plan) -> Sequence[str]:
        """The links of a mailing that are counted, so that it is known which nobody followed."""
        if plan.communication_id is None or not plan.tracked:
            return ()
        return countable(self._renderer.template(plan.content).links)

    def preview(self, draft: Draft, request: Request, number: int = 0) -> Prepared:
        """What would be sent, and to whom it would not; nothing is written.

        Args:
            number: of the recipient by whom it is read.

        Raises:
            InvalidInputError, NotFoundError, AwsError: as for `submit`.
        """
        problems = Problems()
        unfit = self._check(draft, problems)
        self._check_time(draft, request, problems)
        prepared = self._prepare(draft, request, problems, unfit)
        plan, messages = prepared.plan, prepared.plan.messages
        ineligible = self._eligibility.of([plan.recipient(each) for each in range(len(messages))])
        read = self._renderer.render(plan.content, messages[number], NO_UNSUBSCRIBING)
        rendered = [*prepared.rendered[:number], read, *prepared.rendered[number + 1 :]]
        return replace(prepared, rendered=rendered, ineligible=ineligible)

    def _prepare(
        self, draft: Draft, request: Request, problems: Problems, unfit: Set[int]
    ) -> Prepared:
        """The plan of a draft, rendered to see that its parts fit each other.

        Args:
            problems: what `_check` found; what is found here is told with it.
            unfit: the recipients who need not be rendered.

        Raises:
            InvalidInputError, NotFoundError, AwsError: as for `submit`.
        """
        content = self._content(draft, problems)
        recipients = self._recipients(draft)
        scored = set(range(0, len(recipients), -(-len(recipients) // _SCORED) or 1))
        messages: list[PlannedMessage] = []
        rendered: list[Rendered] = []
        for number, (addressee, address) in enumerate(
            zip(recipients, self._addresses(recipients), strict=True)
        ):
            who = addressee.participant_id
            if address is None:
                said = f"none is known of {who}; give one, or register it"
                problems.add(_of_recipient(draft, number, said, "address"))
            message = PlannedMessage(
                message_id=new_message_id(draft.send_at or request.at),
                participant_id=who,
                address=address or "",
                subject="",
                data=addressee.data,
            )
            each = _NOTHING
            if content is not None and number not in unfit:
                try:
                    each = self._renderer.checked(content, message, make_text=number in scored)
                except MissingFieldError as error:
                    said = f"{error.field} is missing"
                    problems.add(_of_recipient(draft, number, said, "data", who))
                except InvalidInputError as error:
                    problems.add(_of_recipient(draft, number, str(error), None, who))
            messages.append(replace(message, subject=each.subject))
            rendered.append(each)
        if problems or content is None:
            raise problems.error()
        plan_id = _plan_id(draft, request)
        plan = Plan(
            plan_id=plan_id,
            accepted_at=request.at,
            request=_digest(draft),
            kind=draft.kind,
            content=content,
            spam=SpamReport(0),
            messages=messages,
            communication_id=plan_id if draft.is_communication else None,
            name=draft.name,
            tracked=draft.tracked,
            reply_to=canonical_address(draft.reply_to) if draft.reply_to else None,
            copies=[
                replace(
                    messages[0],
                    message_id=new_message_id(draft.send_at or request.at),
                    participant_id=participant_of_address(address),
                    address=address,
                )
                for address in draft.copy_to
            ],
            job_size=self._job_size,
            by=request.by.text,
            send_at=draft.send_at,
            attachments=planned_attachments(draft.attachments),
        )
        spam = self._spam(draft, plan, {number: rendered[number] for number in scored})
        return Prepared(replace(plan, spam=spam), rendered)

    def _check(self, draft: Draft, problems: Problems) -> set[int]:
        """Looks at what can be seen without reading anything.

        Returns:
            the recipients whose data are not for rendering.
        """
        if draft.reply_to is not None:
            _check_address(draft.reply_to, problems, "reply_to")
        for number, address in enumerate(draft.copy_to):
            _check_address(address, problems, "copy_to", number)
        if len({normal_address(address) for address in draft.copy_to}) < len(draft.copy_to):
            problems.add(Problem("an address twice", field="copy_to"))
        check_attachments(draft.attachments, problems)
        count = len(draft.recipients)
        if not 0 < count <= self.max_recipients:
            said = f"{count}; at least 1 and at most {self.max_recipients} are allowed"
            problems.add(Problem(said, field="recipients"))
        unfit: set[int] = set()
        first: dict[str, int] = {}
        for number, addressee in enumerate(self._recipients(draft)):
            who = addressee.participant_id
            same = first.setdefault(who, number)
            if same != number:
                said = f"{who} is recipients[{same}] already"
                problems.add(_of_recipient(draft, number, said))
            if _depth(addressee.data) > _MAX_DEPTH:
                said = f"nested deeper than {_MAX_DEPTH}"
            elif (size := len(json.dumps(addressee.data).encode())) > _MAX_DATA:
                said = f"{size} bytes; at most {_MAX_DATA} are allowed"
            else:
                continue
            unfit.add(number)
            problems.add(_of_recipient(draft, number, said, "data", who))
        return unfit

    def _check_time(self, draft: Draft, request: Request, problems: Problems) -> None:
        """Looks whether it may be sent at that time."""
        if draft.send_at is None:
            return
        said = schedule_problem(draft.send_at, request.at, self.max_days_ahead)
        if said:
            problems.add(Problem(said, field="send_at"))

    def _recipients(self, draft: Draft) -> Sequence[Addressee]:
        """Those to look at one by one: nobody, where there are too many."""
        return draft.recipients if len(draft.recipients) <= self.max_recipients else ()

    def _content(self, draft: Draft, problems: Problems) -> Content | None:
        """The content with the version that holds now; None if it cannot be rendered.

        Raises:
            NotFoundError: there is no such template, and no other problem.
        """
        own = draft.content.template_id is None
        try:
            content = self._newest(draft.content)
            self._renderer.template(content)
        except NotFoundError as error:
            if not problems:
                raise
            problems.add(Problem(str(error), field="template_id"))
        except InvalidTemplateError as error:
            for each in error.problems:
                problems.add(each if own else Problem(str(each), field="template_id"))
        else:
            return content
        return None

    def _newest(self, content: Content) -> Content:
        if content.template_id is None or content.template_version is not None:
            return content
        newest = self._templates.get(content.template_id)
        if newest is None:
            raise NotFoundError(f"there is no template {content.template_id}")
        return replace(content, template_version=newest.version)

    def _addresses(self, recipients: Sequence[Addressee]) -> list[str | None]:
        """The address of each recipient, looked up where it is not given; None if none is known."""

        def address(addressee: Addressee) -> str | None:
            if addressee.address is not None:
                return canonical_address(addressee.address)
            use = self._directory.address_to_write_to(addressee.participant_id)
            return use.address if use else None

        with ThreadPoolExecutor(max_workers=_READERS) as readers:
            return list(readers.map(address, recipients))

    def _spam(self, draft: Draft, plan: Plan, rendered: Mapping[int, Rendered]) -> SpamReport:
        """The report on the worst of the messages.

        Args:
            rendered: number → as it is read. How large it is as it is sent, with our links in it,
                is seen here.
        """
        text_was_given = self._renderer.template(plan.content).has_text
        scores = []
        for number, each in rendered.items():
            sent = self._composer.rendered(plan, number, plan.accepted_at, make_text=False)
            scores.append(
                score(
                    each.subject,
                    each.html,
                    each.text,
                    text_was_given=text_was_given,
                    html_bytes=len((sent.html or "").encode()),
                )
            )
        worst = max(scores, key=lambda each: each.points)
        likely = worst.points >= self.spam_threshold
        return SpamReport(
            points=worst.points,
            findings=[asdict(finding) for finding in worst.findings],
            likely=likely and draft.is_communication and not draft.allow_likely_spam,
        )


def _plan_id(draft: Draft, request: Request) -> str:
    """The plan's id: the same for the same key of the same actor, else a new one."""
    if request.idempotency_key is None:
        return new_message_id(request.at)
    of_what = "communication" if draft.is_communication else "message"
    return "k-" + digest(request.by.id, of_what, request.idempotency_key, length=24)


def _check_address(
    address: str, problems: Problems, field_name: str, index: int | None = None
) -> None:
    try:
        sendable_address(address)
    except ValueError as error:
        problems.add(Problem(f"{address!r:.80}: {error}", field=field_name, index=index))


def _of_recipient(
    draft: Draft, number: int, said: str, subfield: str | None = None, who: str | None = None
) -> Problem:
    """A problem of a recipient. A direct message's has fields of its own, and is in no list."""
    if draft.is_communication:
        return Problem(
            said, field="recipients", index=number, subfield=subfield, participant_id=who
        )
    return Problem(said, field=subfield)


def _depth(value: Any) -> int:
    """How deep lists and objects are in each other; looked at no deeper than is allowed."""
    depth, level = 0, [value]
    while level and depth <= _MAX_DEPTH:
        depth += 1
        level = [
            each
            for held in level
            for each in (held.values() if isinstance(held, Mapping) else held)
            if isinstance(each, Mapping | list)
        ]
    return depth


def _digest(draft: Draft) -> str:
    """The digest of what is asked for. What is left out is not in it, so that a request which is
    repeated after an update is recognised.
    """
    asked = asdict(replace(draft, attachments=()))
    del asked["attachments"]
    if draft.attachments:
        files = [(each.name, each.content_type, each.digest) for each in draft.attachments]
        asked["attachments"] = files
    if draft.send_at is None:
        del asked["send_at"]
    return digest(json.dumps(asked, sort_keys=True), length=64)
