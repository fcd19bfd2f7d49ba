"""The floor: as little as can be done for an event, a pixel or a link.

Each handler parses what it gets and writes as many bytes as ours does, by as many requests, but
they mean nothing: a key that is new, and a filler. Nothing is verified, nothing is logged or
counted. Requests are signed by hand, with a key derived once, and go over one kept-alive connection
of the standard library.
"""

from __future__ import annotations

import hmac
import json
import os
import time
from hashlib import sha256
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

Json = dict[str, Any]

_TYPE: Final = "application/x-amz-json-1.0"
_NAMES: Final = "content-type;host;x-amz-date;x-amz-target"
_PIXEL: Final = {
    "statusCode": 200,
    "headers": {"Content-Type": "image/gif", "Cache-Control": "no-store"},
    "body": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
    "isBase64Encoded": True,
}
_TABLE: Final = os.environ.get("TRAILS_TABLE", "")
_HOST: Final = urlsplit(os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", "")).netloc
_CONNECTION: Final = HTTPConnection(_HOST)
_DAY: Final = time.strftime("%Y%m%d", time.gmtime())
_SCOPE: Final = f"{_DAY}/{os.environ.get('AWS_REGION')}/dynamodb/aws4_request"
_CREDENTIAL: Final = f"{os.environ.get('AWS_ACCESS_KEY_ID')}/{_SCOPE}"
_FILLER: Final = "x" * 10_000


def ingest(event: Json, _context: object) -> Json:
    """Takes an SQS batch; `size`, which SQS does not send, says how many bytes an event is to be:
    those of a message's row, in a set, and a hit an item of its own.
    """
    rows: dict[str, list[str]] = {}
    for record in event["Records"]:
        message = json.loads(record["body"])
        key, kind = message["mail"]["messageId"], message["eventType"]
        if kind in ("Open", "Click"):
            item = _item(key, kind, record["size"])
            _call("DynamoDB_20120810.PutItem", {"TableName": _TABLE, "Item": item})
        else:
            rows.setdefault(key, []).append(kind + _FILLER[: record["size"] - len(kind)])
    for key, elements in rows.items():
        update = {
            "TableName": _TABLE,
            "Key": {"trail": {"S": key}, "entry": {"S": "row"}},
            "UpdateExpression": "ADD #events :events",
            "ExpressionAttributeNames": {"#events": "events"},
            "ExpressionAttributeValues": {":events": {"SS": elements}},
        }
        _call("DynamoDB_20120810.UpdateItem", update)
    return {"batchItemFailures": []}


def track(event: Json, _context: object) -> Json:
    """Takes a request for a pixel or a link; its `size` and `location` are not API Gateway's."""
    item = _item(event["requestContext"]["requestId"], event["routeKey"], event["size"])
    _call("DynamoDB_20120810.PutItem", {"TableName": _TABLE, "Item": item})
    if not event["location"]:
        return _PIXEL
    headers = {"Location": event["location"], "Cache-Control": "no-store"}
    return {"statusCode": 302, "headers": headers, "body": ""}


def _item(message_id: str, event_key: str, size: int) -> Json:
    """An item in DynamoDB's JSON: the log's keys, and so much more that it has `size` bytes."""
    missing = size - _FRAME - len(message_id) - len(event_key)
    return {
        "trail": {"S": message_id},
        "entry": {"S": event_key},
        "rest": {"S": _FILLER[:missing]},
    }


def _call(target: str, request: Json) -> Json:
    """Calls an operation of DynamoDB (AWS Signature Version 4)."""
    body = _compact(request).encode()
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    canonical = (
        f"POST\n/\n\ncontent-type:{_TYPE}\nhost:{_HOST}\nx-amz-date:{date}\n"
        f"x-amz-target:{target}\n\n{_NAMES}\n{sha256(body).hexdigest()}"
    )
    text = f"AWS4-HMAC-SHA256\n{date}\n{_SCOPE}\n{sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_KEY, text.encode(), "sha256").hex()
    headers = {
        "Host": _HOST,
        "Content-Type": _TYPE,
        "X-Amz-Date": date,
        "X-Amz-Target": target,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={_CREDENTIAL}, SignedHeaders={_NAMES}, "
        f"Signature={signature}",
    }
    _CONNECTION.request("POST", "/", body=body, headers=headers)
    response = _CONNECTION.getresponse()
    answer: Json = json.loads(response.read())
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {answer}")
    return answer


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _signing_key() -> bytes:
    key = ("AWS4" + os.environ.get("AWS_SECRET_ACCESS_KEY", "")).encode()
    for part in _SCOPE.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


_KEY: Final = _signing_key()
_FRAME: Final = len(_compact({"trail": {"S": ""}, "entry": {"S": ""}, "rest": {"S": ""}}))
