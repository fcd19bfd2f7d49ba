"""An export put back into a stack: the same events, in the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.errors import InvalidInputError
from sendtrail.log.trails import Trails
from sendtrail.projections.merging import merge_suppressions
from sendtrail_cli.exporting.export import manifest_of
from sendtrail_cli.exporting.places import place_of
from sendtrail_cli.exporting.reading_back import records, suppressions
from sendtrail_cli.exporting.schema import Dataset
from sendtrail_cli.progress import progress_bar
from sendtrail_cli.scan import PATIENT
from sendtrail_cli.target import Target

__all__ = ["put_back_export"]

Item = dict[str, Any]
Report = Callable[[str], None]

_BATCH: Final = 100
"""Items that are read in one request, to see what is there."""


def put_back_export(target: Target, source: str, *, report: Report = print) -> Counter[str]:
    """Puts what a stack lacks of an export into it, while events arrive; idempotent.

    The log gets the elements and events that it lacks (`Trails.put_back`); what is judged, listed
    and counted follows from them by the stream. Suppressions are merged, since they outlive the
    messages that they came of.

    Args:
        source: a folder, or ``s3://bucket/prefix``.
        report: is told what it came to, a line at a time.

    Returns:
        how many items came to what.

    Raises:
        InvalidInputError: there is no export, or it is not as one is.
        ConfigurationError: pyarrow is needed, and not installed.
        AwsError: some may have been put back; all of it may be repeated.
    """
    place = place_of(source, target)
    manifest = manifest_of(place, source)
    if manifest.unfinished:
        report(
            f"{source}: the export was broken off, and these are left out: "
            f"{', '.join(manifest.unfinished)}; to have them, export again"
        )
    db = DynamoDB(target.variables(), retry_policy=PATIENT)
    trails = Trails(db, target.resource("TrailsTable"), retention_days=target.retention_days)
    table = target.resource("SuppressionsTable")
    found: Counter[str] = Counter()
    rows = sum(manifest.rows(dataset) for dataset in (Dataset.MESSAGES, Dataset.SUPPRESSIONS))
    try:
        with progress_bar(source, rows) as advance:
            # Before the log: what a bounce suppresses is then there already.
            for items in _batches(suppressions(place, manifest)):
                found.update(merge_suppressions(db, table, items))
                advance(len(items))
            for items in _batches(records(place, manifest)):
                found.update(trails.put_back(items))
                advance(sum("events" in item for item in items))
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidInputError(f"{source} is not as an export is: {error!r:.200}") from error
    finally:
        counts = sorted((what, number) for what, number in found.items() if number)
        said = ", ".join(f"{number:,} {what}" for what, number in counts)
        report(f"{source}: {said or 'nothing'}")
    report("figures follow by the stream; of messages that were there before: sendtrail rebuild")
    return found


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    remaining = iter(items)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
