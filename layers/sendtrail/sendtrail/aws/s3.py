"""S3: reading an object, and writing one that is not there yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import SplitResult, quote

from sendtrail.aws.service import RetryPolicy, Service, error_of
from sendtrail.aws.signing import Signer
from sendtrail.errors import ConditionFailedError, UnreachableError

__all__ = ["Bucket"]

_CODE: Final = re.compile(rb"<Code>([^<]*)</Code>")
_MESSAGE: Final = re.compile(rb"<Message>([^<]*)</Message>")


class Bucket(Service):
    """One bucket, by S3's REST protocol. Threads may share it."""

    def __init__(
        self, environment: Mapping[str, str], name: str, *, retry_policy: RetryPolicy | None = None
    ) -> None:
        self._bucket = name
        super().__init__(
            name="s3",
            target_prefix="",
            version="",
            environment=environment,
            retry_policy=retry_policy,
        )

    def get(self, key: str) -> bytes:
        """What an object holds.

        Raises:
            AwsError: of the code ``NoSuchKey``, there is none; of another, it cannot be read.
        """
        return self._request("GetObject", "GET", key)

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Writes an object, if there is none of that key.

        Raises:
            ConditionFailedError: there is one.
            AwsError: it was not written, or nobody knows.
        """
        headers = {"Content-Type": content_type, "If-None-Match": "*"}
        self._request("PutObject", "PUT", key, content, headers)

    def sign_object(
        self,
        method: str,
        key: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        date: str | None = None,
    ) -> dict[str, str]:
        """The headers of a signed request (S3 API reference, "Authenticating Requests").

        Args:
            date: ``YYYYMMDDTHHMMSSZ``; now, if None.
        """
        signer = Signer(service="s3", region=self._region, path=self._path_of(key), method=method)
        fields = {
            **(headers or {}),
            "Host": self._endpoint.netloc,
            "X-Amz-Content-SHA256": sha256(body).hexdigest(),
        }
        return signer.sign(fields, body, self._credentials.identity(), date)

    def _request(
        self,
        operation: str,
        method: str,
        key: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        def attempt(ends: float | None) -> bytes:
            signed = self.sign_object(method, key, body, headers)
            status, content = self._exchange(
                operation, method, self._path_of(key), body=body, headers=signed, ends=ends
            )
            if status == 200:
                return content
            code, message = _said(_CODE, content), _said(_MESSAGE, content)
            if status == 412:
                raise ConditionFailedError(code, message, status)
            if status == 409:  # somebody else is just writing it
                raise UnreachableError(code, message, status)
            raise error_of({"code": code, "message": message} if code else {}, status)

        return self._patiently(attempt)

    def _path_of(self, key: str) -> str:
        return f"{self._endpoint.path.rstrip('/')}/{quote(key)}"

    def _find_endpoint(self, environment: Mapping[str, str]) -> SplitResult:
        """The bucket's own host; or, where somebody else stands for AWS, its path there, for then
        there may be no name server that knows the host.
        """
        found = super()._find_endpoint(environment)
        if environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL"):
            return found._replace(path=f"{found.path.rstrip('/')}/{self._bucket}")
        return found._replace(netloc=f"{self._bucket}.{found.netloc}")


def _said(what: re.Pattern[bytes], content: bytes) -> str:
    found = what.search(content)
    return found[1].decode("utf-8", "replace") if found else ""
