"""A world in which people are erased: whom mail went to, and what the queue then brings."""

from __future__ import annotations

from typing import Any

from sendtrail.rights.erasing import Erasure, ErasureState
from tests.functional.sending import NEWS, Post
from tests.functional.world import Api, World

__all__ = ["ADDRESS", "PERSON", "erased", "lived", "work"]

PERSON = "jane-q7"
ADDRESS = "Jane.Quibbleworth@quibble.example"


def lived(world: World, *others: dict[str, Any]) -> Api:
    """Jane has a mailing, as others have, a letter and a name; and unsubscribed."""
    api, post = Api(world), Post(world)
    jane = {"participant_id": PERSON, "address": ADDRESS, "data": {"name": "Jane Quibbleworth"}}
    assert api("/v1/templates/news", "PUT", NEWS)["statusCode"] == 200
    post.send(name="News", template_id="news", kind="newsletter", recipients=[jane, *others])
    letter = {"participant_id": PERSON, "address": ADDRESS, "kind": "letter"}
    letter |= {"subject": "Dear Jane Quibbleworth", "text": "Your bill, Jane Quibbleworth."}
    assert api("/v1/messages", "POST", letter)["statusCode"] == 202
    post.run()
    api(f"/v1/participants/{PERSON}", "PUT", {"name": "Jane Quibbleworth"})
    api(f"/v1/participants/{PERSON}/subscription", "PUT", {"subscribed": False})
    world.fold()
    return api


def work(world: World) -> int:
    """Has the function do what waits in the queue of erasures now; returns how much that was."""
    queue = world.backend.resources.physical["EraseQueue", ""]
    records = list(Post(world).received(queue))
    for record in records:
        world.call("erase", {"Records": [record]})
    world.fold()
    return len(records)


def erased(world: World, erasure_id: str) -> Erasure:
    """An erasure that was asked for, done to its end, without the time between its passes."""
    found = world.wiring.erasing.run_to_end(erasure_id, wait=lambda _: world.fold())
    assert found.state is ErasureState.DONE
    world.fold()
    return found
