"""Reading whole files (CONTRACT B2)."""

from __future__ import annotations

import tracemalloc

from ..._core.capability import Capability
from ..._core.errors import InvalidPath, NotFound
from ..asserting import equal, raises
from ..case import Case, drain
from ..registry import Face, check

READ = Capability.READ
LARGE = bytes(range(256)) * 4096 * 3  # 3 MiB: several chunks of any size in use


@check("B2", 34, needs={READ})
async def a_file_reads_as_it_is(case: Case) -> None:
    """`read` and `read_bytes` give the very bytes of the file."""
    data = await case.put("folder/file.bin", bytes(range(256)))
    equal(await drain(case.backend.read("folder/file.bin")), data, "read")
    found = await case.backend.read_bytes("folder/file.bin")
    equal(found, data, "read_bytes")
    assert isinstance(found, bytes), f"read_bytes gave {type(found).__name__}"


@check("B2", 40, needs={READ})
async def chunks_are_non_empty_bytes(case: Case) -> None:
    """Each chunk of a stream is a non-empty `bytes`, and together they are the file."""
    await case.put("large", LARGE)
    chunks = [chunk async for chunk in case.backend.read("large")]
    kinds = {type(chunk).__name__ for chunk in chunks}
    equal(kinds, {"bytes"}, "the types of the chunks")
    assert all(chunks), "an empty chunk"
    assert b"".join(chunks) == LARGE, "the chunks are not the file"


@check("B2", 36, needs={READ, Capability.LAZY_READ})
async def a_lazy_read_makes_no_copy(case: Case) -> None:
    """With LAZY_READ the first chunk of a file of 12 MiB comes before memory for half of it has been taken."""
    data = LARGE * 4
    await case.put("large", data)
    nested = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        stream = case.backend.read("large")
        first = await anext(stream)
        taken = tracemalloc.get_traced_memory()[1] - before
    finally:
        if not nested:
            tracemalloc.stop()
    assert first + await drain(stream) == data, "the chunks are not the file"
    assert taken < len(data) // 2, f"the first chunk took {taken} bytes of memory for a file of {len(data)}"


@check("B2", 34, needs={READ})
async def an_empty_file_has_no_chunks(case: Case) -> None:
    """An empty file reads as nothing."""
    await case.put("empty", b"")
    equal([chunk async for chunk in case.backend.read("empty")], [], "chunks of an empty file")
    equal(await case.backend.read_bytes("empty"), b"", "read_bytes of an empty file")


@check("B2", 32, 87, needs={READ})
async def a_missing_file_is_not_found(case: Case) -> None:
    """Reading a missing file raises NotFound with the key, the backend's name, and both in the text."""
    for key in ("missing", "no/such/file"):
        with raises(NotFound, key, path=key, backend=case.backend.name, when=f"read({key!r})") as caught:
            await drain(case.backend.read(key))
        assert "not found" in str(caught.error).lower(), f"no 'not found' in {caught.error!r}"
        with raises(NotFound, key, path=key, backend=case.backend.name, when=f"read_bytes({key!r})") as caught:
            await case.backend.read_bytes(key)
        assert "not found" in str(caught.error).lower(), f"no 'not found' in {caught.error!r}"


@check("B2", 33, needs={READ})
async def a_folder_cannot_be_read(case: Case) -> None:
    """Reading a folder raises InvalidPath and says what it is."""
    await case.put("folder/file")
    text = "is a folder, not a file" if case.flat else "Not a file"
    with raises(InvalidPath, text, path="folder", when="read"):
        await drain(case.backend.read("folder"))
    with raises(InvalidPath, text, path="folder", when="read_bytes"):
        await case.backend.read_bytes("folder")


@check("B2", 33, needs={READ})
async def below_a_file_nothing_is_found(case: Case) -> None:
    """A path below a file raises NotFound when it is read, not InvalidPath."""
    await case.put("file")
    for key in ("file/below", "file/far/below"):
        with raises(NotFound, path=key, when=f"read({key!r})"):
            await drain(case.backend.read(key))
        with raises(NotFound, path=key, when=f"read_bytes({key!r})"):
            await case.backend.read_bytes(key)


@check("B2", 34, needs={READ})
async def two_readers_do_not_disturb_each_other(case: Case) -> None:
    """Two streams over one file each give the whole of it."""
    await case.put("large", LARGE)
    first, second = case.backend.read("large"), case.backend.read("large")
    head = await anext(first)
    assert await drain(second) == LARGE, "the second reader got something else"
    assert head + await drain(first) == LARGE, "the first reader got something else"


@check("B14", 111, needs={READ}, face=Face.LOOP)
async def a_stream_may_be_left_early(case: Case) -> None:
    """Leaving `async for` over a stream early needs no clean-up and leaves the backend usable."""
    await case.put("large", LARGE)
    for _ in range(3):
        async for chunk in case.backend.read("large"):
            assert LARGE.startswith(chunk), "the first chunk is not the file's beginning"
            break
    assert await case.backend.read_bytes("large") == LARGE, "the file is damaged"


@check("B3", 49, needs={READ, Capability.ATOMIC_WRITE})
async def a_reader_never_sees_a_mixture(case: Case) -> None:
    """A stream that was opened before an atomic overwrite gives the old content or the new one, never both."""
    old, new = b"o" * len(LARGE), b"n" * len(LARGE)
    await case.put("file", old)
    stream = case.backend.read("file")
    head = await anext(stream)
    await case.backend.write_atomic("file", new, overwrite=True)
    whole = head + await drain(stream)
    assert whole in (old, new), f"{whole.count(b'o')} old and {whole.count(b'n')} new bytes in one read"
