"""`python -m local rebuild`: the tables made anew from the log, here or in AWS."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import boto3

from local.aws import Endpoints
from sendtrail.aws.dynamodb import DynamoDB, from_attributes
from sendtrail.aws.service import RetryPolicy
from sendtrail.projections.rebuild import Rebuild, Tables

__all__ = ["rebuild_here", "rebuild_in_aws", "rebuild_with", "tables_of"]

Page = list[dict[str, Any]]
Pages = Callable[[str, int], Iterator[Page]]
"""The items of one part of a table, page by page: its name and the number of the part."""

_PARTS: Final = 8
"""Into how many parts a table is cut, which are read at the same time."""
_RUNS_AT_MOST: Final = 65.0
"""Seconds: ProjectMessagesFunction's timeout in template.yaml, and a little more."""
_LONG: Final = RetryPolicy(attempts=20)
"""Half a minute or so: nobody waits for an answer, and to begin again would cost more."""
_LOGICAL: Final = ("Events", "Messages", "Communications", "Participants", "Suppressions")


def tables_of(names: Mapping[str, str]) -> Tables:
    """The tables, by their names in the template without ``Table``."""
    return Tables(*(names[name] for name in _LOGICAL))


def rebuild_with(
    database: Any,
    environment: Mapping[str, str],
    tables: Tables,
    *,
    retention_days: int,
    go_on: bool,
    wait: float = _RUNS_AT_MOST,
    say: Callable[[str], None] = print,
) -> Rebuild:
    """Does a whole rebuild.

    Args:
        database: a boto3 client of DynamoDB, to read whole tables with.
        environment: leads our own client there, with credentials.
        go_on: goes on with the latest rebuild, which was broken off.
        wait: seconds that a batch of project_messages may take.
        say: is told how far it is.
    """
    db = DynamoDB(environment, retry_policy=_LONG)
    rebuild = Rebuild.begin(db, tables, retention_days=retention_days, go_on=go_on)
    say(f"rebuild {rebuild.epoch}: waiting {wait:.0f} s for batches that are under way")
    time.sleep(wait)

    def pages(table: str, part: int) -> Iterator[Page]:
        found = database.get_paginator("scan").paginate(
            TableName=table, Segment=part, TotalSegments=_PARTS, ConsistentRead=True
        )
        for page in found:
            yield [from_attributes(item) for item in page["Items"]]

    for table, take in ((tables.events, rebuild.apply_log), (tables.messages, rebuild.apply_rest)):

        def take_part(part: int, table: str = table, take: Any = take) -> None:
            for page in pages(table, part):
                take(page)

        with ThreadPoolExecutor(max_workers=_PARTS) as workers:
            list(workers.map(take_part, range(_PARTS)))
        counts = ", ".join(f"{number:,} {what}" for what, number in sorted(rebuild.done.items()))
        say(f"read {table}: {counts or 'nothing'}")
    return rebuild


def rebuild_here(state: Mapping[str, Any], *, go_on: bool, wait: float) -> None:
    """Rebuilds the tables of a stack on this machine."""
    endpoints = Endpoints(state["aws_endpoint"], state["dynamodb_endpoint"])
    rebuild_with(
        endpoints.client("dynamodb"),
        endpoints.environment(),
        tables_of(state["tables"]),
        retention_days=state["retention_days"],
        go_on=go_on,
        wait=wait,
    )


def rebuild_in_aws(stack: str, *, go_on: bool, wait: float) -> None:
    """Rebuilds the tables of a CloudFormation stack in AWS, by the caller's own credentials."""
    session = boto3.Session()
    cloudformation = session.client("cloudformation")
    names = {
        name: cloudformation.describe_stack_resource(
            StackName=stack, LogicalResourceId=f"{name}Table"
        )["StackResourceDetail"]["PhysicalResourceId"]
        for name in _LOGICAL
    }
    (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}
    rebuild_with(
        session.client("dynamodb"),
        _environment(session),
        tables_of(names),
        retention_days=int(parameters["RetentionDays"]),
        go_on=go_on,
        wait=wait,
    )


def _environment(session: boto3.Session) -> dict[str, str]:
    """The session's region and credentials, as variables.

    Raises:
        ValueError: it has none.
    """
    found = session.get_credentials()
    if found is None or not session.region_name:
        raise ValueError("no AWS credentials, or no region; see `aws configure`")
    frozen = found.get_frozen_credentials()
    return {
        **os.environ,
        "AWS_REGION": session.region_name,
        "AWS_ACCESS_KEY_ID": frozen.access_key or "",
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key or "",
        **({"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {}),
    }
