"""The public pages that readers of our mail see: plain, small, without scripts, in their language.

Nothing that answers a pixel or a link imports this.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from html import escape
from typing import Any, Final

from sendtrail.language import (
    LANGUAGES,
    choose_language,
    current_language,
    gettext,
    long_day,
    use_language,
)
from sendtrail.tracking.organisation import DARK, LIGHT, Organisation
from sendtrail.tracking.preferences import Subscription

__all__ = ["PublicPages"]

Event = Mapping[str, Any]
Response = dict[str, Any]

_STYLE: Final = (
    f":root{{color-scheme:light dark;--page:{LIGHT};--text:#1c2024;--quiet:#565d66;"
    "--surface:transparent;--label:inherit;--line:transparent}"
    f"@media(prefers-color-scheme:dark){{:root{{--page:{DARK};--text:#e8eaed;--quiet:#a9b0ba}}}}"
    "html{background:var(--page);color:var(--text);border-top:.375rem solid var(--line)}"
    "body{font:1.0625rem/1.6 system-ui,sans-serif;max-width:34rem;margin:0 auto;"
    "padding:2.5rem 1.25rem 2rem;overflow-wrap:anywhere}"
    "header{font-weight:600;margin-bottom:2rem}"
    "img{display:block;height:3rem;max-width:100%;object-fit:contain;object-position:left;"
    "overflow:hidden}"
    "@media(prefers-color-scheme:dark){img{box-sizing:border-box;background:#fff;color:#1c2024;"
    "padding:.25rem;border-radius:.25rem}}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}"
    "form{margin:1.5rem 0}"
    "button{font:inherit;padding:.6rem 1.2rem;border:1px solid;border-radius:.4rem;cursor:pointer;"
    "background:var(--surface);color:var(--label);max-width:100%}"
    "button:focus-visible,a:focus-visible{outline:3px solid var(--text);outline-offset:2px}"
    "a{color:inherit}"
    "bdi[dir]{display:inline-block;max-width:100%}"
    "p.small,footer{font-size:.9375rem;color:var(--quiet)}"
    "footer{margin-top:3rem}"
    "footer ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:0}"
    "footer a,footer strong{display:inline-block;padding:.25rem 0}"
)
_LAYOUT: Final = (
    '<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="robots" content="noindex">\n'
    "<title>{title}</title>\n<style>{style}</style>\n</head>\n"
    "<body>\n<header>{sender}</header>\n<main>\n<h1>{heading}</h1>\n{body}\n</main>\n"
    "<footer>{languages}</footer>\n</body>\n</html>\n"
)


class PublicPages:
    """The public pages of an organisation, as responses for API Gateway (payload 2.0)."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    def for_reader(self, event: Event) -> PagesForReader:
        """The pages in the language of whoever makes a request: which they chose on a page
        (``?language=de``), or the best that their browser takes.
        """
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        chosen = (event.get("queryStringParameters") or {}).get("language")
        language = choose_language(headers.get("accept-language"), chosen)
        use_language(language)
        return PagesForReader(self, is_chosen=chosen == language)

    def answer(self, status: int, title: str, body: str) -> Response:
        """A page in the language of this request.

        Args:
            title: its heading, as text.
            body: what stands below it, as HTML.
        """
        language, name = current_language(), self._organisation.name
        return {
            "statusCode": status,
            "headers": self._headers | {"Content-Language": language},
            "body": _LAYOUT.format(
                language=language,
                title=f"{escape(title)} – {escape(name)}",
                heading=escape(title),
                style=self._style,
                sender=self._sender(),
                body=body,
                languages=_languages(language),
            ),
        }

    def name(self) -> str:
        """The organisation's name, as HTML: whatever its direction, it does not turn its sentence
        around.
        """
        return f"<bdi>{escape(self._organisation.name)}</bdi>"

    def _sender(self) -> str:
        """The logo, in a box of a height that does not wait for it; or the name."""
        url = self._organisation.logo_url
        if url is None:
            return self.name()
        name = escape(self._organisation.name)
        return f'<img src="{escape(url)}" alt="{name}" height="48" referrerpolicy="no-referrer">'

    @cached_property
    def _style(self) -> str:
        light, dark = self._organisation.button(), self._organisation.button(dark=True)
        if light is None or dark is None:
            return _STYLE
        rule = ":root{{--surface:{0};--label:{1};--line:{0}}}"
        in_the_dark = rule.format(dark.surface, dark.text)
        return (
            f"{_STYLE}{rule.format(light.surface, light.text)}"
            f"@media(prefers-color-scheme:dark){{{in_the_dark}}}"
        )

    @cached_property
    def _headers(self) -> dict[str, str]:
        digest = b64encode(sha256(self._style.encode()).digest()).decode()
        origin = self._organisation.logo_origin
        return {
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-store",
            "Vary": "Accept-Language",
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; "
                + (f"img-src {origin}; " if origin else "")
                + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
            ),
            "Referrer-Policy": "no-referrer",
            "Strict-Transport-Security": "max-age=31536000",
            "X-Content-Type-Options": "nosniff",
        }


@dataclass(frozen=True, slots=True)
class PagesForReader:
    """The pages for one request.

    Attributes:
        is_chosen: whether the reader chose the language, so that the next page is in it, too.
    """

    pages: PublicPages
    is_chosen: bool

    def preferences(
        self, subscription: Subscription | None, address: str | None, *, changed: bool
    ) -> Response:
        """Whether a reader is subscribed, and the button that changes it.

        Args:
            subscription: None if that cannot be read.
            address: which it is about, as far as the page may say it; None if that is not known.
            changed: whether they have just changed it.
        """
        since = subscription.since if subscription and not changed else None
        if subscription is None:
            title = gettext("Your mail")
            sentence = gettext("Do you want news and other mailings from %(name)s?")
            buttons = [("no", gettext("Unsubscribe")), ("yes", gettext("Keep them coming"))]
        elif subscription.subscribed:
            title = (
                gettext("You are subscribed again") if changed else gettext("You are subscribed")
            )
            sentence = gettext("You get news and other mailings from %(name)s.")
            buttons, since = [("no", gettext("Unsubscribe"))], None
        else:
            title = (
                gettext("You have unsubscribed") if changed else gettext("You are not subscribed")
            )
            sentence = gettext("You get no more news and other mailings from %(name)s.")
            again = gettext("Undo: subscribe again") if changed else gettext("Subscribe again")
            buttons = [("yes", again)]
        lines = [_text(sentence, name=self.pages.name())]
        if since:
            date = escape(long_day(since)).replace(" ", "\xa0")  # it stays on one line
            lines += [_text(gettext("Unsubscribed since %(date)s."), date=date)]
        if address:
            about = gettext("This is about mail to %(address)s.")
            lines += [_text(about, address=f'<bdi dir="ltr">{escape(address)}</bdi>')]
        note = gettext(
            "Messages that are meant for you alone, such as an invoice, come in any case."
        )
        body = [
            *(f"<p>{line}</p>" for line in lines),
            *(self._button(*each) for each in buttons),
            f'<p class="small">{_text(note)}</p>',
        ]
        return self.pages.answer(200, title, "\n".join(body))

    def no_such_preferences(self) -> Response:
        """The page for a link to preferences that is not ours."""
        return self._page(
            404,
            gettext("This page is not there"),
            gettext(
                "The link may have been cut off. Copy it whole from the message, or answer the "
                "message and say what you want."
            ),
        )

    def nothing_changed(self) -> Response:
        """The page for a form that says nothing."""
        return self._page(
            400,
            gettext("Nothing was changed"),
            gettext(
                "The request says neither List-Unsubscribe=One-Click nor subscribed=yes or "
                "subscribed=no."
            ),
        )

    def no_such_link(self) -> Response:
        """The page for a link that leads nowhere."""
        return self._page(
            404,
            gettext("This link leads nowhere"),
            gettext(
                "It may have been cut off. Copy it whole from the message, or ask who sent it to "
                "you."
            ),
        )

    def later(self) -> Response:
        """The page for what cannot be answered now."""
        return self._page(
            503,
            gettext("One moment"),
            gettext("This cannot be done just now. Please try again."),
        )

    def _page(self, status: int, title: str, text: str) -> Response:
        return self.pages.answer(status, title, f"<p>{_text(text)}</p>")

    def _button(self, value: str, label: str) -> str:
        where = f' action="?language={current_language()}"' if self.is_chosen else ""
        button = f'<button name="subscribed" value="{value}">{_text(label)}</button>'
        return f'<form method="post"{where}>{button}</form>'


def _text(text: str, **html: str) -> str:
    """A text as HTML, with HTML in place of its fields."""
    return escape(text, quote=False) % html


def _languages(current: str) -> str:
    """The languages, by their own names, each but this one a link."""
    items = [
        f'<li><strong aria-current="true">{name}</strong></li>'
        if tag == current
        else f'<li><a href="?language={tag}" lang="{tag}" hreflang="{tag}">{name}</a></li>'
        for tag, name in LANGUAGES.items()
    ]
    label = escape(gettext("Language"))
    return f'<nav aria-label="{label}"><ul>{"".join(items)}</ul></nav>'
