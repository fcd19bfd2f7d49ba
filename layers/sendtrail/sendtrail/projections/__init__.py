"""Projections of the log: stream batches, checkpoints, optimistic rows, read models, rebuild."""
