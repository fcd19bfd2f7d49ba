"""The manifest of an export: what was written, of what, and what is being written anew.

It is ``_sendtrail/manifest.json``. A partition (a day, or a dataset that is kept whole) has the
digest of the items that it was made of, so the next run writes what changed and nothing else.
Before anything of a partition is replaced its digest is taken out: a run that is broken off leaves
no partition that the next one believes to be whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sendtrail.errors import InvalidInputError

__all__ = ["FOLDER", "NAME", "Manifest", "Partition", "Written"]

FOLDER: Final = "_sendtrail"
"""Readers of partitioned files pass over what begins with ``_``."""
NAME: Final = f"{FOLDER}/manifest.json"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written of one dataset.

    Attributes:
        files: their names, within the export.
        bytes: of all files.
    """

    rows: int
    files: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Partition:
    """A day, or a dataset that is kept whole.

    Attributes:
        digest: of the items that it was made of, and of what made it; None while it is being
            replaced.
        datasets: dataset → what was written of it.
    """

    digest: str | None = None
    datasets: Mapping[str, Written] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest.

    Attributes:
        table: the log's, of which this is an export.
        file_format: of all its files.
        exported_at: when the last run ended; None if none has.
        partitions: key (a day, or a dataset) → what is there.
    """

    table: str
    file_format: str
    exported_at: str | None = None
    partitions: dict[str, Partition] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes) -> Manifest:
        """A manifest from its file.

        Raises:
            InvalidInputError: it is none.
        """
        try:
            found = json.loads(content)
            partitions = {
                key: Partition(
                    each["digest"],
                    {
                        name: Written(of["rows"], tuple(of["files"]), of["bytes"])
                        for name, of in each["datasets"].items()
                    },
                )
                for key, each in found.pop("partitions").items()
            }
            return cls(**found, partitions=partitions)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(f"{NAME} is no manifest of an export: {error}") from error

    @property
    def content(self) -> bytes:
        """Its file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode()

    @property
    def unfinished(self) -> list[str]:
        """The partitions that may not be whole."""
        return sorted(key for key, each in self.partitions.items() if each.digest is None)

    def changed(self, digests: Mapping[str, str]) -> list[str]:
        """Which partitions are to be written, in order.

        Args:
            digests: key → the digest of what they would be made of now.
        """
        known = {key: each.digest for key, each in self.partitions.items()}
        return sorted(key for key, digest in digests.items() if known.get(key) != digest)

    def begin(self, keys: Iterable[str]) -> None:
        """Notes that partitions are about to be replaced, or removed."""
        for key in keys:
            known = self.partitions.get(key, Partition())
            self.partitions[key] = Partition(None, known.datasets)

    def rows(self, dataset: str) -> int:
        """How many rows of a dataset there are."""
        found: list[Any] = [each.datasets.get(dataset) for each in self.partitions.values()]
        return sum(each.rows for each in found if each)
