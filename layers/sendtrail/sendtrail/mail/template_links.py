"""A template's links: which of them made a link of a rendered mail.

A link with a merge field leads each reader to a URL of their own. It is counted by what stands in
the template, ``https://society.example/?id={{ id }}``, in which each tag may have become any text.
It is found by comparing, and not by its position: loops and conditions move links about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sendtrail.mail import markup

__all__ = ["TemplateLinks"]

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_MARK = re.compile("\ue000([0-9]+)\ue001")


class TemplateLinks:
    """The links of a template's HTML, and those of them that have tags.

    Attributes:
        counted: all that lead to the web, as clicks on them are counted; not the one by which one
            unsubscribes, which is ours.
    """

    def __init__(self, source: str) -> None:
        tags: list[str] = []

        def marked(tag: re.Match[str]) -> str:
            tags.append(tag[0])
            return f"\ue000{len(tags) - 1}\ue001"

        hrefs = markup.hrefs(_TAG.sub(marked, source))
        self._plain = {href for href in hrefs if not _MARK.search(href)}
        self._shapes: list[tuple[str, Sequence[str]]] = []
        """Each with the texts between its tags; those with the most text first."""
        for href in dict.fromkeys(hrefs):
            texts = _MARK.split(href)[::2]
            if len(texts) > 1:
                written = _MARK.sub(lambda mark: tags[int(mark[1])], href)
                self._shapes.append((written, _between(texts, tags, href)))
        as_written = (_MARK.sub(lambda mark: tags[int(mark[1])], href) for href in hrefs)
        self.counted: Sequence[str] = [
            href for href in dict.fromkeys(as_written) if _leads_to_the_web(href)
        ]
        self._shapes.sort(key=lambda shape: -sum(map(len, shape[1])))

    def of(self, url: str) -> str | None:
        """The link, as it is written in the template, that became a URL; None if that stands there
        as it is, or is of none of them.
        """
        if not self._shapes or url in self._plain:
            return None
        return next((written for written, texts in self._shapes if _fits(url, texts)), None)


def _leads_to_the_web(href: str) -> bool:
    if "unsubscribe_url" in href:
        return False
    return href.lower().startswith(("https://", "http://", "{{", "{%"))


def _between(texts: Sequence[str], tags: Sequence[str], href: str) -> list[str]:
    """The texts between a link's tags that stand in every URL it makes: not those within a
    condition or loop.
    """
    statements = [
        place
        for place, number in enumerate(_MARK.findall(href))
        if tags[int(number)].startswith("{%")
    ]
    if not statements:
        return list(texts)
    return [*texts[: statements[0] + 1], *texts[statements[-1] + 1 :]]


def _fits(url: str, texts: Sequence[str]) -> bool:
    """Whether a URL has these texts, with anything between them."""
    first, last = texts[0], texts[-1]
    if not (url.startswith(first) and url.endswith(last) and len(url) >= len(first) + len(last)):
        return False
    place, end = len(first), len(url) - len(last)
    for text in texts[1:-1]:
        place = url.find(text, place, end)
        if place < 0:
            return False
        place += len(text)
    return True
