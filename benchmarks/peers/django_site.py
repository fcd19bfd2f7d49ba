"""A Django site with the two programs that an organisation would run today.

    django-anymail  its webhook for SES's notifications by SNS (`AmazonSESTrackingWebhookView`);
                    a receiver of its signal `tracking` stores each event
    pytracking      its views for the pixel and the link; each hit is stored before it is answered

Stored is through Django's ORM, into PostgreSQL, in the same request. Nothing here is there to make
it slow: no middleware, no DEBUG, no logging, one connection that stays open, one `INSERT` for each
event, and of each event the columns only, not the notification as it came.

As a program, it makes its table (`create`) or prints the number of rows (`count`).
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.urls import path

SITE: Final = os.environ["SITE"]
BASE: Final = f"https://{SITE}/"

settings.configure(
    ALLOWED_HOSTS=[SITE],
    ANYMAIL={"WEBHOOK_SECRET": os.environ["WEBHOOK_SECRET"]},
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["POSTGRESQL_SOCKET"],
            "NAME": "postgres",
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


def main() -> None:
    """Does what its argument says."""
    if sys.argv[1] == "create":
        with connection.schema_editor() as editor:
            editor.create_model(Event)
    else:
        print(Event.objects.count())


if __name__ == "__main__":
    main()
