"""The demo's story: save, crash, look, save again, restore, compare."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .compare import local_differences
from .faces import Face, remove, url_of
from .foreground import Blocked
from .killing import Killed, kill_half_way
from .report import Report
from .source import Source

__all__ = ["Story", "StoryResult"]

IDLE_SECONDS = 0.5


@dataclass(slots=True)
class StoryResult:
    """What one way of running came to; seconds, bytes, and the keys that were not as they must be."""

    mode: str
    files: int
    bytes: int
    save_seconds: float = 0.0
    restore_seconds: float = 0.0
    seconds: float = 0.0
    blocked: Blocked = field(default_factory=Blocked)
    idle: Blocked = field(default_factory=Blocked)
    killed: Killed | None = None
    latest_after_kill: str | None = None
    damaged_after_kill: list[str] = field(default_factory=list)
    half_files: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def survived(self) -> bool:
        """Whether the step before the crash was still the one named, and whole."""
        return self.latest_after_kill == "step-1" and not self.damaged_after_kill and not self.half_files

    @property
    def ok(self) -> bool:
        """Whether everything was as it must be."""
        return self.survived and not self.differences


class Story:
    """The steps, told once for all faces; `home` is a local folder of its own, `store` a URL to save below."""

    def __init__(self, face: Face, source: Source, home: Path, store: str, report: Report, concurrency: int) -> None:
        self._face = face
        self._source = source
        self._home = home
        self._store = store
        self._folder = f"remote-store-demo-{uuid.uuid4().hex[:12]}"
        self._url = url_of(store, self._folder)
        self._report = report
        self._concurrency = concurrency
        self._result = StoryResult(face.name, len(source.sizes), source.total)

    def run(self) -> StoryResult:
        """Tell it all, and remove what was made, whatever happens."""
        began = time.perf_counter()
        self._home.mkdir(parents=True)
        try:
            # How late a tick is on this machine with nothing to disturb it: what the other figure is to be held against.
            self._face.idle(IDLE_SECONDS, self._result.idle)
            self._save(1)
            self._crash(2)
            self._look(1, 2)
            self._save(3)
            self._restore()
        finally:
            remove(self._store, self._folder)
            shutil.rmtree(self._home, ignore_errors=True)
        self._result.seconds = time.perf_counter() - began
        return self._result

    def _save(self, step: int) -> None:
        self._source.set_step(step)
        with self._report.moving(f"{self._face.name}: save step {step}", self._result) as progress:
            self._result.save_seconds += _timed(
                lambda: self._face.save(self._source, self._url, step, self._result.blocked, progress)
            )

    def _crash(self, step: int) -> None:
        self._source.set_step(step)
        self._result.killed = kill_half_way(self._face.name, self._concurrency, self._source, self._url, step)
        self._report.killed(self._result)

    def _look(self, named: int, crashed: int) -> None:
        """See what a reader sees after the crash: the step before, whole; of the crashed one nothing."""
        result, face = self._result, self._face
        newest = face.latest(self._url)
        result.latest_after_kill = None if newest is None else f"step-{newest}"
        result.damaged_after_kill = face.damage(self._url, named)
        result.half_files = face.names(self._url, crashed) if crashed in face.steps(self._url) else []
        self._report.looked(result, face.collect(self._url))

    def _restore(self) -> None:
        step = self._face.latest(self._url) or 0
        target = self._home / "restored"
        target.mkdir()
        with self._report.moving(f"{self._face.name}: restore step-{step}", self._result) as progress:
            self._result.restore_seconds = _timed(
                lambda: self._face.restore(self._url, step, target, self._result.blocked, progress)
            )
        self._result.differences = local_differences(target, self._source, 3)
        self._report.compared(self._result)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
