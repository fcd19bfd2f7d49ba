"""How likely a mailbox provider's filter is to mind a mail.

Filters keep their rules to themselves and change them daily; what is known of them is what
SpamAssassin publishes and what providers tell senders. The rules here are of that kind: habits of
spam that a sender can see and mend. Each gives points at most once, and the points add up. Nothing
is looked up, so the same mail has the same points everywhere and always.

The mail is judged as its author wrote it. Links that lead to a redirect already, such as tracked
ones, would look like links that hide where they lead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from unicodedata import name
from urllib.parse import unquote

from sendtrail.mail.markup import Scanner

__all__ = ["RULES", "THRESHOLD", "Finding", "Rule", "SpamScore", "score"]

THRESHOLD: Final = 5.0
"""The points from which a mail is likely spam, as they are SpamAssassin's by default."""


class Rule(NamedTuple):
    """A habit of spam.

    Attributes:
        points: what it gives, once, however often it is found.
        reason: why filters mind it, in a sentence.
        nearest: the rule of SpamAssassin that is nearest, where there is one.
    """

    points: float
    reason: str
    nearest: str = ""


RULES: Final[dict[str, Rule]] = {
    "SUBJECT_EMPTY": Rule(
        1.5, "A mail without a subject hides what it is about.", "MISSING_SUBJECT"
    ),
    "SUBJECT_CAPITALS": Rule(1.5, "A subject mostly in capitals shouts.", "SUBJ_ALL_CAPS"),
    "SUBJECT_PUNCTUATION": Rule(
        1.0, "Runs of exclamation and question marks in a subject press the reader."
    ),
    "SUBJECT_SPACED": Rule(
        1.5, "Letters with spaces between them get words past a filter.", "GAPPY_SUBJECT"
    ),
    "SUBJECT_PHRASE": Rule(
        0.8, "Free things, prizes and urgency in a subject are what spam sells."
    ),
    "SUBJECT_MONEY": Rule(0.5, "Sums of money in a subject are bait more often than not."),
    "SUBJECT_FAKE_REPLY": Rule(
        1.5, "A first mail that poses as a reply or a forward deceives.", "FAKE_REPLY_C"
    ),
    "BODY_EMPTY": Rule(
        2.0, "A mail that says nothing is a test of addresses, or hides its text.", "EMPTY_MESSAGE"
    ),
    "BODY_SHORT": Rule(
        0.8,
        "A few words with a link give a filter nothing to judge but the link.",
        "HTML_SHORT_LINK_IMG_1",
    ),
    "BODY_CAPITALS": Rule(1.5, "A body largely in capitals shouts.", "UPPERCASE_75_100"),
    "BODY_EXCLAMATION": Rule(0.8, "Many exclamation marks are the tone of advertising."),
    "BODY_PHRASES": Rule(1.5, "Several stock phrases of spam together are seldom chance."),
    "BODY_OBFUSCATED": Rule(
        2.0, "Invisible characters within words get these past a filter.", "UNICODE_OBFU_ZW"
    ),
    "IMAGE_ONLY": Rule(
        2.0, "Images with next to no text keep the message from the filter.", "HTML_IMAGE_ONLY_04"
    ),
    "IMAGE_HEAVY": Rule(
        0.7, "Much image to little text is how image spam looks.", "HTML_IMAGE_RATIO_02"
    ),
    "NO_TEXT_PART": Rule(
        1.0, "HTML without a text part is rare in mail that people write.", "MIME_HTML_ONLY"
    ),
    "TEXT_GENERATED": Rule(0.2, "A text part made from the HTML tends to read as if it were."),
    "TEXT_DIFFERS": Rule(
        1.0, "A text part that says something else than the HTML is a disguise.", "MPART_ALT_DIFF"
    ),
    "LINK_MISMATCH": Rule(
        2.5, "A link that shows one host and leads to another is phishing's own."
    ),
    "LINK_SHORTENER": Rule(
        1.5, "Shortened URLs hide where they lead, and share others' bad name.", "HAS_SHORT_URL"
    ),
    "LINK_IP": Rule(
        2.0, "Honest sites have a name; a bare IP address is often a hijacked machine."
    ),
    "LINK_CREDENTIALS": Rule(
        2.0, "What stands before an @ in a URL passes for the host's name.", "HTTP_USERNAME_USED"
    ),
    "LINK_LOOKALIKE": Rule(1.5, "Hosts of letters from several scripts imitate other hosts."),
    "LINK_PORT": Rule(
        0.8, "A port of its own hints at a server on somebody else's machine.", "WEIRD_PORT"
    ),
    "LINK_SCRIPT": Rule(
        2.5, "javascript: and data: links run or carry what a filter cannot see.", "JAVASCRIPT_URI"
    ),
    "LINK_HOSTS": Rule(0.8, "Links to very many different domains look like an affiliate's."),
    "HTML_SCRIPT": Rule(2.5, "Mail clients run no scripts, so only attacks have them."),
    "HTML_FRAME": Rule(
        2.0, "Frames and embedded objects load what no filter has looked at.", "HTML_IFRAME_SRC"
    ),
    "HTML_FORM": Rule(1.5, "A form in a mail asks for what should not be sent by mail."),
    "HTML_LARGE": Rule(0.8, "Gmail cuts a mail off after 102 KB, and its way to unsubscribe too."),
    "HIDDEN_TEXT": Rule(
        2.0,
        "Text that a filter reads and nobody sees is there to mislead it.",
        "HTML_FONT_LOW_CONTRAST",
    ),
    "FOREIGN_FIELD": Rule(
        1.0, "Merge fields of another tool mean nothing here, and go out as they stand."
    ),
    "NO_UNSUBSCRIBE": Rule(0.5, "Whoever finds no way to unsubscribe reports spam instead."),
}
"""Every rule, in the order in which findings are listed. docs/spam.md has the same table."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a mail breaks.

    Attributes:
        rule: a key of `RULES`.
        points: the rule's.
        what: what was found, in a sentence.
    """

    rule: str
    points: float
    what: str


@dataclass(frozen=True, slots=True)
class SpamScore:
    """The points of a mail.

    Attributes:
        points: their sum, rounded to one place; compare it with `THRESHOLD`.
        findings: one for each rule that was broken, in the order of `RULES`.
    """

    points: float
    findings: tuple[Finding, ...]


def score(
    subject: str,
    html: str | None,
    text: str | None,
    *,
    text_was_given: bool,
    html_bytes: int | None = None,
) -> SpamScore:
    """Judges a mail as it would be sent, but for the tracking.

    Args:
        subject: one line.
        html: the HTML part, or None.
        text: the text part, or None.
        text_was_given: whether its author wrote the text part; False where it was made from the
            HTML.
        html_bytes: how large the HTML part is as it is sent; as it is given, if None.
    """
    page = _Page(html or "")
    page.scan()
    page.finish()
    html_given = bool(html and html.strip())
    body = page.text if html_given else text or ""
    found: dict[str, str] = {}
    found.update(_about_subject(subject))
    found.update(_about_body(body, page))
    found.update(_about_images(page))
    if html_given:
        found.update(_about_text(page.text, text, text_was_given=text_was_given))
    found.update(_about_links(page, text or ""))
    if html_bytes is None:
        html_bytes = len((html or "").encode("utf-8", "replace"))
    found.update(_about_html(page, html_bytes))
    said = " ".join((body, text or "", *(url for url, _ in page.links)))
    if foreign := _foreign_fields(f"{subject} {said}", page):
        some = ", ".join(_quoted(field) for field in foreign[:4])
        found["FOREIGN_FIELD"] = f"These are fields of another tool: {some}."
    if not _UNSUBSCRIBE.search(_FOREIGN.sub(" ", said)):
        found["NO_UNSUBSCRIBE"] = "There is no word and no link about unsubscribing."
    findings = tuple(
        Finding(key, rule.points, found[key]) for key, rule in RULES.items() if key in found
    )
    return SpamScore(round(sum(each.points for each in findings), 1), findings)


_Found = Iterator[tuple[str, str]]
_MAX_QUOTED: Final = 60


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return f"“{text[: _MAX_QUOTED - 1]}…”" if len(text) > _MAX_QUOTED else f"“{text}”"


# Fields of other tools.

_FOREIGN = re.compile(
    r"""
      \*\|[A-Za-z][^|\n]{0,60}\|\*  # Mailchimp
    | \[\[[A-Za-z][^\[\]\n]{0,60}\]\]  # Mailjet, Sendy
    | \[(?:unsubscribe|webversion|fname|lname|name|email)\b[^\[\]\n]{0,60}\]
    | %%[A-Za-z][\w .]{0,60}%%  # Salesforce
    | %(?:recipient\.)?[A-Za-z][A-Za-z_]{2,40}%  # Mailgun, ActiveCampaign
    | \{\{\{?\s*[A-Za-z#/][^{}\n]{0,60}\}\}\}?  # Handlebars
    | \$\{[A-Za-z][^{}\n]{0,60}\}  # FreeMarker
    | </?unsubscribe>  # Campaign Monitor
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _foreign_fields(text: str, page: _Page) -> list[str]:
    """The merge fields of other tools that a mail has, each once."""
    found = dict.fromkeys(match[0] for match in _FOREIGN.finditer(text))
    if "unsubscribe" in page.tags:
        found["<unsubscribe>"] = None
    return list(found)


# The subject.

_PHRASE = re.compile(
    r"""
    \b(?:
      100\s?%\s?(?:free|gratis|satisfied) | risk[\s-]free | free\s+(?:gift|money|trial|offer|access)
      | act\s+now | limited[\s-]time | last\s+chance | (?:order|buy|call|apply)\s+now
      | don['’]?t\s+miss | urgent | final\s+notice | you(?:['’]ve|\s+have)?\s+won | winners?
      | congratulations | prize | jackpot | lottery | cash\s+bonus | extra\s+(?:cash|income)
      | earn\s+\S+\s+(?:a|per)\s+(?:day|week|month) | work\s+from\s+home | make\s+money
      | get\s+rich | no\s+(?:obligation|credit\s+check|fees) | lowest\s+price
      | once\s+in\s+a\s+lifetime | click\s+here | guaranteed | miracle | weight\s+loss
      | viagra | cialis | casino | bitcoin | gewinnspiel | kostenlos | gratuit | gratis | gagn[ée]
    )\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_FREE = re.compile(r"\bfree\b(?!\s+(?:of|from|will|time|to\s))", re.IGNORECASE)
_MONEY = re.compile(
    r"[$€£¥]\s?\d[\d.,]*|\d[\d.,]*\s?(?:[$€£¥]|(?:usd|eur|gbp|dollars?|euros?)\b)|[$€£]{2,}",
    re.IGNORECASE,
)
_REPLY = re.compile(r"\s*(?:re|fwd?|aw|wg|tr|rv|antw|sv|vs)\s*(?:\[\d+\])?:", re.IGNORECASE)
_SPACED = re.compile(r"(?:\b[^\W\d_](?:[ .*_-])){4,}[^\W\d_]\b")
_RUN = re.compile(r"[!?]{2,}|¡{2,}|！{2,}")


def _about_subject(subject: str) -> _Found:
    shown = subject.strip()
    if not shown:
        yield "SUBJECT_EMPTY", "The subject is empty."
        return
    cased = [letter for letter in shown if letter.isupper() or letter.islower()]
    capitals = sum(map(str.isupper, cased))
    if len(cased) >= 8 and capitals > 0.7 * len(cased):
        yield (
            "SUBJECT_CAPITALS",
            f"{capitals} of {len(cased)} letters of the subject are capitals: {_quoted(shown)}.",
        )
    if _RUN.search(shown) or shown.count("!") >= 3:
        yield "SUBJECT_PUNCTUATION", f"The subject has many marks: {_quoted(shown)}."
    if match := _SPACED.search(shown):
        yield "SUBJECT_SPACED", f"The subject spaces a word out: {_quoted(match[0])}."
    if match := _PHRASE.search(shown) or _FREE.search(shown):
        yield "SUBJECT_PHRASE", f"The subject says {_quoted(match[0])}."
    if match := _MONEY.search(shown):
        yield "SUBJECT_MONEY", f"The subject names money: {_quoted(match[0])}."
    if match := _REPLY.match(shown):
        yield "SUBJECT_FAKE_REPLY", f"The subject begins with {_quoted(match[0])}."


# The body.

_IN_WORD = re.compile(r"(?<=[^\W\d_])[\u200b\u2060\ufeff]+(?=[^\W\d_])")
_UNSEEN = re.compile(
    "[\\s\u00a0\u00ad\u034f\u115f\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\ufeff]+"
)
_MAX_LETTERS: Final = 5_000
"""How much of a text is looked at for its tone."""
_UNSUBSCRIBE = re.compile(
    r"un-?subscri|opt(?:ing)?[\s_-]?out|abmeld|abbestell|austragen|d[ée]sabonn|d[ée]sinscri"
    r"|afmeld|uitschrijv|darse de baja|dar de baja|cancelar (?:la )?suscripci|cancelar (?:a )?"
    r"(?:inscri|assinatura)|disiscri|annulla l'iscrizione|avregistrer|avprenumer|avmeld|frameld"
    r"|wypis|odhl[áa]s|leiratkoz|отпис|email preferences|manage (?:your )?(?:preferences|subscri)"
    r"|list-manage|配信停止|退订|수신거부",
    re.IGNORECASE,
)


def _about_body(body: str, page: _Page) -> _Found:
    seen = _UNSEEN.sub(" ", body).strip()
    linked = bool(page.links) or "://" in body
    if not seen and not page.images:
        yield "BODY_EMPTY", "The mail has no text that one could see."
    elif len(seen) < 60 and linked and not page.images:
        yield "BODY_SHORT", f"All that the mail says beside its links is {_quoted(seen)}."
    tone = seen[:_MAX_LETTERS]
    lower, capitals = sum(map(str.islower, tone)), sum(map(str.isupper, tone))
    if lower + capitals >= 60 and capitals > 0.5 * (lower + capitals):
        share = capitals / (lower + capitals)
        yield "BODY_CAPITALS", f"{share:.0%} of the letters of the text are capitals."
    marks = tone.count("!") + tone.count("！")
    if (marks >= 8 and marks * 150 > len(tone)) or "!!!" in tone:
        yield "BODY_EXCLAMATION", f"The text has {marks} exclamation marks."
    phrases = dict.fromkeys(match[0].lower() for match in _PHRASE.finditer(tone))
    if len(phrases) >= 4:
        some = ", ".join(_quoted(phrase) for phrase in list(phrases)[:4])
        yield "BODY_PHRASES", f"The text has {len(phrases)} stock phrases, such as {some}."
    if (words := len(_IN_WORD.findall(body))) >= 3:
        yield "BODY_OBFUSCATED", f"In {words} places a word has invisible characters within."


def _about_images(page: _Page) -> _Found:
    length = len(_UNSEEN.sub(" ", page.text).strip())
    if page.images and length < 120:
        yield (
            "IMAGE_ONLY",
            f"There are {page.images} images, and {length} characters of text.",
        )
    elif page.images >= 3 and length < 80 * page.images:
        yield (
            "IMAGE_HEAVY",
            f"There are {page.images} images to {length} characters of text.",
        )


def _about_text(shown: str, text: str | None, *, text_was_given: bool) -> _Found:
    if not text or not text.strip():
        yield "NO_TEXT_PART", "The mail has HTML, but no text part."
        return
    if not text_was_given:
        yield "TEXT_GENERATED", "The text part is made from the HTML."
        return
    ours = set(re.findall(r"[^\W\d_]{4,}", text.lower()))
    theirs = set(re.findall(r"[^\W\d_]{4,}", shown.lower()))
    # A text that only points to the HTML is poor, but no disguise.
    if len(ours) >= 20 and len(theirs) >= 20:
        shared = len(ours & theirs) / len(ours)
        if shared < 0.3:
            yield (
                "TEXT_DIFFERS",
                f"The text part shares {shared:.0%} of its words with the HTML.",
            )


# Links.

_SHORTENERS: Final = frozenset(
    re.findall(
        r"\S+",
        """
        adf.ly bit.do bit.ly bitly.com buff.ly clck.ru cli.gs cutt.ly goo.gl is.gd j.mp lc.chat
        ow.ly po.st qr.ae rb.gy rebrand.ly s.id short.io shorte.st shorturl.at snip.ly surl.li
        t.co t.ly t2m.io tiny.cc tiny.one tinyurl.com tr.im u.to urlz.fr v.gd vk.cc x.co
        """,
    )
)
_SECOND_LEVEL: Final = frozenset(
    {"ac", "asso", "co", "com", "edu", "go", "gob", "gouv", "gov", "ne", "net", "or", "org"}
)
_URL_IN_TEXT = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?:[/\\]{2}([^/?#\\]*)", re.IGNORECASE)
_SHOWN_URL = re.compile(
    r"""\s*(?:
      https?://(?P<a>[^\s/?#:@]+)
      | (?P<b>www\.[\w-]+(?:\.[\w-]+)+)
      | (?P<c>(?:[\w-]+\.)+(?:com|org|net|info|biz|eu|io|edu|gov|de|uk|fr|nl|ch|at|es|it|be|ru))
    )(?:[:/?#]\S*)?\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\d{7,10}|0x[0-9a-f]{6,8}")
_MAX_HOSTS: Final = 12
_MAX_SHOWN: Final = 500


class _Target(NamedTuple):
    """Where a web link leads."""

    url: str
    host: str
    port: str
    user: str


def _target(url: str) -> _Target | None:
    match = _AUTHORITY.match(url)
    if match is None:
        return None
    user, at, place = match[1].rpartition("@")
    host, _, port = (place + ":").rpartition(":")[0].partition(":")
    if place.startswith("["):
        host, _, rest = place.partition("]")
        host, port = host + "]", rest.removeprefix(":")
    host = unquote(host).strip(".").lower()
    return _Target(url, host.removeprefix("www."), port, user + at) if host else None


def _domain(host: str) -> str:
    """What of a host is registered, as far as one can say without the list of public suffixes."""
    labels = host.split(".")
    many = len(labels) >= 3 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if many else labels[-2:])


def _about_links(page: _Page, text: str) -> _Found:
    urls = [url for url, _ in page.links] + _URL_IN_TEXT.findall(text)
    targets = [target for target in map(_target, dict.fromkeys(urls)) if target]
    for url, shown in page.links:
        real, seen = _target(url), _SHOWN_URL.fullmatch(shown[:_MAX_SHOWN])
        if real is None or seen is None:
            continue
        said = (seen["a"] or seen["b"] or seen["c"]).lower().strip(".")
        if _domain(said.removeprefix("www.")) != _domain(real.host):
            yield (
                "LINK_MISMATCH",
                f"A link shows {_quoted(said)} and leads to {_quoted(real.host)}.",
            )
            break
    if url := next((each for each in urls if _is_script(each)), ""):
        yield "LINK_SCRIPT", f"A link leads to {_quoted(url)}."
    for rule, says, is_bad in _BAD_TARGETS:
        if bad := next((target for target in targets if is_bad(target)), None):
            yield rule, f"{says}: {_quoted(bad.url)}."
    domains = {_domain(target.host) for target in targets}
    if len(domains) > _MAX_HOSTS:
        yield "LINK_HOSTS", f"The links lead to {len(domains)} different domains."


def _is_script(url: str) -> bool:
    # A browser leaves tabs and line ends out of a URL.
    plain = re.sub(r"[\x00-\x20]", "", url[:200]).lower()
    return plain.startswith(("javascript:", "vbscript:", "data:"))


def _is_address(host: str) -> bool:
    return _IPV4.fullmatch(host) is not None or host.startswith("[")


def _is_lookalike(host: str) -> bool:
    """Whether a label mixes Latin letters with others, also where that is written as punycode."""
    if host.isascii() and "xn--" not in host:
        return False
    labels = host.split(".")
    for label in labels:
        if label.startswith("xn--"):
            try:
                label = label[4:].encode("ascii").decode("punycode")  # noqa: PLW2901
            except (UnicodeError, ValueError, OverflowError):
                return True
        letters = {letter for letter in label if letter.isalpha()}
        scripts = {name(letter, "").partition(" ")[0] for letter in letters}
        if "LATIN" in scripts and not scripts.isdisjoint({"CYRILLIC", "GREEK", "ARMENIAN"}):
            return True
        # Cyrillic has letters enough that look Latin to write a whole name with.
        if letters and letters <= _LIKE_LATIN and labels[-1].isascii():
            return True
    return False


_BAD_TARGETS: Final[tuple[tuple[str, str, Callable[[_Target], bool]], ...]] = (
    ("LINK_SHORTENER", "A link is shortened", lambda of: of.host in _SHORTENERS),
    ("LINK_IP", "A link leads to an IP address", lambda of: _is_address(of.host)),
    ("LINK_CREDENTIALS", "A URL has a name before its host", lambda of: bool(of.user)),
    ("LINK_LOOKALIKE", "A host may imitate another", lambda of: _is_lookalike(of.host)),
    ("LINK_PORT", "A URL has a port", lambda of: of.port not in ("", "80", "443")),
)
_LIKE_LATIN: Final = frozenset("асеорхуіјѕԁһӏԛԝ")


# The page.


def _about_html(page: _Page, size: int) -> _Found:
    for rule, tags, says in (
        ("HTML_SCRIPT", ("script",), "The HTML has a script"),
        ("HTML_FRAME", ("iframe", "frame", "object", "embed", "applet"), "The HTML embeds"),
        ("HTML_FORM", ("form", "input", "textarea", "select"), "The HTML has a form"),
    ):
        if tag := next((tag for tag in tags if tag in page.tags), None):
            yield rule, f"{says}: <{tag}>."
    if size > _MAX_HTML:
        yield "HTML_LARGE", f"The HTML has {size // 1024} KB, with our links in it."
    hidden = _UNSEEN.sub(" ", page.hidden).strip()
    if len(hidden) > _MAX_PREHEADER:
        yield "HIDDEN_TEXT", f"{len(hidden)} characters of text are hidden: {_quoted(hidden)}."


_MAX_HTML: Final = 102 * 1024
"""Bytes of HTML that Gmail shows."""
_MAX_PREHEADER: Final = 200
"""Characters of hidden text that are taken for the preview that inboxes show beside a subject."""

_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source"}
)
_COLOUR = re.compile(r"#[0-9a-f]{3,8}|rgb\([^)]{1,40}\)|\bwhite\b|\bblack\b")
_NAMED: Final = {"white": "#ffffff", "black": "#000000"}
_ZERO = re.compile(r"(?:0+(?:\.0*)?|\.0+)\s*[a-z%]*\s*(?:!important)?")
_AS_OUTSIDE: Final = frozenset({"inherit", "none", "transparent", "unset"})
_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})\s*([a-z%]*)")


@dataclass(frozen=True, slots=True)
class _Look:
    """How text looks in an element, as far as it says itself.

    Attributes:
        background: a colour; empty where it cannot be known.
    """

    gone: bool = False
    invisible: bool = False
    tiny: bool = False
    colour: str = ""
    background: str = "#ffffff"

    @property
    def hides(self) -> bool:
        """Whether nobody can read it."""
        unseen = self.gone or self.invisible or self.tiny
        return unseen or bool(self.colour and self.colour == self.background)


class _Page(Scanner):
    """Reads a page once, and keeps what the rules are about.

    Attributes:
        text, hidden: the text that one sees, and the text that one does not.
        links: each link's URL and what it shows.
        images: how many one sees.
        tags: the names of all tags.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.text = self.hidden = ""
        self.links: list[tuple[str, str]] = []
        self.images = 0
        self.tags: set[str] = set()
        self._seen: list[str] = []
        self._unseen: list[str] = []
        self._open: list[tuple[str, _Look]] = []
        self._count: Counter[str] = Counter()
        self._link: tuple[str, int] | None = None
        self._look = _Look()

    def finish(self) -> None:
        """Puts the pieces together."""
        self._end_link()
        self.text, self.hidden = "".join(self._seen), "".join(self._unseen)

    def on_start(self, tag: str, start: int, end: int) -> None:
        values = self.values(start, end) if end - start > len(tag) + 3 else {}
        if not self._is_harmless(tag, values):
            self.tags.add(tag)
        url = values.get("href", "").strip()
        if tag == "a":
            self._end_link()
            self._link = (url, len(self._seen)) if url else None
        elif tag == "area" and url:
            self.links.append((url, ""))
        elif tag == "img":
            self._image(values)
        if tag in _CLOSING and self._open and self._open[-1][0] == tag:
            self.on_end(tag, start)
        if tag in _BREAKING:
            self._seen.append(" ")
        if tag not in _VOID:
            self._open.append((tag, self._look))
            self._count[tag] += 1
            if values:
                self._look = _look(self._look, values)

    def on_end(self, tag: str, start: int) -> None:  # noqa: ARG002
        if tag == "a":
            self._end_link()
        if tag in _BREAKING:
            self._seen.append(" ")
        if not self._count[tag]:
            return
        while self._open:
            known, self._look = self._open.pop()
            self._count[known] -= 1
            if known == tag:
                return

    def on_text(self, text: str) -> None:
        if self._open and self._open[-1][0] in self.CDATA_CONTENT_ELEMENTS:
            return
        (self._unseen if self._look.hides else self._seen).append(text)

    def _is_harmless(self, tag: str, values: Mapping[str, str]) -> bool:
        """Whether a tag that could do something does nothing: a check box that only a style sheet
        looks at, as menus for small screens have it, or data for the mailbox's own programs.
        """
        kind = values.get("type", "").strip().lower()
        if tag == "input":
            hidden = self._look.hides or _look(self._look, values).hides
            return kind == "hidden" or (kind in ("checkbox", "radio") and hidden)
        return tag == "script" and kind == "application/ld+json"

    def _image(self, values: Mapping[str, str]) -> None:
        sizes = [values.get("width", ""), values.get("height", "")]
        if not self._look.gone and not any(size in ("0", "1", "0px", "1px") for size in sizes):
            self.images += 1

    def _end_link(self) -> None:
        if self._link:
            url, place = self._link
            self.links.append((url, "".join(self._seen[place:])))
            self._link = None


_BREAKING: Final = frozenset(
    {"br", "p", "div", "td", "th", "tr", "li", "h1", "h2", "h3", "h4", "table", "img", "hr"}
)


_CLOSING: Final = frozenset({"dd", "dt", "li", "option", "p", "td", "th", "tr"})
"""What ends where the next of its kind begins."""


def _look(outer: _Look, values: Mapping[str, str]) -> _Look:
    """How text looks in an element with these attributes."""
    style = _style(values.get("style", ""))
    background = style.get("background-color") or style.get("background") or values.get("bgcolor")
    colour = style.get("color") or values.get("color")
    classed = "class" in values or "background" in values or "background-image" in style
    if not (style or background or colour or classed or "hidden" in values):
        return outer
    size = style.get("font-size")
    if background:
        ground = _colour(background, outer.background)
    else:
        # A class may give any background; whoever hides text that way is not found out.
        ground = "" if classed else outer.background
    return _Look(
        gone=outer.gone or "hidden" in values or _is_gone(style),
        invisible=_is_invisible(style.get("visibility"), outer),
        tiny=_is_tiny(size) if size else outer.tiny,
        colour=_colour(colour, outer.colour) if colour else outer.colour,
        background=ground,
    )


def _style(source: str) -> dict[str, str]:
    pairs = (each.partition(":") for each in source.lower().split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs if value}


def _is_gone(style: Mapping[str, str]) -> bool:
    if style.get("display", "").startswith("none"):
        return True
    if _is_zero(style.get("opacity", "1")):
        return True
    closed = _is_zero(style.get("max-height", "1")) or _is_zero(style.get("max-width", "1"))
    return closed and style.get("overflow", "").startswith("hidden")


def _is_zero(value: str) -> bool:
    return _ZERO.fullmatch(value) is not None


def _is_invisible(visibility: str | None, outer: _Look) -> bool:
    if visibility is None:
        return outer.invisible
    return visibility.startswith(("hidden", "collapse"))


def _is_tiny(size: str) -> bool:
    match = _SIZE.match(size)
    if match is None:
        return False
    number = float(match[1])
    return number == 0 or (number <= 1 and match[2] in ("", "px", "pt"))


def _colour(value: str, outer: str) -> str:
    """A colour in one way of writing; empty where it is an image, or not understood."""
    value = value.strip().lower()
    if value in _AS_OUTSIDE:
        return outer
    match = _COLOUR.search(value)
    if match is None or "url(" in value or "gradient" in value:
        return ""
    colour = match[0]
    if colour.startswith("rgb"):
        numbers = [int(number) for number in re.findall(r"[0-9]{1,3}", colour)[:3]]
        return "#" + "".join(f"{min(number, 255):02x}" for number in numbers)
    if len(colour) == 4:
        return "#" + "".join(2 * digit for digit in colour[1:])
    return _NAMED.get(colour, colour)
