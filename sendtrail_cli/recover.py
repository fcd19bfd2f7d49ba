"""`sendtrail recover`: events that functions could keep only in their logs, brought back."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sendtrail.domain.times import Timestamp, epoch_ms
from sendtrail.errors import InvalidInputError
from sendtrail.log.fallback import UNSAVED
from sendtrail.log.recovery import unsaved
from sendtrail_cli.target import Target

__all__ = ["recover"]

_LOGS: Final = Path(".local/logs")


def recover(target: Target, files: Sequence[Path], *, since: Timestamp | None = None) -> int:
    """Sends to the hits queue the events that functions could keep only in their logs; to do it
    again changes nothing.

    Args:
        files: logs, also compressed by gzip. If there are none, the log group of a stack in AWS is
            read, or the logs of the local stack.
        since: reads of the log group what was logged from then on; all of it, if None.

    Returns:
        how many events were sent.

    Raises:
        InvalidInputError: `since`, but no log group is read.
        OSError: a file cannot be read, or not to its end.
        ClientError: the log group cannot be read.
    """
    in_group = target.is_in_aws and not files
    if since and not in_group:
        raise InvalidInputError("--since is for the log group of a stack in AWS, without FILEs")
    url, sqs = target.resource("HitsQueue"), target.client("sqs")
    sent = 0
    lines = _logged(target, since) if in_group else _written(files or sorted(_LOGS.glob("*.log")))
    for text in unsaved(lines):
        sqs.send_message(QueueUrl=url, MessageBody=text)
        sent += 1
    return sent


def _logged(target: Target, since: Timestamp | None) -> Iterator[str]:
    """The lines of the stack's log group that may hold an event.

    A page may be empty, and not the last (CloudWatch Logs API reference, "FilterLogEvents"), which
    the paginator knows.
    """
    wanted: dict[str, Any] = {
        "logGroupName": target.resource("FunctionLogs"),
        "filterPattern": f'"{UNSAVED}"',
    }
    if since:
        wanted["startTime"] = epoch_ms(since)
    for page in target.client("logs").get_paginator("filter_log_events").paginate(**wanted):
        yield from (event["message"] for event in page["events"])


def _written(files: Iterable[Path]) -> Iterator[str]:
    """The lines of files.

    Raises:
        OSError: one cannot be read, or not to its end.
    """
    for path in files:
        open_file = gzip.open if path.suffix == ".gz" else open
        try:
            with open_file(path, "rt", encoding="utf-8", errors="replace") as lines:
                yield from lines
        except (EOFError, zlib.error) as error:
            raise gzip.BadGzipFile(f"{path} is no whole gzip file: {error}") from error
