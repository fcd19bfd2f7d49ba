"""The event log: items, serialization, appending, the write fallback and recovery."""
