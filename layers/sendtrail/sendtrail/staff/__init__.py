"""What staff and schedules record: addresses, transactions, suppressions, inactivity."""
