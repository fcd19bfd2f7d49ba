"""`python -m local`: the stack on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import stack
from local.paths import LOGS
from local.provider import ProviderError, accounts

__all__ = ["main"]

_PROVIDER = {
    "issuer": "what it calls itself",
    "client-id": "what it calls the stack",
    "client-secret": "the secret that it gave, if it gave one",
    "scopes": "which claims give which scope",
}
"""What a provider of one's own is told by: option → what it is."""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the process's exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    try:
        options.run(options, given)
    except (
        stack.StackError,
        ProviderError,
        OSError,
        ValueError,
        BotoCoreError,
        ClientError,
    ) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local", description="Sendtrail on this machine"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start the stack")
    up.add_argument(
        "--demo", action="store_true", help="play a year of a small organisation's mail"
    )
    up.add_argument("--detach", action="store_true", help="return once the stack is ready")
    up.add_argument("--port", type=int, default=3000, help="of the API (3000; 0: any)")
    up.add_argument("--aws-port", type=int, default=4566, help="of AWS (4566; 0: any)")
    up.add_argument("--host", default="127.0.0.1", help="to listen on (127.0.0.1)")
    up.add_argument("--dynamodb", metavar="URL", help="a DynamoDB Local to use instead of moto's")
    up.add_argument(
        "--sign-in",
        action="store_true",
        help="run a provider of OpenID Connect, too, by which one signs in by name",
    )
    up.add_argument("--bus", metavar="NAME", help="a bus of EventBridge that events are put on")
    for name, what in _PROVIDER.items():
        up.add_argument(f"--oidc-{name}", metavar="TEXT", help=f"of another provider: {what}")
    up.set_defaults(run=_up)

    commands.add_parser("down", help="stop the stack").set_defaults(run=_down)

    invoke = commands.add_parser("invoke", help="hand a function an event")
    invoke.add_argument("function", metavar="FUNCTION", help="its name in template.yaml")
    invoke.add_argument(
        "--event", metavar="FILE", type=Path, help="JSON; standard input if not given"
    )
    invoke.set_defaults(run=_invoke)

    logs = commands.add_parser("logs", help="show what functions logged")
    logs.add_argument("function", metavar="FUNCTION", nargs="?", help="one of them")
    logs.set_defaults(run=_logs)

    return parser


def _up(options: argparse.Namespace, given: list[str]) -> None:
    if options.detach:
        state = stack.start_detached([each for each in given[1:] if each != "--detach"])
        _say(state)
        return

    def ready(state: dict[str, Any], idle: Callable[[], bool]) -> None:
        _say(state)
        if options.demo:
            from local.demo import play

            play(state, idle)
        print("Stop with Ctrl-C", flush=True)

    stack.up(
        stack.Options(
            port=options.port,
            aws_port=options.aws_port,
            host=options.host,
            dynamodb=options.dynamodb,
            demo=options.demo,
            sign_in=options.sign_in,
            parameters=_of_provider(options)
            | ({"EventBusName": options.bus} if options.bus else {}),
        ),
        demo=ready,
    )


def _of_provider(options: argparse.Namespace) -> dict[str, str]:
    """The template's parameters of a provider that is elsewhere."""
    given = {name: getattr(options, f"oidc_{name.replace('-', '_')}") for name in _PROVIDER}
    return {"Oidc" + name.title().replace("-", ""): text for name, text in given.items() if text}


def _say(state: dict[str, Any]) -> None:
    print(
        f"Sendtrail is up\n"
        f"  Console  {state['gateway']}/console\n"
        f"  API      {state['gateway']}/v1, described at {state['gateway']}/v1/docs\n"
        f"  Outbox   {state['gateway']}/outbox: what was sent, to open and to follow\n"
        f"  API key  {state['api_key']}\n"
        f"  SES      publish notifications to {state['topic_arn']}\n"
        f"           at {state['aws_endpoint']}\n"
        f"  All of it is in .local/stack.json",
        flush=True,
    )
    if state["provider"]:
        print("Sign in by name, with any password, as one of local/oidc_accounts.json:")
        for name, claims in accounts().items():
            print(f"  {name:8} {claims['name']}, {', '.join(claims['groups']) or 'of no group'}")


def _down(_options: argparse.Namespace, _given: list[str]) -> None:
    stack.stop()


def _invoke(options: argparse.Namespace, _given: list[str]) -> None:
    from local.invoking import invoke

    text = options.event.read_text(encoding="utf-8") if options.event else sys.stdin.read()
    print(json.dumps(invoke(options.function, json.loads(text)), indent=2))


def _logs(options: argparse.Namespace, _given: list[str]) -> None:
    files = sorted(LOGS.glob(f"{options.function or '*'}.log"))
    if not files:
        known = ", ".join(sorted(path.stem for path in LOGS.glob("*.log"))) or "none yet"
        raise stack.StackError(f"no log of {options.function or 'anything'}; there are: {known}")
    for path in files:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            print(line if options.function else f"{path.stem}: {line}")


if __name__ == "__main__":
    sys.exit(main())
