"""Soft bounces: addresses that take no mail for long are given up, whatever the order of events."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.domain.events import Event
from sendtrail.domain.soft_bounces import SoftBouncePolicy
from sendtrail.domain.suppression import Suppression
from sendtrail.intake.parser import events_of
from sendtrail.projections.items import suppression_from_item
from tests.memory import MemoryDynamoDB
from tests.pipeline import Pipeline
from tests.unit.test_rebuild import begin

ADDRESS = "ann@example.com"
FULL = ("Transient", "MailboxFull")
POLICY = SoftBouncePolicy(3, 30)


def day(number: int, clock: str = "09:00") -> str:
    """A day of autumn."""
    return f"2026-{9 + (number - 1) // 30:02}-{(number - 1) % 30 + 1:02}T{clock}:00.000Z"


def mail(number: int, address: str = ADDRESS) -> Mail:
    """That of a day."""
    return Mail(f"m-{number}", day(number), [address], tags={"participant_id": "ann"})


def bounced(number: int, *kind: str, **more: Any) -> list[Any]:
    """A mail that bounces an hour later."""
    return [mail(number).send(), mail(number).bounce(day(number, "10:00"), *(kind or FULL), **more)]


def delivered(number: int) -> list[Any]:
    """A mail that arrives."""
    return [mail(number).send(), mail(number).delivery(day(number, "09:01"))]


def suppression(said: Sequence[Any], policy: SoftBouncePolicy = POLICY) -> Suppression:
    """What is known of the address in the end, in whatever order it is told."""
    found: set[str] = set()
    last = Suppression(ADDRESS)
    for seed in range(6):
        chance = random.Random(seed)
        pipeline = Pipeline(policy=policy)
        events = [event for each in said for event in events_of(each)]
        chance.shuffle(events)
        for event in [*events, *chance.sample(events, len(events) // 2)]:
            pipeline.log.append([event])
            if chance.random() < 0.5:
                pipeline.deliver(chance)
        pipeline.db.stale = lambda: False
        pipeline.deliver()
        last = state(pipeline)
        found.add(repr(last))
    assert len(found) == 1
    return last


def state(pipeline: Pipeline) -> Suppression:
    """The address's row."""
    items = [each for each in pipeline.db.items("Suppressions") if each["address"] == ADDRESS]
    return suppression_from_item(items[0]) if items else Suppression(ADDRESS)


def test_so_many_in_a_row_give_an_address_up() -> None:
    """With the last of them as evidence, in words."""
    found = suppression([*delivered(1), *bounced(2), *bounced(5), *bounced(9)])
    assert found.reason == "bounced"
    assert found.standing is not None
    assert (found.standing.at, found.standing.participant_id) == (day(9, "10:00"), "ann")
    assert str(found.standing.diagnostic).startswith("3 messages in a row bounced since 2026-09-02")


@pytest.mark.parametrize(
    "said",
    [
        [*bounced(2), *bounced(5)],
        [*bounced(2), *bounced(5), *delivered(7), *bounced(9)],
        [*bounced(2), *bounced(5), *bounced(40)],
        [*bounced(2), *bounced(5), mail(7).send(), *bounced(9)],
        [*bounced(2), *bounced(5), *bounced(9), mail(9).delivery(day(9, "11:00"))],
        [*bounced(2), *bounced(5), *bounced(9), mail(5).open(day(8), "Mozilla/5.0 (X11) Firefox")],
        [*bounced(2), *bounced(5), *bounced(9, "Transient", "ContentRejected")],
        [*bounced(2), *bounced(5), *bounced(9, "Transient", "General", status="5.7.1")],
        [*bounced(2), *bounced(5), mail(9, "bo@example.com").bounce(day(9), *FULL)],
    ],
    ids=["too few", "taken", "too long", "unknown", "late", "read", "content", "policy", "other"],
)
def test_what_does_not_give_an_address_up(said: list[Any]) -> None:
    """Too few, too far apart, one between them that arrived, or that says nothing of the mailbox."""
    assert suppression(said).reason is None


def test_undetermined_ones_with_a_code_count_as_transient_ones_do() -> None:
    """SES calls some Undetermined that say 5.1.1; and a message that is too large is passed over."""
    said = [*bounced(2, "Undetermined", "Undetermined", status="5.1.1")]
    said += [*bounced(4), *bounced(5, "Transient", "MessageTooLarge")]
    said += bounced(9, "Transient", "General", status="5.1.1")
    assert suppression(said).reason == "bounced"


def test_two_who_share_an_address_are_each_judged_by_their_own_mail() -> None:
    """Also where a batch brings both; and what one shows is not undone by the other."""
    other = [
        said
        for number in (3, 6)
        for said in events_of(
            Mail(
                f"o-{number}", day(number), [ADDRESS.upper()], tags={"participant_id": "zoe"}
            ).bounce(day(number, "10:00"), *FULL)
        )
    ]
    mine = [event for said in (*bounced(2), *bounced(5), *bounced(9)) for event in events_of(said)]
    for events in ([*other, *mine], [*mine, *other]):
        pipeline = Pipeline(MemoryDynamoDB(shards=1), policy=POLICY)  # in one batch
        pipeline.log.append(events)
        pipeline.deliver()
        found = state(pipeline)
        assert found.standing is not None
        assert (found.standing.participant_id, found.standing.at) == ("ann", day(9, "10:00"))


def test_without_a_policy_nothing_is_given_up() -> None:
    """0 is off."""
    said = [each for number in range(1, 20) for each in bounced(number)]
    assert suppression(said, SoftBouncePolicy(0, 30)).reason is None


def test_after_a_lift_they_are_counted_anew() -> None:
    """And the rebuild says the same."""
    pipeline = Pipeline(policy=POLICY)

    def told(said: list[Any]) -> None:
        pipeline.log.append([event for each in said for event in events_of(each)])
        pipeline.deliver()

    told([*bounced(2), *bounced(5), *bounced(9)])
    assert state(pipeline).reason == "bounced"
    lifted = Event.suppression_lifted(ADDRESS, day(10))
    pipeline.log.append([lifted])
    pipeline.deliver()
    told([*bounced(11), *bounced(12)])
    assert state(pipeline).reason is None
    told(bounced(13))
    before = state(pipeline)
    assert before.reason == "bounced"
    pipeline.db.forget("Suppressions")
    rebuild = begin(pipeline)
    rebuild.apply(pipeline.db.items("Trails"))
    rebuild.apply(pipeline.db.items("Trails"))
    assert state(pipeline) == before
