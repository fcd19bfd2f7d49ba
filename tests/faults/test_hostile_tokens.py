"""Tokens under hostile hands: nothing but the very text that was made is ever taken.

What a forged token comes to on the public routes is in tests/functional/test_public.py.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.auth.sessions import Sessions
from sendtrail.auth.signing_keys import SigningKeyRing
from sendtrail.auth.tokens import ClickedLink, Cursors, LinkTokens
from sendtrail.domain.events import Recipient
from sendtrail.domain.ids import participant_of_address
from sendtrail.errors import InvalidCursorError, InvalidTokenError
from tests.examples import many
from tests.faults.hostile import NASTY
from tests.support import HOSTILE_INPUTS

KEYS: Final = ["an old key" * 4, "the newest key" * 4]
STRANGERS: Final = ["a stranger's key" * 4]
JANE: Final = Recipient("01M7W83120VA77F8B88KYNEGC8", "jane", "news-1", "jane@example.org")
NEWER: Final = Recipient("01M7W83120VA77F8B88KYNEGD1", "jane", "news-1", "jane@example.org")
SECRET: Final = participant_of_address("jane@example.org")
JACK: Final = Recipient("01M7W83120VA77F8B88KYNEGC9", "jack", None)
SENT: Final = "2026-11-20T10:30:00.000Z"
LINK: Final = "https://society.example/a?x=1&y=2"


def tokens_by(keys: list[str], who: Recipient = JANE) -> dict[str, str]:
    """A token of each kind, made with these keys."""
    ring = SigningKeyRing.of(keys)
    links, sessions = LinkTokens(ring), Sessions(ring)
    cursor = Cursors(ring).write({"a": who.message_id}, "list")
    assert cursor
    return {
        "open": links.open(who, SENT),
        "click": links.click(ClickedLink(who, SENT, 3, 9, LINK)),
        "unsubscribe": links.unsubscribe(who),
        "cursor": cursor,
        "session": sessions.write(sessions.begin(who.participant_id)),
    }


GOOD: Final = tokens_by(KEYS)
OLD: Final = tokens_by(KEYS[:1])
JACKS: Final = tokens_by(KEYS, JACK)
OTHERS: Final = [*JACKS.values(), *tokens_by(STRANGERS).values()]

Reader = Callable[[str], Any]
RING: Final = SigningKeyRing.of(KEYS)
LINKS: Final = LinkTokens(RING)
READERS: Final[dict[str, Reader]] = {
    "open": LINKS.read_open,
    "click": LINKS.read_click,
    "unsubscribe": LINKS.read_unsubscribe,
    "cursor": lambda token: Cursors(RING).read(token, "list"),
    "session": Sessions(RING).read,
}
REFUSED: Final[dict[str, type[Exception] | None]] = {
    "open": InvalidTokenError,
    "click": InvalidTokenError,
    "unsubscribe": InvalidTokenError,
    "cursor": InvalidCursorError,
    "session": None,
}
"""How each says no; a session that is none is None."""


def taken(kind: str, token: str) -> bool:
    """Whether a reader takes a token; any error but its own is the test's failure."""
    refused = REFUSED[kind]
    if refused is None:
        return READERS[kind](token) is not None
    try:
        return READERS[kind](token) is not None
    except refused as error:
        assert str(error)
        return False


def is_good(kind: str, token: str) -> bool:
    """Whether a text is a token of that kind that was made with a key of ours."""
    return token in (GOOD[kind], OLD[kind], JACKS[kind])


# --- what is done to them --------------------------------------------------------------------

letters = st.one_of(
    st.characters(),
    st.sampled_from("=A.-_+/ \n\x00%é０Ａ\u2024\u00ad\ud800"),
)


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """A good token with something done to it; now and then nothing."""
    token = draw(st.sampled_from([*GOOD.values(), *OLD.values(), *OTHERS]))
    other = draw(st.sampled_from([*GOOD.values(), *OTHERS]))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(token)))
        letter = draw(letters)
        half = len(token) // 2
        token = draw(
            st.sampled_from(
                [
                    token[:place] + letter + token[place + 1 :],
                    token[:place] + letter + token[place:],
                    token[:place],
                    token[place:],
                    token[:place] + token[place + 1 :],
                    token[:place] + other[place:],
                    token + letter,
                    letter + token,
                    token + "=" * (place % 5),
                    token[:22] + other[22:],  # what authenticates one before what another says
                    other[:22] + token[22:],
                    token[half:] + token[:half],
                    f"{token[:half]}.{token[half:]}",
                    f"{token[:half]}={token[half:]}",
                    f"{token[:half]}\n{token[half:]}",
                    same_bits(token, place),
                    changed(token, place),
                    token.swapcase(),
                    quote(token, safe="", errors="replace"),
                    token * (1 + place % 3),
                    token.replace("-", "+").replace("_", "/"),
                ]
            )
        )
    return token


def same_bits(token: str, place: int) -> str:
    """The token with its last letter changed, whose last bits may say nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[place % 64]


def changed(token: str, place: int) -> str:
    """The token with a bit of what it says changed."""
    try:
        content = bytearray(decoded(token))
    except ValueError:  # it is no base64 any more
        return token
    if content:
        content[place % len(content)] ^= 1
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(token: str) -> bytes:
    """What who holds a token can read in it."""
    return urlsafe_b64decode(token.encode("ascii", "replace") + b"=" * (-len(token) % 4))


# --- what must hold --------------------------------------------------------------------------


def test_nothing_but_what_was_made_is_taken(
    record_property: Callable[[str, Any], None],
) -> None:
    """However it was changed, cut, joined, signed for another purpose or with another key."""
    tried = accepted = 0

    @many(1500)
    @given(spoilt())
    def no_spoilt_token(token: str) -> None:
        nonlocal tried, accepted
        for kind in READERS:
            tried += 1
            if taken(kind, token):
                assert is_good(kind, token), (kind, token)
                accepted += 1

    no_spoilt_token()
    assert accepted, "nothing that is good was among them"
    record_property(HOSTILE_INPUTS, tried)


def test_no_text_at_all_is_a_token(record_property: Callable[[str, Any], None]) -> None:
    """Nor makes a reader raise anything but its own error."""
    tried = 0

    @many(500)
    @given(
        st.one_of(
            st.text(max_size=300),
            st.text(alphabet="ABCabc019-_.=", max_size=300),
            st.sampled_from(NASTY),
            st.builds(lambda text, by: text * by, st.text(max_size=3), st.integers(0, 50_000)),
        )
    )
    def no_text(text: str) -> None:
        nonlocal tried
        for kind in READERS:
            tried += 1
            if kind == "cursor" and not text:
                continue  # no cursor is the beginning of the list
            assert not taken(kind, text)

    no_text()
    record_property(HOSTILE_INPUTS, tried)


@pytest.mark.parametrize("kind", list(READERS))
def test_a_token_of_each_kind_is_good_for_its_own_purpose_alone(kind: str) -> None:
    """Made with the newest key or an older one."""
    for made in (GOOD, OLD):
        assert [name for name in READERS if taken(name, made[kind])] == [kind]
    assert not any(taken(name, tokens_by(STRANGERS)[kind]) for name in READERS)


@pytest.mark.parametrize("kind", list(READERS))
def test_a_token_tells_nothing_of_whom_it_was_made_for(kind: str) -> None:
    """Nor do two of them whether they were made for the same person: they share no three bytes."""
    one, other = (decoded(tokens_by(KEYS, each)[kind]) for each in (JANE, NEWER))
    for told in (JANE.participant_id, JANE.message_id, str(JANE.communication_id), LINK, SECRET):
        for text in (told.encode(), bytes(reversed(told.encode()))):
            assert text not in one
    stretches = [{each[at : at + 3] for at in range(len(each) - 2)} for each in (one, other)]
    assert len(stretches[0] & stretches[1]) <= 1  # by chance


@pytest.mark.parametrize("kind", list(READERS))
def test_a_very_long_token_is_refused(kind: str) -> None:
    """A megabyte of anything, also of what looks compressed."""
    for text in ("A" * 2**20, "." * 2**20, GOOD[kind] * 2**12, "é" * 2**20):
        assert not taken(kind, text)
