"""TLS before a server that has none, as AWS's endpoints have it, and whom its client trusts.

    python -m benchmarks.tls_proxy PORT SERVERS_PORT CERTIFICATE

As a program, it forwards what comes at its port, without TLS, to the server's; both are of
127.0.0.1. It is a process of its own, so that its processor time is nobody else's.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HOST: Final = "127.0.0.1"
_AT_ONCE: Final = 65_536
"""Bytes."""


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Writes a certificate for this machine, with its key, and the CAs to trust: this system's, for
    it costs to read them, and the one that issued the certificate. Keys are RSA's with 2,048 bits,
    as in the certificates of AWS's endpoints.

    Raises:
        SystemExit: this system has no file of CAs where OpenSSL looks for one.
    """
    system = ssl.get_default_verify_paths().cafile
    if not system:
        raise SystemExit("no file of CAs where OpenSSL looks for one: SSL_CERT_FILE may name it")
    issuer_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    hosts = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
    issuer = (
        _builder("benchmark CA", key=issuer_key, issuer_key=issuer_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    issued = (
        _builder("localhost", key=key, issuer_key=issuer_key)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    certificate, trusted = folder / "certificate.pem", folder / "trusted.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate.write_bytes(issued.public_bytes(Encoding.PEM) + private)
    trusted.write_bytes(Path(system).read_bytes() + b"\n" + issuer.public_bytes(Encoding.PEM))
    return certificate, trusted


def _builder(
    name: str, *, key: rsa.RSAPrivateKey, issuer_key: rsa.RSAPrivateKey
) -> x509.CertificateBuilder:
    """What all certificates have; Python 3.13 asks for the keys' identifiers (RFC 5280)."""
    now = datetime.now(UTC)
    subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named("benchmark CA"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(subject, critical=False)
        .add_extension(authority, critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


async def serve(port: int, to: int, certificate: Path) -> None:
    """Forwards from one port to the other, until it is cancelled."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def accept(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection(HOST, to)
        await asyncio.gather(_forward(client, requests), _forward(server, answers))

    async with await asyncio.start_server(accept, HOST, port, ssl=context) as listener:
        await listener.serve_forever()


async def _forward(one: asyncio.StreamReader, other: asyncio.StreamWriter) -> None:
    """Forwards what one side sends; the other is closed when the one is."""
    with suppress(OSError):
        while content := await one.read(_AT_ONCE):
            other.write(content)
            await other.drain()
    other.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
