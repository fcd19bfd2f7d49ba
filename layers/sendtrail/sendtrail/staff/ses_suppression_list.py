"""SES's account-level suppression list, to which SES adds addresses by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sendtrail.errors import AwsError

__all__ = ["SesSuppressionList"]


class SesSuppressionList:
    """Removes addresses from the list."""

    def __init__(self, ses: Callable[[], Any]) -> None:
        """Connects to nothing yet.

        Args:
            ses: returns a boto3 client of SES v2; called when it is first needed.
        """
        self._ses = ses

    def remove(self, spellings: Iterable[str]) -> bool:
        """Removes an address, in all of these spellings: the list is case-sensitive here, but not
        when SES sends.

        Returns:
            whether it was on the list.

        Raises:
            AwsError: it may still be on the list.
        """
        removed = [self._remove(spelling) for spelling in dict.fromkeys(spellings)]
        return any(removed)

    def _remove(self, address: str) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._ses().delete_suppressed_destination(EmailAddress=address)
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            if code == "NotFoundException":
                return False
            raise AwsError(code, f"SES's suppression list: {error}") from error
        except BotoCoreError as error:
            raise AwsError("NoAnswer", f"SES's suppression list: {error!r}") from error
        return True
