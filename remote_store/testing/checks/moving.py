"""Moving and copying (CONTRACT B7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._core.capability import Capability
from ..._core.errors import AlreadyExists, InvalidPath, NotFound
from ..asserting import equal, raises
from ..case import Case
from ..registry import check


def movers(case: Case) -> list[tuple[str, Callable[..., Any]]]:
    """Return `move` and `copy`, as far as the backend declares them, each with its name."""
    ways = [(Capability.MOVE, "move", case.backend.move), (Capability.COPY, "copy", case.backend.copy)]
    return [(name, way) for capability, name, way in ways if case.has(capability)]


@check("B7", 77, needs={Capability.MOVE})
async def a_move_takes_the_file_along(case: Case) -> None:
    """After `move` the content is at the destination, with parents made, and the source is gone."""
    data = await case.put("a/src")
    await case.backend.move("a/src", "new/folder/dst")
    await case.holds({"new/folder/dst": data})
    equal(await case.content("a/src"), None, "content of the source")
    assert not await case.backend.exists("a/src"), "the source still exists"


@check("B7", 77, needs={Capability.COPY})
async def a_copy_leaves_the_source(case: Case) -> None:
    """After `copy` the content is in both places, with parents made, and the two are independent."""
    data = await case.put("src")
    await case.backend.copy("src", "new/folder/dst")
    await case.holds({"src": data, "new/folder/dst": data})
    await case.put("src", b"changed later")
    equal(await case.content("new/folder/dst"), data, "the copy after a change of its source")


@check("B7", 74, 75, 87)
async def a_missing_source_is_not_found(case: Case) -> None:
    """A missing source raises NotFound "Source not found" that names it, whatever the destination is."""
    await case.put("taken")
    await case.put("folder/file")
    for verb, transfer in movers(case):
        for destination in ("dst", "taken", "folder", "taken/below", "missing"):
            with raises(NotFound, "Source not found", path="missing", when=f"{verb} to {destination!r}"):
                await transfer("missing", destination)


@check("B7", 74)
async def a_folder_cannot_be_moved(case: Case) -> None:
    """A folder as the source raises InvalidPath, on hierarchical backends with "Source is a directory"."""
    await case.put("folder/file")
    text = "folder" if case.flat else "Source is a directory: folder"
    for verb, transfer in movers(case):
        with raises(InvalidPath, text, path="folder", when=verb):
            await transfer("folder", "dst")
    await case.holds({"folder/file": b"content"})


@check("B7", 76)
async def the_same_path_is_left_as_it_is(case: Case) -> None:
    """Moving or copying a file to itself keeps it, for both values of `overwrite`."""
    data = await case.put("a/file")
    for verb, transfer in movers(case):
        for overwrite in (False, True):
            await transfer("a/file", "a/file", overwrite=overwrite)
            equal(await case.content("a/file"), data, f"content after {verb} to itself")


@check("B7", 76)
async def the_same_path_must_be_a_file(case: Case) -> None:
    """Moving what is missing to itself raises NotFound, a folder to itself InvalidPath."""
    await case.put("folder/file")
    for verb, transfer in movers(case):
        with raises(NotFound, path="missing", when=f"{verb} of a missing file to itself"):
            await transfer("missing", "missing")
        with raises(InvalidPath, path="folder", when=f"{verb} of a folder to itself"):
            await transfer("folder", "folder")


@check("B7", 74, flat=False)
async def a_folder_is_never_replaced(case: Case) -> None:
    """A folder as the destination raises InvalidPath that names it, for both values of `overwrite`."""
    data = await case.put("src")
    await case.put("folder/file")
    for verb, transfer in movers(case):
        for overwrite in (False, True):
            with raises(InvalidPath, path="folder", when=f"{verb}, overwrite={overwrite}"):
                await transfer("src", "folder", overwrite=overwrite)
    await case.holds({"src": data, "folder/file": b"content"})


@check("B7", 74, 75)
async def a_taken_destination_is_kept(case: Case) -> None:
    """Without `overwrite` an existing destination raises AlreadyExists that names it, and nothing changes."""
    await case.put("src", b"source")
    await case.put("dst", b"destination")
    for verb, transfer in movers(case):
        with raises(AlreadyExists, "already exists", path="dst", when=verb):
            await transfer("src", "dst")
    await case.holds({"src": b"source", "dst": b"destination"})


@check("B7", 77)
async def overwrite_replaces_the_destination(case: Case) -> None:
    """With `overwrite` the destination's content is replaced as a whole."""
    for verb, transfer in movers(case):
        await case.put("src", b"short")
        await case.put("dst", b"a longer destination")
        await transfer("src", "dst", overwrite=True)
        equal(await case.content("dst"), b"short", f"the destination after {verb}")


@check("B7", 74, 75, flat=False)
async def a_file_has_nothing_below_it(case: Case) -> None:
    """A file among the destination's ancestors raises InvalidPath that names the destination; nothing is harmed."""
    await case.put("src")
    await case.put("file", b"in the way")
    for verb, transfer in movers(case):
        for overwrite in (False, True):
            with raises(InvalidPath, path="file/dst", when=f"{verb}, overwrite={overwrite}"):
                await transfer("src", "file/dst", overwrite=overwrite)
    await case.holds({"src": b"content", "file": b"in the way"})


@check("B7", 74)
async def a_source_below_a_file_is_not_found(case: Case) -> None:
    """A source below a file is a missing source."""
    await case.put("file")
    for verb, transfer in movers(case):
        with raises(NotFound, path="file/below", when=verb):
            await transfer("file/below", "dst")
