"""What the demo tells: a bar and a table on a terminal, plain lines in a pipe, one document for machines."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from ..._core.version import __version__
from ...checkpoint.transfer import Progress as Callback

if TYPE_CHECKING:
    from .source import Source
    from .story import StoryResult

__all__ = ["Report", "shown"]

NAMED = 5
"""How many unreadable paths are printed by name; `--json` has all."""


@contextmanager
def shown(*, as_json: bool) -> Iterator[Report]:
    """Make the report that fits: JSON if wanted, else a bar where a terminal looks on, else lines."""
    if as_json:
        yield JsonReport()
        return
    console = Console(highlight=False, soft_wrap=True)
    yield TerminalReport(console) if console.is_terminal else Report(console)


class Report:
    """Plain lines, one for each step, and a table at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def source(self, source: Source) -> None:
        """Tell what is saved and what is left out."""
        self._line(f"{source.folder}: {len(source.sizes)} files, {_mb(source.total)} with the packed one")
        for reason, count in sorted(source.skipped.items()):
            self._line(f"  left out: {count} x {reason}")
        for path in source.unreadable[:NAMED]:
            self._line(f"  left out, could not be read: {path}")
        if len(source.unreadable) > NAMED:
            self._line(f"  left out, could not be read: {len(source.unreadable) - NAMED} more")

    @contextmanager
    def moving(self, what: str, result: StoryResult) -> Iterator[Callback | None]:
        """Tell of a save or a restore while the block runs; yields what to call after each part."""
        yield None
        self._line(f"{what}: {result.files} files, {_mb(result.bytes)}, done")

    def killed(self, result: StoryResult) -> None:
        """Tell that the child is dead."""
        assert result.killed is not None
        self._line(
            f"{result.mode}: save step 2: killed with SIGKILL (status {result.killed.status})"
            f" when {result.killed.landed} of {result.files} files were written"
        )

    def looked(self, result: StoryResult, left: int) -> None:
        """Tell what the crash has left: of the step before, of the crashed one, and objects that were removed."""
        self._line(
            f"{result.mode}: LATEST names {result.latest_after_kill}, {len(result.damaged_after_kill)} of its"
            f" {result.files} files damaged, every byte read; of step 2 {len(result.half_files)} can be loaded, {left} objects collected"
        )

    def compared(self, result: StoryResult) -> None:
        """Tell whether the restored files are the saved ones."""
        verdict = f"DIFFERENT: {', '.join(result.differences[:NAMED])}" if result.differences else "every byte the same"
        self._line(f"{result.mode}: compared {result.files} files: {verdict}")

    def results(self, source: Source, results: list[StoryResult]) -> None:
        """Print the table."""
        table = Table(title=f"remote-store {__version__}: checkpoints of {source.folder}")
        table.add_column("")
        for result in results:
            table.add_column(result.mode, justify="right")
        for name, cells in _rows(results):
            table.add_row(name, *cells)
        self._console.print(table)

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False)


class TerminalReport(Report):
    """A progress bar besides the lines."""

    @contextmanager
    def moving(self, what: str, result: StoryResult) -> Iterator[Callback | None]:
        """Show a bar with bytes, rate, parts and the time that is left."""
        columns = (
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
            TextColumn("{task.fields[parts]} parts"), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=self._console, transient=True) as bars:
            task = bars.add_task(what, total=result.bytes, parts=0)
            parts = 0

            def landed(done: int, total: int, _part: str) -> None:
                nonlocal parts
                parts += 1
                bars.update(task, completed=done, total=total, parts=parts)

            yield landed
        self._line(f"{what}: {result.files} files, {_mb(result.bytes)}, done")


class JsonReport(Report):
    """Nothing but one document at the end; its keys stay."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))

    def moving(self, what: str, result: StoryResult) -> Any:
        """Show nothing."""
        return nullcontext()

    def results(self, source: Source, results: list[StoryResult]) -> None:
        """Print the document."""
        document = {
            "version": __version__,
            "python": platform.python_version(),
            "source": {
                "path": str(source.folder),
                "files": len(source.sizes),
                "bytes": source.total,
                "skipped": source.skipped,
                "unreadable": source.unreadable,
            },
            "runs": [_as_json(result) for result in results],
            "ok": not source.unreadable and all(result.ok for result in results),
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _as_json(result: StoryResult) -> dict[str, Any]:
    return {
        "mode": result.mode,
        "files": result.files,
        "bytes": result.bytes,
        "save_mb_per_s": round(2 * result.bytes / 1e6 / result.save_seconds, 1),
        "restore_mb_per_s": round(result.bytes / 1e6 / result.restore_seconds, 1),
        "blocked_longest_ms": round(result.blocked.longest * 1e3, 3),
        "blocked_total_ms": round(result.blocked.total * 1e3, 3),
        "blocked_percent": round(result.blocked.percent, 2),
        "idle_late_percent": round(result.idle.percent, 2),
        "foreground_ticks": result.blocked.ticks,
        "foreground_seconds": round(result.blocked.running, 3),
        "killed_status": result.killed.status if result.killed else None,
        "killed_after_files": result.killed.landed if result.killed else None,
        "latest_after_kill": result.latest_after_kill,
        "previous_intact": result.survived,
        "damaged_after_kill": result.damaged_after_kill,
        "half_files": result.half_files,
        "differences": result.differences,
        "seconds": round(result.seconds, 3),
        "ok": result.ok,
    }


def _rows(results: list[StoryResult]) -> Iterator[tuple[str, list[str]]]:
    shown = [_as_json(result) for result in results]
    yield "files", [str(run["files"]) for run in shown]
    yield "bytes", [f"{run['bytes']:,}" for run in shown]
    yield "save, MB/s", [f"{run['save_mb_per_s']:.0f}" for run in shown]
    yield "restore, MB/s", [f"{run['restore_mb_per_s']:.0f}" for run in shown]
    yield "blocked, longest", [f"{run['blocked_longest_ms']:.1f} ms" for run in shown]
    yield "blocked, total", [_share(run) for run in shown]
    yield "  without a save", [f"{run['idle_late_percent']:.1f} %" for run in shown]
    yield "killed after", [f"{run['killed_after_files']} files" for run in shown]
    yield "step before it", ["named, whole" if run["previous_intact"] else "LOST" for run in shown]
    yield "restored", ["every byte" if not run["differences"] else "DIFFERENT" for run in shown]
    yield "all of it", [f"{run['seconds']:.1f} s" for run in shown]


def _share(run: dict[str, Any]) -> str:
    return f"{run['blocked_total_ms']:.0f} ms, {run['blocked_percent']:.1f} %"


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
