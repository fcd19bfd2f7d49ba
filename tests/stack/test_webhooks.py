"""Webhooks over HTTP against the local stack: receivers that fail in every way, and one that does
not; and that neither figures nor the API are moved by them.

A day is four minutes here, by the setting `WEBHOOK_DAY_SECONDS`; so an hour is ten seconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.functions import free_ports
from local.notifications import Mail
from local.template import load
from sendtrail.domain.actors import Actor
from sendtrail.domain.webhooks import Endpoint
from sendtrail.publishing.webhook_store import WebhookStore
from sendtrail.wiring import Wiring
from tests.receiver import Receiver, receiver
from tests.stack.conftest import Stack
from tests.support import copy_of_tree

SENT = "2026-11-20T09:30:00.412Z"
DELIVERED = "2026-11-20T09:30:04.000Z"
HOUR = 10.0
MAILS = 60


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose day is four minutes."""
    tree = copy_of_tree(tmp_path_factory.mktemp("webhooks"))
    template = tree / "template.yaml"
    said = template.read_text("utf-8")
    day = 'WEBHOOK_DAY_SECONDS: "86400"'
    assert said.count(day) == 1
    template.write_text(said.replace(day, f'WEBHOOK_DAY_SECONDS: "{round(24 * HOUR)}"'), "utf-8")
    made = Stack(tree)
    made.start()
    yield made
    made.stop()


def store_of(stack: Stack) -> WebhookStore:
    """What staff have of webhooks."""
    resources = stack.state["resources"]
    given = {
        "WEBHOOKS_TABLE": resources["WebhooksTable"],
        "STAFF_TABLE": resources["StaffTable"],
        "DELIVERIES_QUEUE_URL": resources["DeliveriesQueue"],
        "WEBHOOKS": "yes",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32",
        "RETENTION_DAYS": str(load().parameters["RetentionDays"]),
    }
    variables = stack.endpoints.environment() | given
    return Wiring(logging.getLogger(), variables).webhooks


def hook(store: WebhookStore, to: Receiver) -> Endpoint:
    """An endpoint that leads to a receiver, which knows its secret."""
    endpoint, secret = store.create(to.url, by=Actor("key", "0f3a"))
    to.secrets.append(secret)
    return endpoint


def publish(stack: Stack, communication_id: str) -> float:
    """A mailing's events; returns for how many seconds its figures, asked by the API, were not all
    there.
    """
    began = time.monotonic()
    mails = [
        Mail(
            f"{communication_id}-{number}",
            SENT,
            [f"a{number}@example.com"],
            tags={"participant_id": f"p-{number}", "communication_id": communication_id},
        )
        for number in range(MAILS)
    ]
    stack.publish([each for mail in mails for each in (mail.send(), mail.delivery(DELIVERED))])

    def counted() -> bool:
        status, figures = stack.get(f"/v1/communications/{communication_id}")
        return status == 200 and figures["delivered"] == figures["sent"] == MAILS

    wait_for(counted)
    return time.monotonic() - began


def wait_for(holds: Callable[[], bool], seconds: float = 150) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def test_receivers_fail_in_every_way_and_nobody_else_notices(stack: Stack, tmp_path: Path) -> None:
    """One that answers 500 for an hour and comes back has each event; one that hangs, one that is
    not there and one that leads elsewhere hold up neither it, nor one that works, nor figures; and
    no connection is made to where none may be.
    """
    store = store_of(stack)
    publish(stack, "warm-up")
    calm = publish(stack, "calm")
    with ExitStack() as there:
        back_at = time.monotonic() + 3600.0  # an hour after the first request
        works, down, hangs, leads, inside = (
            there.enter_context(receiver(host)) for host in ("127.0.0.1",) * 4 + ("127.0.0.2",)
        )

        def outage(number: int) -> int:
            nonlocal back_at
            if number == 0:
                back_at = time.monotonic() + HOUR
            return 500 if time.monotonic() < back_at else 204

        down.answering = outage
        hangs.answering = lambda _: 60.0
        leads.answering = lambda _: (307, {"Location": inside.url})
        nobody = Receiver(url=f"http://127.0.0.1:{free_ports(1)[0]}/")
        endpoints = {
            name: hook(store, to) for name, to in locals_of(works, down, hangs, leads, nobody)
        }
        time.sleep(1.5)  # for as long publish goes by the endpoints that it has read
        stormy = publish(stack, "stormy")
        expected = 2 * MAILS
        wait_for(lambda: len(works.taken) >= expected and len(down.taken) >= expected)
        assert set(works.taken) == set(down.taken)
        assert {each["data"]["communication_id"] for each in works.taken.values()} == {"stormy"}
        assert hangs.taken == leads.taken == {}
        assert inside.connections == 0
        assert works.forged == down.forged == 0
        assert stormy < 2 * calm + 10, (stormy, calm)
        states = {
            name: store.endpoint(endpoint.endpoint_id) for name, endpoint in endpoints.items()
        }
        assert states["works"].failing_since is states["down"].failing_since is None
        for name in ("hangs", "leads", "nobody"):
            assert states[name].failing_since, name
        outcomes = store.deliveries(endpoints["leads"].endpoint_id).deliveries
        assert all(each.http_status == 307 for each in outcomes)
        for endpoint in endpoints.values():
            store.delete(endpoint.endpoint_id, by=Actor("key", "0f3a"))


def locals_of(*receivers: Receiver) -> list[tuple[str, Receiver]]:
    """Receivers, by what they do."""
    return list(zip(("works", "down", "hangs", "leads", "nobody"), receivers, strict=True))
