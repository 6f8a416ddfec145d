"""Writing files (CONTRACT B3)."""

from __future__ import annotations

from ..._core.capability import Capability
from ..._core.errors import AlreadyExists, InvalidPath
from ..asserting import equal, raises
from ..case import Case, Pieces
from ..registry import Face, check

WRITE, NATIVE = Capability.WRITE, Capability.WRITE_RESULT_NATIVE
LARGE = bytes(range(251)) * 4096 * 3


@check("B3", 42, needs={WRITE})
async def what_was_written_is_stored(case: Case) -> None:
    """A write stores the very bytes, making the folders above, in every way to write."""
    for verb, write in case.writers():
        key = f"{verb}/new/folder/file"
        await write(key, bytes(range(256)))
        equal(await case.content(key), bytes(range(256)), f"content after {verb}")
        assert await case.backend.is_file(key), f"is_file is false after {verb}"


@check("B3", 42, needs={WRITE})
async def empty_content_makes_an_empty_file(case: Case) -> None:
    """Empty bytes, and an iterator that yields nothing, make an empty file."""
    for verb, write in case.writers():
        for number, content in enumerate((b"", Pieces(), Pieces(b"", b""))):
            key = f"{verb}{number}"
            result = await write(key, content)
            equal(result.size, 0, f"size after {verb}")
            equal(await case.content(key), b"", f"content after {verb}")


@check("B3", 41, needs={WRITE})
async def an_iterator_is_written_in_order(case: Case) -> None:
    """An async iterator of bytes is written piece after piece; empty pieces change nothing."""
    for verb, write in case.writers():
        await write(verb, Pieces(b"one ", b"", b"two ", b"three"))
        equal(await case.content(verb), b"one two three", f"content after {verb}")


@check("B3", 41, 45, needs={WRITE})
async def a_large_stream_arrives_whole(case: Case) -> None:
    """A stream of several MiB in pieces of odd sizes arrives whole, and its size is told."""
    for verb, write in case.writers():
        pieces = [LARGE[at : at + 70_001] for at in range(0, len(LARGE), 70_001)]
        result = await write(verb, Pieces(*pieces))
        equal(result.size, len(LARGE), f"size after {verb}")
        assert await case.content(verb) == LARGE, f"{verb} stored something else"


@check("B3", 41, needs={WRITE})
async def a_large_buffer_arrives_whole(case: Case) -> None:
    """One `bytes` of several MiB arrives whole."""
    for verb, write in case.writers():
        await write(verb, LARGE)
        assert await case.content(verb) == LARGE, f"{verb} stored something else"


@check("B3", 43, needs={WRITE})
async def an_existing_file_is_kept(case: Case) -> None:
    """Without `overwrite` an existing file raises AlreadyExists with the key in its text, and is unchanged."""
    await case.put("a/file", b"old")
    for verb, write in case.writers():
        for content in (b"new", Pieces(b"new")):
            with raises(AlreadyExists, "already exists", "a/file", path="a/file", backend=case.backend.name, when=verb):
                await write("a/file", content)
    await case.holds({"a/file": b"old"})


@check("B3", 43, needs={WRITE})
async def overwrite_replaces_the_whole_content(case: Case) -> None:
    """With `overwrite` a shorter content leaves nothing of a longer one."""
    for verb, write in case.writers():
        await case.put(verb, b"a much longer content")
        result = await write(verb, b"short", overwrite=True)
        equal(result.size, 5, f"size after {verb}")
        equal(await case.content(verb), b"short", f"content after {verb}")


@check("B3", 43, needs={WRITE})
async def overwrite_makes_a_new_file_too(case: Case) -> None:
    """With `overwrite` a missing file is made."""
    for verb, write in case.writers():
        await write(verb, b"new", overwrite=True)
        equal(await case.content(verb), b"new", f"content after {verb}")


@check("B3", 43, needs={WRITE}, flat=False)
async def a_folder_is_not_overwritten(case: Case) -> None:
    """A folder at the path raises InvalidPath "exists as a directory", whatever `overwrite` says."""
    await case.put("folder/file")
    for verb, write in case.writers():
        for overwrite in (False, True):
            with raises(InvalidPath, "exists as a directory", path="folder", when=f"{verb}, overwrite={overwrite}"):
                await write("folder", b"new", overwrite=overwrite)
    await case.holds({"folder/file": b"content"})


@check("B3", 44, needs={WRITE}, flat=False)
async def nothing_is_written_below_a_file(case: Case) -> None:
    """A file among the ancestors raises InvalidPath "exists as a file", and is unharmed."""
    await case.put("file", b"in the way")
    for verb, write in case.writers():
        for key in ("file/below", "file/far/below"):
            for overwrite in (False, True):
                with raises(InvalidPath, "exists as a file", when=f"{verb} to {key!r}, overwrite={overwrite}"):
                    await write(key, b"new", overwrite=overwrite)
    await case.holds({"file": b"in the way"})


@check("B3", 45, needs={WRITE})
async def the_result_tells_path_and_size(case: Case) -> None:
    """The result has the path as written, the size, no metadata, and "native" as source if that is declared."""
    source = "native" if case.has(NATIVE) else "basic"
    for verb, write in case.writers():
        for number, content in enumerate((b"12345", Pieces(b"123", b"45"))):
            result = await write(f"folder/{verb}{number}", content)
            equal(str(result.path), f"folder/{verb}{number}", "path")
            equal(result.size, 5, "size")
            equal(result.source, source, "source")
            equal(result.metadata, None, "metadata")


@check("B3", 45, needs={WRITE}, lacks={NATIVE})
async def a_basic_result_has_no_rich_fields(case: Case) -> None:
    """Without WRITE_RESULT_NATIVE digest, etag, version_id and last_modified are None."""
    for verb, write in case.writers():
        result = await write(verb, b"content")
        rich = (result.digest, result.etag, result.version_id, result.last_modified)
        equal(rich, (None, None, None, None), "digest, etag, version_id and last_modified")


@check("B3", 46, needs={WRITE, NATIVE, Capability.METADATA})
async def a_native_result_agrees_with_the_information(case: Case) -> None:
    """What a native result tells is what `get_file_info` tells afterwards."""
    for verb, write in case.writers():
        result = await write(verb, b"content")
        info = await case.backend.get_file_info(verb)
        equal(info.size, result.size, "size")
        if result.etag is not None:
            equal(info.etag, result.etag, "etag")
        if result.last_modified is not None:
            assert result.last_modified.tzinfo is not None, "last_modified has no time zone"


@check("B3", 50, needs={WRITE, Capability.ATOMIC_WRITE}, face=Face.SYNC)
def a_file_opened_for_writing_appears_at_the_end(case: Case) -> None:
    """What is written inside `open_atomic` appears as a whole when the block ends, and not before."""
    assert case.blocking is not None
    with case.blocking.open_atomic("folder/file") as out:
        out.write(b"first ")
        assert not case.blocking.exists("folder/file"), "the file was there before the end"
        out.write(b"second")
    equal(case.blocking.read_bytes("folder/file"), b"first second", "content")


@check("B3", 50, needs={WRITE, Capability.ATOMIC_WRITE, Capability.LIST}, face=Face.SYNC)
def a_failed_block_leaves_nothing(case: Case) -> None:
    """An exception inside `open_atomic` propagates; the file does not appear, or keeps its old content."""
    assert case.blocking is not None
    case.blocking.write("old", b"old")
    for key in ("old", "new/file"):
        problem = KeyboardInterrupt(key)
        with raises(KeyboardInterrupt) as caught:
            with case.blocking.open_atomic(key, overwrite=True) as out:
                out.write(b"half")
                raise problem
        assert caught.error is problem, f"another exception came out: {caught.error!r}"
    equal(case.blocking.read_bytes("old"), b"old", "content of the old file")
    found = [str(info.path) for info in case.blocking.list_files("", recursive=True)]
    equal(found, ["old"], "the files in the store")


@check("B3", 50, needs={WRITE, Capability.ATOMIC_WRITE}, face=Face.SYNC)
def opening_a_taken_path_is_refused(case: Case) -> None:
    """`open_atomic` of an existing file raises AlreadyExists (bare adapters at the end) and replaces if told to."""
    assert case.blocking is not None
    case.blocking.write("file", b"old")
    entered = False
    with raises(AlreadyExists, "already exists"):
        with case.blocking.open_atomic("file"):
            entered = True
    assert case.bare or not entered, "the block was entered"
    equal(case.blocking.read_bytes("file"), b"old", "content")
    with case.blocking.open_atomic("file", overwrite=True) as out:
        out.write(b"new")
    equal(case.blocking.read_bytes("file"), b"new", "content after overwriting")


@check("B3", 50, needs={WRITE, Capability.ATOMIC_WRITE}, face=Face.SYNC, flat=False)
def opening_a_folder_for_writing_is_refused(case: Case) -> None:
    """`open_atomic` of a folder, and below a file, raises InvalidPath (bare adapters at the end)."""
    assert case.blocking is not None
    case.blocking.write("folder/file", b"old")
    for key in ("folder", "folder/file/below"):
        entered = False
        with raises(InvalidPath, when=key):
            with case.blocking.open_atomic(key, overwrite=True) as out:
                entered = True
                out.write(b"new")
        assert case.bare or not entered, f"the block was entered for {key!r}"
    equal(case.blocking.read_bytes("folder/file"), b"old", "content")
