"""A store over the backend: roots, names, order of checks (CONTRACT B1, B8, B9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..._core.capability import Capability
from ..._core.errors import AlreadyExists, CapabilityNotSupported, InvalidPath, NotFound
from ..._core.keys import RemotePath
from ..._store._async.store import AsyncStore
from ..asserting import anything, equal, raises
from ..case import Case, drain, listed
from ..registry import check

READ, WRITE, LIST, METADATA = Capability.READ, Capability.WRITE, Capability.LIST, Capability.METADATA
RW = {READ, WRITE}


@check("B1", 23, needs=RW)
async def a_root_is_normalised(case: Case) -> None:
    """A store's root may be spelt with superfluous slashes; `..` in it raises InvalidPath."""
    await case.put("root/sub/file", b"content")
    for root in ("root/sub", "/root/sub/", "root//sub", "root/./sub", "root\\sub"):
        equal(await case.store(root).read_bytes("file"), b"content", f"read below {root!r}")
    with raises(InvalidPath):
        case.store("root/..")


@check("B1", 20, needs=RW)
async def paths_are_normalised(case: Case) -> None:
    """A store takes absolute paths, doubled and final slashes, backslashes and `.` segments for the keys they mean."""
    store = case.store("root")
    await store.write("/a\\b//c", b"content")
    equal(await case.content("root/a/b/c"), b"content", "content in the backend")
    for path in ("a/b/c", "/a/b/c", "a//b/c/", "a/./b/c", "a\\b\\c"):
        equal(await store.read_bytes(path), b"content", f"read_bytes({path!r})")


@check("B1", 24, needs={READ, WRITE, METADATA, Capability.DELETE, Capability.MOVE, Capability.COPY})
async def file_methods_refuse_the_root(case: Case) -> None:
    """File-shaped methods refuse `""` and `"."` with InvalidPath "must not be empty" and the path as given."""
    for path in ("", "."):
        for name, call in _file_calls(case.store("root"), path).items():
            with raises(InvalidPath, "must not be empty", path=path, when=name):
                await call()


def _file_calls(store: AsyncStore, path: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    return {
        "read": lambda: drain(store.read(path)),
        "read_bytes": lambda: store.read_bytes(path),
        "read_text": lambda: store.read_text(path),
        "write": lambda: store.write(path, b""),
        "write_text": lambda: store.write_text(path, ""),
        "delete": lambda: store.delete(path, missing_ok=True),
        "get_file_info": lambda: store.get_file_info(path),
        "head": lambda: store.head(path),
        "move from": lambda: store.move(path, "x"),
        "move to": lambda: store.move("x", path),
        "copy from": lambda: store.copy(path, "x"),
        "copy to": lambda: store.copy("x", path),
    }


@check("B1", 24, needs={WRITE, LIST, METADATA})
async def folder_methods_take_the_root(case: Case) -> None:
    """`""` and `"."` are the store's root for probes, listings, totals, plans and native paths."""
    await case.put("root/file", b"12345")
    await case.put("outside", b"other")
    store = case.store("root")
    for path in ("", "."):
        assert await store.exists(path), f"exists({path!r}) is false"
        assert await store.is_folder(path), f"is_folder({path!r}) is false"
        assert not await store.is_file(path), f"is_file({path!r}) is true"
        equal(await listed(store.list_files(path)), ["file"], f"list_files({path!r})")
        info = await store.get_folder_info(path)
        equal((info.file_count, info.total_size), (1, 5), f"get_folder_info({path!r})")
        assert info.path is RemotePath.ROOT, f"the root's path is {info.path!r}"
        equal(store.resolve(path).key, path, f"key of resolve({path!r})")
        equal(store.native_path(path), store.native_path(""), f"native_path({path!r})")


@check("B1", 24, 25)
async def the_root_is_never_deleted(case: Case) -> None:
    """`delete_folder` refuses the root with "Cannot delete the store root", before it looks at capabilities."""
    for path in ("", "."):
        with raises(InvalidPath, "Cannot delete the store root", path=path):
            await case.store("root").delete_folder(path, recursive=True, missing_ok=True)


@check("B1", 25, needs={WRITE, LIST})
async def values_are_checked_before_paths(case: Case) -> None:
    """A bad value is told before a bad path."""
    store = case.store()
    with raises(ValueError, "underscore"):
        await store.write("", b"", metadata={"_a": "b"})
    with raises(ValueError, "max_depth must be >= 0"):
        await listed(store.list_files("../x", max_depth=-1))


@check("B1", 25, lacks={Capability.GLOB})
async def capabilities_are_checked_before_patterns(case: Case) -> None:
    """A missing capability is told before a bad pattern."""
    with raises(CapabilityNotSupported, "glob"):
        await listed(case.store().glob("a**"))


@check("B1", 26, needs={READ, WRITE, LIST, METADATA})
async def keys_are_relative_to_the_store(case: Case) -> None:
    """Paths in models are relative to the store and can be handed back to it."""
    store = case.store("root/deep")
    written = await store.write("a/b.txt", b"12345")
    equal(str(written.path), "a/b.txt", "path of the result")
    equal(str((await store.get_file_info("a/b.txt")).path), "a/b.txt", "path of the information")
    equal(str((await store.head("a/b.txt")).path), "a/b.txt", "path of the head")
    equal(str((await store.get_folder_info("a")).path), "a", "path of the folder's information")
    equal(await listed(store.list_folders("")), ["a"], "folders")
    found = await listed(store.list_files("", recursive=True))
    equal(found, ["a/b.txt"], "files")
    equal(await store.read_bytes(found[0]), b"12345", "content of the listed file")
    equal(await case.content("root/deep/a/b.txt"), b"12345", "content in the backend")


@check("B1", 27, needs=RW)
async def backend_errors_keep_the_backends_key(case: Case) -> None:
    """An error of the backend passes through with the backend's key; the store's own have the store's path."""
    store = case.store("root")
    with raises(NotFound, path="root/missing", when="a missing file"):
        await store.read_bytes("missing")
    await store.write("file", b"")
    with raises(AlreadyExists, path="root/file", when="an existing file"):
        await store.write("file", b"")
    with raises(InvalidPath, path="../x", when="a path that the store refuses"):
        await store.read_bytes("../x")


@check("B1", 20, needs={READ, WRITE, LIST})
async def a_rooted_store_cannot_be_left(case: Case) -> None:
    """No `..` leads out of a store's root, and what is outside is not to be seen."""
    await case.put("secret", b"secret")
    store = case.store("root")
    for path in ("../secret", "a/../../secret", "..", "a\\..\\..\\secret"):
        with raises(InvalidPath, "..", path=path, when=path):
            await store.read_bytes(path)
        with raises(InvalidPath, "..", path=path, when=path):
            await store.exists(path)
    equal(await listed(store.list_files("", recursive=True)), [], "files in the empty store")


@check("B8", 79, needs=RW)
async def children_are_stores_of_subfolders(case: Case) -> None:
    """`child("a").child("b")` is `child("a/b")` is a store rooted there: `==`, `hash`, `repr` and content."""
    store = case.store("root")
    same = [
        store.child("a").child("b"),
        store.child("a/b"),
        case.store("root/a/b") if case.blocking else store.child("/a//b/"),
    ]
    await same[0].write("file", b"content")
    for other in same[1:]:
        equal(other, same[0], "the child")
        equal(hash(other), hash(same[0]), "its hash")
        equal(repr(other), repr(same[0]), "its repr")
        equal(await other.read_bytes("file"), b"content", "content through it")
    assert store != same[0], "a child equals its parent"
    for path in ("", "..", "a/../b", "a\0"):
        with raises(InvalidPath, when=repr(path)):
            store.child(path)


@check("B8", 80, needs=RW)
async def closing_a_child_leaves_the_parent(case: Case) -> None:
    """A closed child leaves its parent and the backend usable."""
    store = case.store("root")
    await store.child("a").aclose()
    await store.write("file", b"content")
    equal(await store.read_bytes("file"), b"content", "content")


@check("B8", 81)
async def native_paths_of_a_store(case: Case) -> None:
    """`native_path` and `to_key` of a store are inverse; what is outside its root raises InvalidPath."""
    store = case.store("root")
    for key in ("a", "a/b.txt"):
        equal(store.native_path(key), case.backend.native_path(f"root/{key}"), f"native_path({key!r})")
        equal(store.to_key(store.native_path(key)), key, f"to_key of the native path of {key!r}")
    equal(store.to_key(store.native_path("")), "", "to_key of the root")
    for outside in ("other/file", "rooted/file"):
        with raises(InvalidPath, "is not under store root", when=outside):
            store.to_key(case.backend.native_path(outside))


@check("B8", 82)
async def plans_of_a_store(case: Case) -> None:
    """`resolve` of a store has the key as passed and the native path with the root."""
    plan = case.store("root").resolve("a/b")
    equal((plan.kind, plan.backend, plan.key), (case.backend.name, case.backend.name, "a/b"), "kind, backend, key")
    equal(plan.native_path, case.backend.native_path("root/a/b"), "native_path")


@check("B9", 84)
async def a_store_tells_what_is_supported(case: Case) -> None:
    """`supports` says what the backend declares, and the ungated methods work on every backend."""
    store = case.store("root")
    for capability in Capability:
        equal(store.supports(capability), case.has(capability), f"supports({capability.name})")
    await store.ping()
    equal(await store.exists("missing"), False, "exists")


@check("DECISIONS 10", needs={READ, WRITE, LIST})
async def what_is_no_path_is_refused(case: Case) -> None:
    """A store refuses NUL, lone surrogates and segments over 255 bytes by InvalidPath, what is no str by TypeError."""
    store = case.store("root")
    for path in ("a\0b", "lone\ud800", "n" * 256, "a/" + "é" * 128, "/", "//", "./", "\\"):
        for call in (store.read_bytes, store.delete if case.has(Capability.DELETE) else store.read_text):
            with raises(InvalidPath, when=ascii(path)):
                await call(path)
        with raises(InvalidPath, when=ascii(path)):
            await store.write(path, b"content")
    for wrong in (None, 5, b"bytes", ["a"]):
        with raises(TypeError, when=f"path {wrong!r}"):
            await store.write(anything(wrong), b"content")
    await case.holds({})


@check("B1", 24, needs={READ, WRITE})
async def paths_may_be_remote_paths(case: Case) -> None:
    """A store takes a RemotePath, as listings give it, wherever it takes a str."""
    store = case.store("root")
    await store.write(anything(RemotePath("a/b")), b"content")
    equal(await store.read_bytes(anything(RemotePath("a") / "b")), b"content", "content")
