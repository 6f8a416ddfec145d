"""A store over the backend: what may be written, and as what it reads (CONTRACT B2, B3; DESIGN 6)."""

from __future__ import annotations

import array
import io

from ..._core.capability import Capability
from ..._core.errors import AlreadyExists, PreconditionFailed
from ..asserting import anything, equal, raises
from ..case import Case, Pieces
from ..registry import check

READ, WRITE = Capability.READ, Capability.WRITE
RW = {READ, WRITE}
USER = {WRITE, Capability.USER_METADATA, Capability.METADATA}


@check("B3", 41, needs=RW)
async def every_kind_of_buffer_is_written(case: Case) -> None:
    """A store takes bytes, bytearray, memoryview (also one with gaps) and an array, as the bytes they are."""
    store = case.store("root")
    numbers = array.array("q", [1, 2, 3])
    for number, (content, wanted) in enumerate(
        [
            (b"bytes", b"bytes"),
            (bytearray(b"array"), b"array"),
            (memoryview(b"0123456789")[2:8], b"234567"),
            (memoryview(b"0123456789")[::2], b"02468"),
            (numbers, numbers.tobytes()),
            (memoryview(b""), b""),
        ]
    ):
        result = await store.write(f"{number}", anything(content))
        equal(result.size, len(wanted), f"size of buffer {number}")
        equal(await store.read_bytes(f"{number}"), wanted, f"content of buffer {number}")


@check("B3", 41, needs=RW)
async def every_kind_of_stream_is_written(case: Case) -> None:
    """A store takes a file from where it stands and leaves it open, and iterators of any buffers."""
    store = case.store("root")
    file = io.BytesIO(b"skipped, written")
    file.seek(9)
    for number, (content, wanted) in enumerate(
        [
            (file, b"written"),
            (iter([b"a", bytearray(b"b"), memoryview(b"c"), b""]), b"abc"),
            ((bytes([at]) for at in range(5)), bytes(range(5))),
            (Pieces(b"a", b"b"), b"ab"),
            (io.BytesIO(), b""),
        ]
    ):
        result = await store.write(f"{number}", anything(content))
        equal(result.size, len(wanted), f"size of stream {number}")
        equal(await store.read_bytes(f"{number}"), wanted, f"content of stream {number}")
    assert not file.closed, "the file was closed"


class _NoBytes:
    """Neither a buffer nor a file nor an iterator."""


@check("B3", 41, needs=RW)
async def what_is_no_content_is_refused(case: Case) -> None:
    """Text, None, numbers, mappings and text files raise TypeError and leave nothing."""
    store = case.store("root")
    for content in ("text", None, 5, {"a": b"b"}, {b"a"}, _NoBytes(), io.StringIO("text"), iter(["text"]), iter([5])):
        with raises(TypeError, when=f"content {content!r}"):
            await store.write("file", anything(content))
    await case.holds({})


@check("B3", 41, needs=RW)
async def a_spent_generator_is_refused(case: Case) -> None:
    """A generator that has been used up raises ValueError: its content is lost, not empty."""
    spent = (piece for piece in (b"gone",))
    list(spent)
    with raises(ValueError, when="a spent generator"):
        await case.store("root").write("file", anything(spent))
    await case.holds({})


@check("B2", 39, needs=RW)
async def text_is_encoded_and_decoded(case: Case) -> None:
    """`write_text` and `read_text` use UTF-8, or what is asked for; what can't be decoded raises."""
    store = case.store("root")
    await store.write_text("utf", "größe 😀")
    equal(await case.content("root/utf"), "größe 😀".encode(), "the bytes")
    equal(await store.read_text("utf"), "größe 😀", "read_text")
    await store.write_text("latin", "größe", encoding="latin-1")
    equal(await store.read_text("latin", encoding="latin-1"), "größe", "read_text in latin-1")
    with raises(UnicodeDecodeError):
        await store.read_text("latin")
    equal(await store.read_text("latin", errors="replace"), "gr\ufffd\ufffde", "read_text with errors='replace'")
    with raises(AttributeError, when="write_text with bytes"):
        await store.write_text("bytes", anything(b"bytes"))
    with raises(AlreadyExists):
        await store.write_text("utf", "again")


@check("B3", 47, needs={WRITE})
async def bad_metadata_is_refused(case: Case) -> None:
    """Metadata that is not allowed raises ValueError that says why, before any capability, and nothing is written."""
    store = case.store("root")
    for metadata, text in [
        ({"a": 5}, "str"),
        ({5: "a"}, "str"),
        ({"": "a"}, "empty"),
        ({"_a": "a"}, "underscore"),
        ({"ä": "a"}, "ASCII"),
        ({"a": "x" * 2048}, "2048"),
        ({"a": "ü" * 1024}, "2048"),
    ]:
        with raises(ValueError, text, when=f"metadata {str(metadata)[:40]}"):
            await store.write("file", b"", metadata=anything(metadata))
    await case.holds({})


@check("B3", 47, 48, needs=USER)
async def metadata_of_full_size_passes(case: Case) -> None:
    """Metadata of exactly 2048 bytes passes, and comes back by `get_file_info` and `head`."""
    store = case.store("root")
    wanted = {"a": "x" * 2046, "b": ""}
    await store.write("file", b"", metadata=wanted)
    equal(dict((await store.get_file_info("file")).metadata or {}), wanted, "metadata of the information")
    equal(dict((await store.head("file")).metadata or {}), wanted, "metadata of the head")


@check("B6", 71, needs={WRITE, Capability.METADATA})
async def a_head_is_a_look_up(case: Case) -> None:
    """`head` has path, size, etag and metadata of `get_file_info`, "sidecar" as source and no version."""
    store = case.store("root")
    await store.write("file", b"12345")
    head, info = await store.head("file"), await store.get_file_info("file")
    equal((str(head.path), head.size, head.source, head.version_id), ("file", 5, "sidecar", None), "the head")
    equal((head.etag, head.digest, head.metadata), (info.etag, info.digest, info.metadata), "its rich fields")


@check("DECISIONS 8", needs={*RW, Capability.CONDITIONAL_WRITE, Capability.METADATA})
async def a_store_hands_conditions_on(case: Case) -> None:
    """`if_match` through a store replaces the file with that etag and no other."""
    store = case.store("root")
    etag = (await store.write("file", b"1")).etag
    await store.write("file", b"2", if_match=etag)
    with raises(PreconditionFailed):
        await store.write("file", b"3", if_match=etag)
    equal(await store.read_bytes("file"), b"2", "content")


@check("DECISIONS 15", needs=RW)
async def a_store_reads_parts(case: Case) -> None:
    """`read_ranges` and `read_into` through a store."""
    store = case.store("root")
    await store.write("file", bytes(range(100)))
    equal(await store.read_ranges("file", [(90, 200), (0, 2)]), [bytes(range(90, 100)), b"\0\1"], "the ranges")
    buffer = bytearray(4)
    equal(await store.read_into("file", buffer, 10), 4, "read_into")
    equal(bytes(buffer), bytes(range(10, 14)), "the buffer")


@check("B7", 76, needs={*RW, Capability.MOVE, Capability.COPY})
async def the_same_path_in_other_words(case: Case) -> None:
    """A move or copy from `a//b` to `a/b` is one to itself: the file is kept."""
    store = case.store("root")
    await store.write("a/b", b"content")
    await store.move("a//b", "a/b")
    await store.copy("a/b/", "a/./b", overwrite=True)
    equal(await store.read_bytes("a/b"), b"content", "content")
