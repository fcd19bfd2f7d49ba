"""A visitor of the console without a browser: keeps cookies, follows links, sends forms."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

from sendtrail.auth.api_keys import Scope, new_key
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.times import now
from sendtrail.reading.models import MODELS
from tests.functional.world import World
from tests.support import load_event

__all__ = ["Reads", "Visitor", "make_key", "make_keys", "revoke_keys"]


class Visitor:
    """Somebody at the console's pages.

    Attributes:
        cookies: what their browser keeps.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}

    def get(self, path: str, *, scheme: str = "https") -> dict[str, Any]:
        """Asks for a page; Lambda's answer."""
        return self._call("GET", path, None, scheme)

    def post(self, path: str, *, secret: str | None = None, **fields: str) -> dict[str, Any]:
        """Sends a form, with the session's secret as a page has it."""
        if secret is None:
            secret = self.secret()
        return self._call("POST", path, urlencode({"form_secret": secret, **fields}), "https")

    def upload(
        self, path: str, fields: dict[str, str], files: dict[str, tuple[str, bytes]]
    ) -> dict[str, Any]:
        """Sends a form as browsers do where it has files: field → the file's name and content."""
        parts = [
            f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
            for name, value in {"form_secret": self.secret(), **fields}.items()
        ] + [
            f'Content-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
            "Content-Type: text/csv\r\n\r\n".encode()
            + content
            for name, (file, content) in files.items()
        ]
        mark = "----a-mark-that-is-nowhere"
        body = b"".join(f"--{mark}\r\n".encode() + part + b"\r\n" for part in parts)
        kind = f"multipart/form-data; boundary={mark}"
        return self._call("POST", path, body + f"--{mark}--\r\n".encode(), "https", kind)

    def send(self, path: str, body: str, kind: str) -> dict[str, Any]:
        """Sends whatever it is, of a media type."""
        return self._call("POST", path, body, "https", kind)

    def secret(self) -> str:
        """The secret in a form of a page."""
        page = self.get("/console/sign-in")
        if page["statusCode"] == 303:
            page = self.get("/console/suppressions")
        found = re.search(r'name="form_secret" value="([^"]+)"', page["body"])
        assert found
        return found[1]

    def sign_in(self, key: str, to: str = "") -> dict[str, Any]:
        """Signs in."""
        return self.post("/console/sign-in", key=key, **({"next": to} if to else {}))

    def follow(self, page: dict[str, Any], text: str) -> dict[str, Any]:
        """Follows the link with this text."""
        found = re.search(rf'<a href="([^"]+)"[^>]*>{text}</a>', page["body"])
        assert found, f"no link {text}"
        return self.get(html.unescape(found[1]))

    def _call(
        self,
        method: str,
        path: str,
        body: str | bytes | None,
        scheme: str,
        kind: str = "application/x-www-form-urlencoded",
    ) -> dict[str, Any]:
        path, _, query = path.partition("?")
        event = load_event("http-console")
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"] = method
        event["rawQueryString"] = query.partition("#")[0]
        event["cookies"] = [f"{name}={value}" for name, value in self.cookies.items()]
        event["headers"]["x-forwarded-proto"] = scheme
        if body is not None:  # as API Gateway brings forms
            content = body.encode() if isinstance(body, str) else body
            event["headers"]["content-type"] = kind
            event["body"], event["isBase64Encoded"] = b64encode(content).decode(), True
        answer: dict[str, Any] = self.world.call("console", event)
        for cookie in answer.get("cookies") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer


def make_key(world: World, scope: Scope, name: str | None = None) -> str:
    """A key of its own, in the stack's secret; named as its scope, or otherwise."""
    key, entry = new_key(scope, scope.value if name is None else name, now())
    _put_keys(world, [entry])
    return key


def make_keys(world: World, *named: tuple[str, Scope]) -> list[str]:
    """Keys of several people at once, each of a name and a scope."""
    made = [new_key(scope, name, now()) for name, scope in named]
    _put_keys(world, [entry for _, entry in made])
    return [key for key, _ in made]


def revoke_keys(world: World) -> None:
    """Removes all further keys."""
    _put_keys(world, [])


def _put_keys(world: World, entries: list[dict[str, Any]]) -> None:
    world.backend.endpoints.client("secretsmanager").put_secret_value(
        SecretId=world.backend.resources.physical["ApiKeys", ""],
        SecretString=json.dumps({"keys": entries}),
    )


class Reads:
    """Counts what is read through PynamoDB's models and through our own client.

    Attributes:
        requests: to DynamoDB.
        items: that it gave back.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.items = 0

    def __enter__(self) -> Reads:
        bound = [model for model in MODELS.values() if hasattr(model.Meta, "table_name")]
        self._events = [model._get_connection().connection.client.meta.events for model in bound]
        for events in self._events:
            events.register("after-call.dynamodb.*", self._count)
        self._call = call = DynamoDB._call

        def counted(db: DynamoDB, operation: str, request: dict[str, Any]) -> dict[str, Any]:
            answer = call(db, operation, request)
            if operation in ("Query", "GetItem", "BatchGetItem"):
                self._count(answer)
            return answer

        DynamoDB._call = counted  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        for events in self._events:
            events.unregister("after-call.dynamodb.*", self._count)
        DynamoDB._call = self._call  # type: ignore[method-assign]

    def _count(self, parsed: dict[str, Any], **_: Any) -> None:
        self.requests += 1
        self.items += len(parsed.get("Items", ()))
        self.items += sum(len(rows) for rows in parsed.get("Responses", {}).values())
