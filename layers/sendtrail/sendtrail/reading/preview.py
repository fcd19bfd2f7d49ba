"""Preview: a message as it was sent, for staff; viewing it records nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendtrail.domain.erasure import is_erased
from sendtrail.domain.events import EventType
from sendtrail.domain.plan import SpamReport
from sendtrail.errors import NotFoundError
from sendtrail.mail.templates import Rendered
from sendtrail.reading.history import History
from sendtrail.reading.views import attachment_view
from sendtrail.sending.plan_store import PlanStore
from sendtrail.sending.rendering import NO_UNSUBSCRIBING, MessageRenderer

__all__ = ["Preview"]


class Preview:
    """Renders messages again from their plan."""

    def __init__(self, history: History, plans: PlanStore, renderer: MessageRenderer) -> None:
        self._history = history
        self._plans = plans
        self._renderer = renderer

    def attachments(self, message: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What goes with a message: the name, type and size of each file. One object in S3, if
        there is any.

        Args:
            message: with its trail, as of `History.message`.

        Raises:
            AwsError: it cannot be read.
        """
        if not message["attachment_count"]:
            return []
        plan_id = next(
            (each["detail"]["plan_id"] for each in message["events"] if _is_accepted(each)), None
        )
        plan = self._plans.find(plan_id) if plan_id else None
        return [attachment_view(each) for each in plan.attachments] if plan else []

    def of(self, participant_id: str, message_id: str) -> tuple[Rendered, SpamReport]:
        """A message of a participant's history, with its original links and no pixel, and its
        spam report.

        Raises:
            NotFoundError: it is not in their history; or its content is not available, because
                Sendtrail did not send it, its plan has expired, or they were erased.
            AwsError: it cannot be read.
        """
        if is_erased(participant_id):
            raise NotFoundError(f"what message {message_id} said was erased")
        message = self._history.find(participant_id, message_id)
        if message.plan_id is None:
            raise NotFoundError(
                f"what message {message_id} said is not kept: Sendtrail did not send it"
            )
        plan = self._plans.find(message.plan_id)
        all_planned = plan.all_messages if plan else []
        planned = next((each for each in all_planned if each.message_id == message_id), None)
        if plan is None or planned is None:
            raise NotFoundError(f"what message {message_id} said is not kept any more")
        return self._renderer.render(plan.content, planned, NO_UNSUBSCRIBING), plan.spam


def _is_accepted(event: Mapping[str, Any]) -> bool:
    return event["type"] == EventType.ACCEPTED and "plan_id" in event["detail"]
