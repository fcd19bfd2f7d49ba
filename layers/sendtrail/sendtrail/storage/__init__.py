"""Where things are kept: what an item looks like, and how rows are changed safely."""
