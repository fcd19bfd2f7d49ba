"""Tables with as many messages as one likes, of one shape: by itself it measures nothing.

Whatever the size, a message has one of ten histories, by its position: ten that follow each other
have them all, so a page of a list holds the same at every size. A fiftieth of all messages are one
participant's, 30 another's, and 30 a third's, of which one was opened 5,000 times; a tenth are a
large mailing's, whose recipients are known people, and up to 1,000 others share the rest; a
fiftieth as many addresses are suppressed.
Items are the product's own: each history
goes through the log and its projection in memory, once, and is then written under other ids.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from typing import Any, Final
from zlib import crc32

from local import aws
from local.notifications import Mail
from sendtrail.aws.dynamodb import DynamoDB, from_attributes, to_attributes
from sendtrail.domain.communication import (
    CommunicationDefinition,
    Counters,
    CounterShard,
    counters_of,
)
from sendtrail.domain.events import Event, SuppressionReason
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.message import Message
from sendtrail.domain.participant import AddressUse, Participant
from sendtrail.domain.suppression import Evidence, Suppression
from sendtrail.domain.times import from_epoch_ms, years_after
from sendtrail.intake.parser import events_of
from sendtrail.log.items import expires_at, listed_in
from sendtrail.projections.checkpoints import Checkpoint, Checkpoints
from sendtrail.projections.items import (
    COUNTER_SHARDS,
    COUNTERS_PREFIX,
    LINK_PREFIX,
    MONTHS,
    MONTHS_ID,
    PROBLEM_PREFIX,
    address_use_to_item,
    checkpoints_to_item,
    counter_part,
    counters_to_item,
    definition_to_item,
    message_from_item,
    participant_to_item,
    suppression_to_item,
)
from tests.pipeline import Pipeline, is_row

Item = dict[str, Any]

LARGE: Final = "large"
ORDINARY: Final = "ordinary"
BUSY: Final = "busy"
"""Whose newest message has `BUSY_HITS` hits."""
MAILING: Final = "mailing"
"""The large one."""
HISTORIES: Final = 10
BUSY_HITS: Final = 5_000
FEW: Final = 30
_START: Final = 1_795_170_600_000
"""When the first message was sent."""
_RETENTION_DAYS: Final = 1_096
_CHUNK: Final = 1_000
_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"
_LINK: Final = "https://society.example/evenings/12"
_SOMEBODY: Final = "somebody"


@dataclass(frozen=True, slots=True)
class History:
    """What can become of a message, as items under the ids of one.

    Attributes:
        trails: those of the table Trails.
        problems, links: those of the table Communications.
    """

    message: Message
    trails: list[Item]
    problems: list[Item]
    links: list[Item]


def _told(number: int) -> list[Any]:
    """What SES publishes of a message with that history."""
    sent_at = from_epoch_ms(_START)
    domain = ("gmail.com", "outlook.com", "society.example")[number % 3]
    tags = {
        "participant_id": _SOMEBODY,
        "message_id": derived_message_id(sent_at, "", _SOMEBODY),
        "communication_id": MAILING,
        "kind": "newsletter" if number % 2 else "invitation",
    }
    address, subject = f"{_SOMEBODY}@{domain}", "News of the society in November"
    mail = Mail("0102019ac8d2", sent_at, [address], subject, tags=tags)
    later = [from_epoch_ms(_START + minutes * 60_000) for minutes in range(91)]
    delivered = [mail.send(), mail.delivery(later[0])]
    opened = [*delivered, mail.open(later[9], _AGENT)]
    if number == HISTORIES:
        return opened + [
            mail.open(from_epoch_ms(_START + hit * 47_000), _AGENT, f"192.0.2.{hit % 250}")
            for hit in range(BUSY_HITS)
        ]
    return [
        [mail.send()],
        delivered,
        [mail.send(), mail.delay(later[2]), mail.delivery(later[30])],
        opened,
        [*opened, mail.open(later[90], _AGENT)],
        [*opened, mail.click(later[10], _LINK, _AGENT)],
        [mail.send(), mail.bounce(later[1])],
        [mail.send(), mail.bounce(later[1], "Transient", "MailboxFull", status="4.2.2")],
        [*opened, mail.complaint(later[12])],
        [*opened, mail.subscription(later[13], unsubscribed=True)],
    ][number]


@cache
def _history(number: int) -> History:
    pipeline = Pipeline(retention_days=_RETENTION_DAYS)
    pipeline.db.page = 1_000
    events: list[Event] = [event for each in _told(number) for event in events_of(each)]
    pipeline.log.append(events)
    pipeline.deliver()
    trails, mailing = pipeline.db.items("Trails"), pipeline.db.items("Communications")
    (row,) = filter(is_row, trails)
    return History(
        message_from_item(row),
        trails,
        [each for each in mailing if each["part"].startswith(PROBLEM_PREFIX)],
        [each for each in mailing if each["part"].startswith(LINK_PREFIX)],
    )


@cache
def _text(number: int, which: str) -> str:
    """The items of a history in DynamoDB's JSON."""
    return json.dumps([to_attributes(item) for item in getattr(_history(number), which)])


def _message_id(at: int, participant_id: str, communication_id: str | None) -> str:
    return derived_message_id(from_epoch_ms(at), participant_id, communication_id or "")


BUSY_MESSAGE: Final = _message_id(_START + (FEW - 1) * 60_000, BUSY, None)


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
        """Messages of the ordinary history, and of that with many hits."""
        return FEW

    @property
    def mailing(self) -> int:
        """Recipients of the large mailing."""
        return max(20, self.messages // 10)

    @property
    def rest(self) -> int:
        """Messages of other mailings."""
        return max(0, self.messages - self.large - 2 * self.ordinary - self.mailing)

    @property
    def others(self) -> int:
        """Other mailings."""
        return min(self.messages // 20, 1_000)

    @property
    def tables(self) -> dict[str, tuple[int, Callable[[int], list[Item]]]]:
        """Table → how many things it holds, and what the items of each are."""
        return {
            "Trails": (self.messages, self._trail_items),
            "Communications": (1 + self.others, self._communication_items),
            "Participants": (3 + self.mailing, self._participant_items),
            "Suppressions": (self.large, self._suppression_items),
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

    def _trail_items(self, index: int) -> list[Item]:
        return self._items(index, "trails")

    def _items(self, index: int, which: str) -> list[Item]:
        """The items of a message: ``trails``, or ``problems``."""
        at, position, participant_id, communication_id = self._place_of(index)
        busy = participant_id == BUSY and position == FEW - 1
        number = HISTORIES if busy else position % HISTORIES
        message_id = _message_id(at, participant_id, communication_id)
        text = _text(number, which).replace(_history(number).message.message_id, message_id)
        text = text.replace(_SOMEBODY, participant_id).replace(MAILING, communication_id or "")
        found = [from_attributes(item) for item in json.loads(text)]
        for item in found:
            item["expires_at"] = expires_at(message_id, _RETENTION_DAYS)
            if which == "trails" and is_row(item):
                item["listed_in"] = listed_in(communication_id, message_id)
                named = (each for each in item["events"] if not each.endswith("|1|"))
                item["events"] = frozenset(named)
        return found

    def _place_of(self, index: int) -> tuple[int, int, str, str | None]:
        """When a message is sent, its position among those of its kind, to whom, and in what."""
        if index < self.large:
            return _START + index * 60_000, index, LARGE, None
        index -= self.large
        if index < self.ordinary:
            return _START + index * 60_000, index, ORDINARY, None
        index -= self.ordinary
        if index < self.ordinary:
            return _START + index * 60_000, index, BUSY, None
        index -= self.ordinary
        if index < self.mailing:
            return _START + index * 1_000, index, _member(index), MAILING
        index -= self.mailing
        position, number = divmod(index, self.others)
        at = _START - (1 + number) * 86_400_000 + position * 1_000
        return at, position, _member((index * 7919) % self.mailing), f"mailing-{number:04}"

    def _communication_items(self, index: int) -> list[Item]:
        """The large mailing's, or one of another."""
        return self._other_items(index - 1) if index else self._mailing_items()

    def _other_items(self, number: int) -> list[Item]:
        """Those of another mailing: its definition, and one row of counters."""
        created_at, name = from_epoch_ms(_START - (1 + number) * 86_400_000), f"mailing-{number:04}"
        definition = CommunicationDefinition(name, f"Number {number}", created_at, posted=True)
        shard = CounterShard(counters_of(_history(3).message), created_at, "newsletter")
        definition = definition.with_messages(created_at, shard.kind, "0")
        key = {"communication_id": name, "part": f"{COUNTERS_PREFIX}0"}
        return [_revised(definition_to_item(definition)), _revised(counters_to_item(shard) | key)]

    def _suppression_items(self, index: int) -> list[Item]:
        at = from_epoch_ms(_START - index * 60_000)
        reason = list(SuppressionReason)[index % len(SuppressionReason)]
        address = f"suppressed-{index:07}@society.example"
        return [_revised(suppression_to_item(Suppression(address, {reason: Evidence(at)})))]

    def _mailing_items(self) -> list[Item]:
        created_at = from_epoch_ms(_START)
        definition = CommunicationDefinition(MAILING, "News", created_at, posted=True)
        # Recipient after recipient the rows take turns, and each history comes to each row.
        places = ((each % HISTORIES, each + each // HISTORIES) for each in range(self.mailing))
        placed = Counter((history, turn % COUNTER_SHARDS) for history, turn in places)
        items: list[Item] = []
        for row in range(COUNTER_SHARDS):
            counters = Counters.sum(
                _times(counters_of(_history(position).message), placed[position, row])
                for position in range(HISTORIES)
            )
            if counters.counts:
                shard = CounterShard(counters, created_at, "newsletter")
                definition = definition.with_messages(created_at, shard.kind, str(row))
                key = {"communication_id": MAILING, "part": f"{COUNTERS_PREFIX}{row}"}
                items.append(_as_counted(counters_to_item(shard) | key, row))
        first = self.messages - self.rest - self.mailing
        for index in range(first, first + self.mailing):
            items += self._items(index, "problems")
        links = [link for number in range(HISTORIES) for link in _history(number).links]
        by_key = {link["part"]: link for link in links}
        days = (from_epoch_ms(_START - day * 86_400_000) for day in range(self.others + 1))
        months = frozenset(day[:7] for day in days)
        listed = {"communication_id": MONTHS_ID, "part": MONTHS, "months": months}
        return [_revised(definition_to_item(definition)), *items, *by_key.values(), listed]

    def _participant_items(self, index: int) -> list[Item]:
        """Those with a history of their own, or one of the large mailing's recipients."""
        at = from_epoch_ms(_START)
        since = years_after(at, -1)
        name = (LARGE, ORDINARY, BUSY)[index] if index < 3 else _member(index - 3)
        known = Participant(name, first_seen_at=since, measured_since=since, last_interaction_at=at)
        use = AddressUse(name, f"{name}@society.example", since, at, registered_at=at)
        return [_revised(participant_to_item(known)), _revised(address_use_to_item(use))]


def _member(number: int) -> str:
    return f"member-{number:07}"


def _times(counters: Counters, number: int) -> Counters:
    """The counters so many times."""
    counts = {name: number * each for name, each in counters.counts.items()}
    return Counters(counts) if number else Counters()


@cache
def _shard(row: int) -> str:
    """A shard whose changes are counted in that row; its id has DynamoDB's form."""
    part = f"{COUNTERS_PREFIX}{row}"
    ids = (f"shardId-{_START + n:020}-{crc32(str(n).encode()):08x}" for n in count())
    return next(each for each in ids if counter_part(each) == part)


def _as_counted(item: Item, row: int) -> Item:
    """The counters with how far each shard was counted."""
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
