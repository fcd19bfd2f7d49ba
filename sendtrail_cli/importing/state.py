"""What an import keeps on disk: how far it is, and what is known of each message.

The one is a checkpoint: lost, it costs time. The other is when a message was sent, and whose it is,
of which few records tell: by it they are all of one message, also in a later import of other files
(decision 0053).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from sendtrail.domain.ids import digest
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms
from sendtrail_cli.importing.sources import Source

__all__ = ["DONE", "Known", "State"]

DONE: Final = -1
"""In place of a number of records: all of a file."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS messages (
    message BLOB PRIMARY KEY, at INTEGER NOT NULL, said INTEGER NOT NULL, participant TEXT,
    communication TEXT, settled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    run TEXT, file TEXT, indexed INTEGER NOT NULL, records INTEGER NOT NULL,
    PRIMARY KEY (run, file)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reports (run TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMPORARY TABLE seen (
    kind TEXT, name INTEGER, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
"""
_NOTE: Final = """
INSERT INTO messages VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (message) DO UPDATE SET
    at = iif((excluded.said, -excluded.at) > (said, -at), excluded.at, at),
    said = max(said, excluded.said),
    participant = min(ifnull(participant, excluded.participant),
                      ifnull(excluded.participant, participant)),
    communication = min(ifnull(communication, excluded.communication),
                        ifnull(excluded.communication, communication))
WHERE settled = 0
"""
_DONE_UP_TO: Final = """
INSERT INTO files VALUES (?, ?, 1, ?) ON CONFLICT (run, file) DO UPDATE
SET records = excluded.records
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a message.

    Attributes:
        at: when it was sent.
        said: whether a record says so, rather than when something else happened.
    """

    message: bytes
    at: Timestamp
    said: bool
    participant: str | None = None
    communication: str | None = None


class State:
    """The file of a state. Used by one thread."""

    def __init__(self, path: Path | None, run: str) -> None:
        """Opens it, or makes one.

        Args:
            path: None for one that nobody keeps.
            run: names what is imported into what: another import keeps its own checkpoints.

        Raises:
            OSError: it cannot be read, or is none.
        """
        self._run = run
        try:
            self._db = sqlite3.connect(path or "", timeout=30.0)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:
            raise OSError(f"{path} is no state of an import: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # --- how far it is ---

    def records_done(self, source: Source) -> int:
        """How many records of a file have been imported; `DONE` if all."""
        return self._of(source)[1]

    def is_indexed(self, source: Source) -> bool:
        """Whether all that is in a file has been noted."""
        return bool(self._of(source)[0])

    @property
    def report_size(self) -> int | None:
        """How long the report is of what has been imported; None if this import begins."""
        found = self._db.execute("SELECT size FROM reports WHERE run = ?", (self._run,)).fetchone()
        return None if found is None else int(found[0])

    def reach(self, files: Mapping[str, int], report_size: int) -> None:
        """Keeps how far an import is.

        Args:
            files: key of a file → how many of its records are done, or `DONE`.
        """
        rows = [(self._run, key, records) for key, records in files.items()]
        with self._db:
            self._db.executemany(_DONE_UP_TO, rows)
            self._db.execute(
                "INSERT OR REPLACE INTO reports VALUES (?, ?)", (self._run, report_size)
            )

    def finish(self) -> None:
        """Forgets how far it is, so that it begins anew when it is done again."""
        with self._db:
            self._db.execute("DELETE FROM files WHERE run = ?", (self._run,))
            self._db.execute("DELETE FROM reports WHERE run = ?", (self._run,))

    def _of(self, source: Source) -> tuple[int, int]:
        found = self._db.execute(
            "SELECT indexed, records FROM files WHERE run = ? AND file = ?",
            (self._run, self.key_of(source)),
        ).fetchone()
        return found or (0, 0)

    @staticmethod
    def key_of(source: Source) -> str:
        """What a file is known by: another one in its place begins anew."""
        return digest(source.name, source.fingerprint, length=32)

    # --- what is known of messages ---

    def note(self, known: Iterable[Known], indexed: Source | None = None) -> None:
        """Notes what records tell: of sent times one that a record says, else the earliest of all;
        of names the least. What was settled stays.

        Args:
            indexed: the file of which these are the last.
        """
        with self._db:
            rows = (
                (each.message, epoch_ms(each.at), each.said, each.participant, each.communication)
                for each in known
            )
            self._db.executemany(_NOTE, rows)
            if indexed:
                row = (self._run, self.key_of(indexed))
                self._db.execute("INSERT OR IGNORE INTO files VALUES (?, ?, 1, 0)", row)

    def settle(self) -> None:
        """Makes what is known final: messages are written by it from now on."""
        with self._db:
            self._db.execute("UPDATE messages SET settled = 1 WHERE settled = 0")

    def known(self, message: bytes) -> Known:
        """What is known of a message.

        Raises:
            OSError: it has not been noted.
        """
        ask = "SELECT at, said, participant, communication FROM messages WHERE message = ?"
        found = self._db.execute(ask, (message,)).fetchone()
        if found is None:
            raise OSError("a file has changed while it was read; import it again")
        at, said, *names = found
        return Known(message, from_epoch_ms(at), bool(said), *names)

    # --- how many there are ---

    def see(self, kind: str, names: Iterable[str]) -> None:
        """Takes note of names of a kind, to count how many different ones there are."""
        hashes = ((kind, int(digest(name, length=15), 16)) for name in names)
        self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", hashes)

    def seen(self, kind: str) -> int:
        """How many different names of a kind were seen."""
        ask = "SELECT count(*) FROM seen WHERE kind = ?"
        return int(self._db.execute(ask, (kind,)).fetchone()[0])
