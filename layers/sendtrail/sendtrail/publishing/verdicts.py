"""Verdicts: who opened or clicked, as far as can be told when it is published.

They are drawn by the same pure functions as those that figures are counted by, over the hit's
whole bucket, read consistently. A hit that comes later can show that earlier ones were a machine's:
links followed faster than a person can. So those are told anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.engagement import Reason, Verdict, classify
from sendtrail.domain.events import Event
from sendtrail.domain.hits import HITS, Bucket, bucket_of
from sendtrail.domain.judgement import MAX_JUDGED, verdicts
from sendtrail.domain.times import epoch_ms
from sendtrail.log.trails import Trails

__all__ = ["Verdicts"]

_NEAR_MS: Final = 20_000
"""Hits further apart than this are not of one burst (`sendtrail.domain.bursts`)."""
_Key = tuple[str, str, Bucket]


class Verdicts:
    """Draws verdicts on hits that are new."""

    def __init__(self, db: DynamoDB, trails: Trails) -> None:
        """Reads `trails`; `db` runs reads at once."""
        self._db = db
        self._trails = trails

    def on(
        self, events: Iterable[Event], *, corrections: bool = True
    ) -> list[tuple[Event, Verdict | None]]:
        """Events with the verdicts on hits among them.

        Args:
            corrections: whether to add the other hits that are of a burst with those.

        Raises:
            AwsError: hits cannot be read.
        """
        told: list[tuple[Event, Verdict | None]] = []
        hits: dict[_Key, list[Event]] = {}
        for event in events:
            if event.type in HITS:
                key = (event.participant_id, event.message_id, bucket_of(event))
                hits.setdefault(key, []).append(event)
            else:
                told.append((event, None))
        keys = list(hits)
        for key, found in zip(keys, self._db.at_once(self._read, keys), strict=True):
            judged = verdicts(found)
            mine = hits[key]
            told += [(hit, judged.get(hit.key) or classify(hit)) for hit in mine]
            if corrections:
                told += [(hit, judged[hit.key]) for hit in _others(found, mine, judged)]
        return told

    def _read(self, key: _Key) -> list[Event]:
        participant_id, message_id, bucket = key
        found = self._trails.slots(message_id, bucket.prefix, MAX_JUDGED)
        return [hit for hit in found if hit.participant_id == participant_id]


def _others(
    found: Iterable[Event], mine: Iterable[Event], judged: dict[str, Verdict]
) -> list[Event]:
    """The hits that were there, and that are of a burst near one of those that are new."""
    new = {hit.key: epoch_ms(hit.at) for hit in mine}
    return [
        hit
        for hit in found
        if hit.key not in new
        and judged[hit.key].reason is Reason.FASTER_THAN_A_PERSON
        and any(abs(epoch_ms(hit.at) - at) <= _NEAR_MS for at in new.values())
    ]
