"""The keys that sign: at most a minute old, and known everywhere before they sign."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sendtrail.auth.signing_keys import Purpose, SigningKeyRing, TokenCipher, keys_of
from sendtrail.errors import AwsError, ConfigurationError, InvalidTokenError


class Secret:
    """A secret, and the time: what a process sees of them."""

    def __init__(self, **content: Any) -> None:
        self.content: Any = content
        self.at = 1_000_000.0
        self.reads = 0

    def read(self) -> str:
        """As Secrets Manager answers, or not."""
        self.reads += 1
        if self.content is None:
            raise AwsError("Unreachable", "no answer")
        return json.dumps(self.content)

    def cipher(self) -> TokenCipher:
        """A process that has just started."""
        return SigningKeyRing(self.read, clock=lambda: self.at).cipher(Purpose.CLICK)


def test_a_key_that_was_removed_signs_and_verifies_nothing_a_minute_later() -> None:
    """Also in a process that meets no bad token; and no link of another key dies."""
    secret = Secret(newest="b", older=["a"])
    sender, reader = secret.cipher(), secret.cipher()
    leaked = Secret(newest="a", older=[]).cipher().encrypt("forged")
    link = sender.encrypt("link")
    assert reader.decrypt(leaked) == "forged"
    secret.content = {"newest": "c", "older": ["b"]}
    secret.at += 61
    with pytest.raises(InvalidTokenError):
        reader.decrypt(leaked)
    assert reader.decrypt(link) == "link"
    assert secret.cipher().decrypt(sender.encrypt("new")) == "new"
    assert Secret(newest="c", older=[]).cipher().decrypt(sender.encrypt("new")) == "new"


def test_a_new_key_signs_once_every_process_knows_it() -> None:
    """So no link is dead for those who have read the secret a minute before it was added."""
    secret = Secret(newest="a", older=[])
    reader = secret.cipher()
    assert reader.decrypt(secret.cipher().encrypt(1)) == 1
    secret.content = {"newest": "b", "older": ["a"], "signs_from": secret.at + 120}
    sender = secret.cipher()
    for _ in range(40):
        secret.at += 5
        assert reader.decrypt(sender.encrypt("x")) == "x"
    assert Secret(newest="b", older=[]).cipher().decrypt(sender.encrypt("x")) == "x"


def test_a_ring_is_read_once_a_minute_whatever_comes() -> None:
    """However many tokens are forged."""
    secret = Secret(newest="a", older=[])
    reader = secret.cipher()
    for _ in range(50):
        with pytest.raises(InvalidTokenError):
            reader.decrypt("a.b")
    assert secret.reads == 1
    secret.at += 61
    reader.encrypt("x")
    assert secret.reads == 2


@pytest.mark.parametrize("later", [None, {"newest": 1}, {"newest": "", "older": [0]}, []])
def test_keys_that_cannot_be_read_are_those_of_the_last_time(later: Any) -> None:
    """Links in mail lead on while Secrets Manager is down, or somebody has spoilt the secret."""
    secret = Secret(newest="a", older=[])
    reader = secret.cipher()
    link = reader.encrypt("x")
    secret.content = later
    secret.at += 3600
    assert reader.decrypt(link) == "x"
    with pytest.raises((AwsError, ConfigurationError)):
        secret.cipher().encrypt("x")


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        ({"newest": "b", "older": ["a"]}, ("a", "b")),
        ({"newest": "b", "older": ["a"], "signs_from": 9}, ("a", "b")),
        ({"newest": "b", "older": ["z", "a"], "signs_from": 11}, ("b", "z", "a")),
        ({"newest": "b", "older": [], "signs_from": 11}, ("b",)),
        ({"newest": "b", "older": ["a", None, "", 7, "a"]}, ("a", "b")),
        ({"newest": None, "older": ["z", "a"], "signs_from": 11}, ("z", "a")),
        ({"newest": "b", "older": ["a"], "signs_from": "soon"}, ("a", "b")),
    ],
)
def test_the_key_that_signs_is_the_last(content: dict[str, Any], keys: tuple[str, ...]) -> None:
    """The newest, unless it was just added and there is another; what is no key is passed over."""
    assert keys_of(json.dumps(content), 10) == keys
