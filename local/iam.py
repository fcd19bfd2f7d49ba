"""IAM here: what a function calls is checked against its own policies, as AWS checks it.

Each function has an access key of its own, its logical id, by which its requests are signed. A
request that its role's statements do not allow is answered as the service answers one; what was
called is noted, so that grants that nothing uses can be told. Requests by others, such as the local
stack itself, are not checked.

- ``PUT /_sendtrail/policies``: function → statements, resolved; checked from then on.
- ``GET /_sendtrail/calls``: what functions called: [function, action, resource], each once.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import BytesIO
from typing import Any, Final, cast
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from local.outbox import Wsgi
from local.template import ACCOUNT, REGION, Resources

__all__ = ["CALLS", "POLICIES", "Call", "Guard", "Statement", "calls_of", "policies", "unused"]

POLICIES: Final = "/_sendtrail/policies"
CALLS: Final = "/_sendtrail/calls"

_SIGNED: Final = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
_TABLE: Final = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"
_QUEUE: Final = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
_BUS: Final = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/"
_SES: Final = f"arn:aws:ses:{REGION}:{ACCOUNT}:"
_OF_A_BATCH: Final = {
    "SendMessageBatch": "SendMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "DeleteMessageBatch": "DeleteMessage",
}
"""Batches of SQS are allowed by the action of one (SQS developer guide, "Amazon SQS API
permissions: Actions and resource reference")."""
_OF_A_TRANSACTION: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """An action on a resource, as IAM names them."""

    action: str
    resource: str


@dataclass(frozen=True, slots=True, order=True)
class Statement:
    """What a statement of a policy allows: one action on what a pattern fits."""

    function: str
    action: str
    resource: str

    def allows(self, call: Call) -> bool:
        """Whether it allows a call."""
        return self.action == call.action and fnmatchcase(call.resource, self.resource)


def policies(resources: Resources) -> list[Statement]:
    """What the roles of all functions allow, resolved.

    Raises:
        ValueError: a statement denies, or allows by a pattern of actions.
    """
    found: dict[Statement, None] = {}
    for function, properties in resources.of_type("AWS::Lambda::Function").items():
        role = resources.all[properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = _several(statement["Action"])
                if statement["Effect"] != "Allow" or any("*" in action for action in actions):
                    raise ValueError(f"{function}: {statement}")
                for arn in _several(resources.resolve(statement["Resource"])):
                    found |= {Statement(function, action, arn): None for action in actions}
    return list(found)


def unused(granted: Iterable[Statement], called: Iterable[tuple[str, Call]]) -> list[Statement]:
    """The statements by which nothing that was called is allowed.

    Args:
        called: function, and what it called.
    """
    calls = list(called)
    return [
        statement
        for statement in granted
        if not any(statement.function == who and statement.allows(call) for who, call in calls)
    ]


# --- what a request asks for -----------------------------------------------------------------


def calls_of(service: str, method: str, path: str, target: str, body: bytes) -> list[Call]:
    """What a request asks IAM for.

    Args:
        service: by which it is signed.
        target: its header ``X-Amz-Target``.

    Raises:
        LookupError: nobody knows.
    """
    operation = target.rpartition(".")[2]
    if service == "dynamodb":
        return list(_of_dynamodb(operation, json.loads(body)))
    if service == "sqs":
        queue = json.loads(body)["QueueUrl"].rpartition("/")[2]
        return [Call(f"sqs:{_OF_A_BATCH.get(operation, operation)}", _QUEUE + queue)]
    if service == "secretsmanager":
        return [Call(f"secretsmanager:{operation}", json.loads(body)["SecretId"])]
    if service == "events":
        buses = [each["EventBusName"] for each in json.loads(body)["Entries"]]
        return [Call("events:PutEvents", _BUS + each) for each in dict.fromkeys(buses)]
    if service == "s3":
        return [_of_s3(method, path)]
    if service == "ses":
        return _of_ses(method, path, body)
    raise LookupError(f"{service}: {method} {path} {target}")


def _of_dynamodb(operation: str, body: Mapping[str, Any]) -> Iterator[Call]:
    if "RequestItems" in body:
        for table in body["RequestItems"]:
            yield Call(f"dynamodb:{operation}", _table(table))
    elif "TransactItems" in body:
        for item in body["TransactItems"]:
            for kind, what in item.items():
                yield Call(f"dynamodb:{_OF_A_TRANSACTION[kind]}", _table(what["TableName"]))
    else:
        index = body.get("IndexName")
        resource = _table(body["TableName"]) + (f"/index/{index}" if index else "")
        yield Call(f"dynamodb:{operation}", resource)


def _table(name: str) -> str:
    return name if name.startswith("arn:") else _TABLE + name


def _of_s3(method: str, path: str) -> Call:
    bucket, _, key = unquote(path.partition("?")[0]).lstrip("/").partition("/")
    if not key:
        return Call("s3:ListBucket", f"arn:aws:s3:::{bucket}")
    action = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
    return Call(f"s3:{action[method]}", f"arn:aws:s3:::{bucket}/{key}")


def _of_ses(method: str, path: str, body: bytes) -> list[Call]:
    path = path.partition("?")[0]
    if (method, path) == ("POST", "/v2/email/outbound-emails"):
        sent = json.loads(body)
        address = sent["FromEmailAddress"].rpartition("<")[2].rstrip(">")
        resources = [f"identity/{address.rpartition('@')[2]}"]
        if "ConfigurationSetName" in sent:
            resources.append(f"configuration-set/{sent['ConfigurationSetName']}")
        return [Call("ses:SendEmail", _SES + each) for each in resources]
    if method == "DELETE" and path.startswith("/v2/email/suppression/addresses/"):
        return [Call("ses:DeleteSuppressedDestination", "*")]
    raise LookupError(f"ses: {method} {path}")


# --- the guard -------------------------------------------------------------------------------


class Guard:
    """An app in whose place requests are refused that IAM would refuse."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._granted: dict[str, list[Statement]] = {}
        self._called: dict[tuple[str, Call], None] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers a request."""
        path = environ.get("PATH_INFO", "")
        if path in (POLICIES, CALLS):
            return cast("Iterable[bytes]", self._control(Request(environ))(environ, start_response))
        signed = _SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None or signed[1] not in self._granted:
            return self._app(environ, start_response)
        answer = self._answer(signed[1], signed[2], environ)
        app = cast("Wsgi", answer) if answer else self._app
        return app(environ, start_response)

    def _answer(self, function: str, service: str, environ: dict[str, Any]) -> Response | None:
        """The answer to a request that is not allowed; None to most others."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        path = environ.get("RAW_URI") or environ.get("PATH_INFO", "")
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        try:
            calls = calls_of(service, environ["REQUEST_METHOD"], path, target, body)
        except (LookupError, ValueError, TypeError) as error:
            return _denial(service, target, f"{function}: IAM here does not know {error}")
        refused = self._refused(function, calls)
        if refused:
            return _denial(service, target, refused)
        if service != "s3" or calls[0].action != "s3:GetObject":
            return None
        # S3 says that there is no such object only to who may list the bucket (Amazon S3 API,
        # "GetObject").
        answer = Response.from_app(self._app, environ, buffered=True)
        bucket = Call("s3:ListBucket", calls[0].resource.partition("/")[0])
        refused = answer.status_code == 404 and self._refused(function, [bucket])
        return _denial(service, target, refused) if refused else answer

    def _refused(self, function: str, calls: Sequence[Call]) -> str:
        """Why a function may not make all of some calls, in AWS's words; empty if it may, which is
        noted.
        """
        for call in calls:
            if not any(statement.allows(call) for statement in self._granted[function]):
                return (
                    f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{function}Role/{function} is not "
                    f"authorized to perform: {call.action} on resource: {call.resource} because no "
                    "identity-based policy allows the action"
                )
        with self._lock:
            self._called |= {(function, call): None for call in calls}
        return ""

    def _control(self, request: Request) -> Response:
        with self._lock:
            if request.path == CALLS:
                called = [[who, call.action, call.resource] for who, call in self._called]
                return Response(json.dumps(called), content_type="application/json")
            self._granted = {}
            for statement in (Statement(*each) for each in request.get_json()):
                self._granted.setdefault(statement.function, []).append(statement)
        return Response(status=204)


def _denial(service: str, target: str, said: str) -> Response:
    """As each service refuses."""
    if service == "s3":
        told = f"<Code>AccessDenied</Code><Message>{said}</Message>"
        body = f"<?xml version='1.0' encoding='UTF-8'?><Error>{told}</Error>"
        return Response(body, status=403, content_type="application/xml")
    kind = "AccessDeniedException"
    if service == "ses":
        headers = {"x-amzn-ErrorType": kind}
        return Response(
            json.dumps({"message": said}), 403, headers, content_type="application/json"
        )
    if target.startswith("DynamoDB"):
        kind = f"com.amazon.coral.service#{kind}"
    status = 403 if service == "sqs" else 400
    body = json.dumps({"__type": kind, "Message": said, "message": said})
    return Response(body, status=status, content_type="application/x-amz-json-1.0")


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]
