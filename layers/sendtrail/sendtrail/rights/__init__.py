"""A person's rights: erasing them, wherever anything of them is kept."""
