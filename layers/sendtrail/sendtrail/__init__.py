"""Sendtrail: the trail of every email an organisation sends.

Event-sourced: commands append events to the log, projections build what is read. docs/design.md has
the rooms of this package and the order in which they import each other; a test holds it.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
