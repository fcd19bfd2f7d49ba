"""The data plane: tables, queues, topic and secrets, in moto and, if asked for, DynamoDB Local.

moto's CloudFormation makes what it can of the template. What it cannot make (subscriptions with
attributes, secrets, SES's configuration sets, the policies of topics and queues) is made here, from
the same template; policies and configuration sets have no effect. Roles, schedules and alarms are
left out. SES's identity, which a template does not make, is made here too.
"""

from __future__ import annotations

import json
import re
import secrets
import string
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config

from local.iam import POLICIES, Statement
from local.template import ACCOUNT, REGION, Resources

__all__ = ["SENDER_DOMAIN", "Endpoints", "build", "credentials", "enforce", "note", "wait_until_up"]

SENDER_DOMAIN: Final = "society.example"
"""The domain that SES here lets one send from."""

_BY_CLOUDFORMATION: Final = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Logs::LogGroup",
        "AWS::SQS::Queue",
        "AWS::SNS::Topic",
        "AWS::S3::Bucket",
    }
)
_CONFIG: Final = Config(max_pool_connections=50)
"""Each queue that is polled has a connection of its own; boto3 keeps ten."""
_JSON: Final = {"Content-Type": "application/json"}
_TABLE_PROPERTIES: Final = (
    "TableName",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "BillingMode",
)


class Endpoints:
    """Where AWS is here, and clients of it."""

    def __init__(self, aws: str, dynamodb: str | None = None) -> None:
        self.aws = aws
        self.dynamodb = dynamodb or aws
        self._clients: dict[str, Any] = {}  # and their connections, which end with this object

    def client(self, service: str) -> Any:
        """A boto3 client of a service."""
        if service not in self._clients:
            self._clients[service] = self._made(service)
        return self._clients[service]

    def _made(self, service: str) -> Any:
        local_to_dynamodb = service in ("dynamodb", "dynamodbstreams")
        make: Any = boto3.client  # its stubs know each service by name, and not by a variable
        return make(
            service,
            region_name=REGION,
            endpoint_url=self.dynamodb if local_to_dynamodb else self.aws,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 -- moto takes any
            config=_CONFIG,
        )

    def environment(self) -> dict[str, str]:
        """The variables that lead any AWS SDK here."""
        found = credentials() | {"AWS_ENDPOINT_URL": self.aws}
        if self.dynamodb != self.aws:
            found |= {
                "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb,
                "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": self.dynamodb,
            }
        return found


def credentials() -> dict[str, str]:
    """Variables with credentials that moto and DynamoDB Local take."""
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def build(resources: Resources, endpoints: Endpoints) -> None:
    """Makes everything, and notes in `resources` what each came to be."""
    elsewhere = endpoints.dynamodb != endpoints.aws
    by_cloudformation = _BY_CLOUDFORMATION - ({"AWS::DynamoDB::Table"} if elsewhere else set())
    _create_stack(resources, endpoints, by_cloudformation)
    if elsewhere:
        _create_tables(resources, endpoints)
    _create_secrets(resources, endpoints)
    _create_identity(endpoints)
    _create_bus(resources, endpoints)
    note(resources, endpoints)
    _subscribe(resources, endpoints)
    _allow(resources, endpoints)
    _create_configuration_sets(resources, endpoints)


def _create_identity(endpoints: Endpoints) -> None:
    ses = endpoints.client("sesv2")
    if SENDER_DOMAIN not in [
        each["IdentityName"] for each in ses.list_email_identities()["EmailIdentities"]
    ]:
        ses.create_email_identity(EmailIdentity=SENDER_DOMAIN)


def _create_bus(resources: Resources, endpoints: Endpoints) -> None:
    """The event bus that a parameter names, which a template does not make."""
    name = resources.parameters.get("EventBusName")
    if name and name != "default":
        endpoints.client("events").create_event_bus(Name=name)


def enforce(granted: list[Statement], endpoints: Endpoints) -> None:
    """Has what functions call checked against what they are granted, from now on; not what DynamoDB
    Local is asked, which is AWS's own program.
    """
    body = json.dumps([[each.function, each.action, each.resource] for each in granted]).encode()
    urlopen(Request(endpoints.aws + POLICIES, data=body, method="PUT", headers=_JSON)).close()


def note(resources: Resources, endpoints: Endpoints) -> None:
    """Notes in `resources` what each came to be, of what `build` has made."""
    _note_tables(resources, endpoints)
    _note_queues_and_topics(resources, endpoints)
    for logical_id, properties in resources.of_type("AWS::S3::Bucket").items():
        resources.physical[logical_id, ""] = properties["BucketName"]
        resources.physical[logical_id, "Arn"] = f"arn:aws:s3:::{properties['BucketName']}"
    for logical_id, properties in resources.of_type("AWS::SES::ConfigurationSet").items():
        resources.physical[logical_id, ""] = resources.resolve(properties["Name"])
    pages = endpoints.client("secretsmanager").get_paginator("list_secrets").paginate()
    arns = {each["Name"]: each["ARN"] for page in pages for each in page["SecretList"]}
    for logical_id, properties in resources.of_type("AWS::SecretsManager::Secret").items():
        resources.physical[logical_id, ""] = arns[properties["Name"]]


def _create_stack(resources: Resources, endpoints: Endpoints, kinds: frozenset[str]) -> None:
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {
            name: {"Type": "String", "Default": str(value)}
            for name, value in resources.parameters.items()
        },
        "Conditions": dict(resources.conditions),
        "Resources": {
            name: resource for name, resource in resources.all.items() if resource["Type"] in kinds
        },
    }
    client = endpoints.client("cloudformation")
    client.create_stack(StackName=resources.stack, TemplateBody=json.dumps(template, default=str))
    status = client.describe_stacks(StackName=resources.stack)["Stacks"][0]["StackStatus"]
    if status != "CREATE_COMPLETE":
        raise RuntimeError(f"moto's CloudFormation says {status}")


def _create_tables(resources: Resources, endpoints: Endpoints) -> None:
    client = endpoints.client("dynamodb")
    for properties in resources.of_type("AWS::DynamoDB::Table").values():
        name = properties["TableName"]
        wanted: dict[str, Any] = {
            key: properties[key] for key in _TABLE_PROPERTIES if key in properties
        }
        stream = properties.get("StreamSpecification")
        if stream:
            wanted["StreamSpecification"] = {"StreamEnabled": True} | stream
        if name in client.list_tables()["TableNames"]:
            client.delete_table(TableName=name)
        client.create_table(**wanted)
        ttl = properties.get("TimeToLiveSpecification")
        if ttl:
            client.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)


def _note_tables(resources: Resources, endpoints: Endpoints) -> None:
    client = endpoints.client("dynamodb")
    for logical_id, properties in resources.of_type("AWS::DynamoDB::Table").items():
        table = client.describe_table(TableName=properties["TableName"])["Table"]
        resources.physical[logical_id, ""] = table["TableName"]
        resources.physical[logical_id, "Arn"] = table["TableArn"]
        if "LatestStreamArn" in table:
            resources.physical[logical_id, "StreamArn"] = table["LatestStreamArn"]


def _note_queues_and_topics(resources: Resources, endpoints: Endpoints) -> None:
    pages = endpoints.client("sqs").get_paginator("list_queues").paginate()
    urls = {url.rsplit("/", 1)[1]: url for page in pages for url in page.get("QueueUrls", ())}
    for logical_id, properties in resources.of_type("AWS::SQS::Queue").items():
        name = properties["QueueName"]
        resources.physical[logical_id, ""] = urls[name]
        resources.physical[logical_id, "QueueName"] = name
        resources.physical[logical_id, "Arn"] = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    for logical_id, properties in resources.of_type("AWS::SNS::Topic").items():
        arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{properties['TopicName']}"
        resources.physical[logical_id, ""] = arn


def _subscribe(resources: Resources, endpoints: Endpoints) -> None:
    for properties in resources.of_type("AWS::SNS::Subscription").values():
        wanted = resources.resolve(properties)
        endpoints.client("sns").subscribe(
            TopicArn=wanted["TopicArn"],
            Protocol=wanted["Protocol"],
            Endpoint=wanted["Endpoint"],
            Attributes={"RawMessageDelivery": str(bool(wanted.get("RawMessageDelivery"))).lower()},
        )


def _allow(resources: Resources, endpoints: Endpoints) -> None:
    """Gives the topic and the queue their policies."""
    for properties in resources.of_type("AWS::SNS::TopicPolicy").values():
        wanted = resources.resolve(properties)
        for topic in wanted["Topics"]:
            endpoints.client("sns").set_topic_attributes(
                TopicArn=topic,
                AttributeName="Policy",
                AttributeValue=json.dumps(wanted["PolicyDocument"]),
            )
    for properties in resources.of_type("AWS::SQS::QueuePolicy").values():
        wanted = resources.resolve(properties)
        for queue in wanted["Queues"]:
            endpoints.client("sqs").set_queue_attributes(
                QueueUrl=queue, Attributes={"Policy": json.dumps(wanted["PolicyDocument"])}
            )


def _create_configuration_sets(resources: Resources, endpoints: Endpoints) -> None:
    client = endpoints.client("sesv2")
    for properties in resources.of_type("AWS::SES::ConfigurationSet").values():
        wanted = resources.resolve(properties)
        client.create_configuration_set(
            ConfigurationSetName=wanted["Name"], ReputationOptions=wanted["ReputationOptions"]
        )
    for properties in resources.of_type("AWS::SES::ConfigurationSetEventDestination").values():
        wanted = resources.resolve(properties)
        destination = wanted["EventDestination"]
        client.create_configuration_set_event_destination(
            ConfigurationSetName=wanted["ConfigurationSetName"],
            EventDestinationName=destination["Name"],
            EventDestination={
                "Enabled": destination["Enabled"],
                "SnsDestination": {"TopicArn": destination["SnsDestination"]["TopicARN"]},
                # CloudFormation names them as SES's first API did: renderingFailure.
                "MatchingEventTypes": [
                    re.sub("(?=[A-Z])", "_", each).upper()
                    for each in destination["MatchingEventTypes"]
                ],
            },
        )


def _create_secrets(resources: Resources, endpoints: Endpoints) -> None:
    client = endpoints.client("secretsmanager")
    for properties in resources.of_type("AWS::SecretsManager::Secret").values():
        given = resources.resolve(properties.get("SecretString"))
        text = given or _generated(properties["GenerateSecretString"])
        client.create_secret(Name=properties["Name"], SecretString=text)


def _generated(rule: Mapping[str, Any]) -> str:
    letters = string.ascii_letters + string.digits
    made = "".join(secrets.choice(letters) for _ in range(int(rule.get("PasswordLength", 32))))
    if "SecretStringTemplate" not in rule:
        return made
    content = json.loads(rule["SecretStringTemplate"])
    return json.dumps(content | {rule["GenerateStringKey"]: made})


def wait_until_up(endpoints: Endpoints, seconds: float = 30) -> None:
    """Waits for moto to answer.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            endpoints.client("sqs").list_queues()
        except Exception as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer from {endpoints.aws}") from error
            time.sleep(0.1)
        else:
            return
