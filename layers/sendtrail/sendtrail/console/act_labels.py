"""Words for what staff did."""

from __future__ import annotations

from typing import Any, Final

from sendtrail.auth.audit import ObjectKind, StaffAction
from sendtrail.console.request_context import ROOT
from sendtrail.language import gettext, mark

__all__ = ["act_label", "object_path"]

_LABELS: Final = {
    StaffAction.SIGN_IN: mark("Signed in"),
    StaffAction.SIGN_IN_REFUSED: mark("Was refused at signing in"),
    StaffAction.SIGN_OUT: mark("Signed out"),
    StaffAction.RECORD_INTERACTION: mark("Recorded a transaction"),
    StaffAction.SUBSCRIBE: mark("Subscribed somebody"),
    StaffAction.UNSUBSCRIBE: mark("Unsubscribed somebody"),
    StaffAction.REGISTER_ADDRESS: mark("Registered an address"),
    StaffAction.NAME: mark("Changed a name"),
    StaffAction.EXPORT_PERSON: mark("Exported what is kept of somebody"),
    StaffAction.ERASE: mark("Had somebody erased"),
    StaffAction.SUPPRESS: mark("Suppressed an address"),
    StaffAction.LIFT_SUPPRESSION: mark("Lifted a suppression"),
    StaffAction.SAVE_TEMPLATE: mark("Saved a template"),
    StaffAction.SAVE_DRAFT: mark("Saved a draft"),
    StaffAction.DELETE_DRAFT: mark("Deleted a draft"),
    StaffAction.SEND_COMMUNICATION: mark("Sent a mailing"),
    StaffAction.SEND_MESSAGE: mark("Sent a message"),
    StaffAction.STOP_COMMUNICATION: mark("Stopped a mailing"),
    StaffAction.STOP_MESSAGE: mark("Stopped a message"),
    StaffAction.ADD_KEY: mark("Added an API key"),
    StaffAction.REMOVE_KEY: mark("Removed an API key"),
    StaffAction.END_SESSIONS: mark("Signed somebody out everywhere"),
    StaffAction.ADD_WEBHOOK: mark("Added a webhook"),
    StaffAction.CHANGE_WEBHOOK: mark("Changed a webhook"),
    StaffAction.ENABLE_WEBHOOK: mark("Switched a webhook on again"),
    StaffAction.REMOVE_WEBHOOK: mark("Removed a webhook"),
    StaffAction.ROTATE_WEBHOOK_SECRET: mark("Replaced the secret of a webhook"),
    StaffAction.TEST_WEBHOOK: mark("Sent a test to a webhook"),
    StaffAction.REPLAY_WEBHOOK: mark("Sent a span of time to a webhook again"),
}
_PAGES: Final = {
    ObjectKind.PARTICIPANT.value: f"{ROOT}/participants/",
    ObjectKind.COMMUNICATION.value: f"{ROOT}/communications/",
    ObjectKind.TEMPLATE.value: f"{ROOT}/templates/",
    ObjectKind.WEBHOOK.value: f"{ROOT}/webhooks/",
}


def act_label(action: str) -> str:
    """An action in words; of a later version, the action itself."""
    label = _LABELS.get(action)  # type: ignore[call-overload]
    return gettext(label) if label else action


def object_path(act: dict[str, Any]) -> str | None:
    """The page of what something was done to; None if it has none."""
    if act["action"] == StaffAction.ERASE:
        return f"{ROOT}/erasures/{act['object_id']}"
    page = _PAGES.get(act["object_kind"])
    return f"{page}{act['object_id']}" if page else None
