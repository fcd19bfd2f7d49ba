"""Dispatch: sends the messages of a job, or drops them with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from sendtrail.domain.events import Event, EventType
from sendtrail.domain.plan import Plan, PlannedMessage
from sendtrail.domain.times import Timestamp, epoch_ms, now
from sendtrail.errors import (
    AwsError,
    BusyError,
    HeldError,
    InvalidInputError,
    RefusedError,
    RejectedRecordError,
    ThrottledError,
)
from sendtrail.log.trails import Trails
from sendtrail.sending.attachment_store import AttachmentStore
from sendtrail.sending.claims import Claim, Claims, Mark
from sendtrail.sending.composer import Composer
from sendtrail.sending.eligibility import Eligibility
from sendtrail.sending.jobs import DispatchOutcome, Job, JobReport
from sendtrail.sending.plan_store import PlanStore
from sendtrail.sending.ses_sender import OutgoingMail, SesSender
from sendtrail.sending.stops import Stops

__all__ = ["Dispatch", "outcome_by"]

_CLAIMED_MS: Final = 30 * 24 * 3_600_000
"""For so long after a plan's time, whatever was tried of it has a claim: claims are kept for
half as long again."""


class Dispatch:
    """Sends the messages of jobs, each at most once, or drops them with a reason."""

    def __init__(
        self,
        *,
        plans: PlanStore,
        attachments: AttachmentStore,
        claims: Claims,
        stops: Stops,
        outcome: Callable[[str, str], DispatchOutcome | None],
        caught_up: Callable[[], bool],
        composer: Composer,
        log: Trails,
        eligibility: Eligibility,
        ses_sender: SesSender,
    ) -> None:
        """Takes what it works with.

        Args:
            outcome: what came of a message, by its participant and id, as the log says, read
                consistently; None if it says nothing.
            caught_up: whether the log has all that SES has told (docs/decisions/0023).
        """
        self._plans = plans
        self._attachments = attachments
        self._claims = claims
        self._stops = stops
        self._outcome = outcome
        self._caught_up = caught_up
        self._composer = composer
        self._log = log
        self._eligibility = eligibility
        self._ses_sender = ses_sender

    def send(self, job: Job) -> JobReport:
        """Sends what is left of a job, unless the log has its outcome, it was stopped, or the
        recipient is not eligible.

        Raises:
            RejectedRecordError: its plan has no such job.
            AwsError: nothing was sent; or what was sent is recorded nowhere yet, and in doubt.
        """
        plan = self._plans.get(job.plan_id)
        if job not in Job.all_of(plan):
            raise RejectedRecordError(f"plan {job.plan_id} has no job {job.first}+{job.count}")
        attempt = Attempt(plan, job, self._claims.take(job))
        try:
            self._ask_the_log(attempt)
            self._prepare(attempt)
        except Exception:  # none of it has been sent
            self._claims.release(attempt.claim, {})
            raise
        self._deliver(attempt)
        self._record(attempt)
        if attempt.claim.trying:
            self._claims.release(attempt.claim, attempt.marks)
        return attempt.report()

    def _ask_the_log(self, attempt: Attempt) -> None:
        """Settles what the log knows of; what it may not know of yet stays in doubt."""
        places = attempt.unsure(epoch_ms(now()))
        if not places:
            return
        # Looked at first: what is in no queue now is in the log that is read thereafter.
        caught_up = self._caught_up()
        for place in places:
            message = attempt.message(place)
            outcome = self._outcome(message.participant_id, message.message_id)
            if outcome:
                attempt.marks[place] = Mark[outcome.name]
            elif not caught_up:
                attempt.leave(place, BusyError("Behind", "ingest has more to write"))

    def _prepare(self, attempt: Attempt) -> None:
        """Drops what was stopped, and whom it must, and renders the mails of all others."""
        plan, places = attempt.plan, attempt.left()
        stop = self._stops.of(plan.plan_id) if places else None
        if stop:
            for place in places:
                attempt.end(place, Mark.DROPPED, EventType.DROPPED, stop.detail(), stop.at)
            return
        recipients = [plan.recipient(attempt.number(place)) for place in places]
        found = self._eligibility.of(recipients)
        # Of whoever was erased, what was to go with the mail is deleted.
        attachments = [] if all(found) else self._attachments.get(plan.attachments)
        for place, ineligible in zip(places, found, strict=True):
            if ineligible:
                attempt.end(place, Mark.DROPPED, EventType.DROPPED, ineligible.detail())
                continue
            try:
                mail = self._composer.mail(plan, attempt.number(place), now())
                attempt.mails[place] = replace(mail, attachments=attachments)
            except InvalidInputError as error:
                detail = {"error": str(error)}
                attempt.end(place, Mark.FAILED, EventType.RENDERING_FAILURE, detail)

    def _deliver(self, attempt: Attempt) -> None:
        direct = attempt.plan.communication_id is None
        mails = list(attempt.mails.values())
        found = self._ses_sender.send(mails, until=attempt.claim.until, direct=direct)
        for place, error in zip(attempt.mails, found, strict=True):
            if error is None:
                attempt.marks[place] = Mark.SENT
            elif isinstance(error, RefusedError):
                attempt.end(place, Mark.REJECTED, EventType.REJECT, {"reason": str(error)})
            else:
                attempt.leave(place, error)

    def _record(self, attempt: Attempt) -> None:
        """Appends what we did with messages ourselves; SES tells of the others."""
        if not attempt.events:
            return
        try:
            self._log.append(attempt.events.values())
        except AwsError as error:  # perhaps they are in the log, so what they say must stay so
            for place in attempt.events:
                attempt.leave(place, BusyError("NotLogged", str(error)))


class Attempt:
    """One attempt at a job.

    Attributes:
        marks: place in the job → what came of the message.
        events: place → the event that says so, if it is not SES that does.
        mails: place → what is to be sent.
    """

    def __init__(self, plan: Plan, job: Job, claim: Claim) -> None:
        self.plan = plan
        self.claim = claim
        self.marks: dict[int, Mark] = {}
        self.events: dict[int, Event] = {}
        self.mails: dict[int, OutgoingMail] = {}
        self._first = job.first or 0
        self._errors: list[AwsError] = []

    def number(self, place: int) -> int:
        """The number in the plan of the message at a place in the job."""
        return self._first + place

    def message(self, place: int) -> PlannedMessage:
        """The message at a place in the job."""
        return self.plan.message(self.number(place))

    def left(self) -> list[int]:
        """The places of which nothing is known yet."""
        return [place for place in self.claim.trying if place not in self.marks]

    def unsure(self, now_ms: int) -> list[int]:
        """The places of messages that may have been sent before."""
        old = now_ms - epoch_ms(self.plan.begins_at) > _CLAIMED_MS
        return [place for place in self.left() if old or place in self.claim.doubtful]

    def end(
        self,
        place: int,
        mark: Mark,
        event_type: EventType,
        detail: Mapping[str, Any],
        at: Timestamp | None = None,
    ) -> None:
        """Something has come of a message that only we can tell.

        Args:
            at: when; None for the plan's own time.
        """
        self.marks[place] = mark
        self.events[place] = self.plan.event(event_type, self.number(place), detail, at)

    def leave(self, place: int, error: AwsError) -> None:
        """A message is left: in doubt if it may have been sent, or else free."""
        self.marks[place] = Mark.IN_DOUBT if isinstance(error, BusyError) else Mark.FREE
        self._errors.append(error)

    def report(self) -> JobReport:
        """What has come of it; of several errors, the one that holds all mail, or asks to slow
        down.
        """
        settled = [mark for mark in self.marks.values() if mark.settled]
        if any(
            not mark.settled and place not in self.claim.trying
            for place, mark in enumerate(self.claim.marks)
        ):
            self._errors.append(BusyError("InDoubt", "SES was called and did not answer"))
        first = sorted(self._errors, key=_urgency)
        outcomes = Counter(DispatchOutcome[mark.name] for mark in settled)
        return JobReport(outcomes, first[0] if first else None)


def _urgency(error: AwsError) -> int:
    """Orders errors; the least is told."""
    if isinstance(error, HeldError):
        return 0 if error.whole else 3
    return 1 if isinstance(error, ThrottledError) else 2


def outcome_by(events: Iterable[Event]) -> DispatchOutcome | None:
    """The outcome of a message by its events; None if they imply none."""
    return next((_OUTCOMES[event.type] for event in events if event.type in _OUTCOMES), None)


_OUTCOMES: Final[Mapping[EventType, DispatchOutcome]] = {
    EventType.DROPPED: DispatchOutcome.DROPPED,
    EventType.REJECT: DispatchOutcome.REJECTED,
    EventType.RENDERING_FAILURE: DispatchOutcome.FAILED,
} | dict.fromkeys(
    (
        EventType.SEND,
        EventType.DELIVERY,
        EventType.BOUNCE,
        EventType.COMPLAINT,
        EventType.DELIVERY_DELAY,
    ),
    DispatchOutcome.SENT,
)
"""The outcome that an event implies. The last five are SES's alone, and imply that it accepted the
message."""
