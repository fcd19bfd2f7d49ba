"""What a cold start costs: CPU of every function up to its first answer.

Beside ours start `bare`, which returns its event, and `usual`: Powertools' Logger and Metrics and a
boto3 client that writes one item, less than any of ours does. Each runs as on Lambda, with the
layer as `sam build` makes it, calls AWS over TLS, and is asked something real that no start was
asked before.

    python -m benchmarks.startup [FUNCTION …] [--against PATH] [--rounds 11] [--into FILE]

`--against`: the functions of another checkout start in turns with these, from a layer of their own.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import files, requires
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.contenders import PEERS, RuntimeProcess
from benchmarks.harness import (
    Here,
    Json,
    main,
    options,
    over_tls,
    ratio,
    sample,
    servers,
    sqs_event,
    turns,
)
from benchmarks.report import Claim, Report, Table
from benchmarks.tls_proxy import make_certificate
from local.aws import Endpoints
from local.paths import ROOT
from local.template import Function, parameters_here

MOST: Final = 0.65
"""Of the usual."""
MAX_OF_BEFORE: Final = 1.02
"""Of the other checkout's; the rest is noise."""
LETTER: Final = "dispatch, a letter"
HEAVY: Final = frozenset({"api", "console", LETTER})
"""A router, validation, PynamoDB; templates, HTML, boto3. Nobody waits for a letter."""
UNCOMPILED: Final = ("ingest", "api")
OWN: Final = frozenset({"dispatch", LETTER})
"""Those whose events are of this tree's own making."""
NUMBERS: Final = count(1)
"""Of starts, for identifiers that were not there before."""
TOKENS: Final = """
import sys
from sendtrail.auth.signing_keys import SigningKeyRing
from sendtrail.auth.tokens import LinkTokens
from sendtrail.domain.events import Recipient

secret, message_id = sys.argv[1:]
tokens = LinkTokens(SigningKeyRing(lambda: secret))
recipient = Recipient(message_id, "member-0042", "news")
print(tokens.open(recipient, "2026-11-20T09:30:00.000Z"), tokens.unsubscribe(recipient))
"""
"""Prints a message's tokens, for the pixel and for the preferences page, as its tree makes them."""


@dataclass(frozen=True)
class Start:
    """A function, and what it is asked first.

    Attributes:
        event: of the start's number, which none had before.
        right: whether it was answered as it must be.
        packages: all that it can import.
    """

    name: str
    function: Function
    event: Callable[[int], Json]
    right: Callable[[Any], bool]
    packages: Sequence[Path]
    environment: dict[str, str]

    def process(self, folder: Path) -> RuntimeProcess:
        """A process that is to be started, with the interpreter itself: a virtual environment would
        have packages of its own.
        """
        variables = {
            **self.environment,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, self.packages)),
        }
        python = str(Path(sys.executable).resolve())
        return RuntimeProcess(self.name, self.function, variables, folder, python)

    def cost(self, _round: int, folder: Path, numbers: Iterator[int]) -> float:
        """What a start costs."""
        event, process = self.event(next(numbers)), self.process(folder)
        try:
            return process.seconds([event], lambda _, answer: self.right(answer))
        finally:
            process.stop()


def answered(answer: Any) -> bool:
    """Whether an HTTP request was."""
    return bool(answer["statusCode"] == 200)


def taken(answer: Any) -> bool:
    """Whether all of a batch was."""
    return bool(answer["batchItemFailures"] == [])


class Tree:
    """A checkout: its artefact, AWS as its template makes it, and what starts in it."""

    def __init__(self, root: Path, folder: Path, client: Path, stack: ExitStack) -> None:
        """Builds all of it.

        Args:
            client: AWS's runtime client for Python, which Lambda's own image brings.
            stack: ends what this starts.

        Raises:
            SystemExit: the layer cannot be built here.
        """
        folder.mkdir()
        self._root, self._folder, self._client, self._stack = root, folder, client, stack
        command = ["make", "-C", str(root / "layers/sendtrail"), "build-SendtrailLayer"]
        command += [f"ARTIFACTS_DIR={folder / 'layer'}", f"PYTHON={sys.executable}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the layer cannot be built here:\n{done.stdout}{done.stderr}")
        self._layer, self.uncompiled = folder / "layer/python", folder / "uncompiled"
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(self._layer, self.uncompiled, ignore=without)
        parameters = parameters_here("http://127.0.0.1:3000")
        self._here = Here.built(stack.enter_context(servers()), parameters, root)
        self._environment = self._over_tls()
        self._mails = 0

    def starts(self) -> Iterator[tuple[str, Start]]:
        """All that are measured."""
        participant = self._get("http-communication", "/v1/participants/member-0000-0007")
        api = self._start("api", participant, answered)
        project = self._start("project", self._anew("stream-trails-changed"), taken)
        project.cost(0, self._folder, iter([0]))  # so that there is somebody whom the API can show
        taker = api.process(self._folder)
        self._stack.callback(taker.stop)
        letter = self._start("dispatch", partial(self._job, taker, 0), self._sent)
        found = [
            self._peer("echo", "bare", lambda answer: "id" in answer),
            self._peer("powertools", "usual", answered),
            self._start("ingest", self._anew("sqs-send"), taken),
            self._start("track", self._pixel, answered),
            self._start("preferences", self._page, answered),
            project,
            self._start("dispatch", partial(self._job, taker, None), taken),
            self._start("sweep", self._get("schedule-sweep"), lambda found: found["count"] == 0),
            self._start("authorize", self._caller, lambda found: bool(found["isAuthorized"])),
            api,
            self._start("console", self._get("http-console", "/console/sign-in"), answered),
            replace(letter, name=LETTER),
        ]
        return ((start.name, start) for start in found)

    def _start(
        self, name: str, event: Callable[[int], Json], right: Callable[[Any], bool]
    ) -> Start:
        """A function of the template, by its folder; its app.py alone in a folder of its own."""
        functions = self._here.resources.functions().values()
        found = next(each for each in functions if Path(each.code).name == name)
        return self._with(name, replace(found, code=f"{found.code}/app.py"), event, right)

    def _peer(self, module: str, name: str, right: Callable[[Any], bool]) -> Start:
        """A handler of benchmarks/peers, with the variables of a function of the template."""
        ours, handler = self._here.resources.functions()["IngestFunction"], f"{module}.handler"
        function = replace(ours, code=str(PEERS / f"{module}.py"), handler=handler)
        return self._with(name, function, lambda number: {"id": f"{number}"}, right)

    def _with(
        self,
        name: str,
        function: Function,
        event: Callable[[int], Json],
        right: Callable[[Any], bool],
    ) -> Start:
        code = self._folder / name
        code.mkdir(exist_ok=True)
        shutil.copy(function.code, code)
        function = replace(function, code=str(code))
        packages = (self._layer, self._client)
        return Start(name, function, event, right, packages, self._environment)

    def _over_tls(self) -> dict[str, str]:
        """The variables that lead a function to AWS over TLS, and say whom it trusts: the first is
        OpenSSL's, the other boto3's, which otherwise reads a file of its own that is as long.
        """
        certificate, trusted = make_certificate(self._folder)
        urls = self._here.endpoints.aws, self._here.endpoints.dynamodb
        proxies = (self._stack.enter_context(over_tls(url, certificate)) for url in urls)
        whom = {"SSL_CERT_FILE": str(trusted), "AWS_CA_BUNDLE": str(trusted)}
        return Endpoints(*proxies).environment() | whom

    # --- first events ------------------------------------------------------------------------

    def _anew(self, name: str) -> Callable[[int], Json]:
        """What gives a sample event of other messages, people and mailings each time."""
        text = json.dumps(sample(name, self._root))

        def event(number: int) -> Json:
            found = re.sub(r"\b(01[0-9A-Z]{20})[0-9A-Z]{4}\b", rf"\g<1>{number:04}", text)
            found = re.sub(r"\b(member|newsletter)-", rf"\1-{number:04}-", found)
            made: Json = json.loads(found)
            return made

        return event

    def _get(self, name: str, path: str | None = None) -> Callable[[int], Json]:
        """What gives a sample event; of the HTTP API, for a path and without a session."""
        event = sample(name, self._root)
        if path:
            event["rawPath"] = event["requestContext"]["http"]["path"] = path
            event["rawQueryString"] = ""
            for each in ("cookies", "queryStringParameters"):
                event.pop(each, None)
        return lambda _: event

    def _pixel(self, number: int) -> Json:
        event = self._anew("http-open")(number)
        token, _ = self._tokens(f"01M7W4N5E0NPXWGFZZWQ4C{number:04}")
        event["pathParameters"]["token"] = f"{token}.gif"
        event["requestContext"]["requestId"] = f"{number:08}AAEJKig="
        return event

    def _page(self, _number: int) -> Json:
        event = sample("http-preferences", self._root)
        _, event["pathParameters"]["token"] = self._tokens("01M7W4N5E0NPXWGFZZWQ4C0000")
        return event

    def _tokens(self, message_id: str) -> list[str]:
        """A message's tokens, made by the code of this tree's layer."""
        command = [sys.executable, "-c", TOKENS, self._here.secret("SigningKeys"), message_id]
        variables = os.environ | {"PYTHONPATH": str(self._layer)}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
        return done.stdout.split()

    def _caller(self, _number: int) -> Json:
        event = sample("authorizer-request", self._root)
        key = json.loads(self._here.secret("FirstApiKey"))["key"]
        event["headers"]["authorization"] = f"Bearer {key}"
        return event

    def _job(self, api: RuntimeProcess, first: int | None, _number: int) -> Json:
        """A job of a new plan of one letter, which the API has taken."""
        draft = sample("http-send-communication")
        del draft["headers"]["idempotency-key"]
        self._here.received("DispatchQueue")
        api.seconds([draft], lambda _, answer: bool(answer["statusCode"] == 202))
        (body,) = self._here.received("DispatchQueue")
        return sqs_event([json.dumps(json.loads(body) | {"first": first, "count": 1})])

    def _sent(self, answer: Any) -> bool:
        """Whether a letter was: SES has another mail."""
        new = len(self._here.mails(self._mails))
        self._mails += new
        return taken(answer) and new == 1


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


def chosen(
    stack: ExitStack, folder: Path, names: Sequence[str], against: Path | None
) -> Iterator[Start]:
    """What starts, of this tree and of the other."""
    client = folder / "client"
    copy_distribution("awslambdaric", client)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(client)], check=True)
    wanted = {"bare", "usual", *names}
    tree = Tree(ROOT, folder / "ours", client, stack)
    for name, start in tree.starts():
        if not names or name in wanted:
            yield start
        if not names and not against and name in UNCOMPILED:
            packages = (tree.uncompiled, client)
            yield replace(start, name=f"{name}, not compiled", packages=packages)
    if against:
        for name, start in Tree(against.resolve(), folder / "other", client, stack).starts():
            if (not names or name in wanted) and name not in OWN | {"bare", "usual"}:
                yield replace(start, name=f"{name}, before")


def measure(rounds: int, names: Sequence[str], against: Path | None) -> dict[str, list[float]]:
    """Starts all of them, round after round; each once before anything counts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contenders = {
            start.name: partial(start.cost, folder=folder, numbers=NUMBERS)
            for start in chosen(stack, folder, names, against)
        }
        return turns(contenders, range(rounds + 1), skip=1)


def report(rounds: int, names: Sequence[str], against: Path | None) -> Report:
    """What was found."""
    if platform.python_version_tuple()[:2] != ("3", "13"):
        raise SystemExit("the layer is for Python 3.13, and this is another")
    cpu = measure(rounds, names, against)
    result = Report(
        "Start-up of every function",
        "Processor time from the start of the runtime's process to its first "
        f"answer, {rounds} rounds, interleaved. `bare` returns its event; `usual` is Powertools "
        "with a boto3 client and one PutItem. All of them have the layer as `sam build` makes it, "
        "and call AWS over TLS, trusting as many CAs as a system does.",
    )
    rows = [
        (
            name,
            *(1e3 * figure(seconds) for figure in (median, min, max)),
            median(ratio(seconds, cpu["bare"])),
            median(ratio(seconds, cpu["usual"])),
        )
        for name, seconds in cpu.items()
    ]
    columns = ("", "CPU, ms", "least", "most", "× bare", "× usual")
    result.tables.append(Table("Up to the first answer", columns, rows))
    for name, seconds in cpu.items():
        function, _, other = name.rpartition(", ")
        if other == "not compiled":
            what = f"{name} / as `sam build` makes it, CPU"
            result.claims.append(Claim(what, ratio(seconds, cpu[function])))
        elif other == "before":
            ratios = ratio(cpu[function], seconds)
            what = f"{function} / before, CPU"
            result.claims.append(Claim(what, ratios, at_most=MAX_OF_BEFORE))
        elif name not in ("bare", "usual"):
            most = None if name in HEAVY else MOST
            what = f"{name} / usual, CPU"
            result.claims.append(Claim(what, ratio(seconds, cpu["usual"]), at_most=most))
    return result


def parser() -> ArgumentParser:
    """The options."""
    found = options(__doc__, rounds=11)
    found.add_argument("names", metavar="FUNCTION", nargs="*", help="only these; all, if none")
    found.add_argument("--against", type=Path, metavar="PATH", help="another checkout, in turns")
    return found


if __name__ == "__main__":
    main(report, parser())
