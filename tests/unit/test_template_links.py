"""A template's links: those with merge fields are known again in what became of them."""

from __future__ import annotations

from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.domain.links import countable, link_key
from sendtrail.mail.markup import links
from sendtrail.mail.template_links import TemplateLinks
from sendtrail.mail.templates import BUILT_IN, Body, Template

PAGE = """
<a href="https://a.example/plain">a</a>
<a href="https://a.example/?id={{ id }}&amp;x=1">b</a>
{% for each in shop %}<a href="https://shop.example/{{ each.name }}/{{ each.id }}">c</a>{% endfor %}
<a href='{{ base }}/of/{{ data["id"] }}'>d</a>
<a href="https://a.example/{% if id == '1' %}one{% else %}other{% endif %}?y">e</a>
<!--[if mso]><v:roundrect href="https://button.example/{{ id }}"></v:roundrect><![endif]-->
<a href="{{ unsubscribe_url }}">f</a>
"""


def written(page: str, **data: Any) -> dict[str, str | None]:
    """URL of each link of a mail → the link as the template has it."""
    template = Template(Body("s", page, None))
    html = template.render(dict.fromkeys(BUILT_IN, "https://b.example/u") | data).html or ""
    return {link.url: template.link_of(link.url) for link in links(html)}


def test_a_link_with_a_merge_field_is_the_templates() -> None:
    """In loops, conditions and Outlook's buttons; one that is plain is itself."""
    shop = [{"name": "tea", "id": 1}, {"name": "wine", "id": 22}]
    data = {"id": "1", "shop": shop, "base": "https://base.example", "data": {"id": "7"}}
    assert written(PAGE, **data) == {
        "https://a.example/plain": None,
        "https://a.example/?id=1&x=1": "https://a.example/?id={{ id }}&x=1",
        "https://shop.example/tea/1": "https://shop.example/{{ each.name }}/{{ each.id }}",
        "https://shop.example/wine/22": "https://shop.example/{{ each.name }}/{{ each.id }}",
        "https://base.example/of/7": '{{ base }}/of/{{ data["id"] }}',
        "https://a.example/one?y": (
            "https://a.example/{% if id == '1' %}one{% else %}other{% endif %}?y"
        ),
        "https://button.example/1": "https://button.example/{{ id }}",
        "https://b.example/u": "{{ unsubscribe_url }}",
    }


def test_what_is_written_out_is_known_before_what_may_be_anything() -> None:
    """And of two that could have made it, the one that says more."""
    page = (
        '<a href="{{ a }}">1</a> <a href="https://x.example/">2</a>'
        ' <a href="https://x.example/{{ b }}">3</a> <a href="https://x.example/long/{{ c }}">4</a>'
    )
    data = {"a": "https://other.example/", "b": "b", "c": "c"}
    assert list(written(page, **data).values()) == [
        "{{ a }}",
        None,
        "https://x.example/{{ b }}",
        "https://x.example/long/{{ c }}",
    ]


@pytest.mark.parametrize(
    "url", ["https://x.example/a", "https://x.example/a-", "https://y.example/a--b", ""]
)
def test_what_no_link_can_have_become_is_its_own(url: str) -> None:
    """As where all of the page is data."""
    assert TemplateLinks('<a href="https://x.example/a-{{ b }}-c">').of(url) is None


@given(st.lists(st.text(max_size=8), min_size=1, max_size=3), st.data())
def test_any_data_are_known_again(values: list[str], data: st.DataObject) -> None:
    """Whatever characters they have, but for those that a browser takes out of URLs."""
    texts = [data.draw(st.sampled_from(["", "/", "?a=", "&b=", "-"])) for _ in values]
    shape = "https://x.example/" + "".join(
        text + "{{ v" + str(number) + " }}" for number, text in enumerate(texts)
    )
    clean = [
        "".join(each for each in value if each > " " and not "\ud800" <= each <= "\udfff")
        for value in values
    ]
    names = {f"v{number}": value for number, value in enumerate(clean)}
    assert set(written(f'<a href="{escape(shape)}">', **names).values()) == {shape}


def test_what_is_counted_is_what_leads_to_the_web() -> None:
    """Each once, as it is written; not what is not tracked, nor the one by which one unsubscribes."""
    source = (
        '<a href="https://a.example/?x=1&amp;y=2">a</a> <a href="https://a.example/?x=1&amp;y=2">b</a>'
        '<a href="HTTP://b.example/{{ name }}">c</a><a href="{{ link }}">d</a>'
        '<a href="mailto:us@a.example">e</a><a href="#top">f</a><a href="{{unsubscribe_url}}">g</a>'
        '<a data-track="off" href="https://c.example/">h</a>'
    )
    assert TemplateLinks(source).counted == [
        "https://a.example/?x=1&y=2",
        "HTTP://b.example/{{ name }}",
        "{{ link }}",
    ]


def test_links_are_noted_up_to_a_limit() -> None:
    """The fifty with the smallest keys, and none too long to be shown whole."""
    links = [f"https://a.example/{number}" for number in range(70)]
    noted = countable([*links, "https://a.example/" + "x" * 1_000])
    assert {link_key(each) for each in noted} == set(sorted(map(link_key, links))[:50])
