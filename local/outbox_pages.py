"""The outbox as pages, beside the console: what the stack sent, to be read as its recipients would.

Pictures are loaded and links are followed by the browser that looks, with its own name, so that
what the console then tells is told of a person. What only a mail provider does, unsubscribing by
one click and telling SES of spam or a bounce, the stack does in its place.

Only this machine is answered: by the address that asks, and by the host that it asks for, so that
no other site's name can be made to lead here. A form must come from a page of the outbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from local.aws import Endpoints
from local.mailboxes import OUTBOX, mail_of
from local.web import ask
from sendtrail.domain.engagement import SCAN_SECONDS
from sendtrail.domain.times import now
from sendtrail.mail.attachments import size_label

__all__ = ["OutboxPages", "links_of"]

Json = dict[str, Any]

_FOLDER: Final = Path(__file__).parent / "pages"
_HERE: Final = ("127.0.0.1", "::1", "localhost")
_ONE_CLICK: Final = b"List-Unsubscribe=One-Click"  # RFC 8058, section 3.1
_PROVIDER: Final = "Mozilla/5.0 (a mail provider's one-click unsubscribe)"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
SANDBOX: Final = "allow-popups allow-popups-to-escape-sandbox"
"""What a mail may do: have its links followed, in a tab of their own."""
_DONE: Final = {
    "unsubscribe": "The mail provider unsubscribed them by one click.",
    "spam": "They marked it as spam: SES tells of the complaint.",
    "bounce": "It came back: SES tells of the bounce.",
}
_ROUTES: Final = Map(
    [
        Rule("/outbox", endpoint="several", methods=["GET"]),
        Rule("/outbox/outbox.css", endpoint="style", methods=["GET"]),
        Rule("/outbox/<int:number>", endpoint="one", methods=["GET"]),
        Rule("/outbox/<int:number>/html", endpoint="html", methods=["GET"]),
        Rule("/outbox/<int:number>/source", endpoint="source", methods=["GET"]),
        Rule("/outbox/<int:number>/attachments/<int:place>", endpoint="file", methods=["GET"]),
        Rule("/outbox/<int:number>/unsubscribe", endpoint="unsubscribe", methods=["POST"]),
        Rule("/outbox/<int:number>/spam", endpoint="spam", methods=["POST"]),
        Rule("/outbox/<int:number>/bounce", endpoint="bounce", methods=["POST"]),
    ],
    strict_slashes=False,
)


class OutboxPages:
    """A WSGI app.

    Args:
        endpoints: where AWS is.
        topic_arn: where SES's events are published.
        configuration_sets: those of the stack: of mail by others nothing is published there.
        gateway: what the links and the pixel of our mail begin with.
    """

    ROOT: ClassVar[str] = "/outbox"

    def __init__(
        self,
        endpoints: Endpoints,
        topic_arn: str,
        configuration_sets: Collection[str],
        gateway: str,
    ) -> None:
        self._aws = endpoints.aws
        self._sns = endpoints.client("sns")
        self._topic_arn = topic_arn
        self._configuration_sets = configuration_sets
        self._gateway = gateway
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["size"] = size_label
        self._pages: Mapping[str, Callable[..., Response]] = {
            "several": self._several,
            "style": self._style,
            "one": self._one,
            "html": self._html,
            "source": self._source,
            "file": self._file,
            "unsubscribe": self._unsubscribe,
            "spam": self._spam,
            "bounce": self._bounce,
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers a request."""
        request = Request(environ)
        try:
            refused = _refusal(request)
            if refused:
                answer = self._problem(HTTPStatus.FORBIDDEN, refused)
            else:
                endpoint, parameters = _ROUTES.bind_to_environ(environ).match()
                answer = self._pages[endpoint](request, **parameters)
        except NotFound:
            answer = self._problem(HTTPStatus.NOT_FOUND, f"there is no {request.path}")
        except MethodNotAllowed as error:
            allowed = ", ".join(error.valid_methods or ())
            answer = self._problem(
                HTTPStatus.METHOD_NOT_ALLOWED, f"{request.path} takes {allowed} alone"
            )
        except HTTPException as error:
            answer = self._problem(HTTPStatus(error.code or 400), str(error.description))
        for name, value in _HEADERS.items():
            answer.headers.setdefault(name, value)
        content: Iterable[bytes] = answer(environ, start_response)
        return content

    # --- pages -----------------------------------------------------------------------------------

    def _several(self, request: Request) -> Response:
        word = request.args.get("to", "").strip()[:330]
        before = request.args.get("before", type=int)
        query = {"to": word} | ({} if before is None else {"before": str(before)})
        found = json.loads(self._read(f"/newest?{urlencode(query)}"))
        mails = found["mails"]
        older = None
        if found["more"]:
            older = f"{self.ROOT}?{urlencode({'to': word, 'before': mails[-1]['number']})}"
        return self._page("outbox", mails=mails, word=word, older=older, is_first=before is None)

    def _style(self, _request: Request) -> Response:
        text = (_FOLDER / "outbox.css").read_text(encoding="utf-8")
        return Response(text, content_type="text/css; charset=utf-8")

    def _one(self, request: Request, number: int) -> Response:
        mail = self._mail(number)
        return self._page(
            "mail",
            mail=mail,
            pictures="pictures" in request.args,
            links=links_of(mail["html"] or ""),
            one_click=self._one_click(mail),
            is_ours=mail["configuration_set"] in self._configuration_sets,
            trail=_trail(mail["tags"]),
            sandbox=SANDBOX,
            soon=SCAN_SECONDS,
            done=_DONE.get(request.args.get("done", "")),
        )

    def _html(self, request: Request, number: int) -> Response:
        """For the frame: the mail, whose pictures are loaded if that is asked for."""
        mail = self._mail(number)
        pictures = "data: https: http:" if "pictures" in request.args else "data:"
        policy = (
            f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; "
            f"img-src {pictures}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        )
        if mail["html"] is None:
            answer = Response(mail["text"] or "", content_type="text/plain; charset=utf-8")
        else:
            # After the mail, so that its own doctype comes first; a link's tab is its own.
            body = f'{mail["html"]}<base target="_blank">'
            answer = Response(body, content_type="text/html; charset=utf-8")
        answer.headers["Content-Security-Policy"] = policy
        return answer

    def _source(self, request: Request, number: int) -> Response:
        answer = Response(self._read(f"/{number}/source"), content_type="text/plain; charset=utf-8")
        if "file" in request.args:
            answer.headers["Content-Disposition"] = f'attachment; filename="mail-{number}.eml"'
        return answer

    def _file(self, _request: Request, number: int, place: int) -> Response:
        files = self._mail(number).get("attachments", [])
        if place >= len(files):
            raise NotFound
        name = quote(files[place]["name"], safe="")
        return Response(
            self._read(f"/{number}/attachments/{place}"),
            content_type="application/octet-stream",  # whatever it says it is: nothing is run
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
        )

    # --- what a mail provider does ---------------------------------------------------------------

    def _unsubscribe(self, _request: Request, number: int) -> Response:
        url = self._one_click(self._mail(number))
        if url is None:
            said = "this mail cannot be unsubscribed from by one click: it has no header for it"
            return self._problem(HTTPStatus.UNPROCESSABLE_ENTITY, said)
        headers = {
            "User-Agent": _PROVIDER,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = ask("POST", url, headers, _ONE_CLICK)
        if answer.status != HTTPStatus.OK:
            said = f"{url} answered {answer.status}"
            return self._problem(HTTPStatus.BAD_GATEWAY, said)
        return self._done(number, "unsubscribe")

    def _spam(self, _request: Request, number: int) -> Response:
        return self._tell(number, "spam")

    def _bounce(self, _request: Request, number: int) -> Response:
        return self._tell(number, "bounce")

    def _tell(self, number: int, what: str) -> Response:
        """Publishes the event of a mail, as SES would."""
        mail = self._mail(number)
        if mail["configuration_set"] not in self._configuration_sets:
            said = "this mail was sent without the stack's configuration set: SES tells nothing"
            return self._problem(HTTPStatus.UNPROCESSABLE_ENTITY, said)
        sent = mail_of(mail)
        event = sent.complaint(now()) if what == "spam" else sent.bounce(now())
        self._sns.publish(TopicArn=self._topic_arn, Message=json.dumps(event))
        return self._done(number, what)

    # --- parts -----------------------------------------------------------------------------------

    def _one_click(self, mail: Mapping[str, Any]) -> str | None:
        """Where one unsubscribes by one click (RFC 8058); None where that is not offered, or not
        by us.
        """
        headers = {each["name"].lower(): each["value"] for each in mail["headers"]}
        url = headers.get("list-unsubscribe", "").strip("<>")
        is_ours = url.startswith(f"{self._gateway}/u/")
        return url if is_ours and "list-unsubscribe-post" in headers else None

    def _mail(self, number: int) -> Json:
        found: Json = json.loads(self._read(f"/{number}"))["mail"]
        return found

    def _read(self, path: str) -> bytes:
        answer = ask("GET", f"{self._aws}{OUTBOX}{path}")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NotFound
        return answer.body

    def _page(self, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> Response:
        text = self._templates.get_template(f"{template}.html").render(root=self.ROOT, **values)
        return Response(text, status=status, content_type="text/html; charset=utf-8")

    def _problem(self, status: HTTPStatus, said: str) -> Response:
        return self._page("problem", status, said=f"{said[:1].upper()}{said[1:]}.")

    def _done(self, number: int, what: str) -> Response:
        to = f"{self.ROOT}/{number}?done={what}"
        return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": to})


class _Links(HTMLParser):
    """The links of a mail: URL → the first text that leads there."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._url = ""
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        found = dict(attrs)
        if tag == "a":
            self._url, self._text = (found.get("href") or "").strip(), ""
        elif tag == "img" and self._url:
            self._text += found.get("alt") or ""

    def handle_data(self, data: str) -> None:
        """See `HTMLParser`."""
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        """See `HTMLParser`."""
        if tag == "a" and self._url:
            self.found.setdefault(self._url, " ".join(self._text.split()))
            self._url = ""


def links_of(html: str) -> list[tuple[str, str]]:
    """The links of a mail that lead to the web, in their order: text and URL."""
    parser = _Links()
    parser.feed(html)
    parser.close()
    return [
        (text or url, url)
        for url, text in parser.found.items()
        if urlsplit(url).scheme in ("http", "https")
    ]


def _refusal(request: Request) -> str | None:
    """Why a request is not answered; None if it is."""
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    if request.remote_addr not in _HERE or host not in _HERE:
        return "the outbox is for this machine alone: open it as http://127.0.0.1"
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin != f"{request.scheme}://{request.host}":
        return "this form is not from a page of the outbox"
    return None


def _trail(tags: Mapping[str, str]) -> str | None:
    """The console's page of the message; None if it is not one of ours."""
    person, message = tags.get("participant_id"), tags.get("message_id")
    return f"/console/participants/{person}/messages/{message}" if person and message else None
