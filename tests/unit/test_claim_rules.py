"""Claims to scopes: how rules are written, and whom they fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.auth.api_keys import Scope
from sendtrail.auth.claim_rules import ClaimRule, ClaimRules
from sendtrail.errors import ConfigurationError

ADMIN, SEND, READ = Scope.ADMIN, Scope.SEND, Scope.READ


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("groups=mail-admins:admin", [ClaimRule("groups", "mail-admins", ADMIN)]),
        (" groups = a b : send ,email=*@x.org:read, ", [ClaimRule("groups", "a b", SEND), ClaimRule("email", "*@x.org", READ)]),
        ("roles=urn:x:admin:send", [ClaimRule("roles", "urn:x:admin", SEND)]),
        ('groups="cn=a,ou=b":admin', [ClaimRule("groups", "cn=a,ou=b", ADMIN)]),
        ("https://x.example/groups=a:read", [ClaimRule("https://x.example/groups", "a", READ)]),
        ("sub=*:read", [ClaimRule("sub", "*", READ)]),
    ],
)  # fmt: skip
def test_rules_are_read_as_they_are_written(text: str, rules: list[ClaimRule]) -> None:
    """With blanks, colons, quotation marks and URLs."""
    assert list(ClaimRules.parse(text).rules) == rules


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no rule"),
        (" , ", "no rule"),
        ("groups", "'groups' is no rule"),
        ("groups=a", "'groups=a' is no rule"),
        ("groups=a:owner", "has no scope 'owner'"),
        ("groups=:admin", "has no value"),
        ("groups=a:admin,, groups=b:read", "is no rule"),
        ("groups=a*:admin", "has a *"),
        ("email=*example.org:admin", "has a *"),
        ("email=*@*.org:admin", "has a *"),
        ('groups="a:admin', "is no rule"),
    ],
)
def test_what_is_no_rule_is_said_with_what_is_allowed(text: str, why: str) -> None:
    """By the setting's name and the rule that is wrong."""
    with pytest.raises(ConfigurationError) as raised:
        ClaimRules.parse(text)
    said = str(raised.value)
    assert why in said
    assert said.startswith("the setting OIDC_SCOPES: ")
    assert "groups=mail-admins:admin" in said


RULES = ClaimRules.parse(
    "groups=mail-admins:admin, groups=marketing:send, email=*@example.org:read, "
    "email=boss@elsewhere.example:admin, realm.roles=mail:send, active=true:read"
)


@pytest.mark.parametrize(
    ("claims", "scope"),
    [
        ({}, None),
        ({"groups": "mail-admins"}, ADMIN),
        ({"groups": ["x", "marketing"]}, SEND),
        ({"groups": ["marketing", "mail-admins"]}, ADMIN),
        ({"groups": ["Mail-Admins", "mail-admins "]}, None),
        ({"groups": {"mail-admins": True}}, None),
        ({"groups": [["mail-admins"], None, 1.5]}, None),
        ({"email": "a@example.org", "email_verified": True}, READ),
        ({"email": "A@EXAMPLE.ORG", "email_verified": "true"}, READ),
        ({"email": "a@example.org"}, None),
        ({"email": "a@example.org", "email_verified": False}, None),
        ({"email": "a@sub.example.org", "email_verified": True}, None),
        ({"email": "a@evil.example@example.org", "email_verified": True}, None),
        ({"email": "@example.org", "email_verified": True}, None),
        ({"email": "a@badexample.org", "email_verified": True}, None),
        ({"email": "boss@elsewhere.example", "email_verified": True}, ADMIN),
        ({"realm": {"roles": ["mail"]}}, SEND),
        ({"realm.roles": ["mail"]}, SEND),
        ({"realm": "roles"}, None),
        ({"active": True}, READ),
        ({"active": False}, None),
    ],
)
def test_the_highest_scope_that_fits_holds(claims: dict[str, Any], scope: Scope | None) -> None:
    """To the letter, but for addresses; and an address only once it is verified."""
    assert RULES.scope_of(claims) is scope


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
NAMES = st.sampled_from(["groups", "email", "email_verified", "realm", "active", "x"])


@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_whatever_a_provider_says_it_raises_nothing(claims: dict[str, Any]) -> None:
    """And what is shown of it is short."""
    RULES.scope_of(claims)
    held = RULES.held(claims)
    assert set(held) == {"groups", "email", "realm.roles", "active"}
    assert all(len(value) <= 100 for values in held.values() for value in values)
