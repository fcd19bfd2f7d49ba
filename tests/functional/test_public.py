"""The public routes: whatever happens behind them, readers get their answer, and nothing is lost."""

from __future__ import annotations

import base64
import json
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.auth.signing_keys import Purpose, SigningKeyRing
from sendtrail.auth.tokens import ClickedLink, Cursors, LinkTokens
from sendtrail.domain.clients import shortened
from sendtrail.domain.events import Recipient
from sendtrail.errors import InvalidTokenError
from sendtrail.log.recovery import unsaved
from sendtrail.log.serialization import serialize
from tests.functional.conftest import Backend
from tests.functional.reader import FIREFOX, FORM, Reader
from tests.functional.scripted import Scripted, served
from tests.functional.sending import NEWS, Post, outbox, people
from tests.functional.world import Api, World
from tests.support import load_event

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/72.0.3626.96 Safari/537.36"
)
SIMULATOR = "simulator.amazonses.com"
SENT = "2026-11-20T10:30:00.000Z"
JANE = Recipient("01M7W83120VA77F8B88KYNEGC8", "jane", "news-1")


@pytest.fixture
def post(world: World) -> Post:
    """Somebody who sends."""
    return Post(world)


@pytest.fixture
def reader(post: Post) -> Reader:
    """Who got the news."""
    post.send(recipients=people(f"success@{SIMULATOR}"), **NEWS)
    post.run()
    return Reader(post.world, outbox(post.world)[0]["html"])


def message(api: Api) -> dict[str, Any]:
    """The one message of p0, with links and trail."""
    (found,) = api("/v1/participants/p0/messages")["json"]["items"]
    whole: dict[str, Any] = api(f"/v1/participants/p0/messages/{found['message_id']}")["json"]
    return whole


def test_pixels_and_links_are_counted_each_once(post: Post, reader: Reader) -> None:
    """A HEAD is answered and is a machine's, and the same request twice is one."""
    gif = reader("o")
    again = load_event("http-open") | {"pathParameters": {"token": reader.links["o"]}}
    for _ in range(2):
        assert post.world.call("track", again) == gif
    assert base64.b64decode(gif["body"])[:6] == b"GIF89a"
    assert gif["headers"]["Content-Type"] == "image/gif"
    assert "no-store" in gif["headers"]["Cache-Control"]
    assert reader("o", method="HEAD") == gif
    assert reader("o")["statusCode"] == 200
    moved = reader("c")
    assert (moved["statusCode"], moved["headers"]["Location"]) == (
        302,
        "https://society.example/a?x=1&y=2",
    )
    assert reader("c", method="HEAD")["statusCode"] == 302
    post.world.fold()
    found = message(post.api)
    assert (found["open_count"], found["human_open_count"]) == (4, 2)
    assert (found["click_count"], found["human_click_count"]) == (2, 1)
    assert found["status"] == "clicked"
    assert [each["url"] for each in found["links"]] == ["https://society.example/a?x=1&y=2"]
    head, click = sorted(
        (each for each in found["events"] if each["type"] == "Click"),
        key=lambda each: each["actor"] == "human",
    )
    assert (head["actor"], head["detail"]["request"]) == ("machine", "head")
    assert click["detail"] == {
        "sent_at": click["detail"]["sent_at"],
        "link": "https://society.example/a?x=1&y=2",
        "position": 0,
        "links": 1,
        "ip": "203.0.113.0",
        "user_agent": FIREFOX,
    }
    assert post.api("/v1/participants/p0")["json"]["last_interaction_at"] == click["at"]


def test_a_scanner_that_poses_as_a_browser_is_no_reader(post: Post) -> None:
    """Eight links in half a second, 40 seconds after sending; who comes later and follows three
    within a minute is one.
    """
    links = "".join(f'<p><a href="https://society.example/{n}">News {n}</a></p>' for n in range(8))
    said = post.send(recipients=people(f"success@{SIMULATOR}"), subject="s", html=links)
    post.run()
    html = outbox(post.world)[0]["html"]
    tokens = re.findall(r"/c/([^\"']+)", html)
    assert len(tokens) == 8
    gateway = Reader(post.world, html)
    gateway.seconds_later, gateway.minutes_apart = 40, 0.001
    assert post.api("/v1/participants/p0")["json"]["last_interaction_at"] is None
    for token in random.Random(8).sample(tokens, 8):
        assert gateway("c", token, headers={"user-agent": CHROME})["statusCode"] == 302
    post.world.fold()
    found = message(post.api)
    assert (found["status"], found["click_count"], found["human_click_count"]) == (
        "delivered",
        8,
        0,
    )
    reasons = {each["actor_reason"] for each in found["events"] if each["type"] == "Click"}
    assert reasons == {"faster_than_a_person"}
    assert post.api("/v1/participants/p0")["json"]["last_interaction_at"] is None
    path = f"/v1/communications/{said['communication_id']}"
    assert post.api(path)["json"]["machines"] == [
        {"reason": "faster_than_a_person", "opens": 0, "clicks": 8}
    ]
    assert post.api(f"{path}/recipients", status="clicked")["json"]["items"] == []
    person = Reader(post.world, html)
    person.seconds_later, person.minutes_apart = 300, 0.3
    for token in tokens[:3]:
        assert person("c", token, headers={"user-agent": CHROME})["statusCode"] == 302
    post.world.fold()
    found = message(post.api)
    assert (found["status"], found["click_count"], found["human_click_count"]) == ("clicked", 11, 3)
    assert post.api("/v1/participants/p0")["json"]["last_interaction_at"]
    assert len(post.api(f"{path}/recipients", status="clicked")["json"]["items"]) == 1


def test_a_link_with_a_merge_field_is_one_link_of_its_mailing(post: Post) -> None:
    """And each reader is led to a page of their own."""
    html = '<a href="https://society.example/vote?who={{ name }}">Vote</a> and unsubscribe'
    addresses = [f"success+{number}@{SIMULATOR}" for number in range(3)]
    said = post.send(recipients=people(*addresses), subject="Vote", html=html)
    post.run()
    for mail in outbox(post.world):
        who = mail["tags"]["participant_id"].replace("p", "N")
        answer = Reader(post.world, mail["html"])("c")
        assert answer["headers"]["Location"] == f"https://society.example/vote?who={who}"
    post.world.fold()
    figures = post.api(f"/v1/communications/{said['communication_id']}")["json"]
    (link,) = figures["links"]
    assert link["url"] == "https://society.example/vote?who={{ name }}"
    assert (link["clicks"], link["human_clicks"]) == (3, 3)
    found = message(post.api)
    assert [each["url"] for each in found["links"]] == [link["url"]]
    (click,) = [each for each in found["events"] if each["type"] == "Click"]
    assert click["detail"]["link"] == "https://society.example/vote?who=N0"
    assert click["detail"]["template_link"] == link["url"]


def test_sess_own_opens_of_our_mail_are_in_the_trail_and_in_no_figure(
    post: Post, reader: Reader
) -> None:
    """Should somebody have added them to the configuration set."""
    from local.notifications import Mail

    (sent,) = outbox(post.world)
    mail = Mail(sent["message_id"], sent["taken_at"], sent["destination"], tags=sent["tags"])
    post.world.ingest([mail.open("2036-11-24T10:00:00.000Z", FIREFOX)])
    reader("o")
    post.world.fold()
    found = message(post.api)
    assert found["open_count"] == 1
    assert [each["uncounted"] for each in found["events"] if each["type"] == "Open"] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://society.example/ä ö?q=ü",
        "https://society.example/%C3%A4?x=%2F&y=a+b#frag",
        "http://[2001:db8::1]:8080/",
        "https://society.example/\r\nSet-Cookie: a=b",
    ],
)
def test_a_redirect_leads_where_the_link_led_and_nowhere_else(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """What a header cannot hold is percent-encoded; all else is byte for byte."""
    world = World(moto_backend, monkeypatch)
    answer = Reader(world)("c", tokens_of(moto_backend).click(ClickedLink(JANE, SENT, 0, 1, url)))
    location = answer["headers"]["Location"]
    assert location.isascii()
    assert location.isprintable()
    if url.isascii() and url.isprintable():
        assert location == url


def tokens_of(backend: Backend) -> LinkTokens:
    """The stack's own."""
    secrets = backend.endpoints.client("secretsmanager")
    arn = backend.resources.physical["SigningKeys", ""]
    secret = secrets.get_secret_value(SecretId=arn)["SecretString"]
    return LinkTokens(SigningKeyRing(lambda: secret))


@contextmanager
def broken_database(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> Iterator[Scripted | None]:
    """DynamoDB is down: refuses connections, hangs, or throttles."""
    script = Scripted()
    with served(script, hang=1.5) as hanging, served(Scripted(*[THROTTLED] * 50)) as throttling:
        urls = {"refuses": "http://127.0.0.1:9", "hangs": hanging, "throttles": throttling}
        with monkeypatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", urls[how])
            forget(world)
            yield script
    forget(world)


THROTTLED = (400, '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}')


def forget(world: World) -> None:
    """A cold start of the public functions, but for the signing keys."""
    for name in ("track", "preferences"):
        keys = world.function(name).wiring.signing_keys
        keys.keys()
        world.restart(name)
        world.function(name).wiring.signing_keys = keys


@pytest.mark.parametrize("how", ["refuses", "hangs", "throttles"])
def test_with_the_database_down_readers_notice_nothing_and_no_event_is_missing(
    post: Post, reader: Reader, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The events wait in the hits queue, and are there afterwards."""
    reader("o")
    reader("c")
    reader("u")
    with broken_database(post.world, monkeypatch, how):
        began = time.monotonic()
        assert reader("o")["statusCode"] == 200
        assert reader("c")["headers"]["Location"] == "https://society.example/a?x=1&y=2"
        said = reader("u", method="POST", body="List-Unsubscribe=One-Click")
        assert "You have unsubscribed" in said["body"]
        took = time.monotonic() - began
    if how == "hangs":
        assert took < 3 * 1.5, "it waited for the database"
    post.answer()
    found = message(post.api)
    assert (found["open_count"], found["click_count"]) == (2, 2)
    assert found["status"] == "unsubscribed"
    assert not post.api("/v1/participants/p0")["json"]["subscribed"]


def test_a_replayed_pixel_delays_no_bounce(
    post: Post, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hits are eight a minute at most, however often it is asked for; and those that cannot be
    written wait in a queue of their own.
    """
    reader.minutes_apart = 0
    for number in range(100):
        answer = reader("o", headers={"user-agent": f"{FIREFOX} {number}"})
        assert answer["statusCode"] == 200
    with broken_database(post.world, monkeypatch, "throttles"):
        for number in range(5):
            answer = reader("o", headers={"user-agent": f"{CHROME} {number}"})
            assert answer["statusCode"] == 200
    post.send(recipients=people(f"bounce@{SIMULATOR}"), **NEWS)
    post.dispatch()
    post.answer(hits=False)
    (bounced, opened) = post.api("/v1/participants/p0/messages")["json"]["items"]
    assert bounced["status"] == "bounced"
    assert 1 < opened["open_count"] <= 16  # a minute may have ended
    post.answer()
    (_, opened) = post.api("/v1/participants/p0/messages")["json"]["items"]
    assert opened["open_count"] <= 24


def test_with_the_queue_down_too_the_event_is_a_line_that_can_be_read_back(
    post: Post,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As CloudWatch exports it, too."""
    reader("o")
    log = StringIO()
    for function in ("track", "preferences"):
        post.world.function(function).logger.registered_handler.setStream(log)
    with broken_database(post.world, monkeypatch, "refuses"), monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
        forget(post.world)
        assert reader("c")["statusCode"] == 302
        assert reader("o")["statusCode"] == 200
        assert "unsubscribed" in reader("u", method="POST", body="subscribed=no")["body"]
    lines = [line for line in log.getvalue().splitlines() if "event not saved" in line]
    assert len(lines) == 3
    exported = [f"2026-11-24T09:30:00.000Z {line}" for line in lines]
    filtered = json.dumps({"events": [{"message": line} for line in lines]}, indent=2).splitlines()
    noise = ["", "event not saved", '{"message": "event not saved"}', "{", "[1]"]
    texts = list(unsaved([*noise, *lines]))
    assert texts == list(unsaved(exported)) == list(unsaved(filtered))
    sqs = post.world.backend.endpoints.client("sqs")
    for text in texts:
        queue = post.world.backend.resources.physical["IngestQueue", ""]
        sqs.send_message(QueueUrl=queue, MessageBody=text)
    post.answer()
    found = message(post.api)
    assert (found["open_count"], found["click_count"]) == (2, 1)
    assert found["status"] == "unsubscribed"


def test_what_comes_of_a_forged_token_is_nothing(post: Post, reader: Reader) -> None:
    """The GIF all the same; no redirect, no page, no event."""
    swapped = {"o": reader.links["u"], "c": reader.links["o"], "u": reader.links["c"]}
    for kind, token in swapped.items():
        for bad in (token, "", ".", "x" * 9_000, "é.gif", "a.b.c", f"{token}.gif.gif"):
            answer = reader(kind, bad)
            assert answer["statusCode"] == (200 if kind == "o" else 404), (kind, bad)
            assert "Location" not in answer["headers"]
            if kind == "u":
                assert reader("u", bad, "POST", body="subscribed=no")["statusCode"] == 404
    post.world.fold()
    assert message(post.api)["status"] == "delivered"
    assert post.api("/v1/participants/p0")["json"]["subscribed"]


def test_newer_keys_sign_and_older_ones_still_verify(post: Post, reader: Reader) -> None:
    """Also those that were made after the function started, within a minute."""
    assert reader("c")["statusCode"] == 302
    backend = post.world.backend
    secrets = backend.endpoints.client("secretsmanager")
    arn = backend.resources.physical["SigningKeys", ""]
    known = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    rotated = {"older": [*known["older"], known["newest"]], "newest": "n" * 64}
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(rotated))
    fresh = tokens_of(backend).click(ClickedLink(JANE, SENT, 0, 1, "https://society.example/new"))
    assert reader("c", fresh)["statusCode"] == 404
    post.world.function("track").wiring.signing_keys._read_at -= 61
    assert reader("c", fresh)["headers"]["Location"] == "https://society.example/new"
    assert reader("c")["statusCode"] == 302


def test_only_a_post_changes_anything(post: Post, reader: Reader) -> None:
    """Scanners follow links; mail programs and people post."""
    for method in ("GET", "HEAD"):
        page = reader("u", method=method)
        assert "You are subscribed" in page["body"]
        assert "script" not in page["body"]
        assert "default-src 'none'" in page["headers"]["Content-Security-Policy"]
    assert post.api("/v1/participants/p0")["json"]["subscribed"]
    nested = "".join(
        f"Content-Type: multipart/form-data; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(90)
    )
    for body, kind in [
        ("what=ever", FORM),
        ('{"List-Unsubscribe": "One-Click"}', "application/json"),
        ("List-Unsubscribe=One-Click&" + "x" * 5_000, FORM),
        (nested, "multipart/form-data; boundary=b0"),
        ("--x", "multipart/form-data"),
    ]:
        answer = reader("u", method="POST", body=body, headers={"content-type": kind})
        assert answer["statusCode"] == 400, (body[:40], kind)
    assert post.api("/v1/participants/p0")["json"]["subscribed"]
    one_click = 'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click'
    multipart = f"--x\r\n{one_click}\r\n--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}
    encoded = base64.b64encode(multipart.encode()).decode()
    said = reader("u", method="POST", body=encoded, isBase64Encoded=True, headers=headers)
    assert "You have unsubscribed" in said["body"]
    assert "You are not subscribed" in reader("u")["body"]
    assert not post.api("/v1/participants/p0")["json"]["subscribed"]
    post.world.fold()
    assert message(post.api)["status"] == "unsubscribed"
    assert "subscribed again" in reader("u", method="POST", body="subscribed=yes")["body"]
    assert post.api("/v1/participants/p0")["json"]["subscribed"]
    post.world.fold()
    found = message(post.api)
    assert (found["status"], found["unsubscribed_at"]) == ("delivered", None)
    assert [each["detail"]["by"] for each in found["events"] if each["type"] == "Subscription"] == [
        "one-click",
        "page",
    ]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("List-Unsubscribe=One-Click\r\n", {"content-type": FORM}),
        ("List-Unsubscribe=One-Click\n", {"content-type": f"{FORM}; charset=utf-8"}),
        ("List-Unsubscribe=One-Click", {"content-type": ""}),
        ("List-Unsubscribe=One-Click", {"content-type": "text/plain"}),
        (" List-Unsubscribe=One-Click ", {"content-type": "application/octet-stream"}),
    ],
)
def test_mail_programs_ask_for_one_click_in_their_own_ways(
    post: Post, reader: Reader, body: str, headers: dict[str, str]
) -> None:
    """With a line end after it, and any content type: the right field is what counts."""
    said = reader("u", method="POST", body=body, headers=headers)
    assert said["statusCode"] == 200
    assert not post.api("/v1/participants/p0")["json"]["subscribed"]


KEYS = ["an old key" * 4, "the newest key" * 4]
TOKENS = LinkTokens(SigningKeyRing.of(KEYS))
LINK = "https://society.example/a?x=1&y=2"
ALL = {
    "open": (TOKENS.open(JANE, SENT), TOKENS.read_open),
    "click": (TOKENS.click(ClickedLink(JANE, SENT, 3, 9, LINK)), TOKENS.read_click),
    "unsubscribe": (TOKENS.unsubscribe(JANE), TOKENS.read_unsubscribe),
}


def test_ten_thousand_spoilt_tokens_are_all_refused() -> None:
    """One byte changed, cut, spliced with another's, or signed for another purpose."""
    chance = random.Random(10)
    other = Recipient("01M7W83120VA77F8B88KYNEGC9", "jack", "news-2")
    others = {
        "open": TOKENS.open(other, SENT),
        "click": TOKENS.click(ClickedLink(other, SENT, 0, 9, "https://evil.example/")),
        "unsubscribe": TOKENS.unsubscribe(other),
    }
    cursor = Cursors(SigningKeyRing.of(KEYS)).write({"a": 1}, "list")
    strangers = LinkTokens(SigningKeyRing.of(["a stranger's key" * 4]))
    refused = 0
    while refused < 10_000:
        kind = chance.choice(list(ALL))
        token, read = ALL[kind]
        place = chance.randrange(len(token))
        spoilt = chance.choice(
            [
                token[:place] + chr(chance.randrange(32, 127)) + token[place + 1 :],
                token[:place] + chr(chance.randrange(128, 0x2FFF)) + token[place + 1 :],
                token[:place],
                token[place:],
                token[:place] + token[place + 1 :],
                token + chance.choice("=A.\n "),
                token.rpartition(".")[0] + "." + others[kind].rpartition(".")[2],
                others[kind].rpartition(".")[0] + "." + token.rpartition(".")[2],
                ALL[chance.choice([name for name in ALL if name != kind])][0],
                cursor,
                strangers.open(JANE, SENT),
                strangers.click(ClickedLink(JANE, SENT, 0, 9, LINK)),
            ]
        )
        if spoilt == token:
            continue
        with pytest.raises(InvalidTokenError):
            read(spoilt)
        refused += 1


def test_a_signature_cannot_be_written_in_another_way() -> None:
    """Of the last character's six bits only four are of the signature; none may be changed."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for token, read in ALL.values():
        good = [letter for letter in alphabet if accepted(read, token[:-1] + letter)]
        assert good == [token[-1]]


def accepted(read: Any, token: str) -> bool:
    """Whether a token is taken."""
    try:
        read(token)
    except InvalidTokenError:
        return False
    return True


def test_a_token_of_the_same_keys_and_another_purpose_is_none() -> None:
    """A key for each purpose is derived from the ring's."""
    for purpose in (Purpose.SESSION, Purpose.CURSOR):
        forged = SigningKeyRing.of(KEYS).cipher(purpose).encrypt(["a", "b", None])
        for _, read in ALL.values():
            assert not accepted(read, forged)


@given(st.text(max_size=200), st.integers(0, 10**6), st.none() | st.text("abc", max_size=9))
def test_a_token_gives_back_what_it_was_made_of(
    url: str, position: int, communication: str | None
) -> None:
    """Whatever the URL; by an older key, too."""
    recipient = Recipient("01M7W83120VA77F8B88KYNEGC8", "jane", communication)
    url = url.encode("utf-8", "replace").decode()
    for keys in (KEYS, KEYS[:1]):
        link = ClickedLink(recipient, SENT, position, position + 1, url)
        assert TOKENS.read_click(LinkTokens(SigningKeyRing.of(keys)).click(link)) == link


@pytest.mark.parametrize(
    ("ip", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3::4", "2001:db8:1::"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_of_an_ip_address_the_network_is_kept(ip: str, kept: str) -> None:
    """/24 and /48."""
    assert shortened(ip) == kept


def test_whole_addresses_are_kept_where_the_setting_says_so(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`WHOLE_IP_ADDRESSES`."""
    world = World(moto_backend, monkeypatch)
    monkeypatch.setenv("WHOLE_IP_ADDRESSES", "yes")
    Reader(world)("o", tokens_of(moto_backend).open(JANE, SENT) + ".gif")
    (event,) = moto_backend.logged()
    assert event.detail["ip"] == "203.0.113.77"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text.replace('"Open"', '"Other"'),
        lambda text: text.replace("#Open#", "#Nothing#"),
        lambda text: text.replace("|own", "|els"),
        lambda text: text.replace("}", ', "more": 1}', 1),
    ],
)
def test_what_is_no_event_of_ours_goes_to_the_dead_letter_queue(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch, spoil: Any
) -> None:
    """Though it begins like one."""
    from sendtrail.domain.events import Event, EventType

    event = Event.of_request(EventType.OPEN, JANE, "2026-11-24T09:30:00.000Z", "r", {})
    text = serialize(event)
    world = World(moto_backend, monkeypatch)
    assert world.ingest([text]) == [{"batchItemFailures": []}]
    spoilt = spoil(text)
    if spoilt != text:
        assert world.ingest([spoilt]) == [{"batchItemFailures": [{"itemIdentifier": "0"}]}]
