"""The organisation as readers see it on the public pages: its name, logo and colour."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from sendtrail.config import Settings

__all__ = ["DARK", "LIGHT", "Button", "Organisation", "contrast"]

LIGHT: Final = "#ffffff"
DARK: Final = "#15181c"
"""What pages lie on, in the light and the dark theme."""

_BLACK: Final = "#000000"
_VISIBLE: Final = 3.0
"""The least contrast of a control with what is around it: WCAG 2.2, success criterion 1.4.11."""
_STEPS: Final = 20


class Button(NamedTuple):
    """The colours of a button: of its surface and of its text."""

    surface: str
    text: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who sends the mail.

    Attributes:
        logo_url: of an image, at https; None without one.
        colour: as ``#14635f``; None without one.
    """

    name: str
    logo_url: str | None = None
    colour: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Organisation:
        """The organisation by its settings; it is called as its mail says, if nothing else is said:
        by the display name of the sender's address, or else by its domain.

        Raises:
            ConfigurationError: a setting is missing, or not as allowed.
        """
        said, address = parseaddr(settings.sender_address)
        name = settings.organisation_name or said or address.rpartition("@")[2]
        return cls(name, settings.organisation_logo_url, settings.organisation_colour)

    @property
    def logo_origin(self) -> str | None:
        """Where the logo is loaded from, as a Content-Security-Policy names it."""
        if self.logo_url is None:
            return None
        place = urlsplit(self.logo_url)
        return f"{place.scheme}://{place.netloc}"

    def button(self, *, dark: bool = False) -> Button | None:
        """The colours of a button, whose text has a contrast of 4.5 at least (WCAG 2.2, 1.4.3)
        whatever the colour is: either black or white has 4.58. In the dark theme the colour is as
        much lighter as it takes to be seen there. None if there is no colour.
        """
        if self.colour is None:
            return None
        surface = _seen_on(DARK, self.colour) if dark else self.colour
        return Button(surface, max(_BLACK, LIGHT, key=lambda text: contrast(text, surface)))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21, as WCAG 2.2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _seen_on(background: str, colour: str) -> str:
    """The colour, mixed with as much white as it takes to be seen on a dark background."""
    channels = _channels(colour)
    for step in range(_STEPS + 1):
        mixed = "".join(f"{each + (255 - each) * step // _STEPS:02x}" for each in channels)
        if contrast(f"#{mixed}", background) >= _VISIBLE:
            break
    return f"#{mixed}"


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(each / 255) for each in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
