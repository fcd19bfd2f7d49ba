"""All benchmarks, one after another, and their results in one page, RESULTS.md.

    python -m benchmarks [NAME ...]

Each program runs in a process of its own and can also be run by itself, where it takes options and
says what it compares. What each found last is kept, so that the page can be written again when one
of them is run. The exit status is 1 if something that must hold does not.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from local.paths import ROOT, STATE

PROGRAMS: Final = (
    "ingest",
    "track",
    "dispatch",
    "startup",
    "cost",
    "scale",
    "engagement",
    "importing",
    "exporting",
    "receivers",
)
"""In the order of the page."""
KEPT: Final = STATE / "benchmarks"
LIBRARIES: Final = "aws-lambda-powertools boto3 awslambdaric django django-anymail pytracking"


def main() -> int:
    """Runs them; the process's exit status."""
    parser = argparse.ArgumentParser(description="Run the benchmarks and write down what they find")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(PROGRAMS)}")
    names = parser.parse_args().names
    unknown = set(names) - set(PROGRAMS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(PROGRAMS)}")
    KEPT.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in names or PROGRAMS:
        command = [sys.executable, "-m", f"benchmarks.{name}", "--into", str(KEPT / f"{name}.md")]
        if subprocess.run(command, check=False, cwd=ROOT).returncode:
            failed.append(name)
    files = [KEPT / f"{name}.md" for name in PROGRAMS]
    reports = [file.read_text("utf-8") for file in files if file.exists()]
    (ROOT / "benchmarks/RESULTS.md").write_text("\n".join([_head(), *reports]), "utf-8")
    if failed:
        print(f"not as it must be: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _head() -> str:
    """When, where and with what it was measured."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES.split())
    return (
        "# What the benchmarks found\n\n"
        f"By `make bench` on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores "
        f"({model[1] if model else platform.machine()}), Python {platform.python_version()}, "
        f"{libraries}. Such machines drift, so what stands side by side was measured in turns, "
        "round by round, and a ratio is the median of the rounds' own. The spread is from the "
        "least to the greatest of them.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
