"""Names that are odd on a disk are kept apart, come back as they were, or are refused (DECISIONS 10, CONTRACT 20)."""

from __future__ import annotations

import logging
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.errors import InvalidPath
from remote_store.backends.local import guard, listing
from remote_store.backends.local.backend import AsyncLocalBackend
from remote_store.backends.local.sync import LocalBackend
from tests.backends.local.disk import leftovers, snapshot

LATIN = os.fsdecode(b"caf\xe9")  # what a disk of the nineties has
ODD = {
    "newline": "a\nb",
    "carriage return": "a\rb",
    "tab": "a\tb",
    "glob": "*?[]{}",
    "quotes": "'\"`$",
    "dash": "-rf",
    "reserved": "con",
    "reserved with suffix": "NUL.txt",
    "trailing dot": "a.",
    "stream": "a:b",
    "drive": "C:x",
    "home": "~",
    "percent": "%2e%2e",
    "percent nul": "%00",
    "blank": " a ",
    "only blank": " ",
    "url": "a?b#c+d&e;f=g",
    "dots": "...",
    "hidden": ".a",
    "like ours": ".~tmp.x",
    "like ours, one too long": ".~tmp.0123456789abcdef0",
    "control": "\x01\x1b[31m\x7f",
    "rtl override": "a\u202eb",
    "joiner": "a\u200db",
    "bom": "\ufeffa",
    "beyond the plane": "😀",
    "noncharacter": "\uffff",
    "full-width slash": "a／b",
    "one-dot leader": "․․",
    "combining flood": "e" + "\u0301" * 100,
    "not UTF-8": LATIN,
    "all odd bytes": os.fsdecode(bytes(range(0x80, 0x100))),
    "255 bytes": "x" * 255,
    "255 bytes of UTF-8": "é" * 127 + "x",
}


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
@pytest.mark.parametrize("shape", ["{}", "d/{}", "{}/f"])
def test_an_odd_name_comes_back_as_it_was(files: LocalBackend, root: Path, name: str, shape: str) -> None:
    """DECISIONS 10: written, listed, globbed, looked at, copied, moved and deleted under the very same name."""
    key = shape.format(name)
    files.write(key, b"x")
    assert snapshot(root)[key] == b"x"
    (info,) = files.list_files("", recursive=True)
    assert (str(info.path), info.name) == (key, key.rpartition("/")[2])
    assert files.read_bytes(str(info.path)) == b"x"
    assert [str(found.path) for found in files.glob("**")] == [key]
    assert files.get_file_info(key).size == 1
    assert files.to_key(files.native_path(key)) == key
    files.write(key, b"y", overwrite=True)
    files.copy(key, "copied")
    files.delete(key)
    files.move("copied", key)
    assert files.read_bytes(key) == b"y"
    assert leftovers(root) == []


@pytest.mark.anyio
@pytest.mark.parametrize("name", [LATIN, "a\nb", "😀"])
async def test_an_odd_name_comes_back_on_the_async_side(backend: AsyncLocalBackend, name: str) -> None:
    """DECISIONS 10: the same through the worker threads."""
    await backend.write(f"d/{name}", b"x")
    listed = [str(info.path) async for info in backend.list_files("", recursive=True)]
    assert listed == [f"d/{name}"]
    assert await backend.read_bytes(listed[0]) == b"x"
    await backend.delete(listed[0])


@pytest.mark.parametrize(
    "name",
    ["x" * 256, "é" * 128, "a\0b", "\ud800", "a\udfffb"],
    ids=["256 bytes", "256 bytes of UTF-8", "NUL", "surrogate", "surrogate pair's half"],
)
@pytest.mark.parametrize("shape", ["{}", "d/{}", "{}/f"])
def test_a_name_that_can_not_be_is_refused(files: LocalBackend, root: Path, name: str, shape: str) -> None:
    """DECISIONS 10: InvalidPath before the disk is touched."""
    for act in (files.read_bytes, files.exists, files.delete, lambda key: files.write(key, b"x")):
        with pytest.raises(InvalidPath):
            act(shape.format(name))  # type: ignore[operator]  # a table of calls
    assert snapshot(root) == {}


def test_names_that_look_alike_are_kept_apart(files: LocalBackend, root: Path) -> None:
    """RELIABILITY "Unicode": NFC beside NFD, upper beside lower case, dot look-alikes: each its own content."""
    names = [
        "a",
        "A",
        unicodedata.normalize("NFC", "é"),
        unicodedata.normalize("NFD", "é"),
        "e",
        "․",
        "İ",
        "i̇",
        "ß",
        "ss",
    ]
    if (root / "a").write_bytes(b"") == 0 and (root / "A").exists():
        pytest.skip("this disk folds case")
    (root / "a").unlink()
    for index, name in enumerate(names):
        files.write(name, b"%d" % index)
    assert {str(info.path) for info in files.list_files("")} == set(names)
    assert [files.read_bytes(name) for name in names] == [b"%d" % index for index in range(len(names))]


def test_names_with_a_backslash_are_left_out_with_one_warning(
    root: Path, caplog: pytest.LogCaptureFixture, files: LocalBackend
) -> None:
    """DECISIONS 10: they can't be keys; one WARNING, and a recursive delete removes them."""
    for name in ("a\\b", "c\\d", "fine"):
        (root / "d").mkdir(exist_ok=True)
        (root / "d" / name).write_bytes(b"x")
    listing._warned.clear()
    with caplog.at_level(logging.WARNING, "remote_store"):
        for _ in range(3):
            assert [str(info.path) for info in files.list_files("d")] == ["d/fine"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "'d'" in caplog.text
    files.delete_folder("d", recursive=True)
    assert snapshot(root) == {}


def test_each_root_has_its_own_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """DECISIONS 10: a folder of the same name below another root is another folder."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a\\b").write_bytes(b"x")
        list(LocalBackend(str(tmp_path / name)).list_files(""))
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2


@pytest.mark.parametrize("mode", ["kernel", "walk"])
def test_a_key_of_1025_bytes_is_a_key_and_one_of_ten_thousand_segments_is_refused(
    files: LocalBackend, root: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RELIABILITY "Paths": longer than a path may be is InvalidPath at once, whichever way the guard goes."""
    if mode == "walk":
        monkeypatch.setattr(guard, "_openat2", None)
    long = "/".join(["x" * 204] * 5) + "y"
    assert len(long) == 1025
    files.write(long, b"x")
    assert [str(info.path) for info in files.list_files("", recursive=True)] == [long]
    before = snapshot(root)
    endless = "/".join("a" * 10_000)
    calls: list[Any] = [files.read_bytes, files.exists, files.delete, lambda key: files.write(key, b"x")]
    calls += [files.get_folder_info, lambda key: list(files.list_files(key)), lambda key: files.copy(long, key)]
    for act in calls:
        with pytest.raises(InvalidPath, match="too long"):
            act(endless)
    assert snapshot(root) == before


def test_the_name_of_a_hidden_file_is_refused_and_a_like_one_is_not(files: LocalBackend, root: Path) -> None:
    """DECISIONS 12: ".~tmp." and exactly 16 hex digits, as any part of the key."""
    hidden = f".~tmp.{5:016x}"
    for key in (hidden, f"d/{hidden}", f"{hidden}/f"):
        for act in (files.read_bytes, files.exists, lambda key: files.write(key, b"x")):
            with pytest.raises(InvalidPath, match="being written"):
                act(key)  # type: ignore[operator]  # a table of calls
    files.write(hidden.upper(), b"x")
    assert list(snapshot(root)) == [hidden.upper()]
