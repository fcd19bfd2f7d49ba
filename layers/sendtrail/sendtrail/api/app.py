"""The resolver: all routes, the errors, and the OpenAPI description."""

from __future__ import annotations

import json
from functools import cache

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

from sendtrail import __version__
from sendtrail.api import (
    communications,
    documentation,
    messages,
    overview,
    participants,
    problems,
    rights,
    sending,
    staff,
    suppressions,
    webhooks,
)
from sendtrail.api.description import served
from sendtrail.api.scopes import NoteCaller
from sendtrail.wiring import Wiring

__all__ = ["create"]

_ABOUT = """\
The trail of every email: what each participant was sent and what became of it, and how each mailing
did. Times are UTC. Lists take `limit` and `cursor` and answer `items` and `next_cursor`. Errors are
problem details (RFC 9457). API keys have a scope: `read`, `send`, `admin`; each includes those
before it."""


def create(wiring: Wiring, logger: Logger) -> APIGatewayHttpResolver:
    """The resolver for the private routes."""
    wiring.bind_models()
    app = APIGatewayHttpResolver(enable_validation=True)
    problems.register(app, logger)
    app.use(middlewares=[NoteCaller(wiring.keys_seen.note)])
    participants.add_routes(app, wiring)
    communications.add_routes(app, wiring)
    sending.add_routes(app, wiring)
    messages.add_routes(app, wiring)
    suppressions.add_routes(app, wiring)
    overview.add_routes(app, wiring)
    rights.add_routes(app, wiring)
    staff.add_routes(app, wiring)
    webhooks.add_routes(app, wiring)

    @cache
    def description() -> str:
        text = app.get_openapi_json_schema(
            title="Sendtrail",
            version=__version__,
            description=_ABOUT,
            security_schemes={"ApiKey": HTTPBearer(bearerFormat="API key")},
            security=[{"ApiKey": []}],
        )
        return json.dumps(served(text))

    @app.get("/v1/openapi.json", include_in_schema=False)
    def openapi() -> Response[str]:
        return Response(status_code=200, content_type="application/json", body=description())

    documentation.add_routes(app)
    return app
