"""The SES sender: hands mail to SES at a limited rate, and classifies SES's errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formataddr, parseaddr
from typing import Any, Final

from sendtrail.errors import AwsError, BusyError, RefusedError, ThrottledError

__all__ = ["OutgoingMail", "RateLimiter", "SesSender"]

_THROTTLES: Final = frozenset(
    {
        "LimitExceededException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_REFUSALS: Final = frozenset({"BadRequestException", "MessageRejected"})
_CHARSET: Final = "UTF-8"


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """One mail to one address.

    Attributes:
        to: in the form that SES accepts.
        headers, tags: name → value.
    """

    to: str
    subject: str
    html: str | None
    text: str
    reply_to: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class RateLimiter:
    """Rate limiter: at most `per_second` calls per second, evenly spaced."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    def wait(self) -> None:
        """Waits for the next slot."""
        left = self._next - self._clock()
        if left > 0:
            self._sleep(left)
        self._next = max(self._next, self._clock()) + self._interval


class SesSender:
    """Sends mail through SES v2."""

    def __init__(
        self, ses: Any, *, sender: str, configuration_set: str, rate_limiter: RateLimiter
    ) -> None:
        """Sends through `ses`.

        Args:
            ses: a boto3 client of SES v2 that does not retry.
            sender: the From address, with or without a display name.
            configuration_set: SES's, for our own mail.
            rate_limiter: this worker's share of the send rate.
        """
        self._ses = ses
        # A display name that is not ASCII has to be an encoded word (RFC 2047).
        self._sender = formataddr(parseaddr(sender))
        self._configuration_set = configuration_set
        self._rate_limiter = rate_limiter

    def send(self, mail: OutgoingMail) -> str:
        """Hands one mail to SES.

        Returns:
            SES's message id.

        Raises:
            ThrottledError: over SES's rate or quota; not sent.
            RefusedError: SES will never accept this mail; not sent.
            BusyError: there was no answer, so that it is not known whether SES accepted it.
            AwsError: not sent, for a reason that needs an operator, such as paused sending.
        """
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectTimeoutError,
            EndpointConnectionError,
            NoCredentialsError,
        )

        request = self._request(mail)
        self._rate_limiter.wait()
        try:
            return str(self._ses.send_email(**request)["MessageId"])
        except ClientError as error:
            raise _error(error.response) from error
        except (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError) as error:
            raise AwsError("NotSent", f"SES: {error}") from error
        except BotoCoreError as error:
            raise BusyError("NoAnswer", f"SES: {error!r}") from error

    def _request(self, mail: OutgoingMail) -> dict[str, Any]:
        body = {"Text": {"Data": mail.text, "Charset": _CHARSET}}
        if mail.html is not None:
            body["Html"] = {"Data": mail.html, "Charset": _CHARSET}
        request: dict[str, Any] = {
            "FromEmailAddress": self._sender,
            "Destination": {"ToAddresses": [mail.to]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": mail.subject, "Charset": _CHARSET},
                    "Body": body,
                    "Headers": [
                        {"Name": name, "Value": value} for name, value in mail.headers.items()
                    ],
                }
            },
            "EmailTags": [{"Name": name, "Value": value} for name, value in mail.tags.items()],
            "ConfigurationSetName": self._configuration_set,
        }
        if mail.reply_to:
            request["ReplyToAddresses"] = list(mail.reply_to)
        return request


def _error(response: Mapping[str, Any]) -> AwsError:
    code = str(response["Error"]["Code"])
    message = str(response["Error"].get("Message", ""))
    status = int(response["ResponseMetadata"]["HTTPStatusCode"])
    if code in _THROTTLES or status == 429:
        return ThrottledError(code, message, status)
    if code in _REFUSALS:
        return RefusedError(code, message, status)
    if status >= 500:
        return BusyError(code, message, status)
    return AwsError(code, message, status)
