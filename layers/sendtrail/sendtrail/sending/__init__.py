"""Sending: from a submitted request, by a plan and its fan-out, to SES."""
