"""Sources of an import: files, folders and prefixes in S3, read as streams of bytes."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from sendtrail.errors import NotFoundError
from sendtrail_cli.target import Target

__all__ = ["Source", "sources_of", "unpacked"]

_S3: Final = "s3://"
_GZIP: Final = b"\x1f\x8b"
_TRIES: Final = 5
"""How often an object in S3 is asked for again, from where it broke off."""
_BUFFER: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Source:
    """One file.

    Attributes:
        name: its path, or its URL in S3.
        size: in bytes, as it lies there.
        fingerprint: tells it from another that takes its place: size and time, or S3's ETag.
        open: begins to read it.
    """

    name: str
    size: int
    fingerprint: str
    open: Callable[[], BinaryIO]


def sources_of(paths: Iterable[str], target: Target) -> list[Source]:
    """The files that paths name: each file, all in a folder and below it, all objects of an S3
    prefix; in the order of their names, path by path. Hidden files are left out.

    Raises:
        NotFoundError: a path names none.
        ClientError: the bucket cannot be listed.
    """
    found: dict[str, Source] = {}
    for path in paths:
        mine = list(_objects(path, target) if path.startswith(_S3) else _files(Path(path)))
        if not mine:
            raise NotFoundError(f"there is no file {path}")
        found |= {source.name: source for source in mine}
    return list(found.values())


def unpacked(source: Source, advance: Callable[[int], object]) -> BinaryIO:
    """The bytes of a source, without gzip's compression, whatever its name is.

    Args:
        advance: is told how many bytes were read, as they lie there.
    """
    raw = io.BufferedReader(_Counted(source.open(), advance), _BUFFER)
    if raw.peek(2)[:2] != _GZIP:
        return cast("BinaryIO", raw)
    return cast("BinaryIO", io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER))


def _files(path: Path) -> Iterator[Source]:
    below = sorted(path.rglob("*")) if path.is_dir() else [path]
    for each in below:
        hidden = any(part.startswith(".") for part in each.relative_to(path).parts)
        if each.is_file() and not hidden:
            about = each.stat()
            fingerprint = f"{about.st_size}-{about.st_mtime_ns}"
            yield Source(str(each), about.st_size, fingerprint, lambda each=each: each.open("rb"))  # type: ignore[misc]


def _objects(url: str, target: Target) -> Iterator[Source]:
    bucket, _, prefix = url.removeprefix(_S3).partition("/")
    s3 = target.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Contents", ()):
            key, etag, size = each["Key"], each["ETag"], each["Size"]
            if size:
                yield Source(
                    f"{_S3}{bucket}/{key}",
                    size,
                    etag,
                    lambda key=key, etag=etag: cast("BinaryIO", _Object(s3, bucket, key, etag)),  # type: ignore[misc]
                )


class _Object(io.RawIOBase):
    """An object in S3, as a stream that goes on where a connection broke off."""

    def __init__(self, s3: Any, bucket: str, key: str, etag: str) -> None:
        self._s3 = s3
        self._wanted = {"Bucket": bucket, "Key": key, "IfMatch": etag}
        self._place = 0
        self._body = self._opened()

    def _opened(self) -> Any:
        return self._s3.get_object(**self._wanted, Range=f"bytes={self._place}-")["Body"]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        for left in reversed(range(_TRIES)):
            try:
                content = self._body.read(len(buffer))
                break
            except (BotoCoreError, HTTPError, OSError):
                if not left:
                    raise
                self._body = self._opened()
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)


class _Counted(io.RawIOBase):
    """A stream that says how much of it was read."""

    def __init__(self, stream: BinaryIO, advance: Callable[[int], object]) -> None:
        self._stream = stream
        self._advance = advance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        buffer[: len(content)] = content
        self._advance(len(content))
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()
