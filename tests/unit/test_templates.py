"""Templates: what they may hold, what they want to know, and what becomes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sendtrail.errors import InvalidInputError, InvalidTemplateError, MissingFieldError
from sendtrail.mail.dialect import FILTERS, TAGS
from sendtrail.mail.templates import BUILT_IN, Body, Rendered, Template, check
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
    "none": [],
    "day": "2027-05-31T18:30",
}
OPEN, SHUT = "{{", "}}"


def text_of(source: str, **data: Any) -> str:
    """What a text part becomes."""
    return Template(Body("s", None, source)).render({**DATA, **data}).text


def refusal(source: str, part: str = "text") -> InvalidTemplateError:
    """The error that a part is refused with."""
    parts: dict[str, Any] = {"subject": "s", "html": None, "text": "t", part: source}
    with pytest.raises(InvalidTemplateError) as error:
        check(Body(**parts))
    return error.value


def test_each_part_is_rendered() -> None:
    """The HTML is escaped; subject and text are not."""
    body = Body(
        "For {{ person.first_name }}",
        "<p>{{ person.first_name }}</p>",
        "{{ word | append: person.first_name }}",
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
        "{% for x in b.list %}{{ x.z }}{{ forloop.index }}{% endfor %}{{ unsubscribe_url }}",
        "{% assign c = d | default: e %}{{ c }}{{ address }}{% if f.g %}{% endif %}",
    )
    assert check(body) == {"a", "b", "d", "e", "f"}
    assert Template(body).fields == check(body)
    assert {"participant_id", "address", "unsubscribe_url"} == BUILT_IN


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ person.items[0] }} {{ orders[1].name }} {{ orders[-1]['name'] }}", "one Cake Cake"),
        (
            "{% for o in orders %}{{ forloop.index }}{% cycle 'a', 'b' %}{{ o.name }}{% unless forloop.last %},{% endunless %}{% endfor %}",
            "1aTea,2bCake",
        ),
        ("{% for o in none %}{{ o.name }}{% else %}none{% endfor %}", "none"),
        ("{% for o in orders %}{% if o.price > 2 %}{{ o.name }}{% endif %}{% endfor %}", "Cake"),
        ("{% for p in orders[0] %}{{ p[0] }}{% endfor %}", "namepricekind"),
        ("{% for n in (1..word.size) %}{{ n }}{% endfor %}", "1"),
        ("{{ orders | map: 'name' | join: ', ' | upcase }}", "TEA, CAKE"),
        ("{{ orders | where: 'kind', 'a' | map: 'name' | first }}", "Cake"),
        ("{{ orders | sum: 'price' }} {{ orders.size }} {{ orders.first.name }}", "4.5 2 Tea"),
        ("{{ 2 | times: 3 | plus: 1 | divided_by: 2.0 }} {{ 7 | modulo: 4 }}", "3.5 3"),
        ("{{ 7 | divided_by: 2 }} {{ 2.345 | round: 1 }} {{ 0.1 | plus: 0.2 }}", "3 2.3 0.3"),
        ("{{ nobody | default: 'friend' }} {{ nobody.name | default: word }}", "friend x"),
        ("{{ nobody | upcase | default: nobody.other | default: 'friend' }}", "friend"),
        ("{{ none | first | default: 'none' }} {{ word | default: nobody }}", "none x"),
        ("{{ person.title }}|{{ person.title | default: 'none' }}", "|none"),
        ("{% if 'xyz' contains word %}{{ word }}{% else %}no{% endif %}", "x"),
        ("{% case word %} {% when 'x', 'x' %}X{% when 'y' %}Y{% else %}Z{% endcase %}", "X"),
        ("{% assign a = word %}{% capture b %}{{ a }}{{ a }}{% endcapture %}{{ b }}", "xx"),
        (
            "{% raw %}{{ x }} {% y %}{% endraw %}{% comment %} {{ no {% endcomment %}",
            "{{ x }} {% y %}",
        ),
        (
            "{{ 'a b' | url_encode }} {{ 'abc' | replace: 'b', 'x' | capitalize | strip }}",
            "a+b Axc",
        ),
        ("{{ day | date: '%d %B %Y, %H:%M' }} {{ 0 | date: '%Y' }}", "31 May 2027, 18:30 1970"),
        ("a \n{%- if word -%}\n b \n{%- endif %} c", "a b c".replace("a b", "ab")),
    ],
)
def test_what_a_mail_needs_is_there(source: str, text: str) -> None:
    """Values, loops, conditions, filters, a little arithmetic; and what may be missing."""
    assert text_of(source) == text


@pytest.mark.parametrize(
    "construct",
    [
        "{{ word.__class__ }}",
        "{{ word['__class__'] }}",
        "{{ orders.first.__class__ }}",
        "{% if orders.__len__ %}{% endif %}",
        "{{ word | append: __class__ }}",
        "{{ word.upper() }}",
        "{{ range(3) }}",
        "{{ (1..3) }}",
        "{{ (1..3) | join }}",
        "{% assign a = (1..3) %}",
        "{% if orders contains (1..3) %}{% endif %}",
        "{% cycle orders, word %}",
        "{% cycle word: 'a', 'b' %}",
        "{{ word | safe }}",
        "{{ word | json }}",
        "{{ word | nope }}",
        "{{ word | text }}",
        "{{ _word }}",
        "{{ [word] }}",
        "{% assign _a = 1 %}",
        "{% assign forloop = 1 %}",
        "{% assign unsubscribe_url = 1 %}",
        "{% capture _a %}{% endcapture %}",
        "{% for _a in orders %}{% endfor %}",
        "{% for forloop in orders %}{% endfor %}",
        "{% break %}",
        "{% if word %}{% continue %}{% endif %}",
        "{% include 'x' %}",
        "{% render 'x' %}",
        "{% extends 'x' %}",
        "{% block a %}{% endblock %}",
        "{% macro a %}{% endmacro %}",
        "{% tablerow a in b %}{% endtablerow %}",
        "{% increment a %}",
        "{% liquid assign a = 1 %}",
        "{% doc %}{% enddoc %}",
        "{% # note %}",
        "{% for a in b %}{% for c in d %}{% for e in f %}{% endfor %}{% endfor %}{% endfor %}",
        "{% nope %}",
        "{% endif %}",
        "{% %}",
        "{{ }",
        "{{ }}",
        "{{ word",
        "{{ word word }}",
        "{{ word | }}",
        "{{ word + 1 }}",
        "{{ 'a }}",
        "{{ word if word }}",
        "{% if %}{% endif %}",
        "{% if word",
        "{% if word %}",
        "{% if word == %}{% endif %}",
        "{% if (word) %}{% endif %}",
        "{% if word %}{% else %}{% else %}{% endif %}",
        "{% if word %}{% else word %}{% endif %}",
        "{% if word %}{% endif word %}",
        "{% if word %}{% endfor %}",
        "{% unless word %}{% else %}{% elsif word %}{% endunless %}",
        "{% case word %} lost {% when 'x' %}{% endcase %}",
        "{% case word %}{% when 'x' 'y' %}{% endcase %}",
        "{% case word %}{% when 'x', | %}{% endcase %}",
        "{% comment %}",
        "{% comment a %}{% endcomment %}",
        "{% raw %}",
        "{% raw a %}{% endraw %}",
        "{% if unsubscribe_url %}{% endif %}",
        "{% if unsubscribe_url contains 'x' %}{% endif %}",
        "{% assign a = unsubscribe_url %}",
        "{% capture a %}{{ unsubscribe_url }}{% endcapture %}",
        "{{ unsubscribe_url | size }}",
        "{{ word | append: unsubscribe_url }}",
        "{{ unsubscribe_url.size }}",
    ],
)
def test_what_a_mail_does_not_need_is_refused_with_its_line(construct: str) -> None:
    """When the template is stored, and not when it is sent."""
    for part in ("html", "text"):
        error = refusal(f"one\ntwo {construct}", part)
        assert (error.part, error.line) == (part, 2)
        assert error.column is not None
        assert str(error).startswith(f"{part}, line 2, column {error.column}: ")
    assert refusal(construct, "subject").part == "subject"


LITERALLY = (
    "{{ … }} shows a field and {% … %} is a tag: to send such braces as they are, write "
    "{% raw %} before and {% endraw %} after them"
)


def test_the_message_says_what_is_wrong() -> None:
    """With the part, the line and the column before it."""
    assert str(refusal("a\n\n{{ x | nope }}", "html")) == (
        "html, line 3, column 8: there is no filter 'nope'"
    )
    assert str(refusal("é{{ (1..2) }}")) == (
        "text, line 1, column 5: a range such as (1..9) stands in for alone"
    )
    assert str(refusal("a\r\n{% if a %}{% for b in c %}{% endfor %}")) == (
        f"text, line 2, column 1: if without endif; {LITERALLY}"
    )


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ('<a href="https://x.example/?q={%22a%22:1}">', 31),
        ('<a href="https://x.example/?q={%20}">{{ word }}', 31),
        ("{%22a%}", 1),
        ("{{{ word }}}", 3),
        ("{{#each orders}}", 3),
        ("Dear {{ FNAME() }}", 14),
        ("{{> header }}", 3),
        ("a{{b:{c:d}}", 6),
        ("{{ word <p>{{ word }}", 1),
    ],
)
def test_braces_that_are_meant_as_they_are_get_told_the_way_out(source: str, column: int) -> None:
    """Of style sheets, URLs, and other tools' templates."""
    error = refusal(source, "html")
    assert (error.line, error.column) == (1, column)
    assert str(error).endswith(f"; {LITERALLY}")
    assert (
        Template(Body("s", f"{{% raw %}}{source}{{% endraw %}}", None)).render(DATA).html == source
    )


@pytest.mark.parametrize(
    "source",
    [
        "<style>@media screen{#head{color:red}} p{a:b}</style>\n<!-- #} -->",
        '<a href="https://x.example/?q=%7B%22a%22:{1}}}">{ {x} }</a> 100%} #} {#',
        "one\r\ntwo\rthree\n\n four\r\n \n",
        "\ufeff\u2028\x0b\x0c \t",
    ],
)
@given(around=st.text(alphabet=st.characters(exclude_characters="{", exclude_categories=["Cs"])))
def test_all_but_tags_stays_as_it_is(source: str, around: str) -> None:
    """Byte for byte, with its line ends and its last line; before, between and after tags."""
    text = f"{source}{around}"
    whole = f"x{text}{OPEN} word {SHUT}{text}{{% if word %}}{text}{{% endif %}}{text}"
    assert text_of(whole) == f"x{text}x{text}{text}{text}"
    assert text_of(f"x{text}") == f"x{text}"
    captured = f"{{% capture a %}}{text}{{% endcapture %}}{OPEN} a {SHUT}"
    assert text_of(captured + "{% if false %}x{% endif %}.") == f"{text}."


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (Body("", "h", "t"), "subject"),
        (Body(" \n", None, "t"), "subject"),
        (Body("s", None, None), "text"),
        (Body("s", "", " "), "text"),
        (Body("s", "é" * 140_000, "t" * 20_001), "html"),
        (Body("s", None, "\ud800"), "text"),
    ],
    ids=range(6),
)
def test_a_body_that_cannot_be_sent_is_refused(body: Body, part: str) -> None:
    """Empty, or too large."""
    with pytest.raises(InvalidTemplateError) as error:
        check(body)
    assert (error.value.part, error.value.line, error.value.column) == (part, None, None)


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "[" * 900 + " }}",
        "{{ a" + "[a" * 450 + "]" * 450 + " }}",
        "{{ " + "(" * 5_000 + " }}",
        "{% if a" + " or a" * 20_000 + " %}{% endif %}",
        "{% if a %}" * 200 + "{% endif %}" * 200,
        "{% for a in b %}" * 40 + "{% endfor %}" * 40,
        "{{ " + "9" * 5_000 + " }}",
        "{{a}}" * 58_000,
        "{% if a %}{% endif %}" * 14_000,
        "{{ a" + " | upcase" * 9_000 + " }}",
        "{% cycle 1" + ", 1" * 90_000 + " %}",
        ("{{ a" + " | upcase" * 100 + " }}") * 300,
        "{{ " + " " * 150_000 + "x" * 140_000,
        "{{" * 149_000,
        "{% raw %}" * 33_000,
        "{% comment %}" * 23_000,
        "{%" + "w" * 290_000,
        "{% raw %}" + "{%  endraw" * 29_000,
        "{{ '" * 70_000,
    ],
    ids=lambda source: source[:24],
)
def test_a_source_that_is_too_much_is_refused(source: str) -> None:
    """Tags too large, too many, or nested too deep; and what takes others' lexers for ever."""
    assert refusal(source).part == "text"


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("{{ nobody }}", "nobody"),
        ("{{ person.last_name }}", "person.last_name"),
        ("{{ person['last_name'] | upcase }}", "person.last_name"),
        ("{{ nobody.a.b }}", "nobody.a.b"),
        ("{% for o in orders %}{{ o.name }}{{ o.weight }}{% endfor %}", "orders.0.weight"),
        ("{{ orders[7] }}", "orders.7"),
        ("{{ orders[7].name }}", "orders.7.name"),
        ("{{ word.upper }}", "word.upper"),
        ("{{ person.keys }}", "person.keys"),
        ("{{ orders.append }}", "orders.append"),
        ("{% if nobody %}{% endif %}", "nobody"),
        ("{% unless nobody %}{% endunless %}", "nobody"),
        ("{% case nobody %}{% when 1 %}{% endcase %}", "nobody"),
        ("{% for x in nobody %}{% endfor %}", "nobody"),
        ("{{ nobody | plus: 1 }}", "nobody"),
        ("{{ 'a' | append: nobody }}", "nobody"),
        ("{% if nobody contains word %}{% endif %}", "nobody"),
        ("{{ orders | map: 'weight' | join }}", "orders.0.weight"),
        ("{{ nobody | size }}", "nobody"),
        ("{% if nobody == 1 %}{% endif %}", "nobody"),
        ("{{ nobody | default: no_one }}", "no_one"),
        ("{{ none.first }}", "none.first"),
        ("{{ none | last }}", "none.last"),
        ("{{ now }}", "now"),
        ("{{ partial }}", "partial"),
    ],
)
def test_a_missing_field_is_named(source: str, field: str) -> None:
    """Dotted where it is part of another; Python's own attributes are no fields."""
    with pytest.raises(MissingFieldError) as error:
        text_of(f"\n{source}")
    assert error.value.field == field
    assert re.fullmatch(
        rf"text, line 2, column \d+: the data have no {re.escape(repr(field))}", str(error.value)
    )


@pytest.mark.parametrize(
    "source",
    [
        "{{ huge | times: huge }}",
        "{{ huge | plus: 1 }}",
        "{% assign a = 9 %}" + "{% assign a = a | times: a %}" * 30,
        "{{ word | plus: 1 }}",
        "{{ orders | plus: orders }}",
        "{{ 1 | divided_by: 0 }}",
        "{{ 1 | modulo: 0 }}",
        "{{ word | truncate: word }}",
        "{{ word | date: '%Y' }}",
        "{{ 'now' | date: '%Y' }}",
        "{{ huge | date: '%Y' }}",
        "{{ day | date: long }}",
        "{% if word < 1 %}{% endif %}",
        "{{ orders }}",
        "{{ person }}",
        "{% for p in person %}{{ p }}{% endfor %}",
        "{{ orders | upcase }}",
        "{{ orders | first | append: 'x' }}",
        "{{ word | append: orders }}",
        "{{ orders | join }}",
        "{{ word | join }}",
        "{{ word | first }}",
        "{{ orders | sum }}",
        "{{ orders | sort }}",
        "{{ word | append }}",
        "{{ word | append: 1, 2 }}",
        "{% for x in person.title %}{% endfor %}",
        "{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}",
        "{% for a in many %}{{ many | sort | size }}{% endfor %}",
        "{% for a in many %}{% if many contains 'x' %}{% endif %}{% endfor %}",
        "{% for a in many %}" + "{% if a %}{% endif %}" * 900 + "{% endfor %}",
        "{% for a in many %}" + "{% if true %}{% endif %}" * 900 + "{% endfor %}",
        "{% for a in (1..100000000) %}{% endfor %}",
        "{% for a in (1..100000000) reversed %}{% endfor %}",
        "{% for a in (1..huge) limit: 1 %}{% endfor %}",
        "{% assign a = long | append: long %}" + "{% assign a = a | append: a %}" * 30,
        "{% assign a = long | append: long %}" + "{% assign a = a | prepend: a %}" * 30,
        "{% capture a %}{{ long }}{% endcapture %}"
        + "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 30,
        "{{ many | join: long }}",
        "{% for character in long %}{% endfor %}",
        "{{ long | replace: 'x', long }}",
        "{{ long | replace: '', long }}",
        "{% assign a = many %}" + "{% assign a = a | concat: a %}" * 30,
        "".join(f"{{% assign a{n} = long | split: '' %}}" for n in range(30)),
        "".join(f"{{% assign a{n} = long | append: '{n}' %}}" for n in range(300)),
        "".join("{% case 1 %}{% when 1" + ", 1" * 300 + " %}" for _ in range(28))
        + "{{ huge | plus: 1 }}"
        + "{% endcase %}" * 28,
    ],
    ids=lambda source: source[:40],
)
def test_what_data_lead_to_is_refused_before_it_hurts(source: str) -> None:
    """Too much work, too long a text, or a value of another kind; with the line."""
    template = Template(Body("s", None, f"\n{source}"))
    with pytest.raises(InvalidInputError, match=r"^text, line 2, column \d+: ") as error:
        template.render(DATA)
    assert not isinstance(error.value, MissingFieldError)


def test_work_is_counted_and_not_timed() -> None:
    """Every turn of a loop costs what its body is long, and every filter what it handles."""
    for cheap, dear in (
        ("{% for a in many %}{% if a %}{% endif %}{% endfor %}", 40),
        ("{% assign a = many | sort %}", 20),
        ("{% assign a = long | upcase %}", 20),
        (
            "{% for a in (1..300) %}{% for b in (1..30) %}{% cycle 1, 2 %}{% endfor %}{% endfor %}",
            9,
        ),
    ):
        assert text_of(f"{cheap}.").endswith(".")
        with pytest.raises(InvalidInputError, match="too many steps"):
            text_of(cheap * dear)


def test_a_part_that_gets_too_large_is_refused() -> None:
    """Beyond 500,000 bytes, of UTF-8 and after escaping."""
    assert len(text_of("{{ long }}" * 5)) == 500_000
    for body in (
        Body("s", None, "{{ long }}" * 1_000),
        Body("s", None, "{{ long | replace: 'x', 'é' }}" * 3),
        Body("s", "{{ long | replace: 'x', '<' }}" * 2, "t"),
    ):
        with pytest.raises(InvalidInputError, match="larger than 500000 bytes"):
            Template(body).render(DATA)


def test_a_subject_is_one_line() -> None:
    """Nothing in the data can begin another header."""
    template = Template(Body(" {{ word }}\r\nX: y ", None, "t"))
    assert template.render({"word": "a\r\nBcc: b\x00\u2028\x85c\t"}).subject == "a Bcc: b c X: y"


def test_a_subject_is_neither_empty_nor_long() -> None:
    """At most 300 characters, as rendered; its source may be longer."""
    template = Template(Body("{{ word }}{% comment %}" + "x" * 300 + "{% endcomment %}", None, "t"))
    assert template.render({"word": "x" * 300}).subject == "x" * 300
    with pytest.raises(InvalidInputError, match="301 characters"):
        template.render({"word": "x" * 301})
    with pytest.raises(InvalidInputError, match="the subject is empty"):
        template.render({"word": " \r\n"})


def test_the_kind_of_escaping_is_no_choice() -> None:
    """Data are escaped once, however they are joined, replaced, mapped and captured."""
    html = (
        "{{ '-' | append: a }}{{ a | prepend: '-' }}{{ two | join: '-' }}"
        "{{ a | replace: '&', '<' | upcase | escape }}{{ two | first }}{{ a | newline_to_br }}"
        "{% capture b %}{{ a }}{% endcapture %}{{ b }}{{ '<i>' }}"
    )
    rendered = Template(Body("s", html, "t")).render({"a": "&", "two": ["&", "<"]}).html
    assert rendered == "-&amp;-&amp;&amp;-&lt;&lt;&amp;&amp;&amp;<i>"


PAGE = (Path(__file__).parents[2] / "docs/templates.md").read_text()
EXAMPLES = [
    (source.replace("\\|", "|"), result)
    for source, result in re.findall(r"^\| `(.+)` \| `(.+)` \|$", PAGE, re.MULTILINE)
]


@pytest.mark.parametrize(("source", "result"), EXAMPLES)
def test_the_page_about_templates_is_right(source: str, result: str) -> None:
    """Its examples give what it says, in HTML."""
    data = json.loads(re.findall("```json\n(.+?)```", PAGE, re.DOTALL)[0])
    assert Template(Body("s", f".{source}.", "t")).render(data).html == f".{result}."


def test_the_page_about_templates_leaves_nothing_out() -> None:
    """Every tag and every filter has an example."""
    sources = " ".join(source for source, _ in EXAMPLES)
    assert set(re.findall(r"\| ?(\w+)", sources)) == FILTERS
    assert set(re.findall(r"{% (\w+)", sources)) >= TAGS


@given(
    st.lists(st.sampled_from(sorted(FILTERS - {"newline_to_br", "date"})), max_size=4),
    st.lists(st.sampled_from(["", ": a", ": '&', a", ": a, 'b'", ": 'b', a", ": 2", ": 'b'"])),
    st.sampled_from(["a", "two", "c", "'b'", "'&'"]),
)
def test_no_filters_let_markup_of_data_through(
    names: list[str], options: list[str], value: str
) -> None:
    """In HTML, whatever they make of what the template's author wrote himself."""
    chain = "".join(f" | {name}{given}" for name, given in zip(names, options, strict=False))
    source = f"{{% capture c %}}{OPEN} a {SHUT}b{{% endcapture %}}{OPEN} {value}{chain} {SHUT}"
    try:
        html = Template(Body("s", source, "t")).render({"a": "<&\"'>b", "two": ["<b>", ">"]}).html
    except InvalidInputError as error:
        assert str(error)
    else:
        assert html is not None
        assert not set(html) & set("<>\"'"), source


def test_the_real_unsubscribe_link_goes_through_a_filter() -> None:
    """It is escaped where HTML wants it."""
    link = "{{ unsubscribe_url }} {{ unsubscribe_url | url_encode }} {{ unsubscribe_url | escape }}"
    body = Body("s", link, link.removesuffix(" {{ unsubscribe_url | escape }}"))
    data = DATA | {"unsubscribe_url": "https://x.example/u?a=1&b=2"}
    encoded = "https%3A%2F%2Fx.example%2Fu%3Fa%3D1%26b%3D2"
    assert Template(body).render(data) == Rendered(
        "s",
        f"https://x.example/u?a=1&amp;b=2 {encoded} https://x.example/u?a=1&amp;b=2",
        f"https://x.example/u?a=1&b=2 {encoded}",
    )


def test_a_template_serves_one_mail_after_another() -> None:
    """What one rendering spends is not taken from the next, and data stay as they are."""
    template = Template(
        Body("s", None, "{% for a in many %}{{ a }}{% endfor %}{% assign person = 1 %}")
    )
    before = repr(DATA)
    assert len({template.render(DATA).text for _ in range(60)}) == 1
    assert repr(DATA) == before


def test_half_characters_in_data_do_no_harm() -> None:
    """JSON may hold half a surrogate pair; a mail may not."""
    assert text_of("{{ word }}", word="a\ud83db") == "a\ufffdb"


@given(
    st.sampled_from(sorted(FILTERS)),
    st.sampled_from(("", ": 1", ": 'a'", ": 'a', 'b'", ": x", ": 'a', x", ": x, x")),
    json_values,
)
def test_any_filter_on_any_data_gives_a_mail_or_says_why_not(
    name: str, options: str, value: Any
) -> None:
    """Never another error."""
    try:
        template = Template(Body("s", f"{OPEN} x | {name}{options} {SHUT}", f"{OPEN} x {SHUT}"))
        template.render({"x": value})
    except InvalidInputError as error:
        assert str(error)


@example("{% for a in b %}{{ x[a] }}{% endfor %}")
@given(st.text(alphabet="{}%# \n.|()[]'\"abx_=<-,:", max_size=40) | st.text())
def test_any_source_is_a_template_or_is_refused(source: str) -> None:
    """Never another error."""
    try:
        Template(Body("s", source, "{{ a }}" + source)).render({"a": "1", "b": [1], "x": {"a": 1}})
    except InvalidInputError as error:
        assert str(error)


@given(
    st.lists(
        st.sampled_from(sorted(TAGS | {f"end{name}" for name in TAGS} | {"else", "elsif", "when"})),
        max_size=8,
    ),
    st.lists(st.sampled_from(["", " a", " x.a", " b", " y in b", " z = a", " 1", " 'a', 1"])),
)
def test_any_tags_in_any_order_are_a_template_or_refused(
    names: list[str], rests: list[str]
) -> None:
    """Never another error; and what stands between them is in the mail, or in no block that is."""
    pairs = zip(names, rests, strict=False)
    source = "".join(f"{{% {name}{rest} %}}<{number}>" for number, (name, rest) in enumerate(pairs))
    try:
        made = Template(Body("s", None, f"<{source}>")).render({"a": "1", "b": [1], "x": {"a": 1}})
    except InvalidInputError as error:
        assert str(error)
    else:
        assert made.text.startswith("<")
        assert made.text.endswith(">")
