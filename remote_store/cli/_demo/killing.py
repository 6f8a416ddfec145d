"""Starting a save in a child process and killing it half-way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from .source import Source

__all__ = ["Killed", "kill_half_way"]


@dataclass(frozen=True, slots=True)
class Killed:
    """How the child ended: its exit status (minus the signal's number), and how many files it had written by then."""

    status: int
    landed: int


def kill_half_way(face: str, concurrency: int, source: Source, url: str, step: int) -> Killed:
    """Save in a child process, kill it with SIGKILL when half of the files are written, and wait for its end.

    Raises RuntimeError with the child's own words if it ends before.
    """
    order = {
        "face": face,
        "concurrency": concurrency,
        "workspace": str(source.workspace),
        "keys": list(source.sizes),
        "url": url,
        "step": step,
        "stop_after": max(1, len(source.sizes) // 2),
    }
    # A session of its own: Ctrl-C is for the parent, which kills the child in any case.
    child = subprocess.Popen(  # noqa: S603  # this interpreter, with a module of ours
        [sys.executable, "-m", f"{__package__}.victim"],
        # It leaves its temporary folder behind, as the killed do: here it goes with the demo's.
        env={**os.environ, "TMPDIR": str(source.workspace.parent)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with child:
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(order) + "\n")
            child.stdin.flush()
            landed = child.stdout.readline()
        finally:
            child.kill()
        if not landed:
            _, words = child.communicate()
            raise RuntimeError(f"the save that was to be killed ended by itself, with {child.returncode}: {words}")
    return Killed(child.returncode, int(landed))
