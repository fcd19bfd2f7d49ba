"""The account in SES: the sandbox, pauses, quotas, and what holds for all of its mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sendtrail_cli.doctor.findings import Context, Finding, note, ok, wrong

__all__ = ["engagement_tracking", "production_access", "quota", "sending", "suppression_list"]

_UNLIMITED: Final = -1
"""A quota in GetAccount's answer that is none (SES API v2 reference, SendQuota)."""
_NEARLY: Final = 0.8


def production_access(context: Context) -> Iterator[Finding]:
    """Whether the account is out of the sandbox."""
    if context.once(_account)["ProductionAccessEnabled"]:
        yield ok("mail may go to any address")
        return
    yield wrong(
        f"the account is in SES's sandbox in {context.region}: mail goes to verified addresses and "
        "the mailbox simulator alone. Ask for production access in SES's console, or by aws sesv2 "
        "put-account-details"
    )


def sending(context: Context) -> Iterator[Finding]:
    """Whether SES takes mail at all."""
    status = context.once(_account).get("EnforcementStatus", "HEALTHY")
    if status == "SHUTDOWN":
        yield wrong(
            "AWS has paused the account's sending (SHUTDOWN): mail waits. Mend what its message to "
            "the account says, and answer the case in the Support Center"
        )
    elif not context.once(_account)["SendingEnabled"]:
        yield wrong(
            "sending is switched off for the account in this region: mail waits. Switch it on by "
            "aws sesv2 put-account-sending-attributes --sending-enabled"
        )
    elif status == "PROBATION":
        yield wrong(
            "AWS reviews the account (PROBATION) and may pause it. Look at the bounces and "
            "complaints of the last mailings before the next, and answer the case in the Support "
            "Center"
        )
    else:
        yield ok("SES takes mail")


def quota(context: Context) -> Iterator[Finding]:
    """The account's limits against `SendRate`, and against what was sent in the last 24 hours."""
    found, wanted = (
        context.once(_account)["SendQuota"],
        float(context.target.parameters["SendRate"]),
    )
    rate, daily, sent = (
        float(found.get(name, 0)) for name in ("MaxSendRate", "Max24HourSend", "SentLast24Hours")
    )
    if wanted > rate != _UNLIMITED:
        yield wrong(
            f"SendRate is {wanted:g} a second and the account's quota {rate:g}: SES throttles what "
            f"is above it. Deploy with SendRate {rate:g}, or ask for more (Service Quotas, SES)"
        )
    if daily == _UNLIMITED:
        yield ok(f"{rate:g} a second, without a daily limit; SendRate is {wanted:g}")
        return
    used = f"{sent:,.0f} of {daily:,.0f} were sent in the last 24 hours"
    if sent >= daily:
        yield wrong(f"{used}: mail waits until some are older. Ask for more (Service Quotas, SES)")
    elif sent >= daily * _NEARLY:
        yield note(f"{used}: what a mailing has more than the rest waits for a day")
    else:
        yield ok(f"{used}; {rate:g} a second, and SendRate is {wanted:g}")


def suppression_list(context: Context) -> Iterator[Finding]:
    """Which addresses SES suppresses by itself, for all mail of the account."""
    listed = context.once(_account).get("SuppressionAttributes", {}).get("SuppressedReasons", [])
    missing = [reason for reason in ("BOUNCE", "COMPLAINT") if reason not in listed]
    if missing:
        yield note(
            f"SES does not suppress addresses by itself after: {', '.join(missing)}. Sendtrail's "
            "own mail is safe; for other mail, aws sesv2 put-account-suppression-attributes "
            "--suppressed-reasons BOUNCE COMPLAINT"
        )
    else:
        yield ok("SES suppresses addresses that bounce or complain, for all mail of the account")


def engagement_tracking(context: Context) -> Iterator[Finding]:
    """Whether SES adds its own pixel and links to all mail (Virtual Deliverability Manager)."""
    found = context.once(_account).get("VdmAttributes", {})
    dashboard = found.get("DashboardAttributes", {})
    if (found.get("VdmEnabled"), dashboard.get("EngagementMetrics")) == ("ENABLED", "ENABLED"):
        yield note(
            "engagement tracking of the Virtual Deliverability Manager is on: SES adds its pixel "
            "and rewrites links in all mail but Sendtrail's own, which asks it not to. Switch it "
            "off in SES's console if nobody looks at it"
        )
    else:
        yield ok("SES adds no pixel and no links of its own for the whole account")


def _account(context: Context) -> dict[str, Any]:
    """What SES says of the account (sesv2 GetAccount)."""
    found: dict[str, Any] = context.client("sesv2").get_account()
    return found
