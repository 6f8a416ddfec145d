"""The child process that is killed in the middle of a save.

It reads what to do from its standard input, one line of JSON, and says on its standard output when as many files
have landed as were asked for. Then it stands still, wherever its other files are, until it is killed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from .faces import faces
from .foreground import Blocked
from .source import Source

__all__ = ["main"]


def main() -> None:
    """Save until enough has landed, then wait for the end."""
    order = json.loads(sys.stdin.readline())
    source = Source.again(Path(order["workspace"]), order["keys"])
    landed = 0

    def progress(_done: int, _total: int, _key: str) -> None:
        nonlocal landed
        landed += 1
        if landed == order["stop_after"]:
            sys.stdout.write(f"{landed}\n")
            sys.stdout.flush()
            # Until SIGKILL. Should the parent be gone, the pipe ends; then nobody needs this process either.
            sys.stdin.read()
            os._exit(1)

    faces(order["face"], order["concurrency"]).save(source, order["url"], Blocked(), progress)


if __name__ == "__main__":
    main()
