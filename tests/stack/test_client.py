"""The Python client against the running stack: every route, by its own function.

A new route is described by itself, and needs a function here, under its `operationId`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from local.client import description
from tests.stack.conftest import Stack
from tests.support import run_async

SIMULATOR: Final = "simulator.amazonses.com"
ANN: Final = "client-ann"
BEN: Final = "client-ben"
TEMPLATE: Final = "client-evening"
KIND: Final = "client-invitation"
OPERATIONS: Final = {
    operation["operationId"]: operation["tags"][0].lower()
    for methods in description()["paths"].values()
    for operation in methods.values()
}
"""Each that the API describes, and its tag."""


class Caller:
    """Calls routes by the client.

    Attributes:
        stack: where.
        client: of the whole API, as an admin.
        models: what routes take and answer.
        mailing, message: ids of a mailing to Ann and Ben, who bounces, and of Ann's direct message.
    """

    def __init__(self, stack: Stack) -> None:
        package = importlib.import_module("sendtrail_client")
        self.stack = stack
        self.client = package.connect(stack.state["gateway"], stack.state["api_key"])
        self.models: Any = importlib.import_module("sendtrail_client.models")
        self.mailing = self.message = ""

    def __call__(self, operation: str, *given: Any, **named: Any) -> Any:
        """What a route answers."""
        return route(operation).sync(*given, client=self.client, **named)

    def mailing_to(self, *people: tuple[str, str], **more: Any) -> Any:
        """A mailing to these, by name and mailbox of the simulator."""
        data = {"name": "you"}
        recipients = [
            {"participant_id": name, "address": f"{mailbox}+{name}@{SIMULATOR}", "data": data}
            for name, mailbox in people
        ]
        body = {"name": "Evening", "kind": KIND, "template_id": TEMPLATE, "recipients": recipients}
        return self.models.CommunicationDraft.from_dict(body | more)

    def message_to(self, name: str, **more: Any) -> Any:
        """A direct message to somebody."""
        body = {"participant_id": name, "address": f"success+{name}@{SIMULATOR}"}
        body |= {"kind": "client-receipt", "subject": "Receipt", "text": "Thank you."}
        return self.models.MessageDraft.from_dict(body | more)


def route(operation: str) -> ModuleType:
    """The client's module of a route."""
    name = "".join(f"_{each.lower()}" if each.isupper() else each for each in operation)
    return importlib.import_module(f"sendtrail_client.api.{OPERATIONS[operation]}.{name}")


@pytest.fixture(scope="module")
def call(stack: Stack, client_package: Path) -> Iterator[Caller]:
    """A caller of a stack in which something was sent."""
    made = Caller(stack)
    made(
        "putTemplate",
        TEMPLATE,
        body=made.models.TemplateDraft(
            subject="An evening for {{ name }}",
            html='<p>Dear {{ name }}, <a href="https://society.example/">come</a>.</p>',
        ),
    )
    draft = made.mailing_to((ANN, "success"), (BEN, "bounce"))
    made.mailing = made("sendCommunication", body=draft).communication_id
    made.message = made("sendMessage", body=made.message_to(ANN)).message_id

    def arrived() -> bool:
        figures = made("getCommunication", made.mailing)
        direct = made("listMessages", ANN, kind="client-receipt").items
        return (figures.delivered, figures.bounced) == (1, 1) and any(
            each.delivered_at for each in direct
        )

    stack.eventually(arrived)
    yield made
    made.client.get_httpx_client().close()


def in_a_month() -> datetime:
    """When nothing of it goes out while tests run."""
    return datetime.now(UTC) + timedelta(days=30)


# --- a line for each route -------------------------------------------------------------------

CALLS: Final[dict[str, Callable[[Caller], None]]] = {}


def calls(operation: str) -> Callable[[Callable[[Caller], None]], Callable[[Caller], None]]:
    """Has a function try the route of that `operationId`."""
    return partial(CALLS.setdefault, operation)


@calls("listCommunications")
def _list_communications(call: Caller) -> None:
    found = call("listCommunications", kind=KIND, limit=100)
    assert call.mailing in {each.communication_id for each in found.items}


@calls("getCommunication")
def _get_communication(call: Caller) -> None:
    found = call("getCommunication", call.mailing)
    assert (found.sent, found.bounced) == (2, 1)
    assert isinstance(found.created_at, datetime)


@calls("listRecipients")
def _list_recipients(call: Caller) -> None:
    status = call.models.Status
    found = call("listRecipients", call.mailing)
    told = {each.participant_id: each.status for each in found.items}
    assert told == {ANN: status.DELIVERED, BEN: status.BOUNCED}
    (bounced,) = call("listRecipients", call.mailing, status=status.BOUNCED).items
    assert bounced.participant_id == BEN


@calls("sendCommunication")
def _send_communication(call: Caller) -> None:
    draft = call.mailing_to((ANN, "success"), send_at=in_a_month().isoformat())
    first, again = (
        call("sendCommunication", body=draft, idempotency_key="client-later") for _ in range(2)
    )
    assert first.communication_id == again.communication_id
    assert first.send_at == draft.send_at.replace(microsecond=first.send_at.microsecond)


@calls("previewCommunication")
def _preview_communication(call: Caller) -> None:
    found = call("previewCommunication", body=call.mailing_to((ANN, "success"), (BEN, "bounce")))
    assert (found.subject, found.recipients) == ("An evening for you", 2)
    assert [each.participant_id for each in found.would_be_dropped] == [BEN]


@calls("stopCommunication")
def _stop_communication(call: Caller) -> None:
    draft = call.mailing_to((ANN, "success"), send_at=in_a_month().isoformat())
    later = call("sendCommunication", body=draft).communication_id
    assert call("stopCommunication", later).state is call.models.MailingState.STOPPED


@calls("sendMessage")
def _send_message(call: Caller) -> None:
    assert call("getMessage", ANN, call.message).subject == "Receipt"


@calls("stopMessage")
def _stop_message(call: Caller) -> None:
    draft = call.message_to("client-later", send_at=in_a_month().isoformat())
    later = call("sendMessage", body=draft).message_id
    call.stack.eventually(lambda: call("listMessages", "client-later").items)
    stopped = call("stopMessage", "client-later", later)
    assert (stopped.status, stopped.drop_reason) == (call.models.Status.DROPPED, "stopped")


@calls("getMessage")
def _get_message(call: Caller) -> None:
    found = call("getMessage", ANN, call.message)
    assert {"Accepted", "Send", "Delivery"} <= {each.type_ for each in found.events}


@calls("previewMessage")
def _preview_message(call: Caller) -> None:
    assert "Thank you." in call("previewMessage", ANN, call.message)


@calls("listMessages")
def _list_messages(call: Caller) -> None:
    found = call("listMessages", ANN, kind="client-receipt", from_="2026-01-01")
    assert [each.message_id for each in found.items] == [call.message]


@calls("listDirectMessages")
def _list_direct_messages(call: Caller) -> None:
    found = call("listDirectMessages", kind="client-receipt", limit=100)
    assert call.message in {each.message_id for each in found.items}


@calls("getOverview")
def _get_overview(call: Caller) -> None:
    found = call("getOverview", days=call.models.Span.WEEK)
    assert len(found.days) == 7
    assert isinstance(found.days[0].day, date)
    assert found.from_ == found.days[0].day


@calls("findParticipants")
def _find_participants(call: Caller) -> None:
    found = call("findParticipants", q="client-a").items
    assert [(type(each), each.participant_id) for each in found] == [(call.models.Participant, ANN)]
    (use,) = call("findParticipants", address=f"success+{ANN}@{SIMULATOR}").items
    assert (type(use), use.participant_id) == (call.models.ParticipantOfAddress, ANN)


@calls("getParticipant")
def _get_participant(call: Caller) -> None:
    assert call("getParticipant", BEN).suppression.reason is call.models.SuppressionReason.BOUNCED


@calls("exportParticipant")
def _export_participant(call: Caller) -> None:
    found = call("exportParticipant", ANN)
    assert call.message in {each["message_id"] for each in found.messages}


@calls("eraseParticipant")
def _erase_participant(call: Caller) -> None:
    call("nameParticipant", "client-gone", body=call.models.ParticipantName(name="Gone"))
    asked = call("eraseParticipant", "client-gone")
    assert call("getErasure", asked.erasure_id).erasure_id == asked.erasure_id


@calls("getErasure")
def _get_erasure(call: Caller) -> None:
    call("nameParticipant", "client-left", body=call.models.ParticipantName(name="Left"))
    asked = call("eraseParticipant", "client-left")
    found = call("getErasure", asked.erasure_id)
    assert (found.erasure_id, found.asked_at) == (asked.erasure_id, asked.asked_at)


@calls("nameParticipant")
def _name_participant(call: Caller) -> None:
    name = "Zoë 🎉 שלום <b>"
    body = call.models.ParticipantName(name=name)
    assert call("nameParticipant", "client-name", body=body).name == name
    none = call("nameParticipant", "client-name", body=call.models.ParticipantName(name=None))
    assert none.name is None


@calls("getTimeline")
def _get_timeline(call: Caller) -> None:
    found = call("getTimeline", ANN, limit=100).items
    assert call.message in {each.message.message_id for each in found if each.message}


@calls("listAddresses")
def _list_addresses(call: Caller) -> None:
    (found,) = call("listAddresses", ANN).items
    assert (found.address, found.current) == (f"success+{ANN}@{SIMULATOR}", True)


@calls("registerAddress")
def _register_address(call: Caller) -> None:
    found = call("registerAddress", "client-register", "First+Tag@Example.com")
    assert (found.address, found.current) == ("First+Tag@Example.com", True)


@calls("registerAddressInQuery")
def _register_address_in_query(call: Caller) -> None:
    found = call("registerAddressInQuery", "client-register", address="a/b?c%d@example.com")
    assert found.address == "a/b?c%d@example.com"


@calls("recordInteraction")
def _record_interaction(call: Caller) -> None:
    body = call.models.Interaction(kind="gift")
    found = call("recordInteraction", "client-giver", body=body)
    assert isinstance(found.last_interaction_at, datetime)


@calls("setSubscription")
def _set_subscription(call: Caller) -> None:
    body = call.models.Subscription(subscribed=False)
    assert call("setSubscription", "client-leaver", body=body).subscribed is False


@calls("putTemplate")
def _put_template(call: Caller) -> None:
    assert call("getTemplate", TEMPLATE).fields == ["name"]


@calls("getTemplate")
def _get_template(call: Caller) -> None:
    assert call("getTemplate", TEMPLATE, version=1).subject == "An evening for {{ name }}"


@calls("listTemplates")
def _list_templates(call: Caller) -> None:
    assert TEMPLATE in call("listTemplates").template_ids


@calls("listSuppressions")
def _list_suppressions(call: Caller) -> None:
    address = f"bounce+{BEN}@{SIMULATOR}"
    (found,) = call("listSuppressions", address=address).items
    assert (found.address, found.participant_id) == (address, BEN)


@calls("getSuppression")
def _get_suppression(call: Caller) -> None:
    found = call("getSuppression", f"bounce+{BEN}@{SIMULATOR}")
    assert found.reason is call.models.SuppressionReason.BOUNCED


@calls("suppressAddress")
def _suppress_address(call: Caller) -> None:
    body = call.models.Suppress(note="asked by telephone")
    found = call("suppressAddress", "client+put@example.com", body=body)
    assert found.reason is call.models.SuppressionReason.MANUAL


@calls("suppressAddressInQuery")
def _suppress_address_in_query(call: Caller) -> None:
    body = call.models.Suppress(note="asked by letter")
    found = call("suppressAddressInQuery", address="client/put@example.com", body=body)
    assert found.address == "client/put@example.com"


@calls("liftSuppression")
def _lift_suppression(call: Caller) -> None:
    address = "client+lift@example.com"
    call("suppressAddress", address, body=call.models.Suppress())
    assert call("liftSuppression", address).lifted is True


@calls("liftSuppressionInQuery")
def _lift_suppression_in_query(call: Caller) -> None:
    address = "client/lift@example.com"
    call("suppressAddressInQuery", address=address, body=call.models.Suppress())
    assert call("liftSuppressionInQuery", address=address).lifted is True


@calls("getCaller")
def _get_caller(call: Caller) -> None:
    assert call("getCaller").scope is call.models.Scope.ADMIN


@calls("listStaffActs")
def _list_staff_acts(call: Caller) -> None:
    call("suppressAddress", "client-act@example.com", body=call.models.Suppress())
    assert call("listStaffActs", limit=100).items[0].by is not None


def _hook(call: Caller, path: str) -> Any:
    """A webhook of its own, at a receiver that is not there."""
    draft = call.models.WebhookDraft(url=f"https://127.0.0.1:9/{path}", description="Client")
    return call("addWebhook", body=draft)


@calls("addWebhook")
def _add_webhook(call: Caller) -> None:
    made = _hook(call, "add")
    assert made.secret.startswith("whsec_")
    assert made.state is call.models.WebhookState.DELIVERING
    call("removeWebhook", made.webhook_id)


@calls("listWebhooks")
def _list_webhooks(call: Caller) -> None:
    made = _hook(call, "list")
    found = call("listWebhooks")
    assert found.switched_on
    assert made.webhook_id in [each.webhook_id for each in found.items]
    assert "message.bounced" in [each.type_ for each in found.event_types]
    call("removeWebhook", made.webhook_id)


@calls("getWebhook")
def _get_webhook(call: Caller) -> None:
    made = _hook(call, "get")
    assert call("getWebhook", made.webhook_id).url == made.url
    call("removeWebhook", made.webhook_id)


@calls("changeWebhook")
def _change_webhook(call: Caller) -> None:
    made = _hook(call, "change")
    draft = call.models.WebhookDraft(url=made.url, event_types=["message.sent"], full=True)
    changed = call("changeWebhook", made.webhook_id, body=draft)
    assert (changed.event_types, changed.full) == (["message.sent"], True)
    call("removeWebhook", made.webhook_id)


@calls("removeWebhook")
def _remove_webhook(call: Caller) -> None:
    made = _hook(call, "remove")
    assert call("removeWebhook", made.webhook_id).webhook_id == made.webhook_id
    left = [each.webhook_id for each in call("listWebhooks").items]
    assert made.webhook_id not in left


@calls("rotateWebhookSecret")
def _rotate_webhook_secret(call: Caller) -> None:
    made = _hook(call, "rotate")
    assert call("rotateWebhookSecret", made.webhook_id).secret != made.secret
    call("removeWebhook", made.webhook_id)


@calls("enableWebhook")
def _enable_webhook(call: Caller) -> None:
    made = _hook(call, "enable")
    assert call("enableWebhook", made.webhook_id).disabled_at is None
    call("removeWebhook", made.webhook_id)


@calls("testWebhook")
def _test_webhook(call: Caller) -> None:
    made = _hook(call, "test")
    assert call("testWebhook", made.webhook_id).webhook_id == made.webhook_id
    call.stack.eventually(lambda: call("listWebhookDeliveries", made.webhook_id).items != [])
    call("removeWebhook", made.webhook_id)


@calls("replayWebhook")
def _replay_webhook(call: Caller) -> None:
    made = _hook(call, "replay")
    end = datetime.now(UTC)
    span = call.models.Replay(from_=end - timedelta(seconds=1), to=end)
    assert call("replayWebhook", made.webhook_id, body=span).webhook_id == made.webhook_id
    call("removeWebhook", made.webhook_id)


@calls("listWebhookDeliveries")
def _list_webhook_deliveries(call: Caller) -> None:
    made = _hook(call, "deliveries")
    assert call("listWebhookDeliveries", made.webhook_id).items == []
    call("removeWebhook", made.webhook_id)


# --- the tests -------------------------------------------------------------------------------


def test_every_route_has_its_line() -> None:
    """A new route is not forgotten, nor one that is gone."""
    assert set(CALLS) == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_route_is_called_by_its_function(call: Caller, operation: str) -> None:
    """With arguments and answers of their types."""
    assert callable(route(operation).asyncio)
    CALLS[operation](call)


def test_an_error_is_raised_with_what_is_wrong(call: Caller) -> None:
    """By the API and by the gateway; of a request that is not valid, each thing by its name."""
    package = importlib.import_module("sendtrail_client")
    with pytest.raises(package.ApiError, match="client-nobody") as unknown:
        call("getTemplate", "client-nobody")
    assert unknown.value.status == 404
    with pytest.raises(package.ApiError) as invalid:
        call("sendMessage", body=call.models.MessageDraft(participant_id="no name", subject="x"))
    assert invalid.value.status == 422
    assert {each["name"] for each in invalid.value.errors} >= {"participant_id"}
    stranger = package.connect(call.stack.state["gateway"], "st_wrong")
    with pytest.raises(package.ApiError) as refused:
        route("getOverview").sync(client=stranger)
    assert refused.value.status == 403
    assert refused.value.detail == "User is not authorized to access this resource"  # the gateway's


def test_a_list_is_read_to_its_end(call: Caller) -> None:
    """Part by part, and in asyncio as well."""
    package = importlib.import_module("sendtrail_client")
    listed = route("listSuppressions")
    for number in range(3):
        address = f"client-page-{number}@example.com"
        call("suppressAddress", address, body=call.models.Suppress())
    whole = [each.address for each in call("listSuppressions", limit=100).items]
    assert len(whole) > 3
    found = package.pages(listed.sync, client=call.client, limit=2)
    assert [each.address for each in found] == whole

    async def read() -> list[str]:
        async with package.connect(call.stack.state["gateway"], call.stack.state["api_key"]) as own:
            items = package.apages(listed.asyncio, client=own, limit=2)
            return [each.address async for each in items]

    assert run_async(read()) == whole
