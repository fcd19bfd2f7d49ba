"""Hypothesis strategies: SES notifications, and the events in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.intake.parser import events_of

__all__ = [
    "AGENTS",
    "LINKS",
    "PEOPLE",
    "json_values",
    "mails",
    "message_events",
    "notifications_about",
]

NOON = 1_795_170_600_000  # 2026-11-20T10:30:00Z
LINKS = ("https://society.example/a?x=1&y=2", "https://society.example/b", "https://other.example/")
AGENTS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15",
    "Mozilla/5.0",
    "Mozilla/5.0 (compatible; Barracuda Link Protection)",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@dataclass(frozen=True)
class Person:
    """A recipient of the mails that are generated."""

    participant_id: str
    address: str


PEOPLE = tuple(
    Person(f"member-{number}", f"Member.{number}@{domain}")
    for number, domain in enumerate(("gmail.com", "outlook.com", "example.org", "icloud.com"))
)


@st.composite
def mails(draw: st.DrawFn) -> Mail:
    """A mail to one of a few people, with all tags, some or none."""
    number = draw(st.integers(0, 30))
    person = PEOPLE[number % len(PEOPLE)]
    sent_at = from_epoch_ms(NOON + number * 1000)
    ses_id = f"ses-{number}"
    tags: dict[str, str] = {}
    if number % 5:
        tags["communication_id"] = f"news-{number % 3}"
    if number % 7:
        tags["participant_id"] = person.participant_id
        tags["message_id"] = derived_message_id(sent_at, ses_id, person.address)
    return Mail(ses_id, sent_at, [person.address], tags=tags)


@st.composite
def notifications_about(draw: st.DrawFn, mail: Mail) -> dict[str, Any]:
    """Anything that SES may say about a mail."""
    at = from_epoch_ms(NOON + draw(st.integers(0, 200_000)))
    agent = draw(st.sampled_from(AGENTS))
    said: dict[str, Any] = draw(
        st.sampled_from(
            [
                mail.send(),
                mail.delivery(at),
                mail.delay(at),
                mail.reject(),
                mail.rendering_failure("no name"),
                mail.bounce(at),
                mail.bounce(at, "Transient", "General", status=None, diagnostic=None),
                mail.bounce(at, "Transient", "ContentRejected", status="5.7.1"),
                mail.bounce(at, "Permanent", "OnAccountSuppressionList"),
                mail.bounce(at, "Undetermined", "Undetermined"),
                mail.complaint(at),
                mail.complaint(at, "not-spam"),
                mail.complaint(at, None, subtype="OnAccountSuppressionList"),
                mail.open(at, agent),
                mail.open(at, agent, "192.0.2.77"),
                mail.click(at, draw(st.sampled_from(LINKS)), agent),
                mail.subscription(at, unsubscribed=True),
                mail.subscription(at, unsubscribed=False),
            ]
        )
    )
    return said


@st.composite
def message_events(draw: st.DrawFn) -> list[Any]:
    """Events of one message, each once."""
    mail = draw(mails())
    said = draw(st.lists(notifications_about(mail), max_size=12))
    events = [event for each in said for event in events_of(each)]
    return list({event.key: event for event in events}.values())
