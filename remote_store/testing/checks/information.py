"""Information on files and folders (CONTRACT B6)."""

from __future__ import annotations

from datetime import UTC, datetime

from ..._core.capability import Capability
from ..._core.errors import InvalidPath, NotFound
from ..._core.models import UNKNOWN_TIME, FolderInfo
from ..asserting import equal, raises
from ..case import Case
from ..registry import check

METADATA = Capability.METADATA


async def _probes(case: Case, path: str) -> tuple[bool, bool, bool]:
    backend = case.backend
    return await backend.exists(path), await backend.is_file(path), await backend.is_folder(path)


@check("B6", 72)
async def probes_tell_files_from_folders(case: Case) -> None:
    """`exists`, `is_file` and `is_folder` tell a file, each folder above it, and what is missing."""
    await case.put("a/b/file")
    for path, wanted in {
        "a/b/file": (True, True, False),
        "a/b": (True, False, True),
        "a": (True, False, True),
        "missing": (False, False, False),
        "a/missing": (False, False, False),
        "a/b/fil": (False, False, False),
        "a/b/file2": (False, False, False),
    }.items():
        equal(await _probes(case, path), wanted, f"exists, is_file, is_folder of {path!r}")


@check("B6", 72)
async def probes_are_false_below_a_file(case: Case) -> None:
    """Below a file nothing exists, and no error is raised."""
    await case.put("file")
    for path in ("file/below", "file/far/below"):
        equal(await _probes(case, path), (False, False, False), f"exists, is_file, is_folder of {path!r}")


@check("B6", 69, needs={METADATA})
async def a_file_is_described(case: Case) -> None:
    """`get_file_info` has path, name, size in bytes and an aware time."""
    await case.put("folder/file.txt", b"12345")
    info = await case.backend.get_file_info("folder/file.txt")
    equal(str(info.path), "folder/file.txt", "path")
    equal(info.name, "file.txt", "name")
    equal(info.size, 5, "size")
    assert info.modified_at.tzinfo is not None, "modified_at has no time zone"


@check("A4", 8, needs={METADATA, Capability.WRITE})
async def a_known_time_is_the_present(case: Case) -> None:
    """The time of a fresh file is unknown or within a day of now, and an overwrite never takes it back."""
    await case.backend.write("file", b"1")
    first = (await case.backend.get_file_info("file")).modified_at
    await case.backend.write("file", b"2", overwrite=True)
    second = (await case.backend.get_file_info("file")).modified_at
    assert second >= first, f"an overwrite took the time from {first} back to {second}"
    if first != UNKNOWN_TIME:
        age = abs((datetime.now(UTC) - first).total_seconds())
        assert age < 86_400, f"modified_at is {first}"


@check("B6", 69, needs={METADATA, Capability.WRITE})
async def an_overwrite_changes_the_size(case: Case) -> None:
    """After an overwrite `get_file_info` has the new size."""
    for content in (b"123456789", b"", b"123"):
        await case.backend.write("file", content, overwrite=True)
        equal((await case.backend.get_file_info("file")).size, len(content), "size")


@check("B6", 69, 87, needs={METADATA})
async def a_missing_file_has_no_information(case: Case) -> None:
    """`get_file_info` of a missing file, or below a file, raises NotFound with the key."""
    await case.put("file")
    for key in ("missing", "no/such/file", "file/below"):
        with raises(NotFound, key, path=key, backend=case.backend.name, when=key):
            await case.backend.get_file_info(key)


@check("B6", 69, needs={METADATA})
async def a_folder_has_no_file_information(case: Case) -> None:
    """`get_file_info` of a folder raises InvalidPath with the key."""
    await case.put("folder/file")
    with raises(InvalidPath, "folder", path="folder"):
        await case.backend.get_file_info("folder")


@check("B6", 69, needs={METADATA})
async def a_folder_is_counted_at_every_depth(case: Case) -> None:
    """`get_folder_info` counts files and bytes at every depth, and nothing of look-alike folders."""
    for key, size in {"a/1": 1, "a/b/2": 20, "a/b/c/3": 300, "ab/out": 4000, "a.b": 50000}.items():
        await case.put(key, b"x" * size)
    for folder, count, size in (("a", 3, 321), ("a/b", 2, 320), ("a/b/c", 1, 300), ("", 5, 54321)):
        info = await case.backend.get_folder_info(folder)
        equal((info.file_count, info.total_size), (count, size), f"files and bytes in {folder!r}")
        assert isinstance(info, FolderInfo), f"get_folder_info gave {info!r}"
        equal(str(info.path), folder or ".", "path")


@check("B6", 69, needs={METADATA, Capability.LIST})
async def a_folder_is_as_old_as_its_latest_file(case: Case) -> None:
    """A folder's `modified_at` is the latest known time below it, or None."""
    for key in ("a/1", "a/b/2", "c/3"):
        await case.put(key)
    times = [info.modified_at async for info in case.backend.list_files("a", recursive=True)]
    known = [time for time in times if time != UNKNOWN_TIME]
    info = await case.backend.get_folder_info("a")
    equal(info.modified_at, max(known) if known else None, "modified_at of the folder")


@check("B6", 69, needs={METADATA})
async def an_empty_root_counts_zero(case: Case) -> None:
    """The root of an empty store has no files, no bytes and no time."""
    info = await case.backend.get_folder_info("")
    equal((info.file_count, info.total_size, info.modified_at), (0, 0, None), "files, bytes and time")


@check("B6", 69, needs={METADATA})
async def a_missing_folder_has_no_information(case: Case) -> None:
    """`get_folder_info` of a missing folder, or below a file, raises NotFound with the key."""
    await case.put("file")
    for key in ("missing", "file/below"):
        with raises(NotFound, key, path=key, backend=case.backend.name, when=key):
            await case.backend.get_folder_info(key)


@check("B6", 69, needs={METADATA})
async def a_file_has_no_folder_information(case: Case) -> None:
    """`get_folder_info` of a file raises InvalidPath with the key."""
    await case.put("a/file")
    with raises(InvalidPath, "a/file", path="a/file"):
        await case.backend.get_folder_info("a/file")
