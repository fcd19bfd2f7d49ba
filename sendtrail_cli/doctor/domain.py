"""The sender's domain: verified, signed, and aligned, so that receivers believe it.

What receivers ask of bulk senders (Gmail, Yahoo, and Microsoft, which answers 550 5.7.515) is a
DMARC record with which the From domain's DKIM signature or its MAIL FROM domain agrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from typing import Any, Final

from botocore.exceptions import ClientError

from sendtrail_cli.doctor.findings import Context, Finding, code_of, note, ok, unknown, wrong

__all__ = ["alignment", "dkim", "dmarc", "mail_from", "sender", "sender_verified"]

_SHOW: Final = "aws sesv2 get-email-identity --email-identity"
_DKIM_ZONE: Final = "dkim.amazonses.com"
_SPF: Final = "include:amazonses.com"


def sender(context: Context) -> Iterator[Finding]:
    """Whether `SenderAddress` is an address of one's own."""
    address, domain = _sender(context)
    if not domain:
        yield wrong(
            f"SenderAddress has no address in it: {context.target.parameters['SenderAddress']!r}. "
            "Deploy with one, such as 'The Society <news@example.org>'"
        )
    elif context.target.is_in_aws and f".{domain}".endswith(".example"):
        yield wrong(
            f"SenderAddress is the template's example, {address}, of a domain that cannot be "
            "anybody's. Deploy with one of your own"
        )
    else:
        yield ok(f"mail comes from {address}")


def sender_verified(context: Context) -> Iterator[Finding]:
    """Whether SES lets the account send from it: the address, its domain, or one above is verified
    (SES developer guide, "Verified identities").
    """
    address, domain = _sender(context)
    identities = context.once(_identities)
    for name, found in identities.items():
        if found.get("VerifiedForSendingStatus"):
            yield ok(f"SES has verified {name}")
            return
    if not identities:
        yield wrong(
            f"SES knows neither {address} nor {domain}: mail waits. Run aws sesv2 "
            f"create-email-identity --email-identity {domain}, and publish the DNS records that it "
            "shows"
        )
    for name, found in identities.items():
        why = found.get("VerificationInfo", {}).get("ErrorType")
        yield wrong(
            f"SES has not verified {name} ({found.get('VerificationStatus', 'PENDING')}"
            f"{f', {why}' if why else ''}): mail waits. Publish the DNS records of {_SHOW} {name}, "
            "or follow the link that SES mailed to the address"
        )


def dkim(context: Context) -> Iterator[Finding]:
    """Whether mail is signed in the name of the domain, and the keys are in its DNS."""
    signing = _signing(context)
    if signing is None:
        yield wrong(
            "SES knows no domain of the sender, only the address: mail is signed by amazonses.com "
            "alone. Run aws sesv2 create-email-identity --email-identity "
            f"{_sender(context)[1]}, and publish the DNS records that it shows"
        )
        return
    name, attributes = signing
    if not attributes.get("SigningEnabled"):
        yield wrong(
            f"mail from {name} is not signed. Run aws sesv2 put-email-identity-dkim-attributes "
            f"--email-identity {name} --signing-enabled"
        )
        return
    missing = [
        record for token in attributes.get("Tokens", ()) if (record := _missing_key(context, token))
    ]
    if attributes.get("Status") != "SUCCESS":
        shown = missing or [f"those of {_SHOW} {name}"]
        yield wrong(
            f"SES does not see the keys of {name} in the DNS ({attributes.get('Status')}), and "
            f"does not sign. Publish: {'; '.join(shown)}"
        )
    elif missing:
        yield wrong(
            "the DNS has not the keys by which receivers check signatures, and SES will soon see "
            f"it. Publish: {'; '.join(missing)}"
        )
    else:
        yield ok(f"mail is signed by {name}")


def _missing_key(context: Context, token: str) -> str:
    """The record of a DKIM key, if it is not in the DNS; else empty."""
    signing = _signing(context)
    if signing is None:
        return ""
    domain, attributes = signing
    name = f"{token}._domainkey.{domain}"
    if attributes.get("SigningAttributesOrigin") == "EXTERNAL":  # one's own key; its selector
        there = any("p=" in text for text in context.records.txt(name))
        return "" if there else f"{name} TXT with p=<public key>"
    wanted = f"{token}.{attributes.get('SigningHostedZone') or _DKIM_ZONE}".lower()
    return "" if context.records.cname(name) == [wanted] else f"{name} CNAME {wanted}"


def mail_from(context: Context) -> Iterator[Finding]:
    """Whether bounces go to a domain of one's own, and its MX and SPF records are there (SES
    developer guide, "Using a custom MAIL FROM domain").
    """
    found = _mail_from(context)
    _, domain = _sender(context)
    if found is None:
        yield note(
            "there is no MAIL FROM domain: SPF is amazonses.com's, and DMARC rests on DKIM alone. "
            f"Run aws sesv2 put-email-identity-mail-from-attributes --email-identity {domain} "
            f"--mail-from-domain bounce.{domain}"
        )
        return
    name, attributes = found
    exchanger = f"feedback-smtp.{context.region}.amazonses.com"
    wanted = []
    if context.records.mx(name) != [exchanger]:
        wanted.append(f"{name} MX 10 {exchanger}, and no other")
    spf = [text for text in context.records.txt(name) if text.lower().startswith("v=spf1")]
    if len(spf) != 1 or _SPF not in spf[0].lower():
        wanted.append(f'{name} TXT "v=spf1 {_SPF} ~all", and no other of SPF')
    status = attributes.get("MailFromDomainStatus")
    if not wanted and status == "SUCCESS":
        yield ok(f"bounces go to {name}, and its SPF record allows SES")
        return
    refuses = attributes.get("BehaviorOnMxFailure") == "REJECT_MESSAGE"
    follows = "SES refuses mail" if refuses else "SES takes its own domain in its place"
    does = f"publish {'; '.join(wanted)}" if wanted else "its records are there: wait for SES"
    yield wrong(f"the MAIL FROM domain {name} is {status}; while it fails, {follows}: {does}")


def dmarc(context: Context) -> Iterator[Finding]:
    """Whether the domain, or its organization's, says what to do with mail that is not its own."""
    _, domain = _sender(context)
    here = f"_dmarc.{domain}"
    if len(texts := context.records.dmarc_texts(domain)) > 1:
        yield wrong(
            f"{here} has {len(texts)} DMARC records, which are as good as none. Leave one of them"
        )
        return
    policy = context.records.dmarc(domain)
    if policy is None:
        yield wrong(
            f"{domain} has no DMARC record: Gmail, Yahoo and Microsoft refuse bulk mail without "
            f'one. Publish {here} TXT "v=DMARC1; p=none; rua=mailto:ADDRESS" to begin with'
        )
        return
    asked = policy.asks_for(domain)
    if asked not in ("none", "quarantine", "reject"):
        yield wrong(
            f"the DMARC record of {policy.domain} asks for {asked!r}; p and sp are none, "
            "quarantine or reject"
        )
    elif asked == "none":
        yield note(
            f"the DMARC record of {policy.domain} asks receivers for nothing (none): forged mail "
            "gets through. When its reports show no mail of your own that fails, say p=quarantine"
        )
    else:
        yield ok(f"the DMARC record of {policy.domain} asks for {asked}")


def alignment(context: Context) -> Iterator[Finding]:
    """Whether DMARC passes: the domain that signs, or the MAIL FROM domain, agrees with the From
    domain, as strictly as the record asks (RFC 9989, "Identifier Alignment").
    """
    _, domain = _sender(context)
    policy = context.records.dmarc(domain)
    if policy is None:
        yield unknown(f"{domain} has no DMARC record that says how strictly (dmarc)")
        return

    def aligned(other: str, identifier: str) -> bool:
        if policy.is_strict(identifier):
            return other == domain
        return context.records.organization(other) == context.records.organization(domain)

    signing, envelope = _signing(context), _mail_from(context)
    by_dkim = signing is not None and bool(signing[1].get("SigningEnabled"))
    by_dkim = by_dkim and signing is not None and aligned(signing[0], "adkim")
    by_spf = envelope is not None and envelope[1].get("MailFromDomainStatus") == "SUCCESS"
    by_spf = by_spf and envelope is not None and aligned(envelope[0], "aspf")
    if by_dkim and by_spf:
        yield ok(f"DMARC passes for {domain} by DKIM and by SPF")
    elif by_dkim:
        yield ok(f"DMARC passes for {domain} by DKIM; by SPF it does not")
    elif by_spf:
        yield note(
            f"DMARC passes for {domain} by SPF alone, which no forwarded mail keeps. "
            f"{_mend_dkim(domain, signing, strict=policy.is_strict('adkim'))}"
        )
    else:
        yield wrong(
            f"DMARC fails for {domain}: neither the signature nor the MAIL FROM domain agrees with "
            f"it. {_mend_dkim(domain, signing, strict=policy.is_strict('adkim'))}"
        )


def _mend_dkim(domain: str, signing: tuple[str, Mapping[str, Any]] | None, *, strict: bool) -> str:
    """What has signatures agree with the From domain."""
    if strict and signing is not None and signing[0] != domain:
        return (
            f"Mail is signed by {signing[0]} and the record has adkim=s: verify {domain} in SES as "
            "a domain of its own, or say adkim=r"
        )
    return f"Have SES sign as {domain} (dkim)"


# --- what is asked of SES ---------------------------------------------------------------------


def _sender(context: Context) -> tuple[str, str]:
    """The sender's address, and its domain; empty if there is none."""
    _, address = parseaddr(context.target.parameters["SenderAddress"])
    local, _, domain = address.rpartition("@")
    return (address, domain.lower()) if local else ("", "")


def _identities(context: Context) -> dict[str, Mapping[str, Any]]:
    """What SES knows of the sender: the address, its domain and those above it, by name, nearest
    first.
    """
    address, domain = _sender(context)
    labels = domain.split(".")
    above = [".".join(labels[place:]) for place in range(max(1, len(labels) - 1))]
    found = {name: _identity(context, name) for name in (address, *above) if name}
    return {name: each for name, each in found.items() if each is not None}


def _identity(context: Context, name: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = context.client("sesv2").get_email_identity(EmailIdentity=name)
    except ClientError as error:
        if code_of(error) == "NotFoundException":
            return None
        raise
    return found


def _signing(context: Context) -> tuple[str, Mapping[str, Any]] | None:
    """The domain in whose name mail is signed, and its DKIM attributes."""
    for name, found in context.once(_identities).items():
        if "@" not in name:
            return name, found.get("DkimAttributes", {})
    return None


def _mail_from(context: Context) -> tuple[str, Mapping[str, Any]] | None:
    """The MAIL FROM domain, and its attributes."""
    for found in context.once(_identities).values():
        attributes = found.get("MailFromAttributes", {})
        if attributes.get("MailFromDomain"):
            return str(attributes["MailFromDomain"]).lower(), attributes
    return None
