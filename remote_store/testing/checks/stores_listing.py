"""A store over the backend: depth, patterns and folders in listings (CONTRACT B5, B6)."""

from __future__ import annotations

from ..._core.capability import Capability
from ..._core.errors import InvalidPath, NotFound
from ..asserting import equal, raises
from ..case import Case, listed
from ..registry import check

LIST, GLOB, METADATA = Capability.LIST, Capability.GLOB, Capability.METADATA
TREE = {"top.txt": 1, "a/1.csv": 10, "a/b/2.txt": 100, "a/b/c/3.txt": 1000, ".hidden/4.txt": 10000}


async def _tree(case: Case) -> None:
    for key, size in TREE.items():
        await case.put(f"root/{key}", b"x" * size)
    await case.put("outside/5.txt")
    await case.put("root2/6.txt")


@check("B5", 60, needs={LIST})
async def depth_takes_the_place_of_recursion(case: Case) -> None:
    """With `max_depth` `recursive` is ignored: 0 is the folder alone, n adds n levels."""
    await _tree(case)
    store = case.store("root")
    for depth in range(4):
        wanted = sorted(key for key in TREE if key.count("/") <= depth)
        for recursive in (False, True):
            found = await listed(store.list_files("", recursive=recursive, max_depth=depth))
            equal(found, wanted, f"max_depth={depth}, recursive={recursive}")


@check("B5", 60, needs={LIST})
async def a_negative_depth_is_refused(case: Case) -> None:
    """A negative `max_depth` raises ValueError "max_depth must be >= 0"."""
    store = case.store("root")
    with raises(ValueError, "max_depth must be >= 0"):
        await listed(store.list_files("", max_depth=-1))
    with raises(ValueError, "max_depth must be >= 0"):
        await listed(store.list_folders("", max_depth=-1))
    with raises(ValueError, "max_depth must be >= 0"):
        await store.get_folder_info("", max_depth=-1)


@check("B5", 62, needs={LIST})
async def folders_are_listed_breadth_first(case: Case) -> None:
    """`list_folders(max_depth=n)` goes n levels further, outer folders first; a pattern does not stop the descent."""
    await _tree(case)
    store = case.store("root")
    for depth in (None, 0):
        equal(await listed(store.list_folders("", max_depth=depth)), [".hidden", "a"], f"max_depth={depth}")
    found = [str(entry.path) async for entry in store.list_folders("", max_depth=2)]
    equal(sorted(found), [".hidden", "a", "a/b", "a/b/c"], "max_depth=2")
    equal([key.count("/") for key in found], sorted(key.count("/") for key in found), "levels in order")
    equal(await listed(store.list_folders("", max_depth=2, pattern="c")), ["a/b/c"], "pattern 'c'")


@check("B5", 63, needs={LIST})
async def patterns_filter_names(case: Case) -> None:
    """`pattern` is matched against the name alone, case-sensitive, and `*` also matches a leading dot."""
    await _tree(case)
    store = case.store("root")
    equal(await listed(store.list_files("", pattern="*.csv", recursive=True)), ["a/1.csv"], "*.csv")
    equal(await listed(store.list_files("", pattern="*.TXT", recursive=True)), [], "*.TXT")
    equal(await listed(store.list_folders("", pattern="*")), [".hidden", "a"], "folders by '*'")
    found = await listed(store.list_files("", pattern="[12].*", max_depth=2))
    equal(found, ["a/1.csv", "a/b/2.txt"], "[12].* to depth 2")


@check("B5", 57, needs={LIST})
async def a_store_on_nothing_lists_nothing(case: Case) -> None:
    """A store whose root is missing lists as empty."""
    store = case.store("not/there")
    equal(await listed(store.list_files("", recursive=True)), [], "files")
    equal(await listed(store.list_folders("", max_depth=3)), [], "folders")
    equal(await listed(store.iter_children("")), [], "children")


@check("B5", 67, needs={GLOB})
async def a_rooted_glob_stays_below_its_root(case: Case) -> None:
    """`glob` of a rooted store looks below its root and yields paths relative to it."""
    await _tree(case)
    equal(await listed(case.store("root").glob("**/*.txt")), sorted(key for key in TREE if "txt" in key), "**/*.txt")
    equal(await listed(case.store("root/a").glob("*")), ["1.csv"], "'*' below 'a'")


@check("B5", 67, needs={GLOB})
async def a_root_is_no_pattern(case: Case) -> None:
    """A root with `*` or `[` in its name is taken literally by `glob`."""
    await case.put("r[o]t*/in")
    await case.put("rot1/out")
    await case.put("rot/out")
    equal(await listed(case.store("r[o]t*").glob("*")), ["in"], "glob below 'r[o]t*'")


@check("B6", 70, needs={LIST})
async def totals_can_be_bounded(case: Case) -> None:
    """`get_folder_info(max_depth=n)` counts n levels."""
    await _tree(case)
    store = case.store("root")
    for depth in range(4):
        sizes = [size for key, size in TREE.items() if key.count("/") <= depth]
        info = await store.get_folder_info("", max_depth=depth)
        equal((info.file_count, info.total_size), (len(sizes), sum(sizes)), f"max_depth={depth}")
    info = await store.get_folder_info("a", max_depth=1)
    equal((info.file_count, info.total_size, str(info.path)), (2, 110, "a"), "'a' to depth 1")


@check("B6", 70, needs={LIST})
async def bounded_totals_need_a_folder(case: Case) -> None:
    """`get_folder_info(max_depth=n)` of a missing folder raises NotFound "Folder not found", of a file InvalidPath."""
    await _tree(case)
    store = case.store("root")
    with raises(NotFound, "Folder not found"):
        await store.get_folder_info("missing", max_depth=1)
    with raises(InvalidPath):
        await store.get_folder_info("top.txt", max_depth=1)
