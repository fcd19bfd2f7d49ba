"""The template: what CloudFormation gets of it, what it grants, and what its alarms watch."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import pytest
import yaml
from samcli.yamlhelper import yaml_dump, yaml_parse

from docs.resources import grants
from local.iam import policies
from local.paths import TEMPLATE
from local.template import Resources, load, transformed
from sendtrail.metrics import METRICS
from tests.support import ROOT

APART = {"AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"}
"""What a function is told of one by one, and not by Globals."""


@pytest.fixture(scope="module")
def resources() -> Resources:
    """The transformed template."""
    return load()


def allowed(resources: Resources, function: str) -> list[dict[str, Any]]:
    """The statements of a function's role."""
    policies = resources.all[f"{function}Role"]["Properties"]["Policies"]
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """What an alarm watches: one metric, or those of an expression."""
    if "Metrics" not in alarm:
        return [alarm]
    return [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]


def test_cloudformation_gets_no_anchors() -> None:
    """SAM CLI writes out what an alias stands for; CloudFormation does not know merge keys."""
    written = yaml_dump(yaml_parse(TEMPLATE.read_text("utf-8")))
    tokens = (yaml.AnchorToken, yaml.AliasToken)
    assert not [token for token in yaml.scan(written) if isinstance(token, tokens)]
    assert "<<" not in written


def test_every_alarm_watches_something_of_its_own(resources: Resources) -> None:
    """No two have the same metric of the same thing, or the same description."""
    alarms = resources.of_type("AWS::CloudWatch::Alarm").values()
    watched = [
        json.dumps([[each["Namespace"], each["MetricName"], each["Dimensions"]] for each in found])
        for found in map(metrics_of, alarms)
    ]
    assert len({*watched}) == len(alarms)
    assert len({each["AlarmDescription"] for each in alarms}) == len(alarms)


def test_every_dead_letter_queue_has_an_alarm(resources: Resources) -> None:
    """At the first message in it."""
    alarms = resources.of_type("AWS::CloudWatch::Alarm").values()
    watched = {
        each["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for each in alarms
        if each.get("MetricName") == "ApproximateNumberOfMessagesVisible" and each["Threshold"] == 0
    }
    queues = resources.of_type("AWS::SQS::Queue")
    assert watched == {name for name in queues if name.endswith("Dlq")}


def test_every_alarm_tells_somebody_if_anybody_is_named(resources: Resources) -> None:
    """The topic that is given, an address, or both."""
    nothing = {"Ref": "AWS::NoValue"}
    topic = {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, nothing]}
    email = {"Fn::If": ["HasAlarmEmail", {"Ref": "AlarmTopic"}, nothing]}
    for alarm in resources.of_type("AWS::CloudWatch::Alarm").values():
        actions = {"Fn::If": ["HasAlarmAction", [topic, email], nothing]}
        assert alarm["AlarmActions"] == actions, alarm["AlarmDescription"]
    assert "AlarmTopic" not in resources.all
    made = load({"AlarmEmail": "ops@example.org"}).all["AlarmTopic"]["Properties"]
    assert made["Subscription"] == [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]


def test_functions_log_whatever_lambda_thinks_of_it(resources: Resources) -> None:
    """Lambda takes a line without a level, as metrics are, for INFO: it drops none of that."""
    for function in resources.of_type("AWS::Lambda::Function").values():
        assert function["LoggingConfig"]["ApplicationLogLevel"] == "DEBUG"


def test_every_late_consumer_of_a_stream_has_an_alarm(resources: Resources) -> None:
    """Long before Lambda gives a record up."""
    late = {
        each["Dimensions"][0]["Value"]["Ref"]: each["Threshold"]
        for each in resources.of_type("AWS::CloudWatch::Alarm").values()
        if each.get("MetricName") == "IteratorAge"
    }
    given_up = {
        each["FunctionName"]["Ref"]: each["MaximumRecordAgeInSeconds"] * 1000
        for each in resources.of_type("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" in each
    }
    assert late.keys() == given_up.keys()
    assert all(2 * late[name] < given_up[name] for name in late)


def test_the_log_is_only_appended_to(resources: Resources) -> None:
    """No role may delete from it, but those that move trails of people who were erased; nor write by
    what deletes too (BatchWriteItem).
    """
    appended = set()
    for function in resources.codes:
        for statement in allowed(resources, function):
            if "TrailsTable" in json.dumps(statement["Resource"]):
                actions = {each.removeprefix("dynamodb:") for each in statement["Action"]}
                appended |= {function} if "UpdateItem" in actions else set()
                wrong = {each for each in actions if "Delete" in each or "Write" in each}
                movers = function in ("EraseFunction", "ProjectFunction")
                assert wrong <= ({"DeleteItem"} if movers else set())
    assert appended == {
        "ApiFunction",  # what waits for its time, or was stopped before it
        "ConsoleFunction",
        "DispatchFunction",
        "EraseFunction",
        "IngestFunction",
        "ProjectFunction",
    }


def test_nothing_is_granted_by_a_pattern(resources: Resources) -> None:
    """Every action by its name; everything of a service only where SES knows no resource."""
    for function in resources.codes:
        for statement in allowed(resources, function):
            assert "*" not in json.dumps(statement["Action"]), function
            if statement["Resource"] == "*":
                assert statement["Action"] == "ses:DeleteSuppressedDestination"


def test_a_function_is_told_of_what_it_may_use(resources: Resources) -> None:
    """Of those queues, buckets and secrets, and no others; and of every table that it may use."""
    granted = grants(resources)
    for function, properties in resources.of_type("AWS::Lambda::Function").items():
        values = properties["Environment"]["Variables"].values()
        told = {each["Ref"] for each in values if isinstance(each, dict) and "Ref" in each}
        may = {
            resource
            for (name, resource), verbs in granted.items()
            if name == function and resource in resources.all and verbs - {"stream", "receive"}
        }
        dead_letters = properties.get("DeadLetterConfig", {}).get("TargetArn", {})
        may -= set(dead_letters.get("Fn::GetAtt", [])[:1])  # Lambda sends there, not its code
        apart = {name for name in told & resources.all.keys() if kind(resources, name) in APART}
        assert apart == {name for name in may if kind(resources, name) in APART}, function
        assert may <= told, function


def kind(resources: Resources, name: str) -> str:
    """A resource's type."""
    return str(resources.all[name]["Type"])


def test_the_console_may_do_what_the_api_may(resources: Resources) -> None:
    """All of it; and keep drafts, make and remove API keys, sign people in by name and out, and
    read the API keys, for it checks who asks itself.
    """
    api, console = (allowed(resources, f"{name}Function") for name in ("Api", "Console"))
    more = [json.dumps(each) for each in console if each not in api]
    expected = (
        *("/drafts/*", "#drafts", "PutSecretValue", "once#*", "BatchGetItem", "OidcSecret"),
        "FirstApiKey",
    )
    assert [word in each for word, each in zip(expected, more, strict=True)] == [True] * 7
    assert [each for each in api if each not in console] == []


# --- what a second stack, and the next release, would meet ---------------------------------------

NAMING = {"DashboardName", "DomainName", "FunctionName", "LayerName", "LogGroupName", "Name"} | {
    f"{kind}Name" for kind in ("Alarm", "Bucket", "Queue", "Role", "Table", "Topic")
}
"""Properties by which a resource has a name of its own."""
OF_A_PART = {"AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping"}
"""Where a name is that of another resource."""
RELEASED = ROOT / "tests/data/released.json"
"""Of the last release: indexes of tables, their keys, and how secrets are made (docs/upgrading.md)."""


def whole() -> dict[str, Any]:
    """All that CloudFormation gets, whatever its conditions."""
    return copy.deepcopy(_whole())


@cache
def _whole() -> dict[str, Any]:
    template = yaml_parse(TEMPLATE.read_text("utf-8"))
    values = {name: each.get("Default") for name, each in template["Parameters"].items()}
    return transformed(template, values)


def test_nothing_has_a_constant_name() -> None:
    """Or a second stack in the account and region could not be made."""
    constant = {
        (name, key)
        for name, each in whole()["Resources"].items()
        if each["Type"] not in OF_A_PART
        for key, value in each.get("Properties", {}).items()
        if key in NAMING and isinstance(value, str)
    }
    assert constant == set()


def frozen(resources: dict[str, Any]) -> dict[str, Any]:
    """What an update may not change: it would make a secret anew, or a table."""
    secrets = ("GenerateSecretString", "SecretString")
    made: dict[str, Any] = {"secrets": {}, "keys": {}, "indexes": {}}
    for name, each in resources.items():
        properties = each.get("Properties", {})
        if each["Type"] == "AWS::SecretsManager::Secret":
            made["secrets"][name] = {key: properties[key] for key in secrets if key in properties}
        elif each["Type"] == "AWS::DynamoDB::Table":
            indexes = properties.get("GlobalSecondaryIndexes", [])
            made["keys"][name] = properties["KeySchema"]
            made["indexes"][name] = {index["IndexName"]: index for index in indexes}
    return made


def forbidden(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What of an update CloudFormation would refuse, or do by making anew what cannot be."""
    found = [
        f"{kind} {name}"
        for kind in ("secrets", "keys")
        for name, value in before[kind].items()
        if after[kind].get(name) != value
    ]
    for table, old in before["indexes"].items():
        new = after["indexes"].get(table, {})
        changed = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
        if len(changed) > 1 or any(name in old and name in new for name in changed):
            found.append(f"indexes {table}")
    return found


def test_an_update_from_the_last_release_makes_nothing_anew() -> None:
    """No secret, no table, and one index of a table at most: more DynamoDB refuses in one update."""
    released = json.loads(RELEASED.read_text("utf-8"))
    assert forbidden(released, frozen(whole()["Resources"])) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda made: made["secrets"]["SigningKeys"]["GenerateSecretString"].update(PasswordLength=65), ["secrets SigningKeys"]),
        (lambda made: made["secrets"]["ApiKeys"].update(SecretString="{}"), ["secrets ApiKeys"]),
        (lambda made: made["secrets"].pop("SessionKeys"), ["secrets SessionKeys"]),
        (lambda made: made["keys"]["TrailsTable"].pop(), ["keys TrailsTable"]),
        (lambda made: made["indexes"]["TemplatesTable"].update(a={}), []),
        (lambda made: made["indexes"]["TemplatesTable"].update(a={}, b={}), ["indexes TemplatesTable"]),
        (lambda made: made["indexes"]["ParticipantsTable"].clear(), ["indexes ParticipantsTable"]),
        (lambda made: made["indexes"]["TrailsTable"]["by_communication"].update(Projection={}), ["indexes TrailsTable"]),
    ],
)  # fmt: skip
def test_an_update_that_would_is_found(change: Any, found: list[str]) -> None:
    """Each kind of it."""
    before, after = frozen(whole()["Resources"]), frozen(whole()["Resources"])
    change(after)
    assert forbidden(before, after) == found


def test_what_cannot_be_made_again_stays() -> None:
    """Tables that are the only copy, plans, the keys of links in mail, and the API in their URLs."""
    kept = {
        name
        for name, each in whole()["Resources"].items()
        if each.get("DeletionPolicy") == "Retain" and each.get("UpdateReplacePolicy") == "Retain"
    }
    only_copies = (
        *("Trails", "Participants", "Suppressions", "Templates", "Staff"),
        *("Webhooks", "Erasures"),
    )
    tables = {f"{name}Table" for name in only_copies}
    api = {"HttpApi", "HttpApiApiGatewayDefaultStage", "HttpApiApiKeyAuthorizerPermission"}
    assert kept == tables | api | {"PlansBucket", "SigningKeys", "ErasureKey"}
    for environment, protected in (("prod", True), ("test", False)):
        made = load({"Environment": environment})
        for name in tables:
            wanted = made.resolve(made.all[name]["Properties"]["DeletionProtectionEnabled"])
            assert wanted is protected


def test_what_publishes_is_there_only_where_something_is_published() -> None:
    """Neither webhooks nor a bus: no function, queue or alarm for them, and no second reader."""
    off, bus = load({"Webhooks": "no"}), load({"Webhooks": "no", "EventBusName": "events"})
    more = {
        "PublishFunction", "PublishFunctionRole", "PublishFunctionLog",
        "DeliverFunction", "DeliverFunctionRole", "DeliverFunctionQueue",
        "DeliveriesQueue", "DeliveriesDlq", "DeliveriesDlqAlarm", "DeliverErrorsAlarm",
        "PublishErrorsAlarm", "PublishLateAlarm", "WebhooksSwitchedOffAlarm",
    }  # fmt: skip
    assert bus.all.keys() - off.all.keys() == more
    assert load().all.keys() - off.all.keys() == more
    assert "WebhooksTable" in off.all
    granted = json.dumps([allowed(off, function) for function in off.codes])
    assert "Deliver" not in granted
    assert "PutEvents" not in granted
    (put,) = [each for each in allowed(bus, "DeliverFunction") if "PutEvents" in each["Action"]]
    assert put["Resource"]["Fn::Sub"].endswith(":event-bus/${EventBusName}")


def test_a_budget_is_watched_for_who_is_named() -> None:
    """Forecast and spent; none without an address, or without an amount."""
    assert "Budget" not in load({"MonthlyBudget": "50"}).all
    assert "Budget" not in load({"AlarmEmail": "ops@example.org"}).all
    made = load({"AlarmEmail": "ops@example.org", "MonthlyBudget": "50"})
    found = made.resolve(made.all["Budget"]["Properties"])
    assert found["Budget"]["BudgetLimit"] == {"Amount": "50", "Unit": "USD"}
    kinds = [
        each["Notification"]["NotificationType"] for each in found["NotificationsWithSubscribers"]
    ]
    assert kinds == ["FORECASTED", "ACTUAL"]


# --- names of one's own --------------------------------------------------------------------------


def test_without_names_of_its_own_nothing_is_made_for_them(resources: Resources) -> None:
    """And links lead to the API's own URL."""
    kinds = {each["Type"] for each in resources.all.values()}
    assert not kinds & {"AWS::ApiGatewayV2::DomainName", "AWS::Route53::RecordSet"}
    assert not [kind for kind in kinds if "CertificateManager" in kind]


def public_url(made: Resources, function: str) -> Any:
    """What links begin with for a function."""
    made.physical["HttpApi", ""] = "api-number"
    variables = made.of_type("AWS::Lambda::Function")[function]["Environment"]["Variables"]
    return made.resolve(variables["PUBLIC_URL"])


@pytest.mark.parametrize(
    ("given", "url", "made"),
    [
        ({}, "https://api-number.execute-api.eu-west-1.amazonaws.com", set()),
        ({"PublicUrl": "https://x.example"}, "https://x.example", set()),
        ({"DomainName": "m.example", "CertificateArn": "arn:c"}, "https://m.example", {"Domain", "DomainMapping"}),
        ({"DomainName": "m.example", "CertificateArn": "arn:c", "HostedZoneId": "Z"}, "https://m.example", {"Domain", "DomainMapping", "DomainRecord"}),
        ({"DomainName": "m.example", "HostedZoneId": "Z"}, "https://m.example", {"Domain", "DomainMapping", "DomainRecord", "Certificate"}),
    ],
)  # fmt: skip
def test_a_domain_is_the_apis_and_the_links(given: Any, url: str, made: set[str]) -> None:
    """With its certificate and record, where a hosted zone is named."""
    found = load(given)
    assert {name for name in found.all if name.startswith(("Domain", "Certificate"))} == made
    for function in ("DispatchFunction", "ApiFunction", "ConsoleFunction"):
        assert public_url(found, function) == url
    if "Domain" in made:
        (certificate,) = found.all["Domain"]["Properties"]["DomainNameConfigurations"]
        wanted = given.get("CertificateArn", "Certificate")
        assert found.resolve(certificate["CertificateArn"]) == wanted


def test_the_redirect_domain_is_of_the_other_set_alone() -> None:
    """Ours has links of our own."""
    made = load({"CustomRedirectDomain": "click.example.org"})
    sets = {
        name: made.resolve(each)
        for name, each in made.of_type("AWS::SES::ConfigurationSet").items()
    }
    tracking = {"CustomRedirectDomain": "click.example.org", "HttpsPolicy": "OPTIONAL"}
    assert sets["ConfigurationSet"]["TrackingOptions"] == tracking
    assert "TrackingOptions" not in sets["OwnConfigurationSet"]


@pytest.mark.parametrize(
    ("given", "identities"),
    [
        ({"SenderAddress": "news@mail.example.org"}, ["mail.example.org", "*@mail.example.org"]),
        ({"SenderAddress": "News <news@example.org>"}, ["example.org", "*@example.org"]),
        ({"SenderAddress": "n@mail.example.org", "SenderIdentity": "example.org"}, ["mail.example.org", "*@mail.example.org", "example.org"]),
    ],
)  # fmt: skip
def test_mail_is_sent_from_our_own_identity_alone(given: Any, identities: list[str]) -> None:
    """The address's domain, the address, or a parent that is named."""
    made = load(given)
    for name in made.all:
        for attribute in ("", "Arn", "StreamArn"):
            made.physical.setdefault((name, attribute), name)
    found = [each.resource for each in policies(made) if each.action == "ses:SendEmail"]
    kinds = [each.rpartition(":")[2].partition("/") for each in found]
    assert [name for kind, _, name in kinds if kind == "identity"] == identities
    assert [name for kind, _, name in kinds if kind == "configuration-set"] == [
        "OwnConfigurationSet"
    ]


# --- what is watched -----------------------------------------------------------------------------

BY_AWS = {
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "AWS/SNS": {"NumberOfNotificationsFailed", "NumberOfMessagesPublished"},
    "AWS/SES": {"Send", "Delivery", "Bounce", "Complaint", "Reject", "Reputation.BounceRate", "Reputation.ComplaintRate"},
    "AWS/Lambda": {"Errors", "Throttles", "IteratorAge", "Duration", "ConcurrentExecutions"},
    "AWS/ApiGateway": {"Count", "4xx", "5xx", "Latency"},
    "AWS/DynamoDB": {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"},
}  # fmt: skip
"""Metrics that the services' pages in the CloudWatch user guide list; an HTTP API's are 4xx and 5xx."""


def dashboard() -> list[dict[str, Any]]:
    """The widgets of the dashboard, resolved."""
    return shown_by(load())


def shown_by(made: Resources) -> list[dict[str, Any]]:
    """The widgets of a stack's dashboard, resolved."""
    for name in made.all:
        for attribute in ("", "Arn", "QueueName", "TopicName"):
            made.physical[name, attribute] = name
    body = made.resolve(made.all["StackDashboard"]["Properties"]["DashboardBody"])
    widgets: list[dict[str, Any]] = json.loads(body)["widgets"]
    return widgets


def shown() -> list[tuple[str, str, dict[str, str]]]:
    """The metrics of the dashboard: namespace, name, dimensions."""
    found = []
    for widget in dashboard():
        for line in widget["properties"].get("metrics", ()):
            namespace, name, *rest = [each for each in line if isinstance(each, str)]
            found.append((namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))))
    return found


def test_each_metric_that_is_named_is_one_that_is_emitted(resources: Resources) -> None:
    """By AWS's services, or by the function that the dimension names, in the stack's namespace."""
    services = {
        each["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for each in resources.of_type("AWS::Lambda::Function").values()
    }
    watched = [
        (
            each["Namespace"]
            if isinstance(each["Namespace"], str)
            else each["Namespace"]["Fn::Sub"],
            each["MetricName"],
            {one["Name"]: one["Value"] for one in each["Dimensions"]},
        )
        for alarm in resources.of_type("AWS::CloudWatch::Alarm").values()
        for each in metrics_of(alarm)
    ]
    for namespace, name, dimensions in [*watched, *shown()]:
        if namespace in BY_AWS:
            assert name in BY_AWS[namespace], name
            continue
        assert namespace in ("Sendtrail/${AWS::StackName}", "Sendtrail/sendtrail")
        assert name in METRICS
        assert dimensions.keys() == {"service"}
        assert dimensions["service"] in services


def test_the_dashboard_shows_every_alarm_and_function(resources: Resources) -> None:
    """And none of its widgets lies over another."""
    widgets = dashboard()
    (alarms,) = [each["properties"]["alarms"] for each in widgets if each["type"] == "alarm"]
    assert set(alarms) == set(resources.of_type("AWS::CloudWatch::Alarm"))
    functions = {each[2].get("FunctionName") for each in shown() if each[1] == "Errors"}
    assert functions == set(resources.of_type("AWS::Lambda::Function"))
    places = [(each["x"], each["y"]) for each in widgets]
    assert len({*places}) == len(places)
    assert "StackDashboard" not in load({"Dashboard": "no"}).all
    off = load({"Webhooks": "no"})
    (alarms,) = [each["properties"]["alarms"] for each in shown_by(off) if each["type"] == "alarm"]
    assert set(alarms) == set(off.of_type("AWS::CloudWatch::Alarm"))


def test_access_logs_have_no_token_and_nothing_of_a_person(resources: Resources) -> None:
    """The pattern of a route, not its path; no address of a client, no query, no header."""
    stage = resources.all["HttpApiApiGatewayDefaultStage"]["Properties"]
    told = json.loads(stage["AccessLogSettings"]["Format"])
    assert set(told.values()) == {
        f"$context.{name}"
        for name in (
            "authorizer.actor",
            "error.message",
            "integrationErrorMessage",
            "requestId",
            "requestTime",
            "responseLatency",
            "responseLength",
            "routeKey",
            "status",
        )
    }


def test_routes_with_limits_are_routes(resources: Resources) -> None:
    """Each that people use has one of its own."""
    limited = resources.all["HttpApiApiGatewayDefaultStage"]["Properties"]["RouteSettings"]
    paths = resources.all["HttpApi"]["Properties"]["Body"]["paths"]
    routes = {
        f"{'ANY' if method.startswith('x-') else method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
    }
    assert limited.keys() <= routes
    assert {each for each in routes if not each.startswith("HEAD")} == set(limited)
    assert all(
        each["ThrottlingBurstLimit"] and each["ThrottlingRateLimit"] for each in limited.values()
    )
