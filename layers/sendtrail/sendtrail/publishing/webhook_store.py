"""The table of webhooks: the endpoints that get events, and what came of each delivery.

By ``webhook`` and ``entry``:

- ``endpoints``, an endpoint's id: its attributes, and ``secrets``, the newest first, each with
  ``secret``, ``made_at`` and, if it was replaced, ``until``. All are in one partition: they are
  few, and who publishes reads them in one request.
- ``deliveries#<endpoint>``, ``<event's time>#<webhook id>``: one delivery, so that replaying an
  event writes over what came of it before.

``expires_at`` is in seconds since 1970, as DynamoDB's expiry has it.
"""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from enum import StrEnum
from os import urandom
from typing import Any, Final, NamedTuple

from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.actors import Actor
from sendtrail.domain.ids import digest, is_message_id, new_message_id
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.domain.webhooks import (
    KEPT_DAYS,
    MAX_ENDPOINTS,
    TEST,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    RetrySchedule,
    checked_description,
    checked_types,
)
from sendtrail.errors import ConditionFailedError, InvalidInputError, NotFoundError, Problem
from sendtrail.publishing.egress import Egress
from sendtrail.publishing.jobs import DeliveryJob, JobQueue, Outgoing, ReplayJob

__all__ = ["DeliveryPage", "EndpointRow", "EndpointStore", "PutBackWebhooks", "WebhookStore"]

Item = dict[str, Any]

_ENDPOINTS: Final = "endpoints"
_DELIVERIES: Final = "deliveries#"
_BOTH_SIGN_MS: Final = 24 * 3600 * 1000
"""How long the secret before the newest signs too."""
_SECRET_BYTES: Final = 32
_PROBE_MS: Final = 30_000
"""For how long nobody else tries what somebody is trying: longer than a request's time-out."""
_SUCCESS_MS: Final = 300_000
"""How old the time of the last success may be before it is written anew."""
_DAY_MS: Final = 24 * 3600 * 1000
_THERE: Final = "attribute_exists(#entry)"


class PutBackWebhooks(StrEnum):
    """What became of a row of a copy."""

    ENDPOINTS = "webhooks, which are switched off"
    THERE = "there already"
    DELIVERIES = "outcomes of deliveries, which are left"


class DeliveryPage(NamedTuple):
    """Deliveries, of the latest events first, and the place to go on from; None at the end."""

    deliveries: list[Delivery]
    place: str | None


class EndpointRow(NamedTuple):
    """An endpoint, and the secrets that sign for it now, the newest first."""

    endpoint: Endpoint
    secrets: tuple[str, ...]


class EndpointStore:
    """What functions that publish and deliver read and write of endpoints."""

    def __init__(self, db: DynamoDB, table: str, schedule: RetrySchedule | None = None) -> None:
        self._db = db
        self._table = table
        self._schedule = schedule or RetrySchedule()

    def rows(self) -> list[EndpointRow]:
        """All endpoints with their secrets, in one request.

        Raises:
            AwsError: they cannot be read.
        """
        items, _ = self._db.query(self._table, ("webhook", _ENDPOINTS))
        at = now()
        return [EndpointRow(_endpoint_of(item, at), _secrets_of(item, at)) for item in items]

    def succeeded(self, endpoint: Endpoint, at: Timestamp) -> Endpoint:
        """Notes that something was delivered: so it does not fail any more.

        Raises:
            AwsError: nobody knows whether it is noted.
        """
        last = endpoint.last_success_at
        fresh = last is not None and epoch_ms(at) - epoch_ms(last) < _SUCCESS_MS
        if fresh and endpoint.failing_since is None:
            return endpoint
        self._change(endpoint.endpoint_id, {"last_success_at": at}, removed=_FAILING)
        return replace(endpoint, last_success_at=at, failing_since=None, failures=0, retry_at=None)

    def failed(self, endpoint: Endpoint, at: Timestamp, *, gone: bool = False) -> Endpoint:
        """Notes that something failed; switches the endpoint off if it wants nothing more, or
        nothing has succeeded for a day. Failures at once count as one.

        Args:
            gone: whether it says that it wants nothing more.

        Returns:
            the endpoint as it is now.

        Raises:
            AwsError: nobody knows whether it is noted.
        """
        failures, since = endpoint.failures + 1, endpoint.failing_since or at
        next_at = None if gone else self._schedule.next_at(at, failures, since)
        values: Item = {"failures": failures, "failing_since": since}
        if next_at is None:
            reason = DisabledReason.GONE if gone else DisabledReason.FAILING
            values |= {"disabled_at": at, "disabled_reason": reason}
        else:
            values["retry_at"] = next_at
        condition, old = "attribute_not_exists(#failures)", {}
        if endpoint.failures:
            condition, old = "#failures = :old", {":old": endpoint.failures}
        try:
            self._change(
                endpoint.endpoint_id, values, condition=condition, parameters=old, missing_ok=False
            )
        except ConditionFailedError:  # somebody else noted theirs, or it is deleted
            known = {row.endpoint.endpoint_id: row.endpoint for row in self.rows()}
            return known.get(endpoint.endpoint_id, replace(endpoint, disabled_at=at))
        return replace(endpoint, **values)

    def claims(self, endpoint: Endpoint, at: Timestamp) -> bool:
        """Whether the caller is the one who tries an endpoint that fails, for the next while.

        Raises:
            AwsError: nobody knows.
        """
        until = from_epoch_ms(epoch_ms(at) + _PROBE_MS)
        try:
            self._change(
                endpoint.endpoint_id,
                {"retry_at": until},
                condition="#retry_at = :old",
                parameters={":old": endpoint.retry_at},
                missing_ok=False,
            )
        except ConditionFailedError:
            return False
        return True

    def note(self, deliveries: Iterable[Delivery]) -> None:
        """Writes what came of deliveries, 25 to a request; the last of each.

        Raises:
            AwsError: some may have been written; they may be written again.
        """
        expires = int(time.time()) + KEPT_DAYS * _DAY_MS // 1000
        items = {
            (item["webhook"], item["entry"]): item
            for item in (_item_of(delivery, expires) for delivery in deliveries)
        }
        if items:
            self._db.put_all(self._table, list(items.values()))

    def put_back(self, rows: Iterable[Mapping[str, Any]]) -> Counter[PutBackWebhooks]:
        """Puts endpoints of a copy back that are not there; idempotent. They are switched off
        there until somebody looks: what a copy brings back may have been deleted for a reason.

        Returns:
            how many came to what.

        Raises:
            AwsError: some may have been put back; all of it may be repeated.
        """
        found: Counter[PutBackWebhooks] = Counter()
        for row in rows:
            if row["webhook"] != _ENDPOINTS:
                found[PutBackWebhooks.DELIVERIES] += 1
                continue
            off = {"disabled_at": now(), "disabled_reason": DisabledReason.RESTORED}
            try:
                self._db.put(
                    self._table,
                    {**row, **off},
                    condition="attribute_not_exists(#entry)",
                    names={"#entry": "entry"},
                )
            except ConditionFailedError:
                found[PutBackWebhooks.THERE] += 1
            else:
                found[PutBackWebhooks.ENDPOINTS] += 1
        return found

    def _change(
        self,
        endpoint_id: str,
        values: Mapping[str, Any],
        *,
        removed: Sequence[str] = (),
        condition: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        missing_ok: bool = True,
    ) -> None:
        """Changes attributes of an endpoint that exists.

        Raises:
            ConditionFailedError: the condition does not hold; or there is none, unless that is
                all right.
        """
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
        if removed:
            update += " REMOVE " + ", ".join(f"#{name}" for name in removed)
        both = f"{_THERE} AND {condition}" if condition else _THERE
        try:
            self._db.update(
                self._table,
                {"webhook": _ENDPOINTS, "entry": endpoint_id},
                update=update,
                names={f"#{name}": name for name in (*values, *removed, "entry")},
                values={
                    **{f":{name}": value for name, value in values.items()},
                    **(parameters or {}),
                },
                condition=both,
            )
        except ConditionFailedError:
            if not missing_ok:
                raise


class WebhookStore(EndpointStore):
    """What staff do with endpoints."""

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        *,
        audit: Audit,
        egress: Egress,
        queue: JobQueue | None,
        retention_days: int,
        schedule: RetrySchedule | None = None,
    ) -> None:
        """Keeps endpoints in `table`, and tells `audit` what was done.

        Args:
            egress: which URLs are allowed.
            queue: that of deliveries; None where webhooks are switched off.
            retention_days: how long the log keeps a message.
        """
        super().__init__(db, table, schedule)
        self._audit = audit
        self._egress = egress
        self._queue = queue
        self._retention_days = retention_days

    @property
    def is_on(self) -> bool:
        """Whether events are published at all: the stack's parameter ``Webhooks`` says so."""
        return self._queue is not None

    def endpoints(self) -> list[Endpoint]:
        """All endpoints, the oldest first, in one request.

        Raises:
            AwsError: they cannot be read.
        """
        return [row.endpoint for row in self.rows()]

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """An endpoint.

        Raises:
            NotFoundError: there is none.
            AwsError: it cannot be read.
        """
        return _endpoint_of(self._row(endpoint_id), now())

    def create(
        self,
        url: str,
        event_types: Iterable[str] = (),
        *,
        full: bool = False,
        description: str = "",
        by: Actor,
    ) -> tuple[Endpoint, str]:
        """Makes an endpoint. What happens from half a minute later on at the latest is sent to it.

        Args:
            event_types: names of `EVENT_TYPES`; none for all.

        Returns:
            the endpoint, and its secret (``whsec_…``), which is told this once.

        Raises:
            InvalidInputError: something of it is not allowed, there are as many as there may be, or
                webhooks are switched off.
            AwsError: it may not have been made.
        """
        self._on()
        at = now()
        self._egress.check(url)
        endpoint = Endpoint(
            endpoint_id=new_message_id(at),
            url=url,
            event_types=checked_types(event_types),
            full=full,
            description=checked_description(description),
            created_at=at,
            by=by.text,
            secret_made_at=at,
        )
        if len(self.rows()) >= MAX_ENDPOINTS:
            raise InvalidInputError(f"there are {MAX_ENDPOINTS} webhooks, and no more are allowed")
        secret = _new_secret()
        item = _endpoint_item(endpoint) | {"secrets": [{"secret": secret, "made_at": at}]}
        self._db.put(
            self._table, item, condition="attribute_not_exists(#entry)", names={"#entry": "entry"}
        )
        self._audit(by, StaffAction.ADD_WEBHOOK, endpoint.endpoint_id)
        return endpoint, secret

    def change(
        self,
        endpoint_id: str,
        *,
        by: Actor,
        url: str | None = None,
        event_types: Iterable[str] | None = None,
        full: bool | None = None,
        description: str | None = None,
    ) -> Endpoint:
        """Changes what is given of an endpoint.

        Raises:
            NotFoundError: there is none.
            InvalidInputError: something of it is not allowed.
            AwsError: it may not have been changed.
        """
        values: Item = {}
        removed: list[str] = []
        if url is not None:
            self._egress.check(url)
            values["url"] = url
        if full is not None:
            values["full"] = full
        if description is not None:
            values["description"] = checked_description(description)
        if event_types is not None:
            wanted = checked_types(event_types)
            if wanted:
                values["event_types"] = wanted
            else:
                removed.append("event_types")
        self._set(endpoint_id, values | {"changed_at": now()}, removed)
        self._audit(by, StaffAction.CHANGE_WEBHOOK, endpoint_id)
        return self.endpoint(endpoint_id)

    def enable(self, endpoint_id: str, *, by: Actor) -> Endpoint:
        """Switches an endpoint on again, and forgets that it failed.

        Raises:
            NotFoundError: there is none.
            AwsError: it may not have been switched on.
        """
        gone = ("disabled_at", "disabled_reason", *_FAILING)
        self._set(endpoint_id, {"changed_at": now()}, gone)
        self._audit(by, StaffAction.ENABLE_WEBHOOK, endpoint_id)
        return self.endpoint(endpoint_id)

    def delete(self, endpoint_id: str, *, by: Actor) -> None:
        """Deletes an endpoint; what came of its deliveries expires.

        Raises:
            NotFoundError: there is none.
            AwsError: it may not have been deleted.
        """
        row = self._row(endpoint_id)
        try:
            self._db.delete(
                self._table,
                {"webhook": _ENDPOINTS, "entry": endpoint_id},
                condition="#made = :made",
                names={"#made": "created_at"},
                values={":made": row["created_at"]},
            )
        except ConditionFailedError:
            raise NotFoundError(f"there is no webhook {endpoint_id!r:.40}") from None
        self._audit(by, StaffAction.REMOVE_WEBHOOK, endpoint_id)

    def rotate(self, endpoint_id: str, *, by: Actor) -> str:
        """Gives an endpoint a new secret, which is returned; the one before signs too for a day.

        Raises:
            NotFoundError: there is none.
            ConditionFailedError: somebody else has just done the same.
            AwsError: it may have been replaced.
        """
        at = now()
        row = self._row(endpoint_id)
        secret = _new_secret()
        newest = row["secrets"][0]
        until = from_epoch_ms(epoch_ms(at) + _BOTH_SIGN_MS)
        secrets = [{"secret": secret, "made_at": at}, {**newest, "until": until}]
        self._change(
            endpoint_id,
            {"secrets": secrets, "secret_made_at": at},
            condition="#secret_made_at = :old",
            parameters={":old": row["secret_made_at"]},
            missing_ok=False,
        )
        self._audit(by, StaffAction.ROTATE_WEBHOOK_SECRET, endpoint_id)
        return secret

    def deliveries(
        self, endpoint_id: str, place: str | None = None, limit: int = 25
    ) -> DeliveryPage:
        """A page of what was sent to an endpoint in the last 30 days, in one request.

        Args:
            place: to go on from, as the page before gave it.

        Raises:
            AwsError: it cannot be read.
        """
        partition = _DELIVERIES + endpoint_id
        items, last = self._db.query(
            self._table,
            ("webhook", partition),
            start={"webhook": partition, "entry": place} if place else None,
            limit=limit,
            newest_first=True,
            consistent=False,
        )
        return DeliveryPage([_delivery_of(item) for item in items], last["entry"] if last else None)

    def test(self, endpoint_id: str, *, by: Actor) -> str:
        """Queues a test, which is tried once, also if the endpoint is switched off; returns the
        webhook id by which it is among the deliveries.

        Raises:
            NotFoundError: there is none.
            InvalidInputError: webhooks are switched off.
            AwsError: it may not have been queued.
        """
        queue = self._on()
        endpoint = self.endpoint(endpoint_id)
        at = now()
        event_id = digest(endpoint_id, at, length=32)
        data = {"event_id": event_id, "webhook": endpoint.endpoint_id}
        body = json.dumps({"type": TEST, "timestamp": at, "data": data}, separators=(",", ":"))
        event = Outgoing(f"msg_{event_id}", TEST, at, event_id, None, body)
        queue.put([DeliveryJob(endpoint_id, (event,), test=True)])
        self._audit(by, StaffAction.TEST_WEBHOOK, endpoint_id)
        return event.id

    def replay(self, endpoint_id: str, since: Timestamp, until: Timestamp, *, by: Actor) -> None:
        """Queues a replay: what happened from `since` until before `until` is sent to the endpoint
        again, as far as it wants it and the log still has it.

        Raises:
            NotFoundError: there is none.
            InvalidInputError: the span is not as it must be, the endpoint is switched off, or
                webhooks are.
            AwsError: it may not have been queued.
        """
        queue = self._on()
        endpoint = self.endpoint(endpoint_id)
        if not endpoint.is_enabled:
            raise InvalidInputError("the webhook is switched off; switch it on first")
        if since >= until:
            raise InvalidInputError(Problem("must be before `to`", "from"))
        if epoch_ms(until) - epoch_ms(since) > self._retention_days * _DAY_MS:
            longest = f"the span may be {self._retention_days} days long, as the log is"
            raise InvalidInputError(Problem(longest, "from"))
        queue.put([ReplayJob(endpoint_id, since, until)])
        self._audit(by, StaffAction.REPLAY_WEBHOOK, endpoint_id)

    def _on(self) -> JobQueue:
        if self._queue is None:
            raise InvalidInputError(
                "webhooks are switched off; deploy the stack with Webhooks=yes to switch them on"
            )
        return self._queue

    def _row(self, endpoint_id: str) -> Item:
        found = None
        if is_message_id(endpoint_id):
            key = {"webhook": _ENDPOINTS, "entry": endpoint_id}
            found = next(iter(self._db.get_all(self._table, [key])), None)
        if found is None:
            raise NotFoundError(f"there is no webhook {endpoint_id!r:.40}")
        return found

    def _set(self, endpoint_id: str, values: Item, removed: Sequence[str]) -> None:
        self._row(endpoint_id)
        try:
            self._change(endpoint_id, values, removed=removed, missing_ok=False)
        except ConditionFailedError:
            raise NotFoundError(f"there is no webhook {endpoint_id!r:.40}") from None


_FAILING: Final = ("failing_since", "failures", "retry_at")


def _new_secret() -> str:
    """A secret as Standard Webhooks has it: 24 to 64 random bytes in base64, with a prefix."""
    return "whsec_" + base64.b64encode(urandom(_SECRET_BYTES)).decode()


def _endpoint_item(endpoint: Endpoint) -> Item:
    item = {
        field.name: value
        for field in fields(Endpoint)
        if (value := getattr(endpoint, field.name)) not in (None, frozenset(), 0) or value is False
    }
    del item["endpoint_id"]
    return {"webhook": _ENDPOINTS, "entry": endpoint.endpoint_id, **item}


def _endpoint_of(item: Mapping[str, Any], at: Timestamp) -> Endpoint:
    values = {field.name: item[field.name] for field in fields(Endpoint) if field.name in item}
    values["endpoint_id"] = item["entry"]
    values["event_types"] = frozenset(item.get("event_types") or ())
    if "disabled_reason" in item:
        values["disabled_reason"] = DisabledReason(item["disabled_reason"])
    untils = (each.get("until") for each in item["secrets"])
    values["old_secret_until"] = max(
        (until for until in untils if until and until > at), default=None
    )
    return Endpoint(**values)


def _secrets_of(item: Mapping[str, Any], at: Timestamp) -> tuple[str, ...]:
    return tuple(
        each["secret"] for each in item["secrets"] if "until" not in each or each["until"] > at
    )


def _item_of(delivery: Delivery, expires_at: int) -> Item:
    item = {
        field.name: value
        for field in fields(Delivery)
        if (value := getattr(delivery, field.name)) not in (None, False)
    }
    del item["endpoint_id"]
    return {
        "webhook": _DELIVERIES + delivery.endpoint_id,
        "entry": f"{delivery.at}#{delivery.webhook_id}",
        "expires_at": expires_at,
        "attempts": delivery.attempts,
        **item,
    }


def _delivery_of(item: Mapping[str, Any]) -> Delivery:
    values = {field.name: item[field.name] for field in fields(Delivery) if field.name in item}
    values["endpoint_id"] = item["webhook"].removeprefix(_DELIVERIES)
    values["status"] = DeliveryStatus(item["status"])
    return Delivery(**{"message_id": None} | values)
