"""Whether a person or a machine opened a mail or followed a link: how often each judge is right.

The corpus, tests/data/engagement.jsonl, is what may happen to one mail, a line each:

    {"case": …, "source": the public report, document or list that it is written from,
     "ours": whether our own pixel and links saw it, else SES, "links": how many the mail has,
     "sent_at": …, "hits": [{"type": "Open" or "Click", "at_seconds": after sending, "agent": …,
       "ip": …, "link": …, "request": "head" or "prefetch", "is_bot_event": SES's word,
       "by": "person" or "machine", which is the truth; and where we are known to be wrong,
       "ours_says": …, "why": …}]}

It is written, not sampled: its shares compare judges, and do not tell how often mail is scanned.
Side by side are our rules, those we had before, and a list of names alone. Then the names alone,
on two published lists: of robots, and of agents that browsers have sent.

    python -m benchmarks.engagement [--corpus FILE] [--into FILE]
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from importlib.util import find_spec
from multiprocessing import Pool
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

from crawleruseragents import CRAWLER_USER_AGENTS_DATA, is_crawler

from benchmarks.harness import main, options
from benchmarks.report import Claim, Report, Table
from local.paths import ROOT
from sendtrail.domain.clients import address_kept
from sendtrail.domain.events import Event, EventType, Recipient, Source
from sendtrail.domain.hits import BOT, LINKS, REQUEST, sent_at_of
from sendtrail.domain.judgement import verdicts
from sendtrail.domain.times import epoch_ms, from_epoch_ms

CORPUS: Final = ROOT / "tests/data/engagement.jsonl"
PERSON: Final = "person"
MACHINE: Final = "machine"
_WHO: Final = Recipient("01M7W4N5E0RGT3RMXS0SBSX2F6", "member-1", "news")
_SENT: Final = "2026-11-20T09:30:00.000Z"


# --- the corpus ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """An open or a click of the corpus.

    Attributes:
        by: who did it, in truth.
        ours_says: who did it, as we are known to say; most often the same.
    """

    event: Event
    by: str
    ours_says: str
    why: str


@dataclass(frozen=True, slots=True)
class Case:
    """What happened to one mail."""

    name: str
    hits: Sequence[Hit]

    @property
    def events(self) -> list[Event]:
        """The hits, as the log has them."""
        return [hit.event for hit in self.hits]


def cases(corpus: Path = CORPUS) -> list[Case]:
    """The corpus."""
    lines = corpus.read_text("utf-8").splitlines()
    return [_case(json.loads(line)) for line in lines]


def _case(line: Mapping[str, Any]) -> Case:
    hits = [
        Hit(
            _event(line, hit, number),
            hit["by"],
            hit.get("ours_says", hit["by"]),
            hit.get("why", ""),
        )
        for number, hit in enumerate(line["hits"])
    ]
    return Case(line["case"], hits)


def _event(line: Mapping[str, Any], hit: Mapping[str, Any], number: int) -> Event:
    """A hit as the product keeps it. SES does not tell how many links a mail has, and what SES saw
    was sent when its event says.
    """
    kind, sent_at = EventType(hit["type"]), line["sent_at"]
    at = from_epoch_ms(epoch_ms(sent_at) + round(hit["at_seconds"] * 1000))
    found = {
        "user_agent": hit["agent"],
        "link": hit.get("link"),
        REQUEST: hit.get("request"),
        BOT: hit.get("is_bot_event"),
        **address_kept(hit["ip"], whole=False),
    }
    detail = {name: value for name, value in found.items() if value}
    if line["ours"]:
        detail |= {"sent_at": sent_at} | ({LINKS: line["links"]} if "link" in detail else {})
    event = Event.of_request(kind, _WHO, at, f"{line['case']} {number}", detail)
    return event if line["ours"] else replace(event, source=Source.SES, sent_at=sent_at)


# --- judges ----------------------------------------------------------------------------------


def ours(hits: Sequence[Event]) -> dict[str, bool]:
    """Which hits of a mail are a machine's, by their keys."""
    return {key: not verdict.is_human for key, verdict in verdicts(hits).items()}


def before(hits: Sequence[Event]) -> dict[str, bool]:
    """The same by the rules of the release before, frozen here: each hit by itself, by its time and
    its name.
    """
    return {hit.key: _before(hit) for hit in hits}


def _before(hit: Event) -> bool:
    agent = _agent_of(hit).strip()[:1_024]
    if epoch_ms(hit.at) - epoch_ms(sent_at_of(hit)) < 5_000 or not agent:
        return True
    if re.search(r"GoogleImageProxy|YahooMailProxy", agent, re.IGNORECASE):
        return False
    return _MACHINES_BEFORE.search(agent) is not None


_MACHINES_BEFORE: Final = re.compile(
    r"^Mozilla/5\.0$|"
    r"Barracuda|Mimecast|Proofpoint|urldefense|FireEye|Forcepoint|IronPort|Sophos|Trend ?Micro|"
    r"Symantec|MessageLabs|BitDefender|Kaspersky|Fortinet|Fortiguard|Zscaler|Cloudmark|"
    r"Check ?Point|CUDA ?Mail|SafeLinks|Microsoft-?ATP|Cisco ?Umbrella|Hornetsecurity|"
    r"Vade ?Secure|Virus ?Total|Netcraft|PhishTank|\bESET\b|scann?er|"
    r"BingPreview|Slackbot|Slack-ImgProxy|facebookexternalhit|Facebot|Twitterbot|LinkedInBot|"
    r"WhatsApp|TelegramBot|Discordbot|SkypeUriPreview|MicrosoftPreview|Iframely|Embedly|"
    r"redditbot|Pinterestbot|Line-?Preview|Google-PageRenderer|Chrome-Lighthouse|"
    r"Applebot|link-?preview|url-?preview|unfurl|"
    r"\bbot\b|bot/|robot|crawl|spider|slurp|headless|phantomjs|puppeteer|playwright|selenium|"
    r"^curl/|^wget/|python-requests|python-urllib|python-httpx|aiohttp|^Java/|Apache-HttpClient|"
    r"^axios/|^node-fetch|^undici|^Go-http-client|libwww-perl|^Ruby|^PHP/|"
    r"^http_get|monitor(ing)?\b|uptime|pingdom",
    re.IGNORECASE,
)


def names(hits: Sequence[Event]) -> dict[str, bool]:
    """The same by the list crawler-user-agents alone."""
    return {hit.key: bool(is_crawler(_agent_of(hit))) for hit in hits}


def _agent_of(hit: Event) -> str:
    return str(hit.detail.get("user_agent") or "")


Judge = Callable[[Sequence[Event]], dict[str, bool]]
JUDGES: Final[Mapping[str, Judge]] = {"ours": ours, "before": before, "names alone": names}


# --- how often they are right ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Right:
    """How often a judge is right, over all hits.

    Attributes:
        counts: who did it and who was said to have done it → how many hits.
    """

    counts: Mapping[tuple[str, str], int]

    def precision(self, who: str) -> float:
        """Of the hits that are said to be theirs, how many are."""
        return self.counts[who, who] / sum(self.counts[by, who] for by in (PERSON, MACHINE))

    def recall(self, who: str) -> float:
        """Of their hits, how many are said to be."""
        return self.counts[who, who] / sum(self.counts[who, said] for said in (PERSON, MACHINE))


def said_of(judge: Judge, case: Case) -> list[str]:
    """Who did each hit of a case, as a judge says."""
    machines = judge(case.events)
    return [MACHINE if machines[hit.event.key] else PERSON for hit in case.hits]


def right(judge: Judge, corpus: Sequence[Case]) -> Right:
    """How often a judge is right on the corpus."""
    pairs = [
        (hit.by, said)
        for case in corpus
        for hit, said in zip(case.hits, said_of(judge, case), strict=True)
    ]
    return Right(Counter(pairs))


def _wrong(corpus: Sequence[Case]) -> Iterator[tuple[str, str, int, str]]:
    """What ours gets wrong: the case, who it was, how many hits, and why."""
    for case in corpus:
        said = said_of(ours, case)
        found = [hit for hit, it in zip(case.hits, said, strict=True) if hit.by != it]
        if found:
            yield case.name, found[0].by, len(found), found[0].why


# --- published lists -------------------------------------------------------------------------


_ROBOT: Final = re.compile(
    r"://|www\.|@|\.(com|org)/|bot\b|bot[/ _-]?v?\d|crawl|spider|headless|phantom|selenium|preview|"
    r"monitor|lighthouse|\bscan\b|scann?(er|ing)|appengine|nutch|wget|python|ruby|\bjava/|winhttp",
    re.IGNORECASE,
)
"""What says of itself that no person sits before it: an address to complain to, a word for a robot,
or a library."""
_PHONE: Final = re.compile(r"\(Linux;[^()]*Android[^()]*\)")
"""A phone's model, where such words tell nothing."""


def _robots() -> list[str]:
    """The instances of crawler-user-agents."""
    return [each for entry in CRAWLER_USER_AGENTS_DATA for each in entry.get("instances", ())]


def _of_2018() -> list[str]:
    """The browsers of random-user-agent: 326,133 user agents that web sites have seen, until 2018.
    What that list itself takes for no browser is left out.
    """
    archive = files("random_user_agent") / "data/user_agents.zip"
    with archive.open("rb") as file, ZipFile(file) as data:
        rows = [json.loads(line) for line in data.read("user_agents.jl").splitlines()]
    return [row["user_agent"] for row in rows if row["software_type"].startswith("browser")]


def _of_2025() -> list[str]:
    """Those of fake-useragent: few, but of 2025."""
    lines = (files("fake_useragent") / "data/browsers.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["useragent"] for line in lines]


BROWSERS: Final = {"random_user_agent": _of_2018, "fake_useragent": _of_2025}
"""Lists of what browsers have sent, by their packages."""


def is_robot_by_any_reading(agent: str) -> bool:
    """Whether an entry of a list of browsers is a robot, so that it tells nothing about people."""
    return _ROBOT.search(_PHONE.sub("", agent)) is not None


def _judged(judge: str, agent: str) -> bool:
    """Whether a judge calls an open by an agent a machine's, an hour after sending."""
    detail = {"sent_at": _SENT, "user_agent": agent}
    at = from_epoch_ms(epoch_ms(_SENT) + 3_600_000)
    hit = Event.of_request(EventType.OPEN, _WHO, at, "1", detail)
    return JUDGES[judge]([hit])[hit.key]


def machines_among(agents: Sequence[str], judge: str) -> list[str]:
    """Those of some agents whose opens a judge calls a machine's."""
    with Pool() as pool:
        said = pool.map(partial(_judged, judge), agents, chunksize=500)
    return [agent for agent, machine in zip(agents, said, strict=True) if machine]


def _pattern(agent: str) -> str:
    """By which of the list's patterns an agent is a robot's; empty if by none."""
    patterns = (entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA)
    return next((each for each in patterns if re.search(each, agent)), "")


# --- the report ------------------------------------------------------------------------------


def measure(corpus: Path) -> Report:
    """What was found."""
    found = cases(corpus)
    hits = sum(len(case.hits) for case in found)
    scores = {name: right(judge, found) for name, judge in JUDGES.items()}
    missing = {package for package in BROWSERS if find_spec(package) is None}
    report = Report(
        "Whether a person or a machine opened or clicked",
        f"{len(found)} cases, written from public reports, documents and lists, with {hits} hits "
        "(`tests/data/engagement.jsonl`), also such as no rule can tell. Their shares compare "
        "judges; they do not tell how often mail is scanned."
        + "".join(f" Not installed, so not measured: {package}." for package in sorted(missing)),
        tables=[
            Table("Precision and recall, in %", _COLUMNS, [_row(*each) for each in scores.items()]),
            Table(
                "Hits, by who did them and who is said to have",
                ["", *(f"{by}'s, said {said}" for by, said in _PAIRS)],
                [(name, *(each.counts[pair] for pair in _PAIRS)) for name, each in scores.items()],
            ),
            Table("Where ours is wrong", ["case", "by", "hits", "why"], list(_wrong(found))),
        ],
    )
    _add_robots(report)
    for package in sorted(BROWSERS.keys() - missing):
        _add_browsers(report, package, list(dict.fromkeys(BROWSERS[package]())))
    return report


_COLUMNS: Final = ("", "machine: precision", "recall", "person: precision", "recall")
_PAIRS: Final = [(by, said) for by in (MACHINE, PERSON) for said in (MACHINE, PERSON)]


def _row(name: str, score: Right) -> tuple[str, float, float, float, float]:
    both = [100 * f(who) for who in (MACHINE, PERSON) for f in (score.precision, score.recall)]
    return name, both[0], both[1], both[2], both[3]


def _add_robots(report: Report) -> None:
    robots = _robots()
    for judge in JUDGES:
        missed = len(robots) - len(machines_among(robots, judge))
        promised = 5 if judge == "ours" else None
        what = f"robots of crawler-user-agents, {len(robots):,}: taken for people by {judge}"
        report.claims.append(Claim(what, [100 * missed / len(robots)], "%", promised))


def _add_browsers(report: Report, package: str, listed: Sequence[str]) -> None:
    agents = [agent for agent in listed if not is_robot_by_any_reading(agent)]
    for judge, promised in (("ours", 1), ("before", None)):
        wrong = machines_among(agents, judge)
        what = f"browsers of {package}, {len(agents):,}: taken for machines by {judge}"
        share = 10_000 * len(wrong) / len(agents)
        report.claims.append(Claim(what, [share], "of 10,000", promised))
        if judge == "ours" and wrong:
            report.tables.append(_by_pattern(package, wrong, len(listed) - len(agents)))


def _by_pattern(package: str, wrong: Sequence[str], aside: int) -> Table:
    patterns = {agent: _pattern(agent) or "one of our own" for agent in wrong}
    counted = Counter(patterns.values()).most_common()
    first = {pattern: agent for agent, pattern in reversed(patterns.items())}
    rows = [
        (f"`{pattern.replace('|', '/')}`", number, f"`{first[pattern][:120].replace('|', '/')}`")
        for pattern, number in counted
    ]
    note = (
        f"Put aside are {aside:,} entries that are robots by any reading: with an address to "
        "complain to, a word for a robot, or a library, outside of a phone's model."
    )
    return Table(
        f"Browsers of {package} that ours takes for machines",
        ["pattern", "number", "such as"],
        rows,
        [note],
    )


if __name__ == "__main__":
    arguments = options(__doc__)
    arguments.add_argument("--corpus", type=Path, default=CORPUS)
    main(measure, arguments)
