"""AWS Signature Version 4, for requests to one path.

AWS's own package costs over ten times as much (docs/decisions/0015). The steps, and their names,
are those of the IAM user guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote

__all__ = ["Identity", "Signer"]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Identity:
    """The credentials that a request is signed with.

    Attributes:
        session_token: of temporary credentials, as Lambda's are.
        expiration: with an offset from UTC; None if they stay valid as long as the process.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expiration: datetime | None = None


class Signer:
    """Signs requests to one path of a service in one region. Thread-safe."""

    def __init__(self, *, service: str, region: str, path: str, method: str = "POST") -> None:
        """Prepares what all requests have in common.

        Args:
            service: its name in signatures: ``dynamodb``.
            path: of the endpoint, as it is requested.
        """
        self._region = region
        self._service = service
        # S3 alone signs the path as requested; elsewhere it is quoted once more.
        canonical = path if service == "s3" else quote(path, safe="/~")
        self._beginning = f"{method}\n{canonical}\n\n"
        self._key = ("", "", b"")

    def sign(
        self, headers: Mapping[str, str], body: bytes, identity: Identity, date: str | None = None
    ) -> dict[str, str]:
        """The given headers, and those that sign them and the body.

        Args:
            headers: all headers to sign, including ``Host``; no value begins or ends with a blank,
                or has two in a row.
            date: ``YYYYMMDDTHHMMSSZ``; now, if None.
        """
        date = date or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = {**headers, "X-Amz-Date": date}
        if identity.session_token:
            signed["X-Amz-Security-Token"] = identity.session_token
        canonical = sorted((name.lower(), value) for name, value in signed.items())
        names = ";".join(name for name, _ in canonical)
        lines = "".join(f"{name}:{value}\n" for name, value in canonical)
        request = f"{self._beginning}{lines}\n{names}\n{sha256(body).hexdigest()}"
        day = date[:8]
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        text = f"{_ALGORITHM}\n{date}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        key = self._signing_key(identity.secret_access_key, day)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        signed["Authorization"] = (
            f"{_ALGORITHM} Credential={identity.access_key_id}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def _signing_key(self, secret: str, day: str) -> bytes:
        """The signing key of that day, derived once."""
        cached_secret, cached_day, key = self._key
        if cached_secret != secret or cached_day != day:
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = (secret, day, key)
        return key
