"""What webhooks whose receivers fail do to everybody else: nothing.

    python -m benchmarks.receivers [--rounds 6] [--mails 100] [--into FILE]

A whole local stack with five webhooks. In turns all of them are received; and only one is, while
one hangs, one answers 500, one leads elsewhere, and nobody is at the last. In each turn a mailing
is sent and delivered; meanwhile the API is asked, without a pause, until the figures are whole.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from benchmarks.harness import main, options, ratio, turns
from benchmarks.report import Claim, Report, timings
from local.functions import free_ports
from local.notifications import Mail
from tests.receiver import Answering, Receiver, receiver
from tests.stack.conftest import Stack
from tests.support import copy_of_tree

SENT: Final = "2026-11-20T09:30:00.412Z"
DELIVERED: Final = "2026-11-20T09:30:04.000Z"
PATIENCE: Final = 300
KNOWN_AFTER: Final = 1.5
"""Seconds, after which publish goes by the endpoints that there are."""
UNMOVED: Final = 1.25
"""What is the same to the eye of this machine: rounds differ by as much among themselves."""


@dataclass(frozen=True, slots=True)
class Times:
    """Of one mailing, in seconds.

    Attributes:
        logged: until the log has all that happened.
        counted: until the figures have.
        answers: of the API, each.
    """

    logged: float
    counted: float
    answers: tuple[float, ...]

    @property
    def slow_answer(self) -> float:
        """What 95 of 100 answers take at most."""
        return quantiles(self.answers, n=20)[-1]


@contextmanager
def hooks(stack: Stack, answers: list[Answering | None]) -> Iterator[list[Receiver]]:
    """Webhooks, by what their receivers answer; at None is nobody."""
    with ExitStack() as there:
        made, ids = [], []
        for answering in answers:
            one = Receiver(url=f"http://127.0.0.1:{free_ports(1)[0]}/")
            if answering:
                one = there.enter_context(receiver(answering=answering))
            status, found = stack.get("/v1/webhooks", method="POST", body={"url": one.url})
            if status != 201:
                raise SystemExit(f"no webhook: {found}")
            one.secrets.append(found["secret"])
            made.append(one)
            ids.append(found["webhook_id"])
        time.sleep(KNOWN_AFTER)
        yield made
        for each in ids:
            stack.get(f"/v1/webhooks/{each}", method="DELETE")


def mailing(stack: Stack, name: str, mails: int) -> Times:
    """Sends one, and watches."""
    tags = {"communication_id": name}
    sent = [
        Mail(f"{name}-{n}", SENT, [f"a{n}@example.com"], tags={**tags, "participant_id": f"p-{n}"})
        for n in range(mails)
    ]
    began = time.monotonic()
    stack.publish([said for one in sent for said in (one.send(), one.delivery(DELIVERED))])
    logged, answers = 0.0, []
    while True:
        asked = time.monotonic()
        _, figures = stack.get(f"/v1/communications/{name}")
        answers.append(time.monotonic() - asked)
        if not logged and _is_logged(stack, name, mails):
            logged = time.monotonic() - began
        if logged and figures.get("sent") == figures.get("delivered") == mails:
            return Times(logged, time.monotonic() - began, tuple(answers))
        if time.monotonic() > began + PATIENCE:
            raise SystemExit(f"{name} is not whole after {PATIENCE} seconds: {figures}")


def _is_logged(stack: Stack, name: str, mails: int) -> bool:
    """Whether the first and the last person have the message, and it is delivered."""
    for number in (mails - 1, 0):
        path = f"/v1/participants/p-{number}/messages"
        _, found = stack.get(path, limit=1, communication_id=name)
        if [each["status"] for each in found["items"]] != ["delivered"]:
            return False
    return True


def measure(rounds: int, mails: int) -> Report:
    """What was found."""
    names = (f"mailing-{number}" for number in count())
    taken: list[int] = []

    def among(*answers: Answering | None) -> Callable[[Stack], Times]:
        def turn(stack: Stack) -> Times:
            with hooks(stack, list(answers)) as made:
                found = mailing(stack, next(names), mails)
                deadline = time.monotonic() + PATIENCE
                while len(made[0].taken) < 2 * mails and time.monotonic() < deadline:
                    time.sleep(0.1)
                taken.append(len(made[0].taken))
            return found

        return turn

    with tempfile.TemporaryDirectory() as folder, receiver("127.0.0.2") as inside:
        stack = Stack(copy_of_tree(Path(folder)))
        stack.start()
        try:
            contenders = {
                "all receive": among(*[_receives] * 5),
                "one receives, four fail": among(
                    _receives,
                    lambda _: 60.0,
                    lambda _: 500,
                    lambda _: (307, {"Location": inside.url}),
                    None,
                ),
            }
            found = turns(contenders, [stack] * (rounds + 1), skip=1)
        finally:
            stack.stop()
    figures: dict[str, Callable[[Times], float]] = {
        "an answer of the API, median": lambda each: median(each.answers),
        "an answer of the API, 95 of 100": lambda each: each.slow_answer,
        "until all is in the log": lambda each: each.logged,
        "until all is in the figures": lambda each: each.counted,
    }
    tables, claims = [], []
    for what, of in figures.items():
        by = {name: [of(each) for each in times] for name, times in found.items()}
        tables.append(timings(what[0].upper() + what[1:], "ms", by, 1000))
        calm, stormy = by.values()
        claims.append(Claim(what, ratio(stormy, calm), at_most=UNMOVED))
    wrong = [] if set(taken) == {2 * mails} else [f"the one that receives got {sorted(taken)}"]
    if inside.connections:
        wrong.append(f"{inside.connections} connections to where a redirect leads")
    return Report(
        "Receivers that fail",
        f"A mailing to {mails}, sent and delivered, on a local stack with five webhooks, {rounds} "
        "times in turns: all are received; or one hangs, one answers 500, one leads elsewhere, and "
        "nobody is at one. Ratios are of the second to the first.",
        claims,
        tables,
        wrong,
    )


def _receives(_: int) -> int:
    return 204


if __name__ == "__main__":
    main(measure, options(__doc__, rounds=6, mails=100))
