"""The command line of `sendtrail`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from sendtrail import __version__
from sendtrail.auth.api_keys import Scope
from sendtrail.errors import InvalidInputError, SendtrailError
from sendtrail_cli.keys import list_keys, make_key, remove_key
from sendtrail_cli.queues import recover, redrive
from sendtrail_cli.rebuild import WAIT_SECONDS, rebuild
from sendtrail_cli.target import Target

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        the exit status: 0 if it was done, 1 if not, 2 if it was called wrongly.

    Raises:
        SystemExit: with 2, what argparse itself finds wrong.
    """
    options = parser().parse_args(arguments)
    try:
        options.run(Target.of(options.aws), options)
    except InvalidInputError as error:
        print(f"sendtrail: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sendtrail: interrupted; it can be done again", file=sys.stderr)
        return 1
    except (SendtrailError, BotoCoreError, ClientError, OSError) as error:
        print(f"sendtrail: {error}", file=sys.stderr)
        return 1
    return 0


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

    key = commands.add_parser(
        "key",
        help="make, list and remove API keys",
        description="API keys: who may call the private routes and sign in to the console.",
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
    make.add_argument("--name", default="", help="whose it is, as the list and the logs name it")
    make.set_defaults(run=_make_key)
    _command(
        keys,
        "list",
        "list the API keys",
        "Lists id, scope, time of making, and name of each key that was made by `key make`.",
    ).set_defaults(run=_list_keys)
    remove = _command(
        keys,
        "remove",
        "remove an API key",
        "Removes a key. It stops working within two minutes, and its sessions end.",
    )
    remove.add_argument("id", help="as `sendtrail key list` shows it")
    remove.set_defaults(run=_remove_key)

    _command(
        commands,
        "redrive",
        "bring back what is in the dead-letter queues",
        "Moves what is in the dead-letter queues of ingest and dispatch back into their queues. "
        "What is delivered twice has the effect of once.",
    ).set_defaults(run=_redrive)

    recovery = _command(
        commands,
        "recover",
        "bring back events that a function could keep only in its log",
        "Sends to the ingest queue the events that the public routes could write neither to the "
        "log nor to the queue, and left in a line of their function's log. To do it again changes "
        "nothing.",
    )
    recovery.add_argument(
        "files",
        metavar="FILE",
        type=Path,
        nargs="*",
        help="logs as CloudWatch exports them, also .gz; needed with --aws, else the local stack's "
        "own if none",
    )
    recovery.set_defaults(run=_recover)

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
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
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


def _make_key(target: Target, options: argparse.Namespace) -> None:
    print(make_key(target, options.scope, options.name))


def _list_keys(target: Target, _options: argparse.Namespace) -> None:
    for key in list_keys(target):
        print(f"{key['id']}  {key['scope']:5}  {key['created_at']}  {key['name']}")


def _remove_key(target: Target, options: argparse.Namespace) -> None:
    remove_key(target, options.id)


def _redrive(target: Target, _options: argparse.Namespace) -> None:
    print(f"{redrive(target)} brought back")


def _recover(target: Target, options: argparse.Namespace) -> None:
    print(f"{recover(target, options.files)} brought back")


def _rebuild(target: Target, options: argparse.Namespace) -> None:
    enough = WAIT_SECONDS / 2
    if target.is_in_aws and options.wait < enough and not options.resume:
        print(
            f"sendtrail: for {enough:.0f} seconds `project` may not know of this rebuild; what it "
            f"counts between {options.wait:.0f} and {enough:.0f} seconds from now is lost",
            file=sys.stderr,
        )
    rebuild(target, resume=options.resume, wait=options.wait)


if __name__ == "__main__":
    sys.exit(main())
