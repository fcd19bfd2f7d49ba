"""What dispatch takes for a message: jobs of one beside jobs of ten.

Mailings of 100, eligible, from a body of their own with one link. Requests are those to DynamoDB;
time is from a batch of jobs to its answer, with moto's SES, and without waiting for slots.

    python -m benchmarks.dispatch [--rounds 12] [--into FILE]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import RuntimeProcess
from benchmarks.harness import (
    Here,
    Json,
    compact,
    main,
    options,
    ratio,
    sample,
    servers,
    sqs_event,
    turns,
)
from benchmarks.report import Claim, Report, timings
from benchmarks.units import Meter
from local.template import parameters_here

MESSAGES: Final = 100
WARM_UP: Final = 3
RATES: Final = {"jobs of one": "2", "jobs of ten": "20"}
"""The rate by which a mailing's jobs are so large."""
FAST: Final = {"SEND_RATE": "100000"}
BODY: Final = (
    "<html><body><p>Dear {{ name }}, <a href='https://society.example/year'>read</a> what we did "
    "this year.</p><p><a href='{{ unsubscribe_url }}'>Unsubscribe</a></p></body></html>"
)
MOST: Final = {"requests": 0.5, "CPU, ms": 1.0, "time, ms": 0.5}
"""What jobs of ten may take, as a multiple of what jobs of one do; requests: for a message."""
Figures = dict[str, float]


class Office:
    """The API that takes a mailing, at a rate that makes its jobs so large, and dispatch."""

    def __init__(
        self, here: Here, meter: Meter, api: RuntimeProcess, dispatch: RuntimeProcess
    ) -> None:
        self._here, self._meter, self._api, self._dispatch = here, meter, api, dispatch
        self._mails = 0  # the last that was looked at; others send, too

    def send(self, number: int) -> Figures:
        """Sends a mailing; what it takes for a message."""
        self._api.seconds([_draft(number)], lambda _, answer: bool(answer["statusCode"] == 202))
        self._done(self._here.received("DispatchQueue"))  # the plan
        batches = list(iter(lambda: self._here.received("DispatchQueue"), []))
        self._new_mails()
        self._meter.spent()
        since = time.perf_counter()
        cpu = sum(self._done(bodies) for bodies in batches)
        seconds = time.perf_counter() - since
        requests = self._meter.spent().requests
        mails = self._new_mails()
        if mails != MESSAGES:
            raise SystemExit(f"{mails} mails of {MESSAGES}")
        found = {"requests": requests, "CPU, ms": 1e3 * cpu, "time, ms": 1e3 * seconds}
        return {name: figure / MESSAGES for name, figure in found.items()}

    def _done(self, bodies: list[str]) -> float:
        """The processor time of a batch of jobs."""
        return self._dispatch.seconds([sqs_event(bodies)], _taken)

    def _new_mails(self) -> int:
        """How many mails SES has taken since this was last asked."""
        before = self._mails
        while found := self._here.mails(self._mails):
            self._mails = found[-1]["number"]
        return self._mails - before


def _taken(_event: Json, answer: Any) -> bool:
    return bool(answer["batchItemFailures"] == [])


def _draft(number: int) -> Json:
    """A request for a mailing."""
    event = sample("http-send-communication")
    del event["headers"]["idempotency-key"]
    recipients = [
        {
            "participant_id": f"reader-{number}-{each}",
            "address": f"success+{number}-{each}@simulator.amazonses.com",
            "data": {"name": f"Reader {each}"},
        }
        for each in range(MESSAGES)
    ]
    body = {"name": "News", "subject": "News", "html": BODY, "recipients": recipients}
    return event | {"body": compact(body), "isBase64Encoded": False}


@contextmanager
def offices() -> Iterator[dict[str, Callable[[int], Figures]]]:
    """One for each size of jobs; both with the same tables, queues and SES."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        endpoints = stack.enter_context(servers())
        here = Here.built(endpoints, parameters_here("http://127.0.0.1:3000"))
        meter = stack.enter_context(Meter(endpoints.dynamodb))
        variables = endpoints.environment() | {"AWS_ENDPOINT_URL_DYNAMODB": meter.url}

        def process(name: str, logical_id: str, **settings: str) -> RuntimeProcess:
            function = here.resources.functions()[logical_id]
            function = replace(function, environment={**function.environment, **settings})
            made = RuntimeProcess(name, function, variables, folder)
            stack.callback(made.stop)
            return made

        made = {}
        for name, rate in RATES.items():
            api = process(f"api, {name}", "ApiFunction", SEND_RATE=rate)
            dispatch = process(f"dispatch, {name}", "DispatchFunction", **FAST)
            made[name] = Office(here, meter, api, dispatch)
        yield {name: office.send for name, office in made.items()}


def report(rounds: int) -> Report:
    """What was found."""
    with offices() as contenders:
        found = turns(contenders, range(rounds + WARM_UP), skip=WARM_UP)
    result = Report(
        "Dispatch, for a message",
        f"Mailings of {MESSAGES} messages, {rounds} rounds, interleaved; ten jobs in a batch. "
        "Requests to DynamoDB, CPU of the function's process, and time to the answer.",
    )
    one, ten = (found[name] for name in RATES)
    for what, most in MOST.items():
        figures = {name: [each[what] for each in found[name]] for name in RATES}
        result.tables.append(timings(what, "for a message", figures))
        if what == "requests":
            requests = [each[what] for each in ten]
            claim = Claim("requests, jobs of ten, for a message", requests, "", at_most=most)
            result.claims.append(claim)
        ratios = ratio([each[what] for each in ten], [each[what] for each in one])
        limit = None if what == "requests" else most
        result.claims.append(Claim(f"{what}: jobs of ten / of one", ratios, at_most=limit))
    return result


if __name__ == "__main__":
    main(report, options(__doc__, rounds=12))
