"""Formats: what reads the records of each service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from sendtrail.domain.events import Event
from sendtrail_cli.importing.columns import read_row
from sendtrail_cli.importing.mailgun import read_mailgun
from sendtrail_cli.importing.postmark import read_postmark
from sendtrail_cli.importing.sendgrid import read_sendgrid
from sendtrail_cli.importing.ses import read_ses
from sendtrail_cli.importing.told import Naming, Told

__all__ = ["READERS", "Format"]


class Format(StrEnum):
    """Whose records files hold."""

    SES = "ses"
    POSTMARK = "postmark"
    SENDGRID = "sendgrid"
    MAILGUN = "mailgun"
    CSV = "csv"


Reader = Callable[[Any, Naming], list[Event] | list[Told]]

READERS: Final[Mapping[Format, Reader]] = {
    Format.SES: read_ses,
    Format.POSTMARK: read_postmark,
    Format.SENDGRID: read_sendgrid,
    Format.MAILGUN: read_mailgun,
    Format.CSV: read_row,
}
"""What reads a record. It returns events, or what is told of messages: of those it is found out
first when they were sent.
"""
