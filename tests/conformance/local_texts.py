"""What the local backend promises beyond every backend's contract."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from remote_store._core.errors import InvalidPath, NotFound
from remote_store.testing import Case, Check, own_check
from remote_store.testing.asserting import equal, raises
from remote_store.testing.case import drain, listed
from remote_store.testing.checks.keys import operations


def _root(case: Case) -> Path:
    return Path(case.backend.native_path(""))


@own_check("B10", 28, 88)
async def an_absent_root_reads_as_absent(case: Case) -> None:
    """When the root folder is gone the root still exists, probes are false, reads NotFound, listings empty."""
    shutil.rmtree(_root(case), ignore_errors=True)
    backend = case.backend
    equal(
        (await backend.exists(""), await backend.is_folder(""), await backend.is_file("")), (True, True, False), "root"
    )
    equal(await backend.exists("file"), False, "exists")
    with raises(NotFound, "File not found: file", path="file", when="read"):
        await drain(backend.read("file"))
    for call in (backend.read_bytes, backend.get_file_info):
        with raises(NotFound, "File not found: file", path="file"):
            await call("file")
    equal(await listed(backend.list_files("", recursive=True)), [], "files")
    equal(await listed(backend.list_folders("")), [], "folders")


@own_check("B4", 56, 88)
async def an_absent_root_is_tolerated_and_made_again(case: Case) -> None:
    """When the root folder is gone tolerant deletes pass, and a write makes it again."""
    shutil.rmtree(_root(case), ignore_errors=True)
    await case.backend.delete("file", missing_ok=True)
    await case.backend.delete_folder("folder", missing_ok=True)
    with raises(NotFound, path="file"):
        await case.backend.delete("file")
    await case.backend.write("a/file", b"content")
    equal((_root(case) / "a/file").read_bytes(), b"content", "the file on the disk")


@own_check("B6", 73)
async def an_absent_root_is_unhealthy(case: Case) -> None:
    """`check_health` raises NotFound "Root directory not found" for an absent root."""
    shutil.rmtree(_root(case), ignore_errors=True)
    with raises(NotFound, "Root directory not found"):
        await case.backend.check_health()


@own_check("B1", 31)
async def keys_that_leave_the_root_are_named(case: Case) -> None:
    """`../x`, absolute paths and links that point out raise InvalidPath "escapes root" in every operation."""
    outside = _root(case).parent / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (_root(case) / "link").symlink_to(outside)
    await case.put("kept")
    for key in ("../outside/secret", "/etc/passwd", "link/secret", "link/new"):
        for name, call in operations(case, key):
            with raises(InvalidPath, "escapes root", when=f"{name} of {key!r}"):
                await call()
    equal([path.name for path in outside.iterdir()], ["secret"], "the files outside")
    equal((outside / "secret").read_bytes(), b"secret", "the file outside")


@own_check("B1", 30)
async def the_store_root_is_named(case: Case) -> None:
    """A write to the root says "store root"."""
    for root in ("", ".", "./", "/"):
        with raises(InvalidPath, "store root", when=repr(root)):
            await case.backend.write(root, b"content")


@own_check("B10", 87)
async def what_is_missing_is_named(case: Case) -> None:
    """Missing files and folders are told as "File not found: <key>" and "Folder not found: <key>"."""
    backend = case.backend
    calls: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
        ("File not found: a/b", lambda: backend.read_bytes("a/b")),
        ("File not found: a/b", lambda: backend.get_file_info("a/b")),
        ("File not found: a/b", lambda: backend.delete("a/b")),
        ("Folder not found: a/b", lambda: backend.get_folder_info("a/b")),
        ("Folder not found: a/b", lambda: backend.delete_folder("a/b")),
        ("Source not found: a/b", lambda: backend.move("a/b", "c")),
    ]
    for text, call in calls:
        with raises(NotFound, text):
            await call()


@own_check("C", 150)
async def temporary_files_are_gone(case: Case) -> None:
    """After writes of every kind, done and refused, the folder holds the files alone."""
    for verb, write in case.writers():
        await write(f"{verb}/file", b"content")
        await write(f"{verb}/file", b"other", overwrite=True)
        with raises(FileExistsError):
            await write(f"{verb}/file", b"lost")
    found = sorted(
        os.path.relpath(Path(folder) / name, _root(case)) for folder, _, names in os.walk(_root(case)) for name in names
    )
    equal(found, ["write/file", "write_atomic/file"], "the files on the disk")


OWN: list[Check] = [each for each in list(globals().values()) if isinstance(each, Check)]
