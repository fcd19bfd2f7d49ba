"""The naive Lambda, as blog posts and AWS's own pages show it: one `put_item` of a `boto3.resource`
table for each thing that happens, and nothing else: no log line, no metric, no check.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode
from typing import Any

import boto3

Json = dict[str, Any]

table: Any = boto3.resource("dynamodb").Table(os.environ["TRAILS_TABLE"])


def ingest(event: Json, _context: object) -> None:
    """AWS Knowledge Center, "lambda-sns-ses-dynamodb", in Python, without its log lines."""
    for record in event["Records"]:
        message = json.loads(record["Sns"]["Message"])
        mail = message["mail"]
        table.put_item(
            Item={
                "trail": mail["messageId"],
                "entry": f"{record['Sns']['Timestamp']}#{message['eventType']}",
                "destination": str(mail["destination"]),
                "type": message["eventType"],
                "from": mail["source"],
                "sent_at": mail["timestamp"],
            }
        )


def track(event: Json, _context: object) -> Json:
    """A pixel or a link: who it was is read from the link, and believed."""
    context = event["requestContext"]
    said = json.loads(urlsafe_b64decode(event["pathParameters"]["token"]))
    message_id, participant_id, communication_id, _sent, *link = said
    table.put_item(
        Item={
            "trail": message_id,
            "entry": f"{context['time']}#{'Click' if link else 'Open'}",
            "participant_id": participant_id,
            "communication_id": communication_id,
            "ip": context["http"]["sourceIp"],
            "user_agent": context["http"]["userAgent"],
        }
    )
    if link:
        headers = {"Location": link[-1], "Cache-Control": "no-store"}
        return {"statusCode": 302, "headers": headers, "body": ""}
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "image/gif", "Cache-Control": "no-store"},
        "body": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
        "isBase64Encoded": True,
    }
