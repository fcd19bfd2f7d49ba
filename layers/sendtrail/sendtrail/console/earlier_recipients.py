"""Recipients of an earlier mailing as a table, with the merge data that they had in it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from sendtrail.console.recipient_table import FIELD_NAME
from sendtrail.domain.ids import ADDRESS_PARTICIPANT
from sendtrail.domain.message import Message
from sendtrail.domain.plan import Plan

__all__ = ["EarlierRecipients", "table_of"]

_OURS: Final = ("participant_id", "address")
_MAX_COLUMNS: Final = 90


@dataclass(frozen=True, slots=True)
class EarlierRecipients:
    """A table of them.

    Attributes:
        text: as CSV.
        count: how many there are.
        fields: the merge fields that come along, as columns.
        left_out: those that no table can hold: lists, or more columns than it may have.
        is_kept: whether what was merged then is still kept.
    """

    text: str
    count: int
    fields: Sequence[str]
    left_out: Sequence[str]
    is_kept: bool


def table_of(messages: Sequence[Message], plan: Plan | None) -> EarlierRecipients:
    """The recipients of these messages, in the order that the plan had.

    An address stands in the table only for whom nothing else names; others are written to at the
    one that is theirs now.

    Args:
        plan: of the mailing; None if it is not kept, or the mailing was sent elsewhere.
    """
    planned = {each.participant_id: each.data for each in plan.messages} if plan else {}
    rows: list[tuple[Message, dict[str, str]]] = []
    columns: dict[str, None] = {}
    left_out: dict[str, None] = {}
    order = {participant_id: number for number, participant_id in enumerate(planned)}
    for message in sorted(messages, key=lambda each: order.get(each.participant_id, len(order))):
        data: dict[str, str] = {}
        for name, value in _flat(planned.get(message.participant_id, {})):
            is_column = FIELD_NAME.fullmatch(name) and name not in _OURS
            if value is None or not is_column or len(columns | {name: None}) > _MAX_COLUMNS:
                left_out[name] = None
            else:
                columns[name] = None
                data[name] = value
        rows.append((message, data))
    for name in list(columns):  # a field that has others in it elsewhere
        if any(other.startswith(f"{name}.") for other in columns):
            left_out[name] = columns.pop(name)
    with_address = any(_has_no_other(message) for message, _ in rows)
    file = StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["participant_id", *(["address"] if with_address else []), *columns])
    for message, data in rows:
        who = message.participant_id
        address = message.address if _has_no_other(message) else ""
        cells = [data.get(name, "") for name in columns]
        writer.writerow([who, *([address or ""] if with_address else []), *cells])
    return EarlierRecipients(
        file.getvalue(), len(rows), list(columns), sorted(left_out), plan is not None
    )


def _flat(data: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str | None]]:
    """The fields of a recipient's data, ``event.day`` for ``day`` of ``event``; None where a table
    cannot say the value.
    """
    for key, value in data.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{name}.")
        elif isinstance(value, bool):
            yield name, "true" if value else "false"
        elif isinstance(value, str | int | float):
            yield name, str(value).replace("\r\n", "\n").replace("\r", "\n")
        else:
            yield name, "" if value is None else None


def _has_no_other(message: Message) -> bool:
    """Whether its participant stands for an address, so that it has to be named."""
    return message.participant_id.startswith(ADDRESS_PARTICIPANT)
