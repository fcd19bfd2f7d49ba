"""Places: where an export lies, a folder or a bucket of S3.

Files appear when they are whole. A partition of one file is replaced at once: in a folder by a
rename, in S3 by a put (S3 user guide, "Amazon S3 data consistency model": updates to a single key
are atomic). A folder's partition of several files is replaced by two renames of its directory,
between which it is not there; S3 has no such thing, so there it is only the manifest that says when
it is whole.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from sendtrail.errors import InvalidInputError
from sendtrail_cli.exporting.manifest import FOLDER
from sendtrail_cli.target import Target

__all__ = ["Bucket", "Folder", "Place", "place_of"]

_S3: Final = "s3://"
_SCRATCH: Final = "scratch-"


class Place(Protocol):
    """Where an export lies. Names of files and partitions are relative to it."""

    def scratch(self) -> Any:
        """A context: a folder in which files are made; one run at a time, as far as the place can
        tell.

        Raises:
            InvalidInputError: another run is at it.
        """

    def content(self, name: str) -> bytes | None:
        """What a small file holds; None if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Replaces a small file."""

    def replace(self, partition: str, files: Sequence[Path]) -> list[str]:
        """Puts these files, and no others, into a partition; none removes it.

        Returns:
            their names.
        """

    def is_empty(self) -> bool:
        """Whether nothing at all is there."""

    def file(self, name: str) -> Any:
        """A context: a file that is there, as one of this machine."""


def place_of(text: str, target: Target) -> Place:
    """The place of that name: a folder, or ``s3://bucket/prefix``.

    Raises:
        InvalidInputError: it is neither.
    """
    if not text.startswith(_S3):
        return Folder(Path(text))
    bucket, _, prefix = text.removeprefix(_S3).partition("/")
    if not bucket:
        raise InvalidInputError(f"{text} names no bucket: s3://BUCKET or s3://BUCKET/PREFIX")
    return Bucket(target.client("s3"), bucket, prefix.strip("/"))


class Folder:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own = root / FOLDER
        self._scratch: Path | None = None

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """As `Place.scratch`: within the folder, since only there a rename replaces a file."""
        self._own.mkdir(parents=True, exist_ok=True)
        with (self._own / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidInputError(f"another export into {self._root} is running") from None
            for left in self._own.glob(f"{_SCRATCH}*"):  # by a run that was killed
                shutil.rmtree(left)
            with TemporaryDirectory(prefix=_SCRATCH, dir=self._own) as name:
                self._scratch = Path(name)
                yield self._scratch

    def content(self, name: str) -> bytes | None:
        """As `Place.content`."""
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """As `Place.write`."""
        file = self._root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.new")
        fresh.write_bytes(content)
        fresh.replace(file)

    def replace(self, partition: str, files: Sequence[Path]) -> list[str]:
        """As `Place.replace`."""
        directory = self._root / partition
        known = sorted(each.name for each in directory.glob("*")) if directory.exists() else []
        names = [file.name for file in files]
        if len(names) == 1 and known in ([], names):
            directory.mkdir(parents=True, exist_ok=True)
            files[0].replace(directory / names[0])
        else:
            self._swap(directory, files)
        return [f"{partition}/{name}" for name in names]

    def _swap(self, directory: Path, files: Sequence[Path]) -> None:
        """Puts a new directory in place of the old one."""
        assert self._scratch is not None, "within `scratch`"  # noqa: S101
        fresh, old = self._scratch / "fresh", self._scratch / "old"
        if files:
            fresh.mkdir()
            for file in files:
                file.replace(fresh / file.name)
        if directory.exists():
            directory.rename(old)
        if files:
            directory.parent.mkdir(parents=True, exist_ok=True)
            fresh.rename(directory)
        shutil.rmtree(old, ignore_errors=True)

    def is_empty(self) -> bool:
        """As `Place.is_empty`; what an export itself keeps there does not count."""
        return not self._root.exists() or {each.name for each in self._root.iterdir()} <= {FOLDER}

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """As `Place.file`."""
        yield self._root / name


class Bucket:
    """A bucket of S3, or what begins with a prefix there."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        """Uses a boto3 client."""
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """As `Place.scratch`: in the folder of temporary files. Another run is not noticed."""
        with TemporaryDirectory(prefix="sendtrail-export-") as name:
            yield Path(name)

    def content(self, name: str) -> bytes | None:
        """As `Place.content`."""
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None
        content: bytes = found["Body"].read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """As `Place.write`."""
        self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content)

    def replace(self, partition: str, files: Sequence[Path]) -> list[str]:
        """As `Place.replace`; large files by a multipart upload, which shows when it is whole."""
        known = set(self._names(f"{partition}/"))
        names = [f"{partition}/{file.name}" for file in files]
        for file, name in zip(files, names, strict=True):
            self._client.upload_file(str(file), self._bucket, self._prefix + name)
            file.unlink()
        for name in sorted(known - {*names}):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)
        return names

    def is_empty(self) -> bool:
        """As `Place.is_empty`."""
        return next(self._names(""), None) is None

    def _names(self, beginning: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + beginning
        )
        for page in pages:
            for each in page.get("Contents", ()):
                yield each["Key"].removeprefix(self._prefix)

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """As `Place.file`: a copy of it."""
        with TemporaryDirectory(prefix="sendtrail-export-") as folder:
            file = Path(folder) / name.rpartition("/")[2]
            self._client.download_file(self._bucket, self._prefix + name, str(file))
            yield file
