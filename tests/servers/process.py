"""A server as a child process in a folder of its own: started, waited for, killed."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

__all__ = ["NotStarted", "answers", "started"]


class NotStarted(Exception):
    """The server ended before it was ready, or was not ready in time; the text has the end of its log."""


def started(
    command: list[str], folder: Path, probe: str | Callable[[], bool], *, seconds: float = 60.0
) -> subprocess.Popen[bytes]:
    """Start a server and return it when `probe`, a URL or a question of the caller's own, answers."""
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, cwd=folder, stdout=sink, stderr=subprocess.STDOUT)
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if answers(probe) if isinstance(probe, str) else probe():
            return process
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise NotStarted(f"{command[0]} was not ready:\n{log.read_text(errors='replace')[-2000:]}")


def answers(url: str) -> bool:
    """Return whether a URL gives an HTTP answer of any kind but a server's error."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status < 500)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
