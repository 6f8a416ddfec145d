"""What was spoilt since it was saved is noticed, and the part is named (issue 6, CHECKPOINT D5, E, RELIABILITY archives)."""

from __future__ import annotations

import base64
import json
import pickle
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store.checkpoint import (
    CheckpointCorrupted,
    CheckpointFormatError,
    CheckpointGone,
    CheckpointManager,
    CheckpointNotFound,
)
from remote_store.checkpoint.digests import CRC64NVME
from remote_store.checkpoint.generations import documents
from tests.checkpoint.manager.desks import Desk

ITEMS: dict[str, Any] = {"first": bytes(range(256)) * 20, "second": b"two" * 1000, "config": {"a": 1}}
FLIPS = 150
"""Positions in the default run; the soak run takes 10,000."""


@pytest.fixture
def saved(memory: Desk) -> Desk:
    """A store with one checkpoint of several parts."""
    memory.do(lambda: memory.manager(part_size=2048).save(ITEMS, step=4))
    return memory


@pytest.fixture
def blocking(tmp_path: Path) -> Iterator[Desk]:
    """The same through one face: for what is decided before any face comes in."""
    desk = Desk("memory", "sync", tmp_path)
    desk.manager(part_size=2048).save(ITEMS, step=4)
    yield desk
    desk.close()


def key_of(desk: Desk, name: str) -> str:
    return next(key for key in sorted(desk.files()) if name in key)


def flips(files: dict[str, bytes], count: int) -> list[tuple[str, int]]:
    """Positions (object, bit) all over the objects: each object gets its share, and its first and last bit."""
    chosen: list[tuple[str, int]] = []
    dice = random.Random(6)
    for key, data in sorted(files.items()):
        bits = 8 * len(data)
        chosen += [(key, 0), (key, bits - 1)]
        chosen += [(key, dice.randrange(bits)) for _ in range(count // len(files))]
    return chosen


def check_flips(desk: Desk, count: int) -> None:
    files = desk.files()
    noticed = 0
    for key, bit in flips(files, count):
        data = bytearray(files[key])
        data[bit // 8] ^= 1 << bit % 8
        desk.put(key, bytes(data))
        manager = desk.manager()
        try:
            assert desk.do(manager.load) == ITEMS, f"bit {bit} of {key} was not noticed"
        except (CheckpointCorrupted, CheckpointFormatError) as error:
            noticed += 1
            told = str(error)
        else:
            assert "LATEST" in key or "/step/" in key
            told = key
        assert key.rpartition("/")[2] in told
        desk.put(key, files[key])
    assert noticed >= count // 2


def test_every_flipped_bit_is_noticed_or_harmless(saved: Desk) -> None:
    """E: parts, index, manifest: an error that names the object; LATEST: found another way."""
    check_flips(saved, FLIPS)


@pytest.mark.soak
def test_every_flipped_bit_of_ten_thousand_is_noticed_or_harmless(saved: Desk) -> None:
    check_flips(saved, 10_000)


def test_the_error_says_where(saved: Desk) -> None:
    """D5: CheckpointCorrupted(name, part, offset, expected, got), which survives a pickle."""
    key = key_of(saved, "part-00000-00001-")
    data = bytearray(saved.files()[key])
    data[100] ^= 1
    saved.put(key, bytes(data))
    manager = saved.manager()
    for act in (manager.load, lambda: manager.verify(deep=True)):
        with pytest.raises(CheckpointCorrupted) as caught:
            saved.do(act)
        error = pickle.loads(pickle.dumps(caught.value))
        assert issubclass(CheckpointCorrupted, ValueError)
        assert (error.name, error.part, error.offset) == ("first", key.rpartition("/")[2], 0)
        assert error.expected != error.got
    assert saved.do(lambda: manager.load(names=["second"]))["second"] == ITEMS["second"]
    assert saved.do(manager.verify).ok, "sizes are as they were"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda data: data[:-1], CheckpointCorrupted),
        (lambda data: data + b"x", CheckpointCorrupted),
        (lambda data: b"", CheckpointCorrupted),
        (lambda data: bytes(len(data)), CheckpointCorrupted),
        (lambda data: None, CheckpointGone),
    ],
    ids=["short", "long", "empty", "foreign", "missing"],
)
def test_a_part_that_is_not_what_was_saved_is_named(
    saved: Desk, change: Callable[[bytes], bytes | None], error: type[Exception]
) -> None:
    """Issue 6, point 3: a missing or short part, a foreign file."""
    key = key_of(saved, "part-00000-00002-")
    data = change(saved.files()[key])
    saved.delete(key) if data is None else saved.put(key, data)
    manager = saved.manager()
    name = key.rpartition("/")[2]
    for act in (manager.load, lambda: manager.verify(deep=True), lambda: manager.load(step=4)):
        with pytest.raises(error, match=name):
            saved.do(act)
    if data is None or len(data) != 2048:
        with pytest.raises(error, match=name):
            saved.do(manager.verify)


def test_verify_tells_all_that_is_wrong(saved: Desk) -> None:
    """RELIABILITY, restic: each problem is told, and an object that is none of the checkpoint's is one."""
    folder = key_of(saved, "MANIFEST").rpartition("/")[0]
    saved.delete(key_of(saved, "part-00000-00000-"))
    saved.put(key_of(saved, "part-00000-00001-"), b"short")
    saved.put(f"{folder}/stray.bin", b"x")
    with pytest.raises(CheckpointGone, match="part-00000-00000") as caught:
        saved.do(saved.manager().verify)
    notes = "\n".join(caught.value.__notes__)
    assert "part-00000-00001" in notes
    assert "stray.bin" in notes


def test_a_missing_or_broken_pointer_is_mended(memory: Desk) -> None:
    """D2: LATEST is a hint; RELIABILITY: LATEST pointing to nothing."""
    manager = memory.manager()
    for step in (1, 2, 3):
        memory.do(lambda step=step: manager.save({"n": step}, step=step))
    good = memory.files()["run/LATEST"]
    other = good.replace(b'"step":3', b'"step":2')
    for spoilt in (None, b"", b"\0" * 100, b"[]", b"null", b'{"format":1}', good[:-1], other, b"{" * 100_000):
        memory.delete("run/LATEST") if spoilt is None else memory.put("run/LATEST", spoilt)
        assert memory.do(memory.manager().load) == {"n": 3}
        assert json.loads(memory.files()["run/LATEST"])["step"] == 3
    newest = memory.do(manager.latest)
    memory.delete(f"run/gen/{newest.name}/MANIFEST.json")
    assert memory.do(memory.manager().load) == {"n": 2}


def test_a_spoilt_newest_checkpoint_leaves_the_one_before(memory: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A manifest that can't be read is no checkpoint to go on from; that is told in the log, and by its step."""
    manager = memory.manager()
    for step in (1, 2):
        memory.do(lambda step=step: manager.save({"n": step}, step=step))
    name = memory.do(manager.latest).name
    memory.put(f"run/gen/{name}/MANIFEST.json", b"{}")
    fresh = memory.manager()
    assert memory.do(fresh.load) == {"n": 1}
    assert name in caplog.text
    with pytest.raises((CheckpointCorrupted, CheckpointFormatError)):
        memory.do(lambda: fresh.load(step=2))


def edited(desk: Desk, change: Callable[[dict[str, Any]], object], *, resign: bool = True) -> CheckpointManager:
    """A manager of a store whose manifest was edited, with a checksum that is right again."""
    key = key_of(desk, "MANIFEST")
    document = json.loads(desk.files()[key])
    change(document)
    if resign:
        document.pop("self_crc64nvme", None)
        document["self_crc64nvme"] = CRC64NVME.hex(CRC64NVME.of(documents.canonical(document)))
    desk.put(key, documents.canonical(document))
    desk.delete("run/LATEST")
    manager: CheckpointManager = desk.manager()
    return manager


@pytest.mark.parametrize("resign", [True, False], ids=["signed", "unsigned"])
def test_a_newer_version_is_refused(saved: Desk, resign: bool) -> None:
    """Issue 6: a newer schema; the text says what to do."""
    manager = edited(saved, lambda document: document.update(version=2), resign=resign)
    for act in (manager.latest, manager.load, lambda: manager.load(step=4), manager.verify):
        with pytest.raises(CheckpointFormatError, match="version 2.*newer"):
            saved.do(act)


def test_a_feature_that_is_unknown_is_refused_and_a_field_is_not(saved: Desk) -> None:
    """D3: `features` lists what a reader must know; other fields are ignored."""
    assert saved.do(edited(saved, lambda document: document.update(colour="red")).load) == ITEMS
    manager = edited(saved, lambda document: document.update(features=["zstd"]))
    with pytest.raises(CheckpointFormatError, match="zstd"):
        saved.do(manager.load)


def bomb() -> str:
    return base64.b85encode(zlib.compress(b'{"shared":[' + b" " * (129 << 20), 9)).decode()


HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    "another format": lambda d: d.update(format="remote-store-checkpoint-index"),
    "no format": lambda d: d.pop("format"),
    "version text": lambda d: d.update(version="1"),
    "version true": lambda d: d.update(version=True),
    "features text": lambda d: d.update(features="x"),
    "another generation": lambda d: d.update(generation="000000000004-ffffffffffffffff"),
    "another step": lambda d: d.update(step=5),
    "unknown checksum": lambda d: d.update(checksum="md5"),
    "no indexes": lambda d: d.update(indexes=[]),
    "two writers": lambda d: d.update(writers=2),
    "negative size": lambda d: d["indexes"][0].update(bytes=-1),
    "float size": lambda d: d["indexes"][0].update(size=1.5),
    "sizes that don't add up": lambda d: d.update(total_bytes=1),
    "no date": lambda d: d.update(created="yesterday"),
    "user text": lambda d: d.update(user="x"),
    "inline text": lambda d: d.update(inline="x"),
    "inline of another": lambda d: d["inline"].update(count=99),
    "a part outside": lambda d: d["inline"]["parts"][0].update(name="../../secret"),
    "a part's name": lambda d: d["inline"]["parts"][0].update(name="part-00000-00000-0000000000000000"),
    "a part without end": lambda d: d["inline"]["parts"][0].update(size=1 << 60),
    "a part of nothing": lambda d: d["inline"]["parts"][0].update(size=0),
    "no blocks": lambda d: d["inline"]["parts"][0].update(block=0),
    "torn blocks": lambda d: d["inline"]["parts"][0].update(blocks="00"),
    "no columns": lambda d: d["inline"].update(items="!"),
    "a bomb": lambda d: d["inline"].update(items=bomb()),
    "deep columns": lambda d: d["inline"].update(items=base64.b85encode(zlib.compress(b"[" * 100_000)).decode()),
    "columns that don't fit": lambda d: d["inline"].update(
        items=documents.packed_columns({"shared": [0], "end": [], "type": [], "types": []})
    ),
    "an item beyond the parts": lambda d: d["inline"].update(
        items=documents.packed_columns(
            {"shared": [0], "end": ["a"], "type": [0], "types": [["bytes", "", "", [], 1 << 40]]}
        )
    ),
    "a doubled name": lambda d: d["inline"].update(
        items=documents.packed_columns(
            {"shared": [0, 1], "end": ["a", ""], "type": [0, 0], "types": [["bytes", "", "", [], 8]]}
        )
    ),
    "a type that isn't there": lambda d: d["inline"].update(
        items=documents.packed_columns({"shared": [0], "end": ["a"], "type": [7], "types": []})
    ),
    "a shape that overflows": lambda d: d["inline"].update(
        items=documents.packed_columns(
            {"shared": [0], "end": ["a"], "type": [0], "types": [["tensor", "numpy", "int8", [1 << 70], 8]]}
        )
    ),
}


def resigned(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
    """A change of the index inside the manifest, with every checksum right again."""

    def do(document: dict[str, Any]) -> None:
        change(document)
        inline = document.get("inline")
        if isinstance(inline, dict) and document.get("indexes"):
            inline.pop("self_crc64nvme", None)
            inline["self_crc64nvme"] = CRC64NVME.hex(CRC64NVME.of(documents.canonical(inline)))
            data = documents.canonical(inline)
            document["indexes"][0]["crc64nvme"] = CRC64NVME.hex(CRC64NVME.of(data))

    return do


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_document_made_to_harm_is_refused(blocking: Desk, change: Callable[[dict[str, Any]], object]) -> None:
    """RELIABILITY, archives: bombs, foreign parts, absurd sizes, doubled names: an error of ours, at once."""
    manager = edited(blocking, resigned(change))
    with pytest.raises((CheckpointFormatError, CheckpointCorrupted, CheckpointNotFound)):
        manager.load(step=4)


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"\xff\xfe", b"1" * 5000, b'{"a":' * 100_000, b'{"a":1,"a":2}'])
def test_junk_for_a_manifest_is_told(blocking: Desk, junk: bytes) -> None:
    """F5: junk, empty, truncated: an error that says which object, never a crash."""
    blocking.put(key_of(blocking, "MANIFEST"), junk)
    with pytest.raises((CheckpointCorrupted, CheckpointFormatError), match=r"MANIFEST\.json"):
        blocking.manager().load(step=4)
