"""The floor: as little as can be done for an event, a pixel or a link.

Each handler parses what it gets and writes as many bytes as ours does, but they mean nothing: a key
that is new, and a filler. Nothing is verified, nothing is logged or counted. Requests are signed by
hand, with a key derived once, and go over one kept-alive connection of the standard library.
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
_TABLE: Final = os.environ.get("EVENTS_TABLE", "")
_HOST: Final = urlsplit(os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", "")).netloc
_CONNECTION: Final = HTTPConnection(_HOST)
_DAY: Final = time.strftime("%Y%m%d", time.gmtime())
_SCOPE: Final = f"{_DAY}/{os.environ.get('AWS_REGION')}/dynamodb/aws4_request"
_CREDENTIAL: Final = f"{os.environ.get('AWS_ACCESS_KEY_ID')}/{_SCOPE}"
_FILLER: Final = "x" * 10_000


def ingest(event: Json, _context: object) -> Json:
    """Takes an SQS batch; `size`, which SQS does not send, says how large an item is to be."""
    requests = []
    for record in event["Records"]:
        message = json.loads(record["body"])
        item = _item(message["mail"]["messageId"], message["eventType"], record["size"])
        requests.append({"PutRequest": {"Item": item}})
    for start in range(0, len(requests), 25):
        some = {"RequestItems": {_TABLE: requests[start : start + 25]}}
        answer = _call("DynamoDB_20120810.BatchWriteItem", some)
        if answer["UnprocessedItems"]:
            raise RuntimeError(f"left unprocessed: {answer}")
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
        "message_id": {"S": message_id},
        "event_key": {"S": event_key},
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
_FRAME: Final = len(_compact({"message_id": {"S": ""}, "event_key": {"S": ""}, "rest": {"S": ""}}))
