"""The usual way to keep counters, which `benchmarks/cost.py` measures ours beside."""

from __future__ import annotations

import json
import os
from typing import Any, Final

import boto3

Json = dict[str, Any]

client: Any = boto3.client("dynamodb")
LOG: Final = os.environ["TRAILS_TABLE"]
MESSAGES: Final = os.environ["MESSAGES_TABLE"]
COUNTER_NAMES: Final = os.environ["COMMUNICATIONS_TABLE"]


def put_and_transaction(event: Json, _context: object) -> Json:
    """For each notification an item in a log, unless it is there, and then one transaction that
    brings the message and the counters of its mailing up to date.

    A second worker that finds the item there stops, so a crash between the two loses a count.
    """
    for record in event["Records"]:
        _take(json.loads(record["body"]))
    return {"batchItemFailures": []}


def _take(message: Json) -> None:
    mail, kind = message["mail"], message["eventType"]
    detail = message.get(kind.lower(), {})
    at = detail.get("timestamp", mail["timestamp"])
    message_id, participant_id, communication_id = (
        {"S": mail["tags"][name][0]}
        for name in ("message_id", "participant_id", "communication_id")
    )
    item = {
        "trail": message_id,
        "entry": {"S": f"{at}#{kind}"},
        "participant_id": participant_id,
        "communication_id": communication_id,
        "detail": {"S": json.dumps(detail)},
    }
    try:
        client.put_item(TableName=LOG, Item=item, ConditionExpression="attribute_not_exists(trail)")
    except client.exceptions.ConditionalCheckFailedException:
        return
    state = {
        "TableName": MESSAGES,
        "Key": {"participant_id": participant_id, "message_id": message_id},
        "UpdateExpression": "SET #status = :kind, #at = :at, subject = :subject, "
        "address = :address, communication_id = :communication ADD #count :one",
        "ExpressionAttributeNames": {
            "#status": "status",
            "#at": f"{kind}_at",
            "#count": f"{kind}_count",
        },
        "ExpressionAttributeValues": {
            ":kind": {"S": kind},
            ":at": {"S": at},
            ":subject": {"S": mail["commonHeaders"]["subject"]},
            ":address": {"S": mail["destination"][0]},
            ":communication": communication_id,
            ":one": {"N": "1"},
        },
    }
    counters = {
        "TableName": COUNTER_NAMES,
        "Key": {"communication_id": communication_id, "part": {"S": "stats"}},
        "UpdateExpression": "ADD #count :one",
        "ExpressionAttributeNames": {"#count": kind},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    client.transact_write_items(TransactItems=[{"Update": state}, {"Update": counters}])
