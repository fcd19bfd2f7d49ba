"""Letters sent in the storm: each of them once, or refused with the reason."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from urllib.request import Request, urlopen

from sendtrail.domain.events import EventType
from tests.support import events_in

if TYPE_CHECKING:
    from tests.faults.storm import Storm

__all__ = ["Letters"]

_SIMULATOR: Final = "simulator.amazonses.com"
_KINDS: Final = ("success", "bounce", "complaint", "ooto")
_WEIGHTS: Final = (20, 2, 1, 1)
_EACH: Final = 50
_RETRY_POLICY: Final = 300.0
_HTML: Final = (
    "<html><body><p>Dear {{ name }}, this is what we did in the year that is coming to its end, and "
    'what we plan: <a href="https://society.example/a?x=1&amp;y=2">read on</a>.</p>'
    '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
)
_SES_FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"error": "TooManyRequestsException", "status": 429},
    {"error": "ServiceUnavailable", "status": 503, "taken": True},
    {"error": "ServiceUnavailable", "status": 503, "taken": False},
    {"hang": 12, "taken": True},  # longer than one waits for the answer
)


class Letters:
    """Mailings of fifty, to people who differ; some may not be written to."""

    def __init__(self, storm: Storm, number: int) -> None:
        self._storm = storm
        chance = self._chance = storm.chaos.chance
        self._kinds = {f"reader-{n}": chance.choices(_KINDS, _WEIGHTS)[0] for n in range(number)}
        names = list(self._kinds)
        self._suppressed = set(chance.sample(names, number // 12))
        self._unsubscribed = set(chance.sample(names, number // 12))
        self._mailings: dict[str, list[str]] = {}

    def prepare(self) -> None:
        """Has some refused, in calm weather."""
        for name in self._suppressed:
            path = f"/v1/suppressions/{quote(self._address(name), safe='')}"
            self._certainly("PUT", path, {"note": "asked by telephone"})
        for name in self._unsubscribed:
            path = f"/v1/participants/{name}/subscription"
            self._certainly("PUT", path, {"subscribed": False})

    def send(self) -> None:
        """Posts all mailings, each until it is taken, while SES has faults of its own."""
        names = list(self._kinds)
        self._spoil_ses(len(names))
        for start in range(0, len(names), _EACH):
            some = names[start : start + _EACH]
            draft = {
                "name": f"Mailing {start}",
                "subject": "The year of {{ name }}",
                "html": _HTML,
                "recipients": [
                    {"participant_id": name, "address": self._address(name), "data": {"name": name}}
                    for name in some
                ],
            }
            answer = self._certainly(
                "POST", "/v1/communications", draft, Idempotency_Key=f"mailing-{start}"
            )
            self._mailings[answer["communication_id"]] = some

    def check(self) -> None:
        """Holds the outbox, the log and the figures against what was asked for."""
        expect = self._storm.expect
        outbox = self._outbox()
        wanted = {name: int(self._reason(name) is None) for name in self._kinds}
        expect("letters in the outbox", {name: outbox[name] for name in wanted}, wanted)
        events: dict[str, Counter[str]] = defaultdict(Counter)
        reasons: dict[str, str] = {}
        for event in events_in(self._storm.items("Trails")):
            if event.participant_id in self._kinds and event.communication_id:
                events[event.participant_id][event.type] += 1
                if event.type is EventType.DROPPED:
                    reasons[event.participant_id] = event.detail["reason"]
        expect("events of letters", events, {name: self._events(name) for name in self._kinds})
        refused = {name: self._reason(name) for name in self._kinds if self._reason(name)}
        expect("refusals", reasons, refused)
        for communication_id, names in self._mailings.items():
            found = self._certainly("GET", f"/v1/communications/{communication_id}")
            told = {name: found[name] for name in ("recipients", *self._figures(names))}
            expect(
                f"figures of {communication_id}",
                told,
                {"recipients": len(names), **self._figures(names)},
            )

    def _events(self, name: str) -> Counter[str]:
        """The events that a letter must have, each once."""
        if self._reason(name):
            return Counter(("Accepted", "Dropped"))
        fate = {
            "success": ["Delivery"],
            "bounce": ["Bounce"],
            "complaint": ["Delivery", "Complaint"],
            "ooto": ["Delivery", "Bounce"],
        }
        return Counter(("Accepted", "Send", *fate[self._kinds[name]]))

    def _figures(self, names: list[str]) -> dict[str, int]:
        sent = [self._kinds[name] for name in names if not self._reason(name)]
        return {
            "sent": len(sent),
            "dropped": len(names) - len(sent),
            "delivered": len(sent) - sent.count("bounce"),
            "bounced": sent.count("bounce"),
            "spammed": sent.count("complaint"),
        }

    def _reason(self, name: str) -> str | None:
        """Why somebody is not written to; the address's reason before the person's."""
        if name in self._suppressed:
            return "manual"
        return "unsubscribed" if name in self._unsubscribed else None

    def _address(self, name: str) -> str:
        return f"{self._kinds[name]}+{name}@{_SIMULATOR}"

    def _outbox(self) -> Counter[str]:
        """How many mails each was sent."""
        found: Counter[str] = Counter()
        after = 0
        while True:
            with urlopen(f"{self._storm.running.state['outbox']}?after={after}") as answer:
                mails = json.load(answer)["mails"]
            if not mails:
                return found
            after = mails[-1]["number"]
            found.update(mail["tags"].get("participant_id") for mail in mails)

    def _spoil_ses(self, number: int) -> None:
        """Has one in eight calls of SES go wrong."""
        faults = [
            self._chance.choice(_SES_FAULTS) if self._chance.random() < 0.12 else {}
            for _ in range(number)
        ]
        self._storm.chaos.note("faults of SES", sum(map(bool, faults)))
        url = self._storm.running.state["aws_endpoint"] + "/_sendtrail/faults"
        body = json.dumps({"send": faults}).encode()
        with urlopen(Request(url, data=body, method="PUT")) as answer:
            answer.read()

    def _certainly(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer of a route that is asked again until it does what it is asked for."""
        deadline = time.monotonic() + _RETRY_POLICY
        while True:
            try:
                status, answer = self._storm.call(method, path, body, **headers)
            except OSError:
                status, answer = 0, None
            if 200 <= status < 300:
                return answer
            self._storm.chaos.note("requests to the API made again")
            if (status not in (0, 429) and status < 500) or time.monotonic() > deadline:
                raise RuntimeError(f"{method} {path}: {status} {answer}")
            time.sleep(0.5)
