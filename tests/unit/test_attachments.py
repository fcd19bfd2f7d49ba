"""Attachments: which may go with a mail, and what is said of those that may not."""

from __future__ import annotations

from typing import Any

import pytest

from sendtrail.errors import Problems
from sendtrail.mail.attachments import (
    MAX_ATTACHMENTS,
    MAX_FILE_NAME,
    MAX_TOTAL_BYTES,
    UNSUPPORTED_ENDINGS,
    Attachment,
    check_attachments,
    planned_attachments,
    size_label,
)

PDF = Attachment("programme.pdf", "application/pdf", b"%PDF-1.7")


def said(*attachments: Attachment) -> list[str]:
    """What is wrong with them, in words."""
    problems = Problems()
    check_attachments(attachments, problems)
    return [str(each) for each in problems.told]


def changed(**fields: Any) -> Attachment:
    """One with some of its fields otherwise."""
    return Attachment(
        **{"name": PDF.name, "content_type": PDF.content_type, "content": b"x"} | fields
    )


@pytest.mark.parametrize(
    "name",
    [
        "a.pdf",
        "Übersicht 2026.PDF",
        "تقرير.pdf",
        "🎉.png",
        "a.tar.gz",
        ".hidden.txt",
        "a" * 251 + ".pdf",
    ],
)
def test_names_of_all_scripts_are_allowed(name: str) -> None:
    """With an extension, and up to 255 characters."""
    assert said(changed(name=name)) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "0 characters"),
        ("a" * (MAX_FILE_NAME - 3) + ".pdf", f"{MAX_FILE_NAME + 1} characters"),
        ("readme", "no extension"),
        (".pdf.", "no extension"),
        ("setup.exe", "files that end in .exe"),
        ("setup.EXE", "files that end in .exe"),
        ("setup.exe ", "files that end in .exe"),
        ("../../etc/passwd.txt", "no name may have"),
        ('a".pdf', "no name may have"),
        ("a\r\nBcc: x@example.com.pdf", "no name may have"),
        ("gpj.\u202eexe.jpg", "no name may have"),
        ("\ud800.pdf", "no name may have"),
    ],
)
def test_a_name_that_is_not_allowed_is_said_why(name: str, why: str) -> None:
    """By its place."""
    (found,) = said(PDF, changed(name=name))
    assert found.startswith("attachments[1].name: ")
    assert why in found


@pytest.mark.parametrize(
    "kind", ["", "pdf", "a/b/c", "text/plain; charset=x", "a b/c", "x" * 78 + "/y"]
)
def test_a_type_is_a_media_type(kind: str) -> None:
    """Without parameters."""
    (found,) = said(changed(content_type=kind))
    assert found.startswith("attachments[0].content_type: ")


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Of each, and of all together."""
    many = [changed(name=f"{number}.pdf") for number in range(MAX_ATTACHMENTS)]
    found = said(*many, changed(name="0.PDF", content_type="pdf", content=b""))
    assert len(found) == 4
    assert f"at most {MAX_ATTACHMENTS} are allowed" in found[0]
    assert "attachments[0] has this name already" in found[3]


def test_their_sizes_are_counted_together() -> None:
    """To the byte."""
    half = b"x" * (MAX_TOTAL_BYTES // 2)
    files = [changed(name="a.pdf", content=half), changed(name="b.pdf", content=half)]
    assert said(*files) == []
    assert said(*files, changed(name="c.pdf")) == [
        "attachments: 3 MB together; at most 3 MB are allowed"
    ]


def test_what_ses_refuses_is_refused_before() -> None:
    """Each of its list; a plan has all but the content."""
    for ending in UNSUPPORTED_ENDINGS:
        assert len(said(changed(name=f"a.{ending}"))) == 1
    (planned,) = planned_attachments([PDF])
    assert (planned.name, planned.size, len(planned.digest)) == ("programme.pdf", 8, 64)


@pytest.mark.parametrize(
    ("size", "label"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KB"), (3 * 1024**2, "3 MB")],
)
def test_sizes_in_words(size: int, label: str) -> None:
    """In the largest unit of which there is one."""
    assert size_label(size) == label
