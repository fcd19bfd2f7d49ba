"""The society's office: what it tells Sendtrail of its members, and sends them through it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from local.members import Member, former_members, members
from local.web import ask
from local.year import SEED

__all__ = ["Office"]

Json = dict[str, Any]

_LETTERS: Final = Path(__file__).parent / "letters"
_NEW: Final = (
    ("Amal", "Haddad", "bounce"),
    ("Bea", "Winter", "ooto"),
    ("Ciro", "Greco", "complaint"),
    ("Dora", "Nagy", "suppressionlist"),
    ("Emil", "Fuchs", "complaint"),
    ("Fay", "Doyle", "success"),
    ("Gil", "Moreau", "ooto"),
    ("Hana", "Sato", "success"),
    ("Ivo", "Keller", "success"),
    ("Juno", "Bakker", "bounce"),
)
"""Who joined this week, and the mailbox of SES's simulator that each has."""
_WITH_A_TYPO: Final = ("Noor", "Visser", "noor.visser@gmx")
_SUPPRESSED_BY_HAND: Final = "member-0077"
_INVOICED: Final = (42, 55, 80, 7, 33, 58, 90, 121)
"""One of them has unsubscribed, which does not stop an invoice; one has bounced, which does."""

_STORIES: Final = (
    {
        "title": "The marsh path is half done",
        "text": "Eleven volunteers, four Saturdays, two hundred and twelve planks: the first half "
        "of the path across the marsh carries again, and the cranes do not seem to mind.",
        "url": "https://society.example/news/marsh-path?utm_source=newsletter&utm_medium=email",
        "link": "Read how it was built",
    },
    {
        "title": "The calendar for the new year",
        "text": "Twenty-six walks, nine talks and the summer camp are in the calendar now. The "
        "walks by moonlight tend to be full within days.",
        "url": "https://society.example/calendar?year=next",
        "link": "See the calendar",
    },
    {
        "title": "The year in pictures",
        "text": "You sent us more than three hundred photographs. The jury has chosen twelve of "
        "them, and was not of one mind about any.",
        "url": "https://society.example/gallery#winners",
        "link": "Look at the twelve",
    },
)
_RAFFLE: Final = {
    "subject": "LAST CHANCE!!! WIN OUR GRAND PRIZE",
    "html": (
        "<h1>ACT NOW!!!</h1><p>Congratulations {{ first_name }}! You have won a FREE ticket for "
        "our raffle! A guaranteed prize for everybody, no obligation! Don't miss it! Click here "
        'now: <a href="https://bit.ly/society-raffle">society.example/raffle</a>!!!</p>'
    ),
}


class Office:
    """Talks to the API: the front office, with a key that may do everything, and the editors, with
    one that may send.
    """

    def __init__(self, gateway: str, front_office: str, editors: str) -> None:
        """Uses these keys."""
        self._url = f"{gateway}/v1"
        self._front_office = front_office
        self._editors = editors
        self._members = members(random.Random(SEED))
        self._today = datetime.now(UTC)
        first = len(self._members) + 1
        self._new = [
            _person(number, one, other, f"{box}+member-{number:04}@simulator.amazonses.com")
            for number, (one, other, box) in enumerate(_NEW, first)
        ]
        first += len(self._new)
        self._former = former_members()
        self._mistyped = _person(first, *_WITH_A_TYPO)

    @property
    def interests(self) -> dict[str, float]:
        """How likely each of the members is to read something."""
        everybody = (*self._members, *self._new, *self._former)
        return {member.participant_id: member.interest for member in everybody}

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        *,
        by_editors: bool = False,
    ) -> Json:
        """Calls a route; what it answers.

        Args:
            key: an ``Idempotency-Key``.
            by_editors: with their key, and not the front office's.

        Raises:
            RuntimeError: it answers with an error.
        """
        api_key = self._editors if by_editors else self._front_office
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        content = None if body is None else json.dumps(body).encode()
        answer = ask(method, f"{self._url}{path}", headers, content)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body.decode()}")
        found: Json = json.loads(answer.body or b"{}")
        return found

    def keep_records(self) -> None:
        """Tells what members are called, who has which address, and who gave something; and puts
        one on the list by hand.
        """
        for member in self._members:
            called = {"name": f"{member.first_name} {member.last_name}"}
            self.call("PUT", f"/participants/{member.participant_id}", called)
        for member in self._new:
            self._register(member.participant_id, member.address)
        for bounced in self.call("GET", "/suppressions?reason=bounced&limit=2")["items"]:
            member = self._member(bounced["participant_id"])
            name = f"{member.first_name}.{member.last_name}.{member.number}".lower()
            self._register(member.participant_id, f"{name}@proton.me")
        for number in (42, 66, 100):
            self._give(self._members[number - 1], self._today - timedelta(days=number % 7))
        address = self._member(_SUPPRESSED_BY_HAND).address
        note = {"note": "asked by telephone not to be written to"}
        self.call("PUT", f"/suppressions/{quote(address)}", note)

    def put_templates(self) -> None:
        """Stores the letters."""
        for name, subject in (
            ("newsletter", "{{ theme }}"),
            ("invitation", "{{ first_name }}, you are invited: {{ event.name }}"),
            ("invoice", "Your invoice {{ invoice }}"),
        ):
            parts = {"subject": subject, "html": _letter(f"{name}.html")}
            if (_LETTERS / f"{name}.txt").exists():
                parts["text"] = _letter(f"{name}.txt")
            self.call("PUT", f"/templates/{name}", parts, by_editors=True)

    def send_raffle(self) -> None:
        """A mailing that looks like spam, and so is not sent."""
        few = [member for member in self._members if member.number % 4 == 0]
        draft = {"name": "Raffle, last call", "recipients": [_to(member) for member in few]}
        self.call("POST", "/communications", draft | _RAFFLE, by_editors=True)

    def send_invitation(self) -> int:
        """An invitation to four of five; how many that are."""
        friday = self._today + timedelta(days=(4 - self._today.weekday()) % 7 + 14)
        event = {
            "id": "members-evening",
            "name": "Members' evening",
            "day": f"Friday, {friday:%-d %B}",
            "hour": "19:30",
            "place": "the old mill",
        }
        invited = [member for member in self._everybody() if member.number % 5]
        draft = {
            "name": "Invitation to the members' evening",
            "kind": "invitation",
            "template_id": "invitation",
            "recipients": [_to(each, event=event, guests=each.number % 3) for each in invited],
            "reply_to": "events@society.example",
        }
        self.call("POST", "/communications", draft, by_editors=True)
        return len(invited)

    def send_newsletter(self) -> int:
        """The newsletter, to everybody, with a copy for the office; how many that are."""
        recipients = [
            _to(each, theme="The year in pictures", stories=_STORIES, walks=each.number % 6)
            for each in self._everybody()
        ]
        recipients.append(
            _to(self._mistyped, theme="The year in pictures", stories=_STORIES, walks=0)
            | {"address": self._mistyped.address}
        )
        draft = {
            "name": f"Newsletter {self._today:%B %Y}",
            "template_id": "newsletter",
            "recipients": recipients,
            "copy_to": ["office@society.example"],
        }
        self.call("POST", "/communications", draft, by_editors=True)
        return len(recipients)

    def send_directly(self) -> None:
        """Invoices, and two letters."""
        for number in _INVOICED:
            self._invoice(self._members[number - 1])
        self._write(42, "Your question about the key", html=True)
        self._write(62, "Lost and found: your scarf", html=False)

    def _invoice(self, member: Member) -> None:
        invoice = f"{self._today:%Y}-{1200 + member.number}"
        lines = [
            {"what": "Summer camp, one week", "number": 1 + member.number % 2, "price": 180},
            {"what": "Map of the ridge", "number": 1, "price": 14},
        ]
        data = {
            "invoice": invoice,
            "due": f"{self._today + timedelta(days=30):%-d %B %Y}",
            "lines": lines,
            "total": 180 * (1 + member.number % 2) + 14,
        }
        draft = {"kind": "invoice", "template_id": "invoice", **_to(member, **data)}
        self.call("POST", "/messages", draft, key=f"invoice-{invoice}")

    def _write(self, number: int, subject: str, *, html: bool) -> None:
        """A letter with a body of its own, from somebody in the office."""
        draft: Json = {"kind": "letter", "subject": subject, **_to(self._members[number - 1])}
        if html:
            draft["html"] = (
                "<p>Dear {{ first_name }},</p><p>the key to the hut hangs at the mill from Monday "
                'on; <a href="https://society.example/hut">what to bring</a> is on our pages.</p>'
                "<p>Kind regards, Ottilie Brandt</p>"
            )
        else:
            draft["text"] = (
                "Dear {{ first_name }},\n\na blue scarf was left at the mill after the last walk. "
                "Is it yours? You will find it in the office.\n\nKind regards, Ottilie Brandt\n"
            )
        self.call("POST", "/messages", draft | {"reply_to": "office@society.example"})

    def _everybody(self) -> list[Member]:
        return [*self._members, *self._new, *self._former]

    def _member(self, participant_id: str) -> Member:
        return next(each for each in self._members if each.participant_id == participant_id)

    def _register(self, participant_id: str, address: str) -> None:
        self.call("PUT", f"/participants/{participant_id}/addresses/{quote(address)}")

    def _give(self, member: Member, at: datetime) -> None:
        gift = {
            "kind": "donation",
            "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "reference": f"gift-{at:%Y%m%d}-{member.number}",
        }
        self.call("POST", f"/participants/{member.participant_id}/interactions", gift)


def _person(number: int, first_name: str, last_name: str, address: str) -> Member:
    return Member(f"member-{number:04}", first_name, last_name, address, joined=0, interest=0.5)


def _to(member: Member, **data: Any) -> Json:
    """A recipient, who is written to at their current address."""
    names = {"first_name": member.first_name, "last_name": member.last_name}
    return {"participant_id": member.participant_id, "data": names | data}


def _letter(name: str) -> str:
    return (_LETTERS / name).read_text(encoding="utf-8")
