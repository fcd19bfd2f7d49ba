"""Authentication: API keys, console sessions, signed tokens and signing keys."""
