"""Every error that Sendtrail raises on purpose, in one tree.

SendtrailError
├── ConfigurationError            a setting is missing or wrong; raised at cold start
├── InvalidInputError             a caller's value is not allowed (HTTP 422)
│   ├── InvalidCursorError        a cursor that we did not sign for this very list (HTTP 400)
│   ├── InvalidTemplateError      a template that is not well formed, or does what it may not
│   └── MissingFieldError         a template needs a field that the data has not
├── ForbiddenError                the API key's scope is too small (HTTP 403)
├── NotFoundError                 what was asked for does not exist (HTTP 404)
├── ConflictError                 it cannot be done as things stand (HTTP 409)
├── InvalidTokenError             a token that we did not sign for this very purpose
├── SignInError                   what came back from the provider is no answer to go by (HTTP 400)
├── ProviderError                 the provider by which staff sign in does not answer (HTTP 503)
├── RejectedRecordError           a record on the way in that is no event (dead-letter queue)
├── IgnoredRecordError            … that is not ours to keep: a mail that came in (dropped)
└── AwsError                      an AWS service refused or did not answer
    ├── ThrottledError            … because of the rate; trying again later helps
    ├── ConditionFailedError      … because a condition on the write did not hold
    ├── BusyError                 … because somebody else is at it, or nobody knows what came of it
    ├── RefusedError              … because it can never be taken: too large, not valid
    ├── HeldError                 SES takes no mail until a quota frees, or somebody acts
    └── UnreachableError          … no answer: refused connection, time-out, broken reply
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "MAX_TOLD",
    "AwsError",
    "BusyError",
    "ConditionFailedError",
    "ConfigurationError",
    "ConflictError",
    "ForbiddenError",
    "HeldError",
    "IgnoredRecordError",
    "InvalidCursorError",
    "InvalidInputError",
    "InvalidTemplateError",
    "InvalidTokenError",
    "MissingFieldError",
    "NotFoundError",
    "Problem",
    "Problems",
    "ProviderError",
    "RefusedError",
    "RejectedRecordError",
    "SendtrailError",
    "SignInError",
    "ThrottledError",
    "UnreachableError",
]

MAX_TOLD: Final = 50
"""How many members of a list, or lines of a table, are told of; the others are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input, and where it is.

    Attributes:
        message: what is wrong. Without a field, it also says where.
        field: the name that the caller gave it; None where it is no one field's fault.
        index: of the member, from 0, where the field is a list.
        subfield: of that member.
        line, column: from 1, where the fault is in a text.
        participant_id: whom it concerns.
    """

    message: str
    field: str | None = None
    index: int | None = None
    subfield: str | None = None
    line: int | None = None
    column: int | None = None
    participant_id: str | None = None

    @property
    def position(self) -> str:
        """Line and column in words; empty where there is no line."""
        if self.line is None:
            return ""
        return f"line {self.line}" + (f", column {self.column}" if self.column else "")

    def __str__(self) -> str:
        if self.field is None:
            return self.message
        where = self.field
        where += f"[{self.index}]" if self.index is not None else ""
        where += f".{self.subfield}" if self.subfield else ""
        where += f", {self.position}" if self.position else ""
        where += f" ({self.participant_id})" if self.participant_id else ""
        return f"{where}: {self.message}"


class Problems:
    """Collects what is wrong with an input, so that all of it is told at once.

    Attributes:
        told: in the order in which they were found: all that are of a field as a whole, and the
            first `MAX_TOLD` that are of a member or a line.
        more: how many were only counted.
    """

    __slots__ = ("_members", "more", "told")

    def __init__(self) -> None:
        self.told: list[Problem] = []
        self.more = 0
        self._members = 0

    def __bool__(self) -> bool:
        return bool(self.told)

    def add(self, problem: Problem) -> None:
        """Adds one."""
        if problem.index is not None or problem.line is not None:
            self._members += 1
            if self._members > MAX_TOLD:
                self.more += 1
                return
        self.told.append(problem)

    def error(self) -> InvalidInputError:
        """The error that tells them all."""
        return InvalidInputError(*self.told, more=self.more)


class SendtrailError(Exception):
    """The root: catch this for anything that Sendtrail itself raises."""


class ConfigurationError(SendtrailError):
    """A setting is missing or has a value that is not allowed."""


class InvalidInputError(SendtrailError):
    """Values from outside are not allowed; the message says what is.

    Attributes:
        problems: each, with its place.
        more: how many there are besides.
    """

    def __init__(self, *problems: Problem | str, more: int = 0) -> None:
        self.problems = tuple(Problem(each) if isinstance(each, str) else each for each in problems)
        self.more = more
        said = [str(each) for each in self.problems]
        super().__init__("; ".join([*said, f"and {more} more"] if more else said))


class InvalidCursorError(InvalidInputError):
    """A cursor that was not signed here, or was signed for another list."""


class InvalidTemplateError(InvalidInputError):
    """A template is not well formed, or does what templates may not.

    Each problem's field is the part: ``subject``, ``html`` or ``text``.
    """

    @property
    def part(self) -> str | None:
        """Of the first problem."""
        return self.problems[0].field

    @property
    def line(self) -> int | None:
        """Of the first problem, in that part; None where it is no one line's fault."""
        return self.problems[0].line

    @property
    def column(self) -> int | None:
        """Of the first problem, in that line."""
        return self.problems[0].column


class MissingFieldError(InvalidInputError):
    """A template needs a field that the data has not.

    Attributes:
        field: its name, dotted where it is part of another.
    """

    def __init__(self, problem: Problem, *, field: str) -> None:
        super().__init__(problem)
        self.field = field


class InvalidTokenError(SendtrailError):
    """A token in a public link that was not signed here, or for another purpose."""


class SignInError(SendtrailError):
    """Somebody cannot be signed in by what their browser, or the provider, brought; the message
    says why, to them.
    """


class ProviderError(SendtrailError):
    """The provider by which staff sign in does not answer, or not as OpenID Connect has it."""


class ForbiddenError(SendtrailError):
    """The caller is known, but its scope does not allow this."""


class NotFoundError(SendtrailError):
    """What was asked for does not exist."""


class IgnoredRecordError(SendtrailError):
    """A record on the way in that is not ours to keep."""


class ConflictError(SendtrailError):
    """What was asked for cannot be done as things stand; the message says what has to change."""


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


class HeldError(AwsError):
    """SES takes no mail until a quota frees, or somebody acts; no letter is lost meanwhile.

    Attributes:
        reason: one of `sendtrail.sending.holds.HoldReason`.
        whole: whether that holds for all mail, and not for this recipient alone.
    """

    def __init__(
        self, code: str, message: str, status: int | None = None, *, reason: str, whole: bool = True
    ) -> None:
        super().__init__(code, message, status)
        self.reason = reason
        self.whole = whole


class UnreachableError(AwsError):
    """The service gave no (whole) answer."""
