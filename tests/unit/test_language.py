"""The reader's language: catalogues are whole, and numbers and dates are as CLDR has them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from string import Formatter

import pytest
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.messages.catalog import Message
from babel.numbers import format_decimal, format_percent
from hypothesis import given
from hypothesis import strategies as st

from docs.texts import TRANSLATED, catalogue, collected, wanted
from sendtrail import language
from sendtrail.language import choose_language, gettext, ngettext, use_language

TEXTS = collected()


@contextmanager
def reading(tag: str) -> Iterator[None]:
    """A request in that language."""
    use_language(tag)
    yield
    use_language("en")


@pytest.mark.parametrize(
    ("accepted", "chosen", "found"),
    [
        (None, None, "en"),
        ("", None, "en"),
        ("de", None, "de"),
        ("de-CH, fr;q=0.9", None, "de"),
        ("nl, fr;q=0.4, es;q=0.8", None, "es"),
        ("NL, FR-be", None, "fr"),
        ("de;q=0, en;q=0.1", None, "en"),
        ("de;q=x, es", None, "es"),
        ("*", None, "en"),
        ("de", "fr", "fr"),
        ("de", "tlh", "de"),
        ("de", "../../etc", "de"),
        ("x" * 9_000, None, "en"),
    ],
)
def test_a_page_is_in_the_language_that_was_chosen_or_is_best_taken(
    accepted: str | None, chosen: str | None, found: str
) -> None:
    """By RFC 9110, and never in one that there is not."""
    assert choose_language(accepted, chosen) == found


def test_what_is_written_is_what_make_texts_writes() -> None:
    """Catalogues, compiled and not, and the rules of numbers and dates."""
    stale = [path.name for path, content in wanted().items() if path.read_bytes() != content]
    assert stale == [], "run `make texts`"


@pytest.mark.parametrize("tag", TRANSLATED)
def test_no_text_is_missing_in_a_catalogue(tag: str) -> None:
    """Nor empty, nor marked as doubtful; and none is left over."""
    kept = catalogue(tag)
    missing = [text for text in TEXTS if not is_translated(kept.get(text))]
    assert missing == []
    assert {message.id for message in kept if message.id} - set(TEXTS) == set()
    assert not kept.obsolete


def is_translated(message: Message | None) -> bool:
    """Whether a catalogue has a text, in all its forms."""
    if message is None or message.fuzzy:
        return False
    forms = message.string if isinstance(message.string, tuple | list) else [message.string]
    return all(str(form).strip() for form in forms)


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_translation_has_the_fields_and_the_markup_of_its_text(tag: str) -> None:
    """`%(name)s` and HTML tags, as often; a form of few may leave the number out."""
    for message in catalogue(tag):
        if not message.id or not is_translated(message):
            continue
        singular, *plural = message.id if isinstance(message.id, tuple) else (message.id,)
        forms = message.string if plural else (message.string,)
        for number, form in enumerate(forms):
            source = plural[0] if plural and number else singular
            assert fields(form) == fields(source), (tag, form)
            assert tags(form) == tags(source), (tag, form)
            assert (form[:1].isspace(), form[-1:].isspace()) == (
                source[:1].isspace(),
                source[-1:].isspace(),
            ), (tag, form)


def fields(text: str) -> Counter[str]:
    """The fields of a text, of either way to write them."""
    braces = Counter(name for _, name, _, _ in Formatter().parse(text) if name is not None)
    return braces + Counter(re.findall(r"%\(\w+\)[a-z]|%[sd]", text))


def tags(text: str) -> Counter[str]:
    """The HTML tags of a text."""
    return Counter(re.findall(r"</?\w[^>]*>", text))


@pytest.mark.parametrize("tag", TRANSLATED)
def test_typography_is_each_languages_own(tag: str) -> None:
    """French has a space that does not break before its double signs, and Spanish opens what it
    asks.
    """
    for message in catalogue(tag):
        forms = message.string if isinstance(message.string, tuple | list) else [message.string]
        for form in forms if message.id else ():
            assert "..." not in form, form
            if tag == "fr":
                assert not re.search(r"[^\u202f\xa0\s/\dps][;:!?](?!\S)|\w '|[ ][;:!?»]", form), (
                    form
                )
            if tag == "es" and "?" in form:
                assert "¿" in form, form
            if tag == "de":
                said = re.sub(r"<[^>]*>", "", form)  # ``dir`` is an attribute, too
                assert not re.search(r"\b(du|dein|deine|dir|dich)\b", said), form


@given(st.integers(-(10**12), 10**12) | st.integers(-20_000, 20_000))
def test_numbers_are_as_babel_writes_them(value: int) -> None:
    """In each language but English, which has spaces between thousands."""
    for tag in TRANSLATED:
        with reading(tag):
            assert language.number(value) == format_decimal(value, locale=tag)
    assert language.number(value) == f"{value:,}".replace(",", "\u202f")


@given(st.floats(0, 50), st.integers(0, 3))
def test_percentages_are_as_babel_writes_them(fraction: float, digits: int) -> None:
    """With as many digits as are asked for."""
    exact = Decimal(f"{fraction * 100:.{digits}f}") / 100
    pattern = "#,##0" + "." * (digits > 0) + "0" * digits + "\xa0%"
    for tag in TRANSLATED:
        with reading(tag):
            assert language.percent(fraction, digits) == format_percent(
                exact, pattern, locale=tag, decimal_quantization=False
            )
    assert language.percent(0.1234) == "12.3\u202f%"
    assert language.percent(0.001, 2, trim=True) == "0.1\u202f%"
    assert language.percent(0.5, 2, trim=True) == "50\u202f%"


def test_dates_are_as_babel_writes_them() -> None:
    """Every day of four years, in each language; English is the console's own form."""
    for number in range(4 * 366):
        on = date(2024, 1, 1) + timedelta(days=number)
        at = f"{on.isoformat()}T22:41:09.000Z"
        for tag in TRANSLATED:
            with reading(tag):
                assert language.day(at) == format_skeleton("yMMMd", on, locale=tag)
                assert language.long_day(at) == format_date(on, "long", locale=tag)
                assert language.month(at[:7]) == format_skeleton("yMMMM", on, locale=tag)
                medium = format_skeleton("yMMMd", on, locale=tag)
                assert language.when(at) == f"{medium}, 22:41"
                assert language.short_months()[on.month - 1] in medium
    assert language.day("2026-09-06") == "06 Sep 2026"
    assert language.long_day("2026-09-06") == "6 September 2026"
    assert language.when("2026-11-26T22:41:09.000Z") == "26 Nov 2026 22:41"


@given(st.lists(st.text(st.characters(exclude_characters="{}")), max_size=6))
def test_lists_are_as_babel_writes_them(items: list[str]) -> None:
    """One, two, and more."""
    for tag in TRANSLATED:
        with reading(tag):
            assert language.joined(items) == format_list(items, locale=tag)
    assert language.joined(["a", "b", "c"]) == "a, b and c"


def test_a_text_that_nobody_translated_is_english() -> None:
    """In every language, and in its forms of number."""
    for tag in ("en", *TRANSLATED):
        with reading(tag):
            assert gettext("none of ours") == "none of ours"
            assert gettext("") == ""
            assert [ngettext("one", "more", n) for n in (1, 2)] == ["one", "more"]
