"""What Sendtrail signs and hands out, and takes back only as it was.

itsdangerous with SHA-256, a salt for each purpose, and a list of keys: the newest signs, and older
ones still verify.
"""

from __future__ import annotations

import json
from enum import StrEnum
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from sendtrail.domain.ids import digest
from sendtrail.errors import ConfigurationError, InvalidCursorError

__all__ = ["Cursors", "Purpose", "serializer", "signing_keys"]


class Purpose(StrEnum):
    """What a token is for; a token for one purpose is none for another."""

    CURSOR = "cursor"


def signing_keys(secret: str) -> list[str]:
    """The keys in the secret, oldest first.

    Args:
        secret: ``{"newest": key, "older": [keys, oldest first]}``.

    Raises:
        ConfigurationError: it is something else.
    """
    try:
        content = json.loads(secret)
        return [*content["older"], content["newest"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"the signing keys are not as they should be: {error!r}") from None


def serializer(keys: list[str], purpose: Purpose) -> URLSafeSerializer:
    """Signs and verifies for one purpose."""
    return URLSafeSerializer(
        keys, salt=f"sendtrail.{purpose.value}", signer_kwargs={"digest_method": sha256}
    )


class Cursors:
    """Where to go on in a list: opaque, signed, and good for that very list only."""

    def __init__(self, keys: list[str]) -> None:
        self._serializer = serializer(keys, Purpose.CURSOR)

    def write(self, place: Any, *list_name: object) -> str | None:
        """A cursor for a place in a list.

        Args:
            place: any JSON; None at the list's end, where there is no cursor.
            list_name: what the list is of, with every filter on it.
        """
        if place is None:
            return None
        text = self._serializer.dumps([_name(list_name), place])
        return text if isinstance(text, str) else text.decode()

    def read(self, cursor: str | None, *list_name: object) -> Any:
        """The place that a cursor stands for; None for none.

        Raises:
            InvalidCursorError: we did not sign it, or for another list.
        """
        if not cursor:
            return None
        try:
            name, place = self._serializer.loads(cursor)
        except (BadData, ValueError, TypeError):
            raise InvalidCursorError(
                "the cursor is not one of ours; take it whole from next_cursor"
            ) from None
        if name != _name(list_name):
            raise InvalidCursorError(
                "the cursor is of another list; begin without one when anything else changes"
            )
        return place


def _name(list_name: tuple[object, ...]) -> str:
    return digest(json.dumps([part and str(part) for part in list_name]), length=16)
