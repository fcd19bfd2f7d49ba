"""Findings, checks, and what checks look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from dns.resolver import Resolver

from sendtrail_cli.doctor.records import Records
from sendtrail_cli.target import Target

__all__ = ["Check", "Context", "Finding", "Status", "code_of", "note", "ok", "unknown", "wrong"]

T = TypeVar("T")


class Status(StrEnum):
    """What a finding is, the gravest last."""

    SKIPPED = "skipped"
    """There is nothing to look at: the local stack has none."""
    OK = "ok"
    NOTE = "note"
    """Worth knowing; mail goes out and its events come all the same."""
    UNKNOWN = "unknown"
    """It could not be looked at: most often, a permission is missing."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: in one or two sentences what is so, and what to do about it."""

    status: Status
    says: str


def ok(says: str) -> Finding:
    """A finding that all is well."""
    return Finding(Status.OK, says)


def note(says: str) -> Finding:
    """A finding that is worth knowing."""
    return Finding(Status.NOTE, says)


def wrong(says: str) -> Finding:
    """A finding that something has to be done."""
    return Finding(Status.WRONG, says)


def unknown(says: object) -> Finding:
    """A finding that something could not be looked at."""
    return Finding(Status.UNKNOWN, f"could not look: {says}")


class Context:
    """What checks look at. What several of them ask for is asked once.

    Attributes:
        target: the stack.
        at: now.
        patience: seconds until a message of the round trip must have come round.
    """

    def __init__(
        self, target: Target, at: datetime, *, resolver: Resolver | None = None, patience: float = 0
    ) -> None:
        """Looks at nothing yet.

        Args:
            resolver: of the DNS; the machine's own if None.
        """
        self.target = target
        self.at = at
        self.patience = patience
        self._resolver = resolver
        self._clients: dict[str, Any] = {}
        self._asked: dict[Any, Any] = {}

    def client(self, service: str) -> Any:
        """A boto3 client, made once."""
        if service not in self._clients:
            self._clients[service] = self.target.client(service)
        return self._clients[service]

    @cached_property
    def records(self) -> Records:
        """The DNS."""
        return Records(self._resolver or Resolver())

    def once(self, ask: Callable[[Context], T]) -> T:
        """What a function gives, which is called only the first time."""
        if ask not in self._asked:
            self._asked[ask] = ask(self)
        found: T = self._asked[ask]
        return found

    @property
    def region(self) -> str:
        """The region's name."""
        return str(self.target.session.region_name)

    def age_in_days(self, at: datetime) -> int:
        """How old something is."""
        return (self.at - at).days


@dataclass(frozen=True, slots=True)
class Check:
    """A check.

    Attributes:
        name: by which scripts name it; it never changes.
        look: gives the findings; its docstring says what it looks at. What it raises because of
            AWS, of the DNS or of an answer that lacks something becomes one that is unknown.
        not_here: why there is nothing to look at in the local stack; empty if there is.
    """

    name: str
    look: Callable[[Context], Iterable[Finding]]
    not_here: str = ""


def code_of(error: ClientError) -> str:
    """The code by which an AWS service names an error."""
    return str(error.response.get("Error", {}).get("Code", ""))
