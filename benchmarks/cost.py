"""What a million emails cost on AWS: an honest load through the functions' own code, counted.

The load (`benchmarks/load.py`) is once sent by Sendtrail and recorded, with its own pixel and
links, and once recorded alone, as SES tells of mail that something else sends. Requests, units, log
and bytes are counted in memory by AWS's rules (`memory_aws.py`); batches and the time of calls are
modelled (`simulation.py`). In the end the figures that the API answers must be what was done. A
mailing of 2,000 a month fills few batches; more mail costs less a message. The first mailing's
events also go to AWS's sample (a put for each), and to a put and a transaction for each: a row of
counters takes no more than some 100 a second, which flatters them.

    python -m benchmarks.cost [--messages 20000] [--tree PATH] [--docs] [--into FILE]

What is measured comes from a template, so PATH may be a checkout of another time: by the same
program and load, it stands beside this one. --docs puts what was found into docs/cost.md and
README.md.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import PEERS
from benchmarks.harness import Json, http_event, main, options, sample, sqs_event
from benchmarks.load import MAILINGS, START, Happening, Load, Member, draft, event_of
from benchmarks.memory_aws import MemoryAws, addressed
from benchmarks.memory_dynamodb import Table as MemoryTable
from benchmarks.memory_dynamodb import size_of
from benchmarks.prices import INFREQUENT, OTHERS, PRICES, charged, dollars_by_line
from benchmarks.report import Claim, Report, Table
from benchmarks.simulation import POLLERS, Clock, Lambda, Process, Usage
from benchmarks.units import logical_name
from local import aws
from local.notifications import Mail, sns_envelope
from local.paths import ROOT
from local.template import Function, Resources, load
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import from_epoch_ms

PUBLIC_URL: Final = "https://mail.example"
PARAMETERS: Final = {"PublicUrl": PUBLIC_URL, "MaxRecipients": "1000"}
AT_ONCE: Final = 1_000
"""Recipients of a mailing that are posted together."""
PER_ITEM: Final = 100
"""Bytes that DynamoDB adds to each item that it stores, in the table and in each index."""
LONG_POLL: Final = 20
"""Seconds that a poller of Lambda waits for an idle queue."""
DAYS_A_MONTH: Final = 30.4
BEFORE: Final = "before: "
"""How the names of another checkout's runs begin."""
THREE_YEARS: Final = 1_096.0
"""Days after which what is kept for good is looked at."""
PASSING: Final = 60.0
"""What lives for fewer days is not counted as kept."""
VOLUMES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
PEER_TABLES: Final = {
    "TRAILS_TABLE": ("trail", "entry"),
    "MESSAGES_TABLE": ("participant_id", "message_id"),
    "COMMUNICATIONS_TABLE": ("communication_id", "part"),
}
"""The tables of the two peers; that of messages has an index, to list a mailing's recipients."""


@dataclass(frozen=True, slots=True)
class Took:
    """What was taken for so many messages.

    Attributes:
        usage: by function.
        besides: quantities that no function asks for.
        stored: GB-months, as `Run` says.
        events: what SES published, and what readers did.
        wrong: what the figures say otherwise than what was done.
    """

    messages: int
    usage: Mapping[str, Usage]
    besides: Mapping[str, float]
    architecture: str
    stored: Mapping[tuple[str, str], float] = field(default_factory=dict)
    events: int = 0
    wrong: Sequence[str] = ()

    @property
    def lines(self) -> dict[str, float]:
        """Dollars for a million messages, by line; without what is kept, and is paid at rest."""
        quantities: Counter[str] = Counter()
        quantities.update(self.besides)
        for usage in self.usage.values():
            for (_, _, kind), units in usage.cost.units.items():
                quantities[f"dynamodb {kind} unit"] += units
            quantities["lambda call"] += usage.calls
            gb_seconds: Any = usage.seconds * usage.memory / 1024
            quantities[f"lambda GB-second {self.architecture}"] += gb_seconds
            quantities["log GB"] += usage.log_bytes / 1e9  # type: ignore[assignment]
            for name, number in usage.requests.items():
                if name in _PAID_AS:
                    quantities[_PAID_AS[name]] += number
        return dollars_by_line(quantities, self.messages)

    @property
    def dollars(self) -> float:
        """All of them together."""
        return sum(self.lines.values())

    def units(self, kind: str) -> float:
        """For each message, of `read` or `write`."""
        each = (usage.cost.units.items() for usage in self.usage.values())
        return (
            sum(units for found in each for key, units in found if key[2] == kind) / self.messages
        )

    def kept(self, table: str = "") -> float:
        """Bytes of each message, in one table or in all."""
        sizes = (
            size
            for (name, price), size in self.stored.items()
            if price in ("table GB-month", "bucket GB-month") and table in ("", name)
        )
        return 1e9 * sum(sizes) / self.messages

    def keeping(self, which: str = "") -> float:
        """Dollars a month for a million messages that are kept; ``all ``: each month a million, for
        three years.
        """
        return sum(
            1e6 * PRICES[price.removeprefix("all ")].usd * size / self.messages
            for (_, price), size in self.stored.items()
            if price.startswith("all ") == bool(which)
        )

    @property
    def infrequent(self) -> tuple[float, float]:
        """By how many dollars more a million messages, and less their three years, would cost if
        the table of trails were of the class for infrequent access.
        """
        units = (
            number * PRICES[f"dynamodb {kind} unit"].usd
            for usage in self.usage.values()
            for (table, _, kind), number in usage.cost.units.items()
            if table == "Trails"
        )
        kept = self.stored.get(("Trails", "all table GB-month"), 0.0)
        saved = kept * PRICES["table GB-month"].usd * (1 - INFREQUENT["table GB-month"])
        return (
            1e6 * sum(units) * (INFREQUENT["unit"] - 1) / self.messages,
            1e6 * saved / self.messages,
        )

    @property
    def cpu(self) -> float:
        """Milliseconds of processor time here for each event that SES published, all functions."""
        return 1e3 * sum(usage.cpu for usage in self.usage.values()) / max(1, self.events)


_PAID_AS: Final = {
    "sqs:SendMessage": "sqs request",
    "sqs:SendMessageBatch": "sqs request",
    "sqs:ChangeMessageVisibility": "sqs request",
    "s3:PUT": "s3 put",
    "s3:GET": "s3 get",
}
"""Secrets are read once an hour and process, however much is sent."""


# --- a run -----------------------------------------------------------------------------------


class Run:
    """The load through one checkout's functions."""

    def __init__(self, root: Path, messages: int, memory: MemoryAws, resources: Resources) -> None:
        self.load = Load(messages)
        self._resources, self._memory = resources, memory
        self.lambdas = Lambda(resources, memory, Clock(), root)
        self.clock = self.lambdas.clock
        self._rate = float(resources.parameters["SendRate"])
        self._members: dict[str, tuple[int, Member]] = {}
        self._communications: list[str] = []
        self._http = 0
        self.publish: Callable[[Json, float], object] = lambda event, at: self.clock.at(
            at, partial(self.lambdas.publish, json.dumps(event))
        )

    def recorded(self) -> Took:
        """Recorded alone."""
        for mailing in range(MAILINGS):
            self.clock.at(self.load.mailing(mailing)[0], partial(self.send_elsewhere, mailing))
        return self._took()

    def sent(self) -> Took:
        """Sent, and recorded."""
        self.lambdas.took_mail = self._answer
        for mailing in range(MAILINGS):
            self.clock.at(self.load.mailing(mailing)[0], partial(self._post, mailing))
        return self._took()

    # --- what is sent, and by what ---

    def send_elsewhere(self, mailing: int, start: float) -> None:
        """Something else sends a mailing."""
        _, members = self.load.mailing(mailing)
        self._communications.append(f"newsletter-{mailing}")
        for number, member in enumerate(members):
            sent = start + number / self._rate
            tags = {
                "message_id": new_message_id(_time(sent)),
                "participant_id": member.participant_id,
                "communication_id": f"newsletter-{mailing}",
                "kind": "newsletter",
            }
            ses_id = f"0102019a1b2c3d4e-{mailing:04x}-{number:012x}-000000"
            mail = Mail(ses_id, _time(sent), [member.address], "News for Ada", tags=tags)
            self.publish(mail.send(), sent + 1)
            for happening in self.load.fate(mailing, member):
                at = sent + happening.after
                self.publish(event_of(mail, happening, at), at)

    def _post(self, mailing: int, at: float) -> None:
        _, members = self.load.mailing(mailing)
        self._members = {each.address: (mailing, each) for each in members}
        for first in range(0, len(members), AT_ONCE):
            event = sample("http-send-communication")
            event["headers"]["idempotency-key"] = f"{mailing}-{first}"
            event["requestContext"]["timeEpoch"] = int(at * 1000)
            event["body"] = json.dumps(draft(mailing, members[first : first + AT_ONCE]))
            self._http += 1
            answer, _ = self.lambdas.call("ApiFunction", event, at)
            if answer["statusCode"] != 202:
                raise SystemExit(f"the API answered {answer}")
            self._communications.append(json.loads(answer["body"])["communication_id"])

    def _answer(self, taken: Json, at: float) -> None:
        """What becomes of a mail that SES took."""
        mailing, member = self._members[addressed(taken)]
        content = taken["Content"]["Simple"]
        headers = [(header["Name"], header["Value"]) for header in content["Headers"]]
        mail = Mail(
            taken["MessageId"],
            _time(at),
            [member.address],
            content["Subject"]["Data"],
            tags={tag["Name"]: tag["Value"] for tag in taken["EmailTags"]},
            headers=headers,
            configuration_set=taken["ConfigurationSetName"],
        )
        self.publish(mail.send(), at + 1)
        html = content["Body"]["Html"]["Data"]
        (pixel,), links = re.findall(r"/o/([^\"]+)", html), re.findall(r"/c/([^\"]+)", html)
        leave = re.findall(r"/u/([^>]+)", dict(headers)["List-Unsubscribe"])[0]
        for happening in self.load.fate(mailing, member):
            when = at + happening.after
            if happening.kind in ("open", "click"):
                token = pixel if happening.kind == "open" else links[happening.link]
                self.clock.at(when, partial(self._hit, happening, token))
            elif happening.kind == "unsubscribe":
                self.clock.at(when, partial(self._leave, leave))
            else:
                self.publish(event_of(mail, happening, when), when)

    def _hit(self, happening: Happening, token: str, at: float) -> None:
        self._http += 1
        request = f"request-{self._http:09}="
        event = http_event(happening.kind, token, request, happening.ip, int(at * 1000))
        event["headers"]["user-agent"] = happening.agent
        self.lambdas.call("TrackFunction", event, at)

    def _leave(self, token: str, at: float) -> None:
        self._http += 1
        event = sample("http-preferences-one-click")
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/u/{token}"
        event["pathParameters"]["token"] = token
        event["requestContext"] |= {"timeEpoch": int(at * 1000), "requestId": f"r-{self._http:09}="}
        self.lambdas.call("PreferencesFunction", event, at)

    # --- what it took ---

    def _took(self) -> Took:
        try:
            self.clock.run()
            usage = {
                name: each for name, each in deepcopy(self.lambdas.usage).items() if each.calls
            }
            besides = {
                "sns publish": self.lambdas.published,
                "sqs request": self.lambdas.polls,
                "http request": self._http,
            }
            wrong = list(self._wrong())
        finally:
            self.lambdas.stop()
        return Took(
            messages=self.load.done["sent"],
            usage=usage,
            besides=besides,
            architecture=self._resources.parameters["Architecture"],
            stored=self._stored(),
            events=self.lambdas.published + self._http,
            wrong=wrong,
        )

    def _wrong(self) -> Iterator[str]:
        """Which figures are not what was done."""
        found: Counter[str] = Counter()
        for communication_id in self._communications:
            event = sample("http-communication")
            path = f"/v1/communications/{communication_id}"
            event["rawPath"] = event["requestContext"]["http"]["path"] = path
            answer, _ = self.lambdas.call("ApiFunction", event, START + 400 * 24 * 3600)
            figures = json.loads(answer["body"])
            found.update({name: figures[name] for name in self.load.done})
        for name, number in self.load.done.items():
            if found[name] != number:
                yield f"{name}: the figures say {found[name]}, and {number} were done"

    def _stored(self) -> Counter[tuple[str, str]]:
        """GB-months of each table's items, with its indexes, and of plans, by prices: of one month
        of those that live for 60 days, and with ``all `` before it, of three years of all.
        """
        found: Any = Counter()  # whose counts are not whole here

        def add(name: str, price: str, size: float, days: float) -> None:
            found[name, f"all {price}"] += size / 1e9 * min(days, THREE_YEARS) / DAYS_A_MONTH
            found[name, price] += size / 1e9 if days >= PASSING else 0

        for name, table in self._memory.database.tables.items():
            for key, item in table.views[""].items.items():
                expires = item.get(table.until or "")
                days = (float(expires["N"]) - table.born[key]) / 86_400 if expires else THREE_YEARS
                held = filter(None, (view.projection(item) for view in table.views.values()))
                sizes = [size_of(each) + PER_ITEM for each in held]
                add(logical_name(name), "table GB-month", sum(sizes), days)
                add(logical_name(name), "backup GB-month", sizes[0] * table.backed_up, days)
        rules = self._resources.of_type("AWS::S3::Bucket")["PlansBucket"]["LifecycleConfiguration"]
        expiry = next(rule for rule in rules["Rules"] if "ExpirationInDays" in rule)
        days = float(self._resources.resolve(expiry["ExpirationInDays"]))
        add("plans", "bucket GB-month", sum(map(len, self._memory.objects.values())), days)
        return found  # type: ignore[no-any-return]


def _time(at: float) -> str:
    return from_epoch_ms(int(at * 1000))


def run(root: Path, messages: int, mode: str) -> Took:
    """The load through a checkout's functions: ``sent`` or ``recorded``."""
    resources = load(PARAMETERS, root)
    with MemoryAws(resources) as memory:
        took: Took = getattr(Run(root, messages, memory, resources), mode)()
    return took


def peer(handler: str, messages: int) -> Took:
    """The first mailing, recorded by a handler of `benchmarks/peers`."""
    resources, usage = load(), Usage(512)
    with MemoryAws(resources) as memory:
        for table, keys in PEER_TABLES.items():
            schema: Json = {"KeySchema": [{"AttributeName": key} for key in keys]}
            index: Json = schema | {"IndexName": "by_communication"}
            index["KeySchema"] = [{"AttributeName": "communication_id"}, *schema["KeySchema"][1:]]
            index["Projection"] = {"ProjectionType": "KEYS_ONLY"}
            listed = {"GlobalSecondaryIndexes": [index]} if table == "MESSAGES_TABLE" else {}
            memory.database.tables[table] = MemoryTable(schema | listed, table)
        function = Function(
            handler, str(PEERS), handler, 30, 512, {name: name for name in PEER_TABLES}
        )
        environment = aws.credentials() | {"AWS_ENDPOINT_URL": memory.url}
        process = Process(function, Path(), environment)
        honest = Run(ROOT, messages, memory, resources)
        said: list[str] = []
        honest.publish = lambda event, _: said.append(json.dumps(event))
        honest.send_elsewhere(0, START)
        alone = handler == "naive.ingest"
        size = 1 if alone else 10
        for first in range(0, len(said), size):
            part = said[first : first + size]
            event: Json = sqs_event(part)
            if alone:
                event = {"Records": [{"EventSource": "aws:sns", "Sns": sns_envelope(part[0])}]}
            usage.add(process.call(event, START), memory.spent(), len(part))
        process.stop()
    besides = {"sns publish": len(said)}
    if not alone:
        besides["sqs request"] = len(said) + 2 * -(-len(said) // size)
    sent = honest.load.done["sent"]
    return Took(
        sent, {handler: usage}, besides, resources.parameters["Architecture"], events=len(said)
    )


# --- what it shows ---------------------------------------------------------------------------


def lines_table(columns: Mapping[str, Took]) -> Table:
    """Dollars by line."""
    found = [each.lines for each in columns.values()]
    names = sorted(
        {name for each in found for name in each}, key=lambda name: -found[0].get(name, 0)
    )
    rows: list[Any] = [[name, *(each.get(name, 0.0) for each in found)] for name in names]
    rows.append(["sum", *(each.dollars for each in columns.values())])
    rows += [
        [f"{kind} units, each message", *(each.units(kind) for each in columns.values())]
        for kind in ("write", "read")
    ]
    rows.append(["bytes kept, each message", *(each.kept() or None for each in columns.values())])
    a_month = [each.keeping() or None for each in columns.values()]
    rows.append(["a million kept, a month", *a_month])
    rows.append(["CPU here, an event, ms", *(each.cpu for each in columns.values())])
    return Table("A million messages, in dollars", ["", *columns], rows)


def tables_table(columns: Mapping[str, Took]) -> Table:
    """What each table took."""
    units: Any = Counter()
    names = set()
    for column, took in columns.items():
        names |= {name for name, _ in took.stored}
        for usage in took.usage.values():
            for (table, index, kind), number in usage.cost.units.items():
                name = f"{table}, {index}" if index else table
                units[column, name, kind] += number / took.messages
                names.add(name)
    rows: list[Any] = []
    for name in sorted(names):
        row: list[Any] = [name]
        for column, took in columns.items():
            row += [units[column, name, "write"], units[column, name, "read"]]
            row.append(took.kept(name) or None)
        rows.append(row)
    heads = [f"{what}, {name}" for name in columns for what in ("written", "read", "bytes")]
    title = "By table, each message: units written and read, and bytes kept, with indexes"
    return Table(title, ["table", *heads], rows)


def functions_table(took: Took, title: str) -> Table:
    """What each function took."""
    columns = ["function", "MiB", "calls a message", "records a call", "CPU here a call, ms"]
    columns += ["time a call, ms", "GB-s a million", "requests a message", "log a call, bytes"]
    rows = [
        [
            name.removesuffix("Function"),
            usage.memory,
            usage.calls / took.messages,
            usage.records / usage.calls,
            1e3 * usage.cpu / usage.calls,
            1e3 * usage.seconds / usage.calls,
            1e6 * usage.seconds * usage.memory / 1024 / took.messages,
            (usage.cost.requests + usage.requests.total()) / took.messages,
            usage.log_bytes / usage.calls,
        ]
        for name, usage in took.usage.items()
    ]
    return Table(title, columns, rows)


def at_rest(resources: Resources) -> dict[str, float]:
    """Dollars a month when nothing is sent."""
    secrets = len(resources.of_type("AWS::SecretsManager::Secret"))
    alarms = len(resources.of_type("AWS::CloudWatch::Alarm"))
    mappings = resources.of_type("AWS::Lambda::EventSourceMapping").values()
    queues = sum("Queue" in json.dumps(each["EventSourceArn"]) for each in mappings)
    polls_a_month = queues * POLLERS * 30 * 24 * 3600 / LONG_POLL
    return {
        f"{secrets} secrets": secrets * PRICES["secret"].usd,
        f"{alarms} alarms": alarms * PRICES["alarm"].usd,
        f"{queues} queues, polled": polls_a_month * PRICES["sqs request"].usd,
    }


def month_tables(sent: Took, recorded: Took, resources: Resources) -> Iterator[Table]:
    """What a month costs: when nothing is sent, by how much is, and elsewhere."""
    rest = at_rest(resources)
    counted = sum(len(usage.metrics) for usage in sent.usage.values())
    metrics, fixed = counted * PRICES["metric"].usd, sum(rest.values())
    rows: list[Any] = [*rest.items(), ("sum", fixed)]
    rows.append((f"and {counted} metrics, at most, in a month with mail", metrics))
    yield Table("A month in which nothing is sent, in dollars", ["for", "dollars"], rows)
    rows, compared = [], []
    for volume in VOLUMES:
        moved = [each.dollars * volume / 1e6 for each in (sent, recorded)]
        kept = [each.keeping("all ") * volume / 1e6 for each in (sent, recorded)]
        alone = fixed + metrics + moved[1] + kept[1]
        total = fixed + metrics + moved[0] + kept[0]
        rows.append(
            [f"{volume:,}", fixed + metrics, moved[0], kept[0], total, 1e3 * total / volume]
        )
        more, less = sent.infrequent
        rows[-1] += [alone, total + (more - less) * volume / 1e6]
        ses = [PRICES[name].usd * volume for name in ("mail, à la carte", "mail, Essentials")]
        insights = PRICES["message insights"].usd * volume
        others = [charged(plans, volume) for plans in OTHERS.values()]
        compared.append([f"{volume:,}", *ses, insights, *(total + each for each in ses), *others])
    columns = ["messages a month", "at rest, and metrics", "sending and recording", "kept"]
    columns += ["sum", "a thousand messages", "sum, recording alone"]
    columns.append("sum, infrequent access")
    yield Table("A month, in dollars, without SES, with three years' trails", columns, rows)
    columns = ["messages a month", "SES, old accounts", "SES, new accounts", "VDM's insights"]
    columns += ["old SES and Sendtrail", "new SES and Sendtrail", *OTHERS]
    yield Table("A month, in dollars, with SES, and elsewhere", columns, compared)


def all_tables(columns: Mapping[str, Took]) -> list[Table]:
    """What each run took, and what a month costs by the first two of this checkout."""
    measured = {name: took for name, took in columns.items() if took.stored}
    return [
        lines_table(columns),
        tables_table(measured),
        *(functions_table(took, f"By function, {name}") for name, took in measured.items()),
        *month_tables(columns["sent and recorded"], columns["recorded"], load()),
    ]


def measure(messages: int, tree: Path | None, *, docs: bool) -> Report:
    """The load in both modes, through each checkout; and by the peers."""
    roots = {"": ROOT} | ({BEFORE: tree.resolve()} if tree else {})
    with ProcessPoolExecutor(2) as two:
        modes = {"sent and recorded": "sent", "recorded": "recorded"}
        runs = {
            f"{before}{name}": two.submit(run, root, messages, mode)
            for name, mode in modes.items()  # each by both at once: the machine drifts
            for before, root in roots.items()
        }
        runs["AWS's sample, recorded"] = two.submit(peer, "naive.ingest", messages)
        runs["put and transaction, recorded"] = two.submit(
            peer, "recorders.put_and_transaction", messages
        )
        columns = {name: each.result() for name, each in runs.items()}
    sent, recorded = columns["sent and recorded"], columns["recorded"]
    *_, plain, transaction = columns.values()
    claims = [
        Claim(
            "recorded: ours / put and transaction",
            [recorded.dollars / transaction.dollars],
            at_most=1.0,
        ),
        Claim("recorded: ours / sample", [recorded.dollars / plain.dollars]),
        Claim("a million messages sent and recorded", [sent.dollars], "$"),
        Claim("a million messages recorded", [recorded.dollars], "$"),
    ]
    tables = all_tables(columns)
    about = (
        f"{sent.messages:,} messages, sent and recorded, and recorded alone; counted, and priced "
        "by list prices of eu-west-1 (`benchmarks/prices.py`), without free tiers. Time on Lambda "
        "is modelled from processor time here."
    )
    wrong = [f"{name}: {each}" for name, took in columns.items() for each in took.wrong]
    if docs:
        ours = {name: took for name, took in columns.items() if not name.startswith(BEFORE)}
        write_down(all_tables(ours), recorded, plain, transaction)
    return Report("What it costs on AWS", about, claims, tables, wrong)


def write_down(tables: Sequence[Table], recorded: Took, plain: Took, transaction: Took) -> None:
    """Puts each table in the place of that of its title in docs/cost.md, and sums into README."""
    page = ROOT / "docs/cost.md"
    text = page.read_text("utf-8")
    for table in tables:
        place = re.compile(rf"### {re.escape(table.title)}\n\n(\|.*\n)+")
        text = place.sub(str(table).replace("\\", "\\\\") + "\n", text)
    page.write_text(text, "utf-8")
    row = (
        f"| AWS for a million emails recorded, without SES: $ | {recorded.dollars:.3g} | "
        f"{plain.dollars:.3g}, and no figures | | {transaction.dollars:.3g}: a put and a "
        "transaction for each event |"
    )
    readme = ROOT / "README.md"
    found = re.sub(r"(?m)^\| AWS for a million emails recorded.*$", row, readme.read_text("utf-8"))
    readme.write_text(found, "utf-8")


if __name__ == "__main__":
    arguments = options(__doc__, messages=20_000)
    arguments.add_argument("--tree", type=Path, help="another checkout, to stand beside this one")
    arguments.add_argument("--docs", action="store_true", help="write docs/cost.md and README.md")
    main(measure, arguments)
