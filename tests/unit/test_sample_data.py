"""Sample data: a template can be looked at before there is anybody to send it to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sendtrail.errors import InvalidInputError
from sendtrail.mail.templates import Body, Template
from tests.support import ROOT

READER = {"participant_id": "p", "address": "a", "unsubscribe_url": "#"}
EXAMPLES = [
    example.replace("\\|", "|")
    for example in re.findall(
        r"^\| `(.*?)` \| `.*` \|$", (ROOT / "docs/templates.md").read_text("utf-8"), re.MULTILINE
    )
]


def sample_of(source: str) -> dict[str, Any]:
    """What is made up for a source."""
    return Template(Body("s", None, source)).sample_data()


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("{{ first_name }}", {"first_name": "first name"}),
        ("{{ event.title }} {{ event.day | date: '%d' }}", {"event": {"title": "title", "day": "2027-05-31T18:30"}}),
        ("{% for a in lines %}{{ a.what }}{{ forloop.index }}{% endfor %}", {"lines": [{"what": "what"}]}),
        ("{% for a in b %}{% for c in a.d %}{{ c.e }}{% endfor %}{% endfor %}", {"b": [{"d": [{"e": "e"}]}]}),
        ("{{ lines | sum: 'price' }}{{ lines | map: 'what' | join }}", {"lines": [{"price": 1, "what": "what"}]}),
        ("{% if guests > 1 %}many{% endif %}", {"guests": 1}),
        ("{{ n | times: 2 }}", {"n": 1}),
        ("{% assign x = y %}{{ x }}", {"y": "y"}),
        ("{{ lines[0].what }}{{ lines.first.what }}{{ lines.size }}", {"lines": [{"what": "what"}]}),
        ("{{ name | default: 'x' }} {{ unsubscribe_url }}", {"name": "name"}),
        ("{{ a[b] }}", {"a": ["a"], "b": "text"}),
    ],
)  # fmt: skip
def test_a_field_is_what_the_template_needs(source: str, data: dict[str, Any]) -> None:
    """A text with its own name, a number, a date, a list or an object."""
    assert sample_of(source) == data


@pytest.mark.parametrize("source", EXAMPLES)
def test_every_field_of_the_documents_examples_is_made_up(source: str) -> None:
    """And nothing else is."""
    template = Template(Body("s", None, source))
    assert set(template.sample_data()) == template.fields


def test_nearly_all_examples_of_the_documents_can_be_looked_at_with_them() -> None:
    """All but two that look for what only real data have."""
    failed = []
    for source in EXAMPLES:
        template = Template(Body("s", None, source))
        try:
            template.render(template.sample_data() | READER)
        except InvalidInputError:
            failed.append(source)
    assert len(EXAMPLES) > 30
    assert len(failed) <= 2, failed


def test_a_hostile_template_is_given_little() -> None:
    """Depth and number are bounded, as the time is that it takes."""
    deep = sample_of("{{ a" + ".b" * 400 + " }}")
    assert str(deep).count("b") <= 10
    wide = sample_of("".join(f"{{{{ f{number} }}}}" for number in range(1_999)))
    assert len(wide) == 1_999
