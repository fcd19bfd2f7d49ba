"""Tracking: the public routes for pixel, links and preferences, whose tokens are signed."""
