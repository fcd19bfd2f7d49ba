"""SES's own suppression list of the account, on which SES puts addresses by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sendtrail.errors import AwsError

__all__ = ["SesSuppressionList"]


class SesSuppressionList:
    """Takes addresses off it."""

    def __init__(self, ses: Callable[[], Any]) -> None:
        """Takes what gives a boto3 client of SES v2 when it is first needed."""
        self._ses = ses

    def remove(self, spellings: Iterable[str]) -> bool:
        """Takes an address off the list, in whichever of these spellings it is there: SES compares
        without case where it sends, and with it here.

        Returns:
            whether it was there.

        Raises:
            AwsError: SES did not do it.
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
