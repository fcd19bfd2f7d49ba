"""The path of events: SES's configuration sets → the topic → the queue → the functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from sendtrail_cli.doctor.findings import Context, Finding, code_of, note, ok, unknown, wrong
from sendtrail_cli.doctor.policies import Request, UnknownConditionError, allows

__all__ = [
    "EVENT_SOURCES",
    "EVENT_TYPES",
    "concurrency",
    "configuration_sets",
    "event_destinations",
    "event_sources",
    "queue_policy",
    "subscription",
    "topic_policy",
]

_OWN: Final = "OwnConfigurationSet"
_OF_OURS: Final = (
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
    "SUBSCRIPTION",
)
EVENT_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "ConfigurationSet": frozenset({*_OF_OURS, "OPEN", "CLICK"}),
    _OWN: frozenset(_OF_OURS),
}
"""Configuration set → the types of events that it publishes, as the template has them."""

EVENT_SOURCES: Final[Mapping[str, str]] = {
    "IngestFunctionQueue": "events of SES are not taken",
    "IngestFunctionHits": "opens, clicks and choices that had to wait are not taken",
    "DispatchFunctionQueue": "mailings are not sent",
    "DispatchFunctionDirectQueue": "direct messages are not sent",
    "ProjectFunctionLog": "figures stand still",
    "SweepFunctionContinue": "a long sweep is not continued",
    "PublishFunctionLog": "webhooks and the event bus get nothing",
    "DeliverFunctionQueue": "webhooks get nothing",
    "EraseFunctionQueue": "nobody is erased who should be",
}
"""Event source mapping → what its function does not do without it."""

_OF_PUBLISHING: Final = ("Publish", "Deliver")

_FEW: Final = 100
"""Concurrent executions of functions in a region; a new account may have ten."""


def configuration_sets(context: Context) -> Iterator[Finding]:
    """Whether both are there, let mail out, and count for SES's reputation metrics."""
    for logical_id in EVENT_TYPES:
        name = context.target.resource(logical_id)
        by_name = f"--configuration-set-name {name}"
        try:
            found = context.client("sesv2").get_configuration_set(ConfigurationSetName=name)
        except ClientError as error:
            if code_of(error) != "NotFoundException":
                raise
            yield wrong(
                f"the configuration set {name} is gone, and mail that names it is refused. Run aws "
                f"sesv2 create-configuration-set {by_name}, then look again"
            )
            continue
        is_well = True
        if not found.get("SendingOptions", {}).get("SendingEnabled", True):
            is_well = False
            yield wrong(
                f"the configuration set {name} lets no mail out. Run aws sesv2 "
                f"put-configuration-set-sending-options {by_name} --sending-enabled"
            )
        if not found.get("ReputationOptions", {}).get("ReputationMetricsEnabled"):
            is_well = False
            yield note(
                f"the configuration set {name} has no reputation metrics of its own. Run aws sesv2 "
                f"put-configuration-set-reputation-options {by_name} --reputation-metrics-enabled"
            )
        redirect = found.get("TrackingOptions", {}).get("CustomRedirectDomain")
        if redirect and logical_id == _OWN:
            is_well = False
            yield note(
                f"the configuration set {name} has a redirect domain, {redirect}, which nothing "
                "uses: Sendtrail's links are its own. Give it to the other configuration set"
            )
        if is_well:
            through = f" Its links lead through {redirect}" if redirect else ""
            yield ok(f"{name} lets mail out.{through}".removesuffix("."))


def event_destinations(context: Context) -> Iterator[Finding]:
    """Whether both publish to the topic what the template says, and our own no opens and clicks."""
    topic = context.target.resource("SesTopic")
    for logical_id, wanted in EVENT_TYPES.items():
        name = context.target.resource(logical_id)
        try:
            found = context.client("sesv2").get_configuration_set_event_destinations(
                ConfigurationSetName=name
            )["EventDestinations"]
        except ClientError as error:
            if code_of(error) != "NotFoundException":
                raise
            yield unknown(f"the configuration set {name} is gone (configuration-sets)")
            continue
        yield from _destination(name, topic, wanted, found, is_own=logical_id == _OWN)


def _destination(
    name: str, topic: str, wanted: frozenset[str], found: list[dict[str, Any]], *, is_own: bool
) -> Iterator[Finding]:
    """What is found of one configuration set."""

    def command(verb: str, destination: str) -> str:
        return (
            f"aws sesv2 {verb}-configuration-set-event-destination --configuration-set-name {name} "
            f"--event-destination-name {destination} --event-destination 'Enabled=true,"
            f"MatchingEventTypes={','.join(sorted(wanted))},SnsDestination={{TopicArn={topic}}}'"
        )

    tracking = [
        each["Name"]
        for each in found
        if is_own and each.get("Enabled") and {"OPEN", "CLICK"} & {*each["MatchingEventTypes"]}
    ]
    if tracking:
        yield wrong(
            f"{name} publishes opens or clicks by {', '.join(tracking)}, so SES may put its own "
            "pixel and links over Sendtrail's. Take OPEN and CLICK out of it"
        )
    ours = [each for each in found if each.get("SnsDestination", {}).get("TopicArn") == topic]
    if not ours:
        yield wrong(
            f"{name} does not publish to the topic of the stack: no event of its mail comes. Run "
            f"{command('create', 'sendtrail')}"
        )
        return
    mend = command("update", ours[0]["Name"])
    enabled = [each for each in ours if each.get("Enabled")]
    missing = wanted - {kind for each in enabled for kind in each["MatchingEventTypes"]}
    if not enabled:
        yield wrong(
            f"the event destination of {name} is switched off: no event of its mail comes. "
            f"Run {mend}"
        )
    elif missing:
        yield wrong(
            f"{name} does not publish {', '.join(sorted(missing))}: no such event comes. Run {mend}"
        )
    elif not tracking:
        yield ok(f"{name} publishes {len(wanted)} types of events to the topic")


def subscription(context: Context) -> Iterator[Finding]:
    """Whether the topic hands events to the ingest queue."""
    topic, queue = context.target.resource("SesTopic"), _queue_arn(context)
    pages = context.client("sns").get_paginator("list_subscriptions_by_topic")
    arns = [
        each["SubscriptionArn"]
        for page in pages.paginate(TopicArn=topic)
        for each in page["Subscriptions"]
        if each["Endpoint"] == queue
    ]
    if not arns:
        yield wrong(
            "the ingest queue is not subscribed to the topic: no event comes, and SES does not "
            f"repeat them. Run aws sns subscribe --topic-arn {topic} --protocol sqs "
            f"--notification-endpoint {queue} --attributes RawMessageDelivery=true"
        )
        return
    confirmed = [arn for arn in arns if arn.startswith("arn:")]
    if not confirmed:
        yield wrong(
            "the subscription of the ingest queue is not confirmed: no event comes. Delete it, and "
            f"subscribe anew: aws sns subscribe --topic-arn {topic} --protocol sqs "
            f"--notification-endpoint {queue} --attributes RawMessageDelivery=true"
        )
        return
    found = context.client("sns").get_subscription_attributes(SubscriptionArn=confirmed[0])
    attributes, is_well = found["Attributes"], True
    change = f"aws sns set-subscription-attributes --subscription-arn {confirmed[0]}"
    if attributes.get("FilterPolicy", "{}") not in ("", "{}"):
        is_well = False
        yield wrong(
            "the subscription of the ingest queue has a filter policy, and what it does not let "
            f"through is lost. Run {change} --attribute-name FilterPolicy --attribute-value '{{}}'"
        )
    if attributes.get("RawMessageDelivery", "false").lower() != "true":
        is_well = False
        yield note(
            "events come in SNS's envelopes (RawMessageDelivery is off), which makes them larger. "
            f"Run {change} --attribute-name RawMessageDelivery --attribute-value true"
        )
    if is_well:
        yield ok("the topic hands each event to the ingest queue")


def topic_policy(context: Context) -> Iterator[Finding]:
    """Whether SES may publish to the topic."""
    topic = context.target.resource("SesTopic")
    _, partition, _, region, account, _ = topic.split(":", 5)
    name = context.target.resource(_OWN)
    source = f"arn:{partition}:ses:{region}:{account}:configuration-set/{name}"
    asked = Request("ses.amazonaws.com", "sns:Publish", topic, source, account)
    found = context.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    yield _judged(
        found.get("Policy"),
        asked,
        good="SES may publish to the topic",
        bad="the topic's policy does not let SES publish: no event comes, and SES does not repeat "
        f"them. Let ses.amazonaws.com sns:Publish to {topic}, as SesTopicPolicy in template.yaml "
        "does: aws sns set-topic-attributes --attribute-name Policy",
    )


def queue_policy(context: Context) -> Iterator[Finding]:
    """Whether the topic may send to the ingest queue."""
    topic, queue = context.target.resource("SesTopic"), _queue_arn(context)
    asked = Request("sns.amazonaws.com", "sqs:SendMessage", queue, topic, topic.split(":")[4])
    found = context.client("sqs").get_queue_attributes(
        QueueUrl=context.target.resource("IngestQueue"), AttributeNames=["Policy"]
    )
    yield _judged(
        found.get("Attributes", {}).get("Policy"),
        asked,
        good="the topic may send to the ingest queue",
        bad="the ingest queue's policy does not let the topic send: no event comes; SNS tries for "
        f"some weeks. Let sns.amazonaws.com sqs:SendMessage to {queue}, as IngestQueuePolicy in "
        "template.yaml does: aws sqs set-queue-attributes --attributes Policy=…",
    )


def _judged(policy: str | None, asked: Request, *, good: str, bad: str) -> Finding:
    try:
        return ok(good) if allows(json.loads(policy or "{}"), asked) else wrong(bad)
    except UnknownConditionError as error:
        return unknown(error)


def event_sources(context: Context) -> Iterator[Finding]:
    """Whether functions get what waits for them."""
    is_well = True
    for logical_id, without in EVENT_SOURCES.items():
        if logical_id.startswith(_OF_PUBLISHING) and not context.target.publishes:
            continue
        uuid = context.target.resource(logical_id)
        try:
            found = context.client("lambda").get_event_source_mapping(UUID=uuid)
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            is_well = False
            yield wrong(
                f"the event source mapping {logical_id} ({uuid}) is gone: {without}. Make it anew, "
                "as the stack's processed template has it: aws lambda create-event-source-mapping"
            )
            continue
        if found["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
            is_well = False
            yield wrong(
                f"the event source mapping {logical_id} is {found['State']}: {without}. Run aws "
                f"lambda update-event-source-mapping --uuid {uuid} --enabled"
            )
        elif str(found.get("LastProcessingResult", "")).startswith("PROBLEM"):
            is_well = False
            yield wrong(
                f"Lambda cannot read for {logical_id} ({found['LastProcessingResult']}): "
                f"{without}. Look at its function's role and log"
            )
    if is_well:
        yield ok("each function gets what waits for it")


def concurrency(context: Context) -> Iterator[Finding]:
    """How many functions the account may run at the same time in the region."""
    limit = context.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if limit < _FEW:
        yield wrong(
            f"the account may run {limit} functions at the same time in {context.region}: when a "
            "mailing's events come, pixels and links go unanswered. Ask for 1,000 (Service Quotas, "
            "Lambda, Concurrent executions), which costs nothing"
        )
    else:
        yield ok(f"{limit:,} functions may run at the same time")


def _queue_arn(context: Context) -> str:
    found = context.client("sqs").get_queue_attributes(
        QueueUrl=context.target.resource("IngestQueue"), AttributeNames=["QueueArn"]
    )
    return str(found["Attributes"]["QueueArn"])
