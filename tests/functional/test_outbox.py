"""The local stack's outbox as pages, over HTTP."""

from __future__ import annotations

import email
import email.policy
import html
import json
import re
from typing import Any

import boto3
import pytest
from werkzeug.test import Client, TestResponse

from local.outbox_pages import OutboxPages, links_of
from tests.functional.conftest import Backend

GATEWAY = "http://127.0.0.1:3000"
SENDER = "The Society <news@society.example>"
SET = "sendtrail-own"
PAGE = (
    "<!doctype html><script>alert(1)</script><p>Dear Ann, "
    f'<a href="{GATEWAY}/c/token">read <b>on</b></a>, <a href="javascript:alert(1)">or not</a>'
    f'<a href="{GATEWAY}/u/token"><img src="x.png" alt="Unsubscribe"></a>'
    f'<img src="{GATEWAY}/o/token.gif" alt="">'
)
FILE = "Rechnung Nr. 7/ü.pdf"


class Outbox:
    """A browser at the outbox, and SES, which takes mail."""

    def __init__(self, backend: Backend) -> None:
        topic = backend.resources.physical["SesTopic", ""]
        pages = OutboxPages(backend.endpoints, topic, [SET], GATEWAY)
        self.browser = Client(pages)
        self._ses: Any = boto3.client("sesv2", endpoint_url=backend.endpoints.aws)
        self._sqs = backend.endpoints.client("sqs")
        self._queue = backend.resources.physical["IngestQueue", ""]

    def send(self, to: str = "ann@example.com", subject: str = "Hello", **given: Any) -> None:
        """Sends a mail."""
        content: dict[str, Any] = {
            "Subject": {"Data": subject},
            "Body": {"Html": {"Data": PAGE}, "Text": {"Data": "Dear Ann"}},
            "Headers": [
                {"Name": "List-Unsubscribe", "Value": f"<{GATEWAY}/u/token>"},
                {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
            ],
            "Attachments": [
                {
                    "FileName": FILE,
                    "ContentType": "application/pdf",
                    "RawContent": b"%PDF-\xff",
                    "ContentTransferEncoding": "BASE64",
                }
            ],
        }
        tags = {"message_id": "01JABC", "participant_id": "ann"}
        request: dict[str, Any] = {
            "FromEmailAddress": SENDER,
            "Destination": {"ToAddresses": [to]},
            "Content": {"Simple": content},
            "EmailTags": [{"Name": name, "Value": value} for name, value in tags.items()],
            "ConfigurationSetName": SET,
        }
        self._ses.send_email(**request | given)

    def get(self, path: str = "/outbox", host: str = "127.0.0.1:3000", **more: Any) -> TestResponse:
        """Asks for a page."""
        return self._open("GET", path, host, more)

    def post(self, path: str, origin: str | None = GATEWAY) -> TestResponse:
        """Sends a form."""
        headers = {"Origin": origin} if origin else {}
        return self._open("POST", path, "127.0.0.1:3000", {"headers": headers})

    def _open(self, method: str, path: str, host: str, more: Any) -> TestResponse:
        base = {"REMOTE_ADDR": more.pop("address", "127.0.0.1")}
        return self.browser.open(
            path, method=method, base_url=f"http://{host}", environ_base=base, **more
        )

    def newest(self) -> str:
        """The path of the newest mail."""
        return f"/outbox/{mails(self.get())[0][0]}"

    def told(self) -> list[str]:
        """The types of the events that SES published since the last time."""
        found = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        return [json.loads(each["Body"])["eventType"] for each in found.get("Messages", ())]


@pytest.fixture
def outbox(moto_backend: Backend) -> Outbox:
    """Nothing sent yet."""
    return Outbox(moto_backend)


def mails(page: TestResponse) -> list[tuple[int, str]]:
    """Number and subject of those in a list."""
    found = re.findall(r'href="/outbox/(\d+)"><bdi>([^<]*)<', page.text)
    return [(int(number), html.unescape(subject)) for number, subject in found]


def test_mail_is_listed_newest_first_and_found_by_address(outbox: Outbox) -> None:
    """Page by page; capitals do not matter, and nothing is lost between pages."""
    assert "Nothing was sent yet" in outbox.get().text
    for number in range(60):
        outbox.send(f"{'ann' if number % 2 else 'Bob'}@example.com", f"Number {number}")
    first = outbox.get()
    older = html.unescape(re.findall(r'<a href="([^"]+)" rel="next"', first.text)[0])
    subjects = [subject for page in (first, outbox.get(older)) for _, subject in mails(page)]
    assert subjects == [f"Number {number}" for number in reversed(range(60))]
    found = [subject for _, subject in mails(outbox.get("/outbox?to=BOB@"))]
    assert found == [f"Number {number}" for number in reversed(range(0, 60, 2))]
    assert "to such an address" in outbox.get("/outbox?to=nobody").text


def test_a_mail_is_shown_whole(outbox: Outbox) -> None:
    """Whom it is to, its text, headers, tags, files and links; a link that is none is not there."""
    outbox.send(subject="<b>&amp;")
    page = outbox.get(outbox.newest())
    assert '<h1 dir="auto">&lt;b&gt;&amp;amp;</h1>' in page.text
    for said in ("ann@example.com", "Dear Ann", "List-Unsubscribe-Post", "tag message_id"):
        assert said in page.text
    assert 'href="/console/participants/ann/messages/01JABC"' in page.text
    assert f'<a href="{GATEWAY}/c/token" target="_blank" rel="noreferrer"' in page.text
    assert "javascript:" not in page.text
    assert [text for text, _ in links_of(PAGE)] == ["read on", "Unsubscribe"]


def test_a_mail_in_its_frame_runs_nothing_and_loads_nothing_unasked(outbox: Outbox) -> None:
    """By a sandbox, and a policy; its pictures come when it is opened."""
    outbox.send()
    path = outbox.newest()
    closed, opened = outbox.get(f"{path}/html"), outbox.get(f"{path}/html?pictures=1")
    for answer in (closed, opened):
        policy = answer.headers["Content-Security-Policy"]
        assert "sandbox allow-popups allow-popups-to-escape-sandbox;" in policy
        assert "script" not in policy
        assert "default-src 'none'" in policy
        assert answer.text.startswith("<!doctype html>")
    assert "img-src data:;" in closed.headers["Content-Security-Policy"]
    assert "img-src data: https: http:;" in opened.headers["Content-Security-Policy"]
    assert 'src="/outbox/' in outbox.get(path).text
    assert "/html?pictures=1" not in outbox.get(path).text
    assert "/html?pictures=1" in outbox.get(f"{path}?pictures=1").text


def test_the_source_is_the_mail_as_ses_would_write_it(outbox: Outbox) -> None:
    """MIME that reads back to what was sent, of a simple mail and of one in MIME already."""
    outbox.send(subject="Grüße")
    source = outbox.get(f"{outbox.newest()}/source")
    assert source.content_type == "text/plain; charset=utf-8"
    read = email.message_from_bytes(source.data, policy=email.policy.default)
    assert (read["To"], read["Subject"]) == ("ann@example.com", "Grüße")
    assert read["List-Unsubscribe"] == f"<{GATEWAY}/u/token>"
    body = read.get_body(("html",))
    assert body is not None
    assert body.get_content().strip() == PAGE
    assert [each.get_filename() for each in read.iter_attachments()] == [FILE]
    raw = b"From: a@society.example\r\nTo: ann@example.com\r\nSubject: Raw\r\n\r\nHello"
    outbox.send(Content={"Raw": {"Data": raw}})
    again = outbox.get(f"{outbox.newest()}/source?file=1")
    assert again.data == raw
    assert "attachment" in again.headers["Content-Disposition"]


def test_a_file_is_downloaded_and_never_shown(outbox: Outbox) -> None:
    """Whatever type it says it is of; its name is kept."""
    outbox.send()
    answer = outbox.get(f"{outbox.newest()}/attachments/0")
    assert answer.data == b"%PDF-\xff"
    assert answer.content_type == "application/octet-stream"
    said = answer.headers["Content-Disposition"]
    assert said == "attachment; filename*=UTF-8''Rechnung%20Nr.%207%2F%C3%BC.pdf"
    assert outbox.get(f"{outbox.newest()}/attachments/1").status_code == 404


@pytest.mark.parametrize(("what", "told"), [("spam", "Complaint"), ("bounce", "Bounce")])
def test_what_a_provider_tells_ses_is_published(outbox: Outbox, what: str, told: str) -> None:
    """To the topic, as SES does; the page says so."""
    outbox.send()
    path = outbox.newest()
    done = outbox.post(f"{path}/{what}")
    assert (done.status_code, done.headers["Location"]) == (303, f"{path}?done={what}")
    assert 'role="status"' in outbox.get(done.headers["Location"]).text
    assert outbox.told() == [told]


def test_of_mail_by_others_nothing_is_told(outbox: Outbox) -> None:
    """SES publishes nothing where no configuration set is named."""
    outbox.send(ConfigurationSetName="others")
    assert outbox.post(f"{outbox.newest()}/spam").status_code == 422
    assert "Mark as spam" not in outbox.get(outbox.newest()).text
    assert outbox.told() == []


def test_unsubscribing_by_one_click_goes_nowhere_else(outbox: Outbox) -> None:
    """A mail whose header leads to another host has no such button, and no request is made."""
    simple = {
        "Subject": {"Data": "x"},
        "Body": {"Text": {"Data": "x"}},
        "Headers": [
            {"Name": "List-Unsubscribe", "Value": "<http://169.254.169.254/u/x>"},
            {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
        ],
    }
    outbox.send(Content={"Simple": simple})
    assert "one click" not in outbox.get(outbox.newest()).text
    assert outbox.post(f"{outbox.newest()}/unsubscribe").status_code == 422


def test_only_this_machine_and_its_own_forms_are_answered(outbox: Outbox) -> None:
    """Not another address, not another name of this one, not another site's form."""
    outbox.send()
    path = outbox.newest()
    assert outbox.get(path, address="192.0.2.7").status_code == 403
    assert outbox.get(path, host="rebound.example:3000").status_code == 403
    assert outbox.get(path, host="localhost:3000").status_code == 200
    for origin in (None, "null", "http://evil.example", "http://127.0.0.1:3001"):
        assert outbox.post(f"{path}/spam", origin).status_code == 403
    assert outbox.told() == []


@pytest.mark.parametrize(
    "path", ["/outbox/0", "/outbox/99999", "/outbox/x", "/outbox/1/nothing", "/outbox/../etc"]
)
def test_what_is_not_there_is_said_so(outbox: Outbox, path: str) -> None:
    """On a page."""
    answer = outbox.get(path)
    assert answer.status_code == 404
    assert "This is not possible" in answer.text
