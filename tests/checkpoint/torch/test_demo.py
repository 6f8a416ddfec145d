"""`make demo-torch`, its short form: killed while it saves, the training ends with the same weights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.timeout(240)
def test_a_killed_training_is_resumed_to_the_same_weights(tmp_path: Path) -> None:
    """Two gloo ranks, async saves, SIGKILL during the second save: bit by bit what an unbroken run gives."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "demo_torch.py"), "--steps", "12", "--every", "4", "--store", str(tmp_path)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed by SIGKILL: all 2 ranks" in done.stdout
    assert "resumed at step 4" in done.stdout or "resumed at step 8" in done.stdout
    assert "the same to the last bit" in done.stdout
