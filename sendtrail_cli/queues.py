"""`sendtrail redrive` and `sendtrail recover`: events and jobs brought back into their queues."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sendtrail.errors import InvalidInputError
from sendtrail.log.recovery import unsaved
from sendtrail_cli.target import Target

__all__ = ["recover", "redrive"]

_REDRIVEN: Final = {"IngestDlq": "IngestQueue", "DispatchDlq": "DispatchQueue"}
"""Dead-letter queue → the queue that its messages came from."""
_LOGS: Final = Path(".local/logs")


def redrive(target: Target) -> int:
    """Moves what is in the dead-letter queues of ingest and dispatch back into their queues.

    Message by message, since SQS's own redrive refuses queues that also hold what Lambda put there
    (SQS developer guide, "Configure a dead-letter queue redrive"). A message that is moved twice
    has the effect of once: ingest and dispatch are idempotent.

    Returns:
        how many messages were moved.
    """
    sqs = target.client("sqs")
    return sum(
        _move(sqs, target.resource(dead), target.resource(alive))
        for dead, alive in _REDRIVEN.items()
    )


def _move(sqs: Any, dead: str, alive: str) -> int:
    moved = 0
    while True:
        # Only a long poll asks all of SQS's servers: a short one may find nothing though there is.
        found = sqs.receive_message(
            QueueUrl=dead, MaxNumberOfMessages=10, VisibilityTimeout=30, WaitTimeSeconds=1
        ).get("Messages", [])
        if not found:
            return moved
        for message in found:
            sqs.send_message(QueueUrl=alive, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
            moved += 1


def recover(target: Target, files: Sequence[Path]) -> int:
    """Sends to the hits queue the events that functions could keep only in their logs; to do it
    again changes nothing.

    Args:
        files: logs, also compressed by gzip; those of the local stack if there are none.

    Returns:
        how many events were sent.

    Raises:
        InvalidInputError: a stack in AWS was named, and no file.
        OSError: a file cannot be read, or not to its end.
    """
    if not files and target.is_in_aws:
        raise InvalidInputError(
            "name the FILEs: the logs of a stack in AWS are not on this machine"
        )
    url, sqs = target.resource("HitsQueue"), target.client("sqs")
    sent = 0
    for path in files or sorted(_LOGS.glob("*.log")):
        open_file = gzip.open if path.suffix == ".gz" else open
        try:
            with open_file(path, "rt", encoding="utf-8", errors="replace") as lines:
                for text in unsaved(lines):
                    sqs.send_message(QueueUrl=url, MessageBody=text)
                    sent += 1
        except (EOFError, zlib.error) as error:
            raise gzip.BadGzipFile(f"{path} is no whole gzip file: {error}") from error
    return sent
