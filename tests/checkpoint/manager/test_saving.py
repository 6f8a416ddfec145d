"""Saving and loading by step, through every face, on every store (CHECKPOINT D1)."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remote_store.checkpoint import (
    CheckpointConflict,
    CheckpointMismatch,
    CheckpointNotFound,
)
from tests.checkpoint.manager.desks import Desk, state

KIB = 1024


def equal(got: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether all items are as they were; buffers come back as bytes."""
    plain = {
        name: bytes(value) if isinstance(value, (bytearray, memoryview)) else value for name, value in wanted.items()
    }
    return got == plain


def test_what_was_saved_is_loaded(desk: Desk) -> None:
    manager = desk.manager()
    assert desk.do(manager.latest) is None
    assert desk.do(manager.list) == []

    saved = desk.do(lambda: manager.save(state(1), step=1, user={"loss": 0.5}))

    assert (saved.step, saved.user, saved.items, saved.writers) == (1, {"loss": 0.5}, 6, 1)
    assert equal(desk.do(manager.load), state(1))
    again = desk.manager()
    assert desk.do(again.latest) == saved
    assert desk.do(lambda: again.get(1)) == saved
    assert equal(desk.do(lambda: again.load(step=1)), state(1))
    assert desk.do(lambda: again.verify(deep=True)).bytes >= saved.total_bytes
    assert pickle.loads(pickle.dumps(saved)) == saved


def test_items_span_parts_and_parts_hold_items(near: Desk) -> None:
    """D4: items in order, packed into parts; whatever their sizes are, all of it comes back."""
    sizes = [0, 1, 7, 8, 9, 4095, 4096, 10_000, 64 * KIB, 3, 200_000, 0, 65_537]
    items = {f"item-{at}": bytes((at + n) % 256 for n in range(size)) for at, size in enumerate(sizes)}
    manager = near.manager(part_size=64 * KIB)

    near.do(lambda: manager.save(items, step=0))

    parts = [key for key in near.files() if "/part-" in key]
    assert len(parts) == -(-sum(-(-size // 8) * 8 for size in sizes) // (64 * KIB))
    assert near.do(manager.load) == items
    assert near.do(lambda: manager.load(names=["item-10", "item-1"])) == {
        "item-10": items["item-10"], "item-1": items["item-1"],
    }  # fmt: skip


def test_arrays_come_back_as_they_were(near: Desk) -> None:
    """Issue 6: complex, zero-size, 0-d, booleans, times, big-endian and non-contiguous arrays."""
    items: dict[str, Any] = {
        "plain": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "complex": np.array([1 + 2j, 3 - 4j]),
        "none": np.zeros((0, 5), np.int16),
        "scalar": np.float64(2.5),
        "0-d": np.array(7, np.uint8),
        "flags": np.array([True, False]),
        "half": np.array([1.5, -2], np.float16),
        "times": np.array(["2026-11-21", "NaT"], "M8[s]"),
        "text": np.array(["a", "böc"]),
        "big-endian": np.arange(5, dtype=">i4"),
        "columns": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "strided": np.arange(40)[::3],
    }
    manager = near.manager()
    near.do(lambda: manager.save(items, step=1))

    got = near.do(manager.load)

    for name, value in items.items():
        assert got[name].shape == np.shape(value), name
        assert got[name].dtype == np.asarray(value).dtype.newbyteorder("<"), name
        assert np.array_equal(got[name], value, equal_nan=name == "times"), name
        assert got[name].flags.writeable, name


def test_a_state_dict_keeps_its_shape(near: Desk) -> None:
    """Issue 6, point 4: nested state dicts, with the integer keys and tuples that optimizers have."""
    tree = {
        "model": {"layer/0.weight": np.ones((3, 2)), "layer/0.bias": np.zeros(2)},
        "optim": {"state": {0: {"exp_avg": np.full(3, 0.5), "step": 7}, 1: {}}, "groups": [{"betas": (0.9, 0.999)}]},
        "blob": b"raw",
        None: 1.5,
    }
    manager = near.manager()
    near.do(lambda: manager.save({"state": tree, "plain": [1, 2]}, step=1))

    got = near.do(manager.load)

    assert list(got) == ["state", "plain"]
    assert got["plain"] == [1, 2]
    assert got["state"]["optim"]["groups"] == [{"betas": (0.9, 0.999)}]
    assert got["state"]["blob"] == b"raw"
    assert got["state"][None] == 1.5
    assert np.array_equal(got["state"]["optim"]["state"][0]["exp_avg"], np.full(3, 0.5))
    one = near.do(lambda: manager.load(names=["state/model/layer/0.weight"]))
    assert np.array_equal(one["state/model/layer/0.weight"], np.ones((3, 2)))


def test_loading_goes_straight_into_memory(desk: Desk) -> None:
    """D5: targets are filled in place, trees of them too, also where their memory is not in one piece."""
    wide = np.arange(6000, dtype=np.int32).reshape(60, 100)
    manager = desk.manager()
    desk.do(lambda: manager.save({"wide": wide, "tree": {"a": wide + 1, "n": 3}, "raw": b"x" * 999}, step=1))
    plain, holes = np.zeros_like(wide), np.zeros((60, 200), np.int32)[:, ::2]
    tree, raw = {"a": np.zeros_like(wide)}, bytearray(999)

    got = desk.do(lambda: manager.load(into={"wide": plain, "tree": tree, "raw": raw}))

    assert got["wide"] is plain
    assert np.array_equal(plain, wide)
    assert np.array_equal(tree["a"], wide + 1)
    assert got["tree"]["n"] == 3
    assert got["raw"] is raw
    assert raw == b"x" * 999
    desk.do(lambda: manager.load(names=["wide"], into={"wide": holes}))
    assert np.array_equal(holes, wide)


def test_slices_are_cut_out(desk: Desk) -> None:
    """D5: slices over several axes, pairs and single slices; bytes too."""
    cube = np.arange(8 * 9 * 10, dtype=np.int64).reshape(8, 9, 10)
    manager = desk.manager(part_size=2 * KIB)
    desk.do(lambda: manager.save({"cube": cube, "raw": bytes(range(256)) * 20}, step=1))
    rows: list[tuple[Any, Any]] = [
        ((2, 5), np.s_[2:5]),
        (slice(None, -2), np.s_[:-2]),
        ((slice(1, 3), slice(4, 9)), np.s_[1:3, 4:9]),
        ((slice(None), slice(None), slice(3, 4)), np.s_[:, :, 3:4]),
        ((slice(0, 8), slice(2, 3), slice(None)), np.s_[:, 2:3]),
        (slice(5, 5), np.s_[5:5]),
    ]
    for wanted, same in rows:
        got = desk.do(lambda wanted=wanted: manager.load(names=["cube"], slices={"cube": wanted}))["cube"]
        assert np.array_equal(got, cube[same]), wanted
        assert got.shape == cube[same].shape
    desk.do(lambda: manager.save({"raw": bytes(range(256)) * 20}, step=2))
    assert desk.do(lambda: manager.load(slices={"raw": (100, 300)}))["raw"] == (bytes(range(256)) * 20)[100:300]


def test_files_and_folders_are_items(desk: Desk, tmp_path: Path, tree: dict[str, bytes]) -> None:
    """Issue 6, point 4: files and folders; written back whole, merged into what is there."""
    manager = desk.manager(part_size=256 * KIB)
    (tmp_path / "tree" / "hollow").mkdir()
    items = {"folder": tmp_path / "tree", "file": tmp_path / "tree" / "weights.bin"}
    desk.do(lambda: manager.save(items, step=1))

    target, file = tmp_path / "restored", tmp_path / "one.bin"
    target.mkdir()
    (target / "kept").write_bytes(b"kept")
    got = desk.do(lambda: manager.load(into={"folder": target, "file": file}))

    assert got == {"folder": target, "file": file}
    assert file.read_bytes() == tree["weights.bin"]
    files = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert files == {**tree, "kept": b"kept"}
    assert (target / "hollow").is_dir()
    assert desk.do(lambda: manager.load(names=["folder"]))["folder"] == tree
    assert desk.do(lambda: manager.load(names=["folder/nested/deep/state.json"])) == {
        "folder/nested/deep/state.json": b"{}"
    }


def test_streams_are_items(near: Desk, tmp_path: Path) -> None:
    """D4: an item of unknown size fills one part at a time; files, iterators, and on async faces async ones."""
    pieces = [bytes([at]) * (at * 100) for at in range(60)]
    (tmp_path / "open").write_bytes(b"".join(pieces))
    manager = near.manager(part_size=16 * KIB)

    async def later() -> Any:
        for piece in pieces:
            yield piece

    with (tmp_path / "open").open("rb") as file:
        items: dict[str, Any] = {
            "first": b"1",
            "iterator": iter(pieces),
            "file": file,
            "nothing": iter([]),
            "last": b"9",
        }
        if not near.is_sync:
            items["async"] = later()
        near.do(lambda: manager.save(items, step=1))

    whole = b"".join(pieces)
    wanted = {"first": b"1", "iterator": whole, "file": whole, "nothing": b"", "last": b"9"}
    assert near.do(manager.load) == wanted | ({} if near.is_sync else {"async": whole})
    if near.is_sync:
        with pytest.raises(TypeError, match="'x' is an async iterator"):
            manager.save({"x": later()}, step=2)


def test_items_are_written_one_by_one(desk: Desk) -> None:
    """D1: begin, write, commit; nothing can be loaded before that, and what was written may be changed."""
    manager = desk.manager(part_size=4 * KIB)
    save = desk.do(lambda: manager.begin(3, user={"k": 1}))
    buffer = bytearray(b"a" * 1000)
    for name in "abcdefghij":
        desk.do(lambda name=name: save.write(name, buffer))
        buffer[:] = bytes([buffer[0] + 1]) * 1000
    assert desk.do(manager.latest) is None

    generation = desk.do(save.commit)

    assert desk.do(save.commit) == generation == desk.do(manager.latest)
    assert generation.user == {"k": 1}
    assert desk.do(manager.load) == {name: name.encode() * 1000 for name in "abcdefghij"}
    with pytest.raises(ValueError, match="has ended"):
        desk.do(lambda: save.write("k", b""))


def test_a_save_that_is_given_up_is_no_checkpoint(memory: Desk) -> None:
    manager = memory.manager()
    save = memory.do(lambda: manager.begin(1))
    memory.do(lambda: save.write("a", b"1"))
    memory.do(save.abort)
    with pytest.raises(ValueError, match="has ended"):
        memory.do(save.commit)
    assert memory.do(manager.latest) is None


def test_an_interrupted_save_is_taken_up(desk: Desk) -> None:
    """D4, resume: parts that are there, by name and size, are not sent again."""
    save_id = "0123456789abcdef"
    first = desk.manager(part_size=KIB)
    items = {f"i{at}": bytes([at]) * 2000 for at in range(10)}
    save = desk.do(lambda: first.begin(5, save_id=save_id))
    for name in list(items)[:6]:
        desk.do(lambda name=name: save.write(name, items[name]))
    before = {key for key in desk.files() if "/part-" in key}
    assert len(before) >= 11

    sent: list[str] = []
    second = desk.manager(part_size=KIB)
    desk.do(lambda: second.save(items, step=5, save_id=save_id, progress=lambda done, total, part: sent.append(part)))

    parts = {key for key in desk.files() if "/part-" in key}
    assert before < parts
    assert len(sent) == len(parts) == 20
    assert desk.do(second.load) == items
    same = desk.do(lambda: second.save(items, step=5, save_id=save_id))
    assert same == desk.do(second.latest)
    with pytest.raises(CheckpointConflict, match="other content"):
        desk.do(lambda: second.save({**items, "i0": b"other"}, step=5, save_id=save_id))
    assert desk.do(second.load) == items


def test_steps_are_found_in_order(near: Desk) -> None:
    """D2: LATEST only moves forward; a step may be saved again, and the later save counts."""
    manager = near.manager()
    for step in (10, 2, 30, 30):
        near.do(lambda step=step: manager.save({"s": [step, manager is None]}, step=step))
    near.do(lambda: manager.save({"s": "again"}, step=30))
    assert [generation.step for generation in near.do(manager.list)] == [2, 10, 30, 30, 30]
    assert near.do(manager.load) == {"s": "again"} == near.do(lambda: near.manager().load(step=30))
    assert near.do(lambda: manager.load(step=2)) == {"s": [2, False]}
    newest = near.do(manager.latest)
    assert near.do(lambda: manager.load(newest)) == near.do(lambda: manager.load(newest.name)) == {"s": "again"}


def test_a_step_or_item_that_is_not_there_is_told(desk: Desk) -> None:
    """Issue 6: a path that is no checkpoint, a step that does not exist; shape and dtype that don't match."""
    manager = desk.manager()
    with pytest.raises(CheckpointNotFound, match="no checkpoint here"):
        desk.do(manager.load)
    desk.do(lambda: manager.save({"a": np.zeros(3), "t": {"x": np.zeros(2)}}, step=1))
    for wanted in (7, "000000000007-0123456789abcdef", "../run"):
        with pytest.raises(CheckpointNotFound):
            desk.do(lambda wanted=wanted: manager.load(wanted))
    with pytest.raises(CheckpointNotFound, match="'b'"):
        desk.do(lambda: manager.load(names=["b"]))
    with pytest.raises(CheckpointNotFound, match="'b'"):
        desk.do(lambda: manager.load(into={"b": bytearray(3)}))
    for target in (np.zeros(4), np.zeros(3, np.float32), bytearray(5)):
        with pytest.raises(CheckpointMismatch, match="'a'"):
            desk.do(lambda target=target: manager.load(into={"a": target}))
    with pytest.raises(CheckpointMismatch, match="'t'"):
        desk.do(lambda: manager.load(into={"t": {"y": np.zeros(2)}}))
    with pytest.raises(CheckpointMismatch, match="2 slices"):
        desk.do(lambda: manager.load(slices={"a": (slice(1), slice(1))}))


def test_progress_tells_bytes_and_parts(memory: Desk) -> None:
    seen: list[tuple[int, int, str]] = []
    manager = memory.manager(part_size=KIB)
    memory.do(lambda: manager.save({"a": bytes(5000)}, step=1, progress=lambda *row: seen.append(row)))
    assert len({row[2] for row in seen}) == 5
    assert [row[0] for row in seen] == sorted(row[0] for row in seen)
    assert seen[-1][0] == 5000
    assert {row[1] for row in seen} == {5000}
    seen.clear()
    memory.do(lambda: manager.load(progress=lambda *row: seen.append(row)))
    assert seen[-1][:2] == (5000, 5000)
