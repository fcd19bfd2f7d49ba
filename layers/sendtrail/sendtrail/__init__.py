"""Sendtrail: the trail of every email an organisation sends.

Dependencies point one way: functions → services → domain, with `storage`, `ses` and `aws` at the
side. The domain imports no AWS library.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
