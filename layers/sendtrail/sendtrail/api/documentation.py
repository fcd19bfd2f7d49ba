"""/v1/docs: the description of the API as a page, by the Swagger UI that Powertools brings.

As public as the description itself: it shows what the description says, and calls routes only with
the key that its reader gives it. Its files are read when they are asked for, and no sooner.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.errors import NotFoundError

__all__ = ["PATH", "add_routes"]

PATH: Final = "/v1/docs"
_OURS: Final = "sendtrail.api"
_SWAGGER_UI: Final = "aws_lambda_powertools.event_handler.openapi.swagger_ui"
_JAVASCRIPT: Final = "text/javascript; charset=utf-8"
_CSS: Final = "text/css; charset=utf-8"
_FILES: Final = {
    "swagger-ui-bundle.min.js": (_SWAGGER_UI, "", _JAVASCRIPT),
    "swagger-ui.min.css": (_SWAGGER_UI, "", _CSS),
    "documentation.js": (_OURS, "static", _JAVASCRIPT),
    "documentation.css": (_OURS, "static", _CSS),
}
"""Name → the package that has it, the folder in that, and its type."""

_HEADERS: Final = {
    "Cache-Control": "no-cache",
    # Everything from here and nothing inline. Swagger UI's arrows are pictures in its style sheet.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}


def add_routes(app: APIGatewayHttpResolver) -> None:
    """Adds the page and its files."""

    @app.get(PATH, include_in_schema=False)
    def page() -> Response[str]:
        text = (files(_OURS) / "static" / "documentation.html").read_text(encoding="utf-8")
        body = Template(text).substitute({_placeholder(name): _url(name) for name in _FILES})
        return Response(
            status_code=200,
            content_type="text/html; charset=utf-8",
            body=body,
            headers=dict(_HEADERS),
        )

    # Swagger UI has 1.5 MB, and 0.4 when compressed; Lambda's answers have 6 at most.
    @app.get(f"{PATH}/<name>", include_in_schema=False, compress=True)
    def file(name: str) -> Response[str]:
        if name not in _FILES:
            raise NotFoundError(f"there is no file {name}")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(
            status_code=200, content_type=_FILES[name][2], body=_read(name), headers=headers
        )


def _read(name: str) -> str:
    package, folder, _ = _FILES[name]
    return (files(package) / folder / name).read_text(encoding="utf-8")


@cache
def _url(name: str) -> str:
    """Its address changes with its content, so that browsers may keep it for ever."""
    return f"{PATH}/{name}?v={sha256(_read(name).encode()).hexdigest()[:12]}"


def _placeholder(name: str) -> str:
    """What stands for a file's address in the page."""
    return name.replace("-", "_").replace(".", "_")
