"""Write fallback: an event goes to the log; if that fails, to the hits queue, from which it gets
there later; if that fails too, to a line of the function's own log, from which it can be recovered.

It serves the public routes: whoever loads a pixel or follows a link does not wait for a database
that is down, and the event is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Protocol

from sendtrail.domain.events import Event
from sendtrail.errors import AwsError
from sendtrail.log.serialization import serialize
from sendtrail.log.trails import Trails

__all__ = ["UNSAVED", "FallbackWriter", "WrittenTo", "write_line"]

UNSAVED: Final = "event not saved"
"""The message of a log line that holds an event in its field ``event``; `sendtrail recover`
recovers it.
"""


class WrittenTo(StrEnum):
    """Where an event was written."""

    LOG = "Log"
    QUEUE = "Queue"
    LINE = "Line"


class Logs(Protocol):
    """The part of Powertools' Logger that is used here."""

    def error(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Logs one line at level ERROR."""


def write_line(logger: Logs, text: str) -> None:
    """Writes a serialized event as a line of the function's log: the last resort."""
    logger.error(UNSAVED, extra={"event": text})


class FallbackWriter:
    """Writes events to the first destination that accepts them."""

    def __init__(
        self,
        log: Trails,
        to_queue: Callable[[str], None],
        to_line: Callable[[str], None],
    ) -> None:
        """Writes to the given destinations, in their order.

        Args:
            log: with a retry policy that suits somebody who waits.
            to_queue: sends a text to the hits queue; raises AwsError if it cannot.
            to_line: writes a text to the function's own log; never raises.
        """
        self._log = log
        self._to_queue = to_queue
        self._to_line = to_line

    def write(self, event: Event) -> WrittenTo:
        """Writes an event; raises nothing."""
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
