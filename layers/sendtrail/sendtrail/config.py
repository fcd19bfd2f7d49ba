"""Settings: the one place that reads the environment.

No setting that names a table, a queue or a secret has a default: a missing one is a
`ConfigurationError` that names it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sendtrail.errors import ConfigurationError

__all__ = ["Settings", "environment"]

_LOGO_URL: Final = (
    r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?"
    r"/[A-Za-z0-9._~/?=&%+,@:-]*"
)
_COLOUR: Final = "#[0-9A-Fa-f]{6}"
"""What settings of these kinds must match, as in the template."""

_THIS_MACHINE: Final = ("127.0.0.1", "::1", "localhost")
"""Where a provider may be asked without TLS: nobody is between."""


def environment() -> Mapping[str, str]:
    """The process's environment, including the AWS SDKs' own variables."""
    return os.environ


@dataclass(frozen=True, slots=True)
class Settings:
    """Typed, validated settings; docs/settings.md describes each.

    Attributes:
        source: the environment variables.
    """

    source: Mapping[str, str]

    def text(self, name: str) -> str:
        """A required setting.

        Raises:
            ConfigurationError: it is missing or empty.
        """
        value = self.source.get(name, "").strip()
        if not value:
            raise ConfigurationError(f"the setting {name} is missing")
        return value

    def optional(self, name: str) -> str | None:
        """A setting that may be empty; None if it is."""
        return self.source.get(name, "").strip() or None

    def matching(self, name: str, pattern: str, allowed: str) -> str | None:
        """A setting that may be empty; None if it is.

        Args:
            allowed: what matches the pattern, in words.

        Raises:
            ConfigurationError: it does not match the pattern.
        """
        value = self.optional(name)
        if value is not None and not re.fullmatch(pattern, value):
            raise ConfigurationError(f"the setting {name} is {value!r}; allowed is {allowed}")
        return value

    def integer(self, name: str, *, minimum: int, maximum: int) -> int:
        """A setting that must be a whole number within bounds.

        Raises:
            ConfigurationError: it is missing, not a whole number, or out of bounds.
        """
        value = self.text(name)
        if not value.isdecimal() or not minimum <= int(value) <= maximum:
            raise ConfigurationError(
                f"the setting {name} is {value!r}; allowed are whole numbers {minimum} to {maximum}"
            )
        return int(value)

    def choice(self, name: str, choices: Mapping[str, bool]) -> bool:
        """A setting that must be one of a few words.

        Raises:
            ConfigurationError: it is missing, or not one of them.
        """
        value = self.text(name)
        if value not in choices:
            raise ConfigurationError(
                f"the setting {name} is {value!r}; allowed are {', '.join(choices)}"
            )
        return choices[value]

    @property
    def trails_table(self) -> str:
        """The table of trails: the log."""
        return self.text("TRAILS_TABLE")

    @property
    def communications_table(self) -> str:
        """The table of communications and their counters."""
        return self.text("COMMUNICATIONS_TABLE")

    @property
    def participants_table(self) -> str:
        """The table of participants and their addresses."""
        return self.text("PARTICIPANTS_TABLE")

    @property
    def suppressions_table(self) -> str:
        """The table of suppressions."""
        return self.text("SUPPRESSIONS_TABLE")

    @property
    def quarantine_queue_url(self) -> str:
        """The queue of stream records that cannot be projected."""
        return self.text("QUARANTINE_QUEUE_URL")

    @property
    def retention_days(self) -> int:
        """How many days the log keeps a message."""
        return self.integer("RETENTION_DAYS", minimum=1, maximum=36_500)

    @property
    def epoch_cache_seconds(self) -> int:
        """For how many seconds `project` goes by the rebuilds that it has read of."""
        return self.integer("EPOCH_CACHE_SECONDS", minimum=0, maximum=300)

    @property
    def templates_table(self) -> str:
        """The table of templates."""
        return self.text("TEMPLATES_TABLE")

    @property
    def idempotency_table(self) -> str:
        """The table of claims, one for each job, and of the send rate."""
        return self.text("IDEMPOTENCY_TABLE")

    @property
    def staff_table(self) -> str:
        """The table of staff: people, their sessions, when keys were last seen, and acts."""
        return self.text("STAFF_TABLE")

    @property
    def webhooks_table(self) -> str:
        """The table of webhooks: endpoints, and what came of deliveries."""
        return self.text("WEBHOOKS_TABLE")

    @property
    def deliveries_queue_url(self) -> str | None:
        """The queue of deliveries to webhooks and the event bus; None where neither is on."""
        return self.optional("DELIVERIES_QUEUE_URL")

    @property
    def webhooks(self) -> bool:
        """Whether events are published to webhooks."""
        return self.choice("WEBHOOKS", {"yes": True, "no": False})

    @property
    def webhook_allowed_networks(self) -> str:
        """Networks that webhooks may be in though they are not public, apart by commas."""
        return self.optional("WEBHOOK_ALLOWED_NETWORKS") or ""

    @property
    def webhook_day_seconds(self) -> int:
        """How long the day is for which a delivery is tried again; its waits are in proportion."""
        return self.integer("WEBHOOK_DAY_SECONDS", minimum=1, maximum=86_400)

    @property
    def webhooks_cache_seconds(self) -> int:
        """For how many seconds `publish` goes by the webhooks that it has read."""
        return self.integer("WEBHOOKS_CACHE_SECONDS", minimum=0, maximum=300)

    @property
    def event_bus_name(self) -> str | None:
        """The bus of EventBridge that events are put on; None if there is none."""
        return self.optional("EVENT_BUS_NAME")

    @property
    def deliveries_dlq_url(self) -> str:
        """The queue of what could not be delivered to the event bus for a day."""
        return self.text("DELIVERIES_DLQ_URL")

    @property
    def erasures_table(self) -> str:
        """The table of who was erased, by keyed hashes, and of who refused mail."""
        return self.text("ERASURES_TABLE")

    @property
    def erasure_key_secret(self) -> str:
        """The secret with the key of those hashes."""
        return self.text("ERASURE_KEY_SECRET")

    @property
    def erasures_cache_seconds(self) -> int:
        """For how many seconds a process goes by the latest erasure that it has read of."""
        return self.integer("ERASURES_CACHE_SECONDS", minimum=0, maximum=300)

    @property
    def erasure_pass_seconds(self) -> int:
        """After how many seconds an erasure goes through everything again."""
        return self.integer("ERASURE_PASS_SECONDS", minimum=0, maximum=900)

    @property
    def erase_queue_url(self) -> str:
        """The queue of erasures to begin and to go on with."""
        return self.text("ERASE_QUEUE_URL")

    @property
    def log_retention_days(self) -> int:
        """For how many days functions' own logs are kept."""
        return self.integer("LOG_RETENTION_DAYS", minimum=1, maximum=3653)

    @property
    def plans_bucket(self) -> str:
        """The bucket of plans."""
        return self.text("PLANS_BUCKET")

    @property
    def ingest_queue_url(self) -> str:
        """The queue of events to ingest: while it holds any, the log may lack some."""
        return self.text("INGEST_QUEUE_URL")

    @property
    def hits_queue_url(self) -> str:
        """The queue of hits and choices that the public routes could not write."""
        return self.text("HITS_QUEUE_URL")

    @property
    def dispatch_queue_url(self) -> str:
        """The queue of a mailing's jobs: plans to fan out, and messages to send."""
        return self.text("DISPATCH_QUEUE_URL")

    @property
    def direct_queue_url(self) -> str:
        """The queue of direct messages' jobs, which wait for no mailing."""
        return self.text("DIRECT_QUEUE_URL")

    @property
    def ingest_dlq_url(self) -> str:
        """The dead-letter queue of ingest, and of SNS."""
        return self.text("INGEST_DLQ_URL")

    @property
    def dispatch_dlq_url(self) -> str:
        """The dead-letter queue of the dispatch queues."""
        return self.text("DISPATCH_DLQ_URL")

    @property
    def sweep_dlq_url(self) -> str:
        """The dead-letter queue of the sweep."""
        return self.text("SWEEP_DLQ_URL")

    @property
    def erase_dlq_url(self) -> str:
        """The dead-letter queue of erasures."""
        return self.text("ERASE_DLQ_URL")

    @property
    def sweep_queue_url(self) -> str:
        """The queue by which a sweep that runs out of time continues in another invocation."""
        return self.text("SWEEP_QUEUE_URL")

    @property
    def public_url(self) -> str:
        """The base URL of the links in our mail, without a trailing slash."""
        return self.text("PUBLIC_URL").rstrip("/")

    @property
    def sender_address(self) -> str:
        """The From address of our mail, with or without a display name."""
        return self.text("SENDER_ADDRESS")

    @property
    def organisation_name(self) -> str | None:
        """The organisation's name on public pages; None where its mail says it."""
        return self.optional("ORGANISATION_NAME")

    @property
    def organisation_logo_url(self) -> str | None:
        """The URL of its logo, at https, or on this machine; None without one."""
        allowed = "a URL that begins with https:// and has no spaces or quotes"
        return self.matching("ORGANISATION_LOGO_URL", _LOGO_URL, allowed)

    @property
    def organisation_colour(self) -> str | None:
        """Its colour, as six hexadecimal digits; None without one."""
        allowed = "# and six hexadecimal digits"
        return self.matching("ORGANISATION_COLOUR", _COLOUR, allowed)

    @property
    def configuration_set(self) -> str:
        """SES's configuration set for our own mail."""
        return self.text("CONFIGURATION_SET")

    @property
    def send_rate(self) -> int:
        """The most messages that are sent per second, by all workers together."""
        return self.integer("SEND_RATE", minimum=1, maximum=100_000)

    @property
    def in_doubt_seconds(self) -> int:
        """How long to wait for SES's events before a message in doubt may be sent again."""
        return self.integer("IN_DOUBT_SECONDS", minimum=1, maximum=43_200)

    @property
    def max_recipients(self) -> int:
        """The maximum number of recipients of a communication."""
        return self.integer("MAX_RECIPIENTS", minimum=1, maximum=1000)

    @property
    def spam_threshold(self) -> int:
        """The spam score at or above which a communication is not sent."""
        return self.integer("SPAM_THRESHOLD", minimum=1, maximum=1000)

    @property
    def inactivity_years(self) -> int:
        """The years of silence after which a participant gets no more communications."""
        return self.integer("INACTIVITY_YEARS", minimum=1, maximum=50)

    @property
    def soft_bounces(self) -> int:
        """After how many soft bounces in a row an address is given up; 0: never."""
        return self.integer("SOFT_BOUNCES", minimum=0, maximum=25)

    @property
    def soft_bounce_days(self) -> int:
        """Over how many days they may be spread."""
        return self.integer("SOFT_BOUNCE_DAYS", minimum=1, maximum=3650)

    @property
    def whole_ip_addresses(self) -> bool:
        """Whether the IP addresses of opens and clicks are recorded whole."""
        return self.choice("WHOLE_IP_ADDRESSES", {"yes": True, "no": False})

    @property
    def tenant_name(self) -> str | None:
        """The tenant of SES that mail is sent for; None where the account has none."""
        return self.optional("TENANT_NAME")

    @property
    def environment(self) -> str:
        """What the stack is for; pages of the console say so where it is not `prod`."""
        return self.text("ENVIRONMENT")

    @property
    def signing_keys_secret(self) -> str:
        """The secret with the keys by which links in mail are signed."""
        return self.text("SIGNING_KEYS_SECRET")

    @property
    def session_keys_secret(self) -> str:
        """The secret with the keys by which sessions and cursors are signed."""
        return self.text("SESSION_KEYS_SECRET")

    @property
    def first_api_key_secret(self) -> str:
        """The secret with the first API key, which the stack generates."""
        return self.text("FIRST_API_KEY_SECRET")

    @property
    def oidc_issuer(self) -> str | None:
        """The provider by which staff sign in by their own names; None if there is none."""
        issuer = self.optional("OIDC_ISSUER")
        place = urlsplit(issuer or "https://x")
        if place.scheme != "https" and place.hostname not in _THIS_MACHINE:
            raise ConfigurationError(
                f"the setting OIDC_ISSUER is {issuer!r}; allowed are URLs that begin with https://"
            )
        return issuer

    @property
    def oidc_client_id(self) -> str:
        """What the provider calls this stack."""
        return self.text("OIDC_CLIENT_ID")

    @property
    def oidc_secret(self) -> str | None:
        """The secret with the client secret that the provider gave; None if it gave none."""
        return self.optional("OIDC_SECRET")

    @property
    def oidc_scopes(self) -> str:
        """Which claims of the provider give which scope."""
        return self.text("OIDC_SCOPES")

    @property
    def oidc_requested_scopes(self) -> str:
        """The scopes of OpenID Connect that the provider is asked for."""
        asked = self.text("OIDC_REQUESTED_SCOPES")
        if "openid" not in asked.split():
            raise ConfigurationError(
                f"the setting OIDC_REQUESTED_SCOPES is {asked!r}; openid must be among them"
            )
        return asked

    @property
    def console_url(self) -> str | None:
        """The console's base URL, as the provider knows it; None where only a request tells."""
        url = self.optional("CONSOLE_URL")
        return url.rstrip("/") if url else None

    @property
    def api_keys_secret(self) -> str:
        """The secret with the hashes of all further API keys."""
        return self.text("API_KEYS_SECRET")
