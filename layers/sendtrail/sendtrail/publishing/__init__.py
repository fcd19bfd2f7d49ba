"""Events on their way out again: webhooks, and the event bus."""
