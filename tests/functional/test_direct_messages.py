"""Messages that belong to no mailing: listed, filtered, downloaded, and what that costs."""

from __future__ import annotations

from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import epoch_ms, from_epoch_ms
from tests.functional.conftest import Backend
from tests.functional.visitor import Reads
from tests.functional.world import Api, World

NOON = epoch_ms("2026-11-20T12:00:00.000Z")
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
MESSAGES = "/v1/messages"


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def api(world: World) -> Api:
    """A caller."""
    return Api(world)


def direct(at: int, person: str = "ann", kind: str | None = "invoice", **tags: str) -> Mail:
    """A mail of no mailing, at a time in milliseconds since 1970."""
    named = {"participant_id": person} | ({"kind": kind} if kind else {}) | tags
    return Mail(
        f"d-{person}-{at}", from_epoch_ms(at), [f"{person}@example.com"], "Yours", tags=named
    )


def id_of(mail: Mail) -> str:
    """The id of a mail's one message."""
    return derived_message_id(mail.sent_at, mail.ses_id, mail.to[0])


def ids(found: list[dict[str, Any]]) -> list[str]:
    """The messages' ids."""
    return [each["message_id"] for each in found]


def soon(mail: Mail) -> str:
    """A few seconds after a mail."""
    return from_epoch_ms(epoch_ms(mail.sent_at) + 5_000)


def test_what_belongs_to_no_mailing_is_listed_newest_first(world: World, api: Api) -> None:
    """Over months, page by page; nothing of a mailing, and nothing of nobody."""
    mails = [direct(NOON - number * 11 * DAY) for number in range(7)]  # since September
    of_mailing = direct(NOON + MINUTE, communication_id="news")
    copies = Mail("several", from_epoch_ms(NOON), ["a@example.com", "b@example.com"])
    world.ingest([each.send() for each in (*mails, of_mailing)])
    world.ingest([copies.open(from_epoch_ms(NOON + DAY), "Mozilla/5.0")])
    world.fold()
    expected = [id_of(each) for each in mails]
    assert ids(api(MESSAGES)["json"]["items"]) == expected
    assert ids(api.everything(MESSAGES, limit=2)) == expected
    (first, *_) = api(MESSAGES)["json"]["items"]
    assert (first["kind"], first["subject"], first["participant_id"]) == ("invoice", "Yours", "ann")
    assert first["communication_id"] is None


def test_bounds_are_days_or_times_and_inclusive(world: World, api: Api) -> None:
    """A day is meant whole."""
    days = [direct(NOON + number * DAY) for number in range(4)]  # 20 to 23 November
    world.ingest([each.send() for each in days])
    world.fold()
    twenty, one, two, three = map(id_of, days)
    for bounds, expected in (
        ({"from_": "2026-11-21"}, [three, two, one]),
        ({"to": "2026-11-21"}, [one, twenty]),
        ({"from_": "2026-11-21", "to": "2026-11-21"}, [one]),
        ({"from_": "2026-11-21T12:00:00Z", "to": "2026-11-22T12:00:00Z"}, [two, one]),
        ({"from_": "2026-11-21T12:00:00.001Z", "to": "2026-11-22T11:59:59.999Z"}, []),
        ({"to": "2020-01-01"}, []),
        ({"from_": "2030-01-01"}, []),
    ):
        assert ids(api(MESSAGES, **bounds)["json"]["items"]) == expected, bounds
        assert ids(api.everything(MESSAGES, limit=1, **bounds)) == expected, bounds


def test_filters_are_by_kind_status_and_what_happened(world: World, api: Api) -> None:
    """Also together; what had several problems is found by each of them."""
    invoice, contract, plain, spammed = (
        direct(NOON, kind="invoice"),
        direct(NOON + MINUTE, "bob", "contract"),
        direct(NOON + 2 * MINUTE, "cleo", None),
        direct(NOON + 3 * MINUTE, "dan", "invoice"),
    )
    world.ingest([each.send() for each in (invoice, contract, plain, spammed)])
    world.ingest([invoice.bounce(soon(invoice)), contract.delivery(soon(contract))])
    world.ingest([spammed.bounce(soon(spammed)), spammed.complaint(soon(spammed))])
    world.fold()
    for query, expected in (
        ({"kind": "invoice"}, [spammed, invoice]),
        ({"kind": "Invoice"}, []),
        ({"status": "bounced"}, [invoice]),
        ({"did": "bounced"}, [spammed, invoice]),
        ({"did": "spammed"}, [spammed]),
        ({"did": "bounced", "status": "spammed"}, [spammed]),
        ({"did": "delivered"}, [contract]),
        ({"status": "sent"}, [plain]),
        ({"status": "bounced", "kind": "contract"}, []),
        (
            {"did": "bounced", "kind": "invoice", "from_": "2026-11-20", "to": "2026-11-20"},
            [spammed, invoice],
        ),
    ):
        found = ids(api(MESSAGES, **query)["json"]["items"])
        assert found == [id_of(each) for each in expected], query


def test_a_message_that_turns_out_to_be_of_a_mailing_is_listed_there_alone(
    world: World, api: Api
) -> None:
    """Though its first event did not say so, and it had bounced by then."""
    mail = direct(NOON, message_id=derived_message_id(from_epoch_ms(NOON), "x", "y"))
    world.ingest([mail.send(), mail.bounce(soon(mail))])
    world.fold()
    assert len(api(MESSAGES, status="bounced")["json"]["items"]) == 1
    said = Mail(mail.ses_id, mail.sent_at, mail.to, tags={**mail.tags, "communication_id": "news"})
    world.ingest([said.delivery(soon(mail))])
    for query in ({}, {"status": "bounced"}, {"did": "bounced"}, {"kind": "invoice"}):
        assert api(MESSAGES, **query)["json"]["items"] == [], query
        world.fold()
    (found,) = api("/v1/communications/news/recipients", status="bounced")["json"]["items"]
    assert found["participant_id"] == "ann"


def test_problems_are_found_among_very_many_at_the_price_of_themselves(
    world: World, api: Api
) -> None:
    """Last week's bounced invoices, among hundreds that did not: in one page, of a few reads; a
    filter that has no list looks at 200 messages a page.
    """
    many = [direct(NOON + number * MINUTE, f"p{number}") for number in range(450)]
    bounced = [many[0], many[225], many[449]]
    letter = direct(NOON - MINUTE, "letter", "letter")
    world.ingest([each.send() for each in (letter, *many)])
    world.ingest([each.bounce(soon(each)) for each in (letter, *bounced)])
    world.fold()
    week = {"from_": "2026-11-16", "to": "2026-11-22"}
    api(MESSAGES)  # ties the models to the tables
    with Reads() as cost:
        page = api(MESSAGES, status="bounced", kind="invoice", **week)["json"]
    assert ids(page["items"]) == [id_of(each) for each in reversed(bounced)]
    assert page["next_cursor"] is None
    assert (cost.requests, cost.items) == (3, 1 + 4 + 4)
    with Reads() as cost:
        page = api(MESSAGES, did="bounced", kind="invoice", **week)["json"]
    assert ids(page["items"]) == [id_of(each) for each in reversed(bounced)]
    assert cost.requests == 3
    with Reads() as cost:
        page = api(MESSAGES, kind="letter")["json"]
    assert page["items"] == []
    assert page["next_cursor"]
    assert cost.requests == 4
    assert cost.items <= 1 + 202 + 200
    assert ids(api.everything(MESSAGES, kind="letter")) == [id_of(letter)]
    with Reads() as cost:
        assert len(api(MESSAGES)["json"]["items"]) == 25
    assert cost.requests == 3
    assert cost.items <= 1 + 27 + 25


def test_months_are_walked_twelve_at_a_time(world: World, api: Api) -> None:
    """And of six lists of problems four, so that a page makes at most 24 queries."""
    mails = [direct(NOON - number * 31 * DAY) for number in range(30)]
    world.ingest([each.send() for each in mails])
    world.ingest([mails[-1].bounce(soon(mails[-1]))])
    world.fold()
    api(MESSAGES)
    for query, most in (({"kind": "none"}, 12 + 3), ({"did": "bounced"}, 24 + 2)):
        with Reads() as cost:
            page = api(MESSAGES, **query)["json"]
        assert page["items"] == []
        assert page["next_cursor"]
        assert cost.requests <= most
    assert ids(api.everything(MESSAGES, did="bounced")) == [id_of(mails[-1])]
    assert ids(api.everything(MESSAGES, kind="invoice", limit=7)) == [id_of(each) for each in mails]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"status": "lost"}, "'spammed'"),
        ({"did": "queued"}, "'bounced'"),
        ({"from_": "soon"}, "2026-11-24"),
        ({"from_": "2026-11-21", "to": "2026-11-20"}, "later"),
        ({"kind": "k" * 65}, "kind"),
        ({"limit": "101"}, "limit"),
    ],
)
def test_bad_filters_are_told_what_is_allowed(api: Api, query: dict[str, str], says: str) -> None:
    """As problem JSON with a 422."""
    answer = api(MESSAGES, **query)
    assert answer["statusCode"] == 422
    assert says in answer["body"]


def test_a_cursor_is_of_its_own_filter(world: World, api: Api) -> None:
    """Else it would skip what the other wants."""
    world.ingest([direct(NOON + number * MINUTE).send() for number in range(3)])
    cursor = api(MESSAGES, limit=1)["json"]["next_cursor"]
    assert api(MESSAGES, limit=1, cursor=cursor)["statusCode"] == 200
    for query in ({"kind": "invoice"}, {"status": "sent"}, {"from_": "2026-11-20"}):
        assert api(MESSAGES, cursor=cursor, **query)["statusCode"] == 400


def test_the_kinds_that_are_suggested_are_bounded(world: World, api: Api) -> None:
    """A hundred, none too long to be asked for; the months of others are noted all the same."""
    long = "k" * 65
    mails = [direct(NOON + n * MINUTE, kind=f"kind-{n:03}") for n in range(103)]
    mails += [direct(NOON - 40 * DAY, kind=long), direct(NOON - 80 * DAY, kind="late")]
    world.ingest([each.send() for each in mails])
    world.fold()
    row = world.backend.database().get(
        world.backend.table("Communications"), {"communication_id": "#months", "part": "direct"}
    )
    assert row is not None
    assert len(row["kinds"]) == 100
    assert long not in row["kinds"]
    assert row["months"] == {"2026-11", "2026-10", "2026-09"}
    assert len(api.everything(MESSAGES)) == 105
