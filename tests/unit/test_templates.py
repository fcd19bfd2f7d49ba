"""Templates: what they may hold, what they want to know, and what becomes of them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.errors import InvalidInputError, InvalidTemplateError, MissingFieldError
from sendtrail.mail.templates import (
    ALLOWED_FILTERS,
    BUILT_IN,
    Body,
    Rendered,
    Template,
    check,
)
from tests.strategies import json_values

DATA: dict[str, Any] = {
    "participant_id": "member-7",
    "address": "ann@example.org",
    "unsubscribe_url": "https://mail.example/u",
    "person": {"first_name": "Ann <b>", "items": ["one"], "title": None},
    "orders": [
        {"name": "Tea", "price": 1.5, "kind": "b"},
        {"name": "Cake", "price": 3, "kind": "a"},
    ],
    "word": "x",
    "long": "x" * 100_000,
    "many": list(range(5_000)),
    "huge": 10**30,
}
OPEN, SHUT = "{{", "}}"


def text_of(source: str, **data: Any) -> str:
    """What a text part becomes."""
    return Template(Body("s", None, source)).render({**DATA, **data}).text


def refusal(source: str, part: str = "text") -> InvalidTemplateError:
    """The error that a part is refused with."""
    parts = {"subject": "s", "html": None, "text": "t", part: source}
    with pytest.raises(InvalidTemplateError) as error:
        check(Body(**parts))
    return error.value


def test_each_part_is_rendered() -> None:
    """The HTML is escaped; subject and text are not."""
    body = Body(
        "For {{ person.first_name }}",
        "<p>{{ person.first_name }}</p>",
        "{{ word ~ person.first_name }}",
    )
    assert Template(body).render(DATA) == Rendered(
        "For Ann <b>", "<p>Ann &lt;b&gt;</p>", "xAnn <b>"
    )


def test_a_text_is_made_where_none_is_given() -> None:
    """Of the rendered HTML."""
    template = Template(Body("s", "<h1>Hi</h1><p>{{ person.first_name }}", " \n"))
    assert template.render(DATA).text == "Hi\n==\n\nAnn <b>"
    assert not template.has_text


def test_a_mail_may_be_text_alone() -> None:
    """A blank page is none."""
    assert Template(Body("s", " ", "t")).render(DATA) == Rendered("s", None, "t")


def test_fields_are_those_of_all_parts_but_for_the_built_in() -> None:
    """Each top-level name once; names that the template sets itself are not among them."""
    body = Body(
        "{{ a }} {{ participant_id }}",
        "{% for x in b.list if x.y %}{{ x.z }}{{ loop.index }}{% endfor %}{{ unsubscribe_url }}",
        "{% set c = d|default(e) %}{{ c }}{{ address }}{% if f is defined %}{% endif %}",
    )
    assert check(body) == {"a", "b", "d", "e", "f"}
    assert Template(body).fields == check(body)
    assert {"participant_id", "address", "unsubscribe_url"} == BUILT_IN


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ person.items[0] }} {{ orders.1.name }} {{ orders[-1]['name'] }}", "one Cake Cake"),
        (
            "{% for o in orders %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{{ o.name }}{% if not loop.last %},{% endif %}{% endfor %}",
            "1aTea,2bCake",
        ),
        ("{% for o in orders if o.price > 2 %}{{ o.name }}{% else %}none{% endfor %}", "Cake"),
        ("{% for k, v in person|items if v is string %}{{ k }}{% endfor %}", "first_name"),
        (
            "{% for g in orders|groupby('kind') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}",
            "a1b1",
        ),
        ("{{ orders|map(attribute='name')|map('upper')|join(', ') }}", "TEA, CAKE"),
        ("{{ orders|selectattr('price', 'gt', 2)|map(attribute='name')|first }}", "Cake"),
        (
            "{{ orders|map(attribute='price')|sum }} {{ orders|join('/', attribute='name') }}",
            "4.5 Tea/Cake",
        ),
        (
            "{{ (2 * 3 + 1) / 2 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 'a' + 'b' }} {{ 2.345|round(1) }}",
            "3.5 3 3 ab 2.3",
        ),
        ("{{ nobody|default('friend') }} {{ nobody.name|default('friend') }}", "friend friend"),
        ("{{ person.title }}|{{ person.title or 'none' }}", "|none"),
        ("{{ word if word in 'xyz' else 'no' }}{% with a = word %}{{ a }}{% endwith %}", "xx"),
        ("{% raw %}{{ x }}{% endraw %}{# no #}", "{{ x }}"),
        ("{{ 'a b'|urlencode }} {{ 'abc'|replace('b', 'x')|title|trim }}", "a%20b Axc"),
        ("{{ person|dictsort|map('first')|list|length }}", "3"),
    ],
)
def test_what_a_mail_needs_is_there(source: str, text: str) -> None:
    """Values, loops, conditions, filters, a little arithmetic."""
    assert text_of(source) == text


@pytest.mark.parametrize(
    "construct",
    [
        "{{ word.__class__ }}",
        "{{ word['__class__'] }}",
        "{{ word|attr('__class__') }}",
        "{{ orders|map(attribute='__class__')|list }}",
        "{{ orders|map(attribute='name.__class__')|list }}",
        "{{ orders|sort(attribute='_x') }}",
        "{{ orders|map('attr', 'x') }}",
        "{{ orders|map(word) }}",
        "{{ orders|select('callable') }}",
        "{{ orders|selectattr('x', word) }}",
        "{{ ''.format }}",
        "{{ ''.format() }}",
        "{{ '%s'|format(1) }}",
        "{{ word.upper() }}",
        "{{ range(3) }}",
        "{{ loop.cycle(*orders) }}",
        "{{ word|e(*orders) }}",
        "{{ word|safe }}",
        "{{ word|tojson }}",
        "{{ word|_measured }}",
        "{{ word is callable }}",
        "{{ 'a' * 10**9 }}",
        "{{ self }}",
        "{{ _word }}",
        "{% set _a = 1 %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block a %}{% endblock %}",
        "{% macro a() %}{% endmacro %}",
        "{% call word() %}{% endcall %}",
        "{% filter upper %}{% endfilter %}",
        "{% set a %}{% endset %}",
        "{% autoescape false %}{% endautoescape %}",
        "{% for a in b recursive %}{% endfor %}",
        "{% for a in b %}{% for c in d %}{% for e in f %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ word|nope }}",
        "{{ word is nope }}",
        "{% nope %}",
        "{{ }",
        "{{ word",
        "{% for loop in orders %}{% endfor %}",
        "{% set a = [a, a] %}",
        "{% if a in [b] %}{% endif %}",
        "{{ [a, b]|sort|length }}",
        "{% set t = (t, t) %}",
        "{% set d = {t: 1} %}",
        "{% set d = {'t': t} %}",
        "{% set d = [[1], [2]] %}",
    ],
)
def test_what_a_mail_does_not_need_is_refused_with_its_line(construct: str) -> None:
    """When the template is stored, and not when it is sent."""
    for part in ("html", "text"):
        error = refusal(f"one\ntwo {construct}", part)
        assert (error.part, error.line) == (part, 2)
        assert str(error).startswith(f"{part}, line 2: ")
    assert refusal(construct, "subject").part == "subject"


def test_the_message_says_what_is_wrong() -> None:
    """With the part and the line before it."""
    assert str(refusal("a\n\n{{ }", "html")) == "html, line 3: unexpected '}'"
    assert str(refusal("{{ x() }}")) == "text, line 1: calls are not allowed"


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (Body("", "h", "t"), "subject"),
        (Body(" \n", None, "t"), "subject"),
        (Body("s", None, None), "text"),
        (Body("s", "", " "), "text"),
        (Body("s", "é" * 140_000, "t" * 20_001), "html"),
        (Body("s", None, "\ud800"), "text"),
        (Body("s", None, "{{ " + "(" * 5_000), "text"),
        (Body("s", None, "{{ " + "1+" * 20_000 + "1 }}"), "text"),
        (Body("s", None, "{% if a %}" * 200 + "{% endif %}" * 200), "text"),
        (Body("s", None, "{{ " + "9" * 5_000 + " }}"), "text"),
        (Body("s", None, "{{a}}" * 58_000), "text"),
        (Body("s", None, "{{ a" + "|d" * 9_000 + " }}"), "text"),
        (Body("s", None, "{{ a" + " ~ a" * 20_000 + " }}"), "text"),
    ],
    ids=range(13),
)
def test_a_body_that_cannot_be_sent_is_refused(body: Body, part: str) -> None:
    """Empty, too large, or deeper than Python reads."""
    with pytest.raises(InvalidTemplateError) as error:
        check(body)
    assert (error.value.part, error.value.line) == (part, None)


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("{{ nobody }}", "nobody"),
        ("{{ person.last_name }}", "person.last_name"),
        ("{{ person['last_name']|upper }}", "person.last_name"),
        ("{{ nobody.a.b }}", "nobody.a.b"),
        ("{% for o in orders %}{{ o.name }}{{ o.size }}{% endfor %}", "orders.0.size"),
        ("{{ orders[7] }}", "orders.7"),
        ("{{ orders[7].name }}", "orders.7.name"),
        ("{{ word.upper }}", "word.upper"),
        ("{{ person.keys }}", "person.keys"),
        ("{{ orders.append }}", "orders.append"),
        ("{% if nobody %}{% endif %}", "nobody"),
        ("{% for x in nobody %}{% endfor %}", "nobody"),
        ("{{ nobody + 1 }}", "nobody"),
        ("{{ 'a' ~ nobody }}", "nobody"),
        ("{{ word in nobody }}", "nobody"),
        ("{{ orders|map(attribute='size')|join }}", "orders.0.size"),
        ("{{ nobody|length }}", "nobody"),
        ("{{ nobody == 1 }}", "nobody"),
    ],
)
def test_a_missing_field_is_named(source: str, field: str) -> None:
    """Dotted where it is part of another; Python's own attributes are no fields."""
    with pytest.raises(MissingFieldError) as error:
        text_of(f"\n{source}")
    assert error.value.field == field
    assert str(error.value) == f"text, line 2: the data have no {field!r}"


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 1000000000 }}",
        "{{ 1000000000 * word }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ huge * huge }}",
        "{{ orders + orders }}",
        "{{ [0] * 1000000000 }}",
        "{{ 5|round(1000000000) }}",
        "{{ 5|round(0 - 1000000000) }}",
        "{{ word|truncate(0 - 9) }}",
        "{{ 1 / 0 }}",
        "{{ word < 1 }}",
        "{{ orders }}",
        "{{ person|items }}",
        "{{ orders|first ~ 'x' }}",
        "{{ []|first }}",
        "{{ word|items }}",
        "{{ orders|sum }}",
        "{% for x in person.title %}{% endfor %}",
        "{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}",
        "{% for a in many %}{{ many|sort|length }}{% endfor %}",
        "{% for a in many %}{% if 'x' in many %}{% endif %}{% endfor %}",
        "{% for a in many %}" + "{% if a %}{% endif %}" * 900 + "{% endfor %}",
        "{% set a = long ~ long %}" + "{% set a = a ~ a %}" * 30,
        "{% set a = long + long %}" + "{% set a = a + a %}" * 30,
        "{{ many|join(long) }}",
        "{% for character in long %}{% endfor %}",
        "{{ long|replace('x', long) }}",
    ],
    ids=lambda source: source[:40],
)
def test_what_data_lead_to_is_refused_before_it_hurts(source: str) -> None:
    """Too much work, too long a text, or a value of another kind; with the line."""
    template = Template(Body("s", None, f"\n{source}"))
    start = time.process_time()
    with pytest.raises(InvalidInputError, match=r"^text, line 2: ") as error:
        template.render(DATA)
    assert not isinstance(error.value, MissingFieldError)
    assert time.process_time() - start < 5


def test_a_part_that_gets_too_large_is_refused() -> None:
    """Beyond 500,000 bytes, of UTF-8 and after escaping."""
    assert len(text_of("{{ long }}" * 5)) == 500_000
    for body in (
        Body("s", None, "{{ long }}" * 1_000),
        Body("s", None, "{{ long|replace('x', 'é') }}" * 3),
        Body("s", "{{ long|replace('x', '<') }}" * 2, "t"),
    ):
        with pytest.raises(InvalidInputError, match="larger than 500000 bytes"):
            Template(body).render(DATA)


def test_a_subject_is_one_line() -> None:
    """Nothing in the data can begin another header."""
    template = Template(Body(" {{ word }}\r\nX: y ", None, "t"))
    assert template.render({"word": "a\r\nBcc: b\x00\u2028\x85c\t"}).subject == "a Bcc: b c X: y"


def test_a_subject_is_neither_empty_nor_long() -> None:
    """At most 300 characters, as rendered; its source may be longer."""
    template = Template(Body("{{ word }}{# " + "x" * 300 + " #}", None, "t"))
    assert template.render({"word": "x" * 300}).subject == "x" * 300
    with pytest.raises(InvalidInputError, match="301 characters"):
        template.render({"word": "x" * 301})
    with pytest.raises(InvalidInputError, match="the subject is empty"):
        template.render({"word": " \r\n"})


def test_the_kind_of_escaping_is_no_choice() -> None:
    """Joined, replaced and mapped texts are escaped, once."""
    html = (
        "{{ '<' ~ a }}{{ '<' + a }}{{ two|join('>') }}{{ a|replace('&', '<')|upper|e }}"
        "{{ two|map('e')|first }}"
    )
    rendered = Template(Body("s", html, "t")).render({"a": "&", "two": ["&", "<"]}).html
    assert rendered == "&lt;&amp;&lt;&amp;&amp;&gt;&lt;&lt;&amp;"


def test_a_template_serves_one_mail_after_another() -> None:
    """What one rendering spends is not taken from the next, and data stay as they are."""
    template = Template(
        Body("s", None, "{% for a in many %}{{ a }}{% endfor %}{% set person = 1 %}")
    )
    before = repr(DATA)
    assert len({template.render(DATA).text for _ in range(60)}) == 1
    assert repr(DATA) == before


def test_half_characters_in_data_do_no_harm() -> None:
    """JSON may hold half a surrogate pair; a mail may not."""
    assert text_of("{{ word }}", word="a\ud83db") == "a\ufffdb"


@given(
    st.sampled_from(sorted(ALLOWED_FILTERS)),
    st.sampled_from(("", "(1)", "('a')", "('a', 'b')", "(attribute='a')")),
    json_values,
)
def test_any_filter_on_any_data_gives_a_mail_or_says_why_not(
    name: str, options: str, value: Any
) -> None:
    """Never another error."""
    try:
        template = Template(Body("s", f"{OPEN} x|{name}{options} {SHUT}", f"{OPEN} x {SHUT}"))
        template.render({"x": value})
    except InvalidInputError as error:
        assert str(error)


@given(st.text(alphabet="{}%# \n.|()[]'\"abx_=~*+-,:", max_size=40) | st.text())
def test_any_source_is_a_template_or_is_refused(source: str) -> None:
    """Never another error."""
    try:
        Template(Body("s", source, "{{ a }}" + source)).render({"a": "1", "b": [1], "x": {"a": 1}})
    except InvalidInputError as error:
        assert str(error)
