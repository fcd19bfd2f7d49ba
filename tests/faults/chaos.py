"""What goes wrong, on purpose: the database, the processes, and the order of delivery."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.aws import Endpoints
from local.between import Answer, Forward, Request
from local.functions import Functions
from local.sources import Call, Poller, SourceMapping, StreamPoller, poller_of
from local.stirring import Stirring

__all__ = ["Chaos", "Killer", "Redelivering", "SpoiltDatabase"]

_TABLES: Final = "DynamoDB_20120810."
_BATCHES: Final = {
    "BatchWriteItem": ("RequestItems", "UnprocessedItems"),
    "BatchGetItem": ("RequestItems", "UnprocessedKeys"),
}
_LONGER_THAN_CLIENTS_WAIT: Final = 6.0
_REMEMBERED: Final = 400
"""Records of a shard that may be delivered again."""


@dataclass
class Chaos:
    """Whether it rages, by what chance, and what it has done.

    Attributes:
        done: what → how often.
    """

    chance: random.Random
    raging: threading.Event = field(default_factory=threading.Event)
    done: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, number: int = 1) -> None:
        """Counts something that was done."""
        with self._lock:
            self.done[what] += number

    def happens(self, share: float) -> bool:
        """Whether something happens now that happens in that share of cases."""
        return self.raging.is_set() and self.chance.random() < share


class SpoiltDatabase:
    """A DynamoDB that throttles, fails, answers too late or not at all, and does half of a batch.

    What is answered by an error may have been done all the same: so it is with a server that dies
    before its answer is out, or a connection that breaks.
    """

    def __init__(self, chaos: Chaos, share: float) -> None:
        """Spoils that share of the requests, and all of them in a black-out now and then."""
        self._chaos = chaos
        self._share = share
        self._dark_until = 0.0

    def __call__(self, request: Request, forward: Forward) -> Answer | None:
        """Answers a request, or hangs up."""
        if not request.headers.get("x-amz-target", "").startswith(_TABLES):
            return forward(request)  # a stream, which Lambda's own pollers read
        if time.monotonic() < self._dark_until:
            self._chaos.note("requests refused in a black-out")
            return Answer.error(500, "InternalServerError", "dark")
        if self._chaos.happens(0.0002):
            self._dark_until = time.monotonic() + self._chaos.chance.uniform(0.5, 2.5)
            self._chaos.note("black-outs")
        if not self._chaos.happens(self._share):
            return forward(request)
        kinds = [self._throttle, self._fail, self._fail_late, self._hang_up, self._hang_up_late]
        if request.operation in _BATCHES:
            kinds += [self._half] * 5
        if self._chaos.happens(0.01):
            kinds = [self._too_late]
        return self._chaos.chance.choice(kinds)(request, forward)

    def _throttle(self, _request: Request, _forward: Forward) -> Answer:
        self._chaos.note("throttled")
        return Answer.error(400, "ProvisionedThroughputExceededException", "slow down")

    def _fail(self, _request: Request, _forward: Forward) -> Answer:
        self._chaos.note("answered 500")
        return Answer.error(500, "InternalServerError", "not done")

    def _fail_late(self, request: Request, forward: Forward) -> Answer:
        forward(request)
        self._chaos.note("answered 500, and done")
        return Answer.error(500, "InternalServerError", "done all the same")

    def _hang_up(self, _request: Request, _forward: Forward) -> None:
        self._chaos.note("hung up")

    def _hang_up_late(self, request: Request, forward: Forward) -> None:
        forward(request)
        self._chaos.note("hung up, and done")

    def _too_late(self, request: Request, forward: Forward) -> Answer:
        answer = forward(request)
        self._chaos.note("answered too late")
        time.sleep(_LONGER_THAN_CLIENTS_WAIT)
        return answer

    def _half(self, request: Request, forward: Forward) -> Answer:
        """Does some of a batch and says that the rest is unprocessed."""
        wanted, left_over = _BATCHES[request.operation]
        body = request.json()
        done: dict[str, Any] = {}
        left: dict[str, Any] = {}
        for table, asked in body[wanted].items():
            entries = asked if isinstance(asked, list) else asked["Keys"]
            place = self._chaos.chance.randrange(len(entries) + 1)
            for part, into in ((entries[:place], done), (entries[place:], left)):
                if part:
                    into[table] = part if isinstance(asked, list) else {**asked, "Keys": part}
        self._chaos.note("did part of a batch")
        if not done:
            empty: dict[str, Any] = {} if left_over == "UnprocessedItems" else {"Responses": {}}
            return Answer.of_json(200, {**empty, left_over: left})
        answer = forward(request.with_json({**body, wanted: done}))
        if answer.status != 200:
            return answer
        said = answer.json()
        return Answer.of_json(200, {**said, left_over: left})


class Killer:
    """Kills processes of functions with SIGKILL while they run: now the runtime, now the emulator
    around it. Of invocations, and not by the clock, so that a slow machine gets on, too.
    """

    def __init__(self, chaos: Chaos, share: float) -> None:
        """Kills in that share of the invocations."""
        self._chaos = chaos
        self._share = share
        self._lasts: dict[str, float] = {}

    def call(self, functions: Functions, name: str, event: Mapping[str, Any]) -> Any:
        """Invokes a function, and perhaps kills it somewhere in the middle.

        Raises:
            FunctionError: it raised, timed out, or was killed in time.
        """
        timer: threading.Timer | None = None
        if self._chaos.happens(self._share):
            moment = self._chaos.chance.uniform(0, self._lasts.get(name, 0.5))
            timer = threading.Timer(moment, self.kill, (functions, name))
            timer.daemon = True
            timer.start()
        started = time.monotonic()
        try:
            return functions.call(name, event)
        finally:
            self._lasts[name] = time.monotonic() - started
            if timer:
                timer.cancel()

    def kill(self, functions: Functions, name: str) -> None:
        """Kills a process of a function, if it has one."""
        emulator = dict(functions.emulators()).get(name)
        if emulator is None:
            return
        victims = [*_children_of(emulator) * 3, emulator]
        with suppress(ProcessLookupError):
            os.kill(self._chaos.chance.choice(victims), signal.SIGKILL)
            self._chaos.note(f"kills of {name}")


def _children_of(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(each) for each in task.read_text().split()]
    return found


class Redelivering:
    """Makes pollers of streams which, beside delivering, deliver again what was delivered before:
    from anywhere, cut anywhere, to another process of the function, while the first goes on.

    It never skips a record that was not delivered yet, as Lambda never does.
    """

    def __init__(self, chaos: Chaos, killer: Killer, share: float) -> None:
        """Delivers again after that share of the batches.

        The attributes are to be set: the functions' processes, and a second set of them.
        """
        self.functions: Functions | None = None
        self.others: Functions | None = None
        self.chaos = chaos
        self.killer = killer
        self.share = share
        self.failures: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []

    @property
    def under_way(self) -> int:
        """How many batches are being delivered again."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return len(self._threads)

    def __call__(
        self, mapping: SourceMapping, call: Call, endpoints: Endpoints, stirring: Stirring
    ) -> Poller:
        """The poller of a mapping."""

        def counted(name: str, event: Mapping[str, Any]) -> Any:
            if self.functions is None:  # only just begun
                return call(name, event)
            try:
                return self.killer.call(self.functions, name, event)
            except Exception:
                self.failures[name] += 1
                raise

        if mapping.properties["EventSourceArn"].split(":")[2] != "dynamodb":
            return poller_of(mapping, counted, endpoints, stirring)
        return _RedeliveringPoller(mapping, counted, endpoints, stirring, self)

    def again(self, name: str, event: Mapping[str, Any], records: int) -> None:
        """Delivers in the background."""

        def deliver() -> None:
            with suppress(Exception):  # who delivers twice may fail as well
                if self.others is not None:
                    self.killer.call(self.others, name, event)
            self.chaos.note("batches delivered again")
            self.chaos.note("records in them", records)

        thread = threading.Thread(target=deliver, daemon=True)
        thread.start()
        self._threads = [*self._threads, thread]


class _RedeliveringPoller(StreamPoller):
    def __init__(
        self,
        mapping: SourceMapping,
        call: Call,
        endpoints: Endpoints,
        stirring: Stirring,
        again: Redelivering,
    ) -> None:
        super().__init__(mapping, call, endpoints, stirring)
        self._again = again
        self._before: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def _try(self, shard: str, records: list[dict[str, Any]]) -> int | None:
        known, chance = self._before[shard], self._again.chaos.chance
        if self._again.chaos.happens(self._again.share) and known:
            # From a record that was delivered, and perhaps on into the batch whose turn it is.
            row = [*known, *records]
            start = chance.randrange(len(known))
            end = min(len(row), start + chance.randint(1, 150))
            event = {"Records": row[start:end]} | self._in_window(shard)
            self._again.again(self._function, event, end - start)
        failed_at = super()._try(shard, records)
        taken = records if failed_at is None else records[:failed_at]
        self._before[shard] = [*known, *taken][-_REMEMBERED:]
        return failed_at
