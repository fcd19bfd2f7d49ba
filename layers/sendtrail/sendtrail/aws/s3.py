"""A thin S3 client: reads and deletes objects, and writes new ones without overwriting."""

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
    """A client of S3's REST protocol for one bucket. Thread-safe."""

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
        """The content of an object.

        Raises:
            AwsError: with the code ``NoSuchKey``, there is none; with another, it cannot be read.
        """
        return self._request("GetObject", "GET", key)

    def put(self, key: str, content: bytes, content_type: str, *, replace: bool = False) -> None:
        """Writes an object unless one with that key exists.

        Args:
            replace: whether to write it nevertheless.

        Raises:
            ConditionFailedError: one exists.
            AwsError: it was not written, or it is not known whether it was.
        """
        headers = {"Content-Type": content_type}
        if not replace:
            headers["If-None-Match"] = "*"
        self._request("PutObject", "PUT", key, content, headers)

    def delete(self, key: str) -> None:
        """Deletes an object, if there is one.

        Raises:
            AwsError: it may not have been deleted.
        """
        self._request("DeleteObject", "DELETE", key)

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
            if status in (200, 204):
                return content
            code, message = _field(_CODE, content), _field(_MESSAGE, content)
            if status == 412:
                raise ConditionFailedError(code, message, status)
            if status == 409:  # a concurrent write of the same key
                raise UnreachableError(code, message, status)
            raise error_of({"code": code, "message": message} if code else {}, status)

        return self._with_retries(attempt)

    def _path_of(self, key: str) -> str:
        return f"{self._endpoint.path.rstrip('/')}/{quote(key)}"

    def _find_endpoint(self, environment: Mapping[str, str]) -> SplitResult:
        """The virtual-hosted endpoint; with a custom endpoint path-style, since the bucket's host
        may not resolve there.
        """
        found = super()._find_endpoint(environment)
        if environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL"):
            return found._replace(path=f"{found.path.rstrip('/')}/{self._bucket}")
        return found._replace(netloc=f"{self._bucket}.{found.netloc}")


def _field(pattern: re.Pattern[bytes], content: bytes) -> str:
    found = pattern.search(content)
    return found[1].decode("utf-8", "replace") if found else ""
