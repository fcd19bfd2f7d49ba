"""Tables with as many messages as one likes, of one shape: by itself it measures nothing.

Whatever the size, a message has one of ten histories, by its position: ten that follow each other
have them all, so a page of a list holds the same at every size. A fiftieth of all messages are one
participant's, 30 another's; a tenth are a large mailing's, and up to 1,000 others share the rest.
Items are made by the product's own code: a message is the fold of a real history under another id,
and a row of the large mailing's counters the sum of what its messages contribute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
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
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.message import Message, fold
from sendtrail.domain.participant import AddressUse, Participant
from sendtrail.domain.times import from_epoch_ms, years_after
from sendtrail.intake.parser import events_of
from sendtrail.projections.checkpoints import Checkpoint, Checkpoints
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
)

Item = dict[str, Any]

LARGE: Final = "large"
ORDINARY: Final = "ordinary"
MAILING: Final = "mailing"
"""The large one."""
HISTORIES: Final = 10
_START: Final = 1_795_170_600_000
"""When the first message was sent."""
_FEW_ROWS: Final = 4
_CHUNK: Final = 1_000
_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"


@cache
def _histories() -> list[Message]:
    """What can become of a message: the folds of its events."""
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
        message = Message(tags["participant_id"], tags["message_id"])
        for event in (event for each in told[number] for event in events_of(each)):
            message = fold(message, event)
        found.append(message)
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
        """Recipients of the large mailing."""
        return max(20, self.messages // 10)

    @property
    def others(self) -> int:
        """Other mailings."""
        return min(self.messages // 20, 1_000)

    @property
    def tables(self) -> dict[str, tuple[int, Callable[[int], list[Item]]]]:
        """Table → how many things it holds, and what the items of each are."""
        return {
            "Messages": (self.messages, self._message_items),
            "Communications": (1, self._communication_items),
            "Participants": (2, self._participant_items),
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

    def _message_items(self, index: int) -> list[Item]:
        at, position, participant_id, communication_id = self._place_of(index)
        message = _histories()[position % HISTORIES]
        message = replace(
            message,
            message_id=derived_message_id(from_epoch_ms(at), str(index), ""),
            participant_id=participant_id,
            communication_id=communication_id,
            address=f"{participant_id}@{(message.address or '').rpartition('@')[2]}",
        )
        return [_as_folded(message_to_item(message), index % _FEW_ROWS)]

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

    def _communication_items(self, _: int) -> list[Item]:
        created_at = from_epoch_ms(_START)
        definition = CommunicationDefinition(MAILING, "News", created_at, posted=True)
        # Recipient after recipient the rows take turns, and each history comes to each row.
        places = ((each % HISTORIES, each + each // HISTORIES) for each in range(self.mailing))
        placed = Counter((history, turn % COUNTER_SHARDS) for history, turn in places)
        items: list[Item] = []
        for row in range(COUNTER_SHARDS):
            counters = Counters.sum(
                _times(counters_of(message), placed[position, row])
                for position, message in enumerate(_histories())
            )
            if counters.counts:
                stats = CounterShard(counters, created_at, "newsletter")
                definition = definition.with_messages(created_at, stats.kind, str(row))
                key = {"communication_id": MAILING, "part": f"{COUNTERS_PREFIX}{row}"}
                items.append(_as_folded(counters_to_item(stats) | key, row))
        return [_revised(definition_to_item(definition)), *items]

    def _participant_items(self, index: int) -> list[Item]:
        at = from_epoch_ms(_START)
        since = years_after(at, -1)
        name = (LARGE, ORDINARY)[index]
        known = Participant(name, first_seen_at=since, measured_since=since, last_interaction_at=at)
        use = AddressUse(name, f"{name}@society.example", since, at, registered_at=at)
        return [_revised(participant_to_item(known)), _revised(address_use_to_item(use))]


def _member(number: int) -> str:
    return f"member-{number:07}"


def _times(counters: Counters, number: int) -> Counters:
    """The tally so many times."""
    counts = {name: number * each for name, each in counters.counts.items()}
    return Counters(counts, counters.urls) if number else Counters()


@cache
def _shard(row: int) -> str:
    """A shard whose changes are counted in that row; its id has DynamoDB's form."""
    part = f"{COUNTERS_PREFIX}{row}"
    ids = (f"shardId-{_START + n:020}-{crc32(str(n).encode()):08x}" for n in count())
    return next(each for each in ids if counter_part(each) == part)


def _as_folded(item: Item, row: int) -> Item:
    """The item as a fold that counts writes it."""
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
