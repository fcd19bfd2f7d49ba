"""What an operator does with a running stack: invoke a function, redrive the queues, recover what
only a log holds, make a key.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3

from local.aws import Endpoints, note
from local.functions import FunctionError, Functions
from local.paths import LOGS
from local.stack import StackError, read
from local.template import load, parameters_here
from sendtrail.auth.api_keys import Scope, new_key
from sendtrail.domain.times import now
from sendtrail.log.recovery import unsaved

__all__ = ["invoke", "make_key", "recover", "redrive"]


def endpoints_of(state: Mapping[str, Any]) -> Endpoints:
    """Clients of a running stack's AWS."""
    return Endpoints(state["aws_endpoint"], state["dynamodb_endpoint"])


def invoke(function: str, event: Mapping[str, Any]) -> Any:
    """Hands a function an event, in a process of its own beside the stack's.

    Raises:
        StackError: no stack runs, there is no such function, or it raised.
    """
    state = read()
    endpoints = endpoints_of(state)
    resources = load(parameters_here(state["gateway"]))
    note(resources, endpoints)
    known = resources.functions()
    if function not in known:
        raise StackError(f"no function {function}; there are: {', '.join(sorted(known))}")
    functions = Functions({function: known[function]}, endpoints.environment(), "invoke-")
    try:
        return functions.call(function, event)
    except FunctionError as error:
        raise StackError(str(error)) from error
    finally:
        functions.stop()


def redrive(state: Mapping[str, Any]) -> int:
    """Moves what is in the dead-letter queues of ingest and dispatch back into their queues, as
    SQS's redrive does.

    Returns:
        how many messages were moved.
    """
    sqs = endpoints_of(state).client("sqs")
    return sum(
        _redrive(sqs, state[f"{name}_dlq_url"], state[f"{name}_queue_url"])
        for name in ("ingest", "dispatch")
    )


def _redrive(sqs: Any, dead: str, alive: str) -> int:
    moved = 0
    while True:
        found = sqs.receive_message(
            QueueUrl=dead, MaxNumberOfMessages=10, VisibilityTimeout=30
        ).get("Messages", [])
        if not found:
            return moved
        for message in found:
            sqs.send_message(QueueUrl=alive, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
            moved += 1


def recover(files: Sequence[Path], aws_stack: str | None) -> int:
    """Sends to the ingest queue what functions could keep only in their logs. To do it again
    changes nothing.

    Args:
        files: logs, also compressed by gzip; the stack's own if there are none.
        aws_stack: the CloudFormation stack in AWS, by the caller's own credentials; None for the
            stack on this machine.

    Returns:
        how many events were sent.
    """
    if aws_stack:
        url, sqs = outputs_of(aws_stack)["IngestQueueUrl"], boto3.client("sqs")
    else:
        state = read()
        url, sqs = state["ingest_queue_url"], endpoints_of(state).client("sqs")
    sent = 0
    for path in files or sorted(LOGS.glob("*.log")):
        open_file = gzip.open if path.suffix == ".gz" else open
        with open_file(path, "rt", encoding="utf-8", errors="replace") as lines:
            for text in unsaved(lines):
                sqs.send_message(QueueUrl=url, MessageBody=text)
                sent += 1
    return sent


def outputs_of(aws_stack: str) -> dict[str, str]:
    """The outputs of a CloudFormation stack in AWS."""
    stacks = boto3.client("cloudformation").describe_stacks(StackName=aws_stack)["Stacks"]
    return {entry["OutputKey"]: entry["OutputValue"] for entry in stacks[0]["Outputs"]}


def make_key(scope: str, name: str, aws_stack: str | None) -> str:
    """Makes an API key, keeps its hash in the stack's secret, and returns the key: once.

    Args:
        aws_stack: the CloudFormation stack in AWS, by the caller's own credentials; None for the
            stack on this machine.
    """
    if aws_stack:
        secret = outputs_of(aws_stack)["ApiKeysSecret"]
        client = boto3.client("secretsmanager")
    else:
        state = read()
        secret, client = state["api_keys_secret"], endpoints_of(state).client("secretsmanager")
    kept = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    key, entry = new_key(Scope(scope), name, now())
    kept["keys"].append(entry)
    client.put_secret_value(SecretId=secret, SecretString=json.dumps(kept))
    return key
