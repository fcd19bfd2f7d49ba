"""The checks, and the command that makes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from dns.exception import DNSException

from sendtrail.errors import InvalidInputError, SendtrailError
from sendtrail_cli.doctor import account, domain, event_path, health
from sendtrail_cli.doctor.findings import Check, Context, Finding, Status, unknown, wrong
from sendtrail_cli.doctor.round_trip import round_trip

__all__ = ["CHECKS", "COST", "ROUND_TRIP", "as_json", "chosen", "examine", "is_well", "line"]

_NO_DNS: Final = "the local stack's domain is in no DNS"
_NO_LAMBDA: Final = "the local stack calls its functions itself, without Lambda"
_NO_ALARMS: Final = "the local stack has no alarms"
_IN_MEMORY: Final = "the local stack's tables end with it"

CHECKS: Final = (
    Check("production-access", account.production_access),
    Check("sending", account.sending),
    Check("quota", account.quota),
    Check("suppression-list", account.suppression_list),
    Check("engagement-tracking", account.engagement_tracking),
    Check("sender", domain.sender),
    Check("sender-verified", domain.sender_verified),
    Check("dkim", domain.dkim, _NO_DNS),
    Check("mail-from", domain.mail_from, _NO_DNS),
    Check("dmarc", domain.dmarc, _NO_DNS),
    Check("alignment", domain.alignment, _NO_DNS),
    Check("configuration-sets", event_path.configuration_sets),
    Check("event-destinations", event_path.event_destinations),
    Check("topic-policy", event_path.topic_policy),
    Check("subscription", event_path.subscription),
    Check("queue-policy", event_path.queue_policy),
    Check("event-sources", event_path.event_sources, _NO_LAMBDA),
    Check("concurrency", event_path.concurrency, _NO_LAMBDA),
    Check("dead-letters", health.dead_letters),
    Check("lag", health.lag),
    Check("webhooks", health.webhooks),
    Check("alarms", health.alarms, _NO_ALARMS),
    Check("alarm-listeners", health.alarm_listeners, _NO_ALARMS),
    Check("signing-keys", health.signing_keys),
    Check("api-keys", health.api_keys),
    Check("table-protection", health.table_protection, _IN_MEMORY),
    Check("point-in-time-recovery", health.point_in_time_recovery, _IN_MEMORY),
)
"""What is looked at, in the order in which mail passes it."""

COST: Final = Check("cost", health.cost, "the local stack costs nothing")
ROUND_TRIP: Final = Check("round-trip", round_trip)


def chosen(only: Sequence[str], *, with_cost: bool, with_round_trip: bool) -> list[Check]:
    """The checks that are asked for.

    Args:
        only: their names; all if empty.

    Raises:
        InvalidInputError: a name is none of a check.
    """
    asked = [*CHECKS, *([COST] if with_cost else []), *([ROUND_TRIP] if with_round_trip else [])]
    names = [each.name for each in asked]
    for name in only:
        if name not in names:
            raise InvalidInputError(
                f"--only {name}: there are the checks {', '.join(names)}; and what --cost and "
                "--round-trip add"
            )
    return [each for each in asked if not only or each.name in only]


def examine(context: Context, checks: Iterable[Check]) -> Iterator[tuple[str, Finding]]:
    """Makes checks: each one's name, with each of its findings as soon as there is one. One that
    cannot look says so, and the others go on.
    """
    for check in checks:
        if check.not_here and not context.target.is_in_aws:
            yield check.name, Finding(Status.SKIPPED, f"not here: {check.not_here}")
            continue
        try:
            for finding in check.look(context):
                yield check.name, finding
        except (ClientError, BotoCoreError, DNSException, SendtrailError, OSError) as error:
            yield check.name, _broken_off(check, str(error))
        except (LookupError, ValueError, TypeError) as error:
            yield check.name, _broken_off(check, f"an answer is not as documented: {error!r}")


def _broken_off(check: Check, why: str) -> Finding:
    """What is told of a check that could not be made; a round trip that breaks off has failed."""
    return wrong(why) if check is ROUND_TRIP else unknown(why)


def is_well(findings: Iterable[Finding], *, strict: bool) -> bool:
    """Whether nothing is wrong; if strict, all could be looked at, too."""
    bad = {Status.WRONG, Status.UNKNOWN} if strict else {Status.WRONG}
    return not any(each.status in bad for each in findings)


def line(name: str, finding: Finding) -> str:
    """A finding as one line."""
    return f"{finding.status:7} {name}: {' '.join(finding.says.split())}"


def as_json(found: Iterable[tuple[str, Finding]]) -> str:
    """Findings as JSON, for scripts: a list of ``{"check", "status", "says"}``."""
    told = [
        {"check": name, "status": finding.status.value, "says": finding.says}
        for name, finding in found
    ]
    return json.dumps(told, indent=2, ensure_ascii=False)
