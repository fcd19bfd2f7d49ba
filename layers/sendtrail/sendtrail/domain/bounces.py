"""What SES's bounces and complaints mean.

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
_STATUS_IN_DIAGNOSTIC = re.compile(r"(?<![\d.])5\.7\.\d{1,3}(?![\d.])")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A bounce of one recipient.

    Attributes:
        type: Permanent, Transient or Undetermined.
        subtype: SES's ``bounceSubType``.
        at: when the bounce was reported.
        status: the enhanced status code (RFC 3463), such as ``5.1.1``.
        diagnostic: what the receiving server said, its first 300 characters.
    """

    type: str
    subtype: str
    at: Timestamp
    status: str | None = None
    diagnostic: str | None = None

    @property
    def is_permanent(self) -> bool:
        """Whether the address will not work again; only this suppresses it."""
        return self.type == PERMANENT

    @property
    def rank(self) -> tuple[bool, str, str, str, str, str]:
        """Which of two bounces of one message is shown: the permanent one, else the later."""
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
        """Reads the detail of a Bounce event."""
        diagnostic = detail.get("diagnostic")
        return cls(
            type=detail.get("type") or "Undetermined",
            subtype=detail.get("subtype") or "Undetermined",
            at=at,
            status=detail.get("status"),
            diagnostic=diagnostic[:_MAX_DIAGNOSTIC] if diagnostic else None,
        )


def never_tried(detail: Mapping[str, Any]) -> bool:
    """Whether a Bounce event means that SES kept the message back."""
    return detail.get("subtype") in NEVER_TRIED


def complaint_is_a_drop(detail: Mapping[str, Any]) -> bool:
    """Whether a Complaint event means that SES kept the message back (``On…SuppressionList``)."""
    subtype = detail.get("subtype") or ""
    return subtype.startswith("On") and subtype.endswith("SuppressionList")


def complaint_is_welcome(detail: Mapping[str, Any]) -> bool:
    """Whether a Complaint event is the opposite of one: somebody said that it is *not* spam."""
    return detail.get("feedback_type") == "not-spam"


def is_provider_refusal(bounce: Bounce) -> bool:
    """Whether a mailbox provider refused the message for what it is or whence it comes.

    Enhanced status codes 5.7.x (RFC 3463: security or policy status), or content or attachment
    rejected.
    """
    if bounce.subtype in _REFUSED:
        return True
    if bounce.status:
        return _POLICY_STATUS.fullmatch(bounce.status) is not None
    return _STATUS_IN_DIAGNOSTIC.search(bounce.diagnostic or "") is not None
