"""What a cold start costs: CPU and peak memory of every function up to its first answer.

Beside the functions of the template start two others:

    bare   a handler that returns its event. Nothing that the runtime runs can cost less
    usual  Powertools with boto3, as their own pages show it: Logger, Metrics, and a boto3 client of
           DynamoDB that writes one item. No Tracer, no resource and no router, and its one item is
           less than any of ours does: all that flatters it

Each runs as on Lambda: in a process of AWS's Runtime Interface Emulator with AWS's runtime client
for Python, with the template's variables, and with nothing to import but the artefact: the layer as
`sam build` makes it (layers/sendtrail/Makefile), and the function's app.py. As in Lambda nothing is
written there, so that what is not compiled in the artefact is compiled at every start: app.py is,
of all of them. The usual one has the libraries of the same layer; with this tree's .venv it would
cost more, for boto3 loads cryptography and awscrt where the development tools brought them.

The first event of each is a real one that succeeds, of `events/`, with identifiers that were not
there before, so that what is written is an insert:

    ingest               an SQS batch of one Send
    track                a pixel: the signing keys, one write
    preferences          the page: the signing keys, one read
    fold_…               a batch of a few stream records
    dispatch             the job of a plan of one letter: S3, the log, the queue
    … a letter           the job of that letter, which a cold start meets only where more workers
                         are called in: the record, the log, the recipient's standing, the signing
                         keys, Jinja2, the text of its HTML, and a boto3 client of SES
    sweep                the schedule's event: nobody is due
    authorize            the first API key: two secrets
    api                  GET /v1/participants/{id}
    console              the sign-in page

The database is DynamoDB Local, the rest of AWS moto, made from the template. Measured is the
runtime's process, all threads, user and system, from its start to its first answer; not the
emulator, nor the servers. There is no TLS. They take turns, round after round, since a machine
drifts by more than what is measured here.

The heaviest imports come from starts of their own, with Python's `-X importtime`, up to the first
answer, so that what is imported late is in them. A module's own time counts once: for its package,
or, of the standard library's, for the package that asked for it first.

    python benchmarks/startup.py [--rounds 11] [--json FILE]

It needs Linux, Python 3.13, make, pip and a package index, Java and AWS's DynamoDB Local. The exit
status is 1 if a function costs more than half of the usual; of api, console and a letter nothing is
promised.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from heapq import nlargest
from importlib.metadata import files, requires
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.request import urlopen

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `benchmarks` and `local`

from benchmarks.common import ROOT, dynamodb_local, moto, ratio
from benchmarks.contenders import RuntimeProcess
from benchmarks.report import Claim, Report, Table
from local import aws
from local.mailboxes import OUTBOX
from local.paths import LAYER
from local.template import Function, Resources, load, parameters_here
from sendtrail.auth.signing_keys import SigningKeyRing
from sendtrail.auth.tokens import LinkTokens
from sendtrail.domain.events import Recipient

MOST: Final = 0.5
LETTER: Final = "dispatch, a letter"
HEAVY: Final = frozenset({"api", "console", LETTER})
"""A router, validation, PynamoDB; templates, HTML, boto3. Nobody waits for a letter."""
Json = dict[str, Any]
UNCOMPILED: Final = ("bare", "ingest", "track", "dispatch", "api")
PROFILED: Final = 3
"""Starts whose imports are timed."""
MIB: Final = 1 << 20


# --- the artefact ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Artefact:
    """What Lambda would have.

    Attributes:
        layer: its packages.
        uncompiled: the same without compiled files.
        client: AWS's runtime client for Python, which Lambda's own image brings.
    """

    layer: Path
    uncompiled: Path
    client: Path


def build(folder: Path) -> Artefact:
    """Builds it.

    Raises:
        SystemExit: it cannot be built here.
    """
    command = ["make", "--silent", "-C", str(LAYER), "build-SendtrailLayer"]
    layer, uncompiled, client = folder / "layer", folder / "uncompiled", folder / "client"
    options = [f"ARTIFACTS_DIR={layer}", f"PYTHON={sys.executable}"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the layer cannot be built here:\n{done.stdout}{done.stderr}")
    shutil.copytree(layer, uncompiled, ignore=shutil.ignore_patterns("__pycache__"))
    copy_distribution("awslambdaric", client)
    compile_all = [sys.executable, "-m", "compileall", "-q", str(client)]
    subprocess.run(compile_all, check=True)
    return Artefact(layer / "python", uncompiled / "python", client)


def copy_distribution(name: str, to: Path) -> None:
    """Copies an installed distribution, and those that it needs."""
    for file in files(name) or ():
        if ".." not in file.parts:
            target = to / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), target)
    for needed in requires(name) or ():
        if ";" not in needed:
            copy_distribution(re.split(r"[^\w.-]", needed, maxsplit=1)[0], to)


# --- what starts -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """A function, and what it is asked first.

    Attributes:
        event: of the start's number, which none had before.
        right: whether it was answered as it must be.
    """

    name: str
    function: Function
    event: Callable[[int], Json]
    right: Callable[[Any], bool]


def sample(name: str) -> Json:
    """A sample event."""
    event: Json = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    return event


def anew(name: str) -> Callable[[int], Json]:
    """What gives a sample event of other messages, people and mailings each time."""
    text = json.dumps(sample(name))

    def event(number: int) -> Json:
        found = re.sub(r"\b(01[0-9A-Z]{20})[0-9A-Z]{4}\b", rf"\g<1>{number:04}", text)
        found = re.sub(r"\b(member|newsletter)-", rf"\1-{number:04}-", found)
        made: Json = json.loads(found)
        return made

    return event


def get(name: str, path: str) -> Json:
    """A sample event of the HTTP API, for another path and without a session."""
    event = sample(name)
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event.pop("cookies", None)
    event.pop("queryStringParameters", None)
    event["rawQueryString"] = ""
    return event


class Here:
    """AWS as it is here: what the template makes, and what first events need of it."""

    def __init__(self, endpoints: aws.Endpoints, folder: Path) -> None:
        self.endpoints = endpoints
        self.resources: Resources = load(parameters_here("http://127.0.0.1:3000"))
        aws.build(self.resources, endpoints)
        self.functions = self.resources.functions()
        self._folder = folder

    def function(self, name: str) -> Function:
        """A function of the template, by its folder; its code alone in a folder of its own."""
        found = next(f for f in self.functions.values() if Path(f.code).name == name)
        code = self._folder / name
        code.mkdir(exist_ok=True)
        shutil.copy(Path(found.code) / "app.py", code)
        return replace(found, code=str(code))

    def beside(self, name: str) -> Function:
        """A handler of benchmarks/peers, with the variables of a function of the template."""
        code = self._folder / name
        code.mkdir()
        shutil.copy(ROOT / "benchmarks" / "peers" / f"{name}.py", code)
        ours = self.functions["IngestFunction"]
        return replace(ours, code=str(code), handler=f"{name}.handler")

    def secret(self, name: str) -> str:
        """A secret's text."""
        client = self.endpoints.client("secretsmanager")
        arn = self.resources.physical[name, ""]
        text: str = client.get_secret_value(SecretId=arn)["SecretString"]
        return text

    def sent(self) -> int:
        """How many mails SES has taken."""
        after = 0
        while True:
            with urlopen(f"{self.endpoints.aws}{OUTBOX}?after={after}") as answer:  # noqa: S310
                mails = json.load(answer)["mails"]
            if not mails:
                return after
            after = mails[-1]["number"]

    def plans(self, api: RuntimeProcess, number: int) -> Iterator[str]:
        """So many plans, each of one letter, that the API has taken."""
        event = sample("http-send-communication")
        del event["headers"]["idempotency-key"]
        queue = self.resources.physical["DispatchQueue", ""]
        sqs = self.endpoints.client("sqs")
        for _ in range(number):
            answer = json.loads(api.invoke(json.dumps(event).encode()))
            if answer.get("statusCode") != 202:
                raise api.fail(answer)
            (job,) = sqs.receive_message(QueueUrl=queue)["Messages"]
            yield json.loads(job["Body"])["plan"]


def starts(here: Here, plans: list[str]) -> list[Start]:
    """All that are measured.

    Args:
        plans: of one letter each; each is taken once. It may be filled later.
    """
    tokens = LinkTokens(SigningKeyRing(lambda: here.secret("SigningKeys")))
    key = json.loads(here.secret("FirstApiKey"))["key"]

    def pixel(number: int) -> Json:
        event = anew("http-open")(number)
        at = "2026-11-20T09:30:00.000Z"
        recipient = Recipient(f"01M7W4N5E0NPXWGFZZWQ4C{number:04}", "member-0042", "news")
        event["pathParameters"]["token"] = f"{tokens.open(recipient, at)}.gif"
        event["requestContext"]["requestId"] = f"{number:08}AAEJKig="
        return event

    def page(_number: int) -> Json:
        event = sample("http-preferences")
        reader = Recipient("01M7W4N5E0NPXWGFZZWQ4C0000", "member-0042", "news")
        event["pathParameters"]["token"] = tokens.unsubscribe(reader)
        return event

    def caller(_number: int) -> Json:
        event = sample("authorizer-request")
        event["headers"]["authorization"] = f"Bearer {key}"
        return event

    def job(letter: int | None) -> Callable[[int], Json]:
        event = sample("dispatch-jobs")
        record = event["Records"][0]

        def make(_number: int) -> Json:
            record["body"] = json.dumps({"plan": plans.pop(), "letter": letter})
            return {"Records": [record]}

        return make

    def answered(answer: Any) -> bool:
        return bool(answer["statusCode"] == 200)

    def taken(answer: Any) -> bool:
        return bool(answer["batchItemFailures"] == [])

    real: dict[str, tuple[Callable[[int], Json], Callable[[Any], bool]]] = {
        "ingest": (anew("sqs-send"), taken),
        "track": (pixel, answered),
        "preferences": (page, answered),
        "project_messages": (anew("stream-events-inserted"), taken),
        "project_participants": (anew("stream-events-inserted"), taken),
        "project_communications": (anew("stream-messages-changed"), taken),
        "dispatch": (job(None), taken),
        "sweep": (lambda _number: sample("schedule-sweep"), lambda found: found["count"] == 0),
        "authorize": (caller, lambda found: found["isAuthorized"]),
        "api": (lambda _: get("http-communication", "/v1/participants/member-0000-0007"), answered),
        "console": (lambda _: get("http-console", "/console/sign-in"), answered),
    }
    return [
        Start("bare", here.beside("echo"), lambda number: {"id": f"{number}"}, lambda a: "id" in a),
        Start("usual", here.beside("powertools"), lambda number: {"id": f"{number}"}, answered),
        *(Start(name, here.function(name), *each) for name, each in real.items()),
        Start(LETTER, here.function("dispatch"), job(0), taken),
    ]


# --- starting them ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What one start cost."""

    cpu_seconds: float
    peak_bytes: int


class Starter:
    """Starts functions, each in a new process, with an artefact or another."""

    def __init__(self, environment: Mapping[str, str], client: Path, folder: Path) -> None:
        self._environment = {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
        self._client = client
        self._folder = folder
        self._numbers = count()
        self._processes = count()
        self.starts: Counter[str] = Counter()

    def runtime(self, start: Start, packages: Path, **more: str) -> RuntimeProcess:
        """A process that is to be started, with the interpreter itself: a virtual environment would
        have packages of its own.
        """
        path = os.pathsep.join(map(str, (packages, self._client)))
        variables = self._environment | {"PYTHONPATH": path} | more
        name, python = f"{start.name}-{next(self._processes)}", str(Path(sys.executable).resolve())
        return RuntimeProcess(name, start.function, variables, self._folder, python)

    def first_answer(self, start: Start, runtime: RuntimeProcess) -> None:
        """Has a process start and answer.

        Raises:
            SystemExit: it did not answer as it must.
        """
        event = start.event(next(self._numbers))
        answer = json.loads(runtime.invoke(json.dumps(event).encode()))
        self.starts[start.name] += 1
        if "errorType" in answer or not start.right(answer):
            raise runtime.fail(answer)

    def cost(self, start: Start, packages: Path) -> Cost:
        """What a start costs."""
        runtime = self.runtime(start, packages)
        try:
            self.first_answer(start, runtime)
            return Cost(runtime.cpu_seconds(), runtime.peak_bytes())
        finally:
            runtime.stop()

    def imports(self, start: Start, packages: Path) -> dict[str, float]:
        """Seconds of importing, by package."""
        runtime = self.runtime(start, packages, PYTHONPROFILEIMPORTTIME="1")
        try:
            self.first_answer(start, runtime)
            return by_package(runtime.logged().splitlines())
        finally:
            runtime.stop()


_IMPORT: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|( +)(\S+)$")


def by_package(lines: Sequence[str]) -> dict[str, float]:
    """Seconds of importing, by package, of what `-X importtime` writes: each module after those
    that it imports, which are set in by two blanks more.
    """
    found: defaultdict[str, float] = defaultdict(float)
    asking: list[tuple[int, str]] = []
    for line in reversed(lines):
        match = _IMPORT.search(line)
        if not match:
            continue
        depth, package = len(match[2]), match[3].partition(".")[0]
        while asking and asking[-1][0] >= depth:
            asking.pop()
        if package in sys.stdlib_module_names:
            package = asking[-1][1] if asking else "Python itself"
        asking.append((depth, package))
        found[package] += int(match[1]) / 1e6
    return found


# --- the rounds ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What was measured, by function."""

    costs: dict[str, list[Cost]]
    uncompiled: dict[str, list[Cost]]
    imports: dict[str, dict[str, float]]
    wrong: list[str]

    def cpu(self, name: str) -> list[float]:
        """Seconds, round by round."""
        return [cost.cpu_seconds for cost in self.costs[name]]


@contextmanager
def servers() -> Iterator[aws.Endpoints]:
    """AWS, here."""
    with moto() as aws_url, dynamodb_local() as dynamodb_url:
        yield aws.Endpoints(aws_url, dynamodb_url)


def measure(rounds: int, folder: Path) -> Found:
    """Starts all of them, round after round; each once before anything counts."""
    artefact = build(folder)
    with servers() as endpoints:
        here = Here(endpoints, folder)
        plans: list[str] = []
        all_of_them = starts(here, plans)
        by_name = {start.name: start for start in all_of_them}
        starter = Starter(endpoints.environment(), artefact.client, folder)
        api = starter.runtime(by_name["api"], artefact.layer)
        try:
            plans.extend(here.plans(api, 3 * rounds + 2 * (PROFILED + 1)))
        finally:
            api.stop()
        # The first of all, so that there is somebody whom the API can show.
        starter.cost(by_name["project_participants"], artefact.layer)
        costs: dict[str, list[Cost]] = {start.name: [] for start in all_of_them}
        uncompiled: dict[str, list[Cost]] = {name: [] for name in UNCOMPILED}
        for number in range(rounds + 1):
            for start in all_of_them:
                cost = starter.cost(start, artefact.layer)
                if number:
                    costs[start.name].append(cost)
                if number and start.name in UNCOMPILED:
                    uncompiled[start.name].append(starter.cost(start, artefact.uncompiled))
        imports: dict[str, dict[str, float]] = {}
        for start in all_of_them:
            found = [starter.imports(start, artefact.layer) for _ in range(PROFILED)]
            packages = {package for each in found for package in each}
            imports[start.name] = {
                package: median(each.get(package, 0.0) for each in found) for package in packages
            }
        sent, letters = here.sent(), starter.starts[LETTER]
        wrong = [] if sent == letters else [f"dispatch was given {letters} letters, and SES {sent}"]
    return Found(costs, uncompiled, imports, wrong)


# --- what it shows ---------------------------------------------------------------------------


def to_report(found: Found, rounds: int) -> Report:
    """The tables, and what is claimed."""
    usual_cpu, bare_cpu = found.cpu("usual"), found.cpu("bare")
    rows = []
    for name, costs in found.costs.items():
        cpu = found.cpu(name)
        rows.append(
            (
                name,
                1e3 * median(cpu),
                1e3 * min(cpu),
                1e3 * max(cpu),
                median(ratio(cpu, bare_cpu)),
                median(ratio(cpu, usual_cpu)),
                median(cost.peak_bytes for cost in costs) / MIB,
            )
        )
    report = Report(
        "Start-up of every function",
        "Processor time and peak memory from the start of the runtime's process to its first "
        f"answer, {rounds} rounds, interleaved. `bare` returns its event; `usual` is Powertools "
        "with a boto3 client and one PutItem. All of them have the layer as `sam build` makes it.",
    )
    columns = ("", "CPU, ms", "least", "most", "× bare", "× usual", "peak MiB")
    report.tables.append(Table("Up to the first answer", columns, rows))
    report.tables.append(_imports(found))
    report.tables.append(_uncompiled(found))
    for name in found.costs:
        if name not in ("bare", "usual"):
            most = None if name in HEAVY else MOST
            figures = ratio(found.cpu(name), usual_cpu)
            report.claims.append(Claim.of(f"{name} / usual, CPU", figures, at_most=most))
    report.wrong.extend(found.wrong)
    return report


def _imports(found: Found) -> Table:
    runtime = {"Python itself", "awslambdaric", "app", "simplejson", "snapshot_restore_py"}
    rows = []
    for name, packages in found.imports.items():
        total = sum(packages.values())
        others = [(seconds, name) for name, seconds in packages.items() if name not in runtime]
        cells = [f"{name} {seconds / total:.0%}" for seconds, name in nlargest(3, others)]
        rows.append((name, 1e3 * total, *cells, *[None] * (3 - len(cells))))
    return Table(
        "The three heaviest imports",
        ("", "all imports, ms", "first", "second", "third"),
        rows,
        ["By the clock. Each with what it was the first to ask for of the standard library."],
    )


def _uncompiled(found: Found) -> Table:
    rows = []
    for name, costs in found.uncompiled.items():
        without = [cost.cpu_seconds for cost in costs]
        times = median(ratio(without, found.cpu(name)))
        rows.append((name, 1e3 * median(found.cpu(name)), 1e3 * median(without), times))
    return Table(
        "What compiling the layer where it is built saves, CPU, ms",
        ("", "compiled", "not compiled", "× compiled"),
        rows,
    )


def main() -> int:
    """Runs the benchmark; the process's exit status."""
    parser = argparse.ArgumentParser(description="CPU and memory of cold starts")
    parser.add_argument("--rounds", type=int, default=11, help="that count (11)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write it as JSON too")
    options = parser.parse_args()
    if platform.python_version_tuple()[:2] != ("3", "13"):
        raise SystemExit("the layer is for Python 3.13, and this is another")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses metrics of its own
    with tempfile.TemporaryDirectory(prefix="sendtrail-benchmark-") as folder:
        found = measure(options.rounds, Path(folder))
    return to_report(found, options.rounds).finish(options.json)


if __name__ == "__main__":
    sys.exit(main())
