"""The mailing that a page is about."""

from __future__ import annotations

from typing import Any

from sendtrail.domain.ids import is_communication_id
from sendtrail.errors import NotFoundError
from sendtrail.language import gettext
from sendtrail.reading import queries
from sendtrail.reading.views import communication_view

__all__ = ["known_mailing", "whole_view"]


def known_mailing(communication_id: str) -> queries.Known:
    """What is known of it.

    Raises:
        NotFoundError: nothing is.
    """
    is_id = is_communication_id(communication_id)
    found = queries.communication(communication_id) if is_id else None
    if found is None:
        raise NotFoundError(gettext("there is no mailing %(id)s") % {"id": communication_id})
    return found


def whole_view(known: queries.Known) -> dict[str, Any]:
    """All its figures, for pages."""
    return communication_view(known.definition, known.counters, whole=True, urls=known.urls)
