"""Who calls a route, and whether they may: the scope that it needs, and that of their key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from sendtrail.auth.api_keys import Scope
from sendtrail.domain.actors import Actor
from sendtrail.errors import ForbiddenError

__all__ = ["Needs", "NoteCaller", "actor_of", "check_scope", "scope_of"]


class Needs:
    """A middleware that lets through only callers whose key has a scope.

    The gateway's authorizer has said who calls; a request without its word is refused.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.__name__ = f"needs {scope.value}"  # Powertools asks middlewares for theirs

    def __call__(self, app: APIGatewayHttpResolver, next_middleware: Any) -> Any:
        """Goes on, if the caller may."""
        self.check(app)
        return next_middleware(app)

    def check(self, app: APIGatewayHttpResolver) -> None:
        """Checks who calls.

        Raises:
            ForbiddenError: the scope is too small, or none.
        """
        given = _authorized(app)
        try:
            allowed = Scope(given.get("scope", "")).allows(self._scope)
        except ValueError:
            allowed = False
        if not allowed:
            raise ForbiddenError(
                f"this needs an API key of scope {self._scope.value}; "
                f"yours is {given.get('scope')!r}"
            )


class NoteCaller:
    """A middleware that tells whose key a request comes with, whatever is answered."""

    def __init__(self, seen: Callable[[Actor], None]) -> None:
        """Tells nothing yet.

        Args:
            seen: is told; raises nothing.
        """
        self._seen = seen
        self.__name__ = "note caller"

    def __call__(self, app: APIGatewayHttpResolver, next_middleware: Any) -> Any:
        """Goes on."""
        actor = Actor.parse(_authorized(app).get("actor"))
        if actor:
            self._seen(actor)
        return next_middleware(app)


def check_scope(app: APIGatewayHttpResolver) -> None:
    """Checks who calls the route that was found, for what comes before its middlewares.

    Raises:
        ForbiddenError: as `Needs.check` does.
    """
    for middleware in getattr(app.context.get("_route"), "middlewares", ()):
        if isinstance(middleware, Needs):
            middleware.check(app)


def _authorized(app: APIGatewayHttpResolver) -> dict[str, Any]:
    authorizer = app.current_event.request_context.authorizer
    return (authorizer.get_lambda if authorizer else None) or {}


def actor_of(app: APIGatewayHttpResolver) -> Actor:
    """Who sends a request, as the authorizer says.

    Raises:
        ForbiddenError: it does not say.
    """
    actor = Actor.parse(_authorized(app).get("actor"))
    if actor is None:
        raise ForbiddenError("the authorizer does not say whose API key this is")
    return actor


def scope_of(app: APIGatewayHttpResolver) -> Scope:
    """What the key that a request comes with may do, as the authorizer says.

    Raises:
        ForbiddenError: it does not say.
    """
    try:
        return Scope(_authorized(app).get("scope", ""))
    except ValueError:
        raise ForbiddenError("the authorizer does not say what this API key may do") from None
