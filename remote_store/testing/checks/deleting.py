"""Deleting files and folders (CONTRACT B4)."""

from __future__ import annotations

from ..._core.capability import Capability
from ..._core.errors import CapabilityNotSupported, DirectoryNotEmpty, InvalidPath, NotFound
from ..asserting import equal, raises
from ..case import Case
from ..registry import check

DELETE, WRITE = Capability.DELETE, Capability.WRITE


@check("B4", 52, needs={DELETE})
async def a_deleted_file_is_gone(case: Case) -> None:
    """`delete` removes the file and nothing else."""
    await case.put("a/file")
    await case.put("a/other", b"other")
    await case.backend.delete("a/file")
    equal(await case.content("a/file"), None, "content of the deleted file")
    assert not await case.backend.exists("a/file"), "the deleted file exists"
    await case.holds({"a/other": b"other"})


@check("B4", 52, 87, needs={DELETE})
async def a_missing_file_cannot_be_deleted(case: Case) -> None:
    """`delete` of a missing file raises NotFound with the key."""
    with raises(NotFound, "missing", path="missing", backend=case.backend.name):
        await case.backend.delete("missing")


@check("B4", 52, needs={DELETE})
async def a_missing_file_may_be_tolerated(case: Case) -> None:
    """`delete` of a missing file with `missing_ok` does nothing."""
    await case.backend.delete("missing", missing_ok=True)
    await case.backend.delete("no/such/folder/file", missing_ok=True)


@check("B4", 52, needs={DELETE})
async def a_folder_is_no_file_to_delete(case: Case) -> None:
    """`delete` of a folder raises InvalidPath, also with `missing_ok`."""
    await case.put("folder/file")
    text = "folder" if case.flat else "Not a file"
    for missing_ok in (False, True):
        with raises(InvalidPath, text, path="folder", when=f"missing_ok={missing_ok}"):
            await case.backend.delete("folder", missing_ok=missing_ok)
    await case.holds({"folder/file": b"content"})


@check("B4", 52, needs={DELETE})
async def below_a_file_nothing_is_there_to_delete(case: Case) -> None:
    """`delete` below a file raises NotFound, or is tolerated; the file stays."""
    await case.put("file")
    with raises(NotFound, path="file/below"):
        await case.backend.delete("file/below")
    await case.backend.delete("file/below", missing_ok=True)
    await case.holds({"file": b"content"})


@check("B4", 53, needs={DELETE})
async def a_folder_goes_with_all_below_it(case: Case) -> None:
    """`delete_folder` with `recursive` removes the folder and everything below it, and nothing else."""
    for key in ("gone/a", "gone/deep/er/b", "kept/c"):
        await case.put(key)
    await case.backend.delete_folder("gone", recursive=True)
    for key in ("gone", "gone/a", "gone/deep", "gone/deep/er/b"):
        assert not await case.backend.exists(key), f"{key!r} exists"
    await case.holds({"kept/c": b"content"})


@check("B4", 53, needs={DELETE})
async def a_folder_with_content_is_kept(case: Case) -> None:
    """`delete_folder` without `recursive` raises DirectoryNotEmpty for a folder with content."""
    await case.put("folder/sub/file")
    for folder in ("folder", "folder/sub"):
        with raises(DirectoryNotEmpty, "not empty", path=folder, backend=case.backend.name, when=folder):
            await case.backend.delete_folder(folder)
    await case.holds({"folder/sub/file": b"content"})


@check("B4", 53, 55, needs={DELETE, WRITE}, flat=False)
async def an_empty_folder_needs_no_recursion(case: Case) -> None:
    """A folder whose last file was deleted stays, and `delete_folder` removes it."""
    await case.backend.write("folder/file", b"")
    await case.backend.delete("folder/file")
    assert await case.backend.is_folder("folder"), "the folder went with its last file"
    await case.backend.delete_folder("folder")
    assert not await case.backend.exists("folder"), "the deleted folder exists"


@check("B4", 55, needs={DELETE, WRITE}, flat=True)
async def a_flat_folder_goes_with_its_last_file(case: Case) -> None:
    """On a flat backend a folder vanishes with its last file."""
    await case.backend.write("folder/file", b"")
    await case.backend.delete("folder/file")
    assert not await case.backend.exists("folder"), "the empty folder exists"


@check("B4", 53, 87, needs={DELETE})
async def a_missing_folder_cannot_be_deleted(case: Case) -> None:
    """`delete_folder` of a missing folder raises NotFound "Folder not found", or does nothing with `missing_ok`."""
    for recursive in (False, True):
        with raises(NotFound, "Folder not found", "missing", path="missing", when=f"recursive={recursive}"):
            await case.backend.delete_folder("missing", recursive=recursive)
        await case.backend.delete_folder("missing", recursive=recursive, missing_ok=True)


@check("B4", 53, needs={DELETE})
async def a_file_is_no_folder_to_delete(case: Case) -> None:
    """`delete_folder` of a file raises InvalidPath, also with `missing_ok` and `recursive`."""
    await case.put("file")
    text = "is a file, not a folder" if case.flat else "Not a folder"
    for missing_ok in (False, True):
        for recursive in (False, True):
            with raises(InvalidPath, text, path="file", when=f"missing_ok={missing_ok}, recursive={recursive}"):
                await case.backend.delete_folder("file", missing_ok=missing_ok, recursive=recursive)
    await case.holds({"file": b"content"})


@check("B4", 54, needs={DELETE})
async def look_alike_folders_survive(case: Case) -> None:
    """Deleting a folder leaves those whose names begin like it or match it as a pattern."""
    kept = {f"{name}/file": b"content" for name in ("ecXdf", "ec_df2", "ec_d", "ec_df.bak", "EC_DF")}
    for key in (*kept, "ec_df/file"):
        await case.put(key)
    await case.backend.delete_folder("ec_df", recursive=True)
    await case.holds(kept)


@check("B4", 54, needs={DELETE})
async def look_alike_files_survive(case: Case) -> None:
    """Deleting a file leaves those whose names begin like it."""
    kept = {"file.txt": b"content", "file2": b"content", "fil": b"content"}
    for key in (*kept, "file"):
        await case.put(key)
    await case.backend.delete("file")
    await case.holds(kept)


@check("DECISIONS 23", needs={DELETE, WRITE})
async def leftovers_are_no_files(case: Case) -> None:
    """`abort_uploads` never touches a file that can be read, or is refused by CapabilityNotSupported."""
    await case.put("folder/file")
    try:
        removed = await case.backend.abort_uploads(0)
    except CapabilityNotSupported:
        return
    equal(removed, 0, "leftovers in a store where every write has ended")
    await case.holds({"folder/file": b"content"})
