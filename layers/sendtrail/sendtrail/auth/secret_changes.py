"""Changing a secret: of several who do so at once, none loses what another wrote.

Secrets Manager keeps every version of a secret for a day, and takes some hundred: whoever changes
one more often than every ten minutes, for long, is refused until they age ("AWS Secrets Manager
quotas" in its user guide). A value has 65,536 bytes at most.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from sendtrail.aws.secrets import CURRENT, Secrets
from sendtrail.errors import AwsError, BusyError, InvalidInputError, ThrottledError

__all__ = ["Content", "change_secret", "read_secret"]

Content = dict[str, Any]
"""The JSON object in a secret."""

_TRIES: Final = 5
_REFUSED: Final = ("InvalidParameterException", "ResourceNotFoundException")
_LIMIT: Final = "LimitExceededException"
_MAX_BYTES: Final = 65_536


def read_secret(client: Secrets, secret_id: str) -> Content:
    """The JSON in a secret.

    Raises:
        AwsError: it cannot be read.
    """
    return _read(client, secret_id)[0]


def change_secret(client: Secrets, secret_id: str, change: Callable[[Content], Content]) -> None:
    """Changes the JSON in a secret, by a version that becomes the current one only if that which it
    was made of still is.

    Args:
        change: may be called more than once.

    Raises:
        InvalidInputError: it becomes longer than a secret may be.
        ThrottledError: it was changed too often of late; nothing has changed.
        BusyError: others keep changing it; nothing has changed.
        AwsError: it cannot be read or written; it may have changed.
    """
    for _ in range(_TRIES):
        content, version = _read(client, secret_id)
        text = json.dumps(change(content))
        if len(text.encode()) > _MAX_BYTES:
            raise InvalidInputError(
                f"the secret would have more than {_MAX_BYTES:,} bytes, which Secrets Manager does "
                "not take; remove what is no longer needed first"
            )
        stage = f"sendtrail-{secrets.token_hex(8)}"
        made = _put(client, secret_id, text, stage)
        try:
            client.move_stage(secret_id, CURRENT, source=version, target=made)
        except AwsError as error:
            if error.code not in _REFUSED:
                raise
            if client.current(secret_id)[1] == made:
                return  # the answer to an earlier attempt was lost
        else:
            return
        finally:
            client.move_stage(secret_id, stage, source=made)
    raise BusyError("Busy", "others keep changing the secret; try again in a moment")


def _put(client: Secrets, secret_id: str, text: str, stage: str) -> str:
    try:
        return client.put(secret_id, text, stage)
    except AwsError as error:
        if error.code != _LIMIT:
            raise
        raise ThrottledError(
            _LIMIT,
            "the secret was changed too often: Secrets Manager keeps each version for a day, and "
            "some hundred of them. Try again later; a change every ten minutes is always possible",
        ) from error


def _read(client: Secrets, secret_id: str) -> tuple[Content, str]:
    text, version = client.current(secret_id)
    return json.loads(text), version
