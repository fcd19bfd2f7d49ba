"""The private routes, over the handler: what they answer, refuse, and cost."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.domain.ids import derived_message_id, participant_of_address
from sendtrail.domain.times import from_epoch_ms
from sendtrail.intake.parser import events_of
from sendtrail.log.elements import encode
from sendtrail.reading.models import TrailItem
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS
from tests.functional.conftest import Backend
from tests.functional.world import Api, World
from tests.support import load_event

NOON = 1_795_170_600_000
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"


def mail(number: int, person: str = "ann", *, tagged: bool = True, news: str = "news") -> Mail:
    """The mail of that number to a person, a minute after the one before."""
    sent_at, ses_id = from_epoch_ms(NOON + number * 60_000), f"ses-{person}-{number}"
    address = f"{person.capitalize()}@example.com"
    tags = {
        "participant_id": person,
        "message_id": derived_message_id(sent_at, ses_id, address),
        "communication_id": news,
        "kind": "newsletter" if number % 2 else "invoice",
    }
    return Mail(ses_id, sent_at, [address], f"Number {number}", tags=tags if tagged else {})


def after(number: int, seconds: float) -> str:
    """A time after that mail was sent."""
    return from_epoch_ms(NOON + number * 60_000 + int(seconds * 1000))


def test_a_message_has_its_dates_counts_links_and_trail(world: World, api: Api) -> None:
    """The main thing: what SES said, read back."""
    one = mail(1)
    link = "https://society.example/?a=1&b=2"
    world.ingest(
        [
            one.send(),
            one.delivery(after(1, 3)),
            one.open(after(1, 20), THUNDERBIRD),
            one.open(after(1, 30), "Mozilla/5.0"),
            one.click(after(1, 2), link, "Mozilla/5.0 (compatible; Barracuda)"),
            one.click(after(1, 40), link, THUNDERBIRD),
        ]
    )
    world.fold()
    (item,) = api("/v1/participants/ann/messages")["json"]["items"]
    assert item == {
        "message_id": one.tags["message_id"],
        "participant_id": "ann",
        "communication_id": "news",
        "copy": False,
        "attachment_count": 0,
        "kind": "newsletter",
        "template_id": None,
        "template_version": None,
        "subject": "Number 1",
        "address": "Ann@example.com",
        "status": "clicked",
        "last_changed_at": after(1, 40),
        "sent_at": after(1, 0),
        "delivered_at": after(1, 3),
        "first_opened_at": after(1, 20),
        "last_opened_at": after(1, 30),
        "open_count": 2,
        "human_open_count": 1,
        "first_clicked_at": after(1, 2),
        "last_clicked_at": after(1, 40),
        "click_count": 2,
        "human_click_count": 1,
        "bounced_at": None,
        "bounce": None,
        "dropped_at": None,
        "drop_reason": None,
        "spammed_at": None,
        "rejected_at": None,
        "failed_at": None,
        "delayed_at": None,
        "unsubscribed_at": None,
        "by": None,
    }
    whole = api(f"/v1/participants/ann/messages/{item['message_id']}")["json"]
    assert whole["links"] == [
        {
            "url": link,
            "clicks": 2,
            "human_clicks": 1,
            "first_clicked_at": after(1, 2),
            "last_clicked_at": after(1, 40),
        }
    ]
    assert [(event["type"], event["actor"]) for event in whole["events"]] == [
        ("Send", None),
        ("Click", "machine"),
        ("Delivery", None),
        ("Open", "human"),
        ("Open", "machine"),
        ("Click", "human"),
    ]
    assert api(f"/v1/participants/ben/messages/{item['message_id']}")["statusCode"] == 404


def test_a_history_is_listed_newest_first_and_filtered(world: World, api: Api) -> None:
    """By status, kind and time of sending, in pages of any size."""
    world.ingest(mail(number).send() for number in range(30))
    world.ingest(mail(number).delivery(after(number, 3)) for number in range(0, 30, 3))
    world.fold()
    path = "/v1/participants/ann/messages"
    for limit in (1, 7, 25, 30, 100):
        items = api.everything(path, limit=limit)
        assert [item["subject"] for item in items] == [f"Number {n}" for n in range(29, -1, -1)]
    delivered = api.everything(path, status="delivered", limit=4)
    assert [item["subject"] for item in delivered] == [f"Number {n}" for n in range(27, -1, -3)]
    assert len(api.everything(path, kind="invoice", limit=3)) == 15
    assert len(api.everything(path, kind="invoice", status="delivered")) == 5
    some = api.everything(path, from_=after(10, 0), to=after(19, 0), limit=3)
    assert [item["subject"] for item in some] == [f"Number {n}" for n in range(19, 9, -1)]
    assert len(api.everything(path, from_="2026-11-20", to="2026-11-20")) == 30
    assert api.everything(path, to="2026-11-19") == []
    last = api(path, limit=30)["json"]
    assert last["next_cursor"] is None


def test_a_history_merges_the_addresses_that_were_registered(world: World, api: Api) -> None:
    """Mail that something else sent, before and after, is in it and is credited."""
    others = [mail(number, "ann", tagged=False) for number in range(0, 20, 2)]
    world.ingest(mail(number).send() for number in range(1, 20, 2))
    world.ingest(other.send() for other in others)
    world.ingest([others[3].open(after(6, 60), THUNDERBIRD)])
    world.fold()
    path = "/v1/participants/ann/messages"
    assert len(api.everything(path)) == 10
    placeholder = participant_of_address("ann@example.com")
    assert len(api.everything(f"/v1/participants/{placeholder}/messages")) == 10
    answer = api("/v1/participants/ann/addresses/ANN@example.com", "PUT")["json"]
    assert (answer["current"], answer["address"]) == (True, "ANN@example.com")
    for limit in (1, 3, 25):
        items = api.everything(path, limit=limit)
        assert [item["subject"] for item in items] == [f"Number {n}" for n in range(19, -1, -1)]
    found = api(path, limit=1)["json"]["items"][0]
    assert api(f"{path}/{found['message_id']}")["statusCode"] == 200
    assert api("/v1/participants/ann")["json"]["last_interaction_at"] == after(6, 60)
    (use,) = api("/v1/participants/ann/addresses")["json"]["items"]
    assert (use["first_used_at"], use["last_used_at"]) == (after(0, 0), after(19, 0))
    world.ingest([others[4].open(after(8, 60), THUNDERBIRD)])
    world.fold()
    assert api("/v1/participants/ann")["json"]["last_interaction_at"] == after(8, 60)
    who = api("/v1/participants", address="ann@EXAMPLE.com")["json"]["items"]
    assert {each["participant_id"] for each in who} == {"ann", placeholder}


def test_a_participant_tells_their_address_and_what_holds_against_it(
    world: World, api: Api
) -> None:
    """After a bounce for good; and the history of addresses has it too."""
    one = mail(1)
    world.ingest([one.send(), one.bounce(after(1, 4))])
    world.fold()
    known = api("/v1/participants/ann")["json"]
    assert (known["subscribed"], known["address"]) == (True, "Ann@example.com")
    assert known["suppression"]["reason"] == "bounced"
    assert known["suppression"]["message_id"] == one.tags["message_id"]
    assert known["suppression"]["diagnostic"] == "smtp; 550 5.1.1 user unknown"
    (address,) = api("/v1/participants/ann/addresses")["json"]["items"]
    assert address["suppression"] == known["suppression"]
    assert (address["first_used_at"], address["current"]) == (after(1, 0), True)
    assert api("/v1/participants/nobody")["statusCode"] == 404


def test_recording_is_read_back_at_once_and_again_from_the_log(world: World, api: Api) -> None:
    """Interactions and subscription; the stream brings them again, which changes nothing."""
    when = "2026-11-20T12:00:00.000Z"
    body = {"kind": "donation", "at": when, "reference": "gift-7"}
    first = api("/v1/participants/ann/interactions", "POST", body)["json"]
    assert first["last_interaction_at"] == when
    off = api("/v1/participants/ann/subscription", "PUT", {"subscribed": False})["json"]
    assert off["subscribed"] is False
    world.fold()
    assert api("/v1/participants/ann")["json"] == off
    on = api("/v1/participants/ann/subscription", "PUT", {"subscribed": True})["json"]
    assert on["subscribed"] is True


def test_an_address_too_many_is_refused(api: Api) -> None:
    """A history is read from as many partitions as there are registered addresses."""
    for number in range(20):
        answer = api(f"/v1/participants/ann/addresses/a{number}@example.com", "PUT")
        assert answer["statusCode"] == 200
    refused = api("/v1/participants/ann/addresses/b@example.com", "PUT")
    assert refused["statusCode"] == 422
    assert "at most 20" in refused["json"]["detail"]
    assert api("/v1/participants/ann/addresses/a3@example.com", "PUT")["statusCode"] == 200


def test_an_address_of_too_many_is_refused(api: Api) -> None:
    """Each of its owners is credited with all that happens there."""
    for number in range(50):
        answer = api(f"/v1/participants/p{number}/addresses/info@example.com", "PUT")
        assert answer["statusCode"] == 200
    refused = api("/v1/participants/one-more/addresses/info@example.com", "PUT")
    assert refused["statusCode"] == 422
    assert "at most 50" in refused["json"]["detail"]
    assert api("/v1/participants/p7/addresses/info@example.com", "PUT")["statusCode"] == 200


def test_a_participant_of_very_many_addresses_can_have_one_more(world: World, api: Api) -> None:
    """A tag that something shares between people, such as ``guest``."""
    mails = [
        Mail(f"s{n}", after(n, 0), [f"z{n:03}@example.com"], tags={"participant_id": "guest"})
        for n in range(230)
    ]
    world.ingest(each.send() for each in mails)
    world.fold()
    answer = api("/v1/participants/guest/addresses/a@example.com", "PUT")
    assert (answer["statusCode"], answer["json"]["current"]) == (200, True)


def test_hits_of_a_mail_to_several_count_for_the_mailing_and_for_nobody(
    world: World, api: Api
) -> None:
    """They are no further recipient, and no further mail."""
    both = Mail(
        "s", after(0, 0), ["a@example.com", "b@example.com"], tags={"communication_id": "x"}
    )
    said = [both.send(), both.delivery(after(0, 3)), both.open(after(0, 60), THUNDERBIRD)]
    world.ingest([*said, both.bounce(after(0, 90), to=["stranger@elsewhere.example"])])
    world.fold()
    found = api("/v1/communications/x")["json"]
    figures = [found[name] for name in ("recipients", "sent", "delivered", "opened", "open_rate")]
    assert figures == [2, 2, 2, 1, 0.5]
    people = api("/v1/communications/x/recipients")["json"]["items"]
    assert sorted(each["address"] for each in people) == ["a@example.com", "b@example.com"]
    assert api("/v1/suppressions/stranger@elsewhere.example")["statusCode"] == 404


@pytest.mark.parametrize(
    ("kind", "status"),
    [("text/plain", 415), ("", 415), ("Application/JSON; charset=UTF-8", 200), ("image/png", 415)],
)
def test_only_json_is_taken(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch, kind: str, status: int
) -> None:
    """Any other type is a problem that says so."""
    world = World(moto_backend, monkeypatch)
    event = load_event("http-communication")
    path = "/v1/participants/ann/subscription"
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["requestContext"]["http"]["method"] = "PUT"
    event["headers"]["Content-Type"] = kind
    event["body"] = '{"subscribed": true}'
    assert world.call("api", event)["statusCode"] == status
    if status == 200:
        event |= {"body": "e30=", "isBase64Encoded": True}
        assert world.call("api", event)["statusCode"] == 422


def test_communications_are_listed_newest_first_with_figures(world: World, api: Api) -> None:
    """Across months, by month, by kind, by name, in pages of any size."""
    day = 24 * 60
    for number in range(0, 300, 30):
        one = mail(number * day, news=f"news-{number:03}")
        world.ingest([one.send(), one.open(after(number * day, 60), THUNDERBIRD)])
    world.fold()
    names = [f"news-{number:03}" for number in range(270, -1, -30)]
    for limit in (1, 3, 10, 25):
        items = api.everything("/v1/communications", limit=limit)
        assert [item["communication_id"] for item in items] == names
    assert {(item["sent"], item["opened"], item["open_rate"]) for item in items} == {(1, 1, 1.0)}
    assert len(api.everything("/v1/communications", name="WS-09")) == 1
    assert len(api.everything("/v1/communications", kind="invoice")) == 10
    month = items[0]["created_at"][:7]
    assert api.everything("/v1/communications", month=month)[0]["communication_id"] == names[0]
    assert api.everything("/v1/communications", month="1999-01") == []


def test_a_communication_tells_every_figure(world: World, api: Api) -> None:
    """Per link and per mailbox provider too; and its recipients, by status, as JSON and CSV."""
    people = [f"p{number}" for number in range(12)]
    said: list[Any] = []
    for number, person in enumerate(people):
        one = mail(number, person)
        said += [one.send()]
        if number < 8:
            said += [one.delivery(after(number, 3)), one.open(after(number, 9), THUNDERBIRD)]
        if number < 4:
            said += [one.click(after(number, 30), "https://a.example/", THUNDERBIRD)]
        if number == 8:
            said += [one.bounce(after(number, 3))]
        if number == 9:
            said += [one.bounce(after(number, 3), "Transient", "ContentRejected", status="5.7.1")]
        if number == 0:
            said += [one.complaint(after(number, 90))]
    world.ingest(said)
    world.fold()
    found = api("/v1/communications/news")["json"]
    wanted = {"recipients": 12, "sent": 12, "delivered": 8, "opened": 8, "clicked": 4}
    wanted |= {"bounced": 2, "blocked": 1, "spammed": 1, "dropped": 0, "name": "news"}
    assert {name: found[name] for name in wanted} == wanted
    assert found["links"] == [
        {"url": "https://a.example/", "clicks": 4, "human_clicks": 4, "human_clicked": 4}
    ]
    assert found["providers"][0]["provider"] == "other"
    assert found["open_rate"] == round(8 / 12, 4)
    path = "/v1/communications/news/recipients"
    statuses = Counter(each["status"] for each in api.everything(path, limit=5))
    assert statuses == {"spammed": 1, "clicked": 3, "opened": 4, "bounced": 2, "sent": 2}
    for status, count in statuses.items():
        some = api.everything(path, status=status, limit=1)
        assert [each["status"] for each in some] == [status] * count
    answer = api(path, accept="text/csv")
    rows = list(csv.reader(StringIO(answer["body"])))
    assert len(rows) == 13
    assert rows[0] == [column.name for column in RECIPIENT_COLUMNS]
    assert api("/v1/communications/none")["statusCode"] == 404


def test_suppressions_are_listed_added_and_lifted(world: World, api: Api) -> None:
    """By reason; what was lifted stays lifted when its evidence comes again."""
    bounces = [mail(number, f"p{number}") for number in range(5)]
    said = [each.bounce(after(number, 5)) for number, each in enumerate(bounces)]
    said.append(mail(9, "q").complaint(after(9, 5)))
    world.ingest(said)
    world.fold()
    put = api("/v1/suppressions/Z@example.com", "PUT", {"note": "asked by phone"})
    assert (put["statusCode"], put["json"]["reason"]) == (200, "manual")
    for limit in (1, 2, 25):
        reasons = [each["reason"] for each in api.everything("/v1/suppressions", limit=limit)]
        assert reasons == ["spammed", *["bounced"] * 5, "manual"]
    only = api.everything("/v1/suppressions", reason="bounced", limit=2)
    assert [each["address"] for each in only] == [f"p{n}@example.com" for n in range(4, -1, -1)]
    assert api("/v1/suppressions/p3%40example.com")["json"]["reason"] == "bounced"
    lifted = api("/v1/suppressions/P3@example.com", "DELETE")["json"]
    assert lifted == {"address": "P3@example.com", "lifted": True, "removed_from_ses": False}
    world.ingest(said)
    world.fold()
    assert api("/v1/suppressions/p3@example.com")["statusCode"] == 404
    assert api("/v1/suppressions/p3@example.com", "DELETE")["statusCode"] == 404
    assert len(api.everything("/v1/suppressions")) == 6


@pytest.mark.parametrize(
    "address", ["who?/where@example.com", "100%25@example.com", "a+b@example.com"]
)
def test_addresses_that_gateways_mangle_in_a_path_are_named_in_the_query(
    world: World, api: Api, address: str
) -> None:
    """Suppressed, listed, registered and lifted, as they are written."""
    put = api("/v1/suppressions", "PUT", {"note": "asked"}, address=address)
    assert (put["statusCode"], put["json"]["address"]) == (200, address)
    listed = api("/v1/suppressions", address=address)["json"]
    assert [each["address"] for each in listed["items"]] == [address]
    assert api("/v1/suppressions", address=address, reason="spammed")["json"]["items"] == []
    assert api("/v1/suppressions", address="other@example.com")["json"]["items"] == []
    registered = api("/v1/participants/p/addresses", "PUT", address=address)["json"]
    assert (registered["address"], registered["suppression"]["reason"]) == (address, "manual")
    assert api("/v1/suppressions", "DELETE", address=address)["json"]["lifted"]
    assert api("/v1/suppressions", "DELETE", address=address)["statusCode"] == 404
    assert api("/v1/suppressions", "PUT", {"note": ""})["statusCode"] == 422
    assert api("/v1/suppressions", address="no address")["statusCode"] == 422


Spoil = Callable[[str], str]
SPOILT: dict[str, Spoil] = {
    "cut": lambda cursor: cursor[:-1],
    "cut to nothing much": lambda cursor: cursor[:5],
    "one byte changed": lambda cursor: (
        cursor[:10] + ("A" if cursor[10] != "A" else "B") + cursor[11:]
    ),
    "without what authenticates it": lambda cursor: cursor[22:],
    "authenticated by nobody": lambda cursor: "A" * 22 + cursor[22:],
    "longer": lambda cursor: cursor + "A",
    "nonsense": lambda _: "💥",
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_cursor_is_refused(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    """With a 400, not with another page."""
    world = World(moto_backend, monkeypatch)
    api = Api(world)
    world.ingest(mail(number).send() for number in range(3))
    world.fold()
    cursor = api("/v1/participants/ann/messages", limit=1)["json"]["next_cursor"]
    answer = api("/v1/participants/ann/messages", limit=1, cursor=SPOILT[spoil](cursor))
    assert (answer["statusCode"], answer["json"]["status"]) == (400, 400)


def test_a_cursor_is_good_for_its_own_list_only(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for another participant's, nor for the same with another filter."""
    world = World(moto_backend, monkeypatch)
    api = Api(world)
    world.ingest(mail(number, person).send() for number in range(3) for person in ("ann", "ben"))
    world.fold()
    cursor = api("/v1/participants/ann/messages", limit=1)["json"]["next_cursor"]
    assert api("/v1/participants/ann/messages", cursor=cursor)["statusCode"] == 200
    for path in (
        "/v1/participants/ben/messages",
        "/v1/participants/ann/messages?status=sent",
        "/v1/communications",
        "/v1/communications/news/recipients",
        "/v1/suppressions",
    ):
        assert api(path, cursor=cursor)["statusCode"] == 400, path


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("GET", "/v1/participants/ann/messages?limit=0", None, "limit"),
        ("GET", "/v1/participants/ann/messages?limit=101", None, "limit"),
        ("GET", "/v1/participants/ann/messages?limit=x", None, "limit"),
        ("GET", "/v1/participants/ann/messages?status=lost", None, "'spammed'"),
        ("GET", "/v1/participants/ann/messages?from=soon", None, "2026-11-24"),
        ("GET", "/v1/participants/ann/messages?from=2026-11-21&to=2026-11-20", None, "later"),
        ("GET", "/v1/participants/a%20b", None, "participant_id"),
        ("GET", "/v1/participants/ann/messages/x", None, "message_id"),
        ("GET", "/v1/participants?address=a@example.com&q=a", None, "address"),
        ("GET", "/v1/participants?address=ann", None, "local part"),
        ("GET", "/v1/communications?month=2026-13", None, "month"),
        ("GET", "/v1/suppressions?reason=bad", None, "'spammed'"),
        ("GET", f"/v1/templates/t?version={'9' * 40}", None, "version"),
        ("POST", "/v1/participants/ann/interactions", '{"kind": NaN}', "NaN"),
        ("PUT", "/v1/suppressions/ann", {"note": ""}, "local part"),
        ("PUT", f"/v1/suppressions/{'語' * 300}@example.com", {"note": ""}, "characters"),
        ("PUT", "/v1/suppressions/a@example.com", '{"note": "\\ud800"}', "note"),
        ("PUT", "/v1/participants/ann/subscription", {"subscribed": "perhaps"}, "subscribed"),
        ("PUT", "/v1/participants/ann/subscription", {"subscribed": 0}, "subscribed"),
        ("PUT", "/v1/participants/ann/subscription", "{", "not JSON"),
        ("PUT", "/v1/participants/ann/subscription", {}, "subscribed"),
        ("POST", "/v1/participants/ann/interactions", {"amount": 7}, "amount"),
        ("POST", "/v1/participants/ann/interactions", {"at": "2999-01-01"}, "future"),
        ("POST", "/v1/participants/ann/interactions", {"reference": "order-7"}, "at: needed"),
        ("POST", "/v1/participants/ann/interactions", "[" * 100_000, "not JSON"),
        ("POST", "/v1/participants/ann/interactions", "9" * 5_000, "not JSON"),
    ],
)
def test_bad_input_is_told_what_is_allowed(
    moto_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: Any,
    says: str,
) -> None:
    """As problem JSON with a 422."""
    answer = Api(World(moto_backend, monkeypatch))(path, method, body)
    assert answer["statusCode"] == 422, answer
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert says in answer["json"]["detail"]


def test_an_unknown_path_is_a_problem_too(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says which; so is a method that its path has not, with those that it has."""
    api = Api(World(moto_backend, monkeypatch))
    answer = api("/v1/nothing")
    assert (answer["statusCode"], answer["json"]["title"]) == (404, "Not Found")
    answer = api("/v1/suppressions/a@example.com", "PATCH")
    assert (answer["statusCode"], answer["json"]["status"]) == (405, 405)
    assert answer["headers"]["Allow"] == "DELETE, GET, PUT"


def test_a_database_that_does_not_answer_is_a_503(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With word when to come again, and nothing of what is behind."""
    world = World(moto_backend, monkeypatch)
    api = Api(world)
    api("/v1/participants/ann")
    monkeypatch.setattr(world.function("api").wiring.directory, "_participants", "no-such-table")
    answer = api("/v1/participants/ann")
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")
    assert "no-such-table" not in answer["body"]


def test_a_page_of_history_costs_the_same_however_long_it_is(
    dynamodb_local_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20,000 messages or 60: the same requests and the same read units, first page and next.

    Their names are of one length, and the next page of both is full: units are counted by bytes.
    """
    world = World(dynamodb_local_backend, monkeypatch)
    api = Api(world)
    table = dynamodb_local_backend.table("Trails")
    for participant_id, count in (("some", 60), ("many", 20_000)):
        dynamodb_local_backend.database().put_all(
            table, [_row(participant_id, number) for number in range(count)]
        )
    costs = {}
    db = dynamodb_local_backend.database(count_capacity=True)
    world.function("api").wiring.database = db
    api("/v1/participants/some")  # has the models bound to the tables
    for participant_id in ("some", "many"):
        path = f"/v1/participants/{participant_id}/messages"
        with _Counted(db) as cost:
            first = api(path)["json"]
            second = api(path, cursor=first["next_cursor"])["json"]
        assert [len(first["items"]), len(second["items"])] == [25, 25]
        costs[participant_id] = cost
    assert costs["some"] == costs["many"]
    assert costs["some"]["requests"] == 4


def _row(participant_id: str, number: int) -> dict[str, Any]:
    sent_at = from_epoch_ms(NOON + number * 1000)
    mail = Mail(f"{participant_id}-{number:08}", sent_at, ["ann@example.com"])
    events = [*events_of(mail.send()), *events_of(mail.delivery(sent_at))]
    elements = {element for event in events for element in encode(event)}
    return {
        "trail": participant_id,
        "entry": events[0].message_id,
        "events": elements | {"subject|1|A subject of ordinary length"},
        "listed_in": f"c-{number % 97:02}",
        "revision": 1,
    }


class _Counted:
    """Counts the requests and read units of PynamoDB's connections, and of our own client's."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def __enter__(self) -> dict[str, float]:
        cost: dict[str, float] = {"requests": 0, "units": 0}

        def ask(params: dict[str, Any], **_: Any) -> None:
            params["ReturnConsumedCapacity"] = "TOTAL"

        def count(parsed: dict[str, Any], **_: Any) -> None:
            cost["requests"] += 1
            consumed = parsed["ConsumedCapacity"]
            for entry in consumed if isinstance(consumed, list) else [consumed]:
                cost["units"] += entry["CapacityUnits"]

        self._events = [
            model._get_connection().connection.client.meta.events for model in (TrailItem,)
        ]
        self._cost, self._before = cost, self._of_our_client()
        self._handlers = {"provide-client-params.dynamodb.*": ask, "after-call.dynamodb.*": count}
        for events in self._events:
            for name, handler in self._handlers.items():
                events.register(name, handler)
        return cost

    def _of_our_client(self) -> tuple[float, float]:
        return sum(self._db.calls.values()), sum(self._db.consumed.values())

    def __exit__(self, *_: object) -> None:
        requests, units = self._of_our_client()
        self._cost["requests"] += requests - self._before[0]
        self._cost["units"] += units - self._before[1]
        for events in self._events:
            for name, handler in self._handlers.items():
                events.unregister(name, handler)
