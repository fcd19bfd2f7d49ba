"""The HTML of a mail: what is found in it, what is changed, and what is left alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.mail.markup import Link, as_text, links, with_links, with_pixel

OUTLOOK = (
    '<!--[if mso]><v:roundrect href="https://a.example/?x=1&amp;y=2" style="height:40px">'
    "<w:anchorlock/><center>Go</center></v:roundrect><![endif]-->"
)
PIECES = (
    *("<", ">", "</", "/>", "<a ", "<A\n", "</a>", "<area ", "<v:rect ", "href=", "HREF = ", '"'),
    *("'", "=", "https://a.example/?a=1&b=2", "http://b.example", "&amp;", "&copy", "&#1;", "&#x"),
    *(
        "<!--",
        "-->",
        "--!>",
        "<!-- [if mso]>",
        "<!--[if gte mso 9]>",
        "<![endif]-->",
        "<![if !mso]>",
    ),
    *(
        "<![",
        "<!",
        "<?",
        "<![CDATA[",
        "]]>",
        "<script>",
        "</script>",
        "<style>",
        "</style >",
        "<title>",
    ),
    *(
        "</title>",
        "<textarea>",
        "data-track=off",
        " ",
        "\r\n",
        "\r",
        "\n",
        "\t",
        "\f",
        "\x00",
        "\u00a0",
    ),
    *(
        "<body>",
        "</body>",
        "</body ",
        "</html>",
        "<p",
        "é",
        "😀",
        "\ud800",
        "<br/>",
        "<script/>",
        "x",
    ),
    *(
        "<table>",
        "<td>",
        "<tr>",
        "</table>",
        "<ul>",
        "<li>",
        "<ol start=3>",
        "<h1>",
        "<pre>",
        "<img alt=",
    ),
)
pages = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join)
urls = st.builds(
    "{}{}".format, st.sampled_from(("http://", "https://", "HTTPS://")), st.text(max_size=40)
).map(lambda url: url.strip("".join(map(chr, range(33)))))


def found(html: str) -> list[str]:
    """The URLs of all links."""
    return [link.url for link in links(html)]


def relinked(html: str, url: Callable[[int], str | None]) -> str:
    """The HTML with its links leading where is said for their positions."""
    return with_links(html, lambda links: [url(link.position) for link in links])


@pytest.mark.parametrize(
    "tag",
    [
        '<a href="https://x.example/?a=1&amp;b=2">',
        "<a href='https://x.example/?a=1&amp;b=2'>",
        "<a href=https://x.example/?a=1&amp;b=2>",
        '<A HREF="https://x.example/?a=1&b=2">',
        '<a\n\tclass="b"\r\n href = "https://x.example/?a=1&b=2" >',
        '<a download href="https://x.example/?a=1&b=2" href="https://other.example/">',
        '<a href=" \n https://x.example/?a=1&#38;b=2\t">',
        '<a title="a > b" href="https://x.example/?a=1&#x26;b=2"/>',
        '<area shape="rect" href="https://x.example/?a=1&b=2">',
        '<v:rect href="https://x.example/?a=1&b=2"/>',
        '<a data-track="on" href="https://x.example/?a=1&b=2">',
    ],
)
def test_a_link_is_found_however_it_is_written(tag: str) -> None:
    """By any quotes, in any case and at any place of its tag."""
    assert found(f"<p>é\r\n{tag}here</a>") == ["https://x.example/?a=1&b=2"]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="mailto:a@example.org">',
        '<a href="tel:+1">',
        '<a href="#top">',
        '<a href="/relative">',
        '<a href="//x.example">',
        '<a href="javascript:alert(1)">',
        "<a href>",
        "<a>",
        '<a href="https://x.example" data-track="off">',
        '<a DATA-TRACK=" OFF " href="https://x.example">',
        '<link href="https://x.example">',
        '<!-- <a href="https://x.example"> -->',
        "<script>\"<a href='https://x.example'>\"</script>",
        "<style>/* <a href='https://x.example'> */</style>",
        "<title><a href='https://x.example'></title>",
        "<p title=\"<a href='https://x.example'>\">",
        '<abbr href="https://x.example">',
        '<a href="https://x.example',
    ],
)
def test_what_is_no_link_is_left_out(html: str) -> None:
    """Other schemes, other tags, comments, scripts, and what its author does not want tracked."""
    assert found(html) == []
    assert relinked(html, lambda _: "https://t.example/") == html


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("https://x.example/?a=1&copy=2&reg=3", "https://x.example/?a=1&copy=2&reg=3"),
        ("https://x.example/?a&notit;&copyx;", "https://x.example/?a&notit;&copyx;"),
        ("https://x.example/?a=&lt;&eacute;", "https://x.example/?a=<é"),
        ("https://x.example/%20%C3%A9+ü😀", "https://x.example/%20%C3%A9+ü😀"),
        ("https://x.example/&copy", "https://x.example/©"),
    ],
)
def test_a_url_is_decoded_as_browsers_do(source: str, url: str) -> None:
    """A name without a semicolon is no reference in the middle of a query."""
    assert found(f'<a href="{source}">') == [url]


def test_outlooks_buttons_are_links_too() -> None:
    """In a conditional comment, in their place among the others."""
    html = f'<a href="http://first.example">1</a>{OUTLOOK}<a href="http://last.example">2</a>'
    assert found(html) == [
        "http://first.example",
        "https://a.example/?x=1&y=2",
        "http://last.example",
    ]
    changed = relinked(html, lambda position: f"https://t.example/{position}?a&b")
    assert '<v:roundrect href="https://t.example/1?a&amp;b" style="height:40px">' in changed
    assert found(changed) == [f"https://t.example/{position}?a&b" for position in range(3)]


def test_a_bare_end_of_a_condition_hides_no_link() -> None:
    """``<![endif]-->`` ends at its first ``>``."""
    html = (
        '<![if !mso]><a href="http://a.example"></a><![endif]--><a href="http://b.example">x]></a>'
    )
    assert found(html) == ["http://a.example", "http://b.example"]


def test_only_what_is_replaced_changes() -> None:
    """Other attributes, quotes and links stay byte for byte."""
    html = "<A b=1 HREF='http://a.example' C = \"d'\" href=no checked>x</A> <a href=http://b.example/>y"
    changed = relinked(html, lambda position: "http://t.example/'\"" if position == 0 else None)
    assert changed == html.replace("http://a.example", "http://t.example/&#x27;&quot;")
    changed = relinked(html, lambda position: "http://t.example" if position == 1 else None)
    assert changed == html.replace("http://b.example/", '"http://t.example"')


@given(pages | st.text())
def test_nothing_changes_where_nothing_is_replaced(html: str) -> None:
    """For any text whatever."""
    assert relinked(html, lambda _: None) == html


@given(pages, urls)
def test_what_is_replaced_can_be_read_back(html: str, url: str) -> None:
    """Each link leads where it was said to, and there are as many as before."""
    before = found(html)
    seen: list[tuple[int, str]] = []

    def replace(links: Sequence[Link]) -> list[str]:
        seen.extend((link.position, link.url) for link in links)
        return [url] * len(links)

    assert found(with_links(html, replace)) == [url] * len(before)
    assert seen == list(enumerate(before))


@given(st.lists(urls, max_size=4), st.sampled_from("\"'"))
def test_any_url_is_found_as_a_browser_reads_it(several: list[str], quote: str) -> None:
    """Whatever characters its path has, once it is escaped: but for tabs and line ends, which a
    browser leaves out, byte for byte.
    """
    several = [f"https://society.example/{url}" for url in several]
    html = "\r\n".join(f"<p>é<a class=b href={quote}{escape(url)}{quote}>x</a>" for url in several)
    read = [re.sub(r"[\t\n\r]", "", url) for url in several]
    assert found(html) == [url.rstrip("".join(map(chr, range(33)))) for url in read]


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("https://x.example/?x=1\n&amp;y=2", "https://x.example/?x=1&y=2"),
        ("ht\ttps://x.exa\r\nmple/", "https://x.example/"),
        (
            "https://b\u00fccher.example/\u00e4?\u00fc",
            "https://xn--bcher-kva.example/\u00e4?\u00fc",
        ),
        ("https://ann@B\u00dcCHER.example:8443/", "https://ann@xn--bcher-kva.example:8443/"),
    ],
)
def test_urls_are_read_as_browsers_read_them(href: str, url: str) -> None:
    """By the link, the text part and the redirect alike."""
    html = f'<a href="{href}">here</a>'
    assert found(html) == [url]
    assert as_text(html) == f"here ({url})"


def test_a_control_character_in_a_url_stays() -> None:
    """Only tabs and line ends are left out."""
    assert found('<a href="https://x.example/&#16;a">x</a>') == ["https://x.example/\x10a"]


def test_a_comment_that_ends_where_it_begins_hides_no_link() -> None:
    """`<!-->` and `<!--->` are whole comments."""
    for comment in ("<!-->", "<!--->"):
        assert found(f'{comment}<a href="https://x.example/">x</a>-->') == ["https://x.example/"]


def test_ses_own_switch_keeps_a_link_from_being_tracked() -> None:
    """And is taken out, as SES does."""
    html = (
        '<a ses:no-track href="https://a.example/">a</a>'
        "<a href=https://b.example/ SES:NO-TRACK>b</a>"
        '<a href="https://c.example/">ses:no-track</a>'
    )
    assert found(html) == ["https://c.example/"]
    assert relinked(html, lambda position: f"https://t.example/{position}") == (
        '<a href="https://a.example/">a</a>'
        "<a href=https://b.example/>b</a>"
        '<a href="https://t.example/0">ses:no-track</a>'
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('Write to <a href="mailto:">a friend</a>', "Write to a friend"),
        ('Write to <a href="mailto:?subject=x">a friend</a>', "Write to a friend"),
        ("<p>one<br>\n two<br/>   three</p>", "one\ntwo\nthree"),
        ("<pre>one<br>  two</pre>", "one\n  two"),
        ('<a href="https://x.example/"><img src="a.png"></a>', "https://x.example/"),
        ('<a href="https://x.example/"><img src="a.png" alt="A"></a>', "A (https://x.example/)"),
        ("<img src='a.png'>", ""),
    ],
)
def test_the_text_part_loses_no_link_and_adds_no_space(html: str, text: str) -> None:
    """Nor says what is not there."""
    assert as_text(html) == text


@given(pages)
def test_the_pixel_is_added_and_nothing_lost(html: str) -> None:
    """For any text whatever."""
    changed = with_pixel(html, "https://t.example/?a&b")
    pixel = '<img src="https://t.example/?a&amp;b" width="1" height="1" alt="" style="display:block;border:0">'
    assert pixel in changed
    assert changed.replace(pixel, "", 1) == html


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<body>x", "</body></html>"),
        ("<body>x", "</BODY\n></html>"),
        ("<body></body>x", "</body><!-- </body> --><script>'</body>'</script>"),
        ("<html>x", "</html>"),
        ("x <!-- </body> -->", ""),
        ('x <p title="</body>">', ""),
    ],
)
def test_the_pixel_is_the_last_thing_in_the_body(before: str, after: str) -> None:
    """Before the last end tag that is one."""
    changed = with_pixel(before + after, "https://t.example/")
    assert changed.startswith(before + "<img ")
    assert changed.endswith('border:0">' + after)


def test_the_text_of_a_mail_reads_well() -> None:
    """Headings, paragraphs, lists, links, images, quotes and tables."""
    html = """<html><head><title>No</title><style>p {}</style></head><body><script>no()</script>
      <div style="display:none">Preview&zwnj;&nbsp;&zwnj;&nbsp;&#847;</div>
      <table role="presentation"><tr><td><h1>The  garden</h1></td></tr><tr><td>
      <p>Dear Ann &amp; Ben,<p>we_met on *Monday*.<br>All&nbsp;came.
      <ul><li>Tea<li>Cake: <a href="https://a.example/?x=1&amp;y=2">the <b>recipe</b></a></ul></td></tr></table>
      <table><tr><th>Day<th>Hour<tr><td>Monday<td>9</table>
      <blockquote>Very good</blockquote><ol start=3><li>x<li>y</ol><h3>Last</h3>
      <a href="https://b.example/"><img src=x alt="Our shop"></a> <a href="mailto:c@example.org">c@example.org</a>
      <a href="https://www.d.example/">www.d.example</a> <a href="#top">Up</a>
      <p>\u200bso\u00adft <img src=pixel></p></body></html>"""
    assert as_text(html) == (
        "Preview\n\nThe garden\n==========\n\nDear Ann & Ben,\n\nwe_met on *Monday*.\nAll came.\n\n"
        "- Tea\n- Cake: the recipe (https://a.example/?x=1&y=2)\n\nDay | Hour\nMonday | 9\n\n"
        "> Very good\n\n3. x\n4. y\n\nLast\n\nOur shop (https://b.example/) c@example.org "
        "https://www.d.example/ Up\n\nsoft"
    )


@given(pages | st.text())
def test_any_html_has_a_text(html: str) -> None:
    """Without a crash, and without blank lines in a row."""
    assert "\n\n\n" not in as_text(html)


@pytest.mark.parametrize(
    "html",
    [
        "<a " * 50_000,
        "<a href='" * 30_000,
        "<!--" * 50_000,
        "<![ x" * 50_000,
        "</" * 50_000,
        "<p>" * 20_000 + "x",
        "<table><tr><td>" * 5_000,
        "<b>" * 20_000 + "</i>" * 20_000,
        f"<a href='https://a.example/&#{'1' * 5_000};'>&#{'1' * 5_000};",
    ],
    ids=lambda html: html[:12],
)
def test_malice_takes_no_longer_than_mail(html: str) -> None:
    """What is unfinished, deep or huge is read in time that grows with its length alone."""
    start = time.process_time()
    links(html)
    with_pixel(html, "https://t.example/")
    as_text(html)
    assert time.process_time() - start < 10
