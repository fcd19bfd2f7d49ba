"""The gateway: SAM CLI's own local API Gateway, reading the same template."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any, Final

from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.lib.utils.stream_writer import StreamWriter
from samcli.local.apigw.local_apigw_service import LocalApigwService
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Response

from local.functions import Functions
from local.outbox import Wsgi
from local.paths import ROOT, TEMPLATE
from local.template import LOGO_PATH

__all__ = ["Gateway"]


_BINARY: Final = (
    "",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)
"""Types of bodies that an HTTP API hands on in base64, as all that is no text. Left to itself, SAM
CLI's gateway refuses a file whose letters are not UTF-8's."""


class _Runner:
    """Hands requests to functions; each with an id and a time of its own, which SAM CLI's gateway
    gives only once, when it is imported (and the time in seconds, where API Gateway's are
    milliseconds).
    """

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self.is_debugging = functions.is_debugging

    def invoke(self, function_identifier: str, event: str, **more: Any) -> None:
        request = json.loads(event)
        context = request.get("requestContext")
        if context:
            context["requestId"] = str(uuid.uuid4())
            context["timeEpoch"] = time.time_ns() // 1_000_000
        self._functions.invoke(function_identifier, json.dumps(request), **more)


_LOGO: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 48" width="220" height="48">'
    '<circle cx="24" cy="24" r="22" fill="#14635f"/>'
    '<path d="M13 26l8 8 14-18" fill="none" stroke="#fff" stroke-width="5"/>'
    '<text x="58" y="31" font-family="sans-serif" font-size="21" fill="#14635f">The Society</text>'
    "</svg>"
)


def _logo() -> Response:
    """The logo of the organisation that the demo is about."""
    return Response(_LOGO, mimetype="image/svg+xml")


class Gateway:
    """Serves the routes of the template on a port."""

    def __init__(
        self,
        functions: Functions,
        host: str,
        port: int,
        beside: Mapping[str, Wsgi] | None = None,
    ) -> None:
        """Listens from now on; answers once started.

        Args:
            beside: what the local stack serves itself: the first part of a path → a WSGI app.
        """
        for name in ("werkzeug", "samcli"):
            logging.getLogger(name).setLevel(logging.ERROR)
        stacks, _ = SamLocalStackProvider.get_stacks(str(TEMPLATE))
        api = ApiProvider(stacks, cwd=str(ROOT)).api
        api.binary_media_types_set = set(_BINARY)
        service = LocalApigwService(
            api=api,
            lambda_runner=_Runner(functions),
            port=port,
            host=host,
            stderr=StreamWriter(StringIO()),
        )
        service.create()
        # Its own `run` takes over the process's signals, so the application is served from here.
        app: Any = service._app  # noqa: SLF001
        app.add_url_rule(LOGO_PATH, "logo", _logo)

        def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            first = environ["PATH_INFO"].split("/")[1]
            answer: Wsgi = (beside or {}).get(first, app)
            return answer(environ, start_response)

        self._server: BaseWSGIServer = make_server(host, port, serve, threaded=True)

    def start(self) -> None:
        """Serves, in a thread."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stops serving."""
        self._server.shutdown()
