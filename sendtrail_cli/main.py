"""The command line of `sendtrail`."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from sendtrail import __version__
from sendtrail.auth.api_keys import Scope
from sendtrail.auth.key_secret import end_of_day
from sendtrail.domain.days import Day
from sendtrail.domain.times import Timestamp, parse
from sendtrail.errors import InvalidInputError, SendtrailError
from sendtrail.rights.erasing import ErasureState
from sendtrail_cli.doctor.command import as_json, chosen, examine, is_well, line
from sendtrail_cli.doctor.findings import Context, Finding
from sendtrail_cli.doctor.round_trip import PATIENCE_SECONDS
from sendtrail_cli.exporting.export import export
from sendtrail_cli.exporting.part_files import FileFormat
from sendtrail_cli.exporting.put_back import put_back_export
from sendtrail_cli.importing.command import REPORT, WORKERS, Options, import_events
from sendtrail_cli.importing.formats import Format
from sendtrail_cli.importing.told import Naming
from sendtrail_cli.keys import Ring, list_keys, make_key, remove_key, rotate_keys
from sendtrail_cli.move import move, source_of
from sendtrail_cli.queues import DeadLetters, purge_projections, redrive
from sendtrail_cli.rebuild import WAIT_SECONDS, rebuild
from sendtrail_cli.recover import recover
from sendtrail_cli.restore import Table, restore
from sendtrail_cli.rights import erase, erasure_lines, erasure_of, person, who_is
from sendtrail_cli.target import Target

__all__ = ["main", "parser"]

_OWN_EXPORT: Final = "sendtrail"
"""What is imported as `sendtrail export` wrote it."""
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        the exit status: 0 if it was done, 1 if not, 2 if it was called wrongly.

    Raises:
        SystemExit: with 2, what argparse itself finds wrong.
    """
    options = parser().parse_args(arguments)
    try:
        target = None if getattr(options, "url", None) else Target.of(options.aws)
        status: int | None = options.run(target, options)
    except InvalidInputError as error:
        print(f"sendtrail: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sendtrail: interrupted; it can be done again", file=sys.stderr)
        return 1
    except (SendtrailError, BotoCoreError, ClientError, OSError) as error:
        print(f"sendtrail: {error}", file=sys.stderr)
        return 1
    return status or 0


def parser() -> argparse.ArgumentParser:
    """The parser of all commands, from which docs/commands.md is generated."""
    top = argparse.ArgumentParser(
        prog="sendtrail",
        description="Operates a Sendtrail stack: the local one of this folder, or with --aws STACK "
        "one in AWS, by your own credentials.",
        epilog="Exit status: 0 if it was done, 1 if not, 2 if it was called wrongly.",
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", title="commands")
    _add_key(commands)
    _add_redrive(commands)
    _add_recover(commands)
    _add_restore(commands)
    _add_move(commands)
    _add_import(commands)
    _add_rebuild(commands)
    _add_export(commands)
    _add_person(commands)
    _add_erase(commands)
    _add_doctor(commands)
    _add_mcp(commands)
    return top


def _add_key(commands: _Commands) -> None:
    key = commands.add_parser(
        "key",
        help="make, list and remove API keys; rotate those that sign",
        description="API keys: who may call the private routes and sign in to the console. And the "
        "keys by which links and sessions are signed.",
    )
    keys = key.add_subparsers(required=True, metavar="COMMAND", title="commands")
    make = _command(
        keys,
        "make",
        "make an API key, and print it once",
        "Makes an API key and prints it. Only its hash is kept, so this is the only time to note "
        "it. It works within a minute.",
    )
    make.add_argument("scope", choices=[scope.value for scope in Scope], help="what it may do")
    make.add_argument("--name", default="", help="whose it is, as lists, pages and logs name it")
    make.add_argument(
        "--expires",
        metavar="DAY",
        type=_day,
        help="the last day, of UTC, on which it works, such as 2027-01-31; without it, it does "
        "not expire",
    )
    make.set_defaults(run=_make_key)
    _command(
        keys,
        "list",
        "list the API keys",
        "Lists id, scope, time of making, when it expires, and name of each key that was made by "
        "`key make`, or in the console.",
    ).set_defaults(run=_list_keys)
    remove = _command(
        keys,
        "remove",
        "remove an API key",
        "Removes a key. It stops working within two minutes, and its sessions end.",
    )
    remove.add_argument("id", help="as `sendtrail key list` shows it")
    remove.set_defaults(run=_remove_key)
    rotate = _command(
        keys,
        "rotate",
        "add a key that signs links, or sessions",
        "Adds a key to those by which links in mail, or sessions of the console, are signed. It "
        "signs two minutes later, and the others go on verifying what they signed.",
    )
    rotate.add_argument("ring", choices=[ring.value for ring in Ring], help="what is signed")
    rotate.add_argument(
        "--retire",
        action="store_true",
        help="instead, remove all keys but the one that signs: what they signed is void within a "
        "minute, be it a link to unsubscribe; for keys that have leaked",
    )
    rotate.set_defaults(run=_rotate_keys)


def _add_redrive(commands: _Commands) -> None:
    redriving = _command(
        commands,
        "redrive",
        "bring back what is in the dead-letter queues",
        "Moves what is in the dead-letter queues of ingest, dispatch, sweep and erase back into "
        "the queues that it came from, and says what is in that of the projections. What is "
        "delivered twice has the effect of once; what comes back meanwhile stays.",
    )
    redriving.add_argument(
        "--queue",
        choices=[each.value for each in DeadLetters],
        help="only what this one could not do",
    )
    what = redriving.add_mutually_exclusive_group()
    what.add_argument(
        "--dry-run",
        action="store_true",
        help="move nothing; say how many there are, and of what kind the first few are",
    )
    what.add_argument(
        "--purge",
        choices=["projections"],
        help="instead, empty this queue; after a rebuild, which mends what is in it",
    )
    redriving.set_defaults(run=_redrive)


def _add_recover(commands: _Commands) -> None:
    recovery = _command(
        commands,
        "recover",
        "bring back events that a function could keep only in its log",
        "Sends to the hits queue the events that the public routes could write neither to the "
        "log nor to the queue, and left in a line of their function's log. To do it again changes "
        "nothing.",
    )
    recovery.add_argument(
        "files",
        metavar="FILE",
        type=Path,
        nargs="*",
        help="logs as CloudWatch exports them, also .gz; if none, the stack's own logs",
    )
    recovery.add_argument(
        "--since",
        metavar="TIME",
        type=_time,
        help="what was logged from then on, such as 2026-11-20T09:30Z; of a stack in AWS",
    )
    recovery.set_defaults(run=_recover)


def _add_restore(commands: _Commands) -> None:
    restoring = _command(
        commands,
        "restore",
        "put what a table has lost back from a backup",
        "Puts what the live table lacks of a copy back into it, while events arrive; what is there "
        "stays. DynamoDB restores only into new tables, so a copy is one that it has restored, or "
        "restores now. The copy is not deleted. To do it again changes nothing.",
    )
    restoring.add_argument(
        "table", choices=[table.value for table in Table], help="which table has lost something"
    )
    copies = restoring.add_mutually_exclusive_group(required=True)
    copies.add_argument("--from", dest="copy", metavar="COPY", help="a table that was restored")
    copies.add_argument(
        "--to-time",
        metavar="TIME",
        type=_time,
        help="restore one as of this time, of the last 35 days, such as 2026-11-20T09:30Z",
    )
    copies.add_argument("--backup", metavar="ARN", help="restore one from this backup")
    restoring.set_defaults(run=_restore)


def _add_move(commands: _Commands) -> None:
    moving = _command(
        commands,
        "move",
        "copy what cannot be made anew from another stack",
        "Copies the log, participants, suppressions, templates, what staff did, plans and claims "
        "of another stack, or of what one has left, into this one, and has links verify that were "
        "signed there. Nothing is taken from there. To do it again changes nothing.",
    )
    moving.add_argument(
        "--from",
        dest="source",
        metavar="STACK",
        help="the CloudFormation stack to move from: its name; or its ARN, for 90 days after it "
        "was deleted",
    )
    moving.add_argument("--from-region", metavar="REGION", help="where that is, if elsewhere")
    moving.add_argument(
        "--from-profile", metavar="PROFILE", help="by whose credentials it is read, if others"
    )
    moving.add_argument(
        "--table",
        dest="tables",
        metavar="TABLE=NAME",
        action="append",
        type=_named_table,
        default=[],
        help="a table by its name, such as trails=NAME: one that was left behind, or restored; may "
        "be repeated",
    )
    moving.add_argument("--plans", metavar="BUCKET", help="the bucket of plans, by its name")
    moving.add_argument(
        "--signing-keys", metavar="SECRET", help="the secret of the signing keys, by its name"
    )
    moving.add_argument(
        "--erasures", metavar="TABLE", help="the table of who was erased, by its name"
    )
    moving.add_argument(
        "--erasure-key", metavar="SECRET", help="the secret by which that is read, by its name"
    )
    moving.set_defaults(run=_move)


def _add_import(commands: _Commands) -> None:
    importing = _command(
        commands,
        "import",
        "bring in archives of SES's events, or other services' exports",
        "Reads archives of SES's events, or exports of other services, and appends what they tell "
        "to the log. To do it again changes nothing, and what was broken off goes on where it was, "
        "by a state beside the report. Exit status: 0 if all was understood, 1 if "
        "not, 2 if it was called wrongly. docs/importing.md says what each format is.",
    )
    importing.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="files, folders, or s3://BUCKET/PREFIX; JSON or CSV, also compressed by gzip",
    )
    importing.add_argument(
        "--from",
        dest="format",
        choices=[*(each.value for each in Format), _OWN_EXPORT],
        required=True,
        help="whose they are; csv: a table with columns of ours; sendtrail: what "
        "`sendtrail export` wrote, of which the log and suppressions get what they lack",
    )
    importing.add_argument(
        "--participant-field",
        metavar="NAME",
        help="the tag, metadata, custom argument, variable or column that has a participant's id; "
        "without it, mail is of whoever has the address",
    )
    importing.add_argument(
        "--communication-field",
        metavar="NAME",
        help="the same for the mailing: also `category` (SendGrid), `tag` (Postmark, Mailgun) or "
        "`campaign` (Mailgun); without it, mail is of no mailing",
    )
    importing.add_argument(
        "--dry-run", action="store_true", help="write no event; say what would be imported"
    )
    importing.add_argument(
        "--report",
        metavar="FILE",
        type=Path,
        default=REPORT,
        help="where to put records that are not understood, a line of JSON each, with the reason; "
        "mended, and under another name, it can be imported itself (%(default)s)",
    )
    importing.add_argument(
        "--workers",
        metavar="NUMBER",
        type=int,
        default=WORKERS,
        help="how many write at the same time, each over up to 8 connections (%(default)s)",
    )
    importing.set_defaults(run=_import)


def _add_rebuild(commands: _Commands) -> None:
    rebuilding = _command(
        commands,
        "rebuild",
        "make messages, participants and communications anew from the log",
        "Makes the projections anew from the log, while events arrive and mail is sent. Figures "
        "climb from nothing meanwhile.",
    )
    rebuilding.add_argument(
        "--continue",
        dest="resume",
        action="store_true",
        help="go on with the latest rebuild, which was broken off",
    )
    rebuilding.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=WAIT_SECONDS,
        help="until `project` has read of it (%(default).0f: twice as long as it may take)",
    )
    rebuilding.set_defaults(run=_rebuild)


def _add_export(commands: _Commands) -> None:
    exporting = _command(
        commands,
        "export",
        "write messages, events, mailings and suppressions as files",
        "Writes messages and events, by day, mailings with their figures, and suppressions as "
        "files that DuckDB, Athena and others read, and brings them up to date when it is done "
        "again: days in which nothing has changed are left as they are. What it wrote can be put "
        "back.",
    )
    exporting.add_argument(
        "--to",
        metavar="PLACE",
        required=True,
        help="a folder, or s3://BUCKET/PREFIX; empty, or with an earlier export",
    )
    exporting.add_argument(
        "--format",
        dest="file_format",
        choices=[each.value for each in FileFormat],
        default=FileFormat.PARQUET.value,
        help="%(default)s if not given; jsonl and csv are compressed by gzip",
    )
    exporting.add_argument(
        "--since",
        metavar="DAY",
        type=_first_day,
        help="leave days before this one, such as 2026-11-01, as they are there, or are not",
    )
    exporting.add_argument(
        "--keep-expired",
        action="store_true",
        help="leave days older than RetentionDays as they are there, though the log forgets them",
    )
    exporting.set_defaults(run=_export)


def _add_person(commands: _Commands) -> None:
    telling = _command(
        commands,
        "person",
        "write all that is kept of a participant, for them to have",
        "Writes all that is kept of a participant as JSON: profile, addresses, suppressions, each "
        "message with all its events and what was merged into it, and what staff did to them. That "
        "it was asked for is among what staff did. At an address that others have too, what is "
        "theirs may be in it.",
    )
    telling.add_argument("participant", help="their id")
    telling.add_argument(
        "--to",
        metavar="FILE",
        type=Path,
        help="where to, readable by its owner alone; without it, to standard output",
    )
    telling.set_defaults(run=_person)


def _add_erase(commands: _Commands) -> None:
    erasing = _command(
        commands,
        "erase",
        "erase a participant, but for figures",
        "Deletes what tells of a participant wherever it is kept; their messages stay under a "
        "pseudonym of nobody, and all figures as they are. Everything is gone through once, which "
        "may take minutes; the function goes through it again each quarter of an hour, until "
        "nothing more is found, and also goes on if this is interrupted. What was found is told by "
        "the erasure's id. It cannot be undone. Exit status: 0 if it is under way or done; with "
        "--status, 0 if it is done, and 1 if not.",
    )
    who = erasing.add_mutually_exclusive_group(required=True)
    who.add_argument("participant", nargs="?", help="their id")
    who.add_argument(
        "--status", metavar="ERASURE", help="instead, tell how far the erasure of this id is"
    )
    erasing.add_argument(
        "--yes", action="store_true", help="do not ask for the id to be written again"
    )
    erasing.set_defaults(run=_erase)


def _add_doctor(commands: _Commands) -> None:
    doctor = _command(
        commands,
        "doctor",
        "look for what makes the stack fail, and say what to do",
        "Looks at the account, the sender's domain, the path of events, queues, alarms, keys and "
        "tables; says of each what is wrong, and what to do. What it may not look at is unknown, "
        "and the rest goes on. Exit status: 0 if nothing is wrong, 1 if something is, 2 "
        "if it was called wrongly.",
    )
    doctor.add_argument(
        "--round-trip",
        action="store_true",
        help="also send mail to SES's mailbox simulator, and wait until its delivery, bounce and "
        "complaint are in the history; makes an API key for itself, and removes it",
    )
    doctor.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=PATIENCE_SECONDS,
        help="how long the round trip may take (%(default).0f)",
    )
    doctor.add_argument(
        "--cost",
        action="store_true",
        help="also ask Cost Explorer what the last seven days cost, which costs $0.01",
    )
    doctor.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="this check alone; repeatable"
    )
    doctor.add_argument(
        "--strict", action="store_true", help="what could not be looked at is wrong, too"
    )
    doctor.add_argument("--json", action="store_true", help="print JSON, for scripts")
    doctor.set_defaults(run=_doctor)


def _add_mcp(commands: _Commands) -> None:
    serving = commands.add_parser(
        "mcp",
        help="let a language model look things up, by the Model Context Protocol",
        description="Serves the Model Context Protocol on standard input and output, for a client "
        "that starts it: tools that read the API, and change nothing. The API key, of scope read "
        "and no more, is in the environment variable SENDTRAIL_API_KEY.",
    )
    where = serving.add_mutually_exclusive_group()
    where.add_argument(
        "--aws", metavar="STACK", help="the CloudFormation stack of that name, not the local one"
    )
    where.add_argument(
        "--url",
        metavar="URL",
        help="instead, the API at this URL, such as https://mail.example.org: needs no "
        "credentials of AWS",
    )
    serving.set_defaults(run=_mcp)


def _command(
    commands: _Commands,
    name: str,
    summary: str,
    description: str,
) -> argparse.ArgumentParser:
    """A command that works on a target."""
    made = commands.add_parser(name, help=summary, description=description)
    made.add_argument(
        "--aws", metavar="STACK", help="the CloudFormation stack of that name, not the local one"
    )
    return made


def _seconds(text: str) -> float:
    """Seconds on the command line."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError
    return value


_seconds.__name__ = "number of seconds"  # as argparse's message names it


def _day(text: str) -> Timestamp:
    """A day on the command line; the end of it."""
    return end_of_day(text)


_day.__name__ = "day, such as 2027-01-31"


def _first_day(text: str) -> Day:
    """A day on the command line; the day itself."""
    return date.fromisoformat(text).isoformat()


_first_day.__name__ = "day, such as 2026-11-01"


def _time(text: str) -> Timestamp:
    """A time on the command line."""
    return parse(text)


_time.__name__ = "time with an offset from UTC, such as 2026-11-20T09:30Z"


def _named_table(text: str) -> tuple[Table, str]:
    """A table and the name of one that stands for it."""
    table, _, name = text.partition("=")
    if not name:
        raise ValueError
    return Table(table), name


_named_table.__name__ = f"table, one of {', '.join(Table)}, and its name: trails=NAME"


def _make_key(target: Target, options: argparse.Namespace) -> None:
    print(make_key(target, options.scope, options.name, expires_at=options.expires))


def _list_keys(target: Target, _options: argparse.Namespace) -> None:
    for key in list_keys(target):
        expires = key.expires_at or "never"
        print(f"{key.key_id:16}  {key.scope:5}  {key.created_at:24}  {expires:24}  {key.name}")


def _remove_key(target: Target, options: argparse.Namespace) -> None:
    remove_key(target, options.id)


def _rotate_keys(target: Target, options: argparse.Namespace) -> None:
    count = rotate_keys(target, Ring(options.ring), retire=options.retire)
    print(f"{options.ring}: {count} key{'s' if count > 1 else ''}")


def _redrive(target: Target, options: argparse.Namespace) -> None:
    if options.purge:
        print(f"{purge_projections(target)} purged")
        return
    queues = tuple(DeadLetters) if options.queue is None else (DeadLetters(options.queue),)
    moved = redrive(target, queues, dry_run=options.dry_run)
    for queue, count in sorted(moved.items()):
        print(f"{queue}: {count}")
    print(f"{moved.total()} brought back")


def _recover(target: Target, options: argparse.Namespace) -> None:
    print(f"{recover(target, options.files, since=options.since)} brought back")


def _restore(target: Target, options: argparse.Namespace) -> None:
    restore(
        target, Table(options.table), copy=options.copy, at=options.to_time, backup=options.backup
    )


def _move(target: Target, options: argparse.Namespace) -> None:
    source = source_of(
        options.source,
        tables=dict(options.tables),
        plans=options.plans,
        signing_keys=options.signing_keys,
        erasures=options.erasures,
        erasure_key=options.erasure_key,
        region=options.from_region,
        profile=options.from_profile,
    )
    move(target, source)


def _import(target: Target, options: argparse.Namespace) -> int:
    if options.format == _OWN_EXPORT:
        if options.dry_run:
            raise InvalidInputError("an export of Sendtrail's own is put back without --dry-run")
        for path in options.paths:
            put_back_export(target, path)
        return 0
    wanted = Options(
        Format(options.format),
        Naming(options.participant_field, options.communication_field),
        options.dry_run,
        options.report,
        options.workers,
    )
    return 1 if import_events(target, options.paths, wanted).not_understood else 0


def _rebuild(target: Target, options: argparse.Namespace) -> None:
    enough = WAIT_SECONDS / 2
    if target.is_in_aws and options.wait < enough and not options.resume:
        print(
            f"sendtrail: for {enough:.0f} seconds `project` may not know of this rebuild; what it "
            f"counts between {options.wait:.0f} and {enough:.0f} seconds from now is lost",
            file=sys.stderr,
        )
    rebuild(target, resume=options.resume, wait=options.wait)


def _export(target: Target, options: argparse.Namespace) -> None:
    export(
        target,
        options.to,
        FileFormat(options.file_format),
        since=options.since,
        keep_expired=options.keep_expired,
    )


def _person(target: Target, options: argparse.Namespace) -> None:
    count = person(target, options.participant, options.to or sys.stdout)
    print(f"{count:,} messages", file=sys.stderr)


def _erase(target: Target, options: argparse.Namespace) -> int:
    if options.status:
        found = erasure_of(target, options.status)
        status = 0 if found.state is ErasureState.DONE else 1
    else:
        if not options.yes:
            _confirm(who_is(target, options.participant), options.participant)
        found = erase(target, options.participant, report=partial(print, flush=True))
        status = 0
    for each in erasure_lines(found):
        print(each)
    return status


def _confirm(told: Iterable[str], participant_id: str) -> None:
    """Has the id of whom to erase written again.

    Raises:
        InvalidInputError: it is another, or there is nobody to ask.
    """
    for each in told:
        print(each, file=sys.stderr)
    print("To erase them, which cannot be undone, write their id again: ", end="", file=sys.stderr)
    sys.stderr.flush()
    if sys.stdin.readline().strip() != participant_id:
        raise InvalidInputError("nothing was erased; write the same id, or give --yes")


def _doctor(target: Target, options: argparse.Namespace) -> int:
    checks = chosen(options.only, with_cost=options.cost, with_round_trip=options.round_trip)
    context = Context(target, datetime.now(UTC), patience=options.wait)
    told: list[tuple[str, Finding]] = []
    for name, finding in examine(context, checks):
        told.append((name, finding))
        if not options.json:
            print(line(name, finding), flush=True)
    if options.json:
        print(as_json(told))
    return 0 if is_well((each for _, each in told), strict=options.strict) else 1


def _mcp(target: Target | None, options: argparse.Namespace) -> None:
    try:
        from sendtrail_cli.mcp_server.server import connected, serve
    except ModuleNotFoundError as error:  # the library is an extra, and slow to import
        raise InvalidInputError(f"{error}: pip install 'sendtrail[operators]'") from error
    serve(connected(target, options.url, os.environ))


if __name__ == "__main__":
    sys.exit(main())
