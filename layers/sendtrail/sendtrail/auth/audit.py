"""The audit log: a line in the function's log for each thing that staff do, or try, and what is
kept of it to be listed.

The event log says what happened to participants and mail; this says who was at the desk, also where
nothing was recorded: who signed in, and how often somebody tried. Lines name no address, no key
or token, and no participant: a log cannot be rewritten when somebody is erased. To whom it was done
is in what is kept, which can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Protocol

from sendtrail.domain.actors import Actor

__all__ = [
    "OBJECTS",
    "STAFF",
    "Audit",
    "FunctionLog",
    "Keep",
    "ObjectKind",
    "StaffAction",
]

STAFF: Final = "staff"
"""The message of each line. Its fields are ``action``; ``by``, an actor's text, if somebody was
recognised; and ``object``, the id of what it was done to, if it was done to something that is no
participant."""


class StaffAction(StrEnum):
    """What staff do; beside each, what ``object`` is the id of."""

    SIGN_IN = "sign_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_OUT = "sign_out"

    RECORD_INTERACTION = "record_interaction"  # the participant
    SUBSCRIBE = "subscribe"  # the participant
    UNSUBSCRIBE = "unsubscribe"  # the participant
    REGISTER_ADDRESS = "register_address"  # the participant
    NAME = "name"  # the participant

    EXPORT_PERSON = "export_person"  # the participant
    ERASE = "erase"  # the pseudonym that stands for them

    SUPPRESS = "suppress"  # the address's placeholder participant
    LIFT_SUPPRESSION = "lift_suppression"  # the address's placeholder participant

    SAVE_TEMPLATE = "save_template"  # the template
    SAVE_DRAFT = "save_draft"  # the draft
    DELETE_DRAFT = "delete_draft"  # the draft
    SEND_COMMUNICATION = "send_communication"  # the communication
    SEND_MESSAGE = "send_message"  # the message's participant
    STOP_COMMUNICATION = "stop_communication"  # the communication
    STOP_MESSAGE = "stop_message"  # the message's participant

    ADD_KEY = "add_key"  # the key
    REMOVE_KEY = "remove_key"  # the key
    END_SESSIONS = "end_sessions"  # the person of staff

    ADD_WEBHOOK = "add_webhook"  # the endpoint
    CHANGE_WEBHOOK = "change_webhook"  # the endpoint
    ENABLE_WEBHOOK = "enable_webhook"  # the endpoint
    REMOVE_WEBHOOK = "remove_webhook"  # the endpoint
    ROTATE_WEBHOOK_SECRET = "rotate_webhook_secret"  # noqa: S105 -- an action; the endpoint
    TEST_WEBHOOK = "test_webhook"  # the endpoint
    REPLAY_WEBHOOK = "replay_webhook"  # the endpoint


class ObjectKind(StrEnum):
    """What something is that was done something to."""

    PARTICIPANT = "participant"
    TEMPLATE = "template"
    DRAFT = "draft"
    COMMUNICATION = "communication"
    KEY = "key"
    PERSON = "person"
    WEBHOOK = "webhook"


OBJECTS: Final[Mapping[StaffAction, ObjectKind]] = {
    StaffAction.RECORD_INTERACTION: ObjectKind.PARTICIPANT,
    StaffAction.SUBSCRIBE: ObjectKind.PARTICIPANT,
    StaffAction.UNSUBSCRIBE: ObjectKind.PARTICIPANT,
    StaffAction.REGISTER_ADDRESS: ObjectKind.PARTICIPANT,
    StaffAction.NAME: ObjectKind.PARTICIPANT,
    StaffAction.EXPORT_PERSON: ObjectKind.PARTICIPANT,
    StaffAction.ERASE: ObjectKind.PARTICIPANT,
    StaffAction.SUPPRESS: ObjectKind.PARTICIPANT,
    StaffAction.LIFT_SUPPRESSION: ObjectKind.PARTICIPANT,
    StaffAction.SEND_MESSAGE: ObjectKind.PARTICIPANT,
    StaffAction.STOP_MESSAGE: ObjectKind.PARTICIPANT,
    StaffAction.SAVE_TEMPLATE: ObjectKind.TEMPLATE,
    StaffAction.SAVE_DRAFT: ObjectKind.DRAFT,
    StaffAction.DELETE_DRAFT: ObjectKind.DRAFT,
    StaffAction.SEND_COMMUNICATION: ObjectKind.COMMUNICATION,
    StaffAction.STOP_COMMUNICATION: ObjectKind.COMMUNICATION,
    StaffAction.ADD_KEY: ObjectKind.KEY,
    StaffAction.REMOVE_KEY: ObjectKind.KEY,
    StaffAction.END_SESSIONS: ObjectKind.PERSON,
    StaffAction.ADD_WEBHOOK: ObjectKind.WEBHOOK,
    StaffAction.CHANGE_WEBHOOK: ObjectKind.WEBHOOK,
    StaffAction.ENABLE_WEBHOOK: ObjectKind.WEBHOOK,
    StaffAction.REMOVE_WEBHOOK: ObjectKind.WEBHOOK,
    StaffAction.ROTATE_WEBHOOK_SECRET: ObjectKind.WEBHOOK,
    StaffAction.TEST_WEBHOOK: ObjectKind.WEBHOOK,
    StaffAction.REPLAY_WEBHOOK: ObjectKind.WEBHOOK,
}
"""Action → what its object is; of those that have one."""
_OF_PARTICIPANTS: Final = frozenset(
    action
    for action, kind in OBJECTS.items()
    if kind is ObjectKind.PARTICIPANT and action is not StaffAction.ERASE
)
"""Of whose objects lines say nothing. The pseudonym of an erasure names nobody."""


class FunctionLog(Protocol):
    """A function's own log: the part of Powertools' Logger that is used."""

    def info(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Logs one line at level INFO."""

    def warning(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Logs one line at level WARNING."""

    def error(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Logs one line at level ERROR."""


Keep = Callable[["Actor | None", StaffAction, "str | None"], None]
"""Takes who did what, and to what, as `Audit` does."""


class Audit:
    """Writes the lines."""

    def __init__(self, logger: FunctionLog, keep: Keep = lambda *_: None) -> None:
        """Writes nothing yet.

        Args:
            logger: a function's own log.
            keep: is told of each act after its line is written; raises nothing.
        """
        self._logger = logger
        self._keep = keep

    def __call__(self, by: Actor | None, action: StaffAction, object_id: str | None = None) -> None:
        """Writes a line: what was done, by whom and to what.

        Args:
            by: None where nobody was recognised.
            object_id: never an address, a name or a token.
        """
        told = object_id if action not in _OF_PARTICIPANTS else None
        fields = {"action": action.value, "by": by.text if by else None, "object": told}
        self._logger.info(STAFF, extra={name: each for name, each in fields.items() if each})
        self._keep(by, action, object_id)
