"""10,000 entries: their names and sizes, through the facade."""

from __future__ import annotations

from typing import Any

import anyio

from remote_store import Store
from remote_store.aio import AsyncStore
from remote_store.aio.backends import AsyncLocalBackend
from remote_store.backends import LocalBackend

from . import floors, peers
from .report import Goal, Section, section
from .setting import Setting, same
from .timing import Contender, each, each_async, race, without_loop

ENTRIES = 10_000
SCAN, OURS, OURS_ASYNC = "os.scandir + stat", "remote_store Store", "remote_store AsyncStore"


def run(setting: Setting) -> list[Section]:
    """Return one table for the blocking contenders and one for each loop."""
    folder = setting.folder("many/files")
    for index in range(ENTRIES):
        with open(f"{folder}/part-{index:05d}.bin", "wb") as file:
            file.write(b"x" * (index % 7))
    tables = [without_loop(_blocking(setting))]
    return [*tables, *(anyio.run(_with_loop, setting, loop, backend=loop) for loop in ("asyncio", "trio"))]


def _goal(name: str) -> dict[str, Goal]:
    return {name: Goal("<= 1.3 x os.scandir + stat", 1.3, lambda one: one[name] / one[SCAN])}


async def _blocking(setting: Setting) -> Section:
    root = setting.root
    store = Store(LocalBackend(root))
    child = store.child("many")
    contenders = [
        Contender(SCAN, each(lambda key: floors.scan(f"{root}/{key}"))),
        Contender(OURS, each(lambda key: sum(len(info.name) + info.size for info in store.list_files(key)))),
        Contender(
            "the same, of a child store", each(lambda key: sum(len(i.name) + i.size for i in child.list_files("files")))
        ),
    ]
    found: dict[str, Any] = {"fsspec local": ("fsspec", peers.Fsspec), "obstore LocalStore": ("obstore", peers.Obstore)}
    for label, (name, kind) in found.items():
        if not peers.missing(name):
            contenders.append(Contender(label, each(kind(root).scan)))
    result = await race(contenders, same(["many/files"]), setting.rounds(8, 60))
    return section(
        "10,000 entries, blocking", result, SCAN, _goal(OURS), list(peers.missing("fsspec", "obstore").values())
    )


async def _with_loop(setting: Setting, loop: str) -> Section:
    root = setting.root
    store = AsyncStore(AsyncLocalBackend(root))

    async def ours(key: str) -> int:
        total = 0
        async for info in store.list_files(key):
            total += len(info.name) + info.size
        return total

    contenders = [
        Contender(SCAN, each(lambda key: floors.scan(f"{root}/{key}"))),
        Contender(OURS_ASYNC, each_async(ours)),
    ]
    if loop == "asyncio" and not setting.quick:  # a hop for each entry takes a second or more: once is enough
        contenders.append(Contender("anyio.Path", each_async(peers.AnyioPath(root).scan)))
    result = await race(contenders, same(["many/files"]), setting.rounds(4, 20))
    return section(f"10,000 entries, {loop}", result, SCAN, _goal(OURS_ASYNC))
