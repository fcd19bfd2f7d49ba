"""The console's pages about templates: what they show, take and refuse."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from sendtrail.auth.api_keys import Scope
from sendtrail.domain.times import now
from sendtrail.sending.holds import HoldReason
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, outbox, people
from tests.functional.test_actors import Lines
from tests.functional.test_console import signed_in, text_of
from tests.functional.test_console_compose import faults, hidden, told
from tests.functional.visitor import Reads, Visitor, make_keys
from tests.functional.world import Api, World

LIST = "/console/templates"
EDITOR = "/console/template"
GOOD = "success@simulator.amazonses.com"
LETTER = {
    "base": "0",
    "template_id": "spring",
    "description": "Every spring",
    "subject": "Spring for {{ name }}",
    "html": "<p>Dear {{ name }},</p>\n<p>{{ event.title }}</p>\n",
    "text": "",
}
HOSTILE = '</textarea><script>alert("1")</script>&amp;\u202e\U0001f600'


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def api(world: World) -> Api:
    """The front office, at the API."""
    return Api(world)


@pytest.fixture
def sender(world: World) -> Visitor:
    """Somebody who may send."""
    return signed_in(world, Scope.SEND)


def desks(world: World, *named: tuple[str, Scope]) -> list[Visitor]:
    """People with a key each, of a name and a scope, signed in."""
    visitors = []
    for key in make_keys(world, *named):
        visitors.append(Visitor(world))
        assert visitors[-1].sign_in(key)["statusCode"] == 303
    return visitors


def put(api: Api, name: str, **parts: Any) -> None:
    """A version of a template, by the API."""
    assert api(f"/v1/templates/{name}", "PUT", NEWS | parts)["statusCode"] == 200


def entered(page: dict[str, Any]) -> dict[str, str]:
    """What the editor's fields hold."""
    areas = re.findall(r'<textarea id="(html|text)"[^>]*>\n(.*?)</textarea>', page["body"], re.S)
    inputs = re.findall(
        r'<input[^>]* name="(subject|description|template_id|address)"[^>]* value="([^"]*)"',
        page["body"],
    )
    return {name: html.unescape(value) for name, value in [*areas, *inputs]}


def form_of(page: dict[str, Any]) -> dict[str, str]:
    """The editor's form, as a browser would send it."""
    samples = re.findall(
        r'<input id="sample-\d+" name="([^"]+)"[^>]* value="([^"]*)"', page["body"]
    ) + re.findall(
        r'<textarea id="sample-\d+" name="([^"]+)"[^>]*>\n(.*?)</textarea>', page["body"], re.S
    )
    given = {html.unescape(name): html.unescape(value) for name, value in samples}
    return hidden(page) | entered(page) | given


# --- the list --------------------------------------------------------------------------------------


def test_templates_are_listed_with_their_newest_version(api: Api, sender: Visitor) -> None:
    """Name, version, who saved it and when, and the fields that it needs."""
    put(api, "news")
    put(api, "news", subject="Second for {{ name }}")
    put(api, "invoice", text="Pay {{ amount }}", description="Of every month")
    page = sender.get(LIST)
    assert page["statusCode"] == 200
    rows = re.findall(r"<tr role=\"row\">\s*<th role=\"rowheader\".*?</tr>", page["body"], re.S)
    words = [text_of({"body": row}) for row in rows]
    assert [each.split()[0] for each in words] == ["invoice", "news"]
    assert "Of every month" in words[0]
    assert "amount name" in words[0]
    assert "Second for {{ name }} 2 " in words[1]
    assert "by Front office" in words[1]


def test_an_empty_list_says_how_to_begin(world: World) -> None:
    """To who may write one; and who may not is not shown how."""
    sender, reader = desks(world, ("Ann", Scope.SEND), ("Bob", Scope.READ))
    assert f'href="{EDITOR}">Write one' in sender.get(LIST)["body"]
    assert EDITOR + '"' not in reader.get(LIST)["body"]
    assert "Capitals count" in text_of(sender.get(f"{LIST}?name=x"))


def test_the_list_has_pages_and_is_searched_by_beginnings(api: Api, sender: Visitor) -> None:
    """Forward and back; each page reads no more than it shows."""
    for number in range(27):
        put(api, f"letter-{number:02}")
    put(api, "other")
    first = sender.get(f"{LIST}?name=letter")
    assert first["body"].count('role="rowheader"') == 25
    second = sender.follow(first, "Next")
    assert re.findall(r">(letter-\d+)</a>", second["body"]) == ["letter-25", "letter-26"]
    assert "Next</a>" not in second["body"]
    assert re.findall(r">(letter-\d+)</a>", sender.follow(second, "Previous")["body"])[0] == (
        "letter-00"
    )
    assert ">other</a>" not in first["body"]
    assert "letter-26</a>" in sender.get(f"{LIST}?name=letter-26")["body"]


# --- one -------------------------------------------------------------------------------------------


def test_a_template_is_shown_with_its_sources_and_fields(api: Api, sender: Visitor) -> None:
    """As they were written, numbered, and the mail with made-up data in its frame."""
    put(api, "news", html="<p>Dear {{ name }}</p>\n<p>{{ event.title }}</p>")
    page = sender.get(f"{LIST}/news")
    assert "&lt;p&gt;Dear {{ name }}&lt;/p&gt;" in page["body"]
    assert '<pre aria-hidden="true">1\n2\n</pre>' in page["body"]
    assert "Fields that it needs event name" in text_of(page)
    assert "None yet." in text_of(page)
    shown = sender.get(f"{LIST}/news/preview?version=1")
    assert shown["body"] == "<p>Dear name</p>\n<p>title</p>"
    assert shown["headers"]["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_a_template_tells_where_it_is_used(world: World, api: Api, sender: Visitor) -> None:
    """The latest mailings and direct messages, each with the version that it was made of."""
    post = Post(world)
    put(api, "news")
    put(api, "other")
    sent = post.send(template_id="news", recipients=people(GOOD), name="First <b>mailing</b>")
    post.send(template_id="other", recipients=people(GOOD), name="Of another")
    put(api, "news")
    direct = {"participant_id": "bob", "address": GOOD, "data": {"name": "Bob"}}
    letter = api("/v1/messages", "POST", direct | {"template_id": "news"})["json"]
    api("/v1/messages", "POST", direct | {"template_id": "other"})
    post.run()
    page = sender.get(f"{LIST}/news")
    assert f'href="/console/communications/{sent["communication_id"]}"' in page["body"]
    assert "First &lt;b&gt;mailing&lt;/b&gt;" in page["body"]
    assert "Of another" not in page["body"]
    assert page["body"].count("/console/participants/bob/messages/") == 1
    assert letter["message_id"] in page["body"]
    words = text_of(page)
    assert re.search(r"mailing</b> 1 ", html.unescape(words))
    assert re.search(r"News for Bob .* 2 (Sent|Delivered)", words)


def test_what_is_not_there_is_not_found(api: Api, sender: Visitor) -> None:
    """Neither a template, nor a version, nor what could be none; the row that sums up is none."""
    put(api, "news")
    for path in ("none", "no%20ne", "news?version=2", "none/versions", "none/edit", "x/preview"):
        assert sender.get(f"{LIST}/{path}")["statusCode"] == 404, path
    for path in ("news?version=0", "news?version=x", "news/compare", "news/compare?from=1&to=0"):
        assert sender.get(f"{LIST}/{path}")["statusCode"] == 422, path
    assert api("/v1/templates/news", version=1)["json"]["version"] == 1


# --- the editor --------------------------------------------------------------------------------------


def test_a_template_is_written_looked_at_and_saved(world: World, sender: Visitor) -> None:
    """Its sample data are asked for; and the version says by whom."""
    assert 'name="template_id"' in sender.get(EDITOR)["body"]
    page = sender.post(f"{EDITOR}/look", **LETTER)
    assert page["statusCode"] == 200
    assert "Subject Spring for name" in text_of(page)
    form = form_of(page)
    assert form["sample.name"] == "name"
    assert form["sample.event"] == '{"title": "title"}'
    form |= {"sample.name": "Ann", "sample.event": '{"title": "Evening & more"}'}
    shown = sender.post(f"{EDITOR}/preview", **form)
    assert shown["body"] == "<p>Dear Ann,</p>\n<p>Evening &amp; more</p>\n"
    assert shown["headers"]["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    again = sender.post(f"{EDITOR}/look", **form)
    assert form_of(again)["sample.name"] == "Ann"
    saved = sender.post(f"{EDITOR}/save", **form)
    assert (saved["statusCode"], saved["headers"]["Location"]) == (303, f"{LIST}/spring")
    said = [text_of(sender.get(f"{LIST}/spring")) for _ in range(2)]
    assert ["Saved as version 1." in each for each in said] == [True, False]
    found = Api(world)("/v1/templates/spring")["json"]
    assert found["html"] == LETTER["html"]
    assert (found["version"], found["fields"]) == (1, ["event", "name"])
    assert (found["description"], found["by"]["name"]) == ("Every spring", "send")


def test_saving_twice_makes_one_version(world: World, sender: Visitor) -> None:
    """A double click, or a change that is none; a change makes the next."""
    for _ in range(2):
        assert sender.post(f"{EDITOR}/save", **LETTER)["statusCode"] == 303
    form = form_of(sender.get(f"{LIST}/spring/edit"))
    assert form["base"] == "1"
    assert sender.post(f"{EDITOR}/save", **form)["statusCode"] == 303
    assert Api(world)("/v1/templates/spring")["json"]["version"] == 1
    assert sender.post(f"{EDITOR}/save", **form | {"subject": "New"})["statusCode"] == 303
    assert Api(world)("/v1/templates/spring")["json"]["version"] == 2


@pytest.mark.parametrize("step", ["save", "look", "test"])
def test_all_that_is_wrong_is_said_at_once_beside_its_line(
    world: World, sender: Visitor, step: str
) -> None:
    """The part, line and column, with the line itself; and what was written is still there."""
    wrong = LETTER | {
        "template_id": "no name",
        "subject": "",
        "description": "x" * 301,
        "html": "<p>\n</p>\n<b>{{ name | nope }}</b>",
        "text": "{% if %}",
        "address": "nobody",
        "once": "x" * 32,
    }
    page = sender.post(f"{EDITOR}/{step}", **wrong)
    assert page["statusCode"] == 422
    said = faults(page)
    assert said["html"].startswith("Line 3, column 11: There is no filter") or (
        "line 3, column" in said["html"].lower() and "no filter 'nope'" in said["html"]
    )
    assert set(said) == {"template_id", "subject", "description", "html", "text"} | (
        {"address"} if step == "test" else set()
    )
    assert (
        '<code class="line" dir="auto">&lt;b&gt;{{ name | nope }}&lt;/b&gt;</code>' in page["body"]
    )
    assert 'data-faults="3 "' in page["body"]
    assert entered(page) == {name: wrong[name] for name in entered(page)}
    assert {"html", "text", "subject", "template_id", "address"} <= set(entered(page))
    for name in said:
        assert f'<a href="#{name}">' in page["body"]
    assert Api(world)("/v1/templates")["json"] == {"template_ids": []}


@pytest.mark.parametrize(
    ("more", "field", "what"),
    [
        ({"template_id": ""}, "template_id", "Give it a name"),
        ({"template_id": "x" * 129}, "template_id", "one is 1 to 128 of the characters"),
        ({"subject": "x" * 1001}, "subject", "1001 characters; at most 1000"),
        ({"html": " ", "text": "\n"}, "html", "It needs HTML, or text, or both."),
        ({"html": "x" * 300_001}, "html", "the most is 300000"),
        ({"subject": "{{ x"}, "subject", "is not closed"),
        ({"html": "{% for a in (1..3) %}"}, "html", "for without endfor"),
        ({"text": "{{ unsubscribe_url | upcase }}"}, "text", "unsubscribe_url stands in"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_saved_is_said_at_its_field(
    sender: Visitor, more: dict[str, str], field: str, what: str
) -> None:
    """And nothing else is said to be wrong."""
    page = sender.post(f"{EDITOR}/save", **LETTER | more)
    assert page["statusCode"] == 422
    assert list(told(page)) == [field]
    assert what in faults(page)[field]


def test_sample_data_that_do_not_suit_are_told_and_keep_nothing_from_being_saved(
    sender: Visitor,
) -> None:
    """They are samples: what is wrong with them is seen in the preview alone."""
    bad = LETTER | {"sample.event": "{", "sample.name": "y" * 20_000}
    page = sender.post(f"{EDITOR}/look", **bad)
    assert page["statusCode"] == 422
    assert "event: what begins with a bracket" in faults(page)["samples"]
    assert "name: 20000 characters" in faults(page)["samples"]
    deep = sender.post(f"{EDITOR}/look", **LETTER | {"sample.event": "[" * 16_000})
    assert deep["statusCode"] == 422
    text = sender.post(f"{EDITOR}/look", **LETTER | {"sample.event": "Evening"})
    assert "the data have no 'event.title'" in faults(text)["html"]
    assert "Line 2" in faults(text)["html"]
    assert sender.post(f"{EDITOR}/save", **bad)["statusCode"] == 303


def test_the_spam_check_is_shown_beside_the_preview(sender: Visitor) -> None:
    """As when a mailing is previewed."""
    spam = LETTER | {
        "subject": "FREE PRIZE!!! YOU HAVE WON $1,000,000",
        "html": "",
        "text": "CLICK HERE NOW!!! ACT NOW!!! WINNER!!! CASH BONUS http://1.2.3.4/ http://bit.ly/x",
    }
    page = sender.post(f"{EDITOR}/look", **spam)
    assert "It looks like spam." in text_of(page)
    assert '<ul class="findings">' in page["body"]


def test_the_live_check_is_the_part_of_the_page_that_changes(sender: Visitor) -> None:
    """What is wrong with its lines, or subject and sample data."""
    good = sender.post(f"{EDITOR}/check", **LETTER)["body"]
    assert 'data-good="yes"' in good
    assert "Spring for name" in good
    assert 'name="sample.event"' in good
    assert "<html" not in good
    bad = sender.post(f"{EDITOR}/check", **LETTER | {"html": "\n{{"})["body"]
    assert 'data-good=""' in bad
    assert '<i data-lines="html">2 </i>' in bad
    shown = sender.post(f"{EDITOR}/preview", **LETTER | {"html": "\n{{"})
    assert "HTML: Line 2, column 1" in text_of(shown)


def test_who_saves_second_is_told_and_keeps_what_they_wrote(world: World) -> None:
    """By whom, with what differs; saving again then is meant."""
    ann, bob = desks(world, ("Ann", Scope.SEND), ("Bob", Scope.SEND))
    ann.post(f"{EDITOR}/save", **LETTER)
    both = [form_of(each.get(f"{LIST}/spring/edit")) for each in (ann, bob)]
    assert ann.post(f"{EDITOR}/save", **both[0] | {"subject": "Of Ann"})["statusCode"] == 303
    page = bob.post(f"{EDITOR}/save", **both[1] | {"subject": "Of Bob"})
    assert page["statusCode"] == 409
    assert "Version 2 was saved meanwhile" in text_of(page)
    assert "by Ann" in text_of(page)
    assert entered(page)["subject"] == "Of Bob"
    assert '<del dir="auto">Of Ann</del>' in page["body"]
    assert '<ins dir="auto">Of Bob</ins>' in page["body"]
    api = Api(world)
    assert api("/v1/templates/spring")["json"]["subject"] == "Of Ann"
    assert bob.post(f"{EDITOR}/save", **form_of(page))["statusCode"] == 303
    found = api("/v1/templates/spring")["json"]
    assert (found["version"], found["subject"], found["by"]["name"]) == (3, "Of Bob", "Bob")


def test_a_new_template_takes_no_others_name(api: Api, sender: Visitor) -> None:
    """Nor can one be changed that is not there."""
    put(api, "spring")
    page = sender.post(f"{EDITOR}/save", **LETTER)
    assert page["statusCode"] == 409
    assert "There is a template of this name already" in faults(page)["template_id"]
    assert form_of(page)["base"] == "0"
    gone = sender.post(f"{EDITOR}/save", **LETTER | {"base": "3", "template_id": "gone"})
    assert "no such template any more" in faults(gone)["template_id"]
    assert api("/v1/templates/spring")["json"]["version"] == 1
    for base in ("", "x", "-1", "9" * 10):
        assert sender.post(f"{EDITOR}/save", **LETTER | {"base": base})["statusCode"] == 422


def test_whoever_may_only_read_sees_and_changes_nothing(world: World, api: Api) -> None:
    """No button, and no answer to a form."""
    put(api, "news")
    put(api, "news", subject="Second")
    reader = signed_in(world, Scope.READ)
    for path in ("", "/news", "/news?version=1", "/news/versions", "/news/compare?from=1&to=2"):
        page = reader.get(LIST + path)
        assert page["statusCode"] == 200, path
        for word in ("/edit", "Restore this", "Restore<", EDITOR + '"'):
            assert word not in page["body"], (path, word)
    assert reader.get(f"{LIST}/news/edit")["statusCode"] == 403
    assert reader.get(EDITOR)["statusCode"] == 403
    for step in ("look", "check", "preview", "save", "test"):
        assert reader.post(f"{EDITOR}/{step}", **LETTER)["statusCode"] == 403
    assert reader.post(f"{LIST}/news/restore", version="1")["statusCode"] == 403
    assert api("/v1/templates/news")["json"]["version"] == 2


def test_a_form_that_is_gone_leads_back_to_the_list(sender: Visitor) -> None:
    """Whoever loads a step of the editor again gets no error."""
    for step in ("look", "save", "test"):
        assert sender.get(f"{EDITOR}/{step}")["headers"]["Location"] == LIST


# --- versions ----------------------------------------------------------------------------------------


def test_versions_are_listed_compared_and_restored(world: World, api: Api) -> None:
    """Any two side by side; restoring one saves it anew, by whoever did."""
    put(api, "news", html="<p>one</p>\n<p>two</p>", description="First")
    put(api, "news", html="<p>one</p>\n<p>three</p>")
    (bob,) = desks(world, ("Bob", Scope.SEND))
    page = bob.get(f"{LIST}/news/versions")
    assert re.findall(r">Version (\d+)</a>", page["body"]) == ["2", "1"]
    assert page["body"].count("by Front office") == 2
    assert 'name="from" value="1" checked' in page["body"]
    assert 'name="to" value="2" checked' in page["body"]
    shown = bob.get(f"{LIST}/news/compare?from=1&to=2")
    assert '<del dir="auto">&lt;p&gt;two&lt;/p&gt;</del>' in shown["body"]
    assert '<ins dir="auto">&lt;p&gt;three&lt;/p&gt;</ins>' in shown["body"]
    assert '<span dir="auto">&lt;p&gt;one&lt;/p&gt;</span>' in shown["body"]
    assert 'id="diff-subject"' not in shown["body"]
    assert "They say the same" in text_of(bob.get(f"{LIST}/news/compare?from=1&to=1"))
    old = bob.get(f"{LIST}/news?version=1")
    assert "This is not the newest version" in text_of(old)
    lines = Lines(world, "console")
    done = bob.post(f"{LIST}/news/restore", version="1")
    assert (done["statusCode"], done["headers"]["Location"]) == (303, f"{LIST}/news")
    ((action, by, what),) = lines()
    assert (action, what) == ("save_template", "news")
    assert (by or "").endswith(" Bob")
    found = api("/v1/templates/news")["json"]
    assert (found["version"], found["by"]["name"]) == (3, "Bob")
    assert (found["html"], found["description"]) == ("<p>one</p>\n<p>two</p>", "First")
    assert bob.post(f"{LIST}/news/restore", version="9")["statusCode"] == 404
    assert bob.post(f"{LIST}/news/restore", version="0")["statusCode"] == 422


def test_versions_have_pages(api: Api, sender: Visitor) -> None:
    """Newest first; the index has no sources, so that a page costs the same."""
    for number in range(27):
        put(api, "news", subject=f"{number}")
    first = sender.get(f"{LIST}/news/versions")
    assert re.findall(r">Version (\d+)</a>", first["body"])[::24] == ["27", "3"]
    second = sender.follow(first, "Next")
    assert re.findall(r">Version (\d+)</a>", second["body"]) == ["2", "1"]
    assert second["body"].count('<button class="plain">Restore') == 2


# --- a test to oneself -------------------------------------------------------------------------------


def test_a_test_goes_to_oneself_as_it_is_written(world: World, sender: Visitor) -> None:
    """Marked as one, with the sample data, in the history of the address alone; nothing is saved."""
    post = Post(world)
    page = sender.post(f"{EDITOR}/look", **LETTER)
    form = form_of(page) | {"sample.name": "Ann", "address": GOOD}
    lines = Lines(world, "console")
    sent = sender.post(f"{EDITOR}/test", **form)
    assert sent["statusCode"] == 200
    assert f"A test goes to {GOOD}" in text_of(sent)
    assert form_of(sent)["sample.name"] == "Ann"
    assert entered(sent)["address"] == GOOD
    assert [each[0] for each in lines()] == ["send_message"]
    for _ in range(2):  # the form again, as a reload sends it
        sender.post(f"{EDITOR}/test", **form)
    post.run()
    (mail,) = outbox(world)
    assert mail["subject"] == "[Test] Spring for Ann"
    assert entered(sender.get(EDITOR))["address"] == GOOD  # as the browser remembers
    found = re.search(
        r'href="(/console/participants/address-[0-9a-f]+/messages/\w+)"', sent["body"]
    )
    assert found
    assert GOOD not in found[1]
    message = sender.get(found[1])
    assert message["statusCode"] == 200
    who, message_id = found[1].split("/")[3::2]
    api = Api(world)
    kept = api(f"/v1/participants/{who}/messages/{message_id}")["json"]
    assert (kept["kind"], kept["communication_id"], kept["template_id"]) == ("test", None, None)
    assert api("/v1/templates")["json"] == {"template_ids": []}


def test_a_test_that_would_not_arrive_is_refused_with_the_reason(
    world: World, sender: Visitor
) -> None:
    """To an address that is suppressed; and what is no address is told with all else."""
    Api(world)(f"/v1/suppressions/{GOOD}", "PUT", {"note": "left"})
    form = LETTER | {"once": "x" * 32, "address": GOOD}
    page = sender.post(f"{EDITOR}/test", **form)
    assert page["statusCode"] == 422
    assert faults(page)["address"] == (
        "Staff had suppressed the address: it gets no mail, and no test either."
    )
    page = sender.post(f"{EDITOR}/test", **form | {"address": ""})
    assert "address" in faults(page)
    assert sender.post(f"{EDITOR}/test", **form | {"once": ""})["statusCode"] == 422
    assert outbox(world) == []


def test_a_test_that_waits_says_for_what(world: World, sender: Visitor) -> None:
    """In the sandbox, where an address must be verified first."""
    world.wiring.holds.note(HoldReason.RECIPIENT_NOT_VERIFIED.value, now())
    sent = sender.post(f"{EDITOR}/test", **LETTER | {"once": "x" * 32, "address": GOOD})
    assert "A test goes to" in text_of(sent)
    assert "the account is in Amazon SES’s sandbox" in text_of(sent)


# --- what it costs -----------------------------------------------------------------------------------


def test_a_page_costs_the_same_however_many_and_large_templates_are(
    world: World, api: Api, sender: Visitor
) -> None:
    """In requests to DynamoDB; lists read no sources, and no item more than they show and one."""
    post = Post(world)
    pages = {
        LIST: 1,
        f"{LIST}?name=letter": 1,
        f"{LIST}/news/versions": 1,
        f"{LIST}/news": 5,
        f"{LIST}/news?version=1": 6,
        f"{LIST}/news/edit": 1,
        f"{LIST}/news/preview?version=1": 1,
        f"{LIST}/news/compare?from=1&to=2": 2,
        EDITOR: 0,
    }
    for more in (1, 28):
        for number in range(more):
            put(api, f"letter-{number}-of-{more}", text="x" * 20_000)
            put(api, "news", text=f"{number} {more} " + "y" * 20_000)
            if number < 3:
                post.send(template_id="news", recipients=people(GOOD), name="News")
                put(api, "news", text=f"{number} {more} z")
        for page, most in pages.items():
            with Reads() as reads:
                assert sender.get(page)["statusCode"] == 200
            assert reads.requests <= most, page
            assert reads.items <= 26 + 15, page
    secret = sender.secret()
    with Reads() as reads:
        for step in ("check", "look", "preview"):
            assert sender.post(f"{EDITOR}/{step}", secret=secret, **LETTER)["statusCode"] == 200
    assert reads.requests == 0


# --- hostile -----------------------------------------------------------------------------------------


def test_markup_in_a_template_breaks_out_of_nothing(api: Api, sender: Visitor) -> None:
    """On every page about it, and in the editor with a mistake in it."""
    put(api, "x" * 128, html=HOSTILE, text=HOSTILE, subject=HOSTILE, description=HOSTILE)
    put(api, "x" * 128, html=f"{HOSTILE}\n2", subject=f"2 {HOSTILE}", description="2")
    path = f"{LIST}/{'x' * 128}"
    pages = ("", "?version=1", "/versions", "/edit", "/compare?from=1&to=2")
    for page in [sender.get(LIST), *(sender.get(path + each) for each in pages)]:
        assert page["statusCode"] == 200
        assert "<script>alert" not in page["body"]
        assert "&lt;script&gt;alert" in page["body"]
    wrong = LETTER | dict.fromkeys(("html", "text", "subject"), f"{HOSTILE}{{{{ x | {HOSTILE} }}}}")
    wrong |= {"template_id": HOSTILE, "description": HOSTILE * 9, "address": HOSTILE}
    wrong |= {f"sample.{HOSTILE}": HOSTILE}
    for step in ("look", "check", "save", "test"):
        page = sender.post(f"{EDITOR}/{step}", **wrong | {"once": "x" * 32})
        assert "<script>alert" not in page["body"], step
        assert page["statusCode"] in (200, 422)


@pytest.mark.parametrize(
    "source",
    [
        "{{ a }}" * 1999,
        "{% for a in b %}" * 2 + "x" * 90_000 + "{% endfor %}" * 2,
        "".join(f"{{{{ f{number} }}}}" for number in range(1_500)),
        "x\n" * 140_000,
        "{{ a" + ".b" * 400 + " }}",
    ],
    ids=["tags", "loops", "fields", "lines", "depth"],
)
def test_a_template_that_is_a_burden_is_answered_all_the_same(
    api: Api, sender: Visitor, source: str
) -> None:
    """Saved, shown, edited and compared, in an answer that Lambda can give (6 MB)."""
    assert sender.post(f"{EDITOR}/save", **LETTER | {"html": source})["statusCode"] == 303
    put(api, "spring", html="other")
    for path in ("", "/spring?version=1", "/spring/versions", "/spring/compare?from=1&to=2"):
        page = sender.get(LIST + path)
        assert page["statusCode"] == 200, path
        assert len(page["body"].encode()) < 6_000_000
    assert sender.post(f"{EDITOR}/look", **LETTER | {"html": source})["statusCode"] in (200, 422)
