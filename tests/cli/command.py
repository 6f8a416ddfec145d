"""Running `remote-store` as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["Command"]


class Command:
    """The command, with `temp` as the place of its temporary files."""

    def __init__(self, root: Path) -> None:
        self.temp = root / "temp"
        self.temp.mkdir()
        self.environ = {**os.environ, "TMPDIR": str(self.temp), "COLUMNS": "100", "TERM": "xterm"}
        self.argv = [sys.executable, "-m", "remote_store.cli"]

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run it to its end, its output in pipes."""
        return subprocess.run(
            [*self.argv, *map(str, arguments)], env=self.environ, capture_output=True, text=True, timeout=100
        )

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start it, its output in pipes."""
        return subprocess.Popen(
            [*self.argv, *map(str, arguments)],
            env={**self.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def leavings(self) -> list[str]:
        """What it has left in its temporary folder."""
        return sorted(path.name for path in self.temp.iterdir())
