"""Our client of AWS's JSON protocol: the same bytes, the same signature, the same behaviour."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.aws.credentials import Credentials
from sendtrail.aws.dynamodb import DynamoDB, from_attributes, to_attributes
from sendtrail.aws.s3 import Bucket
from sendtrail.aws.secrets import Secrets
from sendtrail.aws.service import RetryPolicy, Service
from sendtrail.aws.signing import Identity, Signer
from sendtrail.aws.sqs import Sqs
from sendtrail.errors import (
    AwsError,
    ConditionFailedError,
    ConfigurationError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)
from tests.functional.scripted import Scripted, served

ENVIRONMENT = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}
INTERACTIVE = RetryPolicy(attempts=3, timeout=0.3, first_wait=0.001)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text()
    | st.frozensets(st.text(min_size=1), min_size=1, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_items_are_written_as_boto3_writes_them(item: dict[str, Any]) -> None:
    """The same JSON for the same item; a set has no order of its own."""
    theirs = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    assert _unordered(to_attributes(item)) == _unordered(theirs)
    read = {name: TypeDeserializer().deserialize(value) for name, value in theirs.items()}
    assert from_attributes(theirs) == read == item


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: sorted(v) if k == "SS" else _unordered(v) for k, v in value.items()}
    return [_unordered(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("token", [None, "session/token+=="])
@pytest.mark.parametrize("url", [None, "http://127.0.0.1:4566", "https://vpce.example/path"])
def test_requests_are_signed_as_botocore_signs_them(token: str | None, url: str | None) -> None:
    """The same signature for the same request, clock and credentials."""
    environment = ENVIRONMENT | ({"AWS_SESSION_TOKEN": token} if token else {})
    environment |= {"AWS_ENDPOINT_URL_DYNAMODB": url} if url else {}
    service = Service(
        name="dynamodb",
        target_prefix="DynamoDB_20120810",
        version="1.0",
        environment=environment,
    )
    body = b'{"TableName":"t"}'
    ours = service.sign("GetItem", body, date="20261124T093000Z")
    request = AWSRequest(
        "POST",
        url or "https://dynamodb.eu-west-1.amazonaws.com/",
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
        },
        data=body,
    )
    signer = SigV4Auth(BotoCredentials("AKID", "s", token), "dynamodb", "eu-west-1")
    request.context["timestamp"] = "20261124T093000Z"
    request.headers["X-Amz-Date"] = "20261124T093000Z"
    if token:
        request.headers["X-Amz-Security-Token"] = token
    string = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["Authorization"].endswith(f"Signature={signer.signature(string, request)}")
    assert ours.get("X-Amz-Security-Token") == token


@pytest.mark.parametrize("token", [None, "session/token+=="])
@pytest.mark.parametrize("url", [None, "http://127.0.0.1:4566", "https://vpce.example/path"])
@pytest.mark.parametrize("body", [None, b"{}"])
def test_objects_are_signed_as_botocore_signs_them(
    token: str | None, url: str | None, body: bytes | None
) -> None:
    """The same for S3, where the bucket has its own host unless somebody stands for AWS."""
    environment = ENVIRONMENT | ({"AWS_SESSION_TOKEN": token} if token else {})
    environment |= {"AWS_ENDPOINT_URL_S3": url} if url else {}
    headers = {} if body is None else {"Content-Type": "text/plain", "If-None-Match": "*"}
    method, key, date = "GET" if body is None else "PUT", "plans/a b+c.json", "20261124T093000Z"
    ours = Bucket(environment, "b").sign_object(method, key, body or b"", headers, date=date)
    where = f"{url}/b" if url else "https://b.s3.eu-west-1.amazonaws.com"
    request = AWSRequest(
        method, f"{where}/plans/a%20b%2Bc.json", headers=dict(headers), data=body or b""
    )
    signer = S3SigV4Auth(BotoCredentials("AKID", "s", token), "s3", "eu-west-1")
    request.context["timestamp"] = date
    signer._modify_request_before_signing(request)
    del request.headers["X-Amz-Date"]
    request.headers["X-Amz-Date"] = date
    string = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["Authorization"].endswith(f"Signature={signer.signature(string, request)}")
    assert ours["X-Amz-Content-SHA256"] == request.headers["X-Amz-Content-SHA256"]


def s3_error(code: str) -> str:
    """An answer of S3 that tells of an error."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Error><Code>{code}</Code><Message>m</Message><RequestId>r</RequestId></Error>"
    )


@pytest.mark.parametrize(
    ("answer", "error", "code", "asked"),
    [
        ((404, s3_error("NoSuchKey")), AwsError, "NoSuchKey", 1),
        ((403, s3_error("AccessDenied")), AwsError, "AccessDenied", 1),
        ((412, s3_error("PreconditionFailed")), ConditionFailedError, "PreconditionFailed", 1),
        ((409, s3_error("ConditionalRequestConflict")), UnreachableError, None, 3),
        ((400, s3_error("ExpiredToken")), UnreachableError, "ExpiredToken", 3),
        ((503, s3_error("SlowDown")), UnreachableError, "SlowDown", 3),
        ((500, "<html>"), UnreachableError, "HTTP500", 3),
        (None, UnreachableError, "NoAnswer", 3),
    ],
)
@pytest.mark.parametrize("writes", [False, True])
def test_trouble_with_objects_is_an_error_of_its_kind(
    answer: tuple[int, str] | None,
    error: type[AwsError],
    code: str | None,
    asked: int,
    *,
    writes: bool,
) -> None:
    """After all attempts, or at once where trying again would not help."""
    script = Scripted(*[answer] * 5)
    with served(script) as url:
        bucket = Bucket(ENVIRONMENT | {"AWS_ENDPOINT_URL": url}, "b", retry_policy=INTERACTIVE)
        with pytest.raises(error) as caught:
            bucket.put("k", b"{}", "application/json") if writes else bucket.get("k")
    assert type(caught.value) is error
    assert caught.value.code == (code or "ConditionalRequestConflict")
    assert len(script.asked) == asked


def test_an_object_is_written_once_and_read(moto_backend: Any) -> None:
    """The second does not take the first one's place; one that is not there is told."""
    bucket = Bucket(moto_backend.environment, moto_backend.resources.physical["PlansBucket", ""])
    bucket.put("plans/a.json", b"{}", "application/json")
    with pytest.raises(ConditionFailedError):
        bucket.put("plans/a.json", b"[]", "application/json")
    assert bucket.get("plans/a.json") == b"{}"
    with pytest.raises(AwsError) as caught:
        bucket.get("plans/b.json")
    assert caught.value.code == "NoSuchKey"


@pytest.mark.parametrize(
    ("headers", "body", "signature"),
    [
        ({}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            {"My-Header1": "value1"},
            b"",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
    ids=["post-vanilla", "post-header-key-sort", "post-x-www-form-urlencoded"],
)
def test_requests_are_signed_as_aws_has_published(
    headers: dict[str, str], body: bytes, signature: str
) -> None:
    """What of AWS's Signature Version 4 test suite is a POST as ours are."""
    signer = Signer(service="service", region="us-east-1", path="/")
    identity = Identity("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    signed = signer.sign(
        {"Host": "example.amazonaws.com", **headers}, body, identity, "20150830T123600Z"
    )
    names = ";".join(sorted(["host", "x-amz-date", *map(str.lower, headers)]))
    assert signed["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


plain = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(
    st.binary(max_size=200),
    st.lists(
        st.tuples(plain, plain, st.none() | plain, st.datetimes(timezones=st.just(UTC))),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["/", "/path", "/a b/ü", "/~x/%41"]),
    st.sampled_from(["dynamodb", "sqs"]),
)
def test_a_signer_signs_as_botocore_does_for_whomever_and_whenever(
    body: bytes,
    whose: list[tuple[str, str, str | None, datetime]],
    path: str,
    service: str,
) -> None:
    """One after the other: a key of another day or secret is not used again."""
    signer = Signer(service=service, region="eu-west-1", path=path)
    given_headers = {"Host": "h.example:81", "Content-Type": "a/b", "X-Amz-Target": "T.O"}
    for key, secret, token, moment in whose:
        date = moment.strftime("%Y%m%dT%H%M%SZ")
        ours = signer.sign(given_headers, body, Identity(key, secret, token), date)
        request = AWSRequest(
            "POST", f"http://h.example:81{path}", headers=dict(given_headers), data=body
        )
        theirs = SigV4Auth(BotoCredentials(key, secret, token), service, "eu-west-1")
        with patch("botocore.auth.get_current_datetime", return_value=moment):
            theirs.add_auth(request)
        assert ours == dict(request.headers.items())


def client(url: str) -> DynamoDB:
    """An impatient client of a server."""
    return DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL": url}, retry_policy=INTERACTIVE)


THROTTLED = (400, '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}')
BROKEN = (500, '{"__type":"InternalServerError"}')


@pytest.mark.parametrize("trouble", [THROTTLED, BROKEN, None, (200, "no json"), (503, "")])
def test_passing_trouble_is_tried_again(trouble: tuple[int, str] | None) -> None:
    """Throttling, server errors, hung up connections, broken answers."""
    script = Scripted(trouble, trouble, (200, '{"Item":{"a":{"S":"b"}}}'))
    with served(script) as url:
        assert client(url).get("t", {"k": "1"}) == {"a": "b"}
    assert len(script.asked) == 3


@pytest.mark.parametrize(
    ("answer", "error", "asked"),
    [
        (THROTTLED, ThrottledError, 3),
        (BROKEN, UnreachableError, 3),
        (None, UnreachableError, 3),
        ((400, '{"__type":"x#ConditionalCheckFailedException"}'), ConditionFailedError, 1),
        ((400, '{"__type":"x#ValidationException","message":"bad"}'), RefusedError, 1),
        ((403, '{"__type":"x#AccessDeniedException","Message":"no"}'), AwsError, 1),
    ],
)
def test_lasting_trouble_is_an_error_of_its_kind(
    answer: tuple[int, str] | None, error: type[AwsError], asked: int
) -> None:
    """After all attempts, or at once where trying again would not help."""
    script = Scripted(*[answer] * 5)
    with served(script) as url, pytest.raises(error) as caught:
        client(url).get("t", {"k": "1"})
    assert type(caught.value) is error
    assert len(script.asked) == asked


def test_one_connection_serves_many_calls() -> None:
    """It is kept alive."""
    script = Scripted()
    with served(script) as url:
        db = client(url)
        for _ in range(5):
            db.get("t", {"k": "1"})
    assert script.connections == 1


def test_what_is_left_unprocessed_is_written_again() -> None:
    """And only that."""
    left = {"PutRequest": {"Item": {"k": {"S": "1"}}}}
    script = Scripted((200, json.dumps({"UnprocessedItems": {"t": [left]}})), (200, "{}"))
    with served(script) as url:
        client(url).put_all("t", [{"k": "1"}, {"k": "2"}])
    assert [len(each["body"]["RequestItems"]["t"]) for each in script.asked] == [2, 1]


def test_what_stays_unprocessed_is_an_error() -> None:
    """Not a loss."""
    left = {"PutRequest": {"Item": {"k": {"S": "1"}}}}
    script = Scripted(*[(200, json.dumps({"UnprocessedItems": {"t": [left]}}))] * 20)
    with served(script) as url, pytest.raises(ThrottledError):
        client(url).put_all("t", [{"k": "1"}, {"k": "2"}])


def test_batches_are_as_few_as_dynamodb_allows() -> None:
    """100 writes are 4 requests, and 101 reads are 2."""
    script = Scripted(*[(200, "{}")] * 4, *[(200, '{"Responses":{}}')] * 2)
    with served(script) as url:
        client(url).put_all("t", [{"k": str(number)} for number in range(100)])
        client(url).get_all("t", [{"k": str(number)} for number in range(101)])
    assert [each["target"].rpartition(".")[2] for each in script.asked] == [
        *["BatchWriteItem"] * 4,
        *["BatchGetItem"] * 2,
    ]


def test_credentials_come_from_the_container_and_are_renewed() -> None:
    """As with SnapStart; five minutes before they expire."""
    soon = "2000-01-01T00:00:00Z"
    handed = [
        {"AccessKeyId": f"A{n}", "SecretAccessKey": "s", "Token": "t", "Expiration": soon}
        for n in range(2)
    ]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "word"
            body = json.dumps(handed.pop(0)).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        found = Credentials(
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.server_port}/c",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "word",
            }
        )
        assert found.identity().access_key_id == "A0"
        assert found.identity().access_key_id == "A1"
        with pytest.raises(UnreachableError):
            found.identity()
    finally:
        server.shutdown()
        server.server_close()


def test_missing_settings_are_told() -> None:
    """Which, and at once."""
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        DynamoDB({})
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        Credentials({}).identity()


def test_sqs_and_secrets_speak_their_services_protocol(backend: Any) -> None:
    """Held against boto3, by way of moto."""
    queue = backend.resources.physical["ProjectionsDlq", ""]
    Sqs(backend.environment).send(queue, "kept ✓")
    received = backend.endpoints.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert [message["Body"] for message in received] == ["kept ✓"]
    secret = backend.resources.physical["ApiKeys", ""]
    assert json.loads(Secrets(backend.environment).value(secret)) == {"keys": []}
    with pytest.raises(AwsError, match="ResourceNotFound"):
        Secrets(backend.environment).value("none")
