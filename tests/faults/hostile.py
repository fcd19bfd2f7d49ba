"""What the tests with hostile input share: how much of it, and a gateway before handlers in here.

`tests/examples.py` says how to have more tried; how much it was is said at the end of the run.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.functions import free_ports
from local.gateway import Gateway
from tests.examples import MORE
from tests.functional.world import World

__all__ = ["NASTY", "Conformance", "measured", "served"]

NASTY: Final = (
    *("", " ", "\x00", "a\x00b", "\x1b[2J", "\x7f", "\u0085", "\u2028", "\ufeff", "\uffff"),
    *("\r\nBcc: all@evil.example", "a\nb", "a\rb", "a\tb", "=?utf-8?q?=0d=0aBcc:_x?="),
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|calc", "%00", "..%2f..%2f", "../../x"),
    *("<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "</textarea>", "&amp;"),
    *("{{ x }}", "{% for x in y %}", "{{ ''.__class__ }}", "${7*7}", "' OR 1=1 --", "`id`"),
    *("\u202etxt.exe", "e\u0301", "\u00e9", "ｆｕｌｌ", "ß", "İ", "\U0001f600", "\U000e0041"),
    *("__proto__", "constructor", "__class__", "null", "NaN", "1e400", "9" * 400, "-0", "0x10"),
    *("x" * 321, "語" * 400),
)
"""Texts that have been somebody's undoing."""


@contextmanager
def served(world: World) -> Iterator[str]:
    """The gateway of the template, with a world's handlers behind it; its URL."""
    (port,) = free_ports(1)
    gateway = Gateway(_InHere(world), "127.0.0.1", port)
    gateway.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        gateway.stop()


class _InHere:
    """Has a world's handlers answer the gateway."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._functions = world.backend.resources.functions()

    def invoke(self, function_identifier: str, event: str, stdout: Any, **_: Any) -> None:
        """Invokes a function; its answer goes to `stdout`."""
        name = Path(self._functions[function_identifier].code).name
        stdout.write_str(json.dumps(self._world.call(name, json.loads(event))))

    @staticmethod
    def is_debugging() -> bool:
        """Whether the gateway should take one request at a time."""
        return False


@dataclass
class Conformance:
    """What came of requests made of an OpenAPI description.

    Attributes:
        cases: how many there were.
        statuses: operation → status → how often it was answered.
        failures: each kind once, with the request and the answer.
    """

    cases: int = 0
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    failures: dict[tuple[str, str], str] = field(default_factory=dict)


def measured(
    url: str,
    key: str,
    *,
    examples: int,
    known: dict[str, list[str]] | None = None,
    thorough: bool = True,
) -> Conformance:
    """Has Schemathesis make requests of every operation that a gateway describes, good ones and bad
    ones, with a key, with others and with none, and compare the answers with the description.

    Args:
        examples: of each operation.
        known: what there is: parameter (``path.address``) → values, which it shall try often.
        thorough: whether to cover each parameter's bounds and each other method besides.
    """
    import schemathesis
    from schemathesis.engine import events, from_schema

    known = known or {}
    values = {name.replace(".", "-").replace("*", "each"): of for name, of in known.items()}
    config = schemathesis.Config.from_dict(
        {
            "headers": {"Authorization": f"Bearer {key}"},
            "continue-on-failure": True,
            "generation": {
                "max-examples": examples * MORE,
                "no-shrink": True,
                "database": "none",
                "deterministic": MORE == 1,
                "dictionaries": {"string": {"dictionary": "nasty", "probability": 0.2}},
            },
            "dictionaries": {
                "nasty": {"values": list(NASTY)},
                **{name: {"values": of} for name, of in values.items()},
            },
            "parameters": {
                name: {"dictionary": dictionary, "probability": 0.6}
                for name, dictionary in zip(known, values, strict=True)
            },
            "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": thorough}},
            "checks": {
                # No description can say which cursor is signed, nor what a template's fields are.
                "positive_data_acceptance": {"enabled": False},
            },
            "operations": [
                {
                    # A mailing may be called "preview", so that GET is allowed here, too.
                    "include-path": "/v1/communications/preview",
                    "checks": {"allow_header_conformance": {"enabled": False}},
                },
                {
                    # It has two parameters, and most cursors are none of its own.
                    "include-path": "/v1/participants/{participant_id}/export",
                    "generation": {"max-examples": 4 * examples * MORE},
                },
            ],
        }
    )
    schema = schemathesis.openapi.from_url(f"{url}/v1/openapi.json", config=config, timeout=60)
    found = Conformance()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            error = event.value if isinstance(event, events.NonFatalError) else event.exception
            found.failures["Schemathesis", repr(error)] = repr(error)
        if not isinstance(event, events.ScenarioFinished):
            continue
        found.cases += len(event.recorder.cases)
        for case, interaction in event.recorder.interactions.items():
            response = interaction.response
            if response is None:
                found.failures[event.label or "", "no answer"] = repr(interaction.request)
                continue
            found.statuses[event.label or ""][response.status_code] += 1
            if _is_the_gateways_own(interaction):
                continue
            for check in event.recorder.checks.get(case, ()):
                if check.failure_info:
                    said = f"{check.failure_info.failure}\n{check.failure_info.code_sample}\n"
                    said += f"{response.status_code} {response.content[:1000]!r}"
                    found.failures.setdefault((event.label or "", check.name), said)
    return found


def _is_the_gateways_own(interaction: Any) -> bool:
    """Whether this is SAM CLI's own answer to a body that is no text, which never gets further."""
    if interaction.response.status_code != 502:
        return False
    try:
        (interaction.request.body or b"").decode()
    except UnicodeDecodeError:
        return True
    return False
