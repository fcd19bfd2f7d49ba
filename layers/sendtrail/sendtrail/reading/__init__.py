"""Queries and views for people: history, figures, search, export, preview."""
