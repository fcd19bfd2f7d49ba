"""Whose choice it is to unsubscribe: the participant's, and that of the address it was made at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.reader import Reader
from tests.functional.sending import NEWS, Post, outbox
from tests.functional.world import World

ONE_CLICK = "List-Unsubscribe=One-Click"


class House:
    """Who sends, and to whom."""

    def __init__(self, world: World) -> None:
        self.post = Post(world)

    def mails(self, participant_id: str, address: str | None = None) -> Reader | None:
        """Who reads a mailing to one recipient; None if it was dropped for having unsubscribed."""
        before = len(outbox(self.post.world))
        recipient = {"participant_id": participant_id, "data": {"name": "N"}}
        self.post.send(recipients=[recipient | ({"address": address} if address else {})], **NEWS)
        self.post.run()
        mails = outbox(self.post.world)[before:]
        if mails:
            assert len(mails) == 1
            reader = Reader(self.post.world, mails[0]["html"])
            reader.minutes_apart = 0.0
            return reader
        newest = self.post.api(f"/v1/participants/{participant_id}/messages", limit=1)["json"]
        assert newest["items"][0]["drop_reason"] == "unsubscribed"
        return None

    def reads(self, participant_id: str, address: str) -> Reader:
        """Who reads a mailing, which is not dropped."""
        reader = self.mails(participant_id, address)
        assert reader
        return reader

    def person(self, participant_id: str) -> Any:
        """What the API says of a participant."""
        return self.post.api(f"/v1/participants/{participant_id}")["json"]

    def staff(self, participant_id: str, *, subscribed: bool) -> None:
        """Staff records a choice."""
        path = f"/v1/participants/{participant_id}/subscription"
        answer = self.post.api(path, "PUT", {"subscribed": subscribed})
        assert answer["statusCode"] == 200, answer


@pytest.fixture
def house(world: World) -> House:
    """A society, and its members."""
    return House(world)


def chooses(reader: Reader, *, subscribed: bool) -> None:
    """A reader chooses: by their mail program's button, or on the page."""
    body = "subscribed=yes" if subscribed else ONE_CLICK
    assert reader("u", method="POST", body=body)["statusCode"] == 200


def test_a_choice_holds_at_its_address_for_whoever_is_written_to_there(house: House) -> None:
    """As where a spreadsheet made 7 of 007, or wrote the address in capitals."""
    other = house.reads("7", "U@Example.com")
    chooses(house.reads("007", "u@example.com"), subscribed=False)
    assert "You are not subscribed" in other("u")["body"]
    for address in ("u@example.com", "U@EXAMPLE.COM"):
        assert house.mails("7", address) is None
    assert house.mails("new", "u@Example.com") is None
    said = house.person("7")
    assert (said["subscribed"], said["subscription_changed_by"]) == (False, "007")
    assert said["subscription_changed_at"] == house.person("007")["subscription_changed_at"]
    newest = house.post.api("/v1/participants/7/messages", limit=1)["json"]["items"][0]
    trail = house.post.api(f"/v1/participants/7/messages/{newest['message_id']}")["json"]["events"]
    (dropped,) = [each["detail"] for each in trail if each["type"] == "Dropped"]
    assert dropped["evidence"] == {
        "at": said["subscription_changed_at"],
        "participant_id": "007",
    }
    assert house.mails("7", "elsewhere@example.com")


def test_a_choice_goes_with_its_participant_to_another_address(house: House) -> None:
    """And undoing it there undoes it at both."""
    chooses(house.reads("ann", "old@example.com"), subscribed=False)
    path = "/v1/participants/ann/addresses/new%40example.com"
    assert house.post.api(path, "PUT")["statusCode"] in (200, 201)
    assert house.mails("ann") is None
    assert house.mails("bob", "old@example.com") is None
    assert house.mails("bob", "new@example.com")
    assert not house.person("ann")["subscribed"]
    house.staff("ann", subscribed=True)
    assert house.person("ann")["subscribed"]
    assert house.mails("ann")
    assert house.mails("ann", "old@example.com")
    assert house.mails("bob", "old@example.com")


def test_what_a_reader_undoes_is_undone_at_the_address_of_the_choice(house: House) -> None:
    """Also from a mail to another address of theirs."""
    newer = house.reads("ann", "new@example.com")
    older = house.reads("ann", "old@example.com")
    chooses(older, subscribed=False)
    assert "You are not subscribed" in newer("u")["body"]
    chooses(newer, subscribed=True)
    assert "You are subscribed" in older("u")["body"]
    assert house.mails("bob", "old@example.com")


def test_staffs_choice_is_of_the_address_too(house: House) -> None:
    """Of the current one."""
    house.reads("ann", "us@example.com")
    house.reads("bob", "Us@example.com")
    house.staff("ann", subscribed=False)
    assert house.mails("bob", "us@example.com") is None
    assert not house.person("bob")["subscribed"]
    house.staff("bob", subscribed=True)
    assert house.mails("bob", "us@example.com")
    assert house.mails("ann", "us@example.com")


def test_nobody_undoes_what_another_chose_at_an_address_elsewhere(house: House) -> None:
    """Nor is mail that an address may get owed to who unsubscribed elsewhere."""
    bobs = house.reads("bob", "us@example.com")
    chooses(house.reads("ann", "us@example.com"), subscribed=False)
    chooses(bobs, subscribed=False)
    chooses(house.reads("cid", "ann@example.com"), subscribed=True)
    path = "/v1/participants/ann/addresses/ann%40example.com"
    assert house.post.api(path, "PUT")["statusCode"] in (200, 201)
    assert house.mails("ann") is None  # though ann@example.com gets communications
    house.staff("ann", subscribed=True)
    assert house.mails("ann")
    assert house.mails("bob", "us@example.com") is None  # bob's own


def test_a_choice_by_mail_that_named_only_the_address_holds_there(house: House) -> None:
    """And who has it undoes it."""
    from local.notifications import Mail

    mail = Mail("elsewhere", "2026-11-20T09:30:00.000Z", ["Zoe@example.com"])
    house.post.world.ingest([mail.subscription("2026-11-20T09:31:00.000Z", unsubscribed=True)])
    house.post.world.fold()
    assert house.mails("zoe", "zoe@example.com") is None
    house.staff("zoe", subscribed=True)
    assert house.mails("zoe", "zoe@example.com")
    assert house.mails("zoes", "ZOE@example.com")


def test_a_direct_message_reaches_who_unsubscribed(house: House) -> None:
    """Having unsubscribed is of communications."""
    chooses(house.reads("ann", "us@example.com"), subscribed=False)
    draft = {"participant_id": "bob", "address": "us@example.com", "subject": "x", "text": "y"}
    before = len(outbox(house.post.world))
    assert house.post.api("/v1/messages", "POST", draft)["statusCode"] == 202
    house.post.run()
    assert len(outbox(house.post.world)) == before + 1
