"""A provider of OpenID Connect beside the stack, by which one signs in by name: npm's
`oidc-provider`, in a process of Node.js. `local/oidc_accounts.json` has who can sign in.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from local.functions import free_ports
from local.paths import LOGS, ROOT, STATE

__all__ = ["ACCOUNTS", "PACKAGE", "Provider", "ProviderError", "accounts"]

ACCOUNTS: Final = ROOT / "local/oidc_accounts.json"
PACKAGE: Final = STATE / "npm/node_modules/oidc-provider"
_CLIENT_ID: Final = "sendtrail"
_SECRET: Final = "known to everybody, on this machine"  # noqa: S105 -- as it says
_SCOPES: Final = "groups=mail-admins:admin, groups=marketing:send, email=*@society.example:read"
_READY_SECONDS: Final = 20


class ProviderError(RuntimeError):
    """The provider does not start; the message says why."""


class Provider:
    """The provider, running or not.

    Attributes:
        issuer: what it calls itself: its URL.
    """

    def __init__(
        self, console_url: str, accounts: Path = ACCOUNTS, package: Path = PACKAGE, port: int = 0
    ) -> None:
        """Starts nothing yet.

        Args:
            console_url: where the console is.
            accounts: name → claims, as JSON; what changes there is told from then on.
            package: where npm has put it.
        """
        self._port = port or free_ports(1)[0]
        self._arguments = [str(package), str(self._port), str(accounts), console_url]
        self._package = package
        self._process: subprocess.Popen[bytes] | None = None
        self.issuer = f"http://localhost:{self._port}"

    def parameters(self) -> dict[str, str]:
        """The template's parameters by which the stack goes by it."""
        return {
            "OidcIssuer": self.issuer,
            "OidcClientId": _CLIENT_ID,
            "OidcClientSecret": _SECRET,
            "OidcScopes": _SCOPES,
        }

    def start(self, *, access_token_seconds: int = 3600) -> None:
        """Starts it.

        Raises:
            ProviderError: it is not there, or does not answer.
        """
        node = shutil.which("node")
        if node is None or not self._package.exists():
            raise ProviderError("oidc-provider is missing: `make oidc-provider` fetches it, by npm")
        LOGS.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "OIDC_CLIENT_SECRET": _SECRET,
            "OIDC_ACCESS_TOKEN_SECONDS": str(access_token_seconds),
        }
        with (LOGS / "oidc-provider.log").open("ab") as log:
            self._process = subprocess.Popen(
                [node, str(ROOT / "local/oidc_provider.mjs"), *self._arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ProviderError(f"oidc-provider does not start; see {LOGS}/oidc-provider.log")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def pid(self) -> int | None:
        """Its process's number; None if it does not run."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """Ends it, if it runs."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


def accounts() -> dict[str, Any]:
    """Who can sign in: name → claims."""
    found: dict[str, Any] = json.loads(ACCOUNTS.read_text(encoding="utf-8"))
    return found
