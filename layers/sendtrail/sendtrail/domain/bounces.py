"""How SES's bounces and complaints are interpreted.

Sources: the SES developer guide, "Contents of event data that Amazon SES publishes to Amazon SNS"
(bounce object, bounce types, complaint object).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.times import Timestamp

__all__ = [
    "NEVER_TRIED",
    "PERMANENT",
    "Bounce",
    "complaint_is_a_drop",
    "complaint_is_welcome",
    "is_provider_refusal",
    "never_tried",
]

PERMANENT: Final = "Permanent"
NEVER_TRIED: Final = frozenset(
    {
        "Suppressed",
        "OnAccountSuppressionList",
        "OnTenantSuppressionList",
        "EmailValidationSuppressed",
        "UnsubscribedRecipient",
    }
)
"""Bounce subtypes that mean SES did not try to deliver: the message was dropped, not bounced."""

_MAX_DIAGNOSTIC: Final = 300
_REFUSED: Final = frozenset({"ContentRejected", "AttachmentRejected"})
_POLICY_STATUS = re.compile(r"5\.7\.\d{1,3}")
_UNAUTHENTICATED = re.compile(r"(?<![\d.])5\.7\.(26|27|30|32|509|515)(?![\d.])")
_STATUS_IN_DIAGNOSTIC = re.compile(r"(?<![\d.])5\.7\.\d{1,3}(?![\d.])")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A bounce for one recipient.

    Attributes:
        type: Permanent, Transient or Undetermined.
        subtype: SES's ``bounceSubType``.
        at: when the bounce was reported.
        status: the enhanced status code (RFC 3463), such as ``5.1.1``.
        diagnostic: the receiving server's response, its first 300 characters.
    """

    type: str
    subtype: str
    at: Timestamp
    status: str | None = None
    diagnostic: str | None = None

    @property
    def is_permanent(self) -> bool:
        """Whether the bounce is permanent; only then is the address suppressed."""
        return self.type == PERMANENT

    @property
    def rank(self) -> tuple[bool, str, str, str, str, str]:
        """Orders the bounces of one message; the greatest is shown: permanent first, then later."""
        return (
            self.is_permanent,
            self.at,
            self.type,
            self.subtype,
            self.status or "",
            self.diagnostic or "",
        )

    @classmethod
    def of_detail(cls, detail: Mapping[str, Any], at: Timestamp) -> Bounce:
        """The bounce in the detail of a Bounce event that happened at `at`."""
        diagnostic = detail.get("diagnostic")
        return cls(
            type=detail.get("type") or "Undetermined",
            subtype=detail.get("subtype") or "Undetermined",
            at=at,
            status=detail.get("status"),
            diagnostic=diagnostic[:_MAX_DIAGNOSTIC] if diagnostic else None,
        )


def never_tried(detail: Mapping[str, Any]) -> bool:
    """Whether a Bounce event means that SES did not attempt delivery (see `NEVER_TRIED`)."""
    return detail.get("subtype") in NEVER_TRIED


def complaint_is_a_drop(detail: Mapping[str, Any]) -> bool:
    """Whether a Complaint event means that SES did not attempt delivery: its subtype is
    ``On…SuppressionList``.
    """
    subtype = detail.get("subtype") or ""
    return subtype.startswith("On") and subtype.endswith("SuppressionList")


def complaint_is_welcome(detail: Mapping[str, Any]) -> bool:
    """Whether a Complaint event reports the opposite: the recipient marked it as *not* spam."""
    return detail.get("feedback_type") == "not-spam"


def wants_authentication(bounce: Mapping[str, Any]) -> bool:
    """Whether a provider refused mail for SPF, DKIM or DMARC of the sender's domain.

    By the codes that Google ("SMTP errors and codes") and Microsoft ("Non-delivery reports in
    Exchange Online") give for it; many servers give 5.7.1 for anything.

    Args:
        bounce: with its ``status`` and ``diagnostic``, each of which may be None.
    """
    said = f"{bounce.get('status') or ''} {bounce.get('diagnostic') or ''}"
    return _UNAUTHENTICATED.search(said) is not None


def is_provider_refusal(bounce: Bounce) -> bool:
    """Whether a mailbox provider blocked the message for its content or its sender.

    That is: an enhanced status code 5.7.x (RFC 3463: security or policy status), or a subtype that
    says that the content or an attachment was rejected.
    """
    if bounce.subtype in _REFUSED:
        return True
    if bounce.status:
        return _POLICY_STATUS.fullmatch(bounce.status) is not None
    return _STATUS_IN_DIAGNOSTIC.search(bounce.diagnostic or "") is not None
