"""Listings (CONTRACT B5)."""

from __future__ import annotations

from ..._core.capability import Capability
from ..._core.models import FileInfo, FolderEntry
from ..asserting import equal, same_items
from ..case import Case, listed
from ..registry import Face, check

LIST = Capability.LIST
TREE = ("top.txt", "a/1.txt", "a/2.txt", "a/b/3.txt", "a/b/c/4.txt", "d/e/f/5.txt")


async def _tree(case: Case) -> None:
    for key in TREE:
        await case.put(key, key.encode())


@check("B5", 58, needs={LIST})
async def immediate_files_are_listed(case: Case) -> None:
    """`list_files` gives the files directly in the folder, each once, as FileInfo."""
    await _tree(case)
    equal(await listed(case.backend.list_files("")), ["top.txt"], "files in the root")
    equal(await listed(case.backend.list_files("a")), ["a/1.txt", "a/2.txt"], "files in 'a'")
    equal(await listed(case.backend.list_files("d")), [], "files in 'd', which has folders only")
    async for entry in case.backend.list_files("a"):
        assert isinstance(entry, FileInfo), f"list_files gave {entry!r}"


@check("B5", 58, needs={LIST})
async def everything_below_is_listed(case: Case) -> None:
    """With `recursive` the files of all subfolders come too, each once."""
    await _tree(case)
    equal(await listed(case.backend.list_files("", recursive=True)), sorted(TREE), "all files")
    wanted = [key for key in TREE if key.startswith("a/")]
    equal(await listed(case.backend.list_files("a", recursive=True)), sorted(wanted), "all files below 'a'")


@check("B5", 58, needs={LIST})
async def immediate_folders_are_listed(case: Case) -> None:
    """`list_folders` gives the folders directly in the folder, each once, as FolderEntry."""
    await _tree(case)
    equal(await listed(case.backend.list_folders("")), ["a", "d"], "folders in the root")
    equal(await listed(case.backend.list_folders("a")), ["a/b"], "folders in 'a'")
    equal(await listed(case.backend.list_folders("a/b/c")), [], "folders in 'a/b/c'")
    async for entry in case.backend.list_folders(""):
        assert isinstance(entry, FolderEntry), f"list_folders gave {entry!r}"
        equal(entry.name, str(entry.path), "name")


@check("B5", 58, needs={LIST})
async def children_are_files_and_folders(case: Case) -> None:
    """`iter_children` gives both, files as FileInfo and folders as FolderEntry, each once."""
    await _tree(case)
    found = [entry async for entry in case.backend.iter_children("a")]
    kinds = {str(entry.path): type(entry) for entry in found}
    equal(kinds, {"a/1.txt": FileInfo, "a/2.txt": FileInfo, "a/b": FolderEntry}, "children of 'a'")
    equal(len(found), 3, "entries")


@check("B5", 57, needs={LIST})
async def what_is_no_folder_lists_as_nothing(case: Case) -> None:
    """A missing folder, a file given as a folder and a path below a file yield nothing and raise nothing."""
    await case.put("file")
    for folder in ("missing", "no/such", "file", "file/below"):
        for recursive in (False, True):
            found = await listed(case.backend.list_files(folder, recursive=recursive))
            equal(found, [], f"list_files({folder!r}, recursive={recursive})")
        equal(await listed(case.backend.list_folders(folder)), [], f"list_folders({folder!r})")
        equal(await listed(case.backend.iter_children(folder)), [], f"iter_children({folder!r})")


@check("B5", 57, needs={LIST})
async def an_empty_store_lists_as_nothing(case: Case) -> None:
    """The root of an empty store has no files and no folders."""
    equal(await listed(case.backend.list_files("", recursive=True)), [], "files")
    equal(await listed(case.backend.list_folders("")), [], "folders")


@check("B5", 59, needs={LIST})
async def look_alike_prefixes_do_not_match(case: Case) -> None:
    """A folder's listing has nothing of folders or files whose names begin like it or match it as a pattern."""
    for key in ("lf_u_b/in", "lf_uXb/out", "lf_u_b2/out", "lf_u_b.txt", "a/in", "ab/out", "a.b/out"):
        await case.put(key)
    for folder in ("lf_u_b", "a"):
        for recursive in (False, True):
            found = await listed(case.backend.list_files(folder, recursive=recursive))
            equal(found, [f"{folder}/in"], f"list_files({folder!r}, recursive={recursive})")
        equal(await listed(case.backend.iter_children(folder)), [f"{folder}/in"], f"iter_children({folder!r})")


@check("B5", 61, needs={LIST})
async def depth_bounds_a_recursive_listing(case: Case) -> None:
    """With `recursive` `max_depth` 0 is the folder alone, and n adds n levels."""
    await _tree(case)
    for depth in range(5):
        wanted = [key for key in TREE if key.count("/") <= depth]
        found = await listed(case.backend.list_files("", recursive=True, max_depth=depth))
        equal(found, sorted(wanted), f"max_depth={depth} from the root")
    found = await listed(case.backend.list_files("a", recursive=True, max_depth=1))
    equal(found, ["a/1.txt", "a/2.txt", "a/b/3.txt"], "max_depth=1 from 'a'")


@check("B5", 61, needs={LIST})
async def depth_means_nothing_without_recursion(case: Case) -> None:
    """Without `recursive` immediate files come for any `max_depth`."""
    await _tree(case)
    for depth in (0, 1, 5):
        found = await listed(case.backend.list_files("a", max_depth=depth))
        equal(found, ["a/1.txt", "a/2.txt"], f"max_depth={depth}")


@check("B5", 58, needs={LIST})
async def listed_files_are_described(case: Case) -> None:
    """Each listed file has its name, size in bytes and an aware time, and its path reads it back."""
    await _tree(case)
    async for info in case.backend.list_files("", recursive=True):
        key = str(info.path)
        equal(info.name, key.rpartition("/")[2], f"name of {key!r}")
        equal(info.size, len(key), f"size of {key!r}")
        assert info.modified_at.tzinfo is not None, f"modified_at of {key!r} has no time zone"
        equal(await case.content(key), key.encode(), f"content of {key!r}")


@check("B5", 58, needs={LIST, Capability.METADATA, Capability.CONDITIONAL_WRITE})
async def a_listed_etag_is_the_files(case: Case) -> None:
    """Where a listed file has an etag, it is the one that `get_file_info` has."""
    await _tree(case)
    async for info in case.backend.list_files("", recursive=True):
        if info.etag is not None:
            equal(info.etag, (await case.backend.get_file_info(str(info.path))).etag, f"etag of {info.path}")


@check("B5", 58, needs={LIST})
async def a_large_folder_is_listed_whole(case: Case) -> None:
    """A folder of 600 files, more than a page, is listed whole, each file once."""
    wanted = [f"many/{number:04}" for number in range(600)]
    for key in wanted:
        await case.put(key, b"")
    same_items(await listed(case.backend.list_files("many")), wanted, "files")
    equal(await listed(case.backend.list_folders("")), ["many"], "folders")


@check("B5", 58, needs={LIST, Capability.DELETE})
async def a_listing_may_be_deleted_as_it_comes(case: Case) -> None:
    """Deleting each file as it is listed raises nothing and misses none."""
    for number in range(20):
        await case.put(f"folder/{number}")
    async for info in case.backend.list_files("folder"):
        await case.backend.delete(str(info.path), missing_ok=True)
    equal(await listed(case.backend.list_files("folder")), [], "files left")


@check("B14", 111, needs={LIST}, face=Face.LOOP)
async def a_listing_may_be_left_early(case: Case) -> None:
    """Leaving `async for` over a listing early needs no clean-up and leaves the backend usable."""
    await _tree(case)
    async for _ in case.backend.list_files("", recursive=True):
        break
    async for _ in case.backend.iter_children("a"):
        break
    equal(await listed(case.backend.list_files("")), ["top.txt"], "a listing afterwards")
