"""The command `sendtrail`, for operators: one module a command. It is not part of the layer."""
