"""`sendtrail import`: archives of SES's events, and other services' exports, into trails."""
