"""Settings: the one place that reads the environment.

A function asks for what it needs at cold start. Nothing that names a table, a queue or a secret
has a default: a missing one is a `ConfigurationError` that says which, at the first start and not
at the first use.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from sendtrail.errors import ConfigurationError

__all__ = ["Settings", "environment"]


def environment() -> Mapping[str, str]:
    """The process's environment, for what the AWS SDKs' own variables say."""
    return os.environ


@dataclass(frozen=True, slots=True)
class Settings:
    """Reads named settings; see docs/settings.md for each.

    Attributes:
        source: the variables, by default the process's.
    """

    source: Mapping[str, str]

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this process."""
        return cls(environment())

    def text(self, name: str) -> str:
        """A setting that must be there.

        Raises:
            ConfigurationError: it is missing or empty.
        """
        value = self.source.get(name, "").strip()
        if not value:
            raise ConfigurationError(f"the setting {name} is missing")
        return value

    def whole(self, name: str, *, least: int, most: int) -> int:
        """A setting that must be a whole number within bounds.

        Raises:
            ConfigurationError: it is missing, no whole number, or out of bounds.
        """
        value = self.text(name)
        if not value.isdecimal() or not least <= int(value) <= most:
            raise ConfigurationError(
                f"the setting {name} is {value!r}; allowed are whole numbers {least} to {most}"
            )
        return int(value)

    @property
    def events_table(self) -> str:
        """The log."""
        return self.text("EVENTS_TABLE")

    @property
    def messages_table(self) -> str:
        """Messages."""
        return self.text("MESSAGES_TABLE")

    @property
    def communications_table(self) -> str:
        """Communications and their counters."""
        return self.text("COMMUNICATIONS_TABLE")

    @property
    def participants_table(self) -> str:
        """Participants and their addresses."""
        return self.text("PARTICIPANTS_TABLE")

    @property
    def suppressions_table(self) -> str:
        """Suppressions."""
        return self.text("SUPPRESSIONS_TABLE")

    @property
    def set_aside_queue_url(self) -> str:
        """Where a fold puts, whole, a stream record that it cannot read."""
        return self.text("SET_ASIDE_QUEUE_URL")

    @property
    def retention_days(self) -> int:
        """How long the log keeps what happened to a message."""
        return self.whole("RETENTION_DAYS", least=1, most=36_500)

    @property
    def signing_keys_secret(self) -> str:
        """The secret that cursors and tokens are signed with."""
        return self.text("SIGNING_KEYS_SECRET")

    @property
    def first_api_key_secret(self) -> str:
        """The secret that holds the first API key, made by the stack."""
        return self.text("FIRST_API_KEY_SECRET")

    @property
    def api_keys_secret(self) -> str:
        """The secret that holds the hashes of all further API keys."""
        return self.text("API_KEYS_SECRET")
