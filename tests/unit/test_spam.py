"""How likely a filter is to mind a mail."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.mail.spam import RULES, THRESHOLD, score
from tests.support import ROOT

STORY = (
    "The society met on Monday to talk about the future of the garden, with tea and a cake. "
    "Members agreed to plant more trees along the wall, and to mend the gate before winter. "
)
TEXT = STORY * 4 + "To unsubscribe: https://society.example/u"
NEWSLETTER = f"""<html><head><title>News</title><style>.button {{ color: #fff }}</style></head>
<body style="margin:0;background:#ffffff"><div style="display:none;max-height:0">What is new in May</div>
<table role="presentation" bgcolor="#FFFFFF"><tr><td style="font-size:0"><img src="logo.png" width="200" alt="Society">
<span style="font-size:14px">The garden</span></td></tr><tr><td style="color:#333"><h1>May</h1><p>{STORY * 4}</p>
<a class="button" href="https://society.example/may?a=1&amp;b=2" style="color:#fff">Read it all</a>
<a href="https://www.society.example/">society.example</a>
<a href="https://social.example/society"><img src="s.png" width="24" alt="Follow us"></a></td></tr>
<tr><td><a href="https://society.example/u">Unsubscribe</a></td></tr></table></body></html>"""
GOOD: dict[str, Any] = {
    "subject": "News of the society in May",
    "html": NEWSLETTER,
    "text": TEXT,
    "text_was_given": True,
}
SPAM: dict[str, Any] = {
    "subject": "RE: YOU ARE A WINNER!!! $1,000,000",
    "html": "<h1>CONGRATULATIONS!!! YOU HAVE WON A CASH BONUS! CLICK HERE TO CLAIM YOUR PRIZE, ACT NOW</h1>"
    '<a href="http://192.0.2.1/">www.bank.example</a>',
    "text": None,
    "text_was_given": False,
}


def with_html(extra: str) -> dict[str, Any]:
    """The good newsletter with something more in its HTML."""
    return {"html": NEWSLETTER.replace("</h1>", "</h1>" + extra)}


def link(url: str, text: str = "here") -> dict[str, Any]:
    """The good newsletter with one more link."""
    return with_html(f'<a href="{url}">{text}</a>')


BAD: list[tuple[str, dict[str, Any]]] = [
    ("SUBJECT_EMPTY", {"subject": " "}),
    ("SUBJECT_CAPITALS", {"subject": "NEWS OF THE SOCIETY"}),
    ("SUBJECT_PUNCTUATION", {"subject": "Have you seen it?!"}),
    ("SUBJECT_PUNCTUATION", {"subject": "News! News! News!"}),
    ("SUBJECT_SPACED", {"subject": "A g r e a t offer"}),
    ("SUBJECT_PHRASE", {"subject": "Your free ticket"}),
    ("SUBJECT_PHRASE", {"subject": "Act now, dear members"}),
    ("SUBJECT_MONEY", {"subject": "Tickets for €20"}),
    ("SUBJECT_MONEY", {"subject": "Save 20 dollars"}),
    ("SUBJECT_FAKE_REPLY", {"subject": "Re: our talk"}),
    ("SUBJECT_FAKE_REPLY", {"subject": "AW: unser Gespräch"}),
    ("BODY_EMPTY", {"html": "<p>&nbsp;</p>"}),
    ("BODY_SHORT", {"html": '<a href="https://society.example/u">Unsubscribe</a>'}),
    ("BODY_CAPITALS", {"html": f"<p>{STORY.upper()}</p>" * 3 + "unsubscribe"}),
    ("BODY_EXCLAMATION", with_html("<p>Now!!!</p>")),
    ("BODY_PHRASES", with_html("Act now, risk free, guaranteed: click here and make money")),
    ("BODY_OBFUSCATED", with_html("v\u200bi\u200ba\u200bg")),
    ("IMAGE_ONLY", {"html": '<img src="x.png" width="600">Unsubscribe'}),
    ("IMAGE_HEAVY", {"html": '<img src="x.png">' * 9 + STORY + "Unsubscribe"}),
    ("NO_TEXT_PART", {"text": None}),
    ("TEXT_GENERATED", {"text_was_given": False}),
    ("TEXT_DIFFERS", {"text": " ".join(f"word{chr(97 + n)}{chr(98 + n)}other" for n in range(24))}),
    ("LINK_MISMATCH", link("https://evil.example/", "https://www.society.example/login")),
    ("LINK_MISMATCH", link("https://evil.example/", "society.org")),
    ("LINK_MISMATCH", link("https://bank.co.uk/", "www.other.co.uk")),
    ("LINK_SHORTENER", link("https://bit.ly/abc")),
    ("LINK_IP", link("http://192.0.2.7/x")),
    ("LINK_IP", link("http://[2001:db8::1]:80/x")),
    ("LINK_IP", link("http://3232235777/")),
    ("LINK_CREDENTIALS", link("https://bank.example@evil.example/")),
    ("LINK_LOOKALIKE", link("https://xn--pypal-4ve.com/")),
    ("LINK_LOOKALIKE", link("https://рaypal.com/")),
    ("LINK_PORT", link("https://society.example:8443/")),
    ("LINK_SCRIPT", link("java\nscript:alert(1)")),
    ("LINK_SCRIPT", link("data:text/html,x")),
    (
        "LINK_HOSTS",
        with_html("".join(f'<a href="https://s{n}.example{n}.org/">x</a>' for n in range(13))),
    ),
    ("HTML_SCRIPT", with_html("<script>x()</script>")),
    ("HTML_FRAME", with_html('<iframe src="https://society.example/"></iframe>')),
    ("HTML_FORM", with_html("<form><input></form>")),
    ("HTML_LARGE", with_html(f"<p>{STORY}</p>" * 700)),
    ("HIDDEN_TEXT", with_html(f'<div style="display : none">{STORY * 2}</div>')),
    ("HIDDEN_TEXT", with_html(f'<div style="visibility:hidden"><b>{STORY * 2}</b></div>')),
    ("HIDDEN_TEXT", with_html(f'<p style="font-size:1px">{STORY * 2}</p>')),
    ("HIDDEN_TEXT", with_html(f'<p style="opacity:0.0">{STORY * 2}</p>')),
    ("HIDDEN_TEXT", with_html(f'<p style="COLOR:#FFF">{STORY * 2}</p>')),
    ("HIDDEN_TEXT", with_html(f'<td bgcolor="black"><font color="#000">{STORY * 2}</font></td>')),
    ("HIDDEN_TEXT", with_html(f"<p hidden>{STORY * 2}</p>")),
    ("FOREIGN_FIELD", with_html("Dear *|FNAME|*")),
    ("FOREIGN_FIELD", with_html("Dear [[data:name]]")),
    ("FOREIGN_FIELD", with_html("Dear %FIRSTNAME%")),
    ("FOREIGN_FIELD", with_html("Dear %recipient.name%")),
    ("FOREIGN_FIELD", with_html("Dear %%First Name%%")),
    ("FOREIGN_FIELD", with_html("Dear {{{name}}}")),
    ("FOREIGN_FIELD", with_html("Dear ${name}")),
    ("FOREIGN_FIELD", link("*|UNSUB|*")),
    ("FOREIGN_FIELD", with_html("<unsubscribe>Leave</unsubscribe>")),
    ("FOREIGN_FIELD", {"subject": "News for *|FNAME|*"}),
    ("NO_UNSUBSCRIBE", {"html": f"<p>{STORY}</p>", "text": STORY}),
    ("NO_UNSUBSCRIBE", {"html": f'<p>{STORY}</p><a href="*|UNSUBSCRIBE|*">x</a>', "text": STORY}),
    ("NO_UNSUBSCRIBE", {"html": f"<p>{STORY}</p>[unsubscribe]", "text": f"{STORY} %unsubscribe%"}),
]


def rules(mail: dict[str, Any]) -> set[str]:
    """The rules that a mail breaks."""
    return {finding.rule for finding in score(**mail).findings}


def test_a_decent_newsletter_has_no_points() -> None:
    """With images, a preview text, links and a way to unsubscribe."""
    assert score(**GOOD).findings == ()
    assert score(**GOOD).points == 0


def test_a_decent_text_has_no_points() -> None:
    """A mail need not have HTML."""
    assert rules({**GOOD, "html": None}) == set()


def test_plain_spam_is_found_out() -> None:
    """Several habits together go beyond the threshold."""
    assert score(**SPAM).points > 2 * THRESHOLD


@pytest.mark.parametrize(("rule", "change"), BAD)
def test_a_habit_of_spam_is_found_and_is_not_enough(rule: str, change: dict[str, Any]) -> None:
    """It gives its rule's points and says what was found."""
    found = {finding.rule: finding for finding in score(**GOOD | change).findings}
    assert found[rule].points == RULES[rule].points
    assert re.fullmatch(r"[A-Z0-9].*\.", found[rule].what, re.DOTALL)
    assert score(**GOOD | change).points < THRESHOLD


def test_every_rule_is_tested() -> None:
    """None is in the table that nothing breaks."""
    assert {rule for rule, _ in BAD} == set(RULES)


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "NASA and the UK"},
        {"subject": "Feel free to join us"},
        {"subject": "Report: what we did"},
        {"subject": "Is it May? It is!"},
        {"subject": "Über die Gärten"},
        link("https://news.society.example/x", "www.society.example"),
        link("https://society.example/x", "readme.md"),
        link("https://society.example/x", "ann@society.example"),
        link("https://www.society.co.uk/", "http://shop.society.co.uk/x"),
        link("https://müller.example/"),
        link("https://例え.jp/"),
        link("https://society.example:443/?to=a@b.example"),
        link("mailto:ann@society.example"),
        with_html(f'<div style="font-size:0"><p style="font-size:14px">{STORY * 2}</p></div>'),
        with_html(f'<p style="color:#fff;background-color:#005">{STORY * 2}</p>'),
        with_html(f'<td class="dark"><p style="color:#fff">{STORY * 2}</p></td>'),
        with_html(
            f'<div style="background:url(x.png)"><p style="color:white">{STORY * 2}</p></div>'
        ),
        with_html(f'<p style="display:none">Preview<p>{STORY * 2}</p>'),
        with_html('<img src="pixel" width="1" height="1">' * 30),
        with_html('<input type="checkbox" style="display:none !important;max-height:0">'),
        with_html('<input type="hidden" name="x" value="y">'),
        with_html('<script type="application/ld+json">{"@type": "Event"}</script>'),
        with_html("From 20% to 30% more, and 100%25 of it: [1] [see below] {x}"),
        link("https://society.example/a%20b%2Fc?x=%E4%BC"),
    ],
    ids=range(24),
)
def test_what_is_decent_is_not_taken_for_spam(change: dict[str, Any]) -> None:
    """Near misses of the rules."""
    assert rules(GOOD | change) == set()


def test_a_habit_counts_once() -> None:
    """However often it shows."""
    once, often = (
        link("https://bit.ly/a"),
        link("https://bit.ly/a", "x</a><a href='https://t.co/b'>y"),
    )
    assert score(**GOOD | once).points == score(**GOOD | often).points


def test_the_points_are_the_sum_of_what_was_found() -> None:
    """In the order of the table."""
    result = score(**SPAM)
    assert result.points == pytest.approx(sum(finding.points for finding in result.findings))
    names = [finding.rule for finding in result.findings]
    assert names == [rule for rule in RULES if rule in names]


def test_no_rule_is_enough_alone() -> None:
    """One habit never reaches the threshold."""
    assert all(0 < rule.points < THRESHOLD for rule in RULES.values())


def test_every_rule_is_documented() -> None:
    """docs/spam.md has each with its points and its reason, and no other."""
    text = (ROOT / "docs/spam.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| (.+?) \|", text, re.MULTILINE)
    assert rows == [(name, str(rule.points), rule.reason) for name, rule in RULES.items()]


PIECES = (
    *(
        '<a href="',
        '">',
        "</a>",
        "http://",
        "https://x.example:99999/",
        "@",
        "[",
        "]",
        "xn--",
        "%",
        "javascript:",
    ),
    *(
        '<p style="',
        "color:",
        "#fff",
        "rgb(1,2",
        "font-size:",
        "0.",
        "..",
        ";",
        ":",
        "display:none",
        "opacity:.0",
    ),
    *(
        "<script>",
        "</script>",
        "<img width=",
        "<form>",
        "<!--",
        "-->",
        "<![",
        "&#",
        "!!!",
        "FREE",
        "\u200b",
        "\ud800",
    ),
    *("<td>", "</td>", "</p>", "²", "٣", "ｘ", "\x00", "\n"),
)
mails = (
    st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join) | st.text()
)


@given(mails, st.none() | mails, st.none() | mails, st.booleans())
def test_any_mail_has_a_score(
    subject: str, html: str | None, text: str | None, given_: bool
) -> None:
    """Without a crash, and the same each time."""
    first = score(subject, html, text, text_was_given=given_)
    score(text or "", subject, html, text_was_given=not given_)
    assert score(subject, html, text, text_was_given=given_) == first
    assert first.points >= 0
