"""JSON values in a stream of text, one by one.

They may follow one another with a break of line between them or without, as Firehose writes them
where no delimiter is asked for; in lists, of which each member is a record; and in pages of a
service's API: objects with a list of records, which may be as long as it likes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from json import JSONDecodeError
from typing import Any, Final

__all__ = ["MAX_RECORD", "json_records"]

MAX_RECORD: Final = 4 << 20
"""Characters of a record at most; SNS and SQS bring at most a mebibyte."""
MAX_RAW: Final = 1 << 16
"""Characters that are shown of what cannot be read."""

_PAGE: Final = re.compile(
    r'\{(?:\s*"[@\w-]+"\s*:\s*(?:-?\d+|"[^"\\]*"|null)\s*,)*'
    r'\s*"(?:items|Messages|Bounces|Opens|Clicks)"\s*:\s*\['
)
"""The beginning of a page: of Mailgun's Events and Logs, or of Postmark's lists."""
_PAGE_BEGIN: Final = 1 << 12
_REST_OF_PAGE: Final = '{"":0'
"""Takes the place of a page up to the end of its list, so that the rest of it is an object."""
_NEXT: Final = re.compile(r"\n(?=[{\[])|\}\s*,?\s*(?=\{)")
"""Where, after what cannot be read, a record may begin."""
_BLANKS: Final = re.compile(r"[\s,\ufeff\x00\x1e]*")
_DECODER: Final = json.JSONDecoder()

Read = tuple[int, Any, str, str]
"""The line where it begins, the value, or why there is none, and the text."""


def json_records(text: Iterable[str]) -> Iterator[Read]:
    """The values in a text, given piece by piece, but for lists and pages, whose members they are.

    Yields:
        the line of each, the value, and its text; None for what cannot be read, with why.
    """
    window = _Window(iter(text))
    in_pages: list[bool] = []
    while begin := window.first():
        if begin == "]" and in_pages:
            window.take(1)
            if in_pages.pop():
                window.put_back(_REST_OF_PAGE)
                yield from (each for each in window.value() if each[1] is None)
        elif begin == "[":
            window.take(1)
            in_pages.append(False)
        elif page := window.page():
            window.take(len(page))
            in_pages.append(True)
        else:
            yield from window.value()


class _Window:
    """What has been read of a text and not been taken."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._ended = False

    def first(self) -> str:
        """The first character that is not blank; empty at the end."""
        while True:
            found = _BLANKS.match(self._buffer, self._at)
            self.take((found.end() if found else self._at) - self._at)
            if self._at < len(self._buffer) or not self._more():
                return self._buffer[self._at : self._at + 1]

    def take(self, count: int) -> str:
        """Takes so many characters."""
        end = self._at + count
        self._line += self._buffer.count("\n", self._at, end)
        taken = self._buffer[self._at : end]
        self._at = end
        return taken

    def put_back(self, text: str) -> None:
        """Puts a text before what is left."""
        self._buffer = text + self._buffer[self._at :]
        self._at = 0

    def page(self) -> str:
        """The beginning of a page, up to its first record; empty if there is none."""
        while len(self._buffer) - self._at < _PAGE_BEGIN and self._more():
            pass
        found = _PAGE.match(self._buffer, self._at, self._at + _PAGE_BEGIN)
        return found[0] if found else ""

    def value(self) -> Iterator[Read]:
        """The value here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except JSONDecodeError as error:
                if self._may_be_cut(error) and self._more():
                    continue
                yield self._unreadable(f"not JSON: {error.msg} (character {error.pos - self._at})")
                return
            except RecursionError:
                yield self._unreadable("JSON nested too deeply")
                return
            line = self._line
            yield line, value, "", self.take(end - self._at)
            return

    def _may_be_cut(self, error: JSONDecodeError) -> bool:
        """Whether a value may be whole when more has been read: a text in it is not closed, or it
        breaks off near the end. All else is told where it is wrong.
        """
        return len(self._buffer) - self._at < MAX_RECORD and (
            error.msg.startswith("Unterminated string") or error.pos > len(self._buffer) - 16
        )

    def _unreadable(self, why: str) -> Read:
        """Takes what cannot be read, up to where a record may begin."""
        line, raw = self._line, ""
        while True:
            found = _NEXT.search(self._buffer, self._at)
            if found:
                raw += self.take(found.end() - self._at)[:MAX_RAW]
                break
            keep = 0 if self._ended else 64
            raw += self.take(max(0, len(self._buffer) - keep - self._at))[:MAX_RAW]
            if not self._more():
                raw += self.take(len(self._buffer) - self._at)[:MAX_RAW]
                break
        return line, None, why, raw[:MAX_RAW].strip()

    def _more(self) -> bool:
        """Reads on; False at the end."""
        piece = next(self._text, None)
        if piece is None:
            self._ended = True
            return False
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return True
