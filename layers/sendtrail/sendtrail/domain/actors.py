"""Actors: who on the organisation's side did something, as events and rows say it.

In the log an actor is a text, ``<kind>:<id> <name>``: ``key:0f3a5c7e9b1d2f40 Front office``. The
id identifies them; the name is what they were called when they did it, and may be missing. What
readers do themselves says ``one-click`` or ``page`` in the same place, which has no colon and is
no actor's.

Whether a person or a machine opened a message is another matter: `sendtrail.domain.engagement`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sendtrail.domain.times import Timestamp
from sendtrail.errors import InvalidInputError

__all__ = [
    "KEY",
    "MAX_NAME",
    "OPERATOR",
    "PERSON",
    "Act",
    "Actor",
    "checked_name",
    "latest_act",
    "legible_name",
]

KEY: Final = "key"
"""The kind of an actor that is an API key; its id is the beginning of the key's fingerprint."""
PERSON: Final = "person"
"""The kind of an actor who signed in by their own name; the id is made of the provider and of what
it calls them, and stays theirs when their name changes."""
OPERATOR: Final = "operator"
"""The kind of an actor who works on the stack by credentials of its AWS account; the id is what IAM
calls them (`UserId` of STS's GetCallerIdentity)."""
MAX_NAME: Final = 60
"""Characters of a name."""

_KIND: Final = re.compile(r"[a-z]{1,16}")
_ID: Final = re.compile(r"[!-~]{1,64}")
_TEXT: Final = re.compile(r"([a-z]{1,16}):([!-~]{1,64})(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something.

    Attributes:
        kind: `KEY`, `PERSON`, `OPERATOR`, or another way of saying who somebody is that a later
            version knows.
        id: what identifies them among those of their kind; visible ASCII.
        name: as `checked_name` allows it; empty if they have none.

    Raises:
        InvalidInputError: kind, id or name is not as it must be.
    """

    kind: str
    id: str
    name: str = ""

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise InvalidInputError(f"an actor's kind is at most 16 letters a-z, not {self.kind!r}")
        if not _ID.fullmatch(self.id):
            raise InvalidInputError("an actor's id is 1 to 64 characters of visible ASCII")
        if self.name:
            checked_name(self.name)

    @property
    def text(self) -> str:
        """The actor as the log has it."""
        return f"{self.kind}:{self.id}" + (f" {self.name}" if self.name else "")

    @classmethod
    def parse(cls, text: object) -> Actor | None:
        """The actor in a text of the log, which may have been cut, or come from a later version;
        None if it is no actor's.
        """
        found = _TEXT.fullmatch(text) if isinstance(text, str) else None
        return cls(found[1], found[2], legible_name(found[3] or "")) if found else None


def checked_name(name: str) -> str:
    """A name that an actor may have: at most `MAX_NAME` characters, all of them printable.

    What is not printable (control characters, marks that turn the direction of text, line breaks)
    could make a log line or a page say something else than it does.

    Raises:
        InvalidInputError: it is longer, has others, or begins or ends with a space.
    """
    if len(name) > MAX_NAME:
        raise InvalidInputError(f"name: {len(name)} characters; at most {MAX_NAME} are allowed")
    if not name.isprintable():
        raise InvalidInputError("name: only printable characters are allowed")
    if name != name.strip():
        raise InvalidInputError("name: no space is allowed at its beginning or end")
    return name


def legible_name(text: str) -> str:
    """What can be shown of a text as a name: one that `checked_name` allows, or an empty one."""
    return "".join(filter(str.isprintable, text)).strip()[:MAX_NAME].strip()


Act = tuple[Timestamp | None, str | None]
"""When something was done, and by whom, as the text of an actor; None if that is not known."""


def latest_act(one: Act, other: Act) -> Act:
    """The later of two acts. Of simultaneous ones, that which says by whom; of two that do, the one
    with the least text, which is also the one that the log keeps. It is a join.
    """
    if (one[0] or "") != (other[0] or ""):
        return max(one, other, key=lambda act: act[0] or "")
    return one[0], min(filter(None, (one[1], other[1])), default=None)
