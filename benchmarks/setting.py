"""What a benchmark is given: where it may write and how long it may take."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass
class Setting:
    """`root` is an empty folder of the run's own, on the disk that is measured."""

    root: str
    quick: bool

    def rounds(self, quick: int, full: int) -> int:
        return quick if self.quick else full

    def folder(self, key: str) -> str:
        """Make a folder below the root and return its path."""
        path = os.path.join(self.root, key)
        os.makedirs(path, exist_ok=True)
        return path

    def remove(self, paths: Sequence[str]) -> None:
        """Delete files, given by their keys."""
        for path in paths:
            os.unlink(os.path.join(self.root, path))


def fresh(folder: str, count: int) -> Callable[[int], list[str]]:
    """Return what gives `count` keys that were never used before, for each turn."""

    def paths(number: int) -> list[str]:
        mark = secrets.token_hex(4)
        return [f"{folder}/{mark}-{index:04x}.bin" for index in range(count)]

    return paths


def same(keys: Sequence[str]) -> Callable[[int], Sequence[str]]:
    """Return what gives the same keys for each turn."""
    return lambda number: keys
