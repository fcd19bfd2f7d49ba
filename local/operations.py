"""What an operator does with a running stack: invoke a function, redrive a queue, make a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3

from local.aws import Endpoints, note
from local.functions import FunctionError, Functions
from local.stack import StackError, read
from local.template import load, parameters_here
from sendtrail.domain.times import now
from sendtrail.keys import Scope, new_key

__all__ = ["invoke", "make_key", "redrive"]


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
    """Moves what is in ingest's dead-letter queue back into its queue, as SQS's redrive does.

    Returns:
        how many messages were moved.
    """
    sqs = endpoints_of(state).client("sqs")
    moved = 0
    while True:
        found = sqs.receive_message(
            QueueUrl=state["ingest_dlq_url"], MaxNumberOfMessages=10, VisibilityTimeout=30
        ).get("Messages", [])
        if not found:
            return moved
        for message in found:
            sqs.send_message(QueueUrl=state["ingest_queue_url"], MessageBody=message["Body"])
            sqs.delete_message(
                QueueUrl=state["ingest_dlq_url"], ReceiptHandle=message["ReceiptHandle"]
            )
            moved += 1


def make_key(scope: str, name: str, aws_stack: str | None) -> str:
    """Makes an API key, keeps its hash in the stack's secret, and returns the key: once.

    Args:
        aws_stack: the CloudFormation stack in AWS, by the caller's own credentials; None for the
            stack on this machine.
    """
    if aws_stack:
        stacks = boto3.client("cloudformation").describe_stacks(StackName=aws_stack)["Stacks"]
        outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in stacks[0]["Outputs"]}
        secret, client = outputs["ApiKeysSecret"], boto3.client("secretsmanager")
    else:
        state = read()
        secret, client = state["api_keys_secret"], endpoints_of(state).client("secretsmanager")
    kept = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    key, entry = new_key(Scope(scope), name, now())
    kept["keys"].append(entry)
    client.put_secret_value(SecretId=secret, SecretString=json.dumps(kept))
    return key
