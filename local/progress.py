"""How far a long task has come: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

__all__ = ["Tell", "progress"]

Tell = Callable[[int, int], None]
"""Is told how much is done and how much there is, as far as is known; as often as one likes."""

_LINE_EVERY: Final = 15.0
"""Seconds between two lines where there is no terminal."""


@contextmanager
def progress(title: str) -> Iterator[Tell]:
    """Shows how far a task has come; it is done when the context is left."""
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield _lines(title)
        return
    # The bar hides the cursor, and a thread that ends with its process does not bring it back.
    atexit.register(console.show_cursor, True)
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
        total = bar.tasks[0].total or 1
        bar.update(task, completed=total, total=total)


def _lines(title: str) -> Tell:
    """Prints a line when the last one is some time ago."""
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINE_EVERY:
            last = time.monotonic()
            print(f"  {title}: {done:,} of {total:,}", flush=True)

    return tell
