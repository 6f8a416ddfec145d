"""What bad input gets: an error that names it, before anything is written (issue 6, CHECKPOINT F)."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remote_store import CapabilityNotSupported, NoSpace, PermissionDenied, Store
from remote_store._core.capability import Capability, CapabilitySet
from remote_store.aio import AsyncStore
from remote_store.backends import LocalBackend
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.checkpoint import AsyncCheckpointManager, CheckpointManager
from remote_store.checkpoint.generations.engine import Order
from remote_store.checkpoint.generations.items import Entry
from tests.checkpoint.manager.desks import Desk

BAD_ITEMS: dict[str, tuple[Any, type[Exception]]] = {
    "object array": (np.array([object()]), TypeError),
    "structured array": (np.zeros(2, [("a", "i4")]), TypeError),
    "masked array": (np.ma.array([1, 2], mask=[0, 1]), TypeError),
    "an object": (object(), TypeError),
    "a set": ({1, 2}, TypeError),
    "a function": (print, TypeError),
    "an object in a tree": ({"w": np.zeros(1), "f": object()}, TypeError),
    "a key of a tree": ({("a", 1): np.zeros(1)}, TypeError),
    "a missing file": (Path("/nowhere/at/all"), FileNotFoundError),
    "a device": (Path("/dev/null"), ValueError),
    "a number that is none": (3 + 4j, TypeError),
}


@pytest.mark.parametrize(("value", "error"), BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_an_item_that_cannot_be_saved_is_named(memory: Desk, value: Any, error: type[Exception]) -> None:
    manager = memory.manager()
    for save in ("save", "save_async"):
        with pytest.raises(error, match=None if error is FileNotFoundError else "bad"):
            memory.do(lambda save=save: getattr(manager, save)({"good": b"1", "bad": value}, step=1))
    assert memory.files() == {}


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 1025, "é" * 513, "\ud800", 5, None, b"a"])
def test_a_name_that_is_none_is_refused(memory: Desk, name: Any) -> None:
    manager = memory.manager()
    with pytest.raises((TypeError, ValueError), match="name"):
        memory.do(lambda: manager.save({name: b"1"}, step=1))
    assert memory.files() == {}


def test_any_other_name_goes(memory: Desk) -> None:
    """Issue 6: names with / and Unicode; they live in the index, never in object names."""
    names = ["/", "..", "../../etc", "a/", "a//b", " ", "\n", "é" * 512, "x" * 1024, "💾", "\u202e", "C:\\x", "gen"]
    manager = memory.manager()
    memory.do(lambda: manager.save({name: name for name in names}, step=1))
    assert memory.do(manager.load) == {name: name for name in names}
    assert memory.do(lambda: manager.load(names=["../../etc"])) == {"../../etc": "../../etc"}


def test_a_name_that_comes_twice_is_refused(memory: Desk) -> None:
    manager = memory.manager()
    with pytest.raises(ValueError, match="'t/w' comes twice"):
        memory.do(lambda: manager.save({"t": {"w": np.zeros(1)}, "t/w": 1}, step=1))
    save = memory.do(lambda: manager.begin(1))
    memory.do(lambda: save.write("a", 1))
    with pytest.raises(ValueError, match="'a' has been written"):
        memory.do(lambda: save.write("a", 2))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"part_size": 0}, ValueError),
        ({"part_size": 1.5}, TypeError),
        ({"byte_budget": -1}, ValueError),
        ({"block_size": True}, TypeError),
        ({"max_pending": 0}, ValueError),
        ({"on_pending": "later"}, ValueError),
        ({"checksum": "md5"}, ValueError),
        ({"keep_last": 0}, ValueError),
        ({"keep_every": "2"}, TypeError),
        ({"keep_best": 1}, ValueError),
        ({"best_by": "loss"}, ValueError),
        ({"keep_best": 1, "best_by": "loss", "best_mode": "avg"}, ValueError),
        ({"exit_timeout": -1}, ValueError),
        ({"stage_budget": -1}, ValueError),
        ({"root": "../up"}, ValueError),
    ],
)
def test_arguments_that_cannot_be_are_refused_at_once(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        AsyncCheckpointManager(AsyncStore(AsyncMemoryBackend()), **options)


@pytest.mark.parametrize("store", [None, 3, object(), b"memory://x"])
def test_what_is_no_store_is_refused_at_once(store: Any) -> None:
    for kind in (AsyncCheckpointManager, CheckpointManager):
        with pytest.raises(TypeError, match="store must be"):
            kind(store)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"timeout": -1}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": "10"}, TypeError),
        ({"timeout": None}, TypeError),
        ({"progress": 3}, TypeError),
    ],
)
def test_how_a_save_waits_and_tells_is_checked_before_it_writes(
    memory: Desk, options: dict[str, Any], error: type[Exception]
) -> None:
    manager = memory.manager()
    for verb in ("save", "save_async"):
        with pytest.raises(error, match=next(iter(options))):
            memory.do(lambda verb=verb: getattr(manager, verb)({"a": b"1"}, step=1, **options))
    assert memory.files() == {}


class Forgetful(AsyncMemoryBackend):
    """A store that ignores overwrite=False, and doesn't claim otherwise."""

    capabilities = CapabilitySet(set(AsyncMemoryBackend.CAPABILITIES) - {Capability.CONDITIONAL_WRITE})  # type: ignore[assignment]

    async def write(self, path: str, content: Any, **options: Any) -> Any:
        return await super().write(path, content, **{**options, "overwrite": True})

    async def write_atomic(self, path: str, content: Any, **options: Any) -> Any:
        return await self.write(path, content, **options)


class Modest(AsyncMemoryBackend):
    """A store that decides overwrite=False and knows no if_match, as SFTP."""

    capabilities = Forgetful.capabilities  # type: ignore[assignment]


@pytest.mark.anyio
async def test_a_store_that_cannot_decide_is_refused_or_used_on_ones_own_word() -> None:
    """Issue 6: a store without put-if-absent: refused, or an explicit flag."""
    store = AsyncStore(Forgetful())
    async with AsyncCheckpointManager(store) as manager:
        for _ in range(2):
            with pytest.raises(CapabilityNotSupported, match="single_committer=True"):
                await manager.save({"a": 1}, step=1)
        assert [info async for info in store.list_files("", recursive=True)] == []
    async with AsyncCheckpointManager(store, single_committer=True) as manager:
        for step in (1, 2):
            await manager.save({"a": step}, step=step)
        assert await manager.load() == {"a": 2}
        with pytest.raises(Exception, match="other content"):
            await manager.save({"a": 3}, step=2, save_id=(await manager.get(2)).save_id)


@pytest.mark.anyio
async def test_put_if_absent_is_all_that_is_needed() -> None:
    """DECISIONS 35: without if_match LATEST is a plainly overwritten hint."""
    store = AsyncStore(Modest())
    async with AsyncCheckpointManager(store, keep_last=1) as manager:
        for step, newest in ((1, 1), (2, 2), (2, 2), (1, 2)):
            await manager.save({"a": step}, step=step)
            assert await manager.load() == {"a": newest}


def test_a_full_disk_leaves_the_checkpoint_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F9: that exception comes out, nothing is published, no temporary file stays."""
    manager = CheckpointManager(Store(LocalBackend(str(tmp_path))), part_size=4096)
    manager.save({"a": b"1" * 50_000}, step=1)
    before = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    real, left = os.write, [40_000]

    def full(fd: int, data: Any) -> int:
        if len(data) >= 100:
            left[0] -= len(data)
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NoSpace):
        manager.save({"a": b"2" * 80_000}, step=2)
    monkeypatch.undo()
    assert manager.load() == {"a": b"1" * 50_000}
    left_over = {path.name for path in tmp_path.rglob("*") if path.is_file()} - set(before)
    assert all(name.startswith("part-") for name in left_over), left_over
    assert manager.gc(min_age=0).leftovers
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == before
    manager.close()


class ReadOnly(AsyncMemoryBackend):
    """A store whose credentials allow reading alone."""

    allowed = True

    async def write(self, path: str, content: Any, **options: Any) -> Any:
        if not self.allowed:
            raise PermissionDenied("read only", path=path)
        return await super().write(path, content, **options)

    async def write_atomic(self, path: str, content: Any, **options: Any) -> Any:
        return await self.write(path, content, **options)


@pytest.mark.anyio
async def test_a_read_only_store_can_be_read_and_says_so_when_saved_to() -> None:
    backend = ReadOnly()
    store = AsyncStore(backend)
    async with AsyncCheckpointManager(store) as manager:
        await manager.save({"a": 1}, step=1)
        await store.delete("LATEST")
        backend.allowed = False
        assert await manager.load() == {"a": 1}, "LATEST can't be mended, and needn't"
        with pytest.raises(PermissionDenied):
            await manager.save({"a": 2}, step=2)
        with pytest.raises(PermissionDenied):
            await manager.pin(1)
        assert await manager.load() == {"a": 1}


@pytest.mark.parametrize("target", [5, object(), b"read-only", bytearray(4), memoryview(bytearray(6))[::2]])
def test_what_bytes_cannot_be_loaded_into_is_refused(memory: Desk, target: Any) -> None:
    manager = memory.manager()
    memory.do(lambda: manager.save({"a": b"123"}, step=1))
    with pytest.raises((TypeError, ValueError), match="'a'"):
        memory.do(lambda: manager.load(into={"a": target}))


def test_a_folder_from_an_untrusted_place_stays_in_its_folder(memory: Desk, tmp_path: Path) -> None:
    """RELIABILITY, archives: a name with ../ in what is restored is refused, and nothing is written."""
    manager = memory.manager()
    for key in ("../out", "/abs", "a/../../out", "", "a\\..\\..\\x", "."):
        content = {"files": [key], "folders": []}
        data = json.dumps(content).encode()
        entries = [
            Entry("f", "folder", size=len(data), view=memoryview(data)),
            Entry(f"f/{key}", "file", size=4, view=memoryview(b"evil")),
        ]
        memory.do(lambda entries=entries: forged(memory, manager, entries))
        target = tmp_path / "in"
        target.mkdir(exist_ok=True)
        with pytest.raises(ValueError, match="folder"):
            memory.do(lambda target=target: manager.load(into={"f": target}))
        assert list(tmp_path.rglob("*")) == [target]


def forged(desk: Desk, manager: Any, entries: Any) -> Any:
    """Save entries that `save` itself would not make."""
    order = Order.checked(1, None, 0, 1, None, 5, None)
    return manager._call(manager._engine.save, order, entries)
