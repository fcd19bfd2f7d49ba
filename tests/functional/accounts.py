"""A stack as in AWS, in moto, with everything in order; and all that can be wrong with it.

What moto cannot be brought into (SES's sandbox, pauses and quotas, what SES says of an identity, the
account's limit of Lambda, a missing permission) is answered by a server before it; all else is
done to moto itself. The DNS is a server of its own.
"""
# ruff: noqa: D103 -- what breaks an account says by its name how

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3

from local.template import ACCOUNT, REGION
from sendtrail_cli.doctor.event_path import EVENT_SOURCES
from sendtrail_cli.target import Target
from tests.functional.amended import Amended
from tests.functional.conftest import Backend
from tests.functional.nameserver import Zone

DOMAIN = "example.org"
TOKEN = "abcdef"
QUEUES = {
    "IngestFunctionQueue": "IngestQueue",
    "IngestFunctionHits": "HitsQueue",
    "DispatchFunctionQueue": "DispatchQueue",
    "DispatchFunctionDirectQueue": "DirectQueue",
    "SweepFunctionContinue": "SweepQueue",
}
"""What each event source mapping reads; the projection's, a stream."""

ALARMS = ("IngestDlqAlarm", "IngestLateAlarm", "BounceRateAlarm", "SilenceAlarm")
"""Some of the template's."""


class Account:
    """A stack as in AWS, in moto; everything is in order until a test breaks it.

    Attributes:
        resources: as CloudFormation has them.
        at: now, as the command has it.
    """

    def __init__(self, backend: Backend, state: Amended, zone: Zone) -> None:
        self.backend, self.state, self.zone = backend, state, zone
        self.resources = {
            name: value
            for (name, attribute), value in backend.resources.physical.items()
            if not attribute
        }
        self.parameters = {
            name: str(value) for name, value in backend.resources.parameters.items()
        } | {"SenderAddress": f"The Society <news@{DOMAIN}>", "SendRate": "14"}
        self.at = datetime.now(UTC)
        self._protect_tables()
        self._map_functions()
        self._set_alarms()
        self._believe()

    def client(self, service: str) -> Any:
        """A boto3 client, past what is amended."""
        return self.backend.endpoints.client(service)

    @property
    def target(self) -> Target:
        """The stack, as the command finds it."""
        return Target(_session(), self.resources, self.parameters, {}, {})

    def _protect_tables(self) -> None:
        client = self.client("dynamodb")
        for name in self.backend.resources.of_type("AWS::DynamoDB::Table"):
            table = self.resources[name]
            client.update_table(TableName=table, DeletionProtectionEnabled=True)
            client.update_continuous_backups(
                TableName=table,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )

    def _map_functions(self) -> None:
        role = self.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as packed:
            packed.writestr("app.py", "")
        functions = self.client("lambda")
        functions.create_function(
            FunctionName="any",
            Runtime="python3.13",
            Role=role["Role"]["Arn"],
            Handler="app.handler",
            Code={"ZipFile": code.getvalue()},
        )
        for name in EVENT_SOURCES:
            queue = self.backend.resources.physical.get((QUEUES.get(name, ""), "Arn"))
            stream = self.backend.resources.physical["TrailsTable", "StreamArn"]
            made = functions.create_event_source_mapping(
                FunctionName="any",
                EventSourceArn=queue or stream,
                **({} if queue else {"StartingPosition": "TRIM_HORIZON"}),
            )
            self.resources[name] = made["UUID"]
        limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
        self.state.answers["/2016-08-19/account-settings"] = {"AccountLimit": limits}

    def _set_alarms(self) -> None:
        sns = self.client("sns")
        self.topic = sns.create_topic(Name="alarms")["TopicArn"]
        sns.subscribe(TopicArn=self.topic, Protocol="email", Endpoint=f"ops@{DOMAIN}")
        of_template = self.backend.resources.of_type("AWS::CloudWatch::Alarm")
        for name in ALARMS:
            self.resources[name] = f"sendtrail-{name}"
            self.set_alarm(name, AlarmDescription=of_template[name]["AlarmDescription"])

    def set_alarm(self, name: str, **changed: Any) -> None:
        """Makes an alarm, or changes it."""
        settings = {
            "AlarmName": self.resources[name],
            "Namespace": "Sendtrail/sendtrail",
            "MetricName": "any",
            "Statistic": "Sum",
            "Period": 300,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [self.topic],
        }
        self.client("cloudwatch").put_metric_alarm(**settings | changed)

    def _believe(self) -> None:
        """SES and the DNS agree on the domain."""
        self.client("sesv2").create_email_identity(EmailIdentity=DOMAIN)
        self.identity: dict[str, Any] = {
            "IdentityType": "DOMAIN",
            "VerifiedForSendingStatus": True,
            "VerificationStatus": "SUCCESS",
            "DkimAttributes": {
                "SigningEnabled": True,
                "Status": "SUCCESS",
                "Tokens": [TOKEN],
                "SigningAttributesOrigin": "AWS_SES",
            },
            "MailFromAttributes": {
                "MailFromDomain": f"bounce.{DOMAIN}",
                "MailFromDomainStatus": "SUCCESS",
                "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
            },
        }
        self.state.answers[f"/v2/email/identities/{DOMAIN}"] = self.identity
        self.account: dict[str, Any] = self.client("sesv2").get_account()
        del self.account["ResponseMetadata"]
        self.account["SendQuota"] = {
            "Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 100.0,
        }  # fmt: skip
        self.state.answers["/v2/email/account"] = self.account
        self.zone |= {
            (f"{TOKEN}._domainkey.{DOMAIN}", "CNAME"): [f"{TOKEN}.dkim.amazonses.com."],
            (f"bounce.{DOMAIN}", "MX"): [f"10 feedback-smtp.{REGION}.amazonses.com."],
            (f"bounce.{DOMAIN}", "TXT"): ['"v=spf1 include:amazonses.com ~all"'],
            (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:d@example.org"'],
        }


@cache
def _session() -> boto3.Session:
    """Made once: to make its clients takes longer than to use them."""
    return boto3.Session("local", "local", region_name=REGION)


# --- what can be wrong --------------------------------------------------------------------------


def sandbox(account: Account) -> None:
    account.account["ProductionAccessEnabled"] = False


def paused(account: Account) -> None:
    account.account["EnforcementStatus"] = "SHUTDOWN"


def under_review(account: Account) -> None:
    account.account["EnforcementStatus"] = "PROBATION"


def switched_off(account: Account) -> None:
    account.account["SendingEnabled"] = False


def too_fast(account: Account) -> None:
    account.parameters["SendRate"] = "15"


def used_up(account: Account) -> None:
    account.account["SendQuota"]["SentLast24Hours"] = 50_000.0


def nearly_used_up(account: Account) -> None:
    account.account["SendQuota"]["SentLast24Hours"] = 45_000.0


def suppressing_nobody(account: Account) -> None:
    account.account["SuppressionAttributes"] = {"SuppressedReasons": ["COMPLAINT"]}


def tracked(account: Account) -> None:
    dashboard = {"EngagementMetrics": "ENABLED"}
    account.account["VdmAttributes"] = {"VdmEnabled": "ENABLED", "DashboardAttributes": dashboard}


def example_sender(account: Account) -> None:
    del account.state.answers[f"/v2/email/identities/{DOMAIN}"]
    account.state.answers["/v2/email/identities/society.example"] = account.identity
    account.parameters["SenderAddress"] = "news@society.example"


def no_sender(account: Account) -> None:
    account.parameters["SenderAddress"] = "The Society"


def unknown_to_ses(account: Account) -> None:
    del account.state.answers[f"/v2/email/identities/{DOMAIN}"]
    account.client("sesv2").delete_email_identity(EmailIdentity=DOMAIN)


def unverified(account: Account) -> None:
    account.identity |= {
        "VerifiedForSendingStatus": False,
        "VerificationStatus": "PENDING",
        "VerificationInfo": {"ErrorType": "HOST_NOT_FOUND"},
    }


def unsigned(account: Account) -> None:
    account.identity["DkimAttributes"]["SigningEnabled"] = False


def dkim_failed(account: Account) -> None:
    account.identity["DkimAttributes"]["Status"] = "FAILED"


def dkim_out_of_the_dns(account: Account) -> None:
    del account.zone[f"{TOKEN}._domainkey.{DOMAIN}", "CNAME"]


def own_dkim_key_out_of_the_dns(account: Account) -> None:
    account.identity["DkimAttributes"]["SigningAttributesOrigin"] = "EXTERNAL"


def dkim_in_another_zone(account: Account) -> None:
    account.identity["DkimAttributes"]["SigningHostedZone"] = "dkim.eu-west-9.amazonses.com"


def address_alone(account: Account) -> None:
    del account.state.answers[f"/v2/email/identities/{DOMAIN}"]
    account.client("sesv2").delete_email_identity(EmailIdentity=DOMAIN)
    address = {"IdentityType": "EMAIL_ADDRESS", "VerifiedForSendingStatus": True}
    account.state.answers[f"/v2/email/identities/news@{DOMAIN}"] = address


def no_mail_from(account: Account) -> None:
    del account.identity["MailFromAttributes"]


def mail_from_pending(account: Account) -> None:
    account.identity["MailFromAttributes"]["MailFromDomainStatus"] = "PENDING"


def mail_from_without_mx(account: Account) -> None:
    del account.zone[f"bounce.{DOMAIN}", "MX"]


def mail_from_without_spf(account: Account) -> None:
    account.zone[f"bounce.{DOMAIN}", "TXT"] = ['"v=spf1 -all"']


def no_dmarc(account: Account) -> None:
    del account.zone[f"_dmarc.{DOMAIN}", "TXT"]


def two_dmarc(account: Account) -> None:
    account.zone[f"_dmarc.{DOMAIN}", "TXT"].append('"v=DMARC1; p=none"')


def dmarc_that_asks_for_nothing(account: Account) -> None:
    account.zone[f"_dmarc.{DOMAIN}", "TXT"] = ['"v=DMARC1; p=none"']


def dmarc_misspelt(account: Account) -> None:
    account.zone[f"_dmarc.{DOMAIN}", "TXT"] = ['"v=DMARC1; p=rejected"']


def strict_dmarc_of_a_subdomain(account: Account) -> None:
    account.parameters["SenderAddress"] = f"news@post.{DOMAIN}"
    account.zone[f"_dmarc.{DOMAIN}", "TXT"] = ['"v=DMARC1; p=reject; adkim=s; aspf=s"']


def no_configuration_set(account: Account) -> None:
    name = account.resources["ConfigurationSet"]
    account.client("sesv2").delete_configuration_set(ConfigurationSetName=name)


def configuration_set_that_sends_nothing(account: Account) -> None:
    account.client("sesv2").put_configuration_set_sending_options(
        ConfigurationSetName=account.resources["OwnConfigurationSet"], SendingEnabled=False
    )


def no_reputation_metrics(account: Account) -> None:
    account.client("sesv2").put_configuration_set_reputation_options(
        ConfigurationSetName=account.resources["OwnConfigurationSet"],
        ReputationMetricsEnabled=False,
    )


def webhook(account: Account, **state: str) -> None:
    made_at = "2026-11-01T09:30:00.000Z"
    row = {
        "webhook": "endpoints",
        "entry": "0123456789ab",
        "url": "https://crm.example.org/hooks/mail",
        "event_types": [],
        "full": False,
        "description": "CRM",
        "by": "key:0f3a Front office",
        "created_at": made_at,
        "secrets": [],
        "secret_made_at": made_at,
        "failures": 0,
    }
    account.backend.database().put_all(account.resources["WebhooksTable"], [row | state])


def webhook_switched_off(account: Account) -> None:
    at = "2026-11-20T09:30:00.000Z"
    webhook(account, disabled_at=at, disabled_reason="failing")


def webhook_that_fails(account: Account) -> None:
    webhook(account, failing_since="2026-11-20T09:30:00.000Z")


def redirected(account: Account) -> None:
    account.client("sesv2").put_configuration_set_tracking_options(
        ConfigurationSetName=account.resources["OwnConfigurationSet"],
        CustomRedirectDomain=f"click.{DOMAIN}",
    )


def destination(account: Account, which: str, **changed: Any) -> None:
    client, name = account.client("sesv2"), account.resources[which]
    known = client.get_configuration_set_event_destinations(ConfigurationSetName=name)
    (only,) = known["EventDestinations"]
    client.update_configuration_set_event_destination(
        ConfigurationSetName=name,
        EventDestinationName=only.pop("Name"),
        EventDestination=only | changed,
    )


def destination_off(account: Account) -> None:
    destination(account, "OwnConfigurationSet", Enabled=False)


def destination_elsewhere(account: Account) -> None:
    topic = {"TopicArn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:other"}
    destination(account, "OwnConfigurationSet", SnsDestination=topic)


def destination_that_lacks_a_type(account: Account) -> None:
    destination(account, "ConfigurationSet", MatchingEventTypes=["SEND", "BOUNCE"])


def destination_that_tracks(account: Account) -> None:
    account.client("sesv2").create_configuration_set_event_destination(
        ConfigurationSetName=account.resources["OwnConfigurationSet"],
        EventDestinationName="opens",
        EventDestination={"Enabled": True, "MatchingEventTypes": ["OPEN"]},
    )


def destination_gone(account: Account) -> None:
    account.client("sesv2").delete_configuration_set_event_destination(
        ConfigurationSetName=account.resources["OwnConfigurationSet"],
        EventDestinationName="sendtrail",
    )


def topic_closed(account: Account) -> None:
    account.client("sns").set_topic_attributes(
        TopicArn=account.resources["SesTopic"],
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": []}),
    )


def topic_of_another_account(account: Account) -> None:
    topic = account.resources["SesTopic"]
    client = account.client("sns")
    policy = json.loads(client.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    policy["Statement"][0]["Condition"]["StringEquals"] = {"AWS:SourceAccount": "999999999999"}
    client.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy)
    )


def the_subscription(account: Account) -> str:
    (only,) = account.client("sns").list_subscriptions_by_topic(
        TopicArn=account.resources["SesTopic"]
    )["Subscriptions"]
    return str(only["SubscriptionArn"])


def unsubscribed(account: Account) -> None:
    account.client("sns").unsubscribe(SubscriptionArn=the_subscription(account))


def filtered(account: Account) -> None:
    account.client("sns").set_subscription_attributes(
        SubscriptionArn=the_subscription(account),
        AttributeName="FilterPolicy",
        AttributeValue='{"eventType": ["Send"]}',
    )


def in_envelopes(account: Account) -> None:
    account.client("sns").set_subscription_attributes(
        SubscriptionArn=the_subscription(account),
        AttributeName="RawMessageDelivery",
        AttributeValue="false",
    )


def queue_closed(account: Account) -> None:
    account.client("sqs").set_queue_attributes(
        QueueUrl=account.resources["IngestQueue"], Attributes={"Policy": ""}
    )


def mapping_disabled(account: Account) -> None:
    account.client("lambda").update_event_source_mapping(
        UUID=account.resources["DispatchFunctionQueue"], Enabled=False
    )


def mapping_gone(account: Account) -> None:
    account.client("lambda").delete_event_source_mapping(
        UUID=account.resources["ProjectFunctionLog"]
    )


def ten_at_a_time(account: Account) -> None:
    account.state.answers["/2016-08-19/account-settings"] = {
        "AccountLimit": {"ConcurrentExecutions": 10}
    }


def dead(account: Account, queue: str) -> None:
    account.client("sqs").send_message(QueueUrl=account.resources[queue], MessageBody="x")


def dead_events(account: Account) -> None:
    dead(account, "IngestDlq")


def dead_projections(account: Account) -> None:
    dead(account, "ProjectionsDlq")


def late(account: Account) -> None:
    dead(account, "IngestQueue")
    name = account.resources["IngestQueue"].rpartition("/")[2]
    datum = {
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": name}],
        "Value": 1200.0,
    }
    account.client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[datum])


def alarm_on(account: Account) -> None:
    account.client("cloudwatch").set_alarm_state(
        AlarmName=account.resources["SilenceAlarm"], StateValue="ALARM", StateReason="x"
    )


def alarm_gone(account: Account) -> None:
    account.client("cloudwatch").delete_alarms(AlarmNames=[account.resources["SilenceAlarm"]])


def mute_alarm(account: Account) -> None:
    account.set_alarm("SilenceAlarm", AlarmActions=[])


def alarm_switched_off(account: Account) -> None:
    account.set_alarm("SilenceAlarm", ActionsEnabled=False)


def nobody_listens(account: Account) -> None:
    sns = account.client("sns")
    (only,) = sns.list_subscriptions_by_topic(TopicArn=account.topic)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=only["SubscriptionArn"])


def four_months_later(account: Account) -> None:
    account.at += timedelta(days=120)


def two_years_later(account: Account) -> None:
    account.at += timedelta(days=730)


def keys_broken(account: Account) -> None:
    account.client("secretsmanager").put_secret_value(
        SecretId=account.resources["ApiKeys"], SecretString='{"keys": {}}'
    )


def key_malformed(account: Account) -> None:
    account.client("secretsmanager").put_secret_value(
        SecretId=account.resources["ApiKeys"], SecretString='{"keys": [{}]}'
    )


def unprotected(account: Account) -> None:
    account.client("dynamodb").update_table(
        TableName=account.resources["ParticipantsTable"], DeletionProtectionEnabled=False
    )


def without_recovery(account: Account) -> None:
    account.client("dynamodb").update_continuous_backups(
        TableName=account.resources["CommunicationsTable"],
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )
