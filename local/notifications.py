"""SES notifications as SES writes them, for the demo and the tests.

The shapes are the SES developer guide's examples ("Examples of event data that Amazon SES publishes
to Amazon SNS").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.template import ACCOUNT, REGION
from sendtrail.domain.times import Timestamp

__all__ = ["EVENTBRIDGE_NAMES", "Mail", "eventbridge", "sns_envelope"]

Json = dict[str, Any]

EVENTBRIDGE_NAMES = {
    "Send": "Email Sent",
    "Delivery": "Email Delivered",
    "Bounce": "Email Bounced",
    "Complaint": "Email Complaint Received",
    "Reject": "Email Rejected",
    "Open": "Email Opened",
    "Click": "Email Clicked",
    "Rendering Failure": "Email Rendering Failed",
    "DeliveryDelay": "Email Delivery Delayed",
    "Subscription": "Email Subscribed",
}


@dataclass(frozen=True)
class Mail:
    """One mail that SES took; each method is a notification about it.

    Attributes:
        ses_id: SES's ``messageId``.
        sent_at: SES's ``mail.timestamp``.
        tags: the sender's own tags.
        headers: the sender's own headers, beside those that every mail has.
        configuration_set: the configuration set that it named.
    """

    ses_id: str
    sent_at: Timestamp
    to: Sequence[str]
    subject: str = "News of the month"
    source: str = "The Society <news@society.example>"
    tags: Mapping[str, str] = field(default_factory=dict)
    headers: Sequence[tuple[str, str]] = ()
    configuration_set: str = "sendtrail"

    def send(self) -> Json:
        """SES took it."""
        return self._event("Send", "send", {})

    def reject(self, reason: str = "Bad content") -> Json:
        """SES found a virus."""
        return self._event("Reject", "reject", {"reason": reason})

    def rendering_failure(self, error: str) -> Json:
        """A template lacked something."""
        failure = {"templateName": "newsletter", "errorMessage": error}
        return self._event("Rendering Failure", "failure", failure)

    def delivery(self, at: Timestamp, to: Sequence[str] | None = None) -> Json:
        """The receiving server took it."""
        return self._event(
            "Delivery",
            "delivery",
            {
                "timestamp": at,
                "processingTimeMillis": 2417,
                "recipients": list(to or self.to),
                "smtpResponse": "250 2.0.0 OK 1700000000 ak3si1234567wjc.42 - gsmtp",
                "reportingMTA": "a7-30.smtp-out.eu-west-1.amazonses.com",
                "remoteMtaIp": "192.0.2.26",
            },
        )

    def bounce(
        self,
        at: Timestamp,
        kind: str = "Permanent",
        subtype: str = "General",
        *,
        status: str | None = "5.1.1",
        diagnostic: str | None = "smtp; 550 5.1.1 user unknown",
        to: Sequence[str] | None = None,
    ) -> Json:
        """It did not arrive, or an automatic reply came."""
        detail = {"action": "failed", "status": status, "diagnosticCode": diagnostic}
        told = {name: value for name, value in detail.items() if value is not None}
        return self._event(
            "Bounce",
            "bounce",
            {
                "bounceType": kind,
                "bounceSubType": subtype,
                "bouncedRecipients": [
                    {"emailAddress": address, **told} for address in to or self.to
                ],
                "timestamp": at,
                "feedbackId": f"0102-{self.ses_id}-{at}-{kind}-{subtype}",
                "reportingMTA": "dsn; a7-30.smtp-out.eu-west-1.amazonses.com",
            },
        )

    def complaint(
        self,
        at: Timestamp,
        feedback_type: str | None = "abuse",
        *,
        subtype: str | None = None,
        to: Sequence[str] | None = None,
    ) -> Json:
        """Somebody marked it as spam."""
        complaint = {
            "complainedRecipients": [{"emailAddress": address} for address in to or self.to],
            "timestamp": at,
            "feedbackId": f"0102-{self.ses_id}-{at}-{feedback_type}-{subtype}",
            "complaintSubType": subtype,
            "userAgent": "ExampleCorp Feedback Loop (V0.01)",
            "arrivalDate": at,
        }
        if feedback_type:
            complaint["complaintFeedbackType"] = feedback_type
        return self._event("Complaint", "complaint", complaint)

    def delay(self, at: Timestamp, kind: str = "MailboxFull") -> Json:
        """The receiving server does not take it yet."""
        return self._event(
            "DeliveryDelay",
            "deliveryDelay",
            {
                "timestamp": at,
                "delayType": kind,
                "expirationTime": at,
                "delayedRecipients": [
                    {
                        "emailAddress": address,
                        "status": "4.2.2",
                        "diagnosticCode": "smtp; 452 4.2.2 mailbox full",
                    }
                    for address in self.to
                ],
            },
        )

    def open(self, at: Timestamp, agent: str, ip: str = "192.0.2.1") -> Json:
        """The pixel was loaded."""
        body = {"timestamp": at, "ipAddress": ip, "userAgent": agent}
        return self._event("Open", "open", body)

    def click(self, at: Timestamp, link: str, agent: str, ip: str = "192.0.2.1") -> Json:
        """A link was followed."""
        body = {
            "timestamp": at,
            "ipAddress": ip,
            "userAgent": agent,
            "link": link,
            "linkTags": None,
        }
        return self._event("Click", "click", body)

    def subscription(self, at: Timestamp, *, unsubscribed: bool) -> Json:
        """The recipient changed what they want."""
        status = "OptOut" if unsubscribed else "OptIn"
        topic = [{"topicName": "news", "subscriptionStatus": status}]
        old = "OptIn" if unsubscribed else "OptOut"
        return self._event(
            "Subscription",
            "subscription",
            {
                "contactList": "members",
                "timestamp": at,
                "source": "UnsubscribeHeader",
                "newTopicPreferences": {
                    "unsubscribeAll": unsubscribed,
                    "topicSubscriptionStatus": topic,
                },
                "oldTopicPreferences": {
                    "unsubscribeAll": not unsubscribed,
                    "topicSubscriptionStatus": [{"topicName": "news", "subscriptionStatus": old}],
                },
            },
        )

    def legacy(self, event: Json) -> Json:
        """The same as a legacy notification: no tags, no headers."""
        mail = {
            "timestamp": self.sent_at,
            "messageId": self.ses_id,
            "source": self.source,
            "sourceArn": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/society.example",
            "sourceIp": "192.0.2.9",
            "callerIdentity": "mailer",
            "sendingAccountId": ACCOUNT,
            "destination": list(self.to),
        }
        name = event["eventType"]
        return {"notificationType": name, "mail": mail, name.lower(): event[name.lower()]}

    def _event(self, name: str, body_name: str, body: Json) -> Json:
        return {"eventType": name, "mail": self._mail(), body_name: body}

    def _mail(self) -> Json:
        to, subject = ", ".join(self.to), self.subject
        return {
            "timestamp": self.sent_at,
            "source": self.source,
            "sourceArn": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/society.example",
            "sendingAccountId": ACCOUNT,
            "messageId": self.ses_id,
            "destination": list(self.to),
            "headersTruncated": False,
            "headers": [
                {"name": "From", "value": self.source},
                {"name": "To", "value": to},
                {"name": "Subject", "value": subject},
                {"name": "MIME-Version", "value": "1.0"},
                *({"name": name, "value": value} for name, value in self.headers),
            ],
            "commonHeaders": {
                "from": [self.source],
                "to": list(self.to),
                "messageId": self.ses_id,
                "subject": subject,
            },
            "tags": {
                "ses:operation": ["SendEmail"],
                "ses:configuration-set": [self.configuration_set],
                "ses:source-ip": ["192.0.2.9"],
                "ses:from-domain": ["society.example"],
                "ses:caller-identity": ["mailer"],
                **{name: [value] for name, value in self.tags.items()},
            },
        }


def sns_envelope(message: str, sns_id: str = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324") -> Json:
    """What SNS puts around a message in SQS, without raw delivery."""
    return {
        "Type": "Notification",
        "MessageId": sns_id,
        "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:ses-events",
        "Subject": "Amazon SES Email Event Notification",
        "Message": message,
        "Timestamp": "2026-11-24T09:30:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.example/cert.pem",
        "UnsubscribeURL": "https://sns.example/unsubscribe",
    }


def eventbridge(event: Json) -> Json:
    """The same event, as EventBridge brings it."""
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": EVENTBRIDGE_NAMES[event["eventType"]],
        "source": "aws.ses",
        "account": ACCOUNT,
        "time": event["mail"]["timestamp"][:19] + "Z",
        "region": REGION,
        "resources": [f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/sendtrail"],
        "detail": event,
    }
