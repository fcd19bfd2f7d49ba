"""Understanding what SES publishes: the envelopes it comes in, and what it says."""
