"""What the routes need, made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sendtrail.auth.tokens import Cursors, signing_keys
from sendtrail.aws.s3 import Bucket
from sendtrail.aws.secrets import Secrets
from sendtrail.aws.sqs import Sqs
from sendtrail.config import Settings, environment
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.reading.models import bind
from sendtrail.reading.preview import Preview
from sendtrail.runtime import database, event_log, ses
from sendtrail.sending.eligibility import Eligibility
from sendtrail.sending.fan_out import Job
from sendtrail.sending.plan_store import PlanStore
from sendtrail.sending.rendering import MessageRenderer
from sendtrail.sending.submission import Submission
from sendtrail.sending.template_store import TemplateStore
from sendtrail.staff.commands import StaffCommands
from sendtrail.staff.ses_suppression_list import SesSuppressionList

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """The routes' dependencies."""

    cursors: Cursors
    staff: StaffCommands
    templates: TemplateStore
    submission: Submission
    preview: Preview

    @classmethod
    def from_settings(cls, settings: Settings) -> Services:
        """Reads the signing keys, and ties PynamoDB's models to the stack's tables."""
        bind(
            {
                "Events": settings.events_table,
                "Messages": settings.messages_table,
                "Communications": settings.communications_table,
                "Participants": settings.participants_table,
                "Suppressions": settings.suppressions_table,
            },
            region=settings.text("AWS_REGION"),
        )
        db, log = database(), event_log()
        fold = ParticipantProjection.over(
            db, settings.participants_table, settings.suppressions_table
        )
        keys = signing_keys(Secrets(environment()).value(settings.signing_keys_secret))
        templates = TemplateStore(db, settings.templates_table)
        renderer = MessageRenderer(templates)
        plans = PlanStore(Bucket(environment(), settings.plans_bucket))
        submission = Submission(
            plans=plans,
            templates=templates,
            renderer=renderer,
            log=log,
            communications=CommunicationProjection.over(db, settings.communications_table),
            eligibility=Eligibility(db, settings.participants_table, settings.suppressions_table),
            enqueue=partial(_enqueue, Sqs(environment()), settings.dispatch_queue_url),
            max_recipients=settings.max_recipients,
            spam_threshold=settings.spam_threshold,
        )
        return cls(
            cursors=Cursors(keys),
            staff=StaffCommands(log, fold, SesSuppressionList(ses)),
            templates=templates,
            submission=submission,
            preview=Preview(plans, renderer),
        )


def _enqueue(sqs: Sqs, queue_url: str, plan_id: str) -> None:
    sqs.send(queue_url, Job(plan_id).to_text())
