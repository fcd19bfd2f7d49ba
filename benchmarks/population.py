"""Tables with as many messages as one likes, of one shape: by itself it measures nothing.

Whatever the size, a message has one of ten histories, by its position: ten that follow each other
have them all. So a page of a list, from the same place in that order, holds the same at every size.

    a participant with a large history      a fiftieth of all messages, and at least 30
    a participant with an ordinary history  30 messages
    a large mailing                         a tenth of all messages, and at least 20
    other mailings                          up to 1,000, which share the rest
    participants                            as many as the large mailing has recipients, with an
                                            address each
    suppressions                            a fiftieth of the messages, and at least 20
    the log                                 the trails of those two histories

Items are made by the product's own code: a message's state is the fold of a real history, given
another id; a counter row is the sum of what its messages contribute, in the 16 rows that there may
be for the large mailing, and in 4 for the others, as a table of 4 shards gives them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, partial
from itertools import count
from typing import Any, Final
from zlib import crc32

from local import aws
from local.notifications import Mail
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.communication import (
    CommunicationDefinition,
    Counters,
    CounterShard,
    counters_of,
)
from sendtrail.domain.events import Event, SuppressionReason
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.message import Message, fold
from sendtrail.domain.participant import AddressUse, Participant
from sendtrail.domain.suppression import Evidence, Suppression
from sendtrail.domain.times import from_epoch_ms, years_after
from sendtrail.intake.parser import events_of
from sendtrail.log.items import event_to_item
from sendtrail.projections.checkpoints import Checkpoint, Checkpoints
from sendtrail.projections.communications import note_month
from sendtrail.projections.items import (
    COUNTER_SHARDS,
    COUNTERS_PREFIX,
    address_use_to_item,
    checkpoints_to_item,
    counter_part,
    counters_to_item,
    definition_to_item,
    message_to_item,
    participant_to_item,
    suppression_to_item,
)

__all__ = ["HISTORIES", "LARGE", "MAILING", "ORDINARY", "Population"]

Item = dict[str, Any]

LARGE: Final = "large"
ORDINARY: Final = "ordinary"
MAILING: Final = "mailing"
"""The large one."""
HISTORIES: Final = 10
_START: Final = 1_795_170_600_000
"""When the first message was sent."""
_MONTHLY: Final = 27
"""Mailings in a month."""
_FEW_ROWS: Final = 4
_CHUNK: Final = 1_000
_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"


@cache
def _histories() -> list[tuple[list[Event], Message]]:
    """What can become of a message: its events, and their fold."""
    found = []
    for number in range(HISTORIES):
        sent_at = from_epoch_ms(_START)
        address = f"somebody@{('gmail.com', 'outlook.com', 'society.example')[number % 3]}"
        tags = {
            "participant_id": "somebody",
            "message_id": derived_message_id(sent_at, "", address),
            "communication_id": MAILING,
            "kind": "newsletter" if number % 2 else "invitation",
        }
        mail = Mail(
            "0102019ac8d2", sent_at, [address], "News of the society in November", tags=tags
        )
        later = [from_epoch_ms(_START + minutes * 60_000) for minutes in range(91)]
        delivered = [mail.send(), mail.delivery(later[0])]
        opened = [*delivered, mail.open(later[9], _AGENT)]
        told: list[list[Any]] = [
            [mail.send()],
            delivered,
            [mail.send(), mail.delay(later[2]), mail.delivery(later[30])],
            opened,
            [*opened, mail.open(later[90], _AGENT)],
            [*opened, mail.click(later[10], "https://society.example/evenings/12", _AGENT)],
            [mail.send(), mail.bounce(later[1])],
            [mail.send(), mail.bounce(later[1], "Transient", "MailboxFull", status="4.2.2")],
            [*opened, mail.complaint(later[12])],
            [*opened, mail.subscription(later[13], unsubscribed=True)],
        ]
        events = [event for each in told[number] for event in events_of(each)]
        message = Message(tags["participant_id"], tags["message_id"])
        for event in events:
            message = fold(message, event)
        found.append((events, message))
    return found


@dataclass(frozen=True, slots=True)
class Population:
    """All that the tables hold at one size."""

    messages: int

    @property
    def large(self) -> int:
        """Messages of the large history."""
        return max(30, self.messages // 50)

    @property
    def ordinary(self) -> int:
        """Messages of the ordinary history."""
        return 30

    @property
    def mailing(self) -> int:
        """Recipients of the large mailing; and participants, besides those two."""
        return max(20, self.messages // 10)

    @property
    def others(self) -> int:
        """Other mailings."""
        return min(self.messages // 20, 1_000)

    @property
    def suppressions(self) -> int:
        """Suppressed addresses, half of them by complaints."""
        return max(20, self.messages // 50)

    @property
    def tables(self) -> dict[str, tuple[int, Callable[[int], list[Item]]]]:
        """Table → how many things it holds, and what the items of each are."""
        return {
            "Messages": (self.messages, self._message_items),
            "Events": (self.large + self.ordinary, self._event_items),
            "Communications": (1 + self.others, self._communication_items),
            "Participants": (2 + self.mailing, self._participant_items),
            "Suppressions": (self.suppressions, self._suppression_items),
        }

    def fill(self, endpoints: aws.Endpoints, names: Mapping[str, str]) -> None:
        """Writes everything.

        Args:
            names: table → its physical name.
        """
        chunks = [
            (table, range(start, min(start + _CHUNK, number)))
            for table, (number, _) in self.tables.items()
            for start in range(0, number, _CHUNK)
        ]
        environment = endpoints.environment()
        with ProcessPoolExecutor() as workers:
            for _ in workers.map(partial(_fill, self, environment, dict(names)), chunks):
                pass
        for month in {self._day_of(number)[:7] for number in range(1 + self.others)}:
            note_month(_database(**environment), names["Communications"], month)

    def _message(self, index: int) -> tuple[list[Event], Message]:
        """A message, and what became of it."""
        at, position, participant_id, communication_id = self._place_of(index)
        events, message = _histories()[position % HISTORIES]
        whose = {
            "message_id": derived_message_id(from_epoch_ms(at), str(index), ""),
            "participant_id": participant_id,
            "communication_id": communication_id,
            "address": f"{participant_id}@{(message.address or '').rpartition('@')[2]}",
        }
        changes: dict[str, Any] = whose  # of several types, which `replace` cannot tell apart
        return [replace(each, **changes) for each in events], replace(message, **changes)

    def _place_of(self, index: int) -> tuple[int, int, str, str | None]:
        """When a message is sent, its position among those of its kind, to whom, and in what."""
        if index < self.large:
            return _START + index * 60_000, index, LARGE, None
        index -= self.large
        if index < self.ordinary:
            return _START + index * 60_000, index, ORDINARY, None
        index -= self.ordinary
        if index < self.mailing:
            return _START + index * 1_000, index, _member(index), MAILING
        index -= self.mailing
        position, number = divmod(index, self.others)
        at = _START - (1 + number) * 86_400_000 + position * 1_000
        return at, position, _member((index * 7919) % self.mailing), f"mailing-{number:04}"

    def _message_items(self, index: int) -> list[Item]:
        _, message = self._message(index)
        return [_as_projected(message_to_item(message), index % _FEW_ROWS)]

    def _event_items(self, index: int) -> list[Item]:
        events, _ = self._message(index)
        return [event_to_item(event, 400) for event in events]

    def _communication_items(self, number: int) -> list[Item]:
        if number == 0:
            name, recipients, rows = MAILING, self.mailing, COUNTER_SHARDS
        else:
            name, rows = f"mailing-{number - 1:04}", _FEW_ROWS
            rest = self.messages - self.large - self.ordinary - self.mailing
            recipients = rest // self.others + (number - 1 < rest % self.others)
        created_at = f"{self._day_of(number)}T08:00:00.000Z"
        definition = CommunicationDefinition(name, f"News {number}", created_at, posted=True)
        # Recipient after recipient the rows take turns, and each history comes to each row.
        places = ((each % HISTORIES, each + each // HISTORIES) for each in range(recipients))
        placed = Counter((history, turn % rows) for history, turn in places)
        items: list[Item] = []
        for row in range(rows):
            counters = Counters.sum(
                _times(counters_of(message), placed[position, row])
                for position, (_, message) in enumerate(_histories())
            )
            if counters.counts:
                stats = CounterShard(counters, created_at, "newsletter")
                definition = definition.with_messages(created_at, stats.kind, str(row))
                key = {"communication_id": name, "part": f"{COUNTERS_PREFIX}{row}"}
                items.append(_as_projected(counters_to_item(stats) | key, row))
        return [_revised(definition_to_item(definition)), *items]

    @staticmethod
    def _day_of(number: int) -> str:
        """The day of a mailing, the newest being number 0."""
        months, days = divmod(number, _MONTHLY)
        year, month = divmod(2026 * 12 + 10 - months, 12)
        return date(year, month + 1, _MONTHLY - days).isoformat()

    def _participant_items(self, index: int) -> list[Item]:
        name = (LARGE, ORDINARY)[index] if index < 2 else _member(index - 2)
        day = date(2024, 11, 24) + timedelta(days=index % 729)
        at = f"{day}T{index % 24:02}:{index % 60:02}:00.000Z"
        since = years_after(at, -1)
        known = Participant(name, first_seen_at=since, measured_since=since, last_interaction_at=at)
        use = AddressUse(name, f"{name}@society.example", since, at)
        if index < 2:
            use = replace(use, registered_at=at)
        return [_revised(participant_to_item(known)), _revised(address_use_to_item(use))]

    def _suppression_items(self, index: int) -> list[Item]:
        reason = (SuppressionReason.SPAMMED, SuppressionReason.BOUNCED)[index % 2]
        at = from_epoch_ms(_START - index * 60_000)
        message_id = derived_message_id(at, str(index), "")
        evidence = Evidence(at, message_id, _member(index), "smtp; 550 5.1.1 user unknown")
        address = f"{_member(index)}@gone.example"
        return [_revised(suppression_to_item(Suppression(address, {reason: evidence})))]


def _member(number: int) -> str:
    return f"member-{number:07}"


def _times(counters: Counters, number: int) -> Counters:
    """The counters multiplied by a number."""
    counts = {name: number * each for name, each in counters.counts.items()}
    return Counters(counts, counters.urls) if number else Counters()


@cache
def _shard(row: int) -> str:
    """A shard whose changes are counted in that row; its id has DynamoDB's form."""
    part = f"{COUNTERS_PREFIX}{row}"
    ids = (f"shardId-{_START + n:020}-{crc32(str(n).encode()):08x}" for n in count())
    return next(each for each in ids if counter_part(each) == part)


def _as_projected(item: Item, row: int) -> Item:
    """The item as a projection with checkpoints writes it."""
    checkpoints = Checkpoints({_shard(row): Checkpoint(10**21 * 3 + row, _START // 1000)})
    return _revised(item) | {"checkpoints": checkpoints_to_item(checkpoints)}


def _revised(item: Item) -> Item:
    return item | {"revision": 1}


@cache
def _database(**environment: str) -> DynamoDB:
    """A client, one in each of the processes that fill."""
    return DynamoDB(environment)


def _fill(
    population: Population,
    environment: Mapping[str, str],
    names: Mapping[str, str],
    chunk: tuple[str, range],
) -> None:
    table, numbers = chunk
    db, (_, items_of) = _database(**environment), population.tables[table]
    items = [item for index in numbers for item in items_of(index)]
    parts = [items[first : first + 25] for first in range(0, len(items), 25)]
    db.at_once(partial(db.put_all, names[table]), parts)
