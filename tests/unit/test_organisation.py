"""The organisation on public pages: what its parameters allow, and that its colour can be read."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from samcli.yamlhelper import yaml_parse

from local.template import load
from sendtrail.auth.signing_keys import Purpose, SigningKeyRing
from sendtrail.auth.tokens import LinkTokens
from sendtrail.config import Settings
from sendtrail.domain.events import Recipient
from sendtrail.domain.ids import masked, participant_of_address
from sendtrail.errors import ConfigurationError
from sendtrail.tracking.organisation import DARK, LIGHT, Organisation, contrast
from tests.support import ROOT

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrast_is_as_wcag_defines_it() -> None:
    """Black on white is 21, a colour on itself 1; a value that its tools give."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#14635f", "#14635f") == pytest.approx(1)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@given(COLOURS)
@example("#767676")
@example("#777777")
@example("#ffffff")
@example("#000000")
@example("#15181c")
def test_a_button_can_be_read_and_seen_whatever_its_colour(colour: str) -> None:
    """Its text has 4.5 in both themes (WCAG 1.4.3), and it, or the border in the colour of its
    text, 3 against the page (1.4.11).
    """
    for page, dark in ((LIGHT, False), (DARK, True)):
        button = Organisation("", colour=colour).button(dark=dark)
        assert button is not None
        assert contrast(button.surface, button.text) >= 4.5
        assert max(contrast(button.surface, page), contrast(button.text, page)) >= 3
    light, dark_one = (Organisation("", colour=colour).button(dark=dark) for dark in (False, True))
    assert light is not None
    assert dark_one is not None
    assert light.surface == colour
    assert contrast(dark_one.surface, DARK) >= 3
    if contrast(colour, DARK) >= 3:
        assert dark_one.surface == colour


def of(**settings: str) -> Organisation:
    """The organisation of a stack with these settings."""
    return Organisation.of(Settings({"SENDER_ADDRESS": "News <news@society.example>"} | settings))


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("OrganisationLogoUrl", "", True),
        ("OrganisationLogoUrl", "https://society.example/logo.svg", True),
        ("OrganisationLogoUrl", "https://cdn.society.example:8443/a/b%20c.png?v=1&x=2", True),
        ("OrganisationLogoUrl", "http://127.0.0.1:3000/local/logo.svg", True),
        ("OrganisationLogoUrl", "http://society.example/logo.svg", False),
        ("OrganisationLogoUrl", "http://127.0.0.1.society.example/logo.svg", False),
        ("OrganisationLogoUrl", "//society.example/logo.svg", False),
        ("OrganisationLogoUrl", "https://society.example", False),
        ("OrganisationLogoUrl", "https://a:b@society.example/logo.svg", False),
        ("OrganisationLogoUrl", "https://society.example/logo.svg\nx", False),
        ("OrganisationLogoUrl", "https://society.example/; script-src *", False),
        ("OrganisationLogoUrl", "https://society.example; script-src */", False),
        ("OrganisationLogoUrl", 'https://society.example/"onerror="x', False),
        ("OrganisationLogoUrl", "data:image/svg+xml,<svg/>", False),
        ("OrganisationLogoUrl", "javascript:alert(1)", False),
        ("OrganisationColour", "", True),
        ("OrganisationColour", "#14635f", True),
        ("OrganisationColour", "#14635F", True),
        ("OrganisationColour", "#146", False),
        ("OrganisationColour", "green", False),
        ("OrganisationColour", "#14635f}body{", False),
    ],
)
def test_the_template_and_the_functions_allow_the_same(
    parameter: str, value: str, allowed: bool
) -> None:
    """What CloudFormation takes starts, and what it does not take would not."""
    declared = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Parameters"]
    assert bool(re.fullmatch(declared[parameter]["AllowedPattern"], value)) is allowed
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", parameter).upper()
    if allowed:
        found = of(**{name: value})
        assert value in (found.logo_url or "", found.colour or "")
        return
    with pytest.raises(ConfigurationError, match=f"{name}.*allowed is"):
        of(**{name: value})


def test_both_public_functions_know_the_organisation() -> None:
    """By its parameters."""
    functions = load({"OrganisationName": "X", "OrganisationColour": "#000000"}).functions()
    for name in ("TrackFunction", "PreferencesFunction"):
        found = Organisation.of(Settings(functions[name].environment))
        assert found == Organisation("X", None, "#000000")
    assert of().name == "News"
    assert of(SENDER_ADDRESS="news@society.example").name == "society.example"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("jane@example.com", "j…@example.com"),
        ("j@example.com", "j…@example.com"),
        ("Jane <Jane.Doe+news@mail.example.com>", "J…@mail.example.com"),
        ('"a@b c"@example.com', "a…@example.com"),
        ("österreich@exämple.com", "ö…@exämple.com"),
        ("", ""),
        ("nobody", ""),
        ("@example.com", ""),
        ("jane@", ""),
    ],
)
def test_an_address_is_shown_so_that_its_owner_knows_it(address: str, shown: str) -> None:
    """And tells nobody else how to write to them, nor how long it is."""
    assert masked(address) == shown


def test_a_token_names_the_address_as_pages_show_it() -> None:
    """And is read by what made tokens without it: the placeholder stands last."""
    ring = SigningKeyRing.of(["a key" * 9])
    tokens = LinkTokens(ring)
    ids = ("01M7W83120VA77F8B88KYNEGC8", "jane", None)
    token = tokens.unsubscribe(Recipient(*ids, address="Jane <jane@example.com>"))
    placeholder = participant_of_address("jane@example.com")
    found = tokens.read_unsubscribe(token)
    assert (found.shown_address, found.placeholder) == ("j…@example.com", placeholder)
    assert found.recipient == Recipient(*ids)
    *theirs, last = ring.cipher(Purpose.UNSUBSCRIBE).decrypt(token)
    assert Recipient(*theirs[:3]) == found.recipient
    assert last == placeholder
