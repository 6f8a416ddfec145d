"""SIGKILL at random moments of a save: the newest checkpoint loads, byte-exact, each time (issue 6, DECISIONS 36)."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from remote_store.checkpoint import CheckpointManager
from tests.checkpoint.manager.desks import Desk
from tests.checkpoint.manager.victim import forked, items_of

KILLS = 20
"""In the default run, over all stores and faces; the soak run takes 300 a store."""
LIFE_SECONDS = 0.2
"""How long a victim lives at most after its first save: a random moment of one of the saves that follow."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


class Victims:
    """Kills one process after the other, each of which saves step after step, and looks at what is left."""

    def __init__(self, desk: Desk, url: str, s3: dict[str, Any] | None) -> None:
        self._desk, self._url, self._s3 = desk, url, s3
        self._dice = random.Random(36)
        self.told = -1
        self.killed_in_a_save = 0

    def kill_one(self) -> None:
        """Let one live for a while, kill it, and check."""
        face = self._dice.choice(["asyncio", "sync"])
        pid, pipe = forked(face, self._url, self._s3, self.told + 1)
        with os.fdopen(pipe, "rb") as lines:
            told = [lines.readline()]  # it lives and saves
            threading.Event().wait(self._dice.random() * LIFE_SECONDS)
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "it died by itself"
            told += lines.readlines()
        self.told = max(int(line) for line in told if line.endswith(b"\n"))
        self.check()

    def check(self) -> None:
        """The newest is the last one that was told, or one that was committed after it; all are whole."""
        manager = self._desk.manager()
        newest = self._desk.do(manager.latest)
        assert newest is not None
        assert newest.step >= self.told
        assert self._desk.do(manager.load) == items_of(newest.step)
        for generation in self._desk.do(manager.list):
            assert self._desk.do(lambda generation=generation: manager.load(generation)) == items_of(generation.step)
        self.killed_in_a_save += len(self._leftovers(manager))
        self.told = newest.step

    def _leftovers(self, manager: CheckpointManager) -> list[str]:
        found: list[str] = self._desk.do(lambda: manager.gc(dry_run=True, min_age=0)).leftovers
        self._desk.do(lambda: manager.gc(min_age=0))
        return found


def rounds(victims: Victims, count: int) -> None:
    for _ in range(count):
        victims.kill_one()
    assert victims.killed_in_a_save >= count // 4, "hardly any was killed in the middle of a save"


def on_disk(tmp_path: Path) -> Victims:
    return Victims(Desk("local", "sync", tmp_path), str(tmp_path), None)


def test_kills_on_a_local_disk(tmp_path: Path) -> None:
    victims = on_disk(tmp_path)
    rounds(victims, KILLS // 2)
    victims._desk.close()


def test_kills_on_seaweedfs(bucket: Any, tmp_path: Path) -> None:
    desk = Desk("seaweedfs", "sync", tmp_path, bucket.options)
    rounds(Victims(desk, "", bucket.options), KILLS // 2)
    desk.close()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_three_hundred_kills_on_a_local_disk(tmp_path: Path) -> None:
    victims = on_disk(tmp_path)
    rounds(victims, 300)
    victims._desk.close()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_three_hundred_kills_on_seaweedfs(bucket: Any, tmp_path: Path) -> None:
    desk = Desk("seaweedfs", "sync", tmp_path, bucket.options)
    rounds(Victims(desk, "", bucket.options), 300)
    desk.close()
