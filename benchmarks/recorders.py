"""Two usual ways to record what SES publishes, as functions to measure ours beside. By itself it
measures nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

__all__ = ["put_and_transaction", "sample"]

Handler = Callable[[dict[str, Any], Any], Any]


def sample() -> Handler:
    """AWS Knowledge Center, "lambda-sns-ses-dynamodb", in Python: an item for each notification.

    There is no aggregate: who opened what is found by reading all of it.
    """
    import boto3

    table = boto3.resource("dynamodb").Table(os.environ["EVENTS_TABLE"])

    def handler(event: dict[str, Any], _context: Any) -> None:
        for record in event["Records"]:
            message = json.loads(record["Sns"]["Message"])
            mail = message["mail"]
            table.put_item(
                Item={
                    "message_id": mail["messageId"],
                    "event_key": f"{record['Sns']['Timestamp']}#{message['eventType']}",
                    "destination": str(mail["destination"]),
                    "type": message["eventType"],
                    "from": mail["source"],
                    "sent_at": mail["timestamp"],
                    "subject": mail["commonHeaders"]["subject"],
                }
            )

    return handler


def put_and_transaction() -> Handler:
    """For each notification an item in a log, unless it is there, and then one transaction that
    brings the message and the counters of its mailing up to date: the usual way to keep counters.

    A second worker that finds the item there stops, so a crash between the two loses a count.
    """
    import boto3

    client = boto3.client("dynamodb")
    log, messages, counters = (
        os.environ[name] for name in ("EVENTS_TABLE", "MESSAGES_TABLE", "COMMUNICATIONS_TABLE")
    )

    def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        for record in event["Records"]:
            take(json.loads(record["body"]))
        return {"batchItemFailures": []}

    def take(message: dict[str, Any]) -> None:
        mail, kind = message["mail"], message["eventType"]
        tags = {name: values[0] for name, values in mail["tags"].items()}
        at = message.get(kind.lower(), {}).get("timestamp", mail["timestamp"])
        try:
            client.put_item(
                TableName=log,
                Item={
                    "message_id": {"S": tags["message_id"]},
                    "event_key": {"S": f"{at}#{kind}"},
                    "participant_id": {"S": tags["participant_id"]},
                    "communication_id": {"S": tags["communication_id"]},
                    "detail": {"S": json.dumps(message.get(kind.lower(), {}))},
                },
                ConditionExpression="attribute_not_exists(message_id)",
            )
        except client.exceptions.ConditionalCheckFailedException:
            return
        client.transact_write_items(
            TransactItems=[
                {
                    "Update": {
                        "TableName": messages,
                        "Key": {
                            "participant_id": {"S": tags["participant_id"]},
                            "message_id": {"S": tags["message_id"]},
                        },
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
                            ":communication": {"S": tags["communication_id"]},
                            ":one": {"N": "1"},
                        },
                    }
                },
                {
                    "Update": {
                        "TableName": counters,
                        "Key": {
                            "communication_id": {"S": tags["communication_id"]},
                            "part": {"S": "stats"},
                        },
                        "UpdateExpression": "ADD #count :one",
                        "ExpressionAttributeNames": {"#count": kind},
                        "ExpressionAttributeValues": {":one": {"N": "1"}},
                    }
                },
            ]
        )

    return handler
