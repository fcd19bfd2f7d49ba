"""Intake: envelopes, the parser of SES's notifications, and ingest."""
