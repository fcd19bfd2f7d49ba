"""The event log: events as items and as text, appending, the write fallback, and recovery."""
