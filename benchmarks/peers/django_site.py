"""A Django site with the two programs that an organisation would run today.

    django-anymail  its webhook for SES's notifications by SNS (`AmazonSESTrackingWebhookView`);
                    a receiver of its signal `tracking` stores each event
    pytracking      its views for the pixel and the link; each hit is stored before it is answered

Stored is through Django's ORM, into PostgreSQL, in the same request. Nothing here is there to make
it slow: no middleware, no DEBUG, no logging, one connection that stays open, one `INSERT` for each
event, and of each event the columns only, not the notification as it came.

It is a program. Its arguments are the folder of PostgreSQL's socket and its database; each line of
its input is a request in JSON, and each line of its output the processor time of this process, all
threads, user and system, that Django took to answer it. `null` is answered with the number of rows.
"""

from __future__ import annotations

import json
import sys
import time
from base64 import b64encode
from io import BytesIO
from typing import Any, Final

import django
import pytracking
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.urls import path

Json = dict[str, Any]
Environ = dict[str, Any]

SECRET: Final = "name:password"  # noqa: S105 -- SNS sends it back to us
BASE: Final = "https://track.society.example/"

settings.configure(
    ALLOWED_HOSTS=["track.society.example"],
    ANYMAIL={"WEBHOOK_SECRET": SECRET},
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": sys.argv[1],
            "NAME": sys.argv[2],
            "USER": "postgres",
            "CONN_MAX_AGE": None,
        }
    },
    DEBUG=False,
    INSTALLED_APPS=["anymail"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[],
    PYTRACKING_CONFIGURATION={
        "base_open_tracking_url": f"{BASE}o/",
        "base_click_tracking_url": f"{BASE}c/",
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="signs nothing here",  # noqa: S106
    USE_I18N=False,
    USE_TZ=True,
)
django.setup()

from anymail.signals import tracking  # noqa: E402 -- it reads the settings
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView  # noqa: E402
from pytracking.django import ClickTrackingView, OpenTrackingView  # noqa: E402


class Event(models.Model):
    """One row for each event."""

    message_id = models.CharField(max_length=128, db_index=True)
    event_type = models.CharField(max_length=32)
    at = models.DateTimeField(null=True)
    recipient = models.CharField(max_length=320)
    participant_id = models.CharField(max_length=128)
    communication_id = models.CharField(max_length=128)
    description = models.TextField(null=True)
    response = models.TextField(null=True)
    link = models.TextField(null=True)
    ip = models.CharField(max_length=64, null=True)
    user_agent = models.TextField(null=True)

    class Meta:
        """Of no app: this file is all there is."""

        app_label = "peers"


def store(event: Any, **_: Any) -> None:
    """Receives anymail's signal."""
    Event.objects.create(
        message_id=event.message_id,
        event_type=event.event_type,
        at=event.timestamp,
        recipient=event.recipient,
        description=event.description,
        response=event.mta_response,
        link=event.click_url,
        user_agent=event.user_agent,
    )


class Storing:
    """Keeps what pytracking's views found."""

    def notify_tracking_event(self, result: Any) -> None:
        """What pytracking calls for each hit."""
        Event.objects.create(
            event_type="opened" if result.is_open_tracking else "clicked",
            link=result.tracked_url,
            ip=result.request_data["user_ip"],
            user_agent=result.request_data["user_agent"],
            **result.metadata,
        )


class Pixel(Storing, OpenTrackingView):
    """pytracking's pixel."""


class Link(Storing, ClickTrackingView):
    """pytracking's link."""


tracking.connect(store)
urlpatterns = [
    path("webhook/", AmazonSESTrackingWebhookView.as_view()),
    path("o/<path:path>", Pixel.as_view()),
    path("c/<path:path>", Link.as_view()),
]
application = get_wsgi_application()


def environ(request: Json) -> Environ:
    """What a WSGI server would hand over.

    Args:
        request: a notification in its SNS envelope as `sns`; or a hit: `metadata`, `url` (of a
            link), `ip`, `user_agent`.
    """
    if "sns" in request:
        message = request["sns"]
        return _environ(
            "POST",
            "/webhook/",
            json.dumps(message).encode(),
            CONTENT_TYPE="text/plain; charset=UTF-8",
            HTTP_AUTHORIZATION=f"Basic {b64encode(SECRET.encode()).decode()}",
            HTTP_USER_AGENT="Amazon Simple Notification Service Agent",
            HTTP_X_AMZ_SNS_MESSAGE_ID=message["MessageId"],
            HTTP_X_AMZ_SNS_MESSAGE_TYPE=message["Type"],
            HTTP_X_AMZ_SNS_TOPIC_ARN=message["TopicArn"],
        )
    configuration = settings.PYTRACKING_CONFIGURATION
    url = (
        pytracking.get_click_tracking_url(request["url"], request["metadata"], **configuration)
        if request["url"]
        else pytracking.get_open_tracking_url(request["metadata"], **configuration)
    )
    return _environ(
        "GET",
        f"/{url.removeprefix(BASE)}",
        b"",
        HTTP_ACCEPT="image/avif,image/webp,*/*;q=0.8",
        HTTP_ACCEPT_ENCODING="gzip, deflate, br",
        HTTP_USER_AGENT=request["user_agent"],
        HTTP_X_FORWARDED_FOR=request["ip"],
        HTTP_X_FORWARDED_PROTO="https",
    )


def _environ(method: str, where: str, body: bytes, **headers: str) -> Environ:
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": where,
        "QUERY_STRING": "",
        "SERVER_NAME": "track.society.example",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "track.society.example",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **headers,
    }


def answer(request: Environ) -> tuple[str, dict[str, str]]:
    """Has Django answer, as a WSGI server does; the status and the headers."""
    started: list[Any] = []
    response = application(request, lambda *arguments: started.extend(arguments))
    for _ in response:
        pass
    response.close()
    status, headers = started
    return status, dict(headers)


def check(request: Json, status: str, headers: dict[str, str]) -> None:
    """Has the answer be right.

    Raises:
        RuntimeError: it is not.
    """
    url = request.get("url")
    if not status.startswith("302" if url else "200") or headers.get("Location") != url:
        raise RuntimeError(f"{request}: {status}, {headers}")


def main() -> None:
    """Makes the table, and answers."""
    with connection.schema_editor() as editor:
        editor.create_model(Event)
    for line in sys.stdin:
        request = json.loads(line)
        if request is None:
            print(Event.objects.count(), flush=True)
            continue
        handed_over = environ(request)
        start = time.process_time()
        status, headers = answer(handed_over)
        seconds = time.process_time() - start
        check(request, status, headers)
        print(seconds, flush=True)


if __name__ == "__main__":
    main()
