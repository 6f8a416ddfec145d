"""What a process holds besides memory: descriptors, threads, temporary files."""

from __future__ import annotations

import gc
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Footprint", "held", "label"]

IDLE_POOLS = re.compile(r"MainThread|AnyIO worker thread|Trio thread \d+|asyncio_\d+|Thread cache|pytest_timeout.*")
"""Threads that event loops keep for their next blocking call, and the test runner's own."""


@dataclass(frozen=True)
class Footprint:
    """Descriptors by number and target, threads that no pool accounts for, files below the folders watched."""

    descriptors: frozenset[str]
    threads: frozenset[str]
    files: frozenset[str]

    def beyond(self, before: Footprint) -> list[str]:
        """Return what has come since `before`, threads and descriptors only."""
        return sorted((self.descriptors - before.descriptors) | (self.threads - before.threads))

    @property
    def hidden(self) -> list[str]:
        """Temporary files among those found."""
        return [name for name in self.files if ".~tmp." in name]


def held(*folders: Path, collect: bool = False) -> Footprint:
    """Look at what the process holds now; with `collect`, after the collector has run."""
    if collect:
        gc.collect()
    return Footprint(_descriptors(), _threads(), frozenset(_files(folders)))


def _descriptors() -> frozenset[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(f"fd {number} {os.readlink(f'/proc/self/fd/{number}')}")
        except FileNotFoundError:
            continue  # the one that listed the folder
    return frozenset(found)


def _threads() -> frozenset[str]:
    # Idle threads of the pools come and go; a thread of ours has a name of its own.
    return frozenset(label(thread) for thread in threading.enumerate() if not IDLE_POOLS.fullmatch(thread.name))


def label(thread: threading.Thread) -> str:
    """Tell one thread from another, also where they have the same name."""
    return f"thread {thread.name} {thread.ident}"


def _files(folders: tuple[Path, ...]) -> list[str]:
    return [os.path.join(top, name) for folder in folders for top, _, names in os.walk(folder) for name in names]
