"""Targets: the stack that a command works on, on this machine or in AWS."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3

from sendtrail.aws.secrets import Secrets
from sendtrail.domain.soft_bounces import SoftBouncePolicy
from sendtrail.errors import ConfigurationError, NotFoundError

__all__ = ["OTHERS", "Target"]

OTHERS: Final = ""
"""The endpoint of all services that have none of their own."""

_STACK_FILE: Final = Path(".local/stack.json")
"""What the local stack says of itself, below the folder in which it was started."""


@dataclass(frozen=True, slots=True)
class Target:
    """One stack.

    Attributes:
        session: with region and credentials.
        resources: logical id in the template → physical id, as CloudFormation gives it: the name of
            a table, the URL of a queue, the ARN of a secret.
        parameters: of the stack.
        endpoints: service → URL, for the local stack, and of all others that of `OTHERS`; empty in
            AWS.
        outputs: of the stack, as far as there are any in both.
    """

    session: boto3.Session
    resources: Mapping[str, str]
    parameters: Mapping[str, str]
    endpoints: Mapping[str, str]
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def publishes(self) -> bool:
        """Whether the stack publishes events, to webhooks or an event bus."""
        given = self.parameters
        return given.get("Webhooks") == "yes" or bool(given.get("EventBusName"))

    @classmethod
    def of(cls, aws_stack: str | None, session: boto3.Session | None = None) -> Target:
        """A CloudFormation stack in AWS, by the caller's own credentials; or, if no name is given,
        the local stack of this folder.

        Args:
            aws_stack: its name; or its ARN, by which one is found for 90 days after its deletion.
            session: with another region, or other credentials, than the environment's.

        Raises:
            NotFoundError: none runs here, or the stack in AWS is not Sendtrail's.
            ConfigurationError: the local stack's file cannot be read.
        """
        return cls._in_aws(aws_stack, session or boto3.Session()) if aws_stack else cls._here()

    @classmethod
    def _here(cls) -> Target:
        try:
            state = json.loads(_STACK_FILE.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFoundError(
                f"no local stack runs in {Path.cwd()} (there is no {_STACK_FILE}): start one by "
                "`make run`, or name a stack in AWS by --aws STACK"
            ) from None
        except ValueError as error:
            raise ConfigurationError(f"{_STACK_FILE} is not JSON: {error}") from error
        session = boto3.Session(
            region_name=state["region"],
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 -- moto takes any
        )
        endpoints = {
            OTHERS: state["aws_endpoint"],
            "dynamodb": state["dynamodb_endpoint"] or state["aws_endpoint"],
        }
        outputs = {"ApiUrl": state["gateway"]}
        return cls(session, state["resources"], state["parameters"], endpoints, outputs)

    @classmethod
    def _in_aws(cls, name: str, session: boto3.Session) -> Target:
        cloudformation = session.client("cloudformation")
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        resources = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if "PhysicalResourceId" in each
        }
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        parameters = {
            each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())
        }
        if "RetentionDays" not in parameters:
            raise NotFoundError(f"the stack {name} is not one of Sendtrail: no RetentionDays")
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
        return cls(session, resources, parameters, {}, outputs)

    @property
    def retention_days(self) -> int:
        """How long the log keeps what happened to a message."""
        return int(self.parameters["RetentionDays"])

    @property
    def soft_bounce_policy(self) -> SoftBouncePolicy:
        """When an address that bounces softly is given up; never in an older stack."""
        count, days = (self.parameters.get(name, "0") for name in ("SoftBounces", "SoftBounceDays"))
        return SoftBouncePolicy(int(count), int(days))

    @property
    def is_in_aws(self) -> bool:
        """Whether the stack is not the local one."""
        return not self.endpoints

    def client(self, service: str) -> Any:
        """A boto3 client."""
        make: Any = self.session.client
        return make(service, endpoint_url=self.endpoints.get(service, self.endpoints.get(OTHERS)))

    def resource(self, logical_id: str) -> str:
        """A physical id.

        Raises:
            NotFoundError: the stack has no such resource.
        """
        try:
            return self.resources[logical_id]
        except KeyError:
            raise NotFoundError(f"the stack has no resource {logical_id}") from None

    def variables(self) -> dict[str, str]:
        """Region, credentials and endpoints, as the environment variables by which the package's
        own clients are led.

        Raises:
            NotFoundError: there are no credentials, or no region.
        """
        found = self.session.get_credentials()
        if found is None or not self.session.region_name:
            raise NotFoundError("no AWS credentials, or no region; see `aws configure`")
        frozen = found.get_frozen_credentials()
        variables = {
            **os.environ,
            "AWS_REGION": self.session.region_name,
            "AWS_ACCESS_KEY_ID": frozen.access_key or "",
            "AWS_SECRET_ACCESS_KEY": frozen.secret_key or "",
        }
        if frozen.token:
            variables["AWS_SESSION_TOKEN"] = frozen.token
        for service, url in self.endpoints.items():
            variables[f"AWS_ENDPOINT_URL_{service.upper()}".rstrip("_")] = url
        return variables

    def secrets(self) -> Secrets:
        """The package's own client of Secrets Manager."""
        return Secrets(self.variables())
