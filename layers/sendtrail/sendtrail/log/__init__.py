"""The log: elements, items, trails, serialization, the write fallback and recovery."""
