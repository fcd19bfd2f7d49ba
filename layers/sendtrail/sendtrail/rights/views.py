"""What is told of an erasure: to those who ask the API, and on the console's page."""

from __future__ import annotations

from typing import Any

from sendtrail.reading.views import actor_view
from sendtrail.rights.erasing import Erasure

__all__ = ["erasure_view"]


def erasure_view(erasure: Erasure) -> dict[str, Any]:
    """An erasure, and its report: what was found so far, and what may hold a trace until when."""
    return {
        "erasure_id": erasure.erasure_id,
        "state": erasure.state.value,
        "asked_at": erasure.asked_at,
        "by": actor_view(erasure.by),
        "passes": erasure.passes,
        "done_at": erasure.done_at,
        "counts": dict(erasure.counts),
        "shared_addresses": erasure.shared,
        "traces": [
            {"where": trace.where.value, "until": trace.until}
            for trace in sorted(erasure.traces, key=lambda each: each.until)
        ],
    }
