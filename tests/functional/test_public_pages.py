"""What readers see: in their language, of which organisation, and about which address."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from html import unescape
from typing import Any

import pytest

from sendtrail.auth.signing_keys import Purpose, SigningKeyRing
from sendtrail.language import LANGUAGES, gettext, long_day, use_language
from tests.functional.reader import FORM, Reader
from tests.functional.sending import NEWS, Post, outbox, people
from tests.functional.world import World
from tests.support import load_event

ADDRESS = "success@simulator.amazonses.com"
SHOWN = "s…@simulator.amazonses.com"
HEADINGS = {
    "page": "You are subscribed",
    "no": "You have unsubscribed",
    "since": "You are not subscribed",
    "yes": "You are subscribed again",
    "nothing": "Nothing was changed",
    "cut": "This page is not there",
    "link": "This link leads nowhere",
}
"""Every page of a reader whose signing keys can be read, by its heading."""


@pytest.fixture
def post(world: World) -> Post:
    """Somebody who sends."""
    return Post(world)


@pytest.fixture
def reader(post: Post) -> Reader:
    """Who got the news."""
    post.send(recipients=people(ADDRESS), **NEWS)
    post.run()
    return Reader(post.world, outbox(post.world)[0]["html"])


def pages(reader: Reader, **more: Any) -> dict[str, dict[str, Any]]:
    """Every page, in the order in which a reader can see them."""
    return {
        "page": reader("u", **more),
        "no": reader("u", method="POST", body="subscribed=no", **more),
        "since": reader("u", **more),
        "yes": reader("u", method="POST", body="subscribed=yes", **more),
        "nothing": reader("u", method="POST", body="subscribed=maybe", **more),
        "cut": reader("u", "cut-off", **more),
        "link": reader("c", "cut-off", **more),
    }


def in_language(tag: str, text: str) -> str:
    """A text in a language."""
    use_language(tag)
    try:
        return gettext(text)
    finally:
        use_language("en")


def heading(answer: dict[str, Any]) -> str:
    """A page's heading."""
    (found,) = re.findall("<h1>(.*?)</h1>", answer["body"])
    return unescape(found)


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_page_is_in_the_language_that_the_browser_takes(reader: Reader, tag: str) -> None:
    """It says so to machines, and links to the other three."""
    headers = {"accept-language": f"{tag}-XX,nl;q=0.8", "content-type": FORM}
    for name, answer in pages(reader, headers=headers).items():
        assert heading(answer) == in_language(tag, HEADINGS[name]), name
        assert f'<html lang="{tag}">' in answer["body"]
        assert answer["headers"]["Content-Language"] == tag
        assert answer["headers"]["Vary"] == "Accept-Language"
        assert set(re.findall(r'href="\?language=(\w\w)" lang="\1"', answer["body"])) == (
            set(LANGUAGES) - {tag}
        )
        assert 'action="' not in answer["body"]


def test_what_a_reader_chose_goes_before_what_their_browser_takes(reader: Reader) -> None:
    """And goes along when they press a button; one-click unsubscribing needs none."""
    query = {"queryStringParameters": {"language": "fr"}, "rawQueryString": "language=fr"}
    headers = {"accept-language": "de", "content-type": FORM}
    for name, answer in pages(reader, headers=headers, **query).items():
        assert heading(answer) == in_language("fr", HEADINGS[name])
        forms = re.findall("<form [^>]*>", answer["body"])
        assert all('action="?language=fr"' in form for form in forms), name
    unknown = {"queryStringParameters": {"language": '"><script>'}}
    answer = reader("u", headers=headers, **unknown)
    assert heading(answer) == in_language("de", HEADINGS["page"])
    assert "script" not in answer["body"]
    said = reader("u", method="POST", body="List-Unsubscribe=One-Click", headers={})
    assert (said["statusCode"], said["headers"]["Content-Language"]) == (200, "en")


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_page_says_since_when_somebody_is_unsubscribed(reader: Reader, tag: str) -> None:
    """On the pages after that on which they did it; in words of their language."""
    reader.minutes_apart = 0
    headers = {"accept-language": tag, "content-type": FORM}
    done = reader("u", method="POST", body="subscribed=no", headers=headers)
    use_language(tag)
    day = long_day(datetime.now(UTC).isoformat()).replace(" ", "\xa0")
    since = gettext("Unsubscribed since %(date)s.") % {"date": day}
    use_language("en")
    assert f"<p>{since}</p>" not in done["body"]
    assert f"<p>{since}</p>" in reader("u", headers=headers)["body"]


def test_a_page_names_the_address_so_that_only_its_owner_knows_it(reader: Reader) -> None:
    """Nor does the link have it whole, for who holds the keys."""
    for name, answer in pages(reader).items():
        assert (f'<bdi dir="ltr">{SHOWN}</bdi>' in answer["body"]) == (
            name in ("page", "no", "since", "yes")
        )
        assert ADDRESS not in answer["body"]
    content = json.dumps(content_of(reader), ensure_ascii=False)
    assert SHOWN in content
    assert "success" not in content


def ring_of(world: World) -> SigningKeyRing:
    """The stack's own keys."""
    secrets = world.backend.endpoints.client("secretsmanager")
    arn = world.backend.resources.physical["SigningKeys", ""]
    secret = secrets.get_secret_value(SecretId=arn)["SecretString"]
    return SigningKeyRing(lambda: secret)


def content_of(reader: Reader) -> list[Any]:
    """What is in the link of a mail to its preferences page."""
    found: list[Any] = ring_of(reader.world).cipher(Purpose.UNSUBSCRIBE).decrypt(reader.links["u"])
    return found


def test_a_link_of_an_older_mail_works_without_naming_the_address(reader: Reader) -> None:
    """Which was not in it."""
    *ids, shown, placeholder = content_of(reader)
    assert shown == SHOWN
    reader.links["u"] = (
        ring_of(reader.world).cipher(Purpose.UNSUBSCRIBE).encrypt([*ids, placeholder])
    )
    answer = reader("u", method="POST", body="subscribed=no")
    assert heading(answer) == "You have unsubscribed"
    assert "This is about" not in answer["body"]
    assert heading(reader("u")) == "You are not subscribed"


def as_organisation(world: World, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """The public functions start anew, with other settings."""
    for name, value in settings.items():
        monkeypatch.setenv(f"ORGANISATION_{name.upper()}", value)
    for function in ("track", "preferences"):
        world.restart(function)


def test_pages_name_the_sender_unless_they_are_told_a_name(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of mail, there or as a domain; no logo, no image."""
    monkeypatch.setenv("SENDER_ADDRESS", "The Other <news@other.example>")
    as_organisation(reader.world, monkeypatch, name="", logo_url="", colour="")
    for answer in pages(reader).values():
        assert "<header><bdi>The Other</bdi></header>" in answer["body"]
        assert "<img" not in answer["body"]
        assert "img-src" not in answer["headers"]["Content-Security-Policy"]
    monkeypatch.setenv("SENDER_ADDRESS", "news@other.example")
    as_organisation(reader.world, monkeypatch)
    assert "from <bdi>other.example</bdi>." in reader("u")["body"]
    as_organisation(reader.world, monkeypatch, name="An & Co. 100%")
    for answer in pages(reader).values():
        assert "– An &amp; Co. 100%</title>" in answer["body"]


def test_a_logo_is_loaded_from_where_it_is_and_from_nowhere_else(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its host is not told the page, and the name stands for it."""
    url = "https://cdn.society.example/logo.svg?v=1&w=2"
    as_organisation(reader.world, monkeypatch, name="The Society", logo_url=url, colour="#ffe000")
    for answer in pages(reader).values():
        (image,) = re.findall("<img [^>]*>", answer["body"])
        assert f'src="{url.replace("&", "&amp;")}"' in image
        assert 'alt="The Society"' in image
        assert 'referrerpolicy="no-referrer"' in image
        policy = answer["headers"]["Content-Security-Policy"]
        assert "; img-src https://cdn.society.example; " in policy
        (style,) = re.findall("<style>(.*?)</style>", answer["body"])
        digest = b64encode(sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in policy
        assert "--surface:#ffe000;--label:#000000" in style


def test_pages_are_there_while_nothing_else_is(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signing keys cannot be read: a page says so, in the reader's language."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETSMANAGER", "http://127.0.0.1:9")
    for kind, function in (("u", "preferences"), ("c", "track")):
        reader.world.restart(function)
        answer = reader(kind, headers={"accept-language": "es"})
        assert answer["statusCode"] == 503
        assert heading(answer) == in_language("es", "One moment")


def test_a_page_for_the_events_of_the_samples_is_of_one_form(world: World) -> None:
    """Also without any header, as API Gateway never sends it."""
    event = load_event("http-preferences")
    event.pop("headers")
    answer = world.call("preferences", event)
    assert (answer["statusCode"], answer["headers"]["Content-Language"]) == (404, "en")
