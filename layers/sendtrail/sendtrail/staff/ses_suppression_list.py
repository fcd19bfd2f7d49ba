"""SES's suppression lists, to which SES adds addresses by itself: the account's, and a tenant's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sendtrail.errors import AwsError

__all__ = ["SesSuppressionList"]


class SesSuppressionList:
    """Removes addresses from the lists by which SES drops our mail."""

    def __init__(self, ses: Callable[[], Any], tenant: str | None = None) -> None:
        """Connects to nothing yet.

        Args:
            ses: returns a boto3 client of SES v2; called when it is first needed.
            tenant: whose list it is besides the account's; a call that names none is about the
                account's alone (SES API, "DeleteSuppressedDestination").
        """
        self._ses = ses
        self._lists = [{}, {"TenantName": tenant}] if tenant else [{}]

    def remove(self, spellings: Iterable[str]) -> bool:
        """Removes an address, in all of these spellings: the lists are case-sensitive here, but not
        when SES sends.

        Returns:
            whether it was on one.

        Raises:
            AwsError: it may still be on one.
        """
        removed = [
            self._remove(spelling, which)
            for spelling in dict.fromkeys(spellings)
            for which in self._lists
        ]
        return any(removed)

    def _remove(self, address: str, which: Mapping[str, str]) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._ses().delete_suppressed_destination(EmailAddress=address, **which)
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            if code == "NotFoundException":
                return False
            raise AwsError(code, f"SES's suppression list: {error}") from error
        except BotoCoreError as error:
            raise AwsError("NoAnswer", f"SES's suppression list: {error!r}") from error
        return True
