"""What commands print: lines for people or JSON for machines on stdout, failures and progress on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from .._core.models import FileInfo, known_time
from .places import printable

__all__ = ["Teller", "file_entry", "progress_bar", "size_text"]

SHOWN_SECONDS = 0.1
"""Between two looks of a progress bar: more often nobody sees, and drawing costs."""


class Teller:
    """Prints what a command does: each event as a line, and the totals at the end."""

    def __init__(self, *, as_json: bool, dry_run: bool, verbose: bool = True) -> None:
        self._as_json = as_json
        self._dry_run = dry_run
        self._verbose = verbose or dry_run

    def event(self, action: str, key: str, **facts: Any) -> None:
        """Print a line for something that was done, or would have been."""
        if self._as_json:
            print(json.dumps({"action": action, "key": key, "dry_run": self._dry_run, **facts}))
        elif self._verbose:
            print(f"{'(dry run) ' if self._dry_run else ''}{action} {printable(key)}")

    def failed(self, key: str, error: BaseException) -> None:
        """Print a line for something that failed, on stderr."""
        print(f"remote-store: {printable(key)}: {printable(str(error))}", file=sys.stderr)
        if self._as_json:
            self.event("fail", key, error=str(error))

    def totals(self, **counts: int) -> None:
        """Print what there was in all; numbers of zero only for machines."""
        if self._as_json:
            print(json.dumps({"action": "totals", "dry_run": self._dry_run, **counts}))
            return
        texts = [size_text(n) if name == "bytes" else f"{n} {name}" for name, n in counts.items() if n]
        print(f"{'(dry run) ' if self._dry_run else ''}{', '.join(texts) or 'nothing to do'}")


def file_entry(info: FileInfo, key: str) -> dict[str, Any]:
    """Return what is told of a file, in a stable order."""
    moment = known_time(info.modified_at)
    return {"key": key, "type": "file", "size": info.size, "modified": _iso(moment), "etag": info.etag}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def size_text(size: int) -> str:
    """Return a number of bytes for people."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


class _Bar:
    """Tells rich of bytes, seldom enough that it costs nothing."""

    def __init__(self, bars: Any, task: Any) -> None:
        self._bars = bars
        self._task = task
        self._shown = 0.0
        self.files = 0

    def __call__(self, done: int, total: int, key: str) -> None:
        now = time.monotonic()
        if now - self._shown >= SHOWN_SECONDS or done == total:
            self._shown = now
            self._bars.update(self._task, completed=done, total=total, files=f"{self.files} files")


@contextmanager
def progress_bar(text: str) -> Iterator[_Bar | None]:
    """Show bytes, rate, remaining time and files while the block runs, if stderr is a terminal; else give None."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = [
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[files]}"),
    ]  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(bars, bars.add_task(text, total=None, files=""))
