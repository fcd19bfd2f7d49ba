"""What moto's SES does not tell of the account: its limits, and its configuration sets with their
event destinations (SES API v2).

The account here is one in production, without a daily limit. Configuration sets are kept as they
are made, and have no effect: `local.mailboxes` publishes the events of all mail that names one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Request, Response

__all__ = ["SesAccount"]

Json = dict[str, Any]

_ACCOUNT: Final = "/v2/email/account"
_SETS: Final = "/v2/email/configuration-sets"
_DESTINATIONS: Final = "event-destinations"
_UNLIMITED: Final = -1

_OF_THE_ACCOUNT: Final[Mapping[str, Any]] = {
    "DedicatedIpAutoWarmupEnabled": False,
    "EnforcementStatus": "HEALTHY",
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "SendQuota": {
        "Max24HourSend": _UNLIMITED,
        "MaxSendRate": 100_000,  # the highest SendRate that the template allows
        "SentLast24Hours": 0,
    },
    "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
    "VdmAttributes": {"VdmEnabled": "DISABLED"},
}


class SesAccount:
    """The account's own routes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sets: dict[str, Json] = {}
        self._destinations: dict[str, dict[str, Json]] = {}

    def clear(self) -> None:
        """Forgets all configuration sets."""
        with self._lock:
            self._sets.clear()
            self._destinations.clear()

    @staticmethod
    def has(path: str) -> bool:
        """Whether a path is one of these routes."""
        return path in (_ACCOUNT, _SETS) or path.startswith(f"{_SETS}/")

    def answer(self, request: Request) -> Response:
        """Answers GetAccount, and what makes, shows, changes and deletes configuration sets and
        their event destinations.
        """
        if request.path == _ACCOUNT:
            return _answer(_OF_THE_ACCOUNT)
        given = json.loads(request.get_data() or b"{}")
        name, _, below = request.path.removeprefix(_SETS).removeprefix("/").partition("/")
        kind, _, destination = below.partition("/")
        with self._lock:
            if not name:
                return self._create(given)
            if name not in self._sets:
                return _missing(f"Configuration set <{name}> does not exist.")
            if kind == _DESTINATIONS:
                return self._destination(request.method, name, destination, given)
            if request.method == "DELETE":
                del self._sets[name], self._destinations[name]
                return _answer({})
            if request.method == "PUT":  # such as …/sending
                option = "".join(part.capitalize() for part in kind.split("-"))
                self._sets[name][option.removesuffix("Options") + "Options"] = given
                return _answer({})
            return _answer(self._sets[name])

    def _create(self, given: Json) -> Response:
        defaults = {
            "SendingOptions": {"SendingEnabled": True},
            "ReputationOptions": {"ReputationMetricsEnabled": False},
        }
        self._sets[given["ConfigurationSetName"]] = defaults | given
        self._destinations[given["ConfigurationSetName"]] = {}
        return _answer({})

    def _destination(self, method: str, name: str, destination: str, given: Json) -> Response:
        known = self._destinations[name]
        if method == "GET":
            return _answer({"EventDestinations": list(known.values())})
        if method == "POST":
            destination = given["EventDestinationName"]
        elif destination not in known:
            return _missing(f"Event destination <{destination}> does not exist.")
        if method == "DELETE":
            del known[destination]
        else:
            known[destination] = {"Name": destination} | given["EventDestination"]
        return _answer({})


def _answer(body: Mapping[str, Any]) -> Response:
    return Response(json.dumps(body), mimetype="application/json")


def _missing(message: str) -> Response:
    headers = {"X-Amzn-Errortype": "NotFoundException"}
    return Response(json.dumps({"message": message}), 404, headers, mimetype="application/json")
