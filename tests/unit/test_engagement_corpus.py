"""The corpus of opens and clicks, tests/data/engagement.jsonl: what we say of each hit is committed
with it, so that no rule gets better or worse unseen.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.engagement import JUDGES, MACHINE, PERSON, Case, cases, ours, right, said_of
from sendtrail.domain.events import Event
from sendtrail.domain.hits import Bucket, bucket_of, slot_of

CORPUS = cases()


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_what_we_say_of_each_hit_is_committed(case: Case) -> None:
    """The truth, or where we are known to be wrong, what we say instead, with a word why."""
    assert said_of(ours, case) == [hit.ours_says for hit in case.hits]
    for hit in case.hits:
        assert {hit.by, hit.ours_says} <= {PERSON, MACHINE}
        assert (hit.by != hit.ours_says) == bool(hit.why)


def test_every_case_has_a_name_of_its_own() -> None:
    """And every hit a key."""
    assert len({case.name for case in CORPUS}) == len(CORPUS)
    for case in CORPUS:
        assert len({event.key for event in case.events}) == len(case.hits)


@given(case=st.sampled_from(CORPUS), seed=st.integers(0, 10**6))
def test_order_repetition_and_cuts_change_no_verdict(case: Case, seed: int) -> None:
    """Hits come in any order, some again, in batches; and each bucket may be judged by itself."""
    chance = random.Random(seed)
    coming = [*case.events, *chance.choices(case.events, k=len(case.events))]
    chance.shuffle(coming)
    kept, cut = {}, chance.randint(0, len(coming))
    for batch in (coming[:cut], coming[cut:]):
        kept |= {event.key: event for event in batch}
    buckets: dict[Bucket, list[Event]] = {}
    for event in kept.values():
        buckets.setdefault(bucket_of(event), []).append(event)
    apart = {key: said for mine in buckets.values() for key, said in ours(mine).items()}
    assert ours(coming) == ours(list(kept.values())) == apart == ours(case.events)


def test_what_the_log_keeps_of_them_gets_the_same_verdicts() -> None:
    """Of hits that share a slot, the earliest."""
    for case in CORPUS:
        slots = {
            slot_of(hit): hit for hit in sorted(case.events, key=lambda hit: hit.at, reverse=True)
        }
        assert ours(list(slots.values())).items() <= ours(case.events).items(), case.name


@pytest.mark.parametrize(
    ("who", "precision", "recall"), [(MACHINE, 0.94, 0.86), (PERSON, 0.77, 0.89)]
)
def test_we_are_right_as_often_as_we_were(who: str, precision: float, recall: float) -> None:
    """As the benchmark printed it, rounded down; and more often than by a list of names alone."""
    score, alone = right(JUDGES["ours"], CORPUS), right(JUDGES["names alone"], CORPUS)
    assert score.precision(who) >= precision
    assert score.recall(who) >= recall
    assert score.precision(who) > alone.precision(who)
