"""What Sendtrail does: one module for each thing it is asked to do."""
