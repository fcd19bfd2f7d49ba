"""All benchmarks, one after another, and their results in one page.

    python -m benchmarks [NAME ...] [--into benchmarks/RESULTS.md]

Each program runs in a process of its own and can also be run by itself, where it takes options and
says what it compares. The exit status is 1 if something that must hold does not.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.report import Report

HERE: Final = Path(__file__).resolve().parent
PROGRAMS: Final = ("ingest", "track", "startup", "cost", "scale", "mailing")
"""In the order of the page."""
LIBRARIES: Final = ("aws-lambda-powertools", "boto3", "moto", "awslambdaric")


def main() -> int:
    """Runs them; the process's exit status."""
    parser = argparse.ArgumentParser(description="Run the benchmarks and write down what they find")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(PROGRAMS)}")
    parser.add_argument("--into", type=Path, help="the page to write (none if not all are run)")
    options = parser.parse_args()
    names = options.names or PROGRAMS
    into = options.into or (None if options.names else HERE / "RESULTS.md")
    reports: list[Report] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="sendtrail-benchmarks-") as folder:
        for name in names:
            file = Path(folder) / f"{name}.json"
            done = subprocess.run(
                [sys.executable, str(HERE / f"{name}.py"), "--json", str(file)], check=False
            )
            if done.returncode:
                failed.append(name)
            if file.exists():
                reports.append(Report.read(file))
    if into:
        into.write_text("\n".join(_page(reports)), encoding="utf-8")
    if failed:
        print(f"not as it must be: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _page(reports: Sequence[Report]) -> Iterator[str]:
    yield "# What the benchmarks found"
    yield ""
    yield (
        f"By `make bench` on {datetime.now(UTC):%Y-%m-%d}: {_machine()}. Such machines drift, so "
        "what stands side by side was measured in turns, round by round, and a ratio is the median "
        "of the rounds' own. The spread is from the least to the greatest of them."
    )
    yield ""
    for report in reports:
        yield report.to_text()


def _machine() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}), Python "
        f"{platform.python_version()}, {libraries}"
    )


if __name__ == "__main__":
    sys.exit(main())
