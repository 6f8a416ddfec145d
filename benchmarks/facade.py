"""What the blocking face adds to one call, where a loop is needed and where not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from anyio.from_thread import start_blocking_portal

from remote_store import AsyncBackendSyncAdapter, Store
from remote_store.aio.backends import AsyncMemoryBackend
from remote_store.backends import LocalBackend

from . import floors
from .report import Goal, Section, section
from .setting import Setting, same
from .timing import Contender, each, race, without_loop

BARE, OURS = "bare run_coroutine_threadsafe", "AsyncBackendSyncAdapter"
FILES, TWIN = "LocalFiles, called directly", "LocalBackend"


class Trivial(AsyncMemoryBackend):
    """A backend whose answer costs nothing, and needs a loop: it is no generated twin's original."""

    async def exists(self, path: str) -> bool:
        return True


async def _answer(path: str) -> bool:
    return True


@contextmanager
def _bare_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def run(setting: Setting) -> list[Section]:
    """Return the table of crossing over to a loop, and that of not having to."""
    return [_over_a_loop(setting), _without(setting)]


def _over_a_loop(setting: Setting) -> Section:
    with ExitStack() as stack:
        loop = stack.enter_context(_bare_loop())
        portal = stack.enter_context(start_blocking_portal())
        adapter = stack.enter_context(AsyncBackendSyncAdapter(Trivial()))
        store = Store(adapter)
        contenders = [
            Contender(BARE, each(lambda key: asyncio.run_coroutine_threadsafe(_answer(key), loop).result())),
            Contender(OURS, each(adapter.exists)),
            Contender("Store over it", each(store.exists)),
            Contender("anyio's blocking portal", each(lambda key: portal.call(_answer, key))),
        ]
        result = without_loop(race(contenders, same(["some/key"] * 200), setting.rounds(40, 200)))
    goal = Goal("<= 1.2 x bare", 1.2, lambda one: one[OURS] / one[BARE])
    return section("one call through the facade, async backend", result, BARE, {OURS: goal})


def _without(setting: Setting) -> Section:
    setting.folder("facade")
    keys = [f"facade/{index}" for index in range(100)]
    for key in keys:
        floors.write_plain(setting.root, key, b"x")
    twin = LocalBackend(setting.root)
    files, store = twin._blocking, Store(twin)
    contenders = [
        Contender(FILES, each(files.exists)),
        Contender(TWIN, each(twin.exists)),
        Contender("Store over it", each(store.exists)),
    ]
    result = without_loop(race(contenders, same(keys), setting.rounds(60, 400)))
    goal = Goal("about nothing: <= 2 us", 2.0, lambda one: (one[TWIN] - one[FILES]) * 1e6)
    return section("one call through the facade, blocking half (exists)", result, FILES, {TWIN: goal})
