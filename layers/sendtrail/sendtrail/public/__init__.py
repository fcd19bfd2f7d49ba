"""The public routes, which need no key: what is in the link is signed."""
