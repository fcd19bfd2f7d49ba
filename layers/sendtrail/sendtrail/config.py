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
        source: the variables.
    """

    source: Mapping[str, str]

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

    def choice(self, name: str, choices: Mapping[str, bool]) -> bool:
        """A setting that must be one of a few words.

        Raises:
            ConfigurationError: it is missing or another word.
        """
        value = self.text(name)
        if value not in choices:
            raise ConfigurationError(
                f"the setting {name} is {value!r}; allowed are {', '.join(choices)}"
            )
        return choices[value]

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
    def quarantine_queue_url(self) -> str:
        """Where a fold puts, whole, a stream record that it cannot read."""
        return self.text("QUARANTINE_QUEUE_URL")

    @property
    def retention_days(self) -> int:
        """How long the log keeps what happened to a message."""
        return self.whole("RETENTION_DAYS", least=1, most=36_500)

    @property
    def templates_table(self) -> str:
        """Templates."""
        return self.text("TEMPLATES_TABLE")

    @property
    def idempotency_table(self) -> str:
        """Which messages are being sent, or were."""
        return self.text("IDEMPOTENCY_TABLE")

    @property
    def plans_bucket(self) -> str:
        """What was to be sent, to whom: a plan for each posting."""
        return self.text("PLANS_BUCKET")

    @property
    def ingest_queue_url(self) -> str:
        """Where an event waits that could not be written."""
        return self.text("INGEST_QUEUE_URL")

    @property
    def dispatch_queue_url(self) -> str:
        """What is to be sent."""
        return self.text("DISPATCH_QUEUE_URL")

    @property
    def sweep_queue_url(self) -> str:
        """Where a sweep that has no time left says how far it came."""
        return self.text("SWEEP_QUEUE_URL")

    @property
    def public_url(self) -> str:
        """What the links in our mail begin with; no slash at the end."""
        return self.text("PUBLIC_URL").rstrip("/")

    @property
    def sender_address(self) -> str:
        """The address that mail is sent from, with or without a display name."""
        return self.text("SENDER_ADDRESS")

    @property
    def configuration_set(self) -> str:
        """SES's configuration set for our own mail."""
        return self.text("CONFIGURATION_SET")

    @property
    def sends_per_second(self) -> float:
        """How many messages one worker sends in a second at most: its share of the whole rate."""
        rate = self.whole("SEND_RATE", least=1, most=100_000)
        workers = self.whole("SEND_WORKERS", least=1, most=1000)
        if workers > 5 * rate:
            raise ConfigurationError(
                f"{workers} workers for {rate} messages a second (SEND_WORKERS, SEND_RATE): each "
                "would wait longer than 5 seconds; at most 5 for each message a second are allowed"
            )
        return rate / workers

    @property
    def in_doubt_seconds(self) -> int:
        """How long we wait for SES's word on a message that it may or may not have taken."""
        return self.whole("IN_DOUBT_SECONDS", least=1, most=43_200)

    @property
    def max_recipients(self) -> int:
        """How many recipients a communication may have."""
        return self.whole("MAX_RECIPIENTS", least=1, most=1000)

    @property
    def spam_threshold(self) -> int:
        """The score from which on a communication is not sent."""
        return self.whole("SPAM_THRESHOLD", least=1, most=1000)

    @property
    def inactivity_years(self) -> int:
        """How long somebody is silent before communications stop."""
        return self.whole("INACTIVITY_YEARS", least=1, most=50)

    @property
    def whole_ip_addresses(self) -> bool:
        """Whether the addresses of those who open and click are kept whole."""
        return self.choice("WHOLE_IP_ADDRESSES", {"yes": True, "no": False})

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
