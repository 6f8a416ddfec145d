"""The root as a path (CONTRACT B1)."""

from __future__ import annotations

from ..._core.capability import Capability
from ..._core.errors import InvalidPath
from ..asserting import equal, raises
from ..case import Case, drain, listed
from ..registry import Face, check
from .moving import movers

READ, WRITE, LIST, DELETE = Capability.READ, Capability.WRITE, Capability.LIST, Capability.DELETE
ROOT = ("", ".")
NOTHING_LEFT = ("", ".", "./", "/", "//", "./.")


@check("B1", 28)
async def root_is_a_folder(case: Case) -> None:
    """`""` and `"."` are the root: it exists and is a folder, not a file, in an empty store too."""
    for root in ROOT:
        assert await case.backend.exists(root), f"exists({root!r}) is false"
        assert await case.backend.is_folder(root), f"is_folder({root!r}) is false"
        assert not await case.backend.is_file(root), f"is_file({root!r}) is true"


@check("B1", 28, needs={WRITE, DELETE})
async def root_outlives_its_files(case: Case) -> None:
    """The root is there after its last file has gone."""
    await case.backend.write("only", b"")
    await case.backend.delete("only")
    assert await case.backend.exists(""), "the root vanished with its last file"


@check("B1", 29, needs={READ})
async def root_cannot_be_read(case: Case) -> None:
    """Reading the root raises InvalidPath with the spelling that was given."""
    for root in ROOT:
        with raises(InvalidPath, path=root, when=f"read({root!r})"):
            await drain(case.backend.read(root))
        with raises(InvalidPath, path=root, when=f"read_bytes({root!r})"):
            await case.backend.read_bytes(root)


@check("B1", 29, needs={Capability.METADATA})
async def root_has_no_file_info(case: Case) -> None:
    """`get_file_info` of the root raises InvalidPath with the spelling that was given."""
    for root in ROOT:
        with raises(InvalidPath, path=root, when=f"get_file_info({root!r})"):
            await case.backend.get_file_info(root)


@check("B1", 29, needs={DELETE})
async def root_cannot_be_deleted_as_a_file(case: Case) -> None:
    """`delete` of the root raises InvalidPath, also with `missing_ok`."""
    for root in ROOT:
        for missing_ok in (False, True):
            with raises(InvalidPath, path=root, when=f"delete({root!r}, missing_ok={missing_ok})"):
                await case.backend.delete(root, missing_ok=missing_ok)


@check("B1", 29)
async def root_cannot_be_moved(case: Case) -> None:
    """The root as the source of `move` or `copy` raises InvalidPath with the spelling that was given."""
    for verb, transfer in movers(case):
        for root in ROOT:
            with raises(InvalidPath, path=root, when=f"{verb}({root!r}, 'dst')"):
                await transfer(root, "dst")


@check("B1", 30, needs={WRITE})
async def root_cannot_be_written(case: Case) -> None:
    """A write to whatever reduces to nothing raises InvalidPath, with `overwrite` or without, and changes nothing."""
    await case.put("kept", b"kept")
    for verb, write in case.writers():
        for root in NOTHING_LEFT:
            for overwrite in (False, True):
                with raises(InvalidPath, when=f"{verb}({root!r}, overwrite={overwrite})"):
                    await write(root, b"new", overwrite=overwrite)
    await case.holds({"kept": b"kept"})


@check("B1", 30)
async def root_cannot_be_a_destination(case: Case) -> None:
    """`move` and `copy` to whatever reduces to nothing raise InvalidPath before they look at the source."""
    for verb, transfer in movers(case):
        for root in NOTHING_LEFT:
            for overwrite in (False, True):
                with raises(InvalidPath, when=f"{verb}('missing', {root!r}, overwrite={overwrite})"):
                    await transfer("missing", root, overwrite=overwrite)


@check("B1", 30, needs={WRITE, Capability.ATOMIC_WRITE}, face=Face.SYNC, bare=False)
def root_cannot_be_opened_for_writing(case: Case) -> None:
    """`open_atomic` refuses whatever reduces to nothing on entering the block."""
    assert case.blocking is not None
    entered = False
    for root in NOTHING_LEFT:
        with raises(InvalidPath, when=f"open_atomic({root!r})"):
            with case.blocking.open_atomic(root):
                entered = True
    assert not entered, "the block was entered"


@check("B1", 28, needs={WRITE, LIST})
async def both_spellings_list_the_root(case: Case) -> None:
    """Listing `"."` gives what listing `""` gives."""
    await case.put("a")
    await case.put("b/c")
    for root in ROOT:
        equal(await listed(case.backend.list_files(root)), ["a"], f"list_files({root!r})")
        equal(await listed(case.backend.list_folders(root)), ["b"], f"list_folders({root!r})")
