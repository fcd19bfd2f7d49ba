"""The command `sendtrail`, for operators: one module a command."""
