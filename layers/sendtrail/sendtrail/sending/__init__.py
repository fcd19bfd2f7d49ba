"""Sending: submission, plans, fan-out, eligibility and idempotent dispatch to SES."""
