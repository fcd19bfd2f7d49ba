"""Digests of sets of items, whatever their order: by them a run tells what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

__all__ = ["Digest"]

_BITS: Final = 256


@dataclass(slots=True)
class Digest:
    """The sum of the SHA-256 of all lines, and how many there are."""

    total: int = 0
    count: int = 0

    def add(self, line: bytes) -> None:
        """Adds a line; a line that is there twice counts twice."""
        self.total = (self.total + int.from_bytes(sha256(line).digest())) % (1 << _BITS)
        self.count += 1

    @property
    def text(self) -> str:
        """As a manifest keeps it: the number of lines, and 64 hex characters."""
        return f"{self.count}-{self.total:0{_BITS // 4}x}"
