"""`sendtrail move`: what cannot be made anew, copied from one stack, or what is left of one, into
another: the log, participants, suppressions, templates, what staff did, plans, claims, who was
erased, and the keys that sign links.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError

from sendtrail.auth.secret_changes import change_secret, read_secret
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.errors import InvalidInputError
from sendtrail.sending.claims import Claims
from sendtrail.sending.plan_store import PREFIX
from sendtrail_cli.erased import ERASURE_KEY, ERASURES, move_erasures
from sendtrail_cli.progress import progress_bar
from sendtrail_cli.restore import Table, put_back
from sendtrail_cli.rights import go_on
from sendtrail_cli.scan import PATIENT, Page, scan
from sendtrail_cli.target import Target

__all__ = ["move", "source_of"]

Report = Callable[[str], None]
Content = dict[str, Any]

_KEYS: Final = "SigningKeys"
_PLANS: Final = "PlansBucket"
_CLAIMS: Final = "IdempotencyTable"
_ORDER: Final = (
    Table.TEMPLATES,
    Table.STAFF,
    Table.WEBHOOKS,
    Table.SUPPRESSIONS,
    Table.PARTICIPANTS,
    Table.TRAILS,
)
"""Who must not be mailed is known before there is any mail."""
_EXISTS: Final = "PreconditionFailed"
_WORKERS: Final = 8


def source_of(
    stack: str | None,
    *,
    tables: Mapping[Table, str] | None = None,
    plans: str | None = None,
    signing_keys: str | None = None,
    erasures: str | None = None,
    erasure_key: str | None = None,
    region: str | None = None,
    profile: str | None = None,
) -> Target:
    """Where to move from: a stack, and what is named, which stands for the stack's own.

    Args:
        stack: its name; or its ARN, if it was deleted within 90 days.
        tables: table → the name of one that was left behind, or restored.
        plans: the name of a bucket.
        signing_keys: the name or ARN of a secret.
        erasures, erasure_key: the name of the table of who was erased, and of the secret by which
            it is read.
        region, profile: where they are, and by whose credentials they are read; the caller's own
            region and credentials if None.

    Raises:
        InvalidInputError: nothing is named.
        NotFoundError: the stack is not one of Sendtrail.
    """
    session = boto3.Session(region_name=region, profile_name=profile)
    named = {table.resource: name for table, name in (tables or {}).items()}
    named |= {_PLANS: plans} if plans else {}
    named |= {_KEYS: signing_keys} if signing_keys else {}
    named |= {ERASURES: erasures} if erasures else {}
    named |= {ERASURE_KEY: erasure_key} if erasure_key else {}
    if stack:
        found = Target.of(stack, session)
        return Target(session, {**found.resources, **named}, found.parameters, {})
    if not named:
        raise InvalidInputError(
            "name what to move from: a stack (--from), or what one has left (--table, --plans, "
            "--signing-keys)"
        )
    return Target(session, named, {}, {})


def move(target: Target, source: Target, *, report: Report = print) -> None:
    """Copies all that the source has and cannot be made anew into the target, while that takes
    events; nothing is taken from the source. To do it again changes nothing.

    Raises:
        InvalidInputError: they are the same stack, or a table is no copy of one.
        NotFoundError: a table is not there.
        ClientError, AwsError: some may have been copied; all of it may be repeated.
    """
    _refuse_same(target, source)
    # Before any link is followed that the old keys signed.
    if _KEYS in source.resources:
        added = _add_keys(target, source)
        report(f"signing keys: {added} added, which verify and do not sign")
    running: list[str] = []
    if {ERASURES, ERASURE_KEY} <= source.resources.keys():
        copied, running = move_erasures(target, source)
        report(f"erasures: {copied:,} copied, before what they are of")
    for table in _ORDER:
        if table.resource in source.resources:
            client = source.client("dynamodb")
            put_back(target, table, client, source.resource(table.resource), report=report)
    if _CLAIMS in source.resources and _is_there(source):
        report(f"claims of jobs: {_copy_claims(target, source):,} copied")
    else:
        report(
            "claims of jobs: not moved; for 30 days, repeat no request that was made there with an "
            "Idempotency-Key, or it is sent again"
        )
    if _PLANS in source.resources:
        copied, there = _copy_plans(target, source)
        report(f"plans: {copied:,} copied, {there:,} there already")
    if running:
        go_on(target, running)
        report(f"erasures under way there: {len(running):,}, which go on here")
    known = (_KEYS, ERASURES, ERASURE_KEY, *(table.resource for table in _ORDER), _PLANS)
    if missing := [name for name in known if name not in source.resources]:
        report(f"not moved, since it was not named: {', '.join(missing)}")
    report(
        "figures climb while `project` reads what was moved; should it not be done within a day "
        "(ProjectLateAlarm), run: sendtrail rebuild"
    )


def _refuse_same(target: Target, source: Target) -> None:
    """Refuses to move something into itself.

    Raises:
        InvalidInputError: it is that.
    """
    if source.endpoints != target.endpoints:
        return
    here, there = (
        (each.session.region_name, each.session.profile_name) for each in (target, source)
    )
    for table in Table if here == there else ():
        if (name := source.resources.get(table.resource)) == target.resource(table.resource):
            raise InvalidInputError(f"{name} is the target's own table; name another's")


def _add_keys(target: Target, source: Target) -> int:
    """Adds the source's signing keys to those of the target, as its oldest, so that which one signs
    does not change.

    Returns:
        how many it lacked.
    """
    theirs = read_secret(source.secrets(), source.resource(_KEYS))
    keys = [*theirs["older"], theirs["newest"]]
    client, secret = target.secrets(), target.resource(_KEYS)

    def lacking(content: Content) -> list[str]:
        return [key for key in keys if key not in (*content["older"], content["newest"])]

    def joined(content: Content) -> Content:
        return {**content, "older": [*lacking(content), *content["older"]]}

    count = len(lacking(read_secret(client, secret)))
    if count:
        change_secret(client, secret, joined)
    return count


def _is_there(source: Target) -> bool:
    """Whether the source still has its claims, which a deleted stack takes with it."""
    try:
        source.client("dynamodb").describe_table(TableName=source.resource(_CLAIMS))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return False
    return True


def _copy_claims(target: Target, source: Target) -> int:
    """Copies claims: or a job that was done there would be done again here, if its request is
    repeated.

    Returns:
        how many were missing here.
    """
    claims = Claims(
        DynamoDB(target.variables(), retry_policy=PATIENT),
        target.resource(_CLAIMS),
        in_doubt_seconds=0,
    )
    counts: list[int] = []
    lock = threading.Lock()

    def take(page: Page) -> None:
        copied = claims.put_back(page)
        with lock:
            counts.append(copied)

    scan(source.client("dynamodb"), source.resource(_CLAIMS), take)
    return sum(counts)


def _copy_plans(target: Target, source: Target) -> tuple[int, int]:
    """Copies plans, each of which is written once and never changed.

    Returns:
        how many were copied, and how many were there.
    """
    theirs, ours = source.client("s3"), target.client("s3")
    bucket, live = source.resource(_PLANS), target.resource(_PLANS)
    known = set(_plans_in(ours, live))
    wanted = [key for key in _plans_in(theirs, bucket) if key not in known]
    with progress_bar(bucket, len(wanted)) as advance:

        def copy(key: str) -> bool:
            content = theirs.get_object(Bucket=bucket, Key=key)["Body"].read()
            try:
                ours.put_object(
                    Bucket=live,
                    Key=key,
                    Body=content,
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != _EXISTS:
                    raise
                return False
            advance(1)
            return True

        with ThreadPoolExecutor(max_workers=_WORKERS) as workers:
            copied = sum(workers.map(copy, wanted))
    return copied, len(known) + len(wanted) - copied


def _plans_in(client: Any, bucket: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX)
    return [each["Key"] for page in pages for each in page.get("Contents", ())]
