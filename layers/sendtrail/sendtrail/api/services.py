"""What the routes need, made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sendtrail.aws.s3 import Bucket
from sendtrail.aws.secrets import Secrets
from sendtrail.aws.sqs import Sqs
from sendtrail.config import Settings, environment
from sendtrail.runtime import database, event_log, ses
from sendtrail.services.composing import Composing
from sendtrail.services.expanding import Job
from sendtrail.services.fold_communications import FoldCommunications
from sendtrail.services.fold_participants import FoldParticipants
from sendtrail.services.preview import Preview
from sendtrail.services.provider_list import ProviderList
from sendtrail.services.recording import Recording
from sendtrail.services.refusals import Refusals
from sendtrail.services.rendering import Rendering
from sendtrail.storage.models import bind
from sendtrail.storage.plans import Plans
from sendtrail.storage.templates import Templates
from sendtrail.tokens import Cursors, signing_keys

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """The routes' dependencies."""

    cursors: Cursors
    recording: Recording
    templates: Templates
    composing: Composing
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
        fold = FoldParticipants.over(db, settings.participants_table, settings.suppressions_table)
        keys = signing_keys(Secrets(environment()).value(settings.signing_keys_secret))
        templates = Templates(db, settings.templates_table)
        rendering = Rendering(templates)
        plans = Plans(Bucket(environment(), settings.bodies_bucket))
        composing = Composing(
            plans=plans,
            templates=templates,
            rendering=rendering,
            log=log,
            communications=FoldCommunications.over(db, settings.communications_table),
            refusals=Refusals(db, settings.participants_table, settings.suppressions_table),
            enqueue=partial(_enqueue, Sqs(environment()), settings.dispatch_queue_url),
            most_recipients=settings.most_recipients,
            spam_threshold=settings.spam_threshold,
        )
        return cls(
            cursors=Cursors(keys),
            recording=Recording(log, fold, ProviderList(ses)),
            templates=templates,
            composing=composing,
            preview=Preview(plans, rendering),
        )


def _enqueue(sqs: Sqs, queue_url: str, plan_id: str) -> None:
    sqs.send(queue_url, Job(plan_id).to_text())
