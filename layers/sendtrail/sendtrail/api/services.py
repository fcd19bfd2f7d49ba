"""What the routes need, made once."""

from __future__ import annotations

from dataclasses import dataclass

from sendtrail.aws.secrets import Secrets
from sendtrail.config import Settings, environment
from sendtrail.runtime import database, event_log
from sendtrail.services.fold_participants import FoldParticipants
from sendtrail.services.recording import Recording
from sendtrail.storage.models import bind
from sendtrail.tokens import Cursors, signing_keys

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """The routes' dependencies."""

    cursors: Cursors
    recording: Recording

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
        fold = FoldParticipants.over(
            database(), settings.participants_table, settings.suppressions_table
        )
        keys = signing_keys(Secrets(environment()).value(settings.signing_keys_secret))
        return cls(Cursors(keys), Recording(event_log(), fold))
