"""Changing a secret: two operators at once lose nothing of each other's."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

__all__ = ["change_secret", "read_secret"]

_TRIES: Final = 5
_CURRENT: Final = "AWSCURRENT"
_REFUSED: Final = ("InvalidParameterException", "ResourceNotFoundException")

Content = dict[str, Any]


def read_secret(client: Any, secret_id: str) -> Content:
    """The JSON in a secret.

    Raises:
        ClientError: it cannot be read.
    """
    return _read(client, secret_id)[0]


def change_secret(client: Any, secret_id: str, change: Callable[[Content], Content]) -> None:
    """Changes the JSON in a secret, by a version that becomes the current one only if that which it
    was made of still is.

    Args:
        change: may be called more than once.

    Raises:
        ClientError: it cannot be read or written, or others keep changing it.
    """
    for left in reversed(range(_TRIES)):
        content, version = _read(client, secret_id)
        stage = f"sendtrail-{secrets.token_hex(8)}"
        made = client.put_secret_value(
            SecretId=secret_id, SecretString=json.dumps(change(content)), VersionStages=[stage]
        )["VersionId"]
        try:
            client.update_secret_version_stage(
                SecretId=secret_id,
                VersionStage=_CURRENT,
                MoveToVersionId=made,
                RemoveFromVersionId=version,
            )
        except ClientError as error:
            if not left or error.response["Error"]["Code"] not in _REFUSED:
                raise
        else:
            return
        finally:
            client.update_secret_version_stage(
                SecretId=secret_id, VersionStage=stage, RemoveFromVersionId=made
            )


def _read(client: Any, secret_id: str) -> tuple[Content, str]:
    found = client.get_secret_value(SecretId=secret_id, VersionStage=_CURRENT)
    return json.loads(found["SecretString"]), found["VersionId"]
