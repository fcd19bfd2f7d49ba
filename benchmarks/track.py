"""What a pixel and a link cost: CPU beside what people use today, and beside the floor.

As in `ingest.py`; payload 2.0 of API Gateway. `naive` and `pytracking` believe what a link says,
without a signature, which flatters them; Django reads HTTP itself, which does not. `echo` returns
its event: nothing that the runtime runs can cost less. All answer as they must, and each has a row
for every hit. A start-up is from the process's start to its first answer.

    python -m benchmarks.track [--starts 11] [--rounds 30] [--into FILE]
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from typing import Any, Final

from benchmarks.contenders import SITE, DjangoSite, RuntimeProcess, django_site, runtimes
from benchmarks.harness import (
    LINK,
    Here,
    Json,
    compact,
    http_event,
    items_of,
    main,
    options,
    ratio,
    turns,
)
from benchmarks.report import Claim, Report, timings
from sendtrail.auth.signing_keys import SigningKeyRing
from sendtrail.auth.tokens import ClickedLink, LinkTokens
from sendtrail.aws.dynamodb import to_attributes
from sendtrail.domain.clients import shortened
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import epoch_ms, now
from sendtrail.log.items import event_to_item

HITS: Final = 50
"""In a warm round."""
WARM_UP: Final = 8
"""Warm rounds that do not count: Python specialises its code, DynamoDB Local's Java compiles."""
HANDLERS: Final = {
    "ours": None,
    "naive": "naive.track",
    "floor": "floor.track",
    "echo": "echo.handler",
}
OTHERS: Final = {
    "naive": ("one boto3 put", 1.0),
    "pytracking": ("pytracking with PostgreSQL", 1.0),
    "floor": ("the floor", 2.0),
}
"""Each with what ours may cost, warm, as a multiple of it."""
MAX_AT_START: Final = 1 / 2
"""Of the naive."""
GIF: Final = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
ADDRESSES: Final = ("203.0.113.77", "2001:db8:85a3:12::7334")
SENT: Final = "2026-11-24T09:30:00.000Z"


def hits(kind: str, tokens: LinkTokens) -> Iterator[Json]:
    """Requests for pixels (`open`) or links (`click`), each of another message.

    They have three fields of our own: `location` is where a link leads; `size`, for the floor, how
    many bytes the item has that ours writes; `metadata` what the Django site makes a link of.
    """
    for number in count():
        recipient = Recipient(
            new_message_id(now()), f"member-{number % 10_000:04}", "newsletter-2026-11"
        )
        url = LINK if kind == "click" else None
        link = ClickedLink(recipient, SENT, 3, 6, LINK)
        token = tokens.click(link) if url else tokens.open(recipient, SENT)
        token = token if url else f"{token}.gif"
        address = ADDRESSES[number % 2]
        event = http_event(kind, token, f"{kind}{number:08}AAEJKig=", address, epoch_ms(SENT))
        agent = event["headers"]["user-agent"]
        detail = {"sent_at": SENT, "ip": shortened(address), "user_agent": agent}
        detail |= {"link": url, "position": 3, "links": 9} if url else {}
        hit = EventType.CLICK if url else EventType.OPEN
        item = event_to_item(Event.of_request(hit, recipient, SENT, "", detail), 400)
        metadata = {
            "message_id": recipient.message_id,
            "participant_id": recipient.participant_id,
            "communication_id": recipient.communication_id,
            "at": SENT,
        }
        size = len(compact(to_attributes(item)))
        yield event | {"location": url, "size": size, "metadata": metadata}


def to_pytracking(hit: Json) -> Json:
    """The same request for a pixel or a link of pytracking's."""
    import pytracking

    bases = {
        f"base_{what}_tracking_url": f"https://{SITE}/{what[0]}/" for what in ("open", "click")
    }
    location, metadata = hit["location"], hit["metadata"]
    url = (
        pytracking.get_click_tracking_url(location, metadata, **bases)
        if location
        else pytracking.get_open_tracking_url(metadata, **bases)
    )
    path = url.removeprefix(f"https://{SITE}")
    headers = {name: value for name, value in hit["headers"].items() if name != "host"}
    return {"method": "GET", "url": path, "headers": headers, "location": location}


def right(name: str, hit: Json, answer: Any) -> bool:
    """Whether a hit was answered as it must be."""
    if name == "echo":
        return bool(answer == hit)
    headers, location = answer.get("headers", {}), hit["location"]
    return (
        answer.get("statusCode") == (302 if location else 200)
        and headers.get("Location") == location
        and (location is not None or answer.get("body") == GIF)
        and "Cache-Control" in headers
    )


def to_naive(hit: Json) -> Json:
    """The same request with a link that says in the clear what ours keeps to itself."""
    said = [*hit["metadata"].values(), *filter(None, [hit["location"]])]
    token = urlsafe_b64encode(compact(said).encode()).decode()
    return hit | {"pathParameters": {"token": token}}


def start(function: RuntimeProcess, hit: Json) -> float:
    """The seconds of a new process to its first answer."""
    function.stop()
    return serve(function, [hit])


def serve(function: RuntimeProcess, batch: list[Json]) -> float:
    """The seconds for each of some hits, of a process that runs already."""
    asked = list(map(to_naive, batch)) if function.name == "naive" else batch
    return function.seconds(asked, partial(right, function.name)) / len(batch)


def measure(starts: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of each contender, round by round: at start, and warm for a pixel and a link.

    Raises:
        SystemExit: a contender gave another answer than it must, or wrote something else.
    """
    with runtimes("TrackFunction", HANDLERS) as (here, functions), django_site() as site:
        tokens = LinkTokens(SigningKeyRing(lambda: here.secret("SigningKeys")))
        cold: dict[str, Callable[[Json], float]] = {
            name: partial(start, function) for name, function in functions.items()
        }
        warm: dict[str, Callable[[list[Json]], float]] = {
            name: partial(serve, function) for name, function in functions.items()
        }
        warm["pytracking"] = lambda batch: site.seconds(list(map(to_pytracking, batch))) / HITS
        pixels, links = hits("open", tokens), hits("click", tokens)
        found = {"start-up": turns(cold, islice(pixels, 1 + starts), skip=1)}
        for kind, some in (("a pixel", pixels), ("a link", links)):
            batches = (list(islice(some, HITS)) for _ in range(WARM_UP + rounds))
            found[kind] = turns(warm, batches, skip=WARM_UP)
        compare(here, site, warm=(WARM_UP + rounds) * 2 * HITS, cold=1 + starts)
    return found


def compare(here: Here, site: DjangoSite, *, warm: int, cold: int) -> None:
    """Has each have written a row for every hit, and the floor as many bytes as ours.

    Raises:
        SystemExit: one has not.
    """
    database = here.endpoints.client("dynamodb")
    items = {name: items_of(database, name) for name in HANDLERS if name != "echo"}
    for name, written in items.items():
        if len(written) != warm + cold:
            raise SystemExit(f"{name} wrote {len(written)} items for {warm + cold} requests")
    if site.rows() != warm:
        raise SystemExit(f"pytracking wrote {site.rows()} rows for {warm} requests")
    ours, floor = (sum(map(len, map(compact, items[name].values()))) for name in ("ours", "floor"))
    if ours != floor:
        raise SystemExit(f"the floor wrote {floor} bytes, and ours {ours}")


def report(starts: int, rounds: int) -> Report:
    """What was found."""
    result = Report(
        "The pixel and the links: CPU of the function `track`",
        "Processor time of the whole process per request: the functions in Lambda's runtime with "
        "DynamoDB Local, Django behind gunicorn with PostgreSQL. Ratios are of the same round.",
    )
    for what, seconds in measure(starts, rounds).items():
        cold, ours = what == "start-up", seconds["ours"]
        unit, scale = ("ms", 1e3) if cold else ("µs", 1e6)
        title = f"CPU for {what}, {len(ours)} rounds, interleaved"
        result.tables.append(timings(title, unit, seconds, scale))
        result.claims.append(Claim(f"{what}: ours", [scale * each for each in ours], unit))
        if not cold:
            rate = [1 / each for each in ours]
            result.claims.append(Claim(f"{what}: ours", rate, "per second and core"))
        for other, (name, most) in OTHERS.items():
            if other == "naive" or not cold:
                ratios = ratio(ours, seconds[other])
                limit = MAX_AT_START if cold else most
                result.claims.append(Claim(f"{what}: ours / {name}", ratios, at_most=limit))
    return result


if __name__ == "__main__":
    main(report, options(__doc__, starts=11, rounds=30))
