"""`sendtrail restore`: what is in a copy of a table, put back into the live one.

DynamoDB restores a backup, or a point in time, into a new table without stream and expiry
(developer guide, "Restoring a DynamoDB table from a backup"). That cannot take the place of the
live one, whose name and stream the functions hold. So what is missing is written back into the live
table, while it goes on taking events: the log is a set, participants and suppressions are joins,
and a version of a template, or an act of staff, is never changed.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import ClientError

from sendtrail.auth.staff_store import StaffStore
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.times import Timestamp, now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.log.trails import Trails
from sendtrail.projections.items import EPOCH_ID
from sendtrail.projections.merging import merge_participants, merge_suppressions
from sendtrail.projections.project import EPOCH_KEY, EPOCHS
from sendtrail.publishing.webhook_store import EndpointStore
from sendtrail.sending.template_store import TemplateStore
from sendtrail_cli.erased import Forgetful, erasures_of
from sendtrail_cli.scan import PATIENT, Page, scan
from sendtrail_cli.target import Target

__all__ = ["Table", "put_back", "restore", "wait_until_active"]

Report = Callable[[str], None]

_POLL_SECONDS: Final = 10.0
_UNSEEN: Final = 6


class Table(StrEnum):
    """A table that holds what cannot all be made anew."""

    TRAILS = "trails"
    PARTICIPANTS = "participants"
    SUPPRESSIONS = "suppressions"
    TEMPLATES = "templates"
    STAFF = "staff"
    WEBHOOKS = "webhooks"

    @property
    def resource(self) -> str:
        """Its logical id in the template."""
        return f"{self.value.capitalize()}Table"


def restore(
    target: Target,
    table: Table,
    *,
    copy: str | None = None,
    at: Timestamp | None = None,
    backup: str | None = None,
    poll_seconds: float = _POLL_SECONDS,
    report: Report = print,
) -> Counter[str]:
    """Puts what the live table lacks of a copy back into it. To do it again changes nothing.

    The copy is never deleted.

    Args:
        copy: the name of a table that DynamoDB restored; or
        at: the time as of which it is to restore one; or
        backup: the ARN of the backup from which it is.
        poll_seconds: how often to look whether it has.
        report: is told how far it is, a line at a time.

    Returns:
        how many items came to what.

    Raises:
        InvalidInputError: the copy is no copy of that table.
        NotFoundError: there is no such copy.
        ClientError: DynamoDB does not restore it.
        AwsError: some may have been put back; all of it may be repeated.
    """
    client, live = target.client("dynamodb"), target.resource(table.resource)
    if copy is None:
        copy = f"{live[:200]}-restored-{re.sub('[-:.]', '', now())}"
        _begin_to_restore(client, live, copy, at=at, backup=backup)
        report(
            f"DynamoDB restores {copy}, which takes minutes, or hours; if this is interrupted, go "
            f"on by: restore {table.value} --from {copy}"
        )
        wait_until_active(client, copy, poll_seconds)
    elif copy == live:
        raise InvalidInputError(f"{copy} is the live table itself; name a copy of it")
    counts = put_back(target, table, client, copy, report=report)
    if table is Table.TRAILS:
        counts.update(_put_back_epochs(target, client, copy))
    report(f"{copy} costs what it stores; when you no longer need it: {_deletion(copy)}")
    if table not in (Table.TEMPLATES, Table.STAFF):
        report("figures, and who is inactive, may be wrong until you run: sendtrail rebuild")
    return counts


def put_back(
    target: Target, table: Table, client: Any, copy: str, *, report: Report
) -> Counter[str]:
    """Puts what a live table lacks of a copy into it, wherever the copy is; idempotent.

    Args:
        client: a boto3 client of DynamoDB where the copy is.
        copy: the copy's name.

    Returns:
        how many items came to what.

    Raises:
        InvalidInputError, NotFoundError, AwsError: as `restore`.
    """
    live = target.resource(table.resource)
    db = DynamoDB(target.variables(), retry_policy=PATIENT)
    _check(target.client("dynamodb"), live, client, copy)
    put = _writer(target, table, db, live)
    counts: Counter[str] = Counter()
    lock = threading.Lock()

    def take(page: Page) -> None:
        found = put(page)
        with lock:
            counts.update({what: number for what, number in found.items() if number})

    try:
        scan(client, copy, take)
    finally:
        said = ", ".join(f"{number:,} {what}" for what, number in sorted(counts.items()))
        report(f"{copy} → {live}: {said or 'nothing'}")
    return counts


def _writer(
    target: Target, table: Table, db: DynamoDB, live: str
) -> Callable[[Page], Counter[Any]]:
    """What puts a page of a copy back into the live table."""
    if table is Table.TRAILS:
        trails = Trails(db, live, retention_days=target.retention_days)
        return lambda page: trails.put_back([each for each in page if each["trail"] != EPOCH_ID])
    if table is Table.PARTICIPANTS:
        forgetful = Forgetful(erasures_of(target))
        return lambda page: merge_participants(db, live, forgetful.participants(page))
    if table is Table.SUPPRESSIONS:
        forgetful = Forgetful(erasures_of(target))
        return lambda page: merge_suppressions(db, live, forgetful.suppressions(page))
    if table is Table.STAFF:
        forgetful = Forgetful(erasures_of(target))
        return lambda page: StaffStore(db, live).put_back(forgetful.staff(page))
    if table is Table.WEBHOOKS:
        return EndpointStore(db, live).put_back
    return TemplateStore(db, live).put_back


def _put_back_epochs(target: Target, client: Any, copy: str) -> Counter[str]:
    """Puts the epochs of rebuilds back: by them `project` knows which messages are counted."""
    found = client.get_item(
        TableName=copy,
        Key={name: {"S": value} for name, value in EPOCH_KEY.items()},
        ConsistentRead=True,
    )
    epochs = set(found.get("Item", {}).get(EPOCHS, {}).get("SS", ()))
    if epochs:
        DynamoDB(target.variables(), retry_policy=PATIENT).update(
            target.resource(Table.TRAILS.resource),
            EPOCH_KEY,
            update="ADD #epochs :epochs",
            names={"#epochs": EPOCHS},
            values={":epochs": epochs},
        )
    return Counter({"epochs": len(epochs)}) if epochs else Counter()


def _begin_to_restore(
    client: Any, live: str, copy: str, *, at: Timestamp | None, backup: str | None
) -> None:
    # Without indexes, of which nothing here reads any: it is sooner done, and costs less.
    wanted = {"TargetTableName": copy, "GlobalSecondaryIndexOverride": []}
    if backup:
        client.restore_table_from_backup(BackupArn=backup, **wanted)
    elif at:
        client.restore_table_to_point_in_time(
            SourceTableName=live, RestoreDateTime=datetime.fromisoformat(at), **wanted
        )
    else:
        raise InvalidInputError("name a copy, a time or a backup")


def wait_until_active(client: Any, copy: str, poll_seconds: float) -> None:
    """Waits until a table that is being restored can be read.

    Raises:
        NotFoundError: it is not being restored.
    """
    unseen = 0
    while True:
        try:
            status = _described(client, copy)["TableStatus"]
        except NotFoundError:  # a new table may not be seen at once (API reference, DescribeTable)
            unseen += 1
            if unseen > _UNSEEN:
                raise
            status = "CREATING"
        if status == "ACTIVE":
            return
        if status != "CREATING":
            raise NotFoundError(f"the table {copy} is {status}, and not restored")
        time.sleep(poll_seconds)


def _check(here: Any, live: str, there: Any, copy: str) -> None:
    """Checks that a copy has the keys of the live table, and can be read.

    Raises:
        InvalidInputError: it cannot be its copy.
    """
    keys = {
        name: [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
        for name, table in ((live, _described(here, live)), (copy, _described(there, copy)))
    }
    if keys[copy] != keys[live]:
        raise InvalidInputError(
            f"{copy} is no copy of {live}: its keys are {_named(keys[copy])}, and not "
            f"{_named(keys[live])}"
        )


def _described(client: Any, table: str) -> Mapping[str, Any]:
    try:
        described: Mapping[str, Any] = client.describe_table(TableName=table)["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise NotFoundError(f"there is no table {table} in {client.meta.region_name}") from None
    return described


def _named(keys: list[tuple[str, str]]) -> str:
    return " and ".join(name for name, _ in keys)


def _deletion(copy: str) -> str:
    return f"aws dynamodb delete-table --table-name {copy}"
