"""What needs the attention of admins, who alone can do something about it: webhooks that nothing
is delivered to, and API keys that expire soon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.auth.api_keys import EXPIRES_SOON_DAYS, Caller
from sendtrail.console.request_context import RequestContext
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms
from sendtrail.errors import AwsError
from sendtrail.reading.webhooks import WebhookState, webhook_view
from sendtrail.wiring import Wiring

__all__ = ["Attention", "attention"]

_SOON_MS: Final = EXPIRES_SOON_DAYS * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Attention:
    """What there is; true if there is any.

    Attributes:
        webhooks: those that fail or are switched off, as the API tells them.
        webhooks_are_known: whether that could be asked.
        keys: whose keys expire within `EXPIRES_SOON_DAYS`, the first to do so first.
    """

    webhooks: Sequence[dict[str, Any]] = ()
    webhooks_are_known: bool = True
    keys: Sequence[Caller] = ()

    def __bool__(self) -> bool:
        return bool(self.webhooks or self.keys or not self.webhooks_are_known)


def attention(context: RequestContext, wiring: Wiring, at: Timestamp) -> Attention:
    """What needs the attention of who asks: of others than admins, nothing.

    It costs 1 request of DynamoDB where webhooks are on. Keys are those that were read to sign in.
    """
    if not context.may("admin"):
        return Attention()
    keys = wiring.api_keys.current().expiring(at, from_epoch_ms(epoch_ms(at) + _SOON_MS))
    if not wiring.webhooks.is_on:
        return Attention(keys=keys)
    try:
        views = [webhook_view(each) for each in wiring.webhooks.endpoints()]
    except AwsError:
        return Attention(webhooks_are_known=False, keys=keys)
    bad = [each for each in views if each["state"] != WebhookState.DELIVERING]
    return Attention(webhooks=bad, keys=keys)
