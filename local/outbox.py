"""What moto's SES lacks, put before moto: an outbox, suppression lists, faults, and what
`local.ses_account` has.

- ``GET /_sendtrail/outbox?after=N``: the mails that SES took, as their recipients would read them;
  ``…/newest?before=N&to=WORD``: the newest first; ``…/N``, ``…/N/source`` and
  ``…/N/attachments/M``: one, its MIME, and a file of it.
- ``/v2/email/suppression/addresses``: PutSuppressedDestination and its kin.
- ``PUT /_sendtrail/faults``: how the next calls of SendEmail go wrong.

SendEmail itself is moto's; a few limits of SES that moto does not check are checked here. So are
identities, of which moto says that none is verified, though it lets one send from them.
"""

from __future__ import annotations

import base64
import email
import email.policy
import json
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from hashlib import sha256
from io import BytesIO
from itertools import islice
from typing import Any, Final, cast

from werkzeug.wrappers import Request, Response

from local.mime import attachments, source
from local.ses_account import SesAccount
from sendtrail.domain.times import now
from sendtrail.mail.attachments import UNSUPPORTED_ENDINGS

__all__ = ["Fault", "Outbox", "SesExtras", "SuppressionList", "Wsgi"]

Json = dict[str, Any]
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

_SEND: Final = "/v2/email/outbound-emails"
_SUPPRESSION: Final = "/v2/email/suppression/addresses"
_IDENTITIES: Final = "/v2/email/identities/"
_OUTBOX: Final = "/_sendtrail/outbox"
_ONE: Final = re.compile(rf"{_OUTBOX}/(\d{{1,9}})(?:/(source)|/attachments/(\d{{1,3}}))?")
_FAULTS: Final = "/_sendtrail/faults"
_RESET: Final = "/moto-api/reset"
_SIGNED_FOR_SES: Final = "/ses/aws4_request"

_PAGE: Final = 100
_NEWEST: Final = 50
_MAX_SUPPRESSED_AT_ONCE: Final = 1000
_REASONS: Final = ("BOUNCE", "COMPLAINT")

# SES's API reference: MessageTag, MessageHeader and Destination.
_TAG: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_HEADER_NAME: Final = re.compile(r"[!-9;-~]{1,126}")
_HEADER_VALUE: Final = re.compile(r"[ -~]{1,995}")
_MAX_HEADERS: Final = 15
# Attachment.
_MAX_FILE_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Fault:
    """How one call of SendEmail goes wrong.

    Attributes:
        error: the name of the error to answer, such as ``TooManyRequestsException``; None for what
            SES would answer, or ServiceUnavailable if the mail is not taken.
        status: the HTTP status of the error.
        hang: seconds to wait before answering. What is taken is taken before the wait.
        taken: whether SES takes the mail all the same; None: unless there is an error.
    """

    error: str | None = None
    status: int = 400
    message: str = ""
    hang: float = 0
    taken: bool | None = None

    @property
    def takes(self) -> bool:
        """Whether the mail is sent."""
        return self.error is None if self.taken is None else self.taken


class Outbox:
    """The mails that SES took, numbered from 1 in that order. Numbers are never used again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: list[Json] = []
        self._requests: list[Mapping[str, Any]] = []
        self._forgotten = 0

    def add(self, mail: Mapping[str, Any], request: Mapping[str, Any]) -> None:
        """Remembers a mail, gives it its number, and keeps the request of SendEmail beside it."""
        with self._lock:
            number = self._forgotten + len(self._mails) + 1
            self._mails.append({"number": number, **mail})
            self._requests.append(request)

    def after(self, number: int) -> list[Json]:
        """The mails after a number, at most 100."""
        with self._lock:
            start = max(0, number - self._forgotten)
            return self._mails[start : start + _PAGE]

    def newest(self, before: int | None, word: str) -> tuple[list[Json], bool]:
        """The mails before a number, or all, the newest first: at most 50 of those to an address
        that has a word in it, and whether there are more.
        """
        with self._lock:
            end = len(self._mails) if before is None else max(0, before - self._forgotten - 1)
            found = (
                mail
                for mail in reversed(self._mails[:end])
                if any(word.lower() in address.lower() for address in mail["destination"])
            )
            several = list(islice(found, _NEWEST + 1))
            return several[:_NEWEST], len(several) > _NEWEST

    def one(self, number: int) -> tuple[Json, Mapping[str, Any]] | None:
        """A mail and the request that sent it; None if there is none of that number."""
        with self._lock:
            place = number - self._forgotten - 1
            if not 0 <= place < len(self._mails):
                return None
            return self._mails[place], self._requests[place]

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._forgotten += len(self._mails)
            self._mails.clear()
            self._requests.clear()


class SuppressionList:
    """The suppression lists of the account and of its tenants. SES lists addresses with their exact
    case, and compares without when it sends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: defaultdict[str, dict[str, Json]] = defaultdict(dict)  # "": the account's

    def holds(self, address: str, tenant: str) -> bool:
        """Whether SES would not send to an address, for a tenant."""
        with self._lock:
            listed = [*self._lists[""], *self._lists[tenant]]
            return address.lower() in {each.lower() for each in listed}

    def clear(self) -> None:
        """Lifts all."""
        with self._lock:
            self._lists.clear()

    def answer(self, request: Request) -> Response:
        """Answers PutSuppressedDestination, GetSuppressedDestination, DeleteSuppressedDestination
        or ListSuppressedDestinations.
        """
        address = request.path.removeprefix(_SUPPRESSION).removeprefix("/")
        with self._lock:
            if request.method == "PUT":
                return self._put(json.loads(request.get_data()))
            entries = self._lists[request.args.get("TenantName", "")]
            if not address:
                return self._list(request.args, entries)
            if address not in entries:
                message = f"Email address {address} does not exist on your suppression list."
                return _error("NotFoundException", 404, message)
            if request.method == "DELETE":
                del entries[address]
                return _answer({})
            return _answer({"SuppressedDestination": entries[address]})

    def _put(self, given: Json) -> Response:
        address, reason = given.get("EmailAddress", ""), given.get("Reason")
        if "@" not in address or reason not in _REASONS:
            return _error("BadRequestException", 400, "An address and a reason are needed.")
        self._lists[given.get("TenantName", "")][address] = {
            "EmailAddress": address,
            "Reason": reason,
            "LastUpdateTime": time.time(),
        }
        return _answer({})

    @staticmethod
    def _list(query: Any, entries: Json) -> Response:
        reasons = query.getlist("Reason") or _REASONS
        since, until = _moment(query.get("StartDate")), _moment(query.get("EndDate"))
        size = int(query.get("PageSize", _MAX_SUPPRESSED_AT_ONCE))
        found = [
            entry
            for address, entry in sorted(entries.items())
            if address > query.get("NextToken", "")
            and entry["Reason"] in reasons
            and (since is None or entry["LastUpdateTime"] >= since)
            and (until is None or entry["LastUpdateTime"] <= until)
        ]
        page: Json = {"SuppressedDestinationSummaries": found[:size]}
        if len(found) > size:
            page["NextToken"] = found[size - 1]["EmailAddress"]
        return _answer(page)


class SesExtras:
    """A WSGI app: moto's, with all this before it."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._outbox = Outbox()
        self._suppressed = SuppressionList()
        self._account = SesAccount()
        self._faults: deque[Fault] = deque()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers a request, or has moto answer it."""
        answer = self._own_answer(environ)
        app: Wsgi = self._app if answer is None else answer
        return app(environ, start_response)

    def _own_answer(self, environ: dict[str, Any]) -> Response | None:
        """The answer to a request, or None if moto has to give it."""
        path = environ["PATH_INFO"]
        if path == _RESET:
            self._reset()
        elif path == _OUTBOX:
            number = int(Request(environ).args.get("after", 0))
            return _answer({"mails": self._outbox.after(number)})
        elif path.startswith(f"{_OUTBOX}/"):
            return self._in_outbox(Request(environ))
        elif path == _FAULTS:
            return self._answer_faults(Request(environ))
        elif _SIGNED_FOR_SES in environ.get("HTTP_AUTHORIZATION", ""):
            if path == _SEND:
                return self._send(environ)
            if path == _SUPPRESSION or path.startswith(f"{_SUPPRESSION}/"):
                return self._suppressed.answer(Request(environ))
            if self._account.has(path):
                return self._account.answer(Request(environ))
            if path.startswith(_IDENTITIES) and environ["REQUEST_METHOD"] == "GET":
                return self._identity(environ)
        return None

    def _reset(self) -> None:
        self._outbox.clear()
        self._suppressed.clear()
        self._account.clear()
        self._faults.clear()

    def _in_outbox(self, request: Request) -> Response:
        if request.path == f"{_OUTBOX}/newest":
            before = request.args.get("before", type=int)
            mails, more = self._outbox.newest(before, request.args.get("to", ""))
            return _answer({"mails": mails, "more": more})
        asked = _ONE.fullmatch(request.path)
        found = self._outbox.one(int(asked[1])) if asked else None
        if asked is None or found is None:
            return _error("NotFoundException", 404, "There is no such mail.")
        mail, sent = found
        if asked[2]:
            return Response(source(mail, sent), content_type="message/rfc822")
        if asked[3] is None:
            return _answer({"mail": mail})
        files = attachments(sent)
        if int(asked[3]) >= len(files):
            return _error("NotFoundException", 404, "There is no such attachment.")
        _, kind, content = files[int(asked[3])]
        return Response(content, content_type=kind)

    def _answer_faults(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                wanted = [Fault(**fault) for fault in json.loads(request.get_data())["send"]]
            except (ValueError, LookupError, TypeError) as error:
                return _error("BadRequestException", 400, str(error))
            self._faults = deque(wanted)
        return _answer({"send": [asdict(fault) for fault in self._faults]})

    def _identity(self, environ: dict[str, Any]) -> Response:
        """An identity of moto's, verified."""
        answer = Response.from_app(self._app, environ, buffered=True)
        if answer.status_code != 200:
            return answer
        return _answer(json.loads(answer.get_data()) | {"VerifiedForSendingStatus": True})

    def _send(self, environ: dict[str, Any]) -> Response:
        try:
            fault = self._faults.popleft()
        except IndexError:
            fault = Fault()
        answer = (
            self._take(environ)
            if fault.takes
            else _error("ServiceUnavailable", 503, "Service unavailable.")
        )
        time.sleep(fault.hang)
        if fault.error is not None:
            return _error(fault.error, fault.status, fault.message)
        return answer

    def _take(self, environ: dict[str, Any]) -> Response:
        body = Request(environ).get_data()
        given = json.loads(body)
        mistake = _mistake(given)
        if mistake:
            return _error("BadRequestException", 400, mistake)
        environ["wsgi.input"] = BytesIO(body)  # moto reads it again
        taken_at = now()
        answer = Response.from_app(self._app, environ, buffered=True)
        if answer.status_code == 200:
            message_id = json.loads(answer.get_data())["MessageId"]
            mail = _mail(given)
            suppressed = [
                address
                for address in mail["destination"]
                if self._suppressed.holds(parseaddr(address)[1], given.get("TenantName", ""))
            ]
            known = {"message_id": message_id, "taken_at": taken_at, "suppressed": suppressed}
            self._outbox.add(known | mail, given)
        return answer


def _mistake(given: Mapping[str, Any]) -> str:
    """What SES would refuse and moto takes; empty for nothing."""
    for tag in given.get("EmailTags", ()):
        for text in (tag["Name"], tag["Value"]):
            if not _TAG.fullmatch(text):
                return (
                    f"Invalid tag <{text}>: only alphanumeric ASCII characters, '_', and '-' "
                    f"are allowed, and at most 256 of them."
                )
    simple = given["Content"].get("Simple", {})
    for attachment in simple.get("Attachments", ()):
        mistake = _mistake_of(attachment)
        if mistake:
            return mistake
    headers = simple.get("Headers", ())
    if len(headers) > _MAX_HEADERS:
        return f"More than {_MAX_HEADERS} headers."
    for header in headers:
        if not _HEADER_NAME.fullmatch(header["Name"]):
            return f"Invalid header name <{header['Name']}>."
        if not _HEADER_VALUE.fullmatch(header["Value"]):
            return f"Invalid value of the header {header['Name']}."
    return ""


def _mistake_of(attachment: Mapping[str, Any]) -> str:
    """What SES would refuse of an attachment; empty for nothing."""
    name = attachment.get("FileName", "")
    if not 0 < len(name) <= _MAX_FILE_NAME:
        return f"Attachment file names have 1 to {_MAX_FILE_NAME} characters."
    if name.rpartition(".")[2].lower() in UNSUPPORTED_ENDINGS:
        return f"Attachment type of <{name}> is not supported."
    try:
        content = base64.b64decode(attachment.get("RawContent", ""), validate=True)
    except ValueError:
        return f"The content of <{name}> is not in base64."
    encoding = attachment.get("ContentTransferEncoding", "SEVEN_BIT")
    if encoding == "SEVEN_BIT" and not content.isascii():
        return f"The content of <{name}> is not 7-bit."
    return ""


def _mail(given: Mapping[str, Any]) -> Json:
    """A request of SendEmail as the outbox shows it."""
    destination = given.get("Destination", {})
    named = [
        address
        for kind in ("ToAddresses", "CcAddresses", "BccAddresses")
        for address in destination.get(kind, ())
    ]
    mail: Json = {
        "from": given.get("FromEmailAddress"),
        "destination": named,
        "reply_to": given.get("ReplyToAddresses", []),
        "tags": {tag["Name"]: tag["Value"] for tag in given.get("EmailTags", ())},
        "configuration_set": given.get("ConfigurationSetName"),
    }
    content = given["Content"]
    if "Raw" in content:
        return mail | _raw(given, mail)
    simple = content["Simple"]
    return mail | {
        "subject": simple["Subject"]["Data"],
        "html": simple["Body"].get("Html", {}).get("Data"),
        "text": simple["Body"].get("Text", {}).get("Data"),
        "headers": [
            {"name": header["Name"], "value": header["Value"]}
            for header in simple.get("Headers", ())
        ],
        "attachments": _files(given),
    }


def _raw(given: Mapping[str, Any], mail: Mapping[str, Any]) -> Json:
    """What a mail in MIME says of itself."""
    data = base64.b64decode(given["Content"]["Raw"]["Data"])
    message = email.message_from_bytes(data, policy=email.policy.default)
    named = [str(value) for kind in ("To", "Cc", "Bcc") for value in message.get_all(kind, ())]
    return {
        "from": mail["from"] or str(message["From"]),
        "destination": mail["destination"] or [address for _, address in getaddresses(named)],
        "subject": str(message["Subject"] or ""),
        "html": _part(message, "html"),
        "text": _part(message, "plain"),
        "headers": [{"name": name, "value": str(value)} for name, value in message.items()],
        "attachments": _files(given),
    }


def _files(given: Mapping[str, Any]) -> list[Json]:
    """What a request's files are, without their content."""
    return [
        {
            "name": name,
            "content_type": kind,
            "size": len(content),
            "sha256": sha256(content).hexdigest(),
        }
        for name, kind, content in attachments(given)
    ]


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return cast("str", part.get_content()) if part else None


def _moment(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def _answer(body: Mapping[str, Any]) -> Response:
    return Response(json.dumps(body), mimetype="application/json")


def _error(name: str, status: int, message: str) -> Response:
    """An error as AWS's REST-JSON protocol writes it."""
    return Response(
        json.dumps({"message": message}),
        status=status,
        headers={"X-Amzn-Errortype": name},
        mimetype="application/json",
    )
