"""Read models projected from the log: stream batches, checkpoints, optimistic rows, rebuild."""
