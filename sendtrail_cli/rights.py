"""`sendtrail erase` and `sendtrail person`: a person's rights, by an operator's own credentials."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO

from sendtrail.auth.audit import StaffAction
from sendtrail.domain.actors import OPERATOR, Actor, legible_name
from sendtrail.errors import NotFoundError
from sendtrail.rights.erasing import BETWEEN_PASSES, Erasure, ErasureState
from sendtrail.rights.views import erasure_view
from sendtrail.wiring import Wiring
from sendtrail_cli.target import Target

__all__ = ["erase", "erasure_lines", "erasure_of", "go_on", "operator", "person", "who_is"]

_RESOURCES: Final = {
    "TRAILS_TABLE": "TrailsTable",
    "COMMUNICATIONS_TABLE": "CommunicationsTable",
    "PARTICIPANTS_TABLE": "ParticipantsTable",
    "SUPPRESSIONS_TABLE": "SuppressionsTable",
    "STAFF_TABLE": "StaffTable",
    "ERASURES_TABLE": "ErasuresTable",
    "ERASURE_KEY_SECRET": "ErasureKey",
    "ERASE_QUEUE_URL": "EraseQueue",
    "PLANS_BUCKET": "PlansBucket",
}
_PARAMETERS: Final = {
    "RETENTION_DAYS": "RetentionDays",
    "LOG_RETENTION_DAYS": "LogRetentionDays",
}
_HERE_SECONDS: Final = 600.0
"""For how long an erasure is worked on here: less than after which the function takes it on, so
that they never work on it at the same time."""
_TELL_SECONDS: Final = 3.0
_MAX_ID: Final = 64

Report = Callable[[str], None]


def erase(
    target: Target,
    participant_id: str,
    *,
    report: Report = print,
    here_seconds: float = _HERE_SECONDS,
) -> Erasure:
    """Has a person erased: goes through all places here, once, and leaves the later passes to the
    function, which also goes on if this is broken off.

    Args:
        report: is told how far it is, a line at a time.
        here_seconds: for how long at most; what is left by then is the function's, too.

    Raises:
        NotFoundError: nothing is known of them.
        AwsError: some may have been done, and the function goes on; it may be repeated.
    """
    with _wiring(target) as wiring:
        erasing = wiring.erasing
        found = erasing.request(participant_id, by=operator(target), begins_in=BETWEEN_PASSES)
        report(f"erasure {found.erasure_id}")
        if found.state is not ErasureState.ASKED:
            return found
        ends = time.monotonic() + here_seconds
        while found.passes == 0 and (left := ends - time.monotonic()) > 0:
            has_time = partial(_is_before, time.monotonic() + min(_TELL_SECONDS, left))
            found = erasing.run(found.erasure_id, has_time, queue=False)
            report(f"found so far: {_counts(found)}")
        return found


def go_on(target: Target, erasure_ids: Iterable[str]) -> None:
    """Has the function go on with erasures.

    Raises:
        AwsError: some may not go on; it may be repeated.
    """
    with _wiring(target) as wiring:
        for erasure_id in erasure_ids:
            wiring.erasing.go_on(erasure_id)


def erasure_of(target: Target, erasure_id: str) -> Erasure:
    """How far an erasure is.

    Raises:
        NotFoundError: there is none.
    """
    with _wiring(target) as wiring:
        return wiring.erasing.status(erasure_id)


def erasure_lines(erasure: Erasure) -> Iterator[str]:
    """The report of an erasure, a line at a time; it names nobody."""
    told = erasure_view(erasure)
    yield f"{erasure.erasure_id}: {told['state']}, asked {erasure.asked_at}"
    yield f"passes: {erasure.passes}; found: {_counts(erasure)}"
    if erasure.shared:
        yield f"addresses that others have too, and that stay with those: {erasure.shared}"
    for trace in told["traces"]:
        yield f"may hold a trace until {trace['until']}: {trace['where']}"
    if erasure.state is not ErasureState.DONE:
        yield (
            "the function goes on, through everything again each quarter of an hour, until nothing "
            f"more is found: sendtrail erase --status {erasure.erasure_id}"
        )


def who_is(target: Target, participant_id: str) -> Iterator[str]:
    """Whom an id is of, for whoever is to confirm it: name and addresses, a line each.

    Raises:
        NotFoundError: nothing is known of them.
    """
    with _wiring(target) as wiring:
        known, uses = wiring.directory.participant(participant_id)
        if known is None and not uses and not wiring.directory.newest_messages(participant_id, 1):
            raise NotFoundError(f"nothing is known of participant {participant_id}")
    yield f"{participant_id}: {(known.name if known else None) or 'no name'}"
    yield from (f"  {use.address}" for use in uses)


def person(target: Target, participant_id: str, to: TextIO | Path) -> int:
    """Writes all that is kept of a person, as JSON, a message at a time; a file is only its owner's
    to read, and is there when it is whole. It is among what staff did.

    Returns:
        how many messages there are.

    Raises:
        NotFoundError: nothing is known of them.
        OSError: it cannot be written.
    """
    with _wiring(target) as wiring:
        wiring.bind_models()
        first, place = wiring.person_export.page(participant_id)
        wiring.audit(operator(target), StaffAction.EXPORT_PERSON, participant_id)

        def messages() -> Iterator[Any]:
            page, following = first, place
            yield from page["messages"]
            while following is not None:
                page, following = wiring.person_export.page(participant_id, following)
                yield from page["messages"]

        if not isinstance(to, Path):
            return _write(to, first, messages())
        part = to.with_name(f"{to.name}.part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with part.open("w", encoding="utf-8") as file:
            count = _write(file, first, messages())
        part.replace(to)
        return count


def operator(target: Target) -> Actor:
    """Whose credentials these are, as what staff did names them."""
    identity = target.client("sts").get_caller_identity()
    name = legible_name(identity["Arn"].rpartition(":")[2].rpartition("/")[2])
    return Actor(OPERATOR, identity["UserId"][:_MAX_ID], name)


@contextmanager
def _wiring(target: Target) -> Iterator[Wiring]:
    """What is built of a stack. For as long, the process's environment leads there too: boto3's and
    PynamoDB's own clients go by that.
    """
    names = {name: target.resource(logical_id) for name, logical_id in _RESOURCES.items()}
    given = {name: str(target.parameters[parameter]) for name, parameter in _PARAMETERS.items()}
    variables = target.variables() | names | given | {"ERASURES_CACHE_SECONDS": "0"}
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield Wiring(logging.getLogger(__name__), variables)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _is_before(deadline: float) -> bool:
    return time.monotonic() < deadline


def _counts(erasure: Erasure) -> str:
    counts = sorted(erasure.counts.items())
    return ", ".join(f"{number:,} {what}" for what, number in counts) or "nothing"


def _write(file: TextIO, first: dict[str, Any], messages: Iterator[Any]) -> int:
    """Writes it as one JSON object whose messages, the last of it, have a line each."""
    head = json.dumps({**first, "messages": []}, indent=1, ensure_ascii=False)
    file.write(head.removesuffix("]\n}"))
    count = 0
    for count, message in enumerate(messages, 1):
        comma = "," if count > 1 else ""
        file.write(f"{comma}\n  {json.dumps(message, ensure_ascii=False)}")
    file.write("\n ]\n}\n")
    return count
