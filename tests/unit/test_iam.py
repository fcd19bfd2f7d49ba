"""IAM here: what is called is checked against the template's own policies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pytest

from local.iam import CALLS, POLICIES, Call, Guard, Statement, calls_of, policies, unused
from local.template import ACCOUNT, REGION, load
from tests import grants

TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
SES = f"arn:aws:ses:{REGION}:{ACCOUNT}:"


@pytest.mark.parametrize(
    ("service", "method", "path", "target", "body", "calls"),
    [
        ("dynamodb", "POST", "/", "DynamoDB_20120810.UpdateItem", {"TableName": "t"}, [("dynamodb:UpdateItem", TABLE + "t")]),
        ("dynamodb", "POST", "/", "DynamoDB_20120810.Query", {"TableName": "t", "IndexName": "i"}, [("dynamodb:Query", TABLE + "t/index/i")]),
        ("dynamodb", "POST", "/", "DynamoDB_20120810.BatchGetItem", {"RequestItems": {"t": {}, "u": {}}}, [("dynamodb:BatchGetItem", TABLE + "t"), ("dynamodb:BatchGetItem", TABLE + "u")]),
        ("dynamodb", "POST", "/", "DynamoDB_20120810.TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "t"}}, {"Delete": {"TableName": "u"}}]}, [("dynamodb:PutItem", TABLE + "t"), ("dynamodb:DeleteItem", TABLE + "u")]),
        ("sqs", "POST", "/", "AmazonSQS.SendMessageBatch", {"QueueUrl": "http://x/1/q"}, [("sqs:SendMessage", QUEUE + "q")]),
        ("secretsmanager", "POST", "/", "secretsmanager.GetSecretValue", {"SecretId": "arn:s"}, [("secretsmanager:GetSecretValue", "arn:s")]),
        ("s3", "GET", "/bucket/plans/a%20b", "", None, [("s3:GetObject", "arn:aws:s3:::bucket/plans/a b")]),
        ("s3", "PUT", "/bucket/plans/a", "", None, [("s3:PutObject", "arn:aws:s3:::bucket/plans/a")]),
        ("s3", "GET", "/bucket?list-type=2", "", None, [("s3:ListBucket", "arn:aws:s3:::bucket")]),
        ("ses", "POST", "/v2/email/outbound-emails", "", {"FromEmailAddress": "A <a@b.example>", "ConfigurationSetName": "c"}, [("ses:SendEmail", SES + "identity/b.example"), ("ses:SendEmail", SES + "configuration-set/c")]),
        ("ses", "DELETE", "/v2/email/suppression/addresses/a%40b.example", "", None, [("ses:DeleteSuppressedDestination", "*")]),
    ],
)  # fmt: skip
def test_a_request_is_known_by_what_iam_is_asked_for(
    service: str, method: str, path: str, target: str, body: Any, calls: list[tuple[str, str]]
) -> None:
    """As the service's list of actions and resources says."""
    content = json.dumps(body).encode() if body is not None else b""
    assert calls_of(service, method, path, target, content) == [Call(*each) for each in calls]


def test_every_policy_of_the_template_can_be_checked() -> None:
    """Each allows, by name; and every function has some."""
    resources = load()
    for name in resources.all:  # what the local stack would note of each
        for attribute in ("", "Arn", "StreamArn"):
            resources.physical.setdefault((name, attribute), f"arn:{name}")
    found = policies(resources)
    assert {each.function for each in found} == set(resources.codes)
    assert Statement("TrackFunction", "sqs:SendMessage", "arn:HitsQueue") in found


class App:
    """What stands behind the guard: it answers everything, and says what it read."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers a request."""
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]


def asked(
    guard: Guard, key: str, body: Any, *, service: str = "dynamodb", path: str = "/", **more: str
) -> tuple[str, bytes]:
    """Asks for something, signed by a key; the answer's status and body."""
    content = json.dumps(body).encode()
    status: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(content)),
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={key}/20261127/{REGION}/{service}/aws4_request, Signature=x",
        "wsgi.input": BytesIO(content),
        **more,
    }
    answer = guard(environ, lambda line, *_: status.append(line))
    return status[0], b"".join(answer)


def test_what_is_not_granted_is_refused_as_the_service_refuses() -> None:
    """And what is passes unchanged; others than functions are not checked."""
    guard = Guard(App())
    granted = [["TrackFunction", "dynamodb:PutItem", TABLE + "trails"]]
    put, get = ({"HTTP_X_AMZ_TARGET": f"DynamoDB_20120810.{name}Item"} for name in ("Put", "Get"))
    body = {"TableName": "trails"}
    assert asked(guard, "TrackFunction", body, **get)[0] == "200 OK"  # nothing is enforced yet
    assert asked(guard, "local", granted, path=POLICIES, REQUEST_METHOD="PUT")[0].startswith("204")
    assert asked(guard, "TrackFunction", body, **put) == ("200 OK", json.dumps(body).encode())
    status, said = asked(guard, "TrackFunction", body, **get)
    assert status.startswith("400")
    assert json.loads(said)["__type"].endswith("#AccessDeniedException")
    assert "dynamodb:GetItem on resource: " + TABLE + "trails" in json.loads(said)["message"]
    assert asked(guard, "TrackFunction", {"TableName": "other"}, **put)[0].startswith("400")
    assert asked(guard, "local", body, **get)[0] == "200 OK"
    refused = asked(
        guard,
        "TrackFunction",
        {"QueueUrl": "x/q"},
        service="sqs",
        HTTP_X_AMZ_TARGET="AmazonSQS.SendMessage",
    )
    assert refused[0].startswith("403")
    unknown = asked(
        guard, "TrackFunction", {}, service="kms", HTTP_X_AMZ_TARGET="TrentService.Decrypt"
    )
    assert "does not know" in json.loads(unknown[1])["message"]
    _, calls = asked(guard, "local", None, path=CALLS, REQUEST_METHOD="GET")
    assert json.loads(calls) == [["TrackFunction", "dynamodb:PutItem", TABLE + "trails"]]


class Empty:
    """A bucket that nothing is in."""

    def __call__(self, _environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers a request."""
        start_response("404 Not Found", [])
        return [b""]


def test_what_is_not_in_a_bucket_is_refused_to_who_may_not_list_it() -> None:
    """As S3 does, so that a missing grant is found here."""
    bucket = "arn:aws:s3:::b"
    for granted, status in (
        ([["T", "s3:GetObject", f"{bucket}/plans/*"]], "403"),
        ([["T", "s3:GetObject", f"{bucket}/plans/*"], ["T", "s3:ListBucket", bucket]], "404"),
    ):
        guard = Guard(Empty())
        asked(guard, "local", granted, path=POLICIES, REQUEST_METHOD="PUT")
        answer = asked(guard, "T", None, service="s3", path="/b/plans/k", REQUEST_METHOD="GET")
        assert answer[0].startswith(status)


def test_grants_that_nothing_uses_are_told() -> None:
    """One action of one function on one resource at a time."""
    granted = [
        Statement("A", "s3:GetObject", "arn:aws:s3:::b/plans/*"),
        Statement("A", "s3:PutObject", "arn:aws:s3:::b/plans/*"),
        Statement("B", "s3:GetObject", "arn:aws:s3:::b/plans/*"),
    ]
    called = [("A", Call("s3:GetObject", "arn:aws:s3:::b/plans/k-1"))]
    assert unused(granted, called) == granted[1:]


def test_what_functions_are_known_to_call_is_granted() -> None:
    """By statements of their own."""
    assert [use for use in grants.known() if not any(allows(each, use) for each in granted())] == []


def allows(statement: Statement, use: grants.Used) -> bool:
    """Whether a statement lets a function do what it did."""
    who, call = use
    return statement.function == who and statement.allows(call)


def granted() -> tuple[Statement, ...]:
    """What the template grants."""
    return grants.granted()


@pytest.mark.parametrize(
    "taken", granted(), ids=lambda each: f"{each.function} {each.action} {each.resource}"
)
def test_without_any_one_grant_something_is_refused(taken: Statement) -> None:
    """Something that the tests of the stack do; or it is agreed why it stays."""
    left = [each for each in granted() if each != taken]
    refused = [use for use in grants.known() if not any(allows(each, use) for each in left)]
    agreed = (taken.function, taken.action, taken.resource) in grants.AGREED
    assert bool(refused) != agreed
