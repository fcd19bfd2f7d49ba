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
}
_PAGES: Final = {
    ObjectKind.PARTICIPANT.value: f"{ROOT}/participants/",
    ObjectKind.COMMUNICATION.value: f"{ROOT}/communications/",
    ObjectKind.TEMPLATE.value: f"{ROOT}/templates/",
}


def act_label(action: str) -> str:
    """An action in words; of a later version, the action itself."""
    label = _LABELS.get(action)  # type: ignore[call-overload]
    return gettext(label) if label else action


def object_path(act: dict[str, Any]) -> str | None:
    """The page of what something was done to; None if it has none."""
    page = _PAGES.get(act["object_kind"])
    return f"{page}{act['object_id']}" if page else None
