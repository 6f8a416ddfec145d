"""What goes wrong on the wire, and what must happen then (RELIABILITY): each row against a server that misbehaves."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from remote_store._core.capability import Capability
from remote_store._core.errors import (
    AlreadyExists,
    BackendUnavailable,
    CapabilityNotSupported,
    IntegrityError,
    OutcomeUnknown,
    PreconditionFailed,
    TimeoutExceeded,
    UnexpectedResponse,
)
from remote_store._core.retry import RetryPolicy
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.strict import Fault, Lost, Reply, StrictS3, error

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
BIG = os.urandom(300_000)


async def streamed(backend: AsyncS3Backend, key: str) -> bytes:
    return b"".join([chunk async for chunk in backend.read(key)])


async def whole(backend: AsyncS3Backend, key: str) -> bytes:
    return await backend.read_bytes(key)


async def filled(backend: AsyncS3Backend, key: str) -> bytes:
    buffer = bytearray(1_000_000)
    return bytes(buffer[: await backend.read_into(key, buffer)])


READERS = pytest.mark.parametrize("read", [streamed, whole, filled])


def cut(at: int) -> Fault:
    def fault(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        reply = carry_out()
        reply.cut = at
        return reply

    return fault


def answer(reply: Reply) -> Fault:
    return lambda request, carry_out: reply


def lost(*, done: bool) -> Fault:
    def fault(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        raise Lost(done=done)

    return fault


HTML = Reply(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"})


# Reading


@READERS
@pytest.mark.parametrize("at", [0, 1, 150_000, len(BIG) - 1])
async def test_a_body_that_is_cut_is_resumed(backend: AsyncS3Backend, strict: StrictS3, read: Any, at: int) -> None:
    """RELIABILITY 6: resumed by a range pinned to the etag, wherever it was cut."""
    strict.put("file", BIG)
    strict.fail("get", cut(at))
    assert await read(backend, "file") == BIG


@READERS
async def test_a_body_that_is_always_cut_ends_in_an_error(backend: AsyncS3Backend, strict: StrictS3, read: Any) -> None:
    """RELIABILITY 6: within the retry policy, and short data is never the end of the file."""
    strict.put("file", BIG)
    strict.fail("get", cut(0), times=50)
    with pytest.raises(BackendUnavailable):
        await read(backend, "file")
    assert strict.count("get") <= 4


@READERS
async def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(
    backend: AsyncS3Backend, strict: StrictS3, read: Any
) -> None:
    """RELIABILITY 12: what was handed out can't be taken back, so the rest is refused."""

    def replaced(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        reply = cut(150_000)(request, carry_out)
        strict.put("file", b"another version")
        return reply

    strict.put("file", BIG)
    strict.fail("get", replaced)
    with pytest.raises(PreconditionFailed):
        await read(backend, "file")


async def test_a_file_that_is_replaced_before_its_first_byte_is_read_anew(
    backend: AsyncS3Backend, strict: StrictS3
) -> None:
    """RELIABILITY 12: nothing was handed out, so the new version is as good."""

    def replaced(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        reply = cut(0)(request, carry_out)
        strict.put("file", b"another version")
        return reply

    strict.put("file", BIG)
    strict.fail("get", replaced)
    assert await streamed(backend, "file") == b"another version"


def flipped(request: Any, carry_out: Callable[[], Reply]) -> Reply:
    reply = carry_out()
    reply.body = bytes([reply.body[0] ^ 1]) + reply.body[1:]
    return reply


async def test_a_flipped_bit_is_found_in_a_stream(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 9, DECISIONS 27: the checksum of the upload is compared at the end."""
    await backend.write("file", BIG)
    strict.fail("get", flipped)
    with pytest.raises(IntegrityError):
        await streamed(backend, "file")


async def test_a_flipped_bit_is_read_once_more(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 9: retry once; spoilt bytes are never returned."""
    await backend.write("file", BIG)
    strict.fail("get", flipped)
    assert await backend.read_bytes("file") == BIG
    strict.fail("get", flipped, times=2)
    with pytest.raises(IntegrityError):
        await backend.read_bytes("file")


async def test_a_flipped_bit_on_the_way_up_is_sent_again(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 9: the service refuses what does not fit its checksum header."""
    strict.fail("put", answer(error(400, "BadDigest")))
    await backend.write("file", BIG)
    assert strict.objects["file"].data == BIG


@pytest.mark.parametrize(
    "header", ["bytes 0-99/300000", "bytes 100-198/300000", "bytes 100-199/*", "bytes 200-299/300000", "nonsense"]
)
async def test_another_range_than_asked_for_is_refused(backend: AsyncS3Backend, strict: StrictS3, header: str) -> None:
    """RELIABILITY 11: 206 with a range that nobody asked for."""
    strict.put("file", BIG)
    etag = strict.objects["file"].etag
    wrong = Reply(206, BIG[:100], {"Content-Range": header, "ETag": f'"{etag}"'})
    strict.fail("get", answer(wrong), times=10)
    with pytest.raises(UnexpectedResponse):
        await backend.read_into("file", bytearray(100), 100)


async def test_a_whole_body_instead_of_a_range_is_refused(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 11: 200 instead of 206 must not shift the bytes."""
    strict.put("file", BIG)
    strict.fail("get", answer(Reply(200, BIG, {"ETag": '"x"'})), times=10)
    with pytest.raises(UnexpectedResponse):
        await backend.read_ranges("file", [(100, 200)])


@READERS
async def test_a_web_page_is_no_object(backend: AsyncS3Backend, strict: StrictS3, read: Any) -> None:
    """RELIABILITY 18: a portal's page with status 200 has no etag."""
    strict.fail("get", answer(HTML), times=10)
    with pytest.raises(UnexpectedResponse):
        await read(backend, "file")


# Of what is no XML at all the SDK makes a 500 of its own.
@pytest.mark.parametrize("page", [HTML, Reply(200, b""), Reply(200, b"<a><b></a>"), Reply(200, b"<ListBucketResult/>")])
async def test_a_web_page_is_no_empty_listing(backend: AsyncS3Backend, strict: StrictS3, page: Reply) -> None:
    """RELIABILITY 18: an empty answer must be a well-formed listing; deleting by it would be a disaster."""
    strict.fail("list", answer(page), times=20)
    with pytest.raises(BackendUnavailable):
        [entry async for entry in backend.list_files("")]
    with pytest.raises(BackendUnavailable):
        await backend.get_folder_info("")
    with pytest.raises(BackendUnavailable):
        await backend.delete_folder("folder", recursive=True)


async def test_a_listing_that_goes_round_in_a_circle_ends(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 21: a repeated token is found."""
    text = (
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>'
        b"<NextContinuationToken>again</NextContinuationToken></ListBucketResult>"
    )
    strict.fail("list", answer(Reply(200, text)), times=50)
    with pytest.raises(UnexpectedResponse):
        [entry async for entry in backend.list_files("")]
    assert strict.count("list") <= 3


async def test_a_body_that_stalls_ends_at_the_deadline(options: dict[str, Any], strict: StrictS3) -> None:
    """RELIABILITY 4: the policy's timeout bounds a stall in mid-body."""

    def stalled(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        reply = carry_out()
        reply.cut, reply.stall = 10, 30.0
        return reply

    strict.put("file", BIG)
    strict.fail("get", stalled, times=10)
    options["retry"] = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=1)
    begun = time.monotonic()
    async with AsyncS3Backend(**options) as backend:
        with pytest.raises(TimeoutExceeded):
            await backend.read_bytes("file")
    assert time.monotonic() - begun < 4


# Retries


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_burst_of_server_errors_passes(backend: AsyncS3Backend, strict: StrictS3, status: int) -> None:
    """RELIABILITY 13."""
    strict.put("file", b"x")
    strict.fail("get", answer(error(status, "InternalError")), times=2)
    assert await backend.read_bytes("file") == b"x"


async def test_throttling_ends_after_the_attempts_of_the_policy(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 14, DECISIONS 24: one layer of retries; the text says what it is."""
    strict.fail("put", answer(error(503, "SlowDown")), times=50)
    with pytest.raises(BackendUnavailable, match="throttled") as raised:
        await backend.write("file", b"x", overwrite=True)
    assert strict.count("put") == 3
    assert not isinstance(raised.value, OutcomeUnknown)


async def test_retry_after_is_the_shortest_pause(options: dict[str, Any], strict: StrictS3) -> None:
    """RELIABILITY 13: Retry-After is honoured."""
    strict.put("file", b"x")
    busy = error(503, "SlowDown")
    busy.headers["Retry-After"] = "1"
    strict.fail("get", answer(busy))
    begun = time.monotonic()
    async with AsyncS3Backend(**options) as backend:
        assert await backend.read_bytes("file") == b"x"
    assert time.monotonic() - begun >= 1


async def test_a_refusal_is_not_retried(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 15: no loop on 403."""
    strict.fail("get", answer(error(403, "AccessDenied")), times=5)
    with pytest.raises(PermissionError, match="credentials"):
        await backend.read_bytes("file")
    assert strict.count("get") == 1


# Lost answers (DECISIONS 25)


async def test_a_create_whose_answer_was_lost_is_a_success(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 19: the write finds its own id; never a false AlreadyExists."""
    strict.fail("put", lost(done=True))
    result = await backend.write("file", b"mine", metadata={"a": "b"})
    assert result.etag == strict.objects["file"].etag
    assert strict.objects["file"].data == b"mine"
    assert (await backend.get_file_info("file")).metadata == {"a": "b"}


async def test_a_create_that_was_lost_on_the_way_is_sent_again(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 3."""
    strict.fail("put", lost(done=False))
    await backend.write("file", b"mine")
    assert strict.objects["file"].data == b"mine"


async def test_a_create_that_lost_both_answer_and_race_says_so(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """DECISIONS 25: another conditional write's id means AlreadyExists."""
    async with AsyncS3Backend(**backend._constructor_arguments()) as other:  # type: ignore[arg-type]
        other._core.probe._puts = True
        strict.fail("put", lost(done=False))
        await other.write("file", b"theirs")
        strict.fail("put", lost(done=False))
        with pytest.raises(AlreadyExists):
            await backend.write("file", b"mine")
    assert strict.objects["file"].data == b"theirs"


async def test_an_object_without_an_id_leaves_the_outcome_unknown(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """DECISIONS 25: it may have replaced ours, so nothing is claimed."""
    strict.put("file", b"theirs")
    strict.fail("put", lost(done=False))
    with pytest.raises(OutcomeUnknown):
        await backend.write("file", b"mine")


async def test_a_swap_whose_answer_was_lost_is_a_success(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """DECISIONS 25: `if_match` too."""
    etag = (await backend.write("file", b"old")).etag
    strict.fail("put", lost(done=True))
    result = await backend.write("file", b"new", if_match=etag)
    assert result.etag == strict.objects["file"].etag


async def test_an_unconditional_write_without_any_answer_is_unknown(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY: an exception says not done, done by someone else, or unknown."""
    strict.fail("put", lost(done=True), times=10)
    with pytest.raises(OutcomeUnknown):
        await backend.write("file", b"mine", overwrite=True)


@pytest.mark.parametrize("verb", ["create", "part"])
async def test_a_part_without_any_answer_leaves_nothing_in_doubt(
    backend: AsyncS3Backend, strict: StrictS3, verb: str
) -> None:
    """Nothing is seen before the completion: the write was not done, and that is what is said."""
    strict.fail(verb, lost(done=True), times=60)
    with pytest.raises(BackendUnavailable) as raised:
        await backend.write("file", bytes(17 * MIB))
    assert not isinstance(raised.value, OutcomeUnknown)
    assert strict.objects == {}


async def test_a_completion_whose_answer_was_lost_is_a_success(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """DECISIONS 25: the upload id is the token, the composite etag the proof."""
    data = os.urandom(17 * MIB)
    strict.fail("complete", lost(done=True))
    result = await backend.write("file", data)
    assert result.etag == strict.objects["file"].etag
    assert strict.objects["file"].data == data
    assert strict.count("complete") == 1


async def test_a_completion_that_never_arrived_is_sent_again(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """DECISIONS 25: parts that are still listed are not committed."""
    data = os.urandom(17 * MIB)
    strict.fail("complete", lost(done=False))
    await backend.write("file", data)
    assert strict.objects["file"].data == data


async def test_a_completed_object_that_was_replaced_leaves_the_outcome_unknown(
    backend: AsyncS3Backend, strict: StrictS3
) -> None:
    """DECISIONS 25: never a guess."""

    def replaced(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        carry_out()
        strict.put("file", b"theirs")
        raise Lost(done=False)

    strict.fail("complete", replaced)
    with pytest.raises(OutcomeUnknown):
        await backend.write("file", bytes(17 * MIB))
    assert strict.uploads == {}


@pytest.mark.parametrize("document", [b"", b"<Error><Code>InternalError</Code><Message>no</Message></Error>"])
async def test_an_error_document_with_status_200_is_no_completion(
    backend: AsyncS3Backend, strict: StrictS3, document: bytes
) -> None:
    """RELIABILITY 17: parsed, verified, tried again."""
    data = os.urandom(17 * MIB)
    strict.fail("complete", answer(Reply(200, document)))
    await backend.write("file", data)
    assert strict.objects["file"].data == data


async def test_an_empty_200_is_no_copy(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY: an empty 200 for CopyObject is not believed."""
    strict.put("file", b"x")
    strict.fail("copy", answer(Reply(200, b"")))
    await backend.copy("file", "copy", overwrite=True)
    assert strict.objects["copy"].data == b"x"
    assert strict.count("copy") == 2


async def test_a_delete_whose_answer_was_lost_is_a_success(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """DECISIONS 25: gone is gone."""
    strict.put("file", b"x")
    strict.fail("delete", lost(done=True))
    await backend.delete("file")
    assert strict.objects == {}


# Uploads that end early


async def failing(pieces: int) -> AsyncIterator[bytes]:
    for _ in range(pieces):
        yield bytes(8 * MIB)
    raise ZeroDivisionError


async def test_a_source_that_fails_leaves_nothing(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """Issue 4, CONTRACT 49, 51: an iterator that fails at part 3: its own error, no file, no upload."""
    with pytest.raises(ZeroDivisionError):
        await backend.write("file", failing(3))
    assert strict.objects == {}
    assert await backend.list_uploads() == []
    assert strict.uploads == {}


async def test_a_part_that_is_refused_leaves_nothing(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """CONTRACT 51: one error, not a group of them."""
    strict.fail("part", answer(error(403, "AccessDenied")), times=8)
    with pytest.raises(PermissionError):
        await backend.write("file", bytes(40 * MIB))
    assert (strict.objects, strict.uploads) == ({}, {})


@pytest.mark.parametrize("number", range(1, 7))
async def test_a_write_that_is_cancelled_at_any_request_leaves_nothing(
    backend: AsyncS3Backend, strict: StrictS3, number: int
) -> None:
    """Issue 4, CONTRACT 51, 110: cancelled while the server has any of its requests in hand."""
    strict.put("kept", b"old")
    with anyio.CancelScope() as scope:
        token = anyio.lowlevel.current_token()
        seen = 0

        def cancelling(request: Any, carry_out: Callable[[], Reply]) -> Reply:
            nonlocal seen
            seen += 1
            if seen == number:
                anyio.from_thread.run_sync(scope.cancel, token=token)
            return carry_out()

        for verb, times in (("create", 1), ("part", 4), ("complete", 1)):
            strict.fail(verb, cancelling, times=times)
        await backend.write("kept", bytes(32 * MIB), overwrite=True)
    assert scope.cancelled_caught
    assert strict.objects["kept"].data == b"old" or number == 6  # what was being completed may be complete
    if number > 1:  # the very first request may have made an upload whose id nobody heard
        assert strict.uploads == {}
    strict.faults.clear()
    await backend.write("after", b"works")


# Servers that ignore conditions


async def test_a_server_that_ignores_conditions_is_found_out(options: dict[str, Any], strict: StrictS3) -> None:
    """DECISIONS 28: refused instead of pretended, unless the user opts in to looking first."""
    strict.ignored = {"put", "copy", "delete"}
    async with AsyncS3Backend(**options) as backend:
        with pytest.raises(CapabilityNotSupported, match="look_before_create"):
            await backend.write("file", b"x")
        assert Capability.CONDITIONAL_WRITE not in backend.capabilities
        await backend.write("file", b"x", overwrite=True)
    async with AsyncS3Backend(**options, look_before_create=True) as backend:
        with pytest.raises(AlreadyExists):
            await backend.write("file", b"y")
        await backend.write("other", b"y")
        with pytest.raises(AlreadyExists):
            await backend.copy("file", "other")
        await backend.move("file", "third")
        await backend.delete("third")
        with pytest.raises(FileNotFoundError):
            await backend.delete("third")
    assert sorted(strict.objects) == ["other"]


async def test_a_server_without_checksums_gets_none(options: dict[str, Any], strict: StrictS3) -> None:
    """DECISIONS 27, CONVENTIONS 16: auto falls back, required does not."""

    def refusing(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        if "x-amz-checksum-crc64nvme" in request.headers:
            return error(501, "NotImplemented")
        return carry_out()

    for _ in range(20):
        strict.fail("put", refusing)
    async with AsyncS3Backend(**options) as backend:
        await backend.write("file", b"x", overwrite=True)
        await backend.write("other", b"x", overwrite=True)
    assert strict.count("put") == 3
    async with AsyncS3Backend(**options, checksum="required") as backend:
        with pytest.raises(CapabilityNotSupported):
            await backend.write("third", b"x", overwrite=True)


async def test_one_of_many_racing_multipart_creates_wins(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """Issue 4: multipart too; on the strict fake, for SeaweedFS's completion is not atomic."""
    won: list[int] = []

    async def create(number: int) -> None:
        try:
            await backend.write("file", bytes([number]) * (17 * MIB))
        except AlreadyExists:
            return
        won.append(number)

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(create, number)
    assert len(won) == 1
    assert strict.objects["file"].data[0] == won[0]
    assert strict.uploads == {}


async def test_a_file_of_more_than_5_gib_is_copied_in_parts(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """S3 copies at most 5 GiB in one request; the parts are pinned to the version, the metadata goes along."""
    await backend.write("file", BIG, metadata={"a": "b"})
    strict.fail("copy", answer(error(400, "InvalidRequest")))
    await backend.copy("file", "copy")
    assert strict.objects["copy"].data == BIG
    assert (await backend.get_file_info("copy")).metadata == {"a": "b"}
    assert strict.uploads == {}


@pytest.mark.parametrize("size", [1000, 50 * MIB])
async def test_a_large_read_meets_in_the_middle(backend: AsyncS3Backend, strict: StrictS3, size: int) -> None:
    """Issue 4: several requests at once for a large object, none for a byte twice but where they meet."""
    data = os.urandom(size)
    strict.put("file", data)
    assert await backend.read_bytes("file") == data
    strict.fail("get", cut(3_000_000))
    assert await backend.read_bytes("file") == data


# Conditions that do not hold


@READERS
@pytest.mark.parametrize("status", [304, 412])
async def test_a_condition_that_nobody_made_can_t_be_refused(
    backend: AsyncS3Backend, strict: StrictS3, read: Any, status: int
) -> None:
    """Issue 4, 304 and 412: as an answer to a plain read they are no answer of S3."""
    strict.put("file", BIG)
    strict.fail("get", answer(Reply(status)), times=10)
    with pytest.raises(UnexpectedResponse):
        await read(backend, "file")


@READERS
@pytest.mark.parametrize("status", [304, 412])
async def test_a_pinned_read_that_is_refused_says_that_the_file_has_changed(
    backend: AsyncS3Backend, strict: StrictS3, read: Any, status: int
) -> None:
    """Issue 4, 304 and 412: whichever the server says when the rest is of another version."""
    strict.put("file", BIG)
    strict.fail("get", cut(150_000))
    strict.fail("get", answer(Reply(status)), times=10)
    with pytest.raises(PreconditionFailed):
        await read(backend, "file")


@pytest.mark.parametrize("status", [304, 412])
async def test_a_create_that_is_refused_found_a_file(backend: AsyncS3Backend, strict: StrictS3, status: int) -> None:
    """Issue 4, 304 and 412: both mean that someone wrote first."""
    strict.fail("put", answer(Reply(status)), times=2)
    with pytest.raises(AlreadyExists):
        await backend.write("file", b"x")
    with pytest.raises(PreconditionFailed):
        await backend.write("file", b"x", if_match="0")


# Deleting folders


def keeping(strict: StrictS3, codes: dict[str, str]) -> Fault:
    """Delete all but these keys, and tell why not."""

    def fault(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        kept = {key: strict.objects[key] for key in codes}
        carry_out()
        strict.objects.update(kept)
        entries = "".join(
            f"<Error><Key>{key}</Key><Code>{code}</Code><Message>no</Message></Error>" for key, code in codes.items()
        )
        return Reply(200, f"<DeleteResult>{entries}</DeleteResult>".encode())

    return fault


async def test_files_that_could_not_be_deleted_are_named(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """CONVENTIONS 18: how many, which, and why; the others are deleted, and what was busy once is too."""
    for number in range(30):
        strict.put(f"d/{number:02}", b"")
    locked = {f"d/{number:02}": "AccessDenied" for number in range(12)}
    strict.fail("delete_many", keeping(strict, {**locked, "d/20": "SlowDown"}))
    with pytest.raises(PermissionError, match="12 of 30 files") as raised:
        await backend.delete_folder("d", recursive=True)
    assert sorted(strict.objects) == sorted(locked)
    assert "'d/00' (AccessDenied)" in str(raised.value)
    assert "and 2 more" in str(raised.value)
    assert strict.count("delete_many") == 2


async def test_files_that_stay_busy_are_named(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """CONVENTIONS 18: after the attempts of the policy."""
    for key in ("d/a", "d/b"):
        strict.put(key, b"")
    strict.fail("delete_many", keeping(strict, {"d/b": "SlowDown"}), times=9)
    with pytest.raises(BackendUnavailable, match="1 of 2 files.*'d/b'"):
        await backend.delete_folder("d", recursive=True)
    assert strict.count("delete_many") == 3


async def test_a_folder_whose_listing_goes_round_in_a_circle_is_not_said_to_be_deleted(
    backend: AsyncS3Backend, strict: StrictS3
) -> None:
    """RELIABILITY 21: a token that comes again, at once or later, is no end."""

    def page(token: str) -> Fault:
        text = (
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>'
            f"<Contents><Key>d/a</Key><Size>1</Size></Contents><NextContinuationToken>{token}</NextContinuationToken>"
            "</ListBucketResult>"
        )
        return answer(Reply(200, text.encode()))

    for token in ("one", "two") * 9:
        strict.fail("list", page(token))
    with pytest.raises(UnexpectedResponse):
        await backend.delete_folder("d", recursive=True)
    assert strict.count("list") == 3
