"""What things look like from outside: plain JSON, the same for the API and the console."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sendtrail.auth.audit import OBJECTS
from sendtrail.auth.staff_store import StaffAct
from sendtrail.domain.actors import Actor
from sendtrail.domain.communication import CommunicationDefinition, Counters, figures
from sendtrail.domain.eligibility import check_eligibility
from sendtrail.domain.engagement import Verdict
from sendtrail.domain.events import Event, Source
from sendtrail.domain.message import Message
from sendtrail.domain.participant import AddressUse, Participant
from sendtrail.domain.plan import PlannedAttachment
from sendtrail.domain.progress import progress_of
from sendtrail.domain.suppression import Suppression
from sendtrail.domain.times import Timestamp, now
from sendtrail.reading.message_columns import MESSAGE_COLUMNS
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS

__all__ = [
    "act_view",
    "actor_view",
    "address_view",
    "attachment_view",
    "communication_view",
    "direct_message_view",
    "event_view",
    "link_views",
    "message_view",
    "participant_view",
    "recipient_view",
    "suppression_view",
]

View = dict[str, Any]

_MAX_SHOWN: Final = 4_000


def actor_view(text: str | None) -> View | None:
    """Who on the organisation's side did something, from an `Actor`'s text; None if it is none's.
    Who has no name has None for it.
    """
    actor = Actor.parse(text)
    return {"kind": actor.kind, "id": actor.id, "name": actor.name or None} if actor else None


def act_view(act: StaffAct) -> View:
    """Something that staff did; what it was done to, and how often, None where that is not told."""
    known = {action.value: kind for action, kind in OBJECTS.items()}
    kind = known.get(act.action) if act.object_id else None
    return {
        "at": act.at,
        "action": act.action,
        "by": actor_view(act.by),
        "object_kind": kind.value if kind else None,
        "object_id": act.object_id,
        "count": act.count,
    }


def message_view(message: Message) -> View:
    """A message; what has not happened is None."""
    opens, clicks = message.engagement.total.opens, message.engagement.total.clicks
    bounce, drop = message.bounce, message.drop
    return {
        "message_id": message.message_id,
        "participant_id": message.participant_id,
        "communication_id": message.communication_id,
        "kind": message.kind,
        "template_id": message.template_id,
        "template_version": message.template_version,
        "subject": message.subject,
        "address": message.address,
        "status": message.status.value,
        "last_changed_at": message.last_changed_at,
        "sent_at": message.sent_at,
        "delivered_at": message.delivered_at,
        "first_opened_at": opens.first_at,
        "last_opened_at": opens.last_at,
        "open_count": opens.count,
        "human_open_count": opens.human_count,
        "first_clicked_at": clicks.first_at,
        "last_clicked_at": clicks.last_at,
        "click_count": clicks.count,
        "human_click_count": clicks.human_count,
        "bounced_at": bounce.at if bounce else None,
        "bounce": {
            "type": bounce.type,
            "subtype": bounce.subtype,
            "status": bounce.status,
            "diagnostic": bounce.diagnostic,
        }
        if bounce
        else None,
        "dropped_at": drop.at if drop else None,
        "drop_reason": drop.reason if drop else None,
        "spammed_at": message.spammed_at,
        "rejected_at": message.rejected_at,
        "failed_at": message.failed_at,
        "delayed_at": message.delayed_at,
        "unsubscribed_at": message.unsubscribed_at,
        "by": actor_view(message.by),
        "copy": message.copy,
        "attachment_count": message.attachments,
    }


def attachment_view(attachment: PlannedAttachment) -> View:
    """A file that went with a message; its size in bytes."""
    return {
        "name": attachment.name,
        "content_type": attachment.content_type,
        "size": attachment.size,
    }


def link_views(message: Message, urls: Mapping[str, str]) -> list[View]:
    """The links of a message that were clicked, most clicked first; the rest's sum, with no URL,
    last.

    Args:
        urls: link key → URL.
    """
    views = [
        {
            "url": urls.get(key),
            "clicks": clicks.count,
            "human_clicks": clicks.human_count,
            "first_clicked_at": clicks.first_at,
            "last_clicked_at": clicks.last_at,
        }
        for key, clicks in message.engagement.total.links.items()
    ]
    return sorted(views, key=lambda view: (view["url"] is None, -view["clicks"], view["url"] or ""))


def event_view(event: Event, message: Message, verdict: Verdict | None = None) -> View:
    """An event of a message's trail.

    Args:
        verdict: of an open or click, who did it.
    """
    detail = _shortened(event.detail)
    by = actor_view(detail.get("by")) if event.source is Source.OWN else None
    if by:
        del detail["by"]  # what a reader's choice says of its page stays
    view: View = {
        "at": event.at,
        "type": event.type.value,
        "source": event.source.value,
        "address": event.address,
        "detail": detail,
        "actor": None,
        "actor_reason": None,
        "uncounted": False,
        "by": by,
    }
    if verdict:
        view["actor"], view["actor_reason"] = verdict.actor.value, verdict.reason
        view["uncounted"] = not message.counts(event.source)
    return view


def recipient_view(message: Message) -> View:
    """A recipient of a communication."""
    return {column.name: column.value(message) for column in RECIPIENT_COLUMNS}


def direct_message_view(message: Message) -> View:
    """A message of no communication, as it is listed."""
    return {column.name: column.value(message) for column in MESSAGE_COLUMNS}


def communication_view(
    definition: CommunicationDefinition,
    counters: Counters,
    *,
    whole: bool,
    urls: Mapping[str, str] | None = None,
    at: Timestamp | None = None,
) -> View:
    """A communication with its figures, and how far it is.

    Args:
        at: the time now, or another.
        urls: link key → URL.
        whole: with figures per link, per mailbox provider, by machines, and over time.
    """
    numbers = figures(counters, urls)
    progress = progress_of(definition, counters, at or now())
    if not whole:
        for name in ("links", "providers", "machines", "hits_by_age"):
            del numbers[name]
    return {
        "communication_id": definition.communication_id,
        "name": definition.name,
        "kind": definition.kind,
        "created_at": definition.created_at,
        "template_id": definition.template_id,
        "template_version": definition.template_version,
        "by": actor_view(definition.by),
        "state": progress.state.value,
        "planned": progress.planned,
        "done": progress.done,
        "send_at": definition.send_at,
        "stopped_at": definition.stopped_at,
        "stopped_by": actor_view(definition.stopped_by),
        **numbers,
    }


def participant_view(
    participant: Participant,
    use: AddressUse | None,
    placeholder: Participant | None,
    suppression: Suppression | None,
) -> View:
    """A participant, with the address to write to, its placeholder participant, and suppression."""
    choice = participant.choice_at(placeholder)
    return {
        "participant_id": participant.participant_id,
        "name": participant.name,
        "named_by": actor_view(participant.name_change.by) if participant.name_change else None,
        "subscribed": participant.gets_communications_at(placeholder),
        "subscription_changed_at": choice.at if choice else None,
        "subscription_changed_by": (choice.participant_id or None) if choice else None,
        "subscription_recorded_by": actor_view(choice.by) if choice else None,
        "last_interaction_at": participant.last_interaction_at,
        "last_interaction_recorded_by": actor_view(participant.last_interaction_by),
        "inactive_since": participant.inactive_since,
        "first_seen_at": participant.first_seen_at,
        "address": use.address if use else None,
        "address_registered_by": actor_view(use.registered_by) if use else None,
        "suppression": _standing(suppression),
        "gets": _gets(participant, use, placeholder, suppression),
    }


def _gets(
    participant: Participant,
    use: AddressUse | None,
    placeholder: Participant | None,
    suppression: Suppression | None,
) -> View:
    """What mail a participant gets, by the rule that sending goes by, and why not all."""
    if use is None:
        return {"communications": False, "direct_messages": False, "reason": None, "since": None}
    check = partial(
        check_eligibility,
        participant=participant,
        placeholder=placeholder,
        suppression=suppression,
    )
    why = check(of_communication=True)
    return {
        "communications": why is None,
        "direct_messages": check(of_communication=False) is None,
        "reason": why.reason.value if why else None,
        "since": why.evidence.get("at") if why else None,
    }


def address_view(use: AddressUse, suppression: Suppression | None, *, current: bool) -> View:
    """An address in a participant's history."""
    return {
        "address": use.address,
        "first_used_at": use.first_used_at,
        "last_used_at": use.last_used_at,
        "registered_at": use.registered_at,
        "registered_by": actor_view(use.registered_by),
        "current": current,
        "suppression": _standing(suppression),
    }


def suppression_view(suppression: Suppression) -> View:
    """A suppression that holds."""
    return {"address": suppression.address, **(_standing(suppression) or {})}


def _shortened(detail: Mapping[str, Any]) -> View:
    """The facts, with texts cut so that a trail fits into an answer; the log has them whole."""
    return {
        name: value[:_MAX_SHOWN] if isinstance(value, str) else value
        for name, value in detail.items()
    }


def _standing(suppression: Suppression | None) -> View | None:
    if suppression is None or suppression.reason is None or suppression.standing is None:
        return None
    standing = suppression.standing
    return {
        "reason": suppression.reason.value,
        "since": standing.at,
        "message_id": standing.message_id,
        "participant_id": standing.participant_id,
        "diagnostic": standing.diagnostic,
        "by": actor_view(standing.by),
    }
