"""moto's server, run as a program of its own: `python -m local.aws_server HOST PORT`.

Requests run in threads, as with moto's own command, but those to DynamoDB one at a time: moto
reads and then writes without a lock, so two conditional writes at once could both succeed, and
two records of a stream get one sequence number. What moto's SES lacks is in `local.outbox`,
and what functions may do is in `local.iam`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any, Final

from moto.cloudformation.models import Stack
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models.table import Table
from moto.secretsmanager.models import SecretsManagerBackend
from moto.server import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import Message, Queue, SQSBackend
from waitress import serve

from local.iam import Guard
from local.outbox import SesExtras, Wsgi

_THREADS: Final = 48  # each queue that is polled long has one of them
_TICK: Final = 0.15
_CONNECTIONS: Final = 2000


def one_at_a_time(app: Wsgi, target: str) -> Wsgi:
    """The app, with requests whose X-Amz-Target begins with `target` taken one after another."""
    lock = threading.Lock()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith(target):
            with lock:
                return list(app(environ, start_response))
        return app(environ, start_response)

    return answer


def receive_faster() -> None:
    """Has moto look at a queue's retention period without counting the queue's messages, which it
    otherwise does for each message received: the time to empty a queue is then no square.
    """

    def is_valid(self: SQSBackend, queue_name: str, message: Message) -> bool:
        kept: int = self.get_queue(queue_name).message_retention_period
        return bool(kept + message.sent_timestamp / 1000 > time.time())

    SQSBackend.is_message_valid_based_on_retention_period = is_valid


def wait_closer() -> None:
    """Has moto look every 150 ms for what appears in a queue by time alone, while somebody waits
    there: messages that are delayed, or were not deleted. It looks once a second otherwise; what is
    sent wakes it at once.
    """
    wait = Queue.wait_for_messages

    def wait_less(self: Queue, timeout: float) -> None:
        wait(self, min(timeout, _TICK))

    Queue.wait_for_messages = wait_less


def answer_faster() -> None:
    """Has moto write attribute values as they are. They are DynamoDB's JSON already, and walking
    each along botocore's model of it takes most of the time of reading a stream.
    """
    walk = ResponseSerializer._serialize  # noqa: SLF001

    def serialize(
        self: ResponseSerializer, serialized: Any, value: Any, shape: Any, key: str
    ) -> None:
        if shape.name == "AttributeValue" and isinstance(value, dict):
            self._default_serialize(serialized, value, shape, key)
        else:
            walk(self, serialized, value, shape, key)

    ResponseSerializer._serialize = serialize  # noqa: SLF001


def query_faster() -> None:
    """Has moto look for the items of a partition in that alone; it sorts the whole table for each
    query otherwise. Requests to DynamoDB come one at a time, so that nobody sees the table so.
    """
    query = Table.query

    def in_partition(self: Table, hash_key: Any, *arguments: Any, **more: Any) -> Any:
        index_name = arguments[6] if len(arguments) > 6 else more.get("index_name")
        if index_name is not None:
            return query(self, hash_key, *arguments, **more)
        whole = self.items
        self.items = {hash_key: whole[hash_key]} if hash_key in whole else {}
        try:
            return query(self, hash_key, *arguments, **more)
        finally:
            self.items = whole

    Table.query = in_partition


def parse_faster() -> None:
    """Has moto take a template that is JSON for that; it reads all of them as YAML otherwise."""
    parse = Stack.parse_template

    def parsed(template: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(template)
        except ValueError:
            found = parse(template)
        return found

    Stack.parse_template = staticmethod(parsed)


def read_current() -> None:
    """Has moto read a secret's version that AWSCURRENT was moved to where none is asked for, as
    Secrets Manager does; moto goes on reading the one that was put last without a label.
    """
    move = SecretsManagerBackend.update_secret_version_stage

    def moved(self: SecretsManagerBackend, **wanted: str) -> tuple[str, str]:
        answer: tuple[str, str] = move(self, **wanted)
        if wanted["version_stage"] == "AWSCURRENT" and wanted["move_to_version_id"]:
            secret = self.secrets[wanted["secret_id"]]
            secret.set_default_version_id(wanted["move_to_version_id"])
        return answer

    SecretsManagerBackend.update_secret_version_stage = moved


def end_with_parent() -> None:
    """Ends the process when the one that started it has gone, however that went."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def main() -> None:
    """Serves until it is killed."""
    host, port = sys.argv[1], int(sys.argv[2])
    threading.Thread(target=end_with_parent, daemon=True).start()
    receive_faster()
    wait_closer()
    answer_faster()
    query_faster()
    parse_faster()
    read_current()
    moto = DomainDispatcherApplication(create_backend_app)
    app = Guard(SesExtras(one_at_a_time(moto, "DynamoDB")))
    # Not werkzeug's server, which moto's own command uses: it closes every connection.
    serve(
        app,
        host=host,
        port=port,
        threads=_THREADS,
        connection_limit=_CONNECTIONS,
        asyncore_use_poll=True,  # select() takes no file beyond the 1,024th
        _quiet=True,
    )


if __name__ == "__main__":
    main()
