"""Every error that Sendtrail raises on purpose, in one tree.

SendtrailError
├── ConfigurationError            a setting is missing or wrong; raised at cold start
├── InvalidInputError             a caller's value is not allowed (HTTP 422)
│   ├── InvalidCursorError        a cursor that we did not sign for this very list (HTTP 400)
│   ├── InvalidTemplateError      a template that is not well formed, or does what it may not
│   └── MissingFieldError         a template needs a field that the data has not
├── ForbiddenError                the API key's scope is too small (HTTP 403)
├── NotFoundError                 what was asked for does not exist (HTTP 404)
├── InvalidTokenError             a token that we did not sign for this very purpose
├── RejectedRecordError           a record on the way in that is no event (dead-letter queue)
└── AwsError                      an AWS service refused or did not answer
    ├── ThrottledError            … because of the rate; trying again later helps
    ├── ConditionFailedError      … because a condition on the write did not hold
    ├── BusyError                 … because somebody else is at it, or nobody knows what came of it
    ├── RefusedError              … because it can never be taken: too large, not valid
    └── UnreachableError          … no answer: refused connection, time-out, broken reply
"""

from __future__ import annotations

__all__ = [
    "AwsError",
    "BusyError",
    "ConditionFailedError",
    "ConfigurationError",
    "ForbiddenError",
    "InvalidCursorError",
    "InvalidInputError",
    "InvalidTemplateError",
    "InvalidTokenError",
    "MissingFieldError",
    "NotFoundError",
    "RefusedError",
    "RejectedRecordError",
    "SendtrailError",
    "ThrottledError",
    "UnreachableError",
]


class SendtrailError(Exception):
    """The root: catch this for anything that Sendtrail itself raises."""


class ConfigurationError(SendtrailError):
    """A setting is missing or has a value that is not allowed."""


class InvalidInputError(SendtrailError):
    """A value from outside is not allowed; the message says what is."""


class InvalidCursorError(InvalidInputError):
    """A cursor that was not signed here, or was signed for another list."""


class InvalidTemplateError(InvalidInputError):
    """A template is not well formed, or does what templates may not.

    Attributes:
        part: ``subject``, ``html`` or ``text``.
        line, column: of that part, from 1; None where it is no one place's fault.
    """

    def __init__(self, message: str, *, part: str, line: int | None, column: int | None) -> None:
        super().__init__(message)
        self.part = part
        self.line = line
        self.column = column


class MissingFieldError(InvalidInputError):
    """A template needs a field that the data has not.

    Attributes:
        field: its name, dotted where it is part of another.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class InvalidTokenError(SendtrailError):
    """A token in a public link that was not signed here, or for another purpose."""


class ForbiddenError(SendtrailError):
    """The caller is known, but its scope does not allow this."""


class NotFoundError(SendtrailError):
    """What was asked for does not exist."""


class RejectedRecordError(SendtrailError):
    """A record that cannot be understood as an event; it belongs in the dead-letter queue."""


class AwsError(SendtrailError):
    """An AWS service answered with an error.

    Attributes:
        code: the service's own error code, such as ``ValidationException``.
        status: the HTTP status, or None where there was no answer.
    """

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.status = status


class ThrottledError(AwsError):
    """The service asks to slow down."""


class ConditionFailedError(AwsError):
    """A conditional write found the item in another state."""


class BusyError(AwsError):
    """What was asked for may be happening, or may have happened; time will tell."""


class RefusedError(AwsError):
    """The service will never take this request; to try again does not help."""


class UnreachableError(AwsError):
    """The service gave no (whole) answer."""
