"""What the tests of the local backend look at the disk with: by os calls alone, never by our own code."""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.errors import RemoteStoreError
from remote_store.backends.local import commit, guard, places, transfer

HIDDEN = re.compile(r"\.~tmp\.[0-9a-f]{16}")
LINUX = sys.platform.startswith("linux")


def snapshot(root: Path) -> dict[str, object]:
    """Return all that is below `root`: a file's bytes, a link's target, None for a folder."""
    found: dict[str, object] = {}
    for folder, folders, names in os.walk(os.fsencode(root)):
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            key = os.fsdecode(os.path.relpath(path, os.fsencode(root)))
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[key] = "-> " + os.fsdecode(os.readlink(path))
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    found[key] = file.read()
            else:
                found[key] = None if stat.S_ISDIR(mode) else oct(mode)
    return found


def leftovers(root: Path) -> list[str]:
    """Return the hidden files of writers below `root`."""
    return [key for key in snapshot(root) if HIDDEN.fullmatch(key.rpartition("/")[2])]


def open_below(root: Path) -> list[str]:
    """Return what this process holds open at `root` and below it."""
    held = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
        if target.startswith(str(root)):
            held.append(target)
    return held


def together(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Run `act` in that many threads which start at the same moment; return results, and errors of ours."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = act(index)
        except RemoteStoreError as error:
            results[index] = error
        except BaseException as error:
            results[index] = error
            raise

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def in_child(act: Callable[[], object]) -> str:
    """Run `act` in a forked child; return `repr` of its result, or of the error it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = repr(act())
        except BaseException as error:  # noqa: BLE001  # whatever it is, the parent is told
            text = f"{type(error).__name__}: {error!r}"
        os.write(writing, text.encode()[:60_000])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        text = answer.read().decode()
    os.waitpid(child, 0)
    return text


def in_mode(mode: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the guard work by the kernel's openat2, by the walk from folder to folder, or by checked paths."""
    if mode == "kernel" and guard._openat2 is None:
        pytest.skip("this kernel or sandbox has no openat2; the walk does all the work")
    if mode == "walk":
        monkeypatch.setattr(guard, "_openat2", None)
    if mode == "paths":
        for module in (places, commit, transfer):
            monkeypatch.setattr(module, "HAS_DIR_FD", False)
    return mode


def pieces_of(content: bytes, size: int) -> Iterator[bytes]:
    """Cut content into pieces."""
    for start in range(0, len(content), size):
        yield content[start : start + size]
