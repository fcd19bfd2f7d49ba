"""The rate of sending: no more calls of SES in any one second than there may be, by all workers
together, with the table's own conditional writes and a clock that is simulated.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from sendtrail.errors import AwsError, ThrottledError
from sendtrail.sending.jobs import job_size
from sendtrail.sending.rate_limiter import LATENESS, RateLimiter
from sendtrail.sending.ses_sender import OutgoingMail, SesSender
from tests.functional.conftest import Backend

RATES = [1, 14, 278]
START = 1_795_000_000.0
FOREVER = START * 2


class Clock:
    """A clock that goes on when all who use it sleep; they wake one after another, and never
    earlier than they wanted.

    Attributes:
        late: how much later a sleeper wakes.
    """

    def __init__(self, late: Callable[[], float] = lambda: 0.0) -> None:
        self.late = late
        self._now = START
        self._lock = threading.Lock()
        self._awake = 0
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._numbers = count()

    def __call__(self) -> float:
        """The time."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Waits, until the others sleep as well."""
        event = threading.Event()
        with self._lock:
            wake = self._now + seconds + self.late()
            heapq.heappush(self._sleepers, (wake, next(self._numbers), event))
            self._rest()
        assert event.wait(60)

    def run(self, *works: Callable[[], None]) -> None:
        """Does works at once, each on a thread of its own, until all have ended."""
        self._awake = len(works)
        threads = [threading.Thread(target=self._until_end, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _until_end(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._rest()

    def _rest(self) -> None:
        self._awake -= 1
        if not self._awake and self._sleepers:
            wake, _, event = heapq.heappop(self._sleepers)
            self._now = max(self._now, wake)
            self._awake = 1
            event.set()


class AtOnce(Executor):
    """Calls where it is asked to: so that a call happens at the time at which it is begun."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Calls."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Ses:
    """What SES is called for, and when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.calls: list[tuple[float, str]] = []

    def send_email(self, **request: Any) -> dict[str, str]:
        """Takes a mail."""
        self.calls.append((self._clock(), request["Destination"]["ToAddresses"][0]))
        return {"MessageId": "1"}

    def times(self) -> list[float]:
        """When it was called."""
        return sorted(at for at, _ in self.calls)

    def most_in_a_second(self) -> int:
        """The most calls in any one second."""
        times, first, most = self.times(), 0, 0
        for last, at in enumerate(times):
            while at - times[first] >= 1:
                first += 1
            most = max(most, last - first + 1)
        return most


class Office:
    """Workers who send what is in a queue, at one rate, as Lambda has them do it."""

    def __init__(
        self, backend: Backend, rate: int, late: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.clock = Clock(late)
        self.ses = Ses(self.clock)
        self.rate = rate
        self.deferred = 0
        self._backend = backend
        self._addresses = count()

    def job(self, number: int | None = None) -> list[OutgoingMail]:
        """Mails for a job: as many as one has at this rate, or that number."""
        return [
            OutgoingMail(f"{next(self._addresses)}@example.com", "s", None, "t")
            for _ in range(number or job_size(self.rate))
        ]

    def sender(self) -> SesSender:
        """A worker's sender: each has a limiter of its own, over the same row."""
        return SesSender(
            self.ses,
            sender="a@example.com",
            configuration_set="own",
            executor=AtOnce(),
            rate_limiter=RateLimiter(
                self._backend.database(),
                self._backend.table("Idempotency"),
                rate=self.rate,
                clock=self.clock,
                sleep=self.clock.sleep,
            ),
        )

    def worker(self, jobs: list[list[OutgoingMail]], *, direct: bool = False) -> Callable[[], None]:
        """Takes jobs from a queue until there is none; what has no slot goes back to its end."""
        sender = self.sender()

        def work() -> None:
            while jobs:
                mails = jobs.pop(0)
                found = sender.send(mails, until=FOREVER, direct=direct)
                left = [mail for mail, error in zip(mails, found, strict=True) if error]
                if left:
                    jobs.append(left)
                    self.deferred += 1
                    self.clock.sleep(1)
                else:
                    self.clock.sleep(0.1)  # until SES has answered

        return work

    def send(self, *queues: list[list[OutgoingMail]], workers: int) -> None:
        """Empties queues, with so many workers each; everything is sent once."""
        mails = [mail.to for jobs in queues for job in jobs for mail in job]
        before = len(self.ses.calls)
        self.clock.run(*[self.worker(jobs) for jobs in queues for _ in range(workers)])
        assert sorted(to for _, to in self.ses.calls[before:]) == sorted(mails)


def mailing(office: Office, seconds: int = 4) -> list[list[OutgoingMail]]:
    """The jobs of a mailing that takes some seconds to send."""
    return [office.job() for _ in range(-(-max(8, office.rate * seconds) // job_size(office.rate)))]


@pytest.mark.parametrize(("rate", "workers"), [(1, 2), (14, 2), (278, 5)])
def test_workers_share_the_rate_and_use_it(moto_backend: Backend, rate: int, workers: int) -> None:
    """Up to what is kept for direct messages and for being late: 85 % or more."""
    office = Office(moto_backend, rate)
    office.send(mailing(office, 6), workers=workers)
    assert office.deferred == 0
    assert office.ses.most_in_a_second() <= rate
    times = office.ses.times()
    assert (len(times) - 1) / (times[-1] - times[0]) >= 0.85 * rate


@pytest.mark.parametrize(
    ("rate", "size"), [(1, 1), (2, 1), (3, 1), (4, 2), (14, 7), (20, 10), (278, 10), (99_999, 10)]
)
def test_a_job_is_half_a_seconds_and_no_more_than_ten(rate: int, size: int) -> None:
    """And one at least."""
    assert job_size(rate) == size


@pytest.mark.parametrize("rate", RATES)
def test_two_workers_share_the_rate(moto_backend: Backend, rate: int) -> None:
    """Neither knows of the other."""
    office = Office(moto_backend, rate)
    office.send(mailing(office), workers=2)
    assert office.deferred == 0
    assert office.ses.most_in_a_second() <= rate


@pytest.mark.parametrize("rate", RATES)
def test_two_plans_at_once_share_the_rate(moto_backend: Backend, rate: int) -> None:
    """With jobs that are not full, and more workers than are needed."""
    office = Office(moto_backend, rate)
    one, other = mailing(office, 2), mailing(office, 2)
    other[-1] = office.job(1)
    office.send(one, other, workers=2)
    assert office.ses.most_in_a_second() <= rate


@pytest.mark.parametrize("rate", RATES)
def test_after_an_outage_everything_comes_at_once_and_goes_out_at_the_rate(
    moto_backend: Backend, rate: int
) -> None:
    """What was sent before counts; the hours in which nothing was sent give no credit."""
    office = Office(moto_backend, rate)
    office.send(mailing(office, 1), workers=2)
    office.clock.run(lambda: office.clock.sleep(0.3))
    office.send(mailing(office, 1), workers=4)
    office.clock.run(lambda: office.clock.sleep(5 * 3600))
    office.send(mailing(office, 3), workers=4)
    assert office.ses.most_in_a_second() <= rate


@pytest.mark.parametrize("rate", RATES)
def test_slots_that_are_missed_are_taken_anew(moto_backend: Backend, rate: int) -> None:
    """Workers who oversleep, by less than may be and by more, keep the rate all the same."""
    chance = random.Random(rate)

    def late() -> float:
        return chance.choice([0, 0, 0, 0.01, 0.7 * LATENESS, LATENESS, 3 * LATENESS, 1.5])

    office = Office(moto_backend, rate, late)
    office.send(mailing(office), workers=3)
    assert office.ses.most_in_a_second() <= rate


@pytest.mark.parametrize("rate", RATES)
def test_slots_of_a_worker_that_died_are_lost(moto_backend: Backend, rate: int) -> None:
    """They hold up the others for about a second at most."""
    office = Office(moto_backend, rate)
    limiter = office.sender()._rate_limiter
    with suppress(ThrottledError):
        for _ in range(rate + 3):
            limiter.take(job_size(rate))
    office.send(mailing(office, 1), workers=2)
    assert office.ses.most_in_a_second() <= rate
    assert office.ses.times()[0] - START < max(2.0, 4 / rate)


@pytest.mark.parametrize("rate", RATES)
def test_a_direct_message_waits_for_no_mailing(moto_backend: Backend, rate: int) -> None:
    """Where the rate leaves room for slots of their own, it goes out at once, one after another
    also; else before whatever has no slot yet.
    """
    office = Office(moto_backend, rate)
    jobs, waits = mailing(office), []
    sender = office.sender()

    def direct() -> None:
        for _ in range(5):
            office.clock.sleep(1.37)
            asked = office.clock()
            assert sender.send(office.job(1), until=FOREVER, direct=True) == [None]
            waits.append(office.clock() - asked)

    office.clock.run(direct, office.worker(jobs), office.worker(jobs))
    assert office.ses.most_in_a_second() <= rate
    assert max(waits) <= (0 if rate >= 10 else 3.2)


@pytest.mark.parametrize("rate", RATES)
def test_many_direct_messages_at_once_keep_the_rate(moto_backend: Backend, rate: int) -> None:
    """Beside a mailing: they use up their own slots, and the mailing's next."""
    office = Office(moto_backend, rate)
    jobs, singles = mailing(office, 2), [office.job(1) for _ in range(rate + 3)]
    workers = [office.worker(jobs), office.worker(jobs)]
    workers += [office.worker(singles, direct=True) for _ in range(2)]
    office.clock.run(*workers)
    assert office.ses.most_in_a_second() <= rate


def test_what_is_more_than_a_second_off_goes_back_to_the_queue(moto_backend: Backend) -> None:
    """Nobody holds a place in a line, and nobody waits in it."""
    office = Office(moto_backend, 14)
    limiter = office.sender()._rate_limiter
    firsts = [limiter.take(7)[0] - START for _ in range(2)]
    assert firsts[0] == 0
    assert 0.5 < firsts[1] < 0.7
    limiter.take(7)
    assert [type(error) for error in office.sender().send(office.job(), until=FOREVER)] == (
        [ThrottledError] * 7
    )
    assert office.clock() == START
    assert office.ses.calls == []


def test_a_worker_whose_claim_is_over_sends_nothing(moto_backend: Backend) -> None:
    """It may have slept for minutes, and another may be sending these."""
    office = Office(moto_backend, 14)
    found: list[AwsError | None] = office.sender().send(office.job(), until=office.clock() - 1)
    assert all(isinstance(error, ThrottledError) for error in found)
    assert office.ses.calls == []
