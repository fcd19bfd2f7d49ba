"""Webhooks without AWS: which addresses may be reached, waits, names, jobs and payloads."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.domain.erasure import new_pseudonym
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import epoch_ms, from_epoch_ms
from sendtrail.domain.webhooks import (
    EVENT_TYPES,
    Endpoint,
    RetrySchedule,
    checked_description,
    checked_types,
    names_of,
)
from sendtrail.errors import InvalidInputError, RejectedRecordError
from sendtrail.intake.parser import events_of
from sendtrail.log.elements import encode
from sendtrail.log.items import TrailRow, event_to_item
from sendtrail.projections.checkpoints import Checkpoint
from sendtrail.projections.stream import Record
from sendtrail.publishing.changes import Image, image_of, new_events
from sendtrail.publishing.egress import Egress, EgressError, is_public, networks
from sendtrail.publishing.jobs import (
    MAX_BYTES,
    MAX_EVENTS,
    DeliveryJob,
    Outgoing,
    ReplayJob,
    in_jobs,
    job_of_text,
)
from sendtrail.publishing.notices import notices_of, told_of
from tests.receiver import receiver
from tests.support import ROOT, load_event

AT = "2026-11-20T09:30:00.412Z"

# --- egress --------------------------------------------------------------------------------------

PRIVATE = [
    "0.0.0.0",  # noqa: S104 -- bound to nowhere
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.8.9.10",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "100::1",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700::1111",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_that_only_we_can_reach_is_public(address: str) -> None:
    """In whatever form it leads there."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """Those at the edges of ranges, too."""
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_ipv6_form_of_an_address_is_as_public_as_that(address: ipaddress.IPv4Address) -> None:
    """Mapped, NAT64 and 6to4."""
    number = int(address)
    for form in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        assert is_public(ipaddress.IPv6Address(form)) == is_public(address)


@given(st.ip_addresses(v=4))
def test_nothing_private_is_public(address: ipaddress.IPv4Address) -> None:
    """By Python's own lists."""
    if address.is_private or address.is_multicast or address.is_loopback or address.is_link_local:
        assert not is_public(address)


BAD_URLS = [
    ("http://example.com/", "https"),
    ("ftp://example.com/", "https"),
    ("//example.com", "https"),
    ("https:///x", "host"),
    ("https://user@example.com/", "user or password"),
    ("https://user:secret@example.com/", "user or password"),
    ("https://example.com:22/", "port"),
    ("https://example.com:0/", "URL"),
    ("https://example.com:x/", "URL"),
    ("https://example.com/#part", "fragment"),
    ("https://example.com\\@10.0.0.1/", "not allowed"),
    ("https://example.com/\r\nX: y", "ASCII"),
    ("https://ex ample.com/", "ASCII"),
    ("https://exämple.com/", "ASCII"),
    ("https://example.com/" + "x" * 2048, "2048"),
    ("https://10.0.0.1/", "not public"),
    ("https://[::1]/", "not public"),
    ("https://2130706433/", "not public"),
    ("https://0x7f.1/", "not public"),
    ("https://017700000001/", "not public"),
    ("https://169.254.169.254/latest/meta-data", "not public"),
]


@pytest.mark.parametrize(("url", "why"), BAD_URLS)
def test_a_url_that_is_not_allowed_is_told_of_at_once(url: str, why: str) -> None:
    """And is not called, if it is there all the same."""
    with pytest.raises(InvalidInputError, match=why) as found:
        Egress().check(url)
    assert found.value.problems[0].field == "url"
    with pytest.raises(EgressError):
        Egress(resolve=resolving("10.0.0.1")).post(url, {}, b"")


def test_a_url_of_the_internet_is_allowed() -> None:
    """With a path, a query, either port."""
    for url in ("https://example.com", "https://example.com:8443/a?b=c", "https://8.8.8.8/"):
        Egress().check(url)


def resolving(*addresses: str) -> Any:
    """A resolver that knows of every name the same."""
    return lambda _host, _port: list(addresses)


def test_a_name_that_leads_to_a_private_address_is_not_called() -> None:
    """Not even if another of its addresses is public."""
    for found in (
        ["127.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
    ):
        with pytest.raises(EgressError, match="not public"):
            Egress(resolve=resolving(*found)).post("https://evil.example/", {}, b"")
    with pytest.raises(EgressError, match="no address"):
        Egress(resolve=resolving()).post("https://evil.example/", {}, b"")


def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_called() -> None:
    """A name that leads elsewhere the next time leads nowhere else."""
    asked = []

    def changing(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with receiver() as there, receiver("127.0.0.2") as elsewhere:
        port = int(there.url.split(":")[2].split("/")[0])
        egress = Egress(networks("127.0.0.1/32"), resolve=changing)
        answer = egress.post(f"http://rebinding.example:{port}/x", {"webhook-id": "1"}, b"{}")
        assert answer.status == 204
        assert there.headers["Host"] == f"rebinding.example:{port}"
        assert elsewhere.connections == 0
        with pytest.raises(EgressError, match="not public"):
            egress.post(f"http://rebinding.example:{port}/x", {"webhook-id": "1"}, b"{}")
    assert asked == [("rebinding.example", port)] * 2


def test_http_and_other_ports_are_for_what_is_named_alone() -> None:
    """A public host is not reached by them, though networks are named."""
    egress = Egress(networks("127.0.0.1/32"), resolve=resolving("8.8.8.8"), timeout=1)
    with pytest.raises(EgressError, match="https"):
        egress.post("http://example.com/", {}, b"")
    with pytest.raises(EgressError, match="port"):
        egress.post("https://example.com:9/", {}, b"")


def serving(answer: bytes, every: float = 0.0) -> str:
    """A server that sends bytes to whoever comes, one at a time if with pauses; its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(65_536)
            try:
                for byte in (
                    [answer[at : at + 1] for at in range(len(answer))] if every else [answer]
                ):
                    connection.sendall(byte)
                    time.sleep(every)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize(
    ("answer", "every", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000, 0.0, "too long"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100, 0.2, "no answer within 1 seconds"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", 0.0, "not HTTP"),
        (b"", 0.0, "not HTTP"),
    ],
)
def test_an_answer_is_bounded_in_length_and_time(answer: bytes, every: float, why: str) -> None:
    """However slowly it comes, byte by byte."""
    began = time.monotonic()
    with pytest.raises(EgressError, match=why):
        Egress(networks("127.0.0.1/32"), timeout=1.0).post(serving(answer, every), {}, b"{}")
    assert time.monotonic() - began < 3


def test_a_body_is_not_read() -> None:
    """However long it is: the status is all that matters."""
    url = serving(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 9_999)
    assert Egress(networks("127.0.0.1/32")).post(url, {}, b"{}").status == 200


@pytest.mark.parametrize("every", [0.0, 0.002])
def test_an_interim_answer_is_none(every: float) -> None:
    """What follows it is."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    url = serving(interim + b"HTTP/1.1 204 No Content\r\n\r\n", every)
    assert Egress(networks("127.0.0.1/32")).post(url, {}, b"{}").status == 204


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hook.example, signed by itself, with its key."""
    path = tmp_path_factory.mktemp("tls") / "pair.pem"
    subject = ["-subj", "/CN=hook.example", "-addext", "subjectAltName=DNS:hook.example"]
    made = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", *made, *subject, "-keyout", path, "-out", f"{path}.crt"],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[int]:
    """The port of a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificate}.crt", certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as mine:
                    mine.recv(65_536)
                    mine.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def test_a_certificate_is_checked_by_the_name_and_not_the_address(
    certificate: Path, secure: int
) -> None:
    """Who has another name's, or none that is trusted, gets nothing."""
    allowed, here = networks("127.0.0.1/32"), resolving("127.0.0.1")
    trusted = ssl.create_default_context(cafile=f"{certificate}.crt")
    egress = Egress(allowed, resolve=here, trusted=trusted)
    assert egress.post(f"https://hook.example:{secure}/", {}, b"{}").status == 204
    with pytest.raises(EgressError, match="certificate"):
        egress.post(f"https://other.example:{secure}/", {}, b"{}")
    with pytest.raises(EgressError, match="certificate"):
        Egress(allowed, resolve=here).post(f"https://hook.example:{secure}/", {}, b"{}")


# --- names, waits, endpoints ---------------------------------------------------------------------


@pytest.mark.parametrize("event_type", list(EventType))
def test_every_event_has_a_name_outside(event_type: EventType) -> None:
    """Which is told of in the list of names."""
    event = Event("participant:x", event_type, AT, "x", detail={"subscribed": True})
    assert set(names_of(event)) <= EVENT_TYPES.keys()


def test_every_name_is_documented() -> None:
    """In docs/webhooks.md."""
    text = (ROOT / "docs/webhooks.md").read_text("utf-8")
    assert {name for name in EVENT_TYPES if f"`{name}`" not in text} == set()


def test_a_bounce_or_complaint_that_suppresses_has_two_names() -> None:
    """And a soft one has one."""
    names = {}
    for name in ("sqs-bounce-permanent", "sqs-complaint", "sqs-delivery"):
        (record, *_) = load_event(name)["Records"]
        (event, *_) = events_of(json.loads(record["body"]))
        names[name] = names_of(event)
    assert names["sqs-bounce-permanent"] == ["message.bounced", "address.suppressed"]
    assert names["sqs-complaint"] == ["message.spammed", "address.suppressed"]
    assert names["sqs-delivery"] == ["message.delivered"]


def test_waits_grow_and_end_after_a_day() -> None:
    """Five seconds, five minutes, half an hour, two, five and eight hours, and the end of it."""
    at, waits, failures = epoch_ms(AT), [], 0
    while True:
        failures += 1
        following = RetrySchedule().next_at(from_epoch_ms(at), failures, AT)
        if following is None:
            break
        waits.append((epoch_ms(following) - at) // 1000)
        at = epoch_ms(following)
    assert waits == [5, 300, 1800, 7200, 18000, 28800, 28800, 86400 - 84905]
    assert sum(waits) == 86_400


@given(st.integers(1, 86_400), st.integers(1, 50), st.integers(0, 86_400_000))
def test_no_wait_ends_after_the_day(day: int, failures: int, later: int) -> None:
    """However long a day is."""
    at = from_epoch_ms(epoch_ms(AT) + later)
    found = RetrySchedule(day).next_at(at, failures, AT)
    if later >= day * 1000:
        assert found is None
    else:
        assert found is not None
        assert at <= found <= from_epoch_ms(epoch_ms(AT) + day * 1000)


def test_types_and_descriptions_are_checked() -> None:
    """What is not allowed is named, with what is."""
    assert checked_types(["message.sent"]) == {"message.sent"}
    with pytest.raises(InvalidInputError, match="allowed are"):
        checked_types(["message.eaten"])
    assert checked_description(" CRM ") == "CRM"
    for text in ("x" * 201, "a\nb"):
        with pytest.raises(InvalidInputError, match="200 characters"):
            checked_description(text)


def test_an_endpoint_without_types_wants_all_unless_it_is_off() -> None:
    """And one with types wants those."""
    endpoint = Endpoint("1", "https://x.example", frozenset(), False, "", AT, "key:1", AT)
    assert all(map(endpoint.wants, EVENT_TYPES))
    off = Endpoint("1", "u", frozenset(), False, "", AT, "key:1", AT, disabled_at=AT)
    assert not any(map(off.wants, EVENT_TYPES))


# --- what is new ---------------------------------------------------------------------------------

MESSAGE = new_message_id(AT)
TO = Recipient(MESSAGE, "member-1", "news", "a@example.com")


def own(event_type: EventType, at: str = AT) -> Event:
    """An event of our own."""
    return Event.of_sending(event_type, TO, at, kind="news", subject="S", detail={})


def hit(at: str, event_type: EventType = EventType.OPEN, **detail: Any) -> Event:
    """What a reader did."""
    return Event.of_request(event_type, TO, at, at, detail)


def row(*events: Event) -> TrailRow:
    """A message's row."""
    elements = {element for event in events for element in encode(event)}
    return TrailRow("member-1", MESSAGE, frozenset(elements))


def change(old: Image, new: Image) -> Record[Image]:
    """A record of the stream."""
    return Record("shard", Checkpoint(1, 1), old, new, {})


def test_new_is_what_the_row_did_not_have() -> None:
    """Also if an element is written anew in another version."""
    accepted, dropped = own(EventType.ACCEPTED), own(EventType.DROPPED)
    assert new_events(change(None, row(accepted))) == [accepted]
    assert new_events(change(row(accepted), row(accepted, dropped))) == [dropped]
    assert new_events(change(row(accepted), row(accepted))) == []
    again = row(accepted)
    (element,) = [each for each in again.elements if "#Accepted#" in each]
    identity, _, _ = element.split("|", 2)
    rewritten = TrailRow("member-1", MESSAGE, again.elements | {f'{identity}|1|own{{"a":1}}'})
    assert new_events(change(again, rewritten)) == []
    assert new_events(change(row(accepted), None)) == []


def test_an_earlier_hit_in_a_slot_is_new_and_the_same_is_not() -> None:
    """So is a later choice."""
    early, late = hit("2026-11-20T12:00:01.000Z"), hit("2026-11-20T12:00:09.000Z")
    assert new_events(change(None, late)) == [late]
    assert new_events(change(late, early)) == [early]
    assert new_events(change(early, early)) == []


def test_what_was_moved_or_is_kept_whole_beside_its_row_is_nothing_new() -> None:
    """It was told when it happened."""
    item = event_to_item(own(EventType.UNKNOWN), 60)
    assert item["entry"].startswith("event#")
    assert image_of(item) is None
    slot = event_to_item(hit("2026-11-20T12:00:01.000Z"), 60)
    assert image_of(slot)
    moved = replace(hit("2026-11-20T12:00:01.000Z"), participant_id=new_pseudonym())
    assert image_of(event_to_item(moved, 60)) is None


# --- notices and jobs ----------------------------------------------------------------------------


def test_a_notice_has_ids_alone_unless_it_is_wanted_whole() -> None:
    """And is the same for whoever gets it."""
    (notice,) = notices_of(own(EventType.ACCEPTED))
    thin, full = notice.outgoing(full=False), notice.outgoing(full=True)
    assert (thin.id, thin.event_id) == (full.id, full.event_id)
    assert thin.id.startswith("msg_")
    assert "a@example.com" not in thin.body
    data = json.loads(full.body)["data"]
    assert (data["address"], data["subject"], data["kind"]) == ("a@example.com", "S", "news")


def test_what_is_of_an_address_names_its_placeholder() -> None:
    """Who gets ids alone gets no address."""
    (notice,) = notices_of(Event.suppressed("A@example.com", AT, "by telephone"))
    data = json.loads(notice.outgoing(full=False).body)["data"]
    assert data["participant_id"].startswith("address-")
    assert data["url"] == f"/v1/participants/{data['participant_id']}"
    assert "example.com" not in json.dumps(data)


OUTGOING = st.builds(
    Outgoing,
    id=st.text(max_size=9),
    type=st.sampled_from([*EVENT_TYPES]),
    at=st.just(AT),
    event_id=st.text(max_size=9),
    message_id=st.none() | st.just(MESSAGE),
    body=st.text(min_size=1, max_size=20_000),
    attempts=st.integers(0, 9),
    first_at=st.none() | st.just(AT),
    due_at=st.none() | st.just(AT),
)


@given(st.lists(OUTGOING, max_size=50), st.none() | st.just("1"), st.booleans())
def test_jobs_hold_all_events_in_order_and_come_back_from_their_texts(
    events: list[Outgoing], endpoint_id: str | None, replayed: bool
) -> None:
    """Each within what SQS takes."""
    jobs = in_jobs(endpoint_id, events, replayed=replayed)
    assert [event for job in jobs for event in job.events] == events
    for job in jobs:
        assert len(job.events) <= MAX_EVENTS
        assert len(job.to_text().encode()) <= MAX_BYTES + 20_000 * 4 + 1000
        assert job_of_text(job.to_text()) == job


def test_a_replay_comes_back_from_its_text() -> None:
    """With its place."""
    for job in (ReplayJob("1", AT, AT), ReplayJob("1", AT, AT, {"trail": "a", "entry": "b"}, 3)):
        assert job_of_text(job.to_text()) == job


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", '{"deliver":{}}', '{"deliver":[]}', '{"replay":{}}', '{"deliver":{"events":[{}]}}', '{"eat":{}}'])  # fmt: skip
def test_what_is_no_job_is_refused(text: str) -> None:
    """And is left to the dead-letter queue."""
    with pytest.raises(RejectedRecordError):
        job_of_text(text)
    assert isinstance(job_of_text(DeliveryJob("1", ()).to_text()), DeliveryJob)


ABOUT_ANN = '{"data":{"participant_id":"ann"}}'


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        *((body, None) for body in ("", "no JSON", "[]", "1", "{}", '{"data":1}', '{"data":{}}')),
        (ABOUT_ANN, "no message's"),
    ],
)
def test_what_is_no_notice_is_about_nobody(body: str, message_id: str | None) -> None:
    """And keeps nothing back that came with it."""
    assert told_of(Outgoing("1", "message.sent", AT, "e", message_id, body)) is None


def test_a_notice_is_about_somebody_as_of_when_their_message_was_sent() -> None:
    """Or, if it is of no message, as of when it happened."""
    sent_at = "2026-11-19T12:00:00.000Z"
    of_message = Outgoing("1", "message.sent", AT, "e", new_message_id(sent_at), ABOUT_ANN)
    assert told_of(of_message) == ("ann", sent_at)
    assert told_of(replace(of_message, message_id=None)) == ("ann", AT)
