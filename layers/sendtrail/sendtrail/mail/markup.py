"""The HTML of a mail: its links, the pixel, and the text that stands for it.

HTML is never written anew. What changes is spliced into the source, and all else stays byte for
byte as its author wrote it, because mail clients forgive less than browsers do. Where tags begin
and end is what Python's own parser says; what an attribute says is read here, by the rules of the
HTML standard ("13.2.5 Tokenization"), since that is where parsers have differed: ``?a=1&copy=2``
holds no copyright sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from html.entities import html5
from html.parser import HTMLParser
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

__all__ = ["Attribute", "Link", "Scanner", "as_text", "hrefs", "links", "with_links", "with_pixel"]

_SPACE = "\t\n\f\r "
_C0_AND_SPACE = "".join(map(chr, range(0x21)))
_ATTRIBUTE = re.compile(
    rf"""([^{_SPACE}/>][^{_SPACE}/>=]*)"""
    rf"""(?:[{_SPACE}]*=[{_SPACE}]*(?:"([^"]*)"|'([^']*)'|([^{_SPACE}>"'][^{_SPACE}>]*))?)?"""
)
_TAG_NAME = re.compile(rf"<[^{_SPACE}/>]*")
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*;?)")
_HUGE_NUMBER = re.compile(r"&#(?=[0-9]{4000})")
_CONDITION = re.compile(r"\s*\[if[^\]]*\]>", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_HOST = re.compile(r"(https?://(?:[^/?#@]*@)?)([^/?#:]+)", re.IGNORECASE)
_NOT_IN_A_URL = {ord(each): None for each in "\t\n\r"}


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a start tag.

    Attributes:
        value: decoded; empty where the tag gives none.
        start, end: where the value stands in the source, without its quotes.
        quoted: whether it stands between quotes.
    """

    name: str
    value: str
    start: int
    end: int
    quoted: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a mail.

    Attributes:
        position: which link it is, from 0, in the order of the source.
        url: the decoded value of the attribute, as a browser reads it.
    """

    position: int
    url: str


class Scanner(HTMLParser):
    """Walks over HTML once and calls `on_start`, `on_end`, `on_text` and `on_comment`.

    Offsets are those of `source`. Nothing raises, whatever the source is, and it takes time in
    proportion to the source's length.
    """

    # No tags in any of these. Python's own list grows with its version.
    CDATA_CONTENT_ELEMENTS = (  # type: ignore[misc]  # final only in what describes it
        "iframe",
        "noembed",
        "noframes",
        "script",
        "style",
        "textarea",
        "title",
        "xmp",
    )

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self._lines = [0, *accumulate(len(line) + 1 for line in source.split("\n"))]

    def scan(self) -> None:
        """Walks over the source."""
        # `unescape` makes an int of any number, which Python refuses from 4,301 digits.
        self.feed(_HUGE_NUMBER.sub("&-", self.source))
        # `close` is not called: it would take what the end cuts off for text, over and over. A
        # browser drops an unfinished tag or comment; unfinished text is text.
        if self.cdata_elem is None and not self.rawdata.startswith("<"):
            self.on_text(unescape(self.rawdata))

    def on_start(self, tag: str, start: int, end: int) -> None:
        """A start tag, by its lower-case name, from `start` to `end`."""

    def on_end(self, tag: str, start: int) -> None:
        """An end tag."""

    def on_text(self, text: str) -> None:
        """Text, decoded; also that of scripts and styles."""

    def on_comment(self, start: int, end: int) -> None:
        """A real comment: ``<!--`` stands before `start`, and its content ends at `end`."""

    def attributes(self, start: int, end: int) -> Iterator[Attribute]:
        """The attributes of the start tag from `start` to `end`; of several of a name the first."""
        match = _TAG_NAME.match(self.source, start, end)
        seen: set[str] = set()
        for found in _ATTRIBUTE.finditer(self.source, match.end() if match else end, end):
            name = found[1].lower()
            if name in seen:
                continue
            seen.add(name)
            group = found.lastindex or 1
            if group == 1:
                yield Attribute(name, "", found.end(), found.end(), quoted=False)
            else:
                value = _decoded(found[group])
                yield Attribute(name, value, *found.span(group), quoted=group != 4)

    def values(self, start: int, end: int) -> Mapping[str, str]:
        """The attributes of a start tag: name → value."""
        return {each.name: each.value for each in self.attributes(start, end)}

    # What the parser calls.

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """See `HTMLParser`."""
        start = self._offset()
        self.on_start(tag, start, start + len(self.get_starttag_text() or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`. The slash means nothing, but is minded where text would vanish."""
        self.handle_starttag(tag, attrs)
        if tag in self.CDATA_CONTENT_ELEMENTS:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """See `HTMLParser`."""
        self.on_end(tag, self._offset())

    def handle_data(self, data: str) -> None:
        """See `HTMLParser`."""
        self.on_text(data)

    def handle_comment(self, data: str) -> None:
        """See `HTMLParser`."""
        start = self._offset()
        if self.source.startswith("<!--", start):
            self.on_comment(start + 4, start + 4 + len(data))

    def parse_comment(self, i: int, report: bool = True) -> int:
        """See `ParserBase`. ``<!-->`` and ``<!--->`` end where they begin ("13.2.5.44 Comment start
        state"), which older Pythons do not know.
        """
        for whole in ("<!-->", "<!--->"):
            if self.rawdata.startswith(whole, i):
                self.handle_comment("")
                return i + len(whole)
        return super().parse_comment(i, report)

    def parse_marked_section(self, i: int, report: int = 1) -> int:  # noqa: ARG002
        """See `ParserBase`: ``<![`` of any kind.

        To browsers it is a comment up to the next ``>``. Older Pythons look for ``]>``, which
        ``<![endif]-->`` does not have, and raise an error where no known word follows.
        """
        end = self.rawdata.find(">", i)
        return end + 1 if end >= 0 else -1

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


def links(html: str) -> list[Link]:
    """The web links of a mail, in the order of the source.

    They are the ``href`` of ``a`` and ``area``, and of Outlook's buttons (``v:roundrect`` and its
    kin), also where these stand in a conditional comment. Not links: what leads elsewhere than to
    http or https, and what has ``data-track="off"``, or SES's own ``ses:no-track``.
    """
    return [Link(position, _url(attribute)) for position, attribute in enumerate(_hrefs(html))]


def hrefs(html: str) -> list[str]:
    """What stands where links lead, wherever that is, as a browser reads it: also where it is
    merely a template's field. Not those that are not tracked, as of `links`.
    """
    return [_url(attribute) for attribute in _hrefs(html, re.compile(""))]


def with_links(html: str, replace: Callable[[Sequence[Link]], Sequence[str | None]]) -> str:
    """The HTML with each link leading where `replace` says.

    Args:
        html: a mail.
        replace: is given the links, as of `links`, and returns for each its new URL, or None to
            leave it as it is, byte for byte.

    Whatever is replaced, ``ses:no-track`` is taken out of links, as SES takes it out.
    """
    attributes = _hrefs(html)
    edits: list[tuple[int, int, str]] = [(start, end, "") for start, end in _switches(html)]
    found = [Link(position, _url(attribute)) for position, attribute in enumerate(attributes)]
    for attribute, url in zip(attributes, replace(found), strict=True):
        if url is not None:
            value = escape(url) if attribute.quoted else f'"{escape(url)}"'
            edits.append((attribute.start, attribute.end, value))
    parts: list[str] = []
    done = 0
    for start, end, value in sorted(edits):
        parts += (html[done:start], value)
        done = end
    return "".join((*parts, html[done:]))


def _switches(html: str) -> list[tuple[int, int]]:
    """Where SES's own attribute stands in links, with the white space before it."""
    if _NO_TRACK not in html.lower():
        return []
    scanner = _Switches(html)
    scanner.scan()
    return scanner.found


def with_pixel(html: str, url: str) -> str:
    """The HTML with an invisible image as the last thing in its body."""
    ends = _Ends(html)
    ends.scan()
    at = ends.last.get("body", ends.last.get("html", len(html)))
    pixel = f'<img src="{escape(url)}" width="1" height="1" alt="" style="display:block;border:0">'
    return html[:at] + pixel + html[at:]


def as_text(html: str) -> str:
    """A readable plain text of a mail.

    A link is followed by its URL in parentheses unless it says the same; an image is its
    alternative text; a table that only places things is taken apart, any other keeps a line for
    each row. Returns the empty text where there is nothing to read.
    """
    # These take a tenth of a second to load, and a mail with a text of its own does without them.
    from bs4 import BeautifulSoup

    plain = _Plain(html)
    plain.scan()
    soup = BeautifulSoup(plain.html(), "html.parser")
    _take_layout_apart(soup)
    text = _writer().convert_soup(soup)
    lines = (line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _decoded(value: str) -> str:
    """An attribute's value with its character references replaced, as the HTML standard has it.

    Unlike in text, a name without a semicolon is no reference where a letter, a digit or ``=``
    follows ("13.2.5.73 Named character reference state").
    """
    if "&" not in value:
        return value

    def replaced(match: re.Match[str]) -> str:
        found = match[0]
        if found[1] == "#":
            return _numbered(found) if len(found) < 1_000 else "\ufffd"
        if not found.endswith(";") and value.startswith("=", match.end()):
            return found
        name: str = html5.get(found[1:], found)
        return name

    return _REFERENCE.sub(replaced, value)


def _numbered(reference: str) -> str:
    """The character of a numeric reference; controls, too, which `unescape` leaves out."""
    digits = reference[2:].rstrip(";")
    number = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    return unescape(reference) or chr(number)


def _url(attribute: Attribute) -> str:
    return _as_browsers_read(attribute.value)


def _as_browsers_read(value: str) -> str:
    """A URL as a browser reads it (WHATWG URL standard, "4.4 URL parsing"): without control
    characters and spaces around it, and without tabs and line ends in it; its host in punycode.
    """
    url = value.strip(_C0_AND_SPACE).translate(_NOT_IN_A_URL)
    found = None if url.isascii() else _HOST.match(url)
    if found is None or found[2].isascii():
        return url
    import idna  # not for every mail

    try:
        host = idna.encode(found[2], uts46=True).decode()
    except idna.IDNAError:  # a browser goes nowhere either
        return url
    return f"{found[1]}{host}{url[found.end() :]}"


def _hrefs(html: str, wanted: re.Pattern[str] = _WEB) -> list[Attribute]:
    scanner = _Hrefs(html, wanted)
    scanner.scan()
    return scanner.found


_NO_TRACK: Final = "ses:no-track"
"""The attribute by which a link is not tracked, which SES takes out (SES developer guide, "Amazon
SES email sending metrics FAQs")."""


class _Hrefs(Scanner):
    """Collects the attributes that hold links."""

    def __init__(self, source: str, wanted: re.Pattern[str] = _WEB) -> None:
        super().__init__(source)
        self._wanted = wanted
        self.found: list[Attribute] = []

    def on_start(self, tag: str, start: int, end: int) -> None:
        if tag not in ("a", "area") and not tag.startswith("v:"):
            return
        attributes = {each.name: each for each in self.attributes(start, end)}
        href, track = attributes.get("href"), attributes.get("data-track")
        if href is None or not self._wanted.match(_url(href)):
            return
        off = track is not None and track.value.strip().lower() == "off"
        if not off and _NO_TRACK not in attributes:
            self.found.append(href)

    def on_comment(self, start: int, end: int) -> None:
        # What Outlook alone reads.
        if condition := _CONDITION.match(self.source, start, end):
            inner = condition.end()
            self.found += (
                Attribute(each.name, each.value, each.start + inner, each.end + inner, each.quoted)
                for each in _hrefs(self.source[inner:end], self._wanted)
            )


class _Switches(Scanner):
    """Collects where SES's own attribute stands in links."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.found: list[tuple[int, int]] = []

    def on_start(self, tag: str, start: int, end: int) -> None:
        if tag in ("a", "area"):
            for match in _ATTRIBUTE.finditer(self.source, start + len(tag) + 1, end):
                if match[1].lower() == _NO_TRACK:
                    before = self.source[: match.start()]
                    self.found.append((len(before.rstrip(_SPACE)), match.end()))


class _Ends(Scanner):
    """Where the last end tag of each name is."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.last: dict[str, int] = {}

    def on_end(self, tag: str, start: int) -> None:
        self.last[tag] = start


_CELLS: Final = frozenset({"td", "th"})
_LISTS: Final = frozenset({"ul", "ol"})
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_DIVISIONS: Final = frozenset(
    re.findall(
        r"\w+",
        """
    address article aside caption center dd details dialog dir div dl dt fieldset figcaption
    figure footer form header hgroup legend main menu nav section summary
""",
    )
)
_BLOCKS: Final = _LISTS | _HEADINGS | {"blockquote", "div", "hr", "p", "pre", "table"}
_KEPT: Final = _BLOCKS | _CELLS | {"a", "br", "img", "li", "tr"}
_VOID: Final = frozenset({"br", "hr", "img"})
_MAX_DEEP: Final = 60
"""How deep `_Plain` nests: what reads it calls itself for each level."""

_SOFT = dict.fromkeys(map(ord, "\u00ad\u034f\u180e\u200b\u2060\ufeff"))
_SPACES = dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x2007], " ")
_CONTROLS = dict.fromkeys([*range(9), 11, *range(14, 32), 0x7F])
_TIDY = {**_SOFT, **_SPACES, **_CONTROLS}
_SPACES_AND_LINES = re.compile(rf"[{_SPACE}]+")
# A joiner matters within a word and within an emoji; beside white space it pads a preview.
_LOOSE_JOINER = re.compile("(?<!\\S)[\u200c\u200d]+|[\u200c\u200d]+(?!\\S)")


class _Plain(Scanner):
    """The HTML again, of nothing but what bears on its text: well formed and of bounded depth."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self._parts: list[str] = ["<div>"]
        self._open: list[str] = []
        self._silent: str | None = None

    def html(self) -> str:
        """What was seen, all of it closed."""
        return "".join((*self._parts, *(f"</{tag}>" for tag in reversed(self._open)), "</div>"))

    def on_start(self, tag: str, start: int, end: int) -> None:
        if tag in self.CDATA_CONTENT_ELEMENTS:
            self._silent = tag
        tag = "div" if tag in _DIVISIONS else tag
        if tag in _CELLS | {"tr"} and "table" not in self._open:
            tag = "div"
        if tag not in _KEPT:
            return
        self._close_implied(tag)
        if tag in _VOID or len(self._open) < _MAX_DEEP:
            wanted = {"a": "href", "img": "alt", "ol": "start", "table": "role"}.get(tag, "")
            value = self.values(start, end).get(wanted) if wanted else None
            said = f' {wanted}="{escape(_tidied(value))}"' if value else ""
            self._parts.append(f"<{tag}{said}>")
            if tag not in _VOID:
                self._open.append(tag)

    def on_end(self, tag: str, start: int) -> None:  # noqa: ARG002
        if tag == self._silent:
            self._silent = None
        tag = "div" if tag in _DIVISIONS else tag
        if tag == "table":
            self._close({tag}, frozenset())
        elif tag in _CELLS or tag == "tr":
            self._close({tag}, {"table"})
        else:
            self._close({tag}, _CELLS | {"table"})

    def on_text(self, text: str) -> None:
        if self._silent is None:
            # A line of the source is no line of the page.
            if "pre" not in self._open:
                text = _SPACES_AND_LINES.sub(" ", text)
                text = text.lstrip(" ") if self._parts[-1] == "<br>" else text
            self._parts.append(escape(_tidied(text), quote=False))

    def _close_implied(self, tag: str) -> None:
        """Closes what this start tag ends without a tag of its own."""
        if tag in _BLOCKS:
            self._close({"p"}, _CELLS | {"table"})
        elif tag == "li":
            self._close({"li"}, _LISTS | _CELLS | {"table"})
        elif tag in _CELLS:
            self._close(_CELLS, {"table"})
        elif tag == "tr":
            self._close({"tr"}, {"table"})
        elif tag == "a":
            self._close({"a"}, _CELLS | {"table"})

    def _close(self, tags: Set[str], within: Set[str]) -> None:
        """Closes the innermost of `tags` and what is open in it, if it is not outside `within`."""
        for depth in range(len(self._open) - 1, -1, -1):
            if self._open[depth] in tags:
                self._parts += (f"</{tag}>" for tag in reversed(self._open[depth:]))
                del self._open[depth:]
                return
            if self._open[depth] in within:
                return


def _tidied(text: str) -> str:
    """Without the characters that one cannot see, and with one kind of space."""
    text = text.translate(_TIDY)
    return _LOOSE_JOINER.sub("", text) if "\u200c" in text or "\u200d" in text else text


def _take_layout_apart(soup: BeautifulSoup) -> None:
    """Makes divisions of the tables that only place things, which in mail are nearly all."""
    layout = [table for table in soup.find_all("table") if not _is_data(table)]
    known = {id(table) for table in layout}
    for part in soup.find_all(["tr", "td", "th"]):
        if id(part.find_parent("table")) in known:
            part.name = "div"
    for table in layout:
        table.name = "div"


def _is_data(table: Tag) -> bool:
    if table.get("role") in ("presentation", "none") or table.find("table"):
        return False
    if not table.find("th") and table.find(list(_BLOCKS)):
        return False
    return any(len(row.find_all(["td", "th"])) > 1 for row in table.find_all("tr"))


@cache
def _writer() -> Any:
    """What makes Markdown of HTML, taught to leave out the marks that a reader does not need."""
    from markdownify import MarkdownConverter

    class Writer(MarkdownConverter):
        def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
            url = _as_browsers_read(str(el.get("href") or ""))
            said = text.strip()
            if not said:  # a picture that nobody describes still leads somewhere
                return url if el.find("img") and _WEB.match(url) else text
            if not re.match(r"https?://|mailto:[^?]", url, re.IGNORECASE):
                return text
            url = re.sub(r"^mailto:([^?]*).*", r"\1", url, flags=re.IGNORECASE | re.DOTALL)
            shown = url if _bare(said) == _bare(url) else f"{said} ({url})"
            return text.replace(said, shown, 1)

        def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
            return str(el.get("alt") or "")

        def convert_br(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
            return " " if "_inline" in parent_tags else "\n"

        def convert_hN(self, n: int, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002, N802
            said = " ".join(text.split())
            if "_inline" in parent_tags or not said:
                return said
            line = {1: "=", 2: "-"}.get(n, "")
            return f"\n\n{said}\n{line * len(said)}\n\n"

        def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
            return f"\n\n{text}\n\n"

        def convert_table(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
            return f"\n\n{text.strip()}\n\n"

        def convert_tr(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
            cells = [cell.strip() for cell in text.split("\x1f")]
            return " | ".join(cells[1:]) + "\n" if any(cells) else ""

        def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
            return "\x1f" + " ".join(text.split())

        convert_th = convert_td

    return Writer(bullets="-", escape_asterisks=False, escape_underscores=False)


def _bare(url: str) -> str:
    return re.sub(r"^https?://", "", url, flags=re.IGNORECASE).rstrip("/").lower()
