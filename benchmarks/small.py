"""4 KiB: write, replace, read, exists."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import anyio.to_thread

from remote_store import Store
from remote_store.aio import AsyncStore
from remote_store.aio.backends import AsyncLocalBackend
from remote_store.backends import LocalBackend

from . import floors, peers
from .report import Goal, Section, section
from .setting import Setting, fresh, same
from .timing import Contender, each, each_async, race, without_loop

DATA = b"x" * 4096
FOLDER = "runs/7"
"""Two levels: what a guard costs depends on the depth."""
COUNT = 50
"""Operations of a turn: long enough for the clock, short enough that the machine is the same for all."""

GUARDED, PLAIN, OURS = "os calls, guarded walk", "os calls, plain", "remote_store Store"
HOP, OURS_ASYNC = "one to_thread hop, empty", "remote_store AsyncStore"
SYNC_GOAL = Goal("<= 1.2 x guarded os calls", 1.2, lambda one: one[OURS] / one[GUARDED])
READ_GOAL = Goal("<= 1.2 x guarded os calls + 5 us", 1.2, lambda one: (one[OURS] - 5e-6) / one[GUARDED])
ASYNC_GOAL = Goal("<= guarded os calls + 1.5 x hop", 1.5, lambda one: (one[OURS_ASYNC] - one[GUARDED]) / one[HOP])


def run(setting: Setting) -> list[Section]:
    """Return the tables of the blocking and of the async operations."""
    setting.folder(FOLDER)
    tables = [blocking(setting, operation) for operation in ("write", "replace", "read", "exists")]
    for loop in ("asyncio", "trio"):
        tables += [anyio.run(with_loop, setting, name, loop, backend=loop) for name in ("write", "read", "exists")]
    return tables


def _existing(setting: Setting) -> list[str]:
    keys = [f"{FOLDER}/there-{index:04x}.bin" for index in range(COUNT)]
    for key in keys:
        with open(f"{setting.root}/{key}", "wb") as file:
            file.write(DATA)
    return keys


def _calls(root: str, operation: str) -> dict[str, Any]:
    """Return what each blocking contender calls with a key."""
    store = Store(LocalBackend(root))
    plain: dict[str, Any] = {"write": floors.write_plain, "replace": floors.replace_plain, "read": floors.read_plain}
    guarded: dict[str, Any] = {
        "write": floors.create_guarded,
        "replace": floors.replace_guarded,
        "read": floors.read_guarded,
    }
    data = {"data": DATA} if operation in ("write", "replace") else {}
    calls: dict[str, Any] = {
        GUARDED: partial(guarded.get(operation, floors.exists_guarded), root, **data),
        PLAIN: partial(plain.get(operation, floors.exists_plain), root, **data),
        OURS: {
            "write": lambda key: store.write(key, DATA),
            "replace": lambda key: store.write(key, DATA, overwrite=True),
            "read": store.read_bytes,
            "exists": store.exists,
        }[operation],
    }
    return calls


def _peer_calls(root: str, operation: str) -> dict[str, Any]:
    calls: dict[str, Any] = {}
    for name, label, kind in (
        ("fsspec", "fsspec local", peers.Fsspec),
        ("obstore", "obstore LocalStore", peers.Obstore),
    ):
        if not peers.missing(name) and not (name == "obstore" and operation == "replace"):
            peer: Any = kind(root)
            method = getattr(peer, "write" if operation == "replace" else operation)
            calls[label] = partial(method, data=DATA) if operation in ("write", "replace") else method
    return calls


def blocking(setting: Setting, operation: str) -> Section:
    """Race the blocking contenders."""
    calls = {**_calls(setting.root, operation), **_peer_calls(setting.root, operation)}
    clean = setting.remove if operation == "write" else None
    paths = fresh(FOLDER, COUNT) if operation == "write" else same(_existing(setting))
    contenders = [Contender(name, each(call), clean=clean) for name, call in calls.items()]
    result = without_loop(race(contenders, paths, setting.rounds(20, 300)))
    goals = {"write": {OURS: SYNC_GOAL}, "replace": {OURS: SYNC_GOAL}, "read": {OURS: READ_GOAL}}.get(operation, {})
    titles = {"write": "write a new file", "replace": "replace a file", "read": "read", "exists": "exists"}
    notes = list(peers.missing("fsspec", "obstore").values())
    return section(f"4 KiB, blocking: {titles[operation]}", result, GUARDED, goals, notes)


async def with_loop(setting: Setting, operation: str, loop: str) -> Section:
    """Race the async contenders, on the running loop."""
    root = setting.root
    store = AsyncStore(AsyncLocalBackend(root))
    calls = _calls(root, operation)
    ours: Any = {"write": lambda key: store.write(key, DATA), "read": store.read_bytes, "exists": store.exists}[
        operation
    ]
    clean = setting.remove if operation == "write" else None
    paths = fresh(FOLDER, COUNT) if operation == "write" else same(_existing(setting))
    contenders = [
        Contender(GUARDED, each(calls[GUARDED]), clean=clean),
        Contender(HOP, each_async(lambda key: anyio.to_thread.run_sync(_nothing))),
        Contender(
            "the guarded calls in one hop", each_async(partial(anyio.to_thread.run_sync, calls[GUARDED])), clean=clean
        ),
        Contender(OURS_ASYNC, each_async(ours), clean=clean),
        *(Contender(name, each_async(call), clean=clean) for name, call in _async_peers(root, operation, loop).items()),
    ]
    result = await race(contenders, paths, setting.rounds(10, 120))
    notes = (
        list(peers.missing("aiofiles", "obstore").values())
        if loop == "asyncio"
        else ["aiofiles, obstore: asyncio only"]
    )
    goals = {} if operation == "exists" else {OURS_ASYNC: ASYNC_GOAL}
    return section(f"4 KiB, {loop}: {operation}", result, GUARDED, goals, notes)


def _nothing() -> None:
    pass


def _async_peers(root: str, operation: str, loop: str) -> dict[str, Any]:
    found: dict[str, Any] = {"anyio.Path": peers.AnyioPath(root)}
    if loop == "asyncio" and not peers.missing("aiofiles"):
        found["aiofiles"] = peers.Aiofiles(root)
    if loop == "asyncio" and not peers.missing("obstore"):
        found["obstore LocalStore"] = peers.Obstore(root)
    calls: dict[str, Any] = {}
    for label, peer in found.items():
        method = getattr(peer, f"{operation}_async", None) or getattr(peer, operation)
        calls[label] = partial(method, data=DATA) if operation == "write" else method
    return calls
