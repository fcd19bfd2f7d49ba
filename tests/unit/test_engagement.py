"""Whether a person or a machine opened or clicked: by evidence, with the reason."""

from __future__ import annotations

import random
from typing import Any

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.domain.engagement import Reason
from sendtrail.domain.events import Event, EventType, Recipient, Source
from sendtrail.domain.hits import slot_of
from sendtrail.domain.judgement import judge, verdicts
from sendtrail.domain.networks import NETWORKS, network_of
from sendtrail.domain.robots import is_robot
from sendtrail.domain.times import epoch_ms, from_epoch_ms

SENT = "2026-11-20T09:30:00.000Z"
WHO = Recipient("01M7W4N5E0RGT3RMXS0SBSX2F6", "member-1", "news", "ann@gmail.com")
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"


def hit(
    seconds: float, link: str | None = None, agent: str | None = CHROME, **detail: Any
) -> Event:
    """An open, or a click on a link, so long after sending."""
    at = from_epoch_ms(epoch_ms(SENT) + int(seconds * 1000))
    kind = EventType.CLICK if link else EventType.OPEN
    found = {"sent_at": SENT, "ip": "203.0.113.0", **detail}
    found |= {"user_agent": agent} if agent is not None else {}
    found |= {"link": f"https://society.example/{link}"} if link else {}
    return Event.of_request(kind, WHO, at, f"{seconds}{link}{agent}{detail}", found)


def reason(*hits: Event) -> str:
    """Why the first of some hits is whose it is."""
    return verdicts(hits)[hits[0].key].reason.value


def of_ses(event: Event, **detail: Any) -> Event:
    """The same hit, as SES observed it."""
    from dataclasses import replace

    return replace(event, source=Source.SES, detail={**event.detail, **detail})


# --- one hit ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "seconds", "said"),
    [
        (CHROME, 4.9, Reason.WITHIN_5_SECONDS_OF_SENDING),
        (CHROME, 5, Reason.MAIL_PROGRAM_OR_BROWSER),
        ("Mozilla/5.0", 60, Reason.APPLE_PRIVACY_PROXY),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15", 60, Reason.MAIL_PROGRAM_OR_BROWSER),
        ("Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", 60, Reason.GMAIL_IMAGE_PROXY),
        ("YahooMailProxy; https://help.yahoo.com/kb/x.html", 60, Reason.YAHOO_IMAGE_PROXY),
        ("Mozilla/5.0 (compatible; Barracuda Link Protection)", 60, Reason.ROBOT),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", 60, Reason.ROBOT),
        ("facebookexternalhit/1.1", 60, Reason.ROBOT),
        ("Googlebot/2.1 (+http://www.google.com/bot.html)", 60, Reason.ROBOT),
        ("Mozilla/5.0 (compatible; PetalBot;+https://example.com/petal)", 60, Reason.ROBOT),
        ("Google-Safety", 60, Reason.ROBOT),
        ("GuzzleHttp/7", 60, Reason.ROBOT),
        ("okhttp/4.12.0", 60, Reason.ROBOT),
        ("Scrapy/2.11 (+https://scrapy.org)", 60, Reason.ROBOT),
        ("python-urllib3/1.26", 60, Reason.ROBOT),
        ("python-requests/2.32", 60, Reason.ROBOT),
        ("curl/8.5.0", 60, Reason.ROBOT),
        ("", 60, Reason.NO_USER_AGENT),
        (None, 60, Reason.NO_USER_AGENT),
        (IPHONE, 60, Reason.MAIL_PROGRAM_OR_BROWSER),
        ("Mozilla/5.0 (Linux; Android 8.1.0; M bot 54) Mobile Safari/537.36", 60, Reason.MAIL_PROGRAM_OR_BROWSER),
        ("Mozilla/5.0 (Linux; Android 7.0; B BOT 550) Mobile Safari/537.36", 60, Reason.MAIL_PROGRAM_OR_BROWSER),
        ("Mozilla/5.0 (Linux; Android 8.1.0; C Bot Tab 70) Safari/537.36", 60, Reason.MAIL_PROGRAM_OR_BROWSER),
        ("Mozilla/5.0 (Linux; Android 4.2.2; Spider 8) Safari/537.36", 60, Reason.MAIL_PROGRAM_OR_BROWSER),
    ],
)  # fmt: skip
def test_a_hit_is_told_by_its_name_and_the_time(
    agent: str | None, seconds: float, said: Reason
) -> None:
    """Robots by a list that many keep, phones whose model sounds like one, and what acts for a
    person.
    """
    assert reason(hit(seconds, agent=agent)) == said


def test_most_published_robots_are_machines() -> None:
    """At least 95 of 100 instances of the list."""
    agents = [each for entry in CRAWLER_USER_AGENTS_DATA for each in entry.get("instances", ())]
    found = [each for each in agents if is_robot(each)]
    assert len(agents) > 2_000
    assert len(found) >= 0.95 * len(agents)


@pytest.mark.parametrize(
    ("word", "said"), [("Likely", "ses_says_bot"), ("Unlikely", "mail_program_or_browser")]
)
def test_what_ses_says_of_a_bot_decides_where_it_says_likely(word: str, said: str) -> None:
    """First of all; and absent means that it is not known."""
    assert reason(of_ses(hit(60), is_bot_event=word)) == said
    assert reason(of_ses(hit(60, agent=IPHONE))) == "mail_program_or_browser"
    assert reason(of_ses(hit(60, agent="curl/8"), is_bot_event="Unlikely")) == "robot"


def test_a_request_that_says_so_is_a_machines() -> None:
    """Whoever asks for the headers alone, or in advance."""
    assert reason(hit(60, request="head")) == "head_request"
    assert reason(hit(60, "a", request="prefetch")) == "prefetch"


def test_such_requests_have_a_slot_of_their_own() -> None:
    """A browser that fetches in advance does not take the place of its person."""
    slots = {slot_of(hit(60, "a", request=how, agent=f"a{n}")) for how in ("head", "prefetch") for n in range(40)}  # fmt: skip
    others = {slot_of(hit(60, "a", agent=f"a{n}")) for n in range(400)}
    assert len(slots) == 1
    assert len(others) == 7
    assert not slots & others


def test_networks_of_scanners_are_looked_up_by_the_whole_address() -> None:
    """Ranges are narrower than what is kept of an address; where people browse, it is a note."""
    assert network_of("40.107.3.4") == network_of("104.47.127.255") == "microsoft-filtering"
    assert network_of("2a01:111:f403:c000::1") == "microsoft-filtering"
    assert network_of("104.47.128.0") is None
    assert network_of("") is network_of("unknown") is None
    assert reason(hit(60, network="microsoft-filtering")) == "scanner_network"
    assert reason(hit(60, network=network_of("67.231.144.9"))) == "mail_program_or_browser"
    for network in NETWORKS():
        assert network.first <= network.last


# --- bursts ----------------------------------------------------------------------------------


def burst(start: float = 40, count: int = 8, apart: float = 0.06, **more: Any) -> list[Event]:
    """Links followed one after another."""
    return [hit(start + apart * n, f"link-{n}", **more) for n in range(count)]


def test_eight_links_in_half_a_second_are_a_scanners() -> None:
    """Forty seconds after sending, from an ordinary Chrome, with the open that it begins with; and
    a person who comes later is one.
    """
    scanned = [hit(39.9), *burst()]
    person = [hit(400), hit(410, "link-3"), hit(425, "link-1"), hit(440, "link-5")]
    judged = judge([*scanned, *person])
    assert (judged.opens.count, judged.opens.human_count) == (2, 1)
    assert (judged.clicks.count, judged.clicks.human_count) == (11, 3)
    assert judged.machines == {Reason.FASTER_THAN_A_PERSON: (1, 8)}
    assert {verdicts(scanned)[each.key].reason for each in scanned} == {Reason.FASTER_THAN_A_PERSON}


def test_most_of_a_mails_links_within_ten_seconds_are_a_scanners() -> None:
    """Whoever it claims to be; the same few of many links are a person's."""
    assert reason(*burst(count=4, apart=2.5, links=6)) == "faster_than_a_person"
    assert reason(*burst(count=4, apart=2.5, links=20)) == "mail_program_or_browser"
    assert reason(*burst(count=2, apart=0.2, links=2)) == "mail_program_or_browser"
    assert reason(*burst(count=3, apart=20, links=3)) == "mail_program_or_browser"


def test_the_same_link_again_is_no_burst() -> None:
    """A reader who is impatient."""
    again = [hit(60 + n * 0.3, "a") for n in range(5)]
    assert judge(again).clicks.human_count == 5


@given(st.integers(0, 10**6), st.integers(1, 9))
def test_order_and_repetition_change_no_verdict(seed: int, count: int) -> None:
    """It is a function of the set."""
    chance = random.Random(seed)
    hits = [hit(chance.uniform(30, 60), f"link-{n}", links=count) for n in range(count)]
    hits += [hit(chance.uniform(30, 60)) for _ in range(3)]
    again = [*hits, *chance.choices(hits, k=4)]
    chance.shuffle(again)
    assert verdicts(again) == verdicts(hits)
    assert judge({each.key: each for each in again}.values()) == judge(hits)
