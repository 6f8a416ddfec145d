"""A durable file goes to the disk while it is written, so that its fsync has little to wait for (RELIABILITY 24)."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.errors import RemoteStoreError
from remote_store.backends.local import ahead
from remote_store.backends.local.sync import LocalBackend

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sync_file_range(2) is Linux's alone")

PIECE = b"x" * ((3 << 20) + 100)


def pieces(count: int) -> Iterator[bytes]:
    """Yield pieces of 3 MiB and a bit, so that each ends within a page."""
    yield from [PIECE] * count
    yield b"the end"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """Return the list of (offset, bytes, result) that fills while files are sent ahead, by the real system call."""
    found: list[tuple[int, int, int]] = []
    real = ahead._sync_file_range()
    assert real is not None

    def watched(fd: int, offset: int, size: int, flags: int) -> int:
        assert flags == ahead.SYNC_FILE_RANGE_WRITE, "any other flag waits, or takes an error away from fsync"
        found.append((offset, size, real(fd, offset, size, flags)))
        return found[-1][2]

    monkeypatch.setattr(ahead, "_sync_file_range", lambda: watched)
    return found


def test_a_durable_stream_is_sent_ahead_in_whole_pages_without_gaps(
    root: Path, sent: list[tuple[int, int, int]]
) -> None:
    """Every byte but those of the last step is on its way before fsync is asked, and none twice."""
    LocalBackend(str(root), fsync=True).write("a", pieces(10))
    assert sent and all(result == 0 for _, _, result in sent)
    assert [offset for offset, _, _ in sent] == [0, *(offset + size for offset, size, _ in sent)][:-1]
    assert all(size % mmap.PAGESIZE == 0 for _, size, _ in sent)
    assert sum(size for _, size, _ in sent) > 30 * (1 << 20) - ahead.STEP
    assert (root / "a").read_bytes() == PIECE * 10 + b"the end"


@pytest.mark.parametrize(("fsync", "count"), [(False, 10), (True, 1)], ids=["not durable", "small"])
def test_nothing_is_sent_ahead_for_a_file_that_is_small_or_need_not_be_durable(
    root: Path, sent: list[tuple[int, int, int]], fsync: bool, count: int
) -> None:
    """The kernel's own write-back serves those better."""
    LocalBackend(str(root), fsync=fsync).write("a", pieces(count))
    assert sent == []


@pytest.mark.parametrize("answer", [None, lambda *_: -1], ids=["missing", "refused"])
def test_a_system_without_the_call_writes_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    """It is a hint: fsync does the work, and tells of errors."""
    monkeypatch.setattr(ahead, "_sync_file_range", lambda: answer)
    LocalBackend(str(root), fsync=True).write("a", pieces(5))
    assert (root / "a").stat().st_size == 5 * len(PIECE) + 7


def test_a_stream_that_fails_after_some_was_sent_leaves_nothing(root: Path, sent: list[tuple[int, int, int]]) -> None:
    """CONTRACT 43: what is on the disk already has no name that anyone sees, and goes."""

    def torn() -> Iterator[bytes]:
        yield from pieces(5)
        raise RemoteStoreError("the source broke")

    with pytest.raises(RemoteStoreError, match="the source broke"):
        LocalBackend(str(root), fsync=True).write("a", torn())
    assert sent and list(root.iterdir()) == []
