"""Writes into the pages beside it what can be told from the code.

A generated block stands between ``<!-- generated:NAME -->`` and ``<!-- end:NAME -->``.

    python -m docs.generate           writes every block anew
    python -m docs.generate --check   fails if a block is not what would be written
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs import reference, resources

__all__ = ["GENERATORS", "block", "main", "misplaced", "pages"]

GENERATORS: Final[Mapping[str, Callable[[], str]]] = {
    "athena-tables": reference.athena_tables,
    "checks": reference.checks,
    "commands": reference.commands,
    "elements": reference.elements,
    "import-columns": reference.import_columns,
    "import-events": reference.import_events,
    "export-columns": reference.export_columns,
    "items": reference.items,
    "mcp-tools": reference.mcp_tools,
    "metrics": reference.metrics,
    "our-events": reference.our_events,
    "parameters": reference.parameters,
    "recipient-columns": reference.recipient_columns,
    "resources": resources.matrix,
    "ses-events": reference.ses_events,
    "settings": reference.settings,
    "spam-rules": reference.spam_rules,
}
"""What makes each block's Markdown. A block of another name, or none for a name, is an error."""

_START: Final = re.compile(r"^<!-- generated:(\S+) -->$", re.MULTILINE)
_BLOCK: Final = re.compile(
    r"^<!-- generated:(\S+) -->\n.*?^<!-- end:\1 -->$", re.MULTILINE | re.DOTALL
)


def pages() -> dict[Path, str]:
    """The pages that have generated blocks, and their text."""
    texts = {path: path.read_text("utf-8") for path in sorted(Path(__file__).parent.glob("*.md"))}
    return {path: text for path, text in texts.items() if _START.search(text)}


def block(name: str) -> str:
    """A block as it should be, with its markers.

    Raises:
        KeyError: no generator has the name.
    """
    return f"<!-- generated:{name} -->\n{GENERATORS[name]().strip()}\n<!-- end:{name} -->"


def misplaced() -> list[str]:
    """What is wrong with the markers: each name has one block, which begins and ends."""
    texts = pages().values()
    begun = [name for text in texts for name in _START.findall(text)]
    ended = [name for text in texts for name in _BLOCK.findall(text)]
    return [
        *(f"{name}: a block, and no generator" for name in sorted({*begun} - {*GENERATORS})),
        *(f"{name}: {begun.count(name)} blocks" for name in GENERATORS if begun.count(name) != 1),
        *(f"{name}: a block without an end" for name in sorted({*begun} - {*ended})),
    ]


def main(arguments: list[str]) -> int:
    """Writes, or checks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if stale")
    check = parser.parse_args(arguments).check
    problems = misplaced()
    for page, text in {} if problems else pages().items():
        fresh = _BLOCK.sub(lambda found: block(found[1]), text)
        if fresh == text:
            continue
        if check:
            problems.append(f"{page.name} is stale: python -m docs.generate")
        else:
            page.write_text(fresh, "utf-8")
            print(f"{page.name} written")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
