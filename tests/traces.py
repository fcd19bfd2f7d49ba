"""Traces of a person in a stack: every item of every table, every object, every message of a queue,
searched for whatever may tell of them.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from hashlib import md5, sha1, sha256
from urllib.parse import quote, quote_plus

from local.aws import Endpoints
from local.template import Resources
from sendtrail.domain.ids import participant_of_address

__all__ = ["forms_of", "held", "traces"]


def forms_of(*words: str, addresses: Iterable[str] = ()) -> dict[str, str]:
    """In how many ways words, and addresses, may be written: form → of what it is, in lower case."""
    found: dict[str, str] = {}
    for word in [*words, *addresses]:
        for text in {word, word.lower(), word.upper()}:
            raw = text.encode()
            forms = [text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]]
            forms += [base64.b64encode(raw[skip:]).decode()[2:-4] for skip in range(3)]
            forms += [base64.urlsafe_b64encode(raw[skip:]).decode()[2:-4] for skip in range(3)]
            found |= {form.lower(): word for form in forms if len(form) >= 4}
    for address in addresses:
        for text in {address, address.lower(), address.strip().lower()}:
            for make in (md5, sha1, sha256):
                found[make(text.encode()).hexdigest()[:24]] = f"{make.__name__} of {address}"
        digest = participant_of_address(address)
        found[digest.lower()[-24:]] = f"placeholder of {address}"
    return found


def held(resources: Resources, endpoints: Endpoints) -> Iterator[tuple[str, str]]:
    """All that a stack holds: where, and as text."""
    dynamodb, s3, sqs = (endpoints.client(each) for each in ("dynamodb", "s3", "sqs"))
    for name in resources.of_type("AWS::DynamoDB::Table"):
        for page in dynamodb.get_paginator("scan").paginate(
            TableName=resources.physical[name, ""], ConsistentRead=True
        ):
            for item in page["Items"]:
                yield name, json.dumps(item, ensure_ascii=False)
    for name in resources.of_type("AWS::S3::Bucket"):
        bucket = resources.physical[name, ""]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page.get("Contents", ()):
                body = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
                yield f"{name}/{each['Key']}", each["Key"] + _text(body)
    for name in resources.of_type("AWS::SQS::Queue"):
        url = resources.physical[name, ""]
        for message in sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0
        ).get("Messages", ()):
            yield name, message["Body"]


def traces(found: Iterable[tuple[str, str]], forms: dict[str, str]) -> list[str]:
    """Where something is written of a person, and what."""
    return [
        f"{where}: {word!r} as {form!r} in {text[:300]}"
        for where, text in found
        for form, word in forms.items()
        if form in text.lower()
    ]


def _text(body: bytes) -> str:
    """An object's content, unpacked if it is packed."""
    for unpack in (gzip.decompress, zlib.decompress):
        try:
            return unpack(body).decode("utf-8", "replace")
        except (OSError, zlib.error, EOFError):
            continue
    return body.decode("utf-8", "replace")
