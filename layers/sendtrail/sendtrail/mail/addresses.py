"""Addresses: whether they can be ones, and the one spelling under which each is known."""

from __future__ import annotations

from typing import Final

from sendtrail.errors import InvalidInputError

__all__ = ["MAX_ADDRESS", "canonical_address", "checked_address", "sendable_address"]

MAX_ADDRESS: Final = 320
"""Characters of an address at most: 64 before the @-sign and 255 after it (RFC 5321, 4.5.3.1)."""
_MAX_ADDRESS_BYTES: Final = 640  # it is part of a sort key, which may have 1,024


def checked_address(address: str) -> str:
    """The address, if it can be one: not whether it exists, but that it has a local part and a
    domain (RFC 5321, sections 4.1.2 and 4.5.3.1).

    Returns:
        the address as written, or, if it is not of ASCII alone, as SES writes it: what is known
        of an address is known under one spelling.

    Raises:
        InvalidInputError: it cannot.
    """
    local, at, domain = address.rpartition("@")
    if (
        not at
        or not local
        or not domain
        or len(address) > MAX_ADDRESS
        or len(address.encode("utf-8", "replace")) > _MAX_ADDRESS_BYTES
        or any(character.isspace() or not character.isprintable() for character in address)
        or any(character in domain for character in '<>()[]\\,;:"')
        or ("@" in local and not local.startswith('"'))
    ):
        raise InvalidInputError(
            f"not an email address: {address!r:.80}; one has a local part, an @ and a domain, no "
            f"blanks, and at most {MAX_ADDRESS} characters"
        )
    return canonical_address(address)


def canonical_address(address: str) -> str:
    """The address as SES writes it in its events, where it is written in other than ASCII: a
    domain's Unicode and its compatibility spellings are one address. As it is, if it can be none.
    """
    if address.isascii():
        return address
    try:
        return sendable_address(address)
    except ValueError:
        return address


def sendable_address(address: str) -> str:
    """The address as SES takes it: its domain in ASCII (SES API reference, "Destination").

    Raises:
        ValueError: no mail can be sent to it; the message says why.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if checked.ascii_email is None:
        raise ValueError("SES takes no characters outside ASCII before the @-sign.")
    return checked.ascii_email
