"""Texts of pages, from one catalogue a language (GNU gettext); a text's id is its English."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sendtrail.language.choice import current_language

if TYPE_CHECKING:
    from gettext import NullTranslations

__all__ = ["gettext", "mark", "ngettext", "put_catalogue"]

_CATALOGUES: Final = Path(__file__).parent / "catalogue"
_put: dict[str, NullTranslations] = {}


def gettext(message: str) -> str:
    """A text in the language of this request."""
    catalogue = _catalogue(current_language())
    return catalogue.gettext(message) if catalogue and message else message


def ngettext(singular: str, plural: str, number: int) -> str:
    """A text about a number of things, in the form that the language has for that number."""
    catalogue = _catalogue(current_language())
    if catalogue is None:
        return singular if number == 1 else plural
    return catalogue.ngettext(singular, plural, number)


def mark(message: str) -> str:
    """The text itself, marked to be collected into the catalogue: for a table that is made before
    anybody asks. `gettext` it where it is shown.
    """
    return message


def put_catalogue(language: str, catalogue: NullTranslations | None) -> None:
    """Has a language's texts come from another catalogue from now on; with None, from its own."""
    if catalogue is None:
        _put.pop(language, None)
    else:
        _put[language] = catalogue


def _catalogue(language: str) -> NullTranslations | None:
    return _put.get(language) or _kept(language)


@cache
def _kept(language: str) -> NullTranslations | None:
    """A language's catalogue, read when it is first needed; None for English, which needs none."""
    if language == "en":
        return None
    from gettext import GNUTranslations

    with (_CATALOGUES / f"{language}.mo").open("rb") as file:
        return GNUTranslations(file)
