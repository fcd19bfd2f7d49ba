"""The stack's health: dead letters, lag, alarms, keys, tables, and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from sendtrail.auth.api_keys import (
    EXPIRES_SOON_DAYS,
    ApiKeys,
    Entry,
    entries_of,
    first_entry_of,
    key_id,
)
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.times import parse
from sendtrail.errors import ConfigurationError
from sendtrail.publishing.webhook_store import EndpointStore
from sendtrail.reading.health import DEAD_LETTERS
from sendtrail_cli.doctor.findings import Context, Finding, Status, note, ok, unknown, wrong
from sendtrail_cli.keys import Ring

__all__ = [
    "LATE_SECONDS",
    "PROTECTED_TABLES",
    "TABLES",
    "alarm_listeners",
    "alarms",
    "api_keys",
    "cost",
    "dead_letters",
    "lag",
    "point_in_time_recovery",
    "signing_keys",
    "table_protection",
    "webhooks",
]

LATE_SECONDS: Final[Mapping[str, int]] = {
    "IngestQueue": 600,
    "HitsQueue": 600,
    "DispatchQueue": 7200,
    "DirectQueue": 900,
}
"""Queue → how long something may wait in it, as the template's alarms have it."""

TABLES: Final = (
    "TrailsTable",
    "CommunicationsTable",
    "ParticipantsTable",
    "SuppressionsTable",
    "TemplatesTable",
    "StaffTable",
    "WebhooksTable",
    "ErasuresTable",
    "IdempotencyTable",
)
PROTECTED_TABLES: Final = (
    "TrailsTable",
    "ParticipantsTable",
    "SuppressionsTable",
    "TemplatesTable",
    "StaffTable",
    "WebhooksTable",
    "ErasuresTable",
)
"""What cannot be made anew, and is protected from deletion."""

_KEY_DAYS: Final[Mapping[Ring, int]] = {Ring.LINKS: 365, Ring.SESSIONS: 90}
_API_KEY_DAYS: Final = 365
_AT_ONCE: Final = 100  # DescribeAlarms
_COST_DAYS: Final = 7
_DEAREST: Final = 5


OF_PUBLISHING: Final[Mapping[str, str]] = {
    "DeliveriesDlq": "they were not published, or not taken for a day. The logs of publish and "
    "deliver say why; then sendtrail redrive",
}
"""The same as `DEAD_LETTERS`, of a stack that publishes."""


def dead_letters(context: Context) -> Iterator[Finding]:
    """What nobody could take."""
    is_well = True
    queues = {**DEAD_LETTERS, **(OF_PUBLISHING if context.target.publishes else {})}
    for logical_id, does in queues.items():
        held = _waiting(context, logical_id)
        if held:
            is_well = False
            yield wrong(f"{held} in {logical_id}: {does} (docs/runbook.md)")
    if is_well:
        yield ok("the dead-letter queues are empty")


def webhooks(context: Context) -> Iterator[Finding]:
    """Whether each webhook takes what it is sent."""
    target = context.target
    if not target.publishes:
        yield Finding(Status.SKIPPED, "nothing is published: the stack has Webhooks=no and no bus")
        return
    store = EndpointStore(DynamoDB(target.variables()), target.resource("WebhooksTable"))
    endpoints = [row.endpoint for row in store.rows()]
    for each in endpoints:
        if each.disabled_at:
            yield wrong(
                f"the webhook {each.endpoint_id} is switched off since {each.disabled_at} "
                f"({each.disabled_reason}). See to its receiver, switch it on, and replay what "
                "happened since (docs/runbook.md, WebhooksSwitchedOffAlarm)"
            )
        elif each.failing_since:
            yield note(
                f"the webhook {each.endpoint_id} has taken nothing since {each.failing_since}; it "
                "is switched off when that is a day"
            )
    if not any(each.disabled_at or each.failing_since for each in endpoints):
        yield ok(f"{len(endpoints)} webhooks take what they are sent")


def lag(context: Context) -> Iterator[Finding]:
    """How long the oldest has waited in each queue, of the last quarter of an hour."""
    queues = list(LATE_SECONDS)
    names = [context.target.resource(each).rpartition("/")[2] for each in queues]
    found = context.client("cloudwatch").get_metric_data(
        StartTime=context.at - timedelta(minutes=15),
        EndTime=context.at + timedelta(minutes=1),
        ScanBy="TimestampDescending",
        MetricDataQueries=[_oldest(place, name) for place, name in enumerate(names)],
    )["MetricDataResults"]
    ages = {each["Id"]: each["Values"][0] for each in found if each["Values"]}
    is_well = True
    for place, queue in enumerate(queues):
        age, waiting = int(ages.get(f"q{place}", 0)), _waiting(context, queue)
        if age > LATE_SECONDS[queue] and waiting:
            is_well = False
            alarm = f"{queue.removesuffix('Queue')}LateAlarm"
            yield wrong(
                f"{waiting} wait in {queue}, the oldest for {age // 60} minutes: see {alarm} in "
                "docs/runbook.md"
            )
    if is_well:
        yield ok("nothing waits for long")


def alarms(context: Context) -> Iterator[Finding]:
    """Which alarms are on."""
    known = context.once(_alarms)
    on = [name for name, each in known.items() if each and each["StateValue"] == "ALARM"]
    for name in on:
        yield wrong(f"{name} is on: {known[name]['AlarmDescription']}, section {name}")
    missing = [name for name, each in known.items() if not each]
    if missing:
        yield wrong(f"alarms are gone: {', '.join(missing)}. Make them anew from template.yaml")
    if not on and not missing:
        yield ok(f"none of {len(known)} alarms is on")


def alarm_listeners(context: Context) -> Iterator[Finding]:
    """Whether somebody hears of each alarm."""
    known = {name: each for name, each in context.once(_alarms).items() if each}
    mute = [name for name, each in known.items() if not each["AlarmActions"]]
    off = [each["AlarmName"] for each in known.values() if not each["ActionsEnabled"]]
    topics = {arn for each in known.values() for arn in each["AlarmActions"] if ":sns:" in arn}
    deaf = sorted(topic for topic in topics if not _is_heard(context, topic))
    if mute:
        which = "no alarm" if len(mute) == len(known) else f"{', '.join(mute)}: none"
        yield wrong(f"{which} tells anybody. Deploy with AlarmEmail, or AlarmTopicArn")
    if off:
        yield wrong(
            f"the actions of {len(off)} alarms are switched off. Run aws cloudwatch "
            f"enable-alarm-actions --alarm-names {' '.join(off)}"
        )
    for topic in deaf:
        yield wrong(
            f"nobody hears the alarms of {topic}: it has no confirmed subscription. Follow the "
            "link in the mail that SNS sent to AlarmEmail, or subscribe somebody"
        )
    if not (mute or off or deaf):
        yield ok(f"somebody hears of each of {len(known)} alarms")


def signing_keys(context: Context) -> Iterator[Finding]:
    """How old the keys are that sign links, and sessions."""
    for ring, allowed in _KEY_DAYS.items():
        secret = context.target.resource(ring.secret)
        versions = context.client("secretsmanager").list_secret_version_ids(SecretId=secret)
        made = [
            each["CreatedDate"]
            for each in versions["Versions"]
            if "AWSCURRENT" in each.get("VersionStages", ())
        ]
        days = context.age_in_days(made[0])
        if days > allowed:
            yield note(
                f"the key that signs {ring} has not changed for {days} days. Run sendtrail key "
                f"rotate {ring}: what was signed stays good"
            )
        else:
            yield ok(f"the key that signs {ring} is from {made[0]:%Y-%m-%d}")


def api_keys(context: Context) -> Iterator[Finding]:
    """Whether API keys can be read, and how old they are."""
    client = context.client("secretsmanager")
    first, further = (
        client.get_secret_value(SecretId=context.target.resource(name), VersionStage="AWSCURRENT")
        for name in ("FirstApiKey", "ApiKeys")
    )
    spoilt: list[int] = []
    try:
        first_entry_of(first["SecretString"])
        entries = entries_of(further["SecretString"])
    except ConfigurationError as error:
        yield wrong(
            f"{error}: nobody gets in by a key in it. Put an earlier version back: "
            "aws secretsmanager update-secret-version-stage"
        )
        return
    ApiKeys.of(entries, passed_over=spoilt.append)
    if spoilt:
        yield wrong(
            f"entries {', '.join(map(str, spoilt))} of the secret ApiKeys are malformed, and their "
            "keys do not work. Remove them from it, and make others (sendtrail key make)"
        )
    sound = [each for number, each in enumerate(entries, 1) if number not in spoilt]
    made = {
        key_id(each["sha256"]): datetime.fromisoformat(each["created_at"])
        for each in sound
        if "created_at" in each
    }
    days = context.age_in_days(first["CreatedDate"])
    old = [each for each, at in made.items() if context.age_in_days(at) > _API_KEY_DAYS]
    if days > _API_KEY_DAYS:
        yield note(
            f"the first API key, of scope admin, is {days} days old. Give who uses it a key of "
            "their own (sendtrail key make), and change `key` in the secret FirstApiKey"
        )
    if old:
        yield note(
            f"API keys are older than a year: {', '.join(old)}. Make others (sendtrail key make), "
            "then remove them (sendtrail key remove)"
        )
    over, soon = _expiring(sound, context.at)
    if over:
        yield note(
            f"API keys have expired: {', '.join(over)}. Remove them (sendtrail key remove), and "
            "give who still needs one another (sendtrail key make)"
        )
    if soon:
        yield note(
            f"API keys expire within {EXPIRES_SOON_DAYS} days: {', '.join(soon)}. Give who uses "
            "them others (sendtrail key make) before that"
        )
    if days <= _API_KEY_DAYS and not (old or spoilt or over or soon):
        yield ok(f"the first API key and {len(entries)} further ones can be read")


def _expiring(entries: Sequence[Entry], at: datetime) -> tuple[list[str], list[str]]:
    """The ids of keys that have expired, and those of keys that will soon, with the day."""
    over, soon = [], []
    for entry in entries:
        if entry.get("expires_at") is None:
            continue
        ends = datetime.fromisoformat(parse(entry["expires_at"]))
        if ends <= at:
            over.append(key_id(entry["sha256"]))
        elif ends - at <= timedelta(days=EXPIRES_SOON_DAYS):
            soon.append(f"{key_id(entry['sha256'])} on {ends:%Y-%m-%d}")
    return over, soon


def table_protection(context: Context) -> Iterator[Finding]:
    """Whether what cannot be made anew is protected from deletion."""
    is_well = True
    for logical_id in PROTECTED_TABLES:
        name = context.target.resource(logical_id)
        table = context.client("dynamodb").describe_table(TableName=name)["Table"]
        if not table.get("DeletionProtectionEnabled"):
            is_well = False
            yield wrong(
                f"{logical_id} can be deleted in passing, and not made anew. Run aws dynamodb "
                f"update-table --table-name {name} --deletion-protection-enabled"
            )
    if is_well:
        yield ok("what cannot be made anew is protected from deletion")


def point_in_time_recovery(context: Context) -> Iterator[Finding]:
    """Whether tables can be brought back to what they were at any second of the last 35 days."""
    is_well = True
    for logical_id in TABLES:
        name = context.target.resource(logical_id)
        found = context.client("dynamodb").describe_continuous_backups(TableName=name)
        recovery = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            is_well = False
            yield wrong(
                f"{logical_id} cannot be brought back to an earlier time. Run aws dynamodb "
                f"update-continuous-backups --table-name {name} "
                "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
            )
    if is_well:
        yield ok("each table can be brought back to any second of its last weeks")


def cost(context: Context) -> Iterator[Finding]:
    """What the account's services cost in the last seven days, by Cost Explorer."""
    day = context.at.date()
    try:
        days = context.client("ce").get_cost_and_usage(
            TimePeriod={"Start": f"{day - timedelta(days=_COST_DAYS)}", "End": f"{day}"},
            Granularity="DAILY",
            Metrics=["UnblendedCost"],
            GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
        )["ResultsByTime"]
    except ClientError as error:
        yield unknown(f"it needs ce:GetCostAndUsage, and Cost Explorer switched on: {error}")
        return
    sums: dict[str, float] = {}
    for group in (group for each in days for group in each.get("Groups", ())):
        amount = float(group["Metrics"]["UnblendedCost"]["Amount"])
        sums[group["Keys"][0]] = sums.get(group["Keys"][0], 0) + amount
    dearest = sorted(sums, key=lambda name: -sums[name])[:_DEAREST]
    named = "; ".join(f"{name} {sums[name]:.2f}" for name in dearest)
    yield ok(
        f"the account's services cost ${sum(sums.values()):.2f} in the last {_COST_DAYS} days"
        f"{f' ({named})' if named else ''}; to ask cost $0.01"
    )


# --- what is asked of AWS ---------------------------------------------------------------------


def _waiting(context: Context, queue: str) -> int:
    """How many messages are in a queue, those among them that somebody has just received."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = context.client("sqs").get_queue_attributes(
        QueueUrl=context.target.resource(queue), AttributeNames=names
    )["Attributes"]
    return sum(int(found[name]) for name in names)


def _oldest(place: int, queue: str) -> dict[str, Any]:
    """A query for the age of the oldest message of a queue."""
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
    }
    return {"Id": f"q{place}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}


def _alarms(context: Context) -> dict[str, dict[str, Any]]:
    """The stack's alarms by their names in the template; empty what is gone."""
    ours = {
        logical_id: name
        for logical_id, name in context.target.resources.items()
        if logical_id.endswith("Alarm")
    }
    names = list(ours.values())
    found = {
        each["AlarmName"]: each
        for start in range(0, len(names), _AT_ONCE)
        for each in _described(context, names[start : start + _AT_ONCE])
    }
    return {logical_id: found.get(name, {}) for logical_id, name in ours.items()}


def _described(context: Context, names: Sequence[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = context.client("cloudwatch").describe_alarms(
        AlarmNames=names, MaxRecords=_AT_ONCE
    )["MetricAlarms"]
    return found


def _is_heard(context: Context, topic: str) -> bool:
    """Whether a topic has a confirmed subscription."""
    pages = context.client("sns").get_paginator("list_subscriptions_by_topic")
    return any(
        each["SubscriptionArn"].startswith("arn:")
        for page in pages.paginate(TopicArn=topic)
        for each in page["Subscriptions"]
    )
