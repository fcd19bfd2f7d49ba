"""Attachments: from the request to SES, once in the bucket, and on the message's page."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from sendtrail.auth.api_keys import Scope
from sendtrail.mail.attachments import MAX_TOTAL_BYTES
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, outbox, people
from tests.functional.visitor import Visitor, make_key
from tests.functional.world import World

SIMULATOR = "simulator.amazonses.com"
ADDRESSES = [f"success+{number}@{SIMULATOR}" for number in range(25)]
PDF = b"%PDF-1.7 \xe2\xe3\xcf\xd3 and what is not ASCII"
LETTER = {"participant_id": "jo", "address": f"success@{SIMULATOR}", "subject": "s", "text": "t"}


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def post(world: World) -> Post:
    """Somebody who sends."""
    return Post(world)


def file(name: str = "programme.pdf", content: bytes = PDF) -> dict[str, Any]:
    """A file, as a request has it."""
    said = b64encode(content).decode()
    return {"name": name, "content_type": "application/pdf", "content": said}


def kept(post: Post) -> list[str]:
    """The keys of the objects in the plans bucket."""
    bucket = post.world.backend.resources.physical["PlansBucket", ""]
    found = post.world.backend.endpoints.client("s3").list_objects_v2(Bucket=bucket)
    return [each["Key"] for each in found.get("Contents", [])]


def test_each_recipient_gets_the_file_byte_for_byte(post: Post) -> None:
    """Copies, too; it is kept once, under its digest, and not in the plan."""
    files = [file(), file("Übersicht 🎉.png", bytes(range(256)))]
    post.send(recipients=people(*ADDRESSES), copy_to=["us@x.example"], attachments=files, **NEWS)
    post.run()
    mails = outbox(post.world)
    assert len(mails) == 26
    for mail in mails:
        assert [(e["name"], e["size"], e["sha256"]) for e in mail["attachments"]] == [
            ("programme.pdf", len(PDF), sha256(PDF).hexdigest()),
            ("Übersicht 🎉.png", 256, sha256(bytes(range(256))).hexdigest()),
        ]
    keys = kept(post)
    assert f"plans/attachments/{sha256(PDF).hexdigest()}" in keys
    assert len(keys) == 3
    post.api("/v1/messages", "POST", {**LETTER, "attachments": [file("the same.pdf")]})
    assert len(kept(post)) == 4  # its plan


def test_a_mail_without_files_says_nothing_of_any(post: Post) -> None:
    """To SES, and in the log."""
    post.send(recipients=people(ADDRESSES[0]), **NEWS)
    post.run()
    assert outbox(post.world)[0]["attachments"] == []
    accepted = [e for e in post.world.backend.logged() if e.type == "Accepted"]
    assert all("attachments" not in event.detail for event in accepted)


def test_a_message_names_its_files(post: Post) -> None:
    """Name, type and size, by the API and on its page; a list counts them."""
    name = "<b>Programm</b> & מסמך.pdf"
    bad = post.api("/v1/messages", "POST", {**LETTER, "attachments": [file(name)]})
    assert bad["statusCode"] == 422
    name = "Programm & מסמך.pdf"
    said = post.api("/v1/messages", "POST", {**LETTER, "attachments": [file(name)]})["json"]
    post.run()
    path = f"/participants/jo/messages/{said['message_id']}"
    view = {"name": name, "content_type": "application/pdf", "size": len(PDF)}
    assert post.api(f"/v1{path}")["json"]["attachments"] == [view]
    (listed,) = post.api("/v1/participants/jo/messages")["json"]["items"]
    assert listed["attachment_count"] == 1
    staff = Visitor(post.world)
    staff.sign_in(make_key(post.world, Scope.READ))
    page = staff.get(f"/console{path}")["body"]
    assert "<bdi>Programm &amp; מסמך.pdf</bdi>" in page
    assert f"{len(PDF)} bytes" in page


def test_a_preview_names_them_and_keeps_nothing(post: Post) -> None:
    """Nothing is written."""
    draft = {"name": "x", "recipients": people(ADDRESSES[0]), "attachments": [file()], **NEWS}
    answer = post.api("/v1/communications/preview", "POST", draft)["json"]
    assert [each["name"] for each in answer["attachments"]] == ["programme.pdf"]
    assert kept(post) == []


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ([file("setup.exe"), file("a")], ["attachments.0.name", "attachments.1.name"]),
        ([file() | {"content": "%%%"}], ["attachments.0.content"]),
        ([file() | {"content_type": "pdf"}], ["attachments.0.content_type"]),
        ([file("a.pdf", bytes(MAX_TOTAL_BYTES)), file("b.pdf")], ["attachments"]),
    ],
)
def test_a_file_that_may_not_be_sent_is_refused_by_its_place(
    post: Post, files: list[dict[str, Any]], names: list[str]
) -> None:
    """All at once, with what else is wrong; nothing is kept."""
    draft = {"name": "x", "recipients": people(ADDRESSES[0]), "attachments": files, **NEWS}
    answer = post.api("/v1/communications", "POST", draft)
    assert answer["statusCode"] == 422
    assert [each["name"] for each in answer["json"]["errors"]] == names
    assert kept(post) == []


def test_files_of_the_most_allowed_size_are_sent(post: Post) -> None:
    """Within what a request may be; a byte more of it is refused in words."""
    content = bytes(range(256)) * (MAX_TOTAL_BYTES // 256)
    draft = {**LETTER, "attachments": [file("a.bin", content)]}
    assert post.api("/v1/messages", "POST", draft)["statusCode"] == 202
    post.run()
    (mail,) = outbox(post.world)
    assert mail["attachments"][0]["sha256"] == sha256(content).hexdigest()
    draft["attachments"] = [file("a.bin", content), file("b.bin", content)]
    answer = post.api("/v1/messages", "POST", draft)
    assert answer["statusCode"] == 413
    assert "larger than" in answer["json"]["detail"]


def test_a_request_is_another_with_another_file(post: Post) -> None:
    """By its key: the same content is the same request, another is refused."""
    keyed = {"Idempotency-Key": "once"}
    draft = {**LETTER, "attachments": [file()]}
    first, again = (post.api("/v1/messages", "POST", draft, headers=keyed) for _ in range(2))
    assert again["json"]["message_id"] == first["json"]["message_id"]
    draft["attachments"] = [file(content=PDF + b"!")]
    assert post.api("/v1/messages", "POST", draft, headers=keyed)["statusCode"] == 422
    post.run()
    assert len(outbox(post.world)) == 1
