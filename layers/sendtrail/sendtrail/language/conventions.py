"""How numbers and dates are written, by language; `make texts` writes this from CLDR."""

from __future__ import annotations

from typing import Final

__all__ = ["CONVENTIONS"]

CONVENTIONS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "group": "\u202f",
        "decimal": ".",
        "percent": "{}\u202f%",
        "date": "{day:02} {short} {year}",
        "long_date": "{day} {month} {year}",
        "month_of_year": "{month} {year}",
        "time": "{date} {time}",
        "items": "{}, {}",
        "last_items": "{} and {}",
        "months": (
            "January February March April May June July August September October November December"
        ),
        "short_months": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    },
    "de": {
        "group": ".",
        "decimal": ",",
        "percent": "{}\xa0%",
        "date": "{day}. {short} {year}",
        "long_date": "{day}. {month} {year}",
        "month_of_year": "{month} {year}",
        "time": "{date}, {time}",
        "items": "{}, {}",
        "last_items": "{} und {}",
        "months": (
            "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
        ),
        "short_months": "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
    },
    "fr": {
        "group": "\u202f",
        "decimal": ",",
        "percent": "{}\xa0%",
        "date": "{day} {short} {year}",
        "long_date": "{day} {month} {year}",
        "month_of_year": "{month} {year}",
        "time": "{date}, {time}",
        "items": "{}, {}",
        "last_items": "{} et {}",
        "months": (
            "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
        ),
        "short_months": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    },
    "es": {
        "group": ".",
        "decimal": ",",
        "percent": "{}\xa0%",
        "date": "{day} {short} {year}",
        "long_date": "{day} de {month} de {year}",
        "month_of_year": "{month} de {year}",
        "time": "{date}, {time}",
        "items": "{}, {}",
        "last_items": "{} y {}",
        "months": (
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"  # noqa: E501
        ),
        "short_months": "ene feb mar abr may jun jul ago sept oct nov dic",
    },
}
