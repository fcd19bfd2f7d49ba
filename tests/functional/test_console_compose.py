"""The console's pages that send a mailing: what they take and refuse, and that they send once."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from sendtrail.auth.api_keys import Scope
from sendtrail.domain.ids import ID_RULE
from sendtrail.sending import template_store
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, outbox
from tests.functional.test_console import HOME, signed_in, text_of
from tests.functional.visitor import Reads, Visitor
from tests.functional.world import Api, World

PAGE = "/console/compose"
GOOD = "success@simulator.amazonses.com"
TABLE = f"participant_id,address,name\nann,{GOOD},Ann\nbob,bounce@simulator.amazonses.com,Bob"
DRAFT = {
    "name": "Spring",
    "kind": "news",
    "template_id": "news",
    "recipients": TABLE,
    "tracking": "yes",
}
OWN = DRAFT | {"template_id": ""}
SPAM = {
    "subject": "FREE PRIZE!!! YOU HAVE WON $1,000,000",
    "text": "CLICK HERE NOW!!! ACT NOW!!! WINNER!!! CASH BONUS http://1.2.3.4/ http://bit.ly/x",
}


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def post(world: World) -> Post:
    """Everything behind who sends, with a template."""
    made = Post(world)
    assert made.api("/v1/templates/news", "PUT", NEWS)["statusCode"] == 200
    return made


@pytest.fixture
def sender(world: World, post: Post) -> Visitor:
    """Somebody who may send."""
    return signed_in(world, Scope.SEND)


def hidden(page: dict[str, Any]) -> dict[str, str]:
    """The fields that a page brings along, as a browser would send them."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page["body"])
    return {name: html.unescape(value) for name, value in found if name != "form_secret"}


def told(page: dict[str, Any]) -> dict[str, list[str]]:
    """Field → all that the page says is wrong with it."""
    found = re.findall(r'<(p|ul) class="fault" id="fault-(\w*)">(.*?)</\1>', page["body"])
    return {
        name: [html.unescape(each) for each in re.findall(r"(?:^|<li>)([^<]+)", said)]
        for _, name, said in found
    }


def faults(page: dict[str, Any]) -> dict[str, str]:
    """Field → what the page says is wrong with it."""
    return {name: " ".join(said) for name, said in told(page).items()}


def test_a_mailing_is_looked_at_and_sent(world: World, post: Post, sender: Visitor) -> None:
    """As the recipient reads it, with who is left out; then it arrives, and the figures say so."""
    Api(world)("/v1/participants/bob/subscription", "PUT", {"subscribed": False})
    assert '<option value="news">' in sender.get(PAGE)["body"]
    page = sender.post(f"{PAGE}/look", **DRAFT)
    labels = text_of(page)
    assert page["statusCode"] == 200
    assert "template news, version 1, saved by Front office 2 recipients" in labels
    assert "bob bounce@simulator.amazonses.com They had unsubscribed since" in labels
    assert "As ann reads it" in labels
    assert f"To {GOOD} Subject News for Ann" in labels
    assert "Send to 1 of 2" in labels
    assert "The text part is made from the HTML." in labels
    assert outbox(world) == []
    second = sender.post(f"{PAGE}/look", **hidden(page) | {"to": "1"})
    assert "As bob reads it" in text_of(second)
    shown = sender.post(f"{PAGE}/preview", **hidden(second))
    assert "Dear Bob" in shown["body"]
    assert shown["headers"]["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    sent = sender.post(f"{PAGE}/send", **hidden(second))
    to = sent["headers"]["Location"]
    assert sent["statusCode"] == 303
    assert "It is on its way" in text_of(sender.get(to))
    post.run()
    assert [mail["subject"] for mail in outbox(world)] == ["News for Ann"]
    said = "1 sent, 1 delivered, 0 bounced, 1 dropped, of 2 recipients so far."
    assert "Finished: 2 of 2" in text_of(sender.get(to))
    assert f'data-progress="{said}"' in sender.get(f"{to.partition('?')[0]}/figures")["body"]
    assert "It is on its way" not in sender.get(to.partition("?")[0])["body"]


def test_sending_twice_sends_once(world: World, post: Post, sender: Visitor) -> None:
    """A double click, or the page loaded again; another look is another mailing."""
    page = sender.post(f"{PAGE}/look", **DRAFT)
    answers = [sender.post(f"{PAGE}/send", **hidden(page)) for _ in range(3)]
    assert len({answer["headers"]["Location"] for answer in answers}) == 1
    post.run()
    assert len(outbox(world)) == 2
    other = sender.post(f"{PAGE}/look", **DRAFT)
    assert (
        sender.post(f"{PAGE}/send", **hidden(other))["headers"]["Location"]
        not in (answers[0]["headers"]["Location"])
    )
    changed = sender.post(f"{PAGE}/send", **hidden(page) | {"name": "Other"})
    assert changed["statusCode"] == 422
    assert "was used before" in text_of(changed)


def test_what_was_looked_at_is_what_is_sent(world: World, post: Post, sender: Visitor) -> None:
    """Also if the template has another version by then; changing the draft takes the newest."""
    page = sender.post(f"{PAGE}/look", **DRAFT)
    post.api("/v1/templates/news", "PUT", {"subject": "Changed", "text": "Changed"})
    again = sender.post(f"{PAGE}/look", **hidden(page))
    assert "version 1" in text_of(again)
    form = sender.post(PAGE, **hidden(page))
    assert "template_version" not in form["body"]
    assert 'value="Spring"' in form["body"]
    sender.post(f"{PAGE}/send", **hidden(page))
    post.run()
    assert {mail["subject"] for mail in outbox(world)} == {"News for Ann", "News for Bob"}


def test_a_mail_of_its_own_goes_out_with_its_options(
    world: World, post: Post, sender: Visitor
) -> None:
    """Without tracking, answers elsewhere, a copy for the sender."""
    draft = OWN | {
        "subject": "Hello {{ name }}",
        "text": "Dear {{ name }},\n\nwe write <to> you about unsubscribing.",
        "reply_to": "desk@society.example",
        "copy_to": "one@society.example; two@society.example",
        "tracking": "",
    }
    page = sender.post(f"{PAGE}/look", **draft)
    labels = text_of(page)
    assert "2 copies for you reply-to desk@society.example opens and clicks are not" in labels
    assert "we write &lt;to&gt; you" in page["body"]
    assert "<iframe" not in page["body"]
    assert "we write <to>" in sender.post(f"{PAGE}/preview", **hidden(page))["body"]
    sender.post(f"{PAGE}/send", **hidden(page))
    post.run()
    assert sorted(mail["subject"] for mail in outbox(world)).count("Hello Ann") == 3


def test_a_file_takes_the_place_of_the_table(sender: Visitor) -> None:
    """As browsers send it; one that was not chosen takes nothing's place."""
    content = "\ufeffparticipant_id;address;name\r\nzoë;z@example.com;Zoë\r\n".replace("zoë", "zoe")
    files = {"file": ("Empfänger;1.csv", content.encode())}
    page = sender.upload(f"{PAGE}/look", DRAFT, files)
    assert "As zoe reads it" in text_of(page)
    assert "News for Zoë" in text_of(page)
    assert "Zoë" in hidden(page)["recipients"]
    page = sender.upload(f"{PAGE}/look", DRAFT, {"file": ("", b"")})
    assert "As ann reads it" in text_of(page)
    rows = f"{TABLE}\nzoe,z@example.com,Zoë"
    for encoding in ("cp1252", "utf-16"):
        page = sender.upload(f"{PAGE}/look", DRAFT, {"file": ("a.csv", rows.encode(encoding))})
        assert "Zoë" in hidden(page)["recipients"]
    for content, said in [
        (f"{TABLE}\nzoe,,Zo".encode() + b"\x81", "Line 4 is neither UTF-8 nor Windows-1252"),
        (b"PK\x03\x04", "This workbook cannot be read"),
    ]:
        page = sender.upload(f"{PAGE}/look", DRAFT, {"file": ("a.csv", content)})
        assert (page["statusCode"], list(faults(page))) == (422, ["recipients"])
        assert faults(page)["recipients"].startswith(said)


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"name": " "}, "name", "Give it a name"),
        ({"name": "x" * 201}, "name", "At most 200"),
        ({"kind": "two words"}, "kind", "One word"),
        ({"template_id": ""}, "template_id", "Choose a template"),
        ({"template_id": "no such"}, "template_id", "no template’s id"),
        ({"template_id": "none"}, "template_id", "There is no template none."),
        ({"subject": "x"}, "template_id", "only one of them"),
        ({"template_id": "", "text": "x"}, "subject", "It needs a subject"),
        ({"template_id": "", "subject": "x"}, "html", "It needs HTML, or text"),
        ({"template_id": "", "subject": "x" * 1001, "text": "x"}, "subject", "At most 1000"),
        ({"template_id": "", "subject": "{{ x", "text": "x"}, "subject", ""),
        ({"template_id": "", "subject": "x", "text": "{% if %}"}, "text", ""),
        ({"template_id": "", "subject": "x", "html": "{{ x.y() }}"}, "html", ""),
        ({"recipients": ""}, "recipients", "There is nobody yet"),
        ({"recipients": "participant_id\nann"}, "recipients", "Line 2: none is known of ann"),
        (
            {"recipients": f"participant_id,address\n\nann,{GOOD}"},
            "recipients",
            "Line 3 (ann): name is missing.",
        ),
        (
            {"recipients": "participant_id\n" + "\n".join(f"p{n}" for n in range(151))},
            "recipients",
            "151 recipients; at most 150",
        ),
        ({"recipients": f"{TABLE}\ncat,,{'x' * 17_000}"}, "recipients", ""),
        ({"reply_to": "nobody"}, "reply_to", "Not an email address"),
        ({"copy_to": "a@example.com b"}, "copy_to", "Not an email address"),
        ({"copy_to": "a@example.com A@example.com"}, "copy_to", "An address twice."),
        ({"reply_to": "a@b"}, "reply_to", ""),
        ({"copy_to": "a@example.com " * 11}, "copy_to", "11 addresses; at most 10"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_sent_is_said_at_its_field(
    sender: Visitor, more: dict[str, str], field: str, said: str
) -> None:
    """And everything that was filled in is still there."""
    page = sender.post(f"{PAGE}/look", **DRAFT | more)
    assert page["statusCode"] == 422
    assert list(faults(page)) == [field]
    assert said in faults(page)[field]
    assert f'href="#{field}"' in page["body"]
    assert f'aria-describedby="fault-{field} help-{field}"' in page["body"]
    assert html.escape((DRAFT | more)["kind"]) in page["body"]
    assert sender.post(f"{PAGE}/send", **DRAFT | more, once="x" * 32)["statusCode"] == 422


@pytest.mark.parametrize("reply_to", ["nobody", "a@b"])
@pytest.mark.parametrize("step", ["look", "send"])
def test_everything_that_is_wrong_is_told_at_once(
    sender: Visitor, reply_to: str, step: str
) -> None:
    """What the form can see, and what only sending can: the lines of the table are in order."""
    rows = [f"ann,{GOOD}", "cat,", "no id,", f"bob,{GOOD}"]
    own = {
        "subject": "Hello {{ participant_id }}",
        "text": "{% if address != '' %}{{ x }}{% endif %}",
    }
    draft = OWN | own | {"reply_to": reply_to, "name": ""}
    draft["recipients"] = "participant_id,address\n" + "\n".join(rows)
    page = sender.post(f"{PAGE}/{step}", **draft, once="x" * 32)
    assert page["statusCode"] == 422
    assert list(told(page)) == ["name", "recipients", "reply_to"]
    assert told(page)["recipients"] == [
        "Line 2 (ann): x is missing.",
        "Line 3: none is known of cat; give one, or register it.",
        f"Line 4: 'no id' is no participant’s id; one is {ID_RULE}.",
        "Line 5 (bob): x is missing.",
    ]
    for field in ("name", "recipients", "reply_to"):
        assert f'aria-describedby="fault-{field} help-{field}"' in page["body"]
        assert page["body"].count(f'<a href="#{field}">') == 1


def test_both_parts_of_a_mail_are_told_of_beside_an_empty_table(sender: Visitor) -> None:
    """Each with the line of its own text."""
    draft = OWN | {"recipients": "", "subject": "{{ x", "text": "a\n{% if %}", "copy_to": "b c"}
    page = sender.post(f"{PAGE}/look", **draft)
    assert list(told(page)) == ["subject", "text", "recipients", "copy_to"]
    assert faults(page)["text"].startswith("Line 2, column 1: ")
    assert [said[:23] for said in told(page)["copy_to"]] == ["Not an email address: '"] * 2


def test_of_very_many_bad_lines_the_first_are_told_and_the_others_counted(sender: Visitor) -> None:
    """Whoever finds them."""
    rows = "".join(f"p{number},\nno id {number},\n" for number in range(60))
    page = sender.post(f"{PAGE}/look", **DRAFT | {"recipients": "participant_id,address\n" + rows})
    said = told(page)["recipients"]
    assert len(said) == 51
    assert said[0] == "Line 2: none is known of p0; give one, or register it."
    assert said[49:] == ["Line 34 (p16): name is missing.", "And 130 more."]


def test_a_message_is_never_taken_for_a_place(sender: Visitor) -> None:
    """What people write may look as if it named a field."""
    bad = "recipients[0].data (ann): reply_to: x"
    page = sender.post(f"{PAGE}/look", **DRAFT | {"copy_to": "recipients:@reply_to:", "name": bad})
    assert list(faults(page)) == ["copy_to"]
    page = sender.post(f"{PAGE}/look", **OWN | {"subject": f"{{% if %}}{bad}", "text": "x"})
    assert list(faults(page)) == ["subject"]


def test_what_looks_like_spam_is_sent_only_if_that_is_allowed(
    world: World, post: Post, sender: Visitor
) -> None:
    """The page says what a filter would mind, and has no way to send it before."""
    page = sender.post(f"{PAGE}/look", **OWN | SPAM)
    labels = text_of(page)
    assert "It looks like spam, and would not be sent" in labels
    assert "letters of the subject are capitals" in labels
    assert "/compose/send" not in page["body"]
    allowed = sender.post(f"{PAGE}/look", **hidden(page) | {"allow_likely_spam": "yes"})
    assert "unless that is allowed, as it is here" in text_of(allowed)
    sender.post(f"{PAGE}/send", **hidden(allowed))
    post.run()
    assert len(outbox(world)) == 2


def test_a_mailing_to_nobody_cannot_be_sent(world: World, sender: Visitor) -> None:
    """Where all of them are left out."""
    for person in ("ann", "bob"):
        Api(world)(f"/v1/participants/{person}/subscription", "PUT", {"subscribed": False})
    page = sender.post(f"{PAGE}/look", **DRAFT)
    assert "Nobody would get it" in text_of(page)
    assert "/compose/send" not in page["body"]


def test_an_address_that_no_mail_can_be_sent_to_is_left_out_with_the_reason(
    sender: Visitor,
) -> None:
    """The page before sending says so."""
    table = f"{TABLE}\nzoe,zoë@example.com,Zoe"
    labels = text_of(sender.post(f"{PAGE}/look", **DRAFT | {"recipients": table}))
    assert "zoë@example.com" in labels
    assert "outside ASCII before the @-sign" in labels


STEPS = ["", "/look", "/preview", "/send"]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_needs_its_scope(world: World, step: str) -> None:
    """Who may only look sees no link to it either."""
    reader = signed_in(world, Scope.READ)
    assert PAGE not in reader.get(HOME)["body"]
    for answer in (reader.get(PAGE), reader.post(PAGE + step, **DRAFT)):
        assert answer["statusCode"] == 403


@pytest.mark.parametrize("step", STEPS)
def test_every_step_needs_the_secret_of_its_session(
    world: World, sender: Visitor, step: str
) -> None:
    """And a form that is gone leads back to the first page."""
    assert PAGE in sender.get(HOME)["body"]
    assert sender.post(PAGE + step, secret="x", **DRAFT)["statusCode"] == 403
    assert Visitor(world).post(PAGE + step, **DRAFT)["headers"]["Location"] == "/console/sign-in"
    if step:
        assert sender.get(PAGE + step)["headers"]["Location"] == PAGE


@pytest.mark.parametrize("once", ["", "short", "x" * 65, "x" * 30 + " y"])
def test_nothing_is_sent_without_a_token_of_a_look(
    world: World, post: Post, sender: Visitor, once: str
) -> None:
    """It is what tells a second click from a second mailing."""
    assert sender.post(f"{PAGE}/send", **DRAFT, once=once)["statusCode"] == 422
    post.run()
    assert outbox(world) == []


def test_a_form_may_be_large_but_not_larger_than_five_mebibytes(sender: Visitor) -> None:
    """And only where one has to be; the refusal is a page with the way on."""
    large = DRAFT | {"name": "x" * 200, "recipients": TABLE + "\n" * 1_000_000}
    assert sender.upload(f"{PAGE}/look", large, {})["statusCode"] == 200
    page = sender.upload(f"{PAGE}/look", DRAFT | {"recipients": "x" * 4_000_000}, {})
    assert page["statusCode"] == 422
    assert "Sign out" in page["body"]
    assert sender.upload("/console/sign-out", large, {})["statusCode"] == 422


def test_a_hostile_draft_is_only_text(sender: Visitor) -> None:
    """In the form, on the page before sending, and in what it is told."""
    bad = '"><script>alert(1)</script>'
    draft = OWN | {"name": bad, "subject": bad, "text": f"</textarea>{bad}", "reply_to": bad}
    for step in ("", "/look"):
        page = sender.post(PAGE + step, **draft)
        assert "<script>alert" not in page["body"]
    page = sender.post(f"{PAGE}/look", **draft | {"reply_to": ""})
    assert page["statusCode"] == 200
    assert "<script>alert" not in page["body"]


def test_names_of_templates_are_listed(world: World, post: Post, monkeypatch: Any) -> None:
    """Once each, in order, to everybody who may look; of very many, the first."""
    api = post.api
    for name in ("b", "a", "b"):
        api(f"/v1/templates/{name}", "PUT", NEWS)
    assert Api(world, "read")("/v1/templates")["json"] == {"template_ids": ["a", "b", "news"]}
    monkeypatch.setattr(template_store, "_MAX_NAMED", 3)
    assert api("/v1/templates/z", "PUT", NEWS)["statusCode"] == 200
    assert api("/v1/templates")["json"] == {"template_ids": ["a", "b", "news"]}
    assert api("/v1/templates/z")["json"]["version"] == 1


def test_no_template_yet_says_how_to_make_one(world: World) -> None:
    """And offers to write the mail here."""
    visitor = signed_in(world, Scope.SEND)
    page = visitor.get(PAGE)
    assert "There is none yet" in text_of(page)
    assert "<details open>" in page["body"]
    assert Api(world, "read")("/v1/templates")["json"] == {"template_ids": []}


def test_looking_costs_no_more_than_its_route_and_a_half(
    world: World, post: Post, sender: Visitor
) -> None:
    """In requests for recipients' addresses; whom to refuse and the template are read by the same call."""
    for number in range(40):
        address = f"p{number}@example.com"
        post.api(f"/v1/participants/p{number}/addresses/{address}", "PUT")
    table = "participant_id,name\n" + "\n".join(f"p{n},N{n}" for n in range(40))
    people = [{"participant_id": f"p{n}", "data": {"name": "N"}} for n in range(40)]
    body = {"name": "x", "template_id": "news", "recipients": people}
    route = lambda: post.api("/v1/communications/preview", "POST", body)  # noqa: E731
    page = lambda: sender.post(f"{PAGE}/look", **DRAFT | {"recipients": table})  # noqa: E731
    for tie in (route, page):
        assert tie()["statusCode"] == 200
    costs = []
    for do in (route, page):
        with Reads() as cost:
            do()
        costs.append(cost.requests)
    assert costs[1] <= 1.5 * costs[0]
