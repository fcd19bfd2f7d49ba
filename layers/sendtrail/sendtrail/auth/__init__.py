"""Who may do what: API keys, sessions, signed tokens, and the keys that sign them."""
