"""`remote-store demo`: checkpoint a real folder, crash in the middle, restore."""

from __future__ import annotations

import enum
import shutil
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from .._core.errors import InvalidConfig
from .._core.urls import parse_url
from .._store.opening import open_store
from ._demo.faces import Face, faces
from ._demo.report import Report, shown
from ._demo.source import MIB, Source
from ._demo.story import Story, StoryResult
from .exits import FAILED, OK, reported

__all__ = ["demo"]

STANDARD_LIBRARY_SKIPS = frozenset({"site-packages", "dist-packages"})
"""Other people's packages, of any size, that live inside the standard library's folder."""


class Mode(enum.StrEnum):
    """The three ways of running."""

    asyncio = "asyncio"
    trio = "trio"
    sync = "sync"


@reported
def demo(
    path: Annotated[
        Path | None,
        typer.Argument(help="The folder to checkpoint. Default: this Python's standard library.", show_default=False),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(help="URL or folder to save into. Default: a temporary folder.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for machines.")] = False,
    mode: Annotated[
        list[Mode] | None, typer.Option(help="Run this way only; may be given again.", show_default="all three")
    ] = None,
    packed_mib: Annotated[
        int, typer.Option(min=0, help="Size in MiB of one large file, packed from the folder's, saved with them.")
    ] = 256,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Parts of 8 MiB on the way at a time.")] = 8,
) -> int:
    """Checkpoint a real folder while a foreground loop goes on, crash in the middle, restore, compare every byte.

    Each way of running (asyncio, trio, the sync face) saves a first step with a checkpoint manager, starts a second
    save in a child process and kills that with SIGKILL half-way, shows that the first step is still the newest, that
    every byte of it is there and that nothing of the second can be loaded, saves a third step, restores it and
    compares every byte.

    Symbolic links, `__pycache__` folders and special files in the folder are left out and counted; files that can't
    be read are left out, named, and make the exit code 1. All that was made is removed at the end, also after Ctrl-C.
    """
    checked_store(store)
    folder = checked_folder(path)
    skip = STANDARD_LIBRARY_SKIPS if path is None else frozenset()
    ways = [faces(each.value, concurrency) for each in mode or _installed()]
    with shown(as_json=as_json) as report:
        base = Path(tempfile.mkdtemp(prefix="remote-store-demo-"))
        try:
            return _run(report, base, folder, skip, store, ways, packed_mib, concurrency)
        finally:
            shutil.rmtree(base, ignore_errors=True)


def _run(
    report: Report, base: Path, folder: Path, skip: frozenset[str], store: str | None, ways: list[Face],
    packed_mib: int, concurrency: int,
) -> int:  # fmt: skip
    source = Source.prepare(folder, base / "workspace", skip=skip, packed_bytes=packed_mib * MIB)
    report.source(source)
    results: list[StoryResult] = []
    for face in ways:
        home = base / face.name
        story = Story(face, source, home, store or str(home / "store"), report, concurrency)
        results.append(story.run())
    report.results(source, results)
    return OK if not source.unreadable and all(result.ok for result in results) else FAILED


def _installed() -> list[Mode]:
    """Return all ways that can be gone here; trio is an extra of its own."""
    if find_spec("trio") is not None:
        return list(Mode)
    print("left out: trio; pip install 'remote-store-aio[trio]'", file=sys.stderr)
    return [Mode.asyncio, Mode.sync]


def checked_folder(path: Path | None) -> Path:
    """Return the folder to save. Raises FileNotFoundError or NotADirectoryError for what is none."""
    folder = (path if path is not None else Path(sysconfig.get_path("stdlib"))).resolve()
    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder}")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    return folder


def checked_store(store: str | None) -> None:
    """Raise for a store that can't be used, before anything is prepared; above all one that no second process sees."""
    if store is None:
        return
    if not store.startswith("profile:") and parse_url(store).scheme == "memory":
        raise InvalidConfig(
            "the demo kills a second process in the middle of a save; no other process sees a memory: store"
        )
    with open_store(store):
        pass
