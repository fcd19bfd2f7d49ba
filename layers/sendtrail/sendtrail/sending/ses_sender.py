"""The SES sender: hands mail to SES at a limited rate, and classifies SES's errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import formataddr, parseaddr
from typing import Any, Final

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from sendtrail.errors import AwsError, BusyError, RefusedError, ThrottledError
from sendtrail.mail.attachments import Attachment
from sendtrail.sending.holds import hold_of
from sendtrail.sending.rate_limiter import RateLimiter

__all__ = ["OutgoingMail", "SesSender"]

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
_NO_TRACKING: Final = {"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "DISABLED"}
"""The pixel and links are ours: where an account tracks all its mail, SES would add its own pixel
and rewrite our links, the one to unsubscribe among them."""
_MAX_CALLS: Final = 10  # at once: a job's


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """One mail to one address.

    Attributes:
        to: in the form that SES accepts.
        headers, tags: name → value.
        attachments: files that go with it.
    """

    to: str
    subject: str
    html: str | None
    text: str
    reply_to: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[Attachment] = ()


class SesSender:
    """Sends mail through SES v2, each at a slot of the rate limiter."""

    def __init__(
        self,
        ses: Any,
        *,
        sender: str,
        configuration_set: str,
        rate_limiter: RateLimiter,
        tenant: str | None = None,
        executor: Executor | None = None,
    ) -> None:
        """Sends through `ses`.

        Args:
            ses: a boto3 client of SES v2 that does not retry.
            sender: the From address, with or without a display name.
            configuration_set: SES's, for our own mail.
            rate_limiter: the one that all workers share.
            tenant: of SES, in exact case; the one whose suppression list SES reads.
            executor: makes the calls; by default on a thread each, since SES takes longer to answer
                than it is from one slot to the next.
        """
        self._ses = ses
        # A display name that is not ASCII has to be an encoded word (RFC 2047).
        self._sender = formataddr(parseaddr(sender))
        self._configuration_set = configuration_set
        self._tenant = {"TenantName": tenant} if tenant else {}
        self._rate_limiter = rate_limiter
        self._executor = executor or ThreadPoolExecutor(max_workers=_MAX_CALLS)

    def send(
        self, mails: Sequence[OutgoingMail], *, until: float, direct: bool = False
    ) -> list[AwsError | None]:
        """Hands mails to SES, each once at most.

        Args:
            until: the time in seconds since 1970 after which none may be sent.
            direct: whether they are direct messages, which wait for no mailing.

        Returns:
            for each mail None if SES took it, or else why it did not:

            - RefusedError: SES will never accept it; not sent.
            - BusyError: there was no answer, so that it is not known whether SES accepted it.
            - ThrottledError: over SES's rate or quota, or there was no slot; not sent.
            - HeldError: not sent, and no other may be until a quota frees, or somebody acts.
            - AwsError: not sent, for another reason that needs an operator.
        """
        requests = [self._request(mail) for mail in mails]
        found: dict[int, AwsError] = {}
        calls: dict[int, Future[AwsError | None]] = {}
        waiting = list(range(len(mails)))
        while waiting:
            try:
                slots = self._rate_limiter.take(len(waiting), direct=direct)
                if slots[-1] > until:
                    raise ThrottledError("NoTime", "another worker may send these by then")
            except AwsError as error:
                found |= dict.fromkeys(waiting, error)
                break
            missed = []
            for number, slot in zip(waiting, slots, strict=True):
                if self._rate_limiter.wait_for(slot):
                    calls[number] = self._executor.submit(self._call, requests[number])
                else:
                    missed.append(number)
            waiting = missed
        return [
            calls[number].result() if number in calls else found[number]
            for number in range(len(mails))
        ]

    def _call(self, request: dict[str, Any]) -> AwsError | None:
        """Makes one call."""
        try:
            self._ses.send_email(**request)
        except ClientError as error:
            return self._error(error.response)
        except (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError) as error:
            return AwsError("NotSent", f"SES: {error}")
        except Exception as error:  # whatever it is, the mail may have gone out
            return BusyError("NoAnswer", f"SES: {error!r}")
        return None

    def _error(self, response: Mapping[str, Any]) -> AwsError:
        code = str(response["Error"]["Code"])
        message = str(response["Error"].get("Message", ""))
        status = int(response["ResponseMetadata"]["HTTPStatusCode"])
        if held := hold_of(code, message, status, sender=self._sender):
            return held
        if code in _THROTTLES or status == 429:
            return ThrottledError(code, message, status)
        if code in _REFUSALS:
            return RefusedError(code, message, status)
        if status >= 500:
            return BusyError(code, message, status)
        return AwsError(code, message, status)

    def _request(self, mail: OutgoingMail) -> dict[str, Any]:
        body = {"Text": {"Data": mail.text, "Charset": _CHARSET}} if mail.text.strip() else {}
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
            "ConfigurationOverrides": {"Tracking": _NO_TRACKING},
            **self._tenant,
        }
        if mail.attachments:
            request["Content"]["Simple"]["Attachments"] = [
                {
                    "FileName": each.name,
                    "ContentType": each.content_type,
                    "ContentDisposition": "ATTACHMENT",
                    # SES's default, SEVEN_BIT, is for text in ASCII alone.
                    "ContentTransferEncoding": "BASE64",
                    "RawContent": each.content,
                }
                for each in mail.attachments
            ]
        if mail.reply_to:
            request["ReplyToAddresses"] = list(mail.reply_to)
        return request
