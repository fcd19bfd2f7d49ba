"""Progress bars on standard error, for what takes longer than ten seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(title: str, total: float) -> Iterator[Callable[[float], None]]:
    """A bar, and what moves it on, which threads may share.

    Nothing is drawn where standard error is no terminal, or `rich` is not installed.

    Args:
        total: at what the bar is full; may be an estimate.
    """
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        drawn = False
    else:
        drawn = sys.stderr.isatty()
    if not drawn:
        yield lambda _by: None
        return
    with Progress(console=Console(stderr=True), transient=True) as bars:
        yield partial(bars.advance, bars.add_task(title, total=total))
