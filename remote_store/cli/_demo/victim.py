"""The child process that is killed in the middle of a save.

It reads what to do from its standard input, one line of JSON, and says on its standard output when as many files
have been written as were asked for. Then it stands still, wherever its parts are, until it is killed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from .faces import faces
from .source import Source

__all__ = ["main"]


def main() -> None:
    """Save until enough has been written, then wait for the end."""
    order = json.loads(sys.stdin.readline())
    source = Source.again(Path(order["workspace"]), order["keys"])

    def written(number: int) -> None:
        if number == order["stop_after"]:
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            # Until SIGKILL. Should the parent be gone, the pipe ends; then nobody needs this process either.
            sys.stdin.read()
            os._exit(1)

    faces(order["face"], order["concurrency"]).save_one_by_one(source, order["url"], order["step"], written)


if __name__ == "__main__":
    main()
