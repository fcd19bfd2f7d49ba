"""The recipients: every mail that SES took is answered as SES's mailbox simulator would.

The addresses are the SES developer guide's ("Using the mailbox simulator"): success@, bounce@,
ooto@, complaint@ and suppressionlist@simulator.amazonses.com, each also with a +label. Any other
address is a success. Events go to the real topic, as SES would publish them: only for mail that
named a configuration set, and some of them twice.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from email.utils import parseaddr
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from local.aws import Endpoints
from local.notifications import Json, Mail
from local.stirring import Pause, Stirring
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms

__all__ = ["OUTBOX", "Mailboxes", "events_of", "mail_of"]

log = logging.getLogger(__name__)

OUTBOX: Final = "/_sendtrail/outbox"
"""Where `local.outbox` serves the mails, on moto's port."""

_SIMULATOR: Final = "simulator.amazonses.com"
_QUIET: Final = 1.0
_TIMEOUT: Final = 30.0
_MAX_AT_ONCE: Final = 10  # PublishBatch
_WRITTEN_ANYWAY: Final = frozenset({"from", "to", "subject", "mime-version"})
_ON_ACCOUNT_LIST: Final = (
    "Amazon SES did not send the message to this address because it is on the suppression list for "
    "your account. For more information about removing addresses from the suppression list, see "
    "the Amazon SES Developer Guide at "
    "https://docs.aws.amazon.com/ses/latest/DeveloperGuide/sending-email-suppression-list.html"
)
_ON_GLOBAL_LIST: Final = (
    "Amazon SES has suppressed sending to this address because it has a recent history of bouncing "
    "as an invalid address."
)


class Mailboxes:
    """Reads the outbox and answers each mail once.

    Args:
        topic_arn: where SES's events are published.
        configuration_sets: those of the stack: of mail by others nothing is published there.
        stirring: tells when a function has run, which may have sent mail.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        topic_arn: str,
        configuration_sets: Collection[str],
        stirring: Stirring | None = None,
    ) -> None:
        self._netloc = urlsplit(endpoints.aws).netloc
        self._sns = endpoints.client("sns")
        self._topic_arn = topic_arn
        self._configuration_sets = configuration_sets
        self._stirring = stirring or Stirring()
        self._answered = 0
        self._busy_at = time.monotonic()

    @property
    def idle(self) -> bool:
        """Whether there has been no mail for a second."""
        return time.monotonic() - self._busy_at > _QUIET

    def run(self, stop: threading.Event) -> None:
        """Answers mail until `stop` is set."""
        pause = Pause(self._stirring)
        while not stop.is_set():
            try:
                if self.answer():
                    pause.found()
                    continue
            except Exception:
                log.exception("answering mail")
            pause.wait(stop)

    def answer(self) -> int:
        """Answers what has come since the last time; how many mails that was, at most 100.

        When it raises, the same mails are answered again the next time: SES, too, publishes at
        least once.
        """
        mails = self._new_mails()
        if not mails:
            return 0
        self._busy_at = time.monotonic()
        ours = [mail for mail in mails if mail["configuration_set"] in self._configuration_sets]
        self._publish([event for mail in ours for event in _as_published(mail)])
        self._answered = mails[-1]["number"]
        self._busy_at = time.monotonic()
        return len(mails)

    def _new_mails(self) -> list[Json]:
        connection = HTTPConnection(self._netloc, timeout=_TIMEOUT)
        try:
            connection.request("GET", f"{OUTBOX}?after={self._answered}")
            found: list[Json] = json.loads(connection.getresponse().read())["mails"]
        finally:
            connection.close()
        return found

    def _publish(self, events: Sequence[Json]) -> None:
        for start in range(0, len(events), _MAX_AT_ONCE):
            entries = [
                {"Id": str(number), "Message": json.dumps(event)}
                for number, event in enumerate(events[start : start + _MAX_AT_ONCE])
            ]
            self._sns.publish_batch(TopicArn=self._topic_arn, PublishBatchRequestEntries=entries)


def _as_published(mail: Mapping[str, Any]) -> Iterator[Json]:
    """The events of a mail, with those that come twice: the Send of each tenth mail, and the
    Delivery of each tenth.
    """
    twice = {0: "Send", 5: "Delivery"}.get(mail["number"] % 10)
    for event in events_of(mail):
        yield event
        if event["eventType"] == twice:
            yield event


def events_of(mail: Mapping[str, Any]) -> list[Json]:
    """SES's events for a mail of the outbox, each once; none if it named no configuration set."""
    if not mail["configuration_set"]:
        return []
    suppressed = {parseaddr(address)[1] for address in mail["suppressed"]}
    sent = mail_of(mail)
    events = [sent.send()]
    for address in sent.to:
        events += _fate(sent, address, suppressed=address in suppressed)
    return events


def mail_of(mail: Mapping[str, Any]) -> Mail:
    """A mail of the outbox, as SES's notifications tell of it."""
    headers = [(header["name"], header["value"]) for header in mail["headers"]]
    if mail["reply_to"]:
        headers.append(("Reply-To", ", ".join(mail["reply_to"])))
    return Mail(
        ses_id=mail["message_id"],
        sent_at=mail["taken_at"],
        to=[parseaddr(address)[1] for address in mail["destination"]],
        subject=mail["subject"],
        source=mail["from"],
        tags=mail["tags"],
        headers=[entry for entry in headers if entry[0].lower() not in _WRITTEN_ANYWAY],
        configuration_set=mail["configuration_set"],
    )


def _fate(mail: Mail, address: str, *, suppressed: bool) -> list[Json]:
    """What becomes of a mail at one address."""
    to, later = [address], _after(mail.sent_at, 2)
    if suppressed:
        kind = ("Permanent", "OnAccountSuppressionList")
        return [mail.bounce(later, *kind, diagnostic=_ON_ACCOUNT_LIST, to=to)]
    delivery = mail.delivery(_after(mail.sent_at, 1), to=to)
    match _simulated(address):
        case "bounce":
            return [mail.bounce(later, to=to)]
        case "suppressionlist":
            kind = ("Permanent", "Suppressed")
            return [mail.bounce(later, *kind, diagnostic=_ON_GLOBAL_LIST, to=to)]
        case "ooto":
            reply = mail.bounce(later, "Transient", "General", status=None, diagnostic=None, to=to)
            return [delivery, reply]
        case "complaint":
            return [delivery, mail.complaint(later, to=to)]
        case _:
            return [delivery]


def _simulated(address: str) -> str:
    """The mailbox of SES's simulator that an address is of, without its label; empty for none."""
    local, _, domain = address.lower().rpartition("@")
    return local.partition("+")[0] if domain == _SIMULATOR else ""


def _after(at: Timestamp, seconds: int) -> Timestamp:
    return from_epoch_ms(epoch_ms(at) + seconds * 1000)
