"""Names of people: which there may be, and by which words somebody is found.

Two texts are the same for search if they are so without regard to capitals, accents and
punctuation: `folded` and `folded_words` say how. Both are pure, and search and rows share them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from sendtrail.domain.times import Timestamp
from sendtrail.errors import InvalidInputError

__all__ = [
    "MAX_NAME",
    "MAX_TERMS",
    "NameChange",
    "folded",
    "folded_words",
    "is_named",
    "later_name",
    "person_name",
    "terms_of_name",
]

MAX_NAME: Final = 300
"""Characters of a name."""
MAX_TERMS: Final = 10
"""By how many of its words a name is found."""

_MAX_TERM_BYTES: Final = 500
"""A term is part of a key, which may have 1,024 bytes (DynamoDB developer guide, "Constraints")."""
_JOINERS: Final = "\u200c\u200d"
"""Scripts and emoji need these two of the invisible characters."""
_REFUSED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WHOLE: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
"""Letters that Unicode does not take apart."""
_APOSTROPHES: Final = re.compile("['’ʼ`´]")


@dataclass(frozen=True, slots=True)
class NameChange:
    """A name that staff recorded, or that they removed it.

    Attributes:
        name: as `person_name` allows it; None if it was removed.
        by: who did, as an `Actor`'s text.
    """

    at: Timestamp
    name: str | None = None
    by: str | None = None

    @property
    def rank(self) -> tuple[str, str, str]:
        """Orders changes; the greatest, the latest, holds."""
        return (self.at, self.name or "", self.by or "")


def later_name(one: NameChange | None, other: NameChange | None) -> NameChange | None:
    """The later of two changes of one name. It is a join."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=lambda change: change.rank)


def person_name(text: str) -> str:
    """A name as it is kept: composed (Unicode's NFC), and with single spaces.

    Raises:
        InvalidInputError: it is empty or too long, or has characters that are not to be seen and
            could make a page or a line of a log say something else: controls, line breaks, marks
            that turn the direction of text.
    """
    name = " ".join(unicodedata.normalize("NFC", text[: 10 * MAX_NAME]).split(" ")).strip()
    name = re.sub(" {2,}", " ", name)
    if any(
        unicodedata.category(character) in _REFUSED and character not in _JOINERS
        for character in name
    ):
        raise InvalidInputError("name: no control characters or line breaks are allowed")
    if not any(not character.isspace() and character not in _JOINERS for character in name):
        raise InvalidInputError(f"name: it is empty; write 1 to {MAX_NAME} characters")
    if len(name) > MAX_NAME or len(text) > 10 * MAX_NAME:
        raise InvalidInputError(f"name: {len(text)} characters; at most {MAX_NAME} are allowed")
    return name


def folded(text: str) -> str:
    """A text without capitals and accents: taken apart (NFKD), without combining marks, and
    case-folded; ø, ł, đ, ħ, ð, þ, æ, œ and ı as o, l, d, h, d, th, ae, oe and i. Cut to 500 bytes.
    """
    apart = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(each for each in apart if unicodedata.category(each) != "Mn")
    cut = plain.translate(_WHOLE).encode("utf-8", "replace")[:_MAX_TERM_BYTES]
    return cut.decode("utf-8", "ignore")


def folded_words(text: str) -> str:
    """A name for search: `folded`, apostrophes left out, other punctuation as spaces. One of
    punctuation alone stays as it is.
    """
    plain = _APOSTROPHES.sub("", folded(text))
    spaced = (" " if unicodedata.category(each)[0] in "PZC" else each for each in plain)
    return " ".join("".join(spaced).split()) or "".join(plain.split())


def terms_of_name(name: str | None) -> list[str]:
    """The words by whose beginnings a name is found: its first `MAX_TERMS`, each once."""
    words = folded_words(name).split() if name else []
    return list(dict.fromkeys(words))[:MAX_TERMS]


def is_named(name: str | None, words: str) -> bool:
    """Whether each of some words begins a word of a name, in any order: ``müller a`` and ``ann``
    are found in ``Anna Maria Müller``.

    Args:
        words: as `folded_words` gives them.
    """
    known = terms_of_name(name)
    return all(any(each.startswith(word) for each in known) for word in words.split())
