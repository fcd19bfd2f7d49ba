"""A smaller storm; the whole one is ``python -m tests.faults.storm``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.functional.conftest import IN_TREE, JAR
from tests.support import clean_environment, copy_of_tree, missing

SMALL = ("--records", "1000", "--letters", "50", "--wait", "20")


def test_after_a_storm_every_row_is_what_a_plain_count_gives(tmp_path: Path) -> None:
    """Kills, throttles, time-outs, half batches, redeliveries, and a rebuild in the middle."""
    folder = Path(os.environ.get("SENDTRAIL_DYNAMODB_LOCAL", IN_TREE))
    if not (folder / JAR).exists() or shutil.which("java") is None:
        missing("DynamoDB Local and Java")
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.storm", *SMALL],
        cwd=copy_of_tree(tmp_path),
        env=clean_environment(SENDTRAIL_DYNAMODB_LOCAL=str(folder)),
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kills of ProjectFunction" in done.stdout
    assert "did part of a batch" in done.stdout
    assert "batches delivered again" in done.stdout
