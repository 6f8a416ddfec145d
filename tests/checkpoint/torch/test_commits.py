"""Commits: a checkpoint is there whole or not at all, whatever goes wrong and wherever (CHECKPOINT B17, B18, C1-C7)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import FileSystemReader
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.default_planner import DefaultSavePlanner

from remote_store import BackendUnavailable
from remote_store.aio import AsyncStore
from remote_store.aio.backends import AsyncLocalBackend
from remote_store.checkpoint import CheckpointConflict, CheckpointCorrupted, FsspecReader, FsspecWriter
from tests.checkpoint.torch.places import Place
from tests.checkpoint.torch.states import blank, differences, load, mixed, save, tensors


class FailingPlanner(DefaultSavePlanner):
    """Raises when the n-th item is to be written."""

    def __init__(self, error: BaseException, at: int) -> None:
        super().__init__()
        self._error = error
        self._count = itertools.count(1)
        self._at = at

    def resolve_data(self, write_item: Any) -> Any:
        if next(self._count) == self._at:
            raise self._error
        return super().resolve_data(write_item)


def causes(caught: pytest.ExceptionInfo[CheckpointException]) -> list[BaseException]:
    return [failure[0] for failure in caught.value.failures.values()]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("at", [1, 4, 9])
def test_an_error_in_a_writer_thread_is_raised_and_nothing_is_published(place: Place, threads: int, at: int) -> None:
    """C1: torch loses errors of all threads but one."""
    with pytest.raises(CheckpointException) as caught:
        save(mixed(1), place, thread_count=threads, planner=FailingPlanner(ArithmeticError("boom"), at))
    assert [str(cause) for cause in causes(caught)] == ["boom"]
    assert isinstance(causes(caught)[0], ArithmeticError)
    assert ".metadata" not in place.names()


def test_an_error_that_is_no_exception_comes_through_as_it_is(here: Place) -> None:
    """G4: torch's CheckpointException is a BaseException; a task group must not wrap what a planner raises."""
    error = CheckpointException("inner", {})
    with pytest.raises(CheckpointException) as caught:
        save(mixed(1), here, thread_count=2, planner=FailingPlanner(error, 3))
    assert causes(caught) == [error]


class Unfinished(FsspecWriter):
    def finish(self, metadata: Any, results: Any) -> None:
        raise OSError("no commit today")


def test_an_overwrite_that_is_not_committed_leaves_the_old_checkpoint(place: Place) -> None:
    """C2, C3: new data have names of their own, so the old ones stay what they were."""
    save(mixed(1), place)
    with pytest.raises(CheckpointException):
        dcp.save(mixed(2), storage_writer=Unfinished(place.path, **place.options), no_dist=True)
    assert differences(mixed(1), load(mixed(1), place)) == []
    with pytest.raises(CheckpointException):
        save(mixed(2), place, thread_count=2, planner=FailingPlanner(OSError("disk"), 5))
    assert differences(mixed(1), load(mixed(1), place)) == []


def test_what_failed_saves_left_goes_with_the_next_commit(place: Place) -> None:
    """B17: the committer deletes what no metadata refer to."""
    save(mixed(1), place)
    with pytest.raises(CheckpointException):
        dcp.save(mixed(2), storage_writer=Unfinished(place.path, **place.options), no_dist=True)
    assert len(place.names()) == 3
    save(mixed(3), place)
    assert len(place.names()) == 2
    assert differences(mixed(3), load(mixed(3), place)) == []


def test_files_of_others_are_never_touched(place: Place) -> None:
    """B17, G5: only names that savers make, and only those that nothing refers to."""
    others = ["README", "__0_0.distcp.bak", "x__0_0.distcp", "__a_0.distcp", ".metadata.old", "__0_0-short.distcp"]
    for name in others:
        place.poke(name, b"mine")
    save(mixed(1), place)
    save(mixed(2), place)
    assert {name for name in place.names() if place.peek(name) == b"mine"} == set(others)


def test_data_that_another_ranks_metadata_refer_to_stay(here: Place) -> None:
    """G5: the live set is the union over `.metadata` and all `__*.metadata`."""
    save(mixed(1), here)
    here.poke("__7.metadata", here.peek(".metadata"))
    save(mixed(2), here)
    assert "__0_0.distcp" in here.names()
    here.poke("__7.metadata", b"junk")
    here.poke("__9_9.distcp", b"who knows")
    save(mixed(3), here)
    assert {"__0_0.distcp", "__9_9.distcp"} <= set(here.names())


def test_without_overwrite_an_existing_checkpoint_is_refused(place: Place) -> None:
    """A2: RuntimeError with torch's words; nothing is written."""
    save(mixed(1), place, overwrite=False)
    before = place.names()
    with pytest.raises(CheckpointException, match="Checkpoint already exists"):
        save(mixed(2), place, overwrite=False)
    assert place.names() == before
    assert differences(mixed(1), load(mixed(1), place)) == []


def test_with_overwrite_an_existing_checkpoint_is_announced(here: Place) -> None:
    dcp.save(mixed(1), storage_writer=FsspecWriter(here.path), no_dist=True)
    with pytest.warns(UserWarning, match="Detected an existing checkpoint"):
        dcp.save(mixed(2), storage_writer=FsspecWriter(here.path), no_dist=True)


class Interrupted(FsspecWriter):
    """Lets somebody else save between its data and its commit."""

    def __init__(self, place: Place, *, before_data: bool = False, **options: Any) -> None:
        super().__init__(place.path, **place.options, **options)
        self._place = place
        self._before_data = before_data

    def write_data(self, plan: Any, planner: Any) -> Any:
        if self._before_data:
            save(mixed(9), self._place)
        return super().write_data(plan, planner)

    def finish(self, metadata: Any, results: Any) -> None:
        if not self._before_data:
            save(mixed(9), self._place)
        super().finish(metadata, results)


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("before_data", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_of_two_savers_one_wins_and_the_other_is_told(
    place: Place, overwrite: bool, before_data: bool, there: bool
) -> None:
    """B18: whoever commits second gets a CheckpointConflict, and what can be read is all the winner's."""
    if there and not overwrite:
        pytest.skip("refused before anything is written")
    if there:
        save(mixed(1), place)
    writer = Interrupted(place, before_data=before_data, overwrite=overwrite)
    with pytest.raises(CheckpointException, match="already exists|is missing") as caught:
        dcp.save(mixed(2), storage_writer=writer, no_dist=True)
    assert isinstance(causes(caught)[0], (CheckpointConflict, CheckpointCorrupted))
    assert differences(mixed(9), load(mixed(9), place)) == []


def test_a_reader_never_mixes_two_checkpoints(here: Place) -> None:
    """C5: metadata of one save with data of the next: an error, never the new bytes under the old names."""
    save(mixed(1), here)
    reader = FsspecReader(here.path)
    metadata = reader.read_metadata()
    save(mixed(2), here)
    with pytest.raises(FileNotFoundError, match="__0_0.distcp"):
        _read(reader, metadata, tensors(1))


def _read(reader: FsspecReader, metadata: Any, state: dict[str, Any]) -> dict[str, Any]:
    from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner

    target: dict[str, Any] = blank(state)
    planner = DefaultLoadPlanner()
    planner.set_up_planner(target, metadata, True)
    reader.set_up_storage_reader(metadata, True)
    reader.read_data(planner.create_local_plan(), planner)
    return target


# Every operation of the store, one after the other, fails


class Failing(AsyncLocalBackend):
    """A disk whose n-th operation fails: refused, or done without an answer."""

    def __init__(self, root: str, at: int, *, done: bool) -> None:
        super().__init__(root)
        self.count = 0
        self._at = at
        self._done = done

    async def _pass(self, operation: Any) -> Any:
        self.count += 1
        if self.count != self._at:
            return await operation()
        if self._done:
            await operation()
        raise BackendUnavailable("the connection was lost")

    async def write(self, path: str, content: Any, **options: Any) -> Any:
        return await self._pass(lambda: super(Failing, self).write(path, content, **options))

    async def is_file(self, path: str) -> Any:
        return await self._pass(lambda: super(Failing, self).is_file(path))

    async def read_bytes(self, path: str) -> Any:
        return await self._pass(lambda: super(Failing, self).read_bytes(path))

    async def delete(self, path: str, **options: Any) -> Any:
        return await self._pass(lambda: super(Failing, self).delete(path, **options))

    async def abort_uploads(self, older_than: float, prefix: str = "") -> Any:
        return await self._pass(lambda: super(Failing, self).abort_uploads(older_than, prefix))

    def list_files(self, path: str, **options: Any) -> Any:
        self.count += 1
        if self.count == self._at:
            raise BackendUnavailable("the connection was lost")
        return super().list_files(path, **options)


def few(seed: int) -> dict[str, Any]:
    """A small state: it is saved dozens of times."""
    return {"a": torch.full((300,), float(seed)), "b": torch.full((2, 2), float(seed)), "c": seed}


@pytest.mark.parametrize("done", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("old", [False, True], ids=["first save", "overwrite"])
def test_a_save_that_fails_at_any_operation_never_leaves_a_wrong_checkpoint(tmp_path: Path, done: bool, old: bool) -> None:  # fmt: skip
    """Done when: fail the 1st, 2nd, ... n-th operation; what can be read then is all of one save."""
    for at in itertools.count(1):
        root = tmp_path / str(at)
        backend = Failing(str(root), at, done=done)
        here = Place("local", str(root / "ckpt"), lambda _: b"", lambda *_: None, list, lambda _: None)
        if old:
            save(few(1), here, thread_count=2)
        try:
            writer = FsspecWriter("ckpt", thread_count=2, store=AsyncStore(backend))
            dcp.save(few(2), storage_writer=writer, no_dist=True)
            reasons = []
        except CheckpointException as error:
            reasons = [cause[0] for cause in error.failures.values()]
        failed = bool(reasons)
        assert all(isinstance(reason, (OSError, CheckpointConflict)) for reason in reasons)
        if (root / "ckpt" / ".metadata").exists():
            target = load(few(2), here)
            found = [seed for seed in (1, 2) if differences(few(seed), target) == []]
            assert found == [2] or (found == [1] and failed and old), at
            theirs = blank(few(2))
            dcp.load(theirs, storage_reader=FileSystemReader(here.path), no_dist=True)
            assert differences(few(found[0]), theirs) == []
        else:
            assert failed
            assert not old
        if backend.count < at:
            break
    assert at > 4


# Damage


def test_every_flipped_byte_is_noticed_or_harmless(here: Place) -> None:
    """C7: a wrong byte is an error that names the file, unless nothing that was loaded depends on it."""
    state = {"a": torch.randn(100), "b": torch.randn(3, 200), "c": [1, "text"]}
    save(state, here)
    whole = here.peek("__0_0.distcp")
    noticed = 0
    for position in range(0, len(whole), 29):
        here.poke("__0_0.distcp", whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        try:
            text, found = "", load(state, here)
        except CheckpointException as error:
            text, found = str(error), state
            noticed += 1
        assert differences(state, found) == []
        assert not text or "__0_0.distcp" in text
    assert noticed > len(whole) / 29 / 3


def test_swapped_items_are_noticed(here: Place) -> None:
    """C8: two items of one size, exchanged."""
    state = {"a": torch.randn(100), "b": torch.randn(100)}
    save(state, here)
    whole = here.peek("__0_0.distcp")
    half = len(whole) // 2
    here.poke("__0_0.distcp", whole[half:] + whole[:half])
    with pytest.raises(CheckpointException, match="__0_0.distcp"):
        load(state, here)


@pytest.mark.parametrize("left", [0, 1, 1000, -1])
def test_a_short_file_is_an_error_and_never_zeros(place: Place, left: int) -> None:
    """F6."""
    save(tensors(1), place)
    place.poke("__0_0.distcp", place.peek("__0_0.distcp")[:left])
    with pytest.raises(CheckpointException, match="__0_0.distcp"):
        load(tensors(1), place)


def test_a_missing_file_is_an_error_that_names_it(place: Place) -> None:
    save(tensors(1), place)
    place.drop("__0_0.distcp")
    with pytest.raises(CheckpointException, match="__0_0.distcp") as caught:
        load(tensors(1), place)
    assert isinstance(causes(caught)[0], FileNotFoundError)


def test_the_error_says_where_the_damage_is(here: Place) -> None:
    state = {"small": torch.ones(4), "large": torch.randn(100_000)}
    save(state, here)
    whole = bytearray(here.peek("__0_0.distcp"))
    whole[-200_000] ^= 1
    here.poke("__0_0.distcp", bytes(whole))
    with pytest.raises(CheckpointException) as caught:
        load(state, here)
    (cause,) = causes(caught)
    assert isinstance(cause, CheckpointCorrupted)
    assert (cause.part, cause.name) == ("__0_0.distcp", "large")
    assert cause.offset is not None
    assert 0 <= len(whole) - 200_000 - cause.offset < 32 * 1024


def test_torchs_files_are_checked_too(here: Place) -> None:
    """torch never checks the checksums in its archives; we do."""
    state = {"a": torch.randn(1000)}
    dcp.save(state, checkpoint_id=here.path, no_dist=True)
    whole = bytearray(here.peek("__0_0.distcp"))
    whole[2000] ^= 1
    here.poke("__0_0.distcp", bytes(whole))
    with pytest.raises(CheckpointException, match="__0_0.distcp"):
        load(state, here)


def test_torchs_files_without_checksums_are_read(here: Place) -> None:
    state = {"a": torch.randn(1000)}
    torch.serialization.set_crc32_options(False)
    try:
        dcp.save(state, checkpoint_id=here.path, no_dist=True)
    finally:
        torch.serialization.set_crc32_options(True)
    assert differences(state, load(state, here)) == []
