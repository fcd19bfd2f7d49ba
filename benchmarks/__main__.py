"""All benchmarks, one after another, and their results in one page.

    python -m benchmarks [NAME ...]

Each program runs in a process of its own and can also be run by itself, where it takes options and
says what it compares. The exit status is 1 if something that must hold does not.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.report import Report

HERE: Final = Path(__file__).resolve().parent
PROGRAMS: Final = ("ingest", "track", "startup", "cost", "scale", "mailing")
"""In the order of the page."""
KEPT: Final = HERE.parent / ".local" / "benchmarks"
LIBRARIES: Final = (
    "aws-lambda-powertools",
    "boto3",
    "awslambdaric",
    "django",
    "django-anymail",
    "pytracking",
)


def main() -> int:
    """Runs them; the process's exit status."""
    parser = argparse.ArgumentParser(description="Run the benchmarks and write down what they find")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help=f"of {', '.join(PROGRAMS)}; all, if none is given"
    )
    parser.add_argument("--into", type=Path, default=HERE / "RESULTS.md", help="the page to write")
    options = parser.parse_args()
    unknown = set(options.names) - set(PROGRAMS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(PROGRAMS)}")
    KEPT.mkdir(parents=True, exist_ok=True)
    failed = [name for name in options.names or PROGRAMS if not _holds(name)]
    files = [KEPT / f"{name}.json" for name in PROGRAMS]
    reports = [Report.read(file) for file in files if file.exists()]
    options.into.write_text("\n".join(_page(reports)), encoding="utf-8")
    if failed:
        print(f"not as it must be: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _holds(name: str) -> bool:
    """Runs one; whether all holds that must. Its report is kept, so that the page can be written
    again when another is run.
    """
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(KEPT / f"{name}.json")]
    return subprocess.run(command, check=False).returncode == 0


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
