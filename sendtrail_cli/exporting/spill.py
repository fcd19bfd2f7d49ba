"""Spilled lines: what a scan finds in no order, kept on disk by key with little memory.

A scan returns items of all days mixed. Each line goes to the buffer of its key; when all buffers
together are full, each is appended to its key's file, so that no file stays open and memory does
not grow with how many keys or lines there are.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Final

from sendtrail_cli.exporting.digests import Digest

__all__ = ["BUCKET_BYTES", "BUFFER_BYTES", "Spill"]

BUFFER_BYTES: Final = 32 << 20
"""Of all keys together, before they are written to disk."""
BUCKET_BYTES: Final = 4 << 20
"""How much is read into memory at a time."""
_HASH: Final = 8
"""Hex characters at the beginning of a line in a file, by which that is cut into buckets."""


class _Buffers:
    """Lines that wait to be appended to the files of a folder."""

    def __init__(self, folder: Path, limit: int) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._limit = limit
        self._held = 0
        self._buffers: dict[str, bytearray] = {}

    def add(self, name: str, line: bytes) -> None:
        buffer = self._buffers.setdefault(name, bytearray())
        buffer += line
        self._held += len(line)
        if self._held >= self._limit:
            self.flush()

    def flush(self) -> None:
        for name, buffer in self._buffers.items():
            with (self.folder / name).open("ab") as file:
                file.write(buffer)
        self._buffers.clear()
        self._held = 0


class Spill:
    """Lines by key, in files of a folder.

    Attributes:
        digests: key → the digest of its lines.
    """

    def __init__(
        self,
        folder: Path,
        *,
        buffer_bytes: int = BUFFER_BYTES,
        bucket_bytes: int = BUCKET_BYTES,
    ) -> None:
        """Keeps at most `buffer_bytes` and a line in memory while lines are added, and that and
        `bucket_bytes` while they are read.
        """
        self._buffers = _Buffers(folder, buffer_bytes)
        self._limit = buffer_bytes
        self._bucket_bytes = bucket_bytes
        self._lock = threading.Lock()
        self.digests: dict[str, Digest] = {}

    def add(self, key: str, group: int, line: bytes) -> None:
        """Adds a line; threads may do so at the same time.

        Args:
            key: names a file.
            group: a 32-bit hash: lines that have the same come together out of `buckets`.
            line: without a line break.
        """
        with self._lock:
            self._buffers.add(key, b"%08x%b\n" % (group, line))
            self.digests.setdefault(key, Digest()).add(line)

    def buckets(self, key: str) -> Iterator[list[bytes]]:
        """The lines of a key, some at a time, with all lines of a group in one list. The key's
        file is used up.
        """
        with self._lock:
            self._buffers.flush()
        whole = self._buffers.folder / key
        number = ceil(whole.stat().st_size / self._bucket_bytes)
        for file in [whole] if number == 1 else self._split(whole, number):
            yield [line[_HASH:] for line in file.read_bytes().splitlines()]
            file.unlink()

    def _split(self, whole: Path, number: int) -> list[Path]:
        parts = _Buffers(whole.with_name(f"{whole.name}-parts"), self._limit)
        with whole.open("rb") as lines:
            for line in lines:
                parts.add(str(int(line[:_HASH], 16) % number), line)
        parts.flush()
        whole.unlink()
        return sorted(parts.folder.iterdir())
