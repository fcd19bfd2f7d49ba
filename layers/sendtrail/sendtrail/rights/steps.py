"""The steps of a pass that erases a person: each goes through one place where something of them is
kept, in parts, and may be done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from sendtrail.auth.staff_store import ACTS
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import SuppressionReason
from sendtrail.domain.ids import (
    address_trail,
    communication_trail,
    participant_of_address,
    participant_trail,
    sent_time,
)
from sendtrail.domain.links import link_key, shown_url
from sendtrail.domain.message import PROBLEMS, Message
from sendtrail.domain.participant import Participant
from sendtrail.domain.suppression import Suppression
from sendtrail.domain.times import Timestamp
from sendtrail.errors import ConditionFailedError
from sendtrail.log.erasures import Erasures, RefusalReason
from sendtrail.log.items import event_from_item, is_message_row, listed_in, message_partition
from sendtrail.log.moving import TrailMover
from sendtrail.projections.directory import Directory
from sendtrail.projections.items import (
    LINK_PREFIX,
    PROBLEM_PREFIX,
    PROFILE,
    message_from_item,
)
from sendtrail.projections.optimistic_rows import RowState
from sendtrail.projections.participants import participant_rows, suppression_rows
from sendtrail.rights.written import WrittenContent

__all__ = ["Progress", "Steps", "Subject", "Tables"]

Item = dict[str, Any]


_SUBJECT: Final = "subject|"
_LOOKED: Final = 1
_GONE: Final = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is erased; kept until it is done.

    Attributes:
        pseudonyms: whose partitions are moved, theirs and those of their addresses' placeholders →
            under which pseudonym.
        addresses: that are theirs alone, normalised.
        shared: that others have too.
        until: when it was asked: what is of later is another's.
    """

    participant_id: str
    pseudonyms: Mapping[str, str]
    addresses: tuple[str, ...]
    shared: tuple[str, ...]
    until: Timestamp

    @property
    def pseudonym(self) -> str:
        """That of the person."""
        return self.pseudonyms[self.participant_id]

    def to_item(self) -> Item:
        """As an attribute."""
        return {
            "participant_id": self.participant_id,
            "pseudonyms": dict(self.pseudonyms),
            "addresses": list(self.addresses),
            "shared": list(self.shared),
            "until": self.until,
        }

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> Subject:
        """From an attribute."""
        return cls(
            participant_id=item["participant_id"],
            pseudonyms=item["pseudonyms"],
            addresses=tuple(item["addresses"]),
            shared=tuple(item["shared"]),
            until=item["until"],
        )


@dataclass(slots=True)
class Progress:
    """How far a pass is.

    Attributes:
        step: the number of the step that is under way, and `place`, where it goes on.
        found: how much this pass has found.
        counts: what → how many were found since this was last asked.
        planned: ids of messages in plans, which may be of later than the erasure.
        attachments: digest of a file that went to nobody else, as far as is known → 0; 1 once a
            whole pass has looked for another plan that has it; 2 once it is deleted.
    """

    step: int = 0
    place: str | None = None
    found: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    planned: set[str] = field(default_factory=set)
    attachments: dict[str, int] = field(default_factory=dict)

    def note(self, what: str, number: int = 1) -> None:
        """Notes that something was found."""
        if number:
            self.found += number
            self.counts[what] += number

    def taken(self) -> Counter[str]:
        """What was found since this was last asked."""
        taken, self.counts = self.counts, Counter()
        return taken

    def next_pass(self) -> Progress:
        """Where another pass begins."""
        attachments = {each: max(looked, _LOOKED) for each, looked in self.attachments.items()}
        return Progress(planned=self.planned, attachments=attachments)

    def to_item(self) -> Item:
        """As an attribute."""
        found: Item = {
            "step": self.step,
            "found": self.found,
            "planned": sorted(self.planned),
            "attachments": dict(self.attachments),
        }
        return found | ({"place": self.place} if self.place is not None else {})

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> Progress:
        """From an attribute."""
        return cls(
            step=int(item.get("step", 0)),
            place=item.get("place"),
            found=int(item.get("found", 0)),
            planned=set(item.get("planned", ())),
            attachments={name: int(n) for name, n in item.get("attachments", {}).items()},
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the tables that are gone through."""

    trails: str
    communications: str
    participants: str
    suppressions: str
    staff: str


class Steps:
    """Does the steps."""

    def __init__(
        self,
        db: DynamoDB,
        tables: Tables,
        *,
        erasures: Erasures,
        mover: TrailMover,
        directory: Directory,
        written: WrittenContent,
    ) -> None:
        """Does them in `tables`, and in the plans and drafts of `written`."""
        self._db = db
        self._tables = tables
        self._erasures = erasures
        self._mover = mover
        self._directory = directory
        self._written = written
        self._template_links: dict[str, frozenset[str]] = {}
        self._all: tuple[Callable[[Subject, Progress], Iterator[str]], ...] = (
            self._refusals,
            self._plans,
            self._messages,
            self._problems_and_hits,
            self._trails,
            self._people,
            self._suppressions,
            self._drafts,
            self._acts,
            self._mentions,
        )

    def go_on(self, subject: Subject, progress: Progress, has_time: Callable[[], bool]) -> bool:
        """Goes on with a pass; returns whether it came to its end. At least one part is done,
        however little time there is.

        Raises:
            AwsError: some may have been done; it may be repeated.
        """
        while progress.step < len(self._all):
            for place in self._all[progress.step](subject, progress):
                progress.place = place
                if not has_time():
                    return False
            progress.step, progress.place = progress.step + 1, None
            if not has_time():
                return progress.step == len(self._all)
        return True

    # --- who refused mail ------------------------------------------------------------------------

    def _refusals(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Before anything is deleted that tells of it. That their addresses were erased is noted
        also where nobody refused anything.
        """
        found: dict[str, dict[RefusalReason, Timestamp]] = {}
        person, _ = self._directory.participant(subject.participant_id)
        for address in subject.addresses:
            placeholder = participant_of_address(address)
            people, suppressions = self._directory.lookup([placeholder], [address], consistent=True)
            known = person or Participant(subject.participant_id)
            choice = known.choice_at(people.get(placeholder))
            held = _held(suppressions.get(address))
            if choice and choice.unsubscribed:
                held[RefusalReason.UNSUBSCRIBED] = choice.at
            found[placeholder] = held
            if progress.found == 0 and not progress.planned:
                progress.counts["refusals"] += len(held)
        self._erasures.refuse(found, subject.until)
        yield from ()

    # --- the log ---------------------------------------------------------------------------------

    def _messages(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Moves their messages; what is listed and noted of each is rewritten first."""
        for participant_id, item in self._rows(subject.pseudonyms, progress):
            message_id = item["entry"]
            if sent_time(message_id) > subject.until and message_id not in progress.planned:
                continue
            message = message_from_item(item)
            self._rewrite_links(message)
            if self._mover.move(participant_id, message_id, subject.pseudonyms[participant_id]):
                progress.note("messages")
            yield f"{participant_id}#{message_id}"

    def _rows(self, trails: Iterable[str], progress: Progress) -> Iterator[tuple[str, Item]]:
        """What is left of a step that goes through rows of trails in their order; its places are
        ``trail#entry``.
        """
        at, _, after = (progress.place or "").rpartition("#")
        for trail in sorted(trails):
            if trail >= at:
                for item in self._partition(trail, after if trail == at else ""):
                    yield trail, item

    def _partition(self, trail: str, after: str = "") -> Iterator[Item]:
        """The items of a partition of the log, page by page, after an entry."""
        start: Item | None = {"trail": trail, "entry": after} if after else None
        while True:
            items, start = self._db.query(self._tables.trails, ("trail", trail), start=start)
            yield from items
            if start is None:
                return

    def _problems_and_hits(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Has the lists of problems lead to where messages are now, and moves their hits and
        choices: also those that name the person since a message was moved, by a stream that was
        late, or where it was not known yet that they were erased.
        """
        whose = {pseudonym: each for each, pseudonym in subject.pseudonyms.items()}
        for pseudonym, item in self._rows(whose, progress):
            message_id = item["entry"]
            progress.note("listed", self._rewrite_problems(item, subject))
            progress.found += self._mover.move_slots(whose[pseudonym], message_id, pseudonym)
            yield f"{pseudonym}#{message_id}"

    def _rewrite_problems(self, item: Item, subject: Subject) -> int:
        """The same of one message's row; also by the problems that it had, and where it was listed
        before its mailing was known. Returns how many.
        """
        count, message_id = 0, item["entry"]
        parts = (each.split("|", 2) for each in item.get("events") or ())
        mailings = {facts for name, _, facts in parts if name == "communication"}
        keys = [
            {
                "communication_id": listed_in(mailing, message_id),
                "part": f"{PROBLEM_PREFIX}{each.value}#{message_id}",
            }
            for mailing in (None, *sorted(mailings))
            for each in sorted(PROBLEMS)
        ]
        for row in self._db.get_all(self._tables.communications, keys):
            if row["participant_id"] in subject.pseudonyms:
                count += 1
                key = {name: row[name] for name in ("communication_id", "part")}
                self._change(
                    self._tables.communications,
                    key,
                    "participant_id",
                    row["participant_id"],
                    item["trail"],
                )
        return count

    def _rewrite_links(self, message: Message) -> None:
        """Takes from the URLs that a mailing's figures show what may tell of one reader: those of
        mail of others, of which each reader's may be another. The template's own stay.
        """
        communication_id = message.communication_id
        if communication_id is None or not message.engagement.total.clicks.count:
            return
        for item in self._partition(message_partition(message.message_id)):
            event = event_from_item(item)
            url = str(event.detail.get("link") or "")
            mine = event.participant_id == message.participant_id
            if not mine or not url or event.detail.get("template_link"):
                continue
            shown, bare = shown_url(url), _bare(url)
            if bare == shown or shown in self._links_of_template(communication_id):
                continue
            key = {"communication_id": communication_id, "part": LINK_PREFIX + link_key(url)}
            self._change(self._tables.communications, key, "url", shown, bare)

    def _links_of_template(self, communication_id: str) -> frozenset[str]:
        """The URLs in the content that was posted, which are the same for all."""
        if communication_id not in self._template_links:
            events = map(event_from_item, self._partition(communication_trail(communication_id)))
            self._template_links[communication_id] = frozenset(
                shown_url(link) for event in events for link in event.detail.get("links", ())
            )
        return self._template_links[communication_id]

    def _trails(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Deletes what was recorded of them and of their addresses, until they were erased."""
        trails = [
            *map(participant_trail, subject.pseudonyms),
            *map(address_trail, subject.addresses),
        ]
        for trail in _after(trails, progress):
            for item in self._partition(trail):
                if event_from_item(item).at <= subject.until and self._mover.delete(item):
                    progress.note("records")
            yield trail

    # --- rows that are read ----------------------------------------------------------------------

    def _people(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Deletes their profile, addresses and words of their name, and whatever leads to them."""
        table = self._tables.participants
        for participant_id in _after(subject.pseudonyms, progress):
            start: Item | None = None
            while True:
                rows, start = self._db.query(table, ("participant_id", participant_id), start=start)
                for row in rows:
                    progress.note("rows", self._delete_person(row, subject))
                if start is None:
                    break
            yield participant_id
        placeholders = [participant_of_address(each) for each in subject.shared]
        rows_of = participant_rows(self._db, table)
        if placeholders:
            rows_of.change(
                {(each, PROFILE): partial(_without, subject) for each in placeholders},
                consistent=True,
            )

    def _delete_person(self, row: Item, subject: Subject) -> bool:
        """Deletes a row of a person, unless it is of somebody of the same id who came later."""
        if (row.get("first_seen_at") or row.get("registered_at") or "") > subject.until:
            return False
        revision = row.get("revision")
        condition, values = "attribute_not_exists(#revision)", {}
        if revision is not None:
            condition, values = "#revision = :read", {":read": revision}
        with suppress(ConditionFailedError):
            self._db.delete(
                self._tables.participants,
                {"participant_id": row["participant_id"], "part": row["part"]},
                condition=condition,
                names={"#revision": "revision"},
                values=values,
            )
        return True

    def _suppressions(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Deletes the suppressions of their addresses, which hold on by hashes; of addresses that
        others have too, takes their id from the evidence.
        """
        table = self._tables.suppressions
        keys = [{"address": address} for address in subject.addresses]
        for row in self._db.get_all(table, keys) if keys else ():
            with suppress(ConditionFailedError):
                self._db.delete(
                    table,
                    {"address": row["address"]},
                    condition="#revision = :read",
                    names={"#revision": "revision"},
                    values={":read": row["revision"]},
                )
            progress.note("suppressions")
        if subject.shared:
            suppression_rows(self._db, table).change(
                {(address,): partial(_unnamed, subject) for address in subject.shared},
                consistent=True,
            )
        yield from ()

    # --- what was written to them, and of them ---------------------------------------------------

    def _plans(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Rewrites the plans that have messages to them; deletes files that went to nobody else."""
        found = self._written.plans(
            subject.pseudonyms, subject.addresses, after=progress.place or ""
        )
        for key, plan in found:
            if plan:
                progress.note("plans", int(plan.changed))
                progress.planned |= plan.message_ids
                for copy in plan.copies:
                    progress.note("copies", self._untitle(*copy))
                if plan.is_theirs:
                    for digest in plan.attachments:
                        progress.attachments.setdefault(digest, 0)
                else:
                    for digest in plan.attachments:
                        progress.attachments.pop(digest, None)
            yield key
        for digest, looked in sorted(progress.attachments.items()):
            if looked == _LOOKED:
                self._written.delete_attachment(digest)
                progress.note("attachments")
                progress.attachments[digest] = _GONE

    def _untitle(self, participant_id: str, message_id: str) -> bool:
        """Takes the subject from a sender's copy, which was rendered for the person."""
        item = self._db.get(self._tables.trails, {"trail": participant_id, "entry": message_id})
        elements = (item or {}).get("events") or frozenset()
        left = frozenset(each for each in elements if not each.startswith(_SUBJECT))
        return item is not None and left != elements and self._replace(item, left)

    def _drafts(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Takes them from drafts."""
        words = [subject.participant_id, *subject.addresses]
        progress.note("drafts", self._written.drafts(words))
        yield from ()

    def _acts(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Has what staff did to them say the pseudonym."""
        start: Item | None = {"part": ACTS, "sort": progress.place} if progress.place else None
        while True:
            rows, start = self._db.query(self._tables.staff, ("part", ACTS), start=start)
            for row in rows:
                name = str(row.get("object"))
                if name in subject.pseudonyms and row["at"] <= subject.until:
                    key = {"part": ACTS, "sort": row["sort"]}
                    self._change(self._tables.staff, key, "object", name, subject.pseudonyms[name])
                    progress.note("acts")
            if start is None:
                return
            yield str(start["sort"])

    def _mentions(self, subject: Subject, progress: Progress) -> Iterator[str]:
        """Has others' messages that were dropped since this person chose so say the pseudonym: of
        those who have an address with them.
        """
        others = {
            each
            for ids in self._directory.ids_at(subject.shared, 100)
            for each in ids
            if each not in subject.pseudonyms
        }
        others |= {participant_of_address(address) for address in subject.shared}
        for other in _after(others, progress):
            for item in self._partition(other):
                progress.note("mentions", self._unmention(item, subject))
            yield other

    def _unmention(self, item: Item, subject: Subject) -> bool:
        """Rewrites the elements of a message's row that name somebody who was erased."""
        quoted = {f'"{each}"': f'"{name}"' for each, name in subject.pseudonyms.items()}
        elements = item.get("events") or frozenset()
        changed = frozenset(_replaced(element, quoted) for element in elements)
        if not is_message_row(item) or changed == elements:
            return False
        return self._replace(item, changed)

    def _replace(self, item: Item, elements: frozenset[str]) -> bool:
        """Writes other elements into a row that is as it was read; returns True."""
        with suppress(ConditionFailedError):  # the next pass finds it
            self._db.update(
                self._tables.trails,
                {"trail": item["trail"], "entry": item["entry"]},
                update="SET #events = :events",
                names={"#events": "events"},
                values={":events": elements, ":n": len(item["events"])},
                condition="size(#events) = :n",
            )
        return True

    def _change(self, table: str, key: Item, name: str, old: str, new: str) -> None:
        """Sets an attribute that still has a value; one that has another by now stays."""
        with suppress(ConditionFailedError):
            self._db.update(
                table,
                key,
                update="SET #name = :new",
                names={"#name": name},
                values={":old": old, ":new": new},
                condition="#name = :old",
            )


_REFUSED: Final = {
    SuppressionReason.SPAMMED: RefusalReason.SPAMMED,
    SuppressionReason.BOUNCED: RefusalReason.BOUNCED,
    SuppressionReason.MANUAL: RefusalReason.MANUAL,
}


def _after(names: Iterable[str], progress: Progress) -> list[str]:
    """What is left of a step that goes through names in their order."""
    return [each for each in sorted(names) if each > (progress.place or "")]


def _held(suppression: Suppression | None) -> dict[RefusalReason, Timestamp]:
    """For what an address is suppressed, and since when."""
    if suppression is None:
        return {}
    found: dict[RefusalReason, Timestamp] = {}
    for reason in SuppressionReason:
        if evidence := suppression.holding(reason):
            found[_REFUSED[reason]] = evidence.at
    return found


def _without(subject: Subject, row: RowState[Participant]) -> RowState[Participant]:
    """A placeholder participant's profile that leads to nobody who was erased."""
    state = row.state
    there = state.choice_there
    if there and there.participant_id in subject.pseudonyms:
        there = replace(there, participant_id=subject.pseudonyms[there.participant_id])
    linked = state.linked_to - subject.pseudonyms.keys()
    return RowState(replace(state, linked_to=linked, choice_there=there), row.checkpoints)


def _unnamed(subject: Subject, row: RowState[Suppression]) -> RowState[Suppression]:
    """A suppression whose evidence names nobody who was erased."""
    state = row.state

    def unnamed(evidence: Any) -> Any:
        name = subject.pseudonyms.get(evidence.participant_id) if evidence else None
        return replace(evidence, participant_id=name) if name else evidence

    evidence = {reason: unnamed(each) for reason, each in state.evidence.items()}
    changed = replace(state, evidence=evidence, soft=unnamed(state.soft))
    return RowState(changed, row.checkpoints)


def _bare(url: str) -> str:
    """A URL without what may tell of its reader: query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return shown_url(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, other in words.items():
        text = text.replace(word, other)
    return text
