"""Keeping an event whatever happens: in the log; else in the ingest queue, from which it gets there
later; else in a line that can be read back in.

For the public routes: whoever loads a pixel or follows a link does not wait for a database that is
down, and what they did is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Protocol

from sendtrail.domain.events import Event
from sendtrail.errors import AwsError
from sendtrail.log.event_log import EventLog
from sendtrail.log.serialization import serialize

__all__ = ["UNSAVED", "FallbackWriter", "WrittenTo", "write_line"]

UNSAVED: Final = "event not saved"
"""The message of the line that holds an event, in its field ``event``; `sendtrail recover` reads
it back in.
"""


class WrittenTo(StrEnum):
    """Where an event was kept."""

    LOG = "Log"
    QUEUE = "Queue"
    LINE = "Line"


class Logs(Protocol):
    """As much of Powertools' Logger as is used here."""

    def error(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Writes one line."""


def write_line(logger: Logs, text: str) -> None:
    """The last resort: the event in a line of the function's log."""
    logger.error(UNSAVED, extra={"event": text})


class FallbackWriter:
    """Keeps events, in the first place that takes them."""

    def __init__(
        self,
        log: EventLog,
        to_queue: Callable[[str], None],
        to_line: Callable[[str], None],
    ) -> None:
        """Takes the three places.

        Args:
            log: one whose calls end within the time that somebody can be made to wait.
            to_queue: sends a text to the ingest queue; AwsError if it cannot.
            to_line: writes a text into the function's own log; never fails.
        """
        self._log = log
        self._to_queue = to_queue
        self._to_line = to_line

    def write(self, event: Event) -> WrittenTo:
        """Keeps an event; nothing is raised."""
        try:
            self._log.append([event])
        except AwsError:
            text = serialize(event)
            try:
                self._to_queue(text)
            except AwsError:
                self._to_line(text)
                return WrittenTo.LINE
            return WrittenTo.QUEUE
        return WrittenTo.LOG
