"""Every error that Sendtrail raises on purpose, in one tree.

SendtrailError
├── ConfigurationError            a setting is missing or wrong; raised at cold start
├── InvalidInputError             a caller's value is not allowed (HTTP 422)
│   ├── InvalidRequestError       several of these, of one request
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

from collections.abc import Sequence

__all__ = [
    "AwsError",
    "BusyError",
    "ConditionFailedError",
    "ConfigurationError",
    "ForbiddenError",
    "InvalidCursorError",
    "InvalidInputError",
    "InvalidRequestError",
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
    """A value from outside is not allowed; the message says what is.

    Attributes:
        message: what is wrong and what is allowed, without the place.
        path: where in the request it is, such as ``("recipients", 3, "data")``; empty where it is
            the whole.
        who: the participant whom it concerns, if it is one of several.
        line: of a table or a text, from 1; None where it has none.
    """

    def __init__(
        self,
        message: str,
        *,
        path: tuple[str | int, ...] = (),
        who: str = "",
        line: int | None = None,
    ) -> None:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
        place = place.removeprefix(".") + (f" ({who})" if who else "")
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.path = path
        self.who = who
        self.line = line

    @property
    def field(self) -> str:
        """The field of the request that it is in; empty where it is the whole."""
        return str(self.path[0]) if self.path else ""

    @property
    def index(self) -> int | None:
        """Which element of the field it is in, from 0; None where it is no list."""
        return next((part for part in self.path if isinstance(part, int)), None)

    @property
    def problems(self) -> tuple[InvalidInputError, ...]:
        """Everything that is wrong, one by one."""
        return (self,)


class InvalidRequestError(InvalidInputError):
    """Several values of one request are not allowed; `problems` has them all, at most 50."""

    MAX_PROBLEMS = 50

    def __init__(self, problems: Sequence[InvalidInputError]) -> None:
        shown = problems[: self.MAX_PROBLEMS]
        more = ("and more",) if len(problems) > len(shown) else ()
        super().__init__("; ".join((*map(str, shown), *more)))
        self._problems = tuple(shown)

    @property
    def problems(self) -> tuple[InvalidInputError, ...]:
        """Everything that is wrong, one by one."""
        return self._problems

    @staticmethod
    def raise_if_any(problems: Sequence[InvalidInputError]) -> None:
        """Raises the one problem that there is, or all of them together; or does nothing.

        Raises:
            InvalidInputError: there is any.
        """
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise InvalidRequestError(problems)


class InvalidCursorError(InvalidInputError):
    """A cursor that was not signed here, or was signed for another list."""


class InvalidTemplateError(InvalidInputError):
    """A template is not well formed, or does what templates may not.

    Attributes:
        part: ``subject``, ``html`` or ``text``.
        line, column: of that part, from 1; None where it is no one place's fault.
    """

    def __init__(self, message: str, *, part: str, line: int | None, column: int | None) -> None:
        super().__init__(message, line=line)
        self.path = (part,)
        self.part = part
        self.column = column


class MissingFieldError(InvalidInputError):
    """A template needs a field that the data has not.

    Attributes:
        merge_field: its name, dotted where it is part of another.
    """

    def __init__(
        self,
        message: str,
        *,
        merge_field: str,
        path: tuple[str | int, ...] = (),
        who: str = "",
    ) -> None:
        super().__init__(message, path=path, who=who)
        self.merge_field = merge_field


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
