"""The public pages that readers of our mail see: plain, small, without scripts."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Any, Final

__all__ = ["page", "preferences"]

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:1.0625rem/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto 4rem;"
    "padding:0 1.25rem}"
    "h1{font-size:1.5rem;line-height:1.25}"
    "button{font:inherit;padding:.6rem 1.2rem;border:1px solid;border-radius:.4rem;cursor:pointer}"
    "button:focus-visible{outline:3px solid;outline-offset:2px}"
    "p.small{font-size:.9375rem;opacity:.8}"
)
_LAYOUT: Final = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="robots" content="noindex">\n'
    "<title>{title}</title>\n<style>{style}</style>\n</head>\n"
    "<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
)
_STYLE_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}


def page(status: int, title: str, *paragraphs: str) -> dict[str, Any]:
    """A page of a few sentences, as a response for API Gateway (payload 2.0)."""
    body = "\n".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    return _answer(status, title, body)


def preferences(sender: str, *, subscribed: bool | None, changed: bool) -> dict[str, Any]:
    """The preferences page: whether a reader is subscribed, and the button that changes it.

    Args:
        sender: the organisation, as its mail names it.
        subscribed: whether they get communications; None if that cannot be read.
        changed: whether they have just changed it.
    """
    name = escape(sender)
    if subscribed is None:
        title, sentence = "Your mail", f"Do you want news and other mailings from {name}?"
        buttons = _button("no", "Unsubscribe") + "\n" + _button("yes", "Keep them coming")
    elif subscribed:
        title = "You are subscribed again" if changed else "You are subscribed"
        sentence = f"You get news and other mailings from {name}."
        buttons = _button("no", "Unsubscribe")
    else:
        title = "You have unsubscribed" if changed else "You are not subscribed"
        sentence = f"You get no more news and other mailings from {name}."
        buttons = _button("yes", "Undo: subscribe again" if changed else "Subscribe again")
    note = "Messages that are meant for you alone, such as an invoice, come in any case."
    return _answer(200, title, f'<p>{sentence}</p>\n{buttons}\n<p class="small">{note}</p>')


def _button(value: str, label: str) -> str:
    return f'<form method="post"><button name="subscribed" value="{value}">{label}</button></form>'


def _answer(status: int, title: str, body: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": dict(_HEADERS),
        "body": _LAYOUT.format(title=title, style=_STYLE, body=body),
    }
