"""Keeps the catalogues of texts: collects from the code, and compiles what is translated.

    python -m docs.texts           writes every catalogue, and the rules of numbers and dates
    python -m docs.texts --check   fails if a file is not what would be written

A second run changes nothing: catalogues have neither dates nor places of the code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po, write_po

from sendtrail.language import LANGUAGES

__all__ = ["CATALOGUES", "TRANSLATED", "catalogue", "collected", "main", "wanted"]

_ROOT: Final = Path(__file__).parent.parent
_ROOM: Final = _ROOT / "layers/sendtrail/sendtrail/language"
CATALOGUES: Final = _ROOM / "catalogue"
TRANSLATED: Final = tuple(each for each in LANGUAGES if each != "en")
"""The languages that have a catalogue; a text's id is its English."""

_KEYWORDS: Final = {**DEFAULT_KEYWORDS, "mark": None}
_WIDTH: Final = 100

Text = str | tuple[str, str]
"""A text's id: its English, or its singular and plural."""


class _Catalogue(Catalog):
    """A catalogue with nothing in its header that a run changes."""

    @property  # type: ignore[misc]  # nobody sets them
    def mime_headers(self) -> list[tuple[str, str]]:
        """The header's lines."""
        return [
            ("Project-Id-Version", "Sendtrail"),
            ("Language", str(self.locale)),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Plural-Forms", get_plural(self.locale).plural_forms),
        ]


def collected() -> dict[Text, list[str]]:
    """Every text of the pages, and the files that have it, from the root of the tree."""
    with (_ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found: dict[Text, set[str]] = {}
    package = _ROOT / "layers/sendtrail/sendtrail"
    for name, _line, text, _comments, _context in extract_from_dir(
        package, methods, options, _KEYWORDS
    ):
        if text:
            key = text if isinstance(text, str) else (text[0], text[1])
            path = (package / name).relative_to(_ROOT).as_posix()
            found.setdefault(key, set()).add(path)
    return {text: sorted(found[text]) for text in sorted(found, key=_order)}


def catalogue(language: str) -> Catalog:
    """A language's catalogue as it is kept."""
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def wanted() -> dict[Path, bytes]:
    """Every file that is written here, and its content."""
    texts = collected()
    files = {_ROOM / "conventions.py": _conventions().encode()}
    for language in TRANSLATED:
        made = _updated(language, texts)
        text, compiled = BytesIO(), BytesIO()
        write_po(text, made, width=_WIDTH, no_location=True, ignore_obsolete=True)
        write_mo(compiled, made)
        files[CATALOGUES / f"{language}.po"] = text.getvalue()
        files[CATALOGUES / f"{language}.mo"] = compiled.getvalue()
    return files


def _updated(language: str, texts: dict[Text, list[str]]) -> Catalog:
    """The catalogue with the texts that the code has now, and what is translated of them."""
    known = catalogue(language)
    header = f"# {LANGUAGES[language]}. `make texts` adds what is new and drops what is gone."
    made = _Catalogue(locale=Locale.parse(language), header_comment=header, fuzzy=False)
    for text in texts:
        before = known.get(text)
        is_translated = before is not None and not before.fuzzy
        made.add(text, before.string if before and is_translated else "")
    return made


def _order(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


# --- numbers and dates -----------------------------------------------------------------------

_ENGLISH: Final = {
    "group": "\u202f",
    "decimal": ".",
    "percent": "{}\u202f%",
    "date": "{day:02} {short} {year}",
    "long_date": "{day} {month} {year}",
    "month_of_year": "{month} {year}",
    "time": "{date} {time}",
    "items": "{}, {}",
    "last_items": "{} and {}",
}
"""Where English is not as CLDR has it: spaces between thousands, which no reader takes for a
decimal point, and dates of one width."""
_SHORT: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


def _conventions() -> str:
    """The module `sendtrail.language.conventions`."""
    lines = [
        '"""How numbers and dates are written, by language; `make texts` writes this from CLDR."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final",
        "",
        '__all__ = ["CONVENTIONS"]',
        "",
        "CONVENTIONS: Final[dict[str, dict[str, str]]] = {",
    ]
    for language in LANGUAGES:
        lines += [f'    "{language}": {{']
        for name, value in _convention(language):
            line = f'        "{name}": "{_escaped(value)}",'
            lines += [line] if len(line) <= _WIDTH else _wrapped(name, value)
        lines += ["    },"]
    return "\n".join([*lines, "}", ""])


def _wrapped(name: str, value: str) -> list[str]:
    """An entry that is too long for a line, as `ruff format` has it."""
    line = f'            "{_escaped(value)}"'
    return [f'        "{name}": (', line + "  # noqa: E501" * (len(line) > _WIDTH), "        ),"]


def _escaped(text: str) -> str:
    """Text in a string of Python, its unusual spaces as escapes."""
    return text.replace("\u202f", "\\u202f").replace("\xa0", "\\xa0")


def _convention(language: str) -> Iterator[tuple[str, str]]:
    locale = Locale.parse(language)
    names = locale.months["format"]
    months, short = (
        " ".join(names[width][number] for number in range(1, 13))
        for width in ("wide", "abbreviated")
    )
    if language == "en":
        yield from (*_ENGLISH.items(), ("months", months), ("short_months", _SHORT))
        return
    symbols, lists = locale.number_symbols["latn"], locale.list_patterns["standard"]
    yield "group", symbols["group"]
    yield "decimal", symbols["decimal"]
    yield "percent", locale.percent_formats[None].pattern.replace("#,##0", "{}")
    yield "date", _pattern(locale.datetime_skeletons["yMMMd"].pattern)
    yield "long_date", _pattern(locale.datetime_skeletons["yMMMMd"].pattern)
    yield "month_of_year", _pattern(locale.datetime_skeletons["yMMMM"].pattern)
    together = str(locale.datetime_formats["medium"])
    yield "time", together.replace("{1}", "{date}").replace("{0}", "{time}")
    yield "items", lists["middle"].replace("{0}", "{}").replace("{1}", "{}")
    yield "last_items", lists["end"].replace("{0}", "{}").replace("{1}", "{}")
    yield "months", months
    yield "short_months", short


def _pattern(cldr: str) -> str:
    """A date pattern of CLDR (``d 'de' MMMM 'de' y``) as one of `str.format`."""
    fields = {"d": "{day}", "MMM": "{short}", "MMMM": "{month}", "y": "{year}"}
    words = [fields.get(word.rstrip("."), word) for word in cldr.replace("'", "").split(" ")]
    dotted = [
        f"{new}." if old.endswith(".") and new.endswith("}") else new
        for new, old in zip(words, cldr.split(" "), strict=True)
    ]
    return " ".join(dotted)


def main(arguments: list[str] | None = None) -> int:
    """Writes what is not as it should be, or says so."""
    parser = argparse.ArgumentParser(prog="python -m docs.texts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    stale = [
        (path, content)
        for path, content in wanted().items()
        if not path.exists() or path.read_bytes() != content
    ]
    for path, content in stale:
        print(path.relative_to(_ROOT))
        if not check:
            path.write_bytes(content)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
