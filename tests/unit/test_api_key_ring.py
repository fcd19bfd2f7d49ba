"""The ring of API keys: a fault in one place locks out nobody whose key is in another."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.auth.api_key_ring import KEEP_SECONDS, STALE_SECONDS, ApiKeyRing
from sendtrail.auth.api_keys import ApiKeys, Caller, Scope, fingerprint, new_key
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.errors import AwsError, ConfigurationError, InvalidInputError

AT = "2026-11-20T09:30:00.000Z"
FIRST = "the-first-key"
KEY, ENTRY = new_key(Scope.SEND, "Front office", AT)
OTHER, OTHER_ENTRY = new_key(Scope.READ, "Report", AT)


class Stack:
    """Both secrets, the log, and the time."""

    def __init__(self) -> None:
        self.first: Any = json.dumps({"name": "first", "scope": "admin", "key": FIRST})
        self.further: Any = json.dumps({"keys": [ENTRY, OTHER_ENTRY]})
        self.lines: list[tuple[object, Mapping[str, object]]] = []
        self.at = 1_000.0
        self.reads = 0
        self.ring = self.started()

    def started(self) -> ApiKeyRing:
        """A process that has just started."""
        return ApiKeyRing(
            lambda: self._read(self.first), lambda: self._read(self.further), self, lambda: self.at
        )

    def error(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Takes a line."""
        self.lines.append((msg, extra))

    info = error

    def find(self, key: str, ring: ApiKeyRing | None = None) -> Caller | None:
        """Whose a key is."""
        return (ring or self.ring).find(lambda keys: keys.caller(f"Bearer {key}"))

    def _read(self, content: Any) -> str:
        self.reads += 1
        if content is None:
            raise AwsError("Unreachable", "no answer")
        return str(content)


@pytest.fixture
def stack() -> Stack:
    """Both secrets as they should be."""
    return Stack()


def named(caller: Caller | None) -> str | None:
    """The name of a caller, if there is one."""
    return caller.name if caller else None


MALFORMED: list[Any] = [
    None,
    7,
    "text",
    [],
    {},
    {**ENTRY, "sha256": None},
    {**ENTRY, "sha256": "é" * 64},
    {**ENTRY, "sha256": "ab"},
    {**ENTRY, "sha256": ENTRY["sha256"].upper()},
    {**ENTRY, "scope": "root"},
    {**ENTRY, "scope": []},
    {**ENTRY, "scope": None},
    {**ENTRY, "name": 7},
    {**ENTRY, "name": None},
    {**ENTRY, "expires_at": "never"},
    {**ENTRY, "expires_at": 0},
    {**ENTRY, "expires_at": ""},
]


@pytest.mark.parametrize("bad", MALFORMED, ids=lambda each: repr(each)[:40])
def test_a_malformed_entry_locks_out_nobody_else(stack: Stack, bad: Any) -> None:
    """The log says where it is, and nothing of what it says."""
    stack.further = json.dumps({"keys": [OTHER_ENTRY, bad, ENTRY]})
    assert named(stack.find(KEY)) == "Front office"
    assert named(stack.find(OTHER)) == "Report"
    assert named(stack.find(FIRST)) == "first"
    assert stack.find("nonsense") is None
    line = ("malformed API key passed over", {"secret": "further", "position": 2})
    assert stack.lines[0] == line


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_whatever_an_entry_is_it_is_read(entry: Any) -> None:
    """As operators may have left it."""
    keys = ApiKeys.of([entry, {"sha256": entry, "name": entry, "scope": entry}, ENTRY])
    assert keys.of_fingerprint(ENTRY["sha256"]) is not None
    assert keys.of_fingerprint("x") is None


def test_a_key_works_until_it_expires(stack: Stack) -> None:
    """To the millisecond, though the secret is not read again."""
    ends = from_epoch_ms(epoch_ms(now()) + 300)
    stack.further = json.dumps({"keys": [{**ENTRY, "expires_at": ends}, OTHER_ENTRY]})
    caller = stack.find(KEY)
    assert caller
    assert caller.expires_at == ends
    time.sleep(0.31)
    assert stack.find(KEY) is None
    assert named(stack.find(OTHER)) == "Report"


WHOLE = ["", "{", "[]", "null", "{}", '{"keys": {}}', '{"keys": null}', "[" * 100_000, "\ud800"]


@pytest.mark.parametrize("content", [*WHOLE, None], ids=lambda each: repr(each)[:20])
def test_the_first_key_works_whatever_becomes_of_the_others_secret(
    stack: Stack, content: Any
) -> None:
    """In a process that has just started, too; and of any other key it cannot be told."""
    stack.further = content
    assert named(stack.find(FIRST)) == "first"
    error = AwsError if content is None else ConfigurationError
    with pytest.raises(error):
        stack.find(KEY)
    message, fields = stack.lines[0]
    assert message == "API keys not read"
    assert fields["secret"] == "further"
    assert fields["reason"] == ("Unreachable" if content is None else "malformed")


@pytest.mark.parametrize("content", ["{", '{"key": 7}', '{"key": ""}', None])
def test_the_others_work_whatever_becomes_of_the_first(stack: Stack, content: Any) -> None:
    """It is one key of many."""
    stack.first = content
    assert named(stack.find(KEY)) == "Front office"
    with pytest.raises((AwsError, ConfigurationError)):
        stack.find(FIRST)


def test_a_first_key_that_is_no_callers_is_passed_over(stack: Stack) -> None:
    """It has a scope that there is not."""
    stack.first = json.dumps({"name": "first", "scope": "root", "key": FIRST})
    assert named(stack.find(KEY)) == "Front office"
    assert stack.find(FIRST) is None
    assert stack.lines[0][1] == {"secret": "first", "position": 1}


@pytest.mark.parametrize("content", ["{", None])
def test_keys_that_cannot_be_read_anew_go_on_working_for_a_while(
    stack: Stack, content: Any
) -> None:
    """A quarter of an hour: then whoever may have been removed stops working, too."""
    assert stack.find(KEY)
    stack.further = content
    while stack.at < 1_000 + STALE_SECONDS - 61:
        stack.at += 61
        assert stack.find(KEY)
        assert stack.find(FIRST)
    assert {fields["stale"] for _, fields in stack.lines} == {True}
    stack.at += 122
    with pytest.raises((AwsError, ConfigurationError)):
        stack.find(KEY)
    assert stack.find(FIRST)
    stack.further = json.dumps({"keys": [ENTRY]})
    stack.at += 3
    assert stack.find(KEY)
    assert stack.find("nonsense") is None


def test_a_secret_that_fails_is_not_asked_for_with_each_request(stack: Stack) -> None:
    """A failed read is a read: those whose keys are known wait for it once a minute."""
    assert stack.find(KEY)
    stack.further = None
    before = stack.reads
    for _ in range(59):
        stack.at += 1
        stack.find(KEY)
    assert stack.reads == before
    stack.at += 2
    stack.find(KEY)
    assert stack.reads == before + 2


def test_a_removed_key_stops_working_within_a_minute(stack: Stack) -> None:
    """Where the secret can be read; a key that is added works within two seconds."""
    assert stack.find(KEY)
    stack.further = json.dumps({"keys": [OTHER_ENTRY]})
    stack.at += KEEP_SECONDS + 1
    assert stack.find(KEY) is None
    added, entry = new_key(Scope.READ, "", AT)
    stack.further = json.dumps({"keys": [entry]})
    stack.at += 2.5
    assert stack.find(added)


def test_a_name_that_none_may_have_is_shown_as_far_as_it_is_legible(stack: Stack) -> None:
    """A key that has been in use goes on working; no new one is made with such a name."""
    stack.further = json.dumps({"keys": [{**ENTRY, "name": "Front\noffice " + "x" * 99}]})
    caller = stack.find(KEY)
    assert named(caller) == "Frontoffice " + "x" * 48
    assert caller is not None
    assert caller.actor.id == fingerprint(KEY)[:16]
    with pytest.raises(InvalidInputError, match="at most 60"):
        new_key(Scope.READ, "x" * 61, AT)
    with pytest.raises(InvalidInputError, match="printable"):
        new_key(Scope.READ, "a\nb", AT)
