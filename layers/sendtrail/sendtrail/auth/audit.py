"""The audit log: a line in the function's log for each thing that staff do, or try.

The event log says what happened to participants and mail; this says who was at the desk, also where
nothing was recorded: who signed in, and how often somebody tried. Lines name no address and no
participant by name, and no key or token.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

from sendtrail.domain.actors import Actor

__all__ = ["STAFF", "Audit", "FunctionLog", "StaffAction"]

STAFF: Final = "staff"
"""The message of each line. Its fields are ``action``; ``by``, an actor's text, if somebody was
recognised; and ``object``, the id of what it was done to, if it was done to something."""


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

    SUPPRESS = "suppress"  # the address's placeholder participant
    LIFT_SUPPRESSION = "lift_suppression"  # the address's placeholder participant

    SAVE_TEMPLATE = "save_template"  # the template
    SAVE_DRAFT = "save_draft"  # the draft
    DELETE_DRAFT = "delete_draft"  # the draft
    SEND_COMMUNICATION = "send_communication"  # the communication
    SEND_MESSAGE = "send_message"  # the message's participant
    STOP_COMMUNICATION = "stop_communication"  # the communication
    STOP_MESSAGE = "stop_message"  # the message's participant


class FunctionLog(Protocol):
    """A function's own log: the part of Powertools' Logger that is used."""

    def info(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Logs one line at level INFO."""

    def error(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Logs one line at level ERROR."""


class Audit:
    """Writes the lines."""

    def __init__(self, logger: FunctionLog) -> None:
        """Writes to a function's log."""
        self._logger = logger

    def __call__(self, by: Actor | None, action: StaffAction, object_id: str | None = None) -> None:
        """Writes a line: what was done, by whom and to what.

        Args:
            by: None where nobody was recognised.
            object_id: never an address, a name or a token.
        """
        fields = {"action": action.value, "by": by.text if by else None, "object": object_id}
        self._logger.info(STAFF, extra={name: each for name, each in fields.items() if each})
