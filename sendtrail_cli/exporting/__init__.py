"""`sendtrail export`: the log and the figures as files, and such files read back."""
