"""One cell of the matrix: prepared, spoilt, judged."""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from remote_store._core.errors import OutcomeUnknown, RemoteStoreError
from remote_store._core.retry import RetryPolicy
from remote_store._http import retrying
from remote_store.backends.s3.backend import AsyncS3Backend
from remote_store.testing.faults import Decision, FaultProxy, noise
from tests.faults.matrix.kinds import Row
from tests.faults.matrix.operations import BIG, NEW, OLD, Operation
from tests.servers.fixtures import Bucket

__all__ = ["DEADLINE", "GRACE", "LIMIT", "SECRET", "Cell", "Outcome", "Scene", "Verdict", "judged"]

DEADLINE = float(os.environ.get("FAULTS_DEADLINE", "3"))
"""Seconds of the policy: of an operation with all its attempts. A busy machine needs more (FAULTS_DEADLINE)."""
GRACE = 2.0
"""Seconds beyond it that an operation may take."""
LIMIT = DEADLINE + 10.0
"""After so many seconds an operation is given up: it hangs."""
STALL = DEADLINE / 4
"""Seconds without a byte after which an attempt is given up."""
SECRET = "testsecret"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Cell:
    """A row, an operation, the verb that is struck, and the face: asyncio, trio or facade."""

    row: Row
    operation: Operation
    verb: str
    mode: str

    @property
    def name(self) -> str:
        """What it is called in the results."""
        return f"{self.mode} | {self.row.name} | {self.operation.name} | {self.verb}"


@dataclass
class Outcome:
    """What an operation came to."""

    value: Any = None
    error: BaseException | None = None
    handed: bytearray = field(default_factory=bytearray)
    seconds: float = 0.0
    hung: bool = False
    left: list[str] = field(default_factory=list)
    """Tasks and threads that were not there before."""
    after: str = ""
    """What failed when the backend was used afterwards."""


@dataclass
class Verdict:
    """How a cell ended: ``right`` or the error's class, and what was wrong with it, by the words of the table."""

    cell: str
    ended: str
    faults: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    struck: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, as JSON takes them."""
        return asdict(self)


class Scene:
    """A bucket on a real server, seen past the proxy, and a proxy of each sort in front of it."""

    def __init__(self, bucket: Bucket, plain: FaultProxy, secure: FaultProxy, authority: str) -> None:
        self.bucket = bucket
        self.plain = plain
        self.secure = secure
        self._authority = authority
        self._number = 0
        self._big_is_replaced = False
        self.records: list[str] = []
        logging.getLogger("remote_store").addHandler(_Collector(self.records))
        self._put("shared/big", BIG)
        self._put("shared/keep", b"keep")
        self.known: tuple[bool | None, ...] = (True, True, False)
        """What a server like this one keeps: conditions of puts, copies, deletes; asked once, outside the cells."""

    def _put(self, key: str, data: bytes) -> str:
        told = self.bucket.client.put_object(Bucket=self.bucket.name, Key=key, Body=data, ChecksumAlgorithm="CRC64NVME")
        etag: str = told["ETag"].strip('"')
        return etag

    def proxy(self, row: Row) -> FaultProxy:
        """Return the proxy for a row."""
        return self.secure if row.tls else self.plain

    def options(self, row: Row) -> dict[str, Any]:
        """Return what a backend behind the proxy is made with."""
        endpoint = "http://nowhere.invalid:8333" if row.dns else self.proxy(row).endpoint
        return {
            **self.bucket.options,
            "endpoint_url": endpoint,
            "tls_ca_bundle": self._authority if row.tls else None,
            "retry": RetryPolicy(max_attempts=3, backoff_base=0.02, backoff_max=0.1, jitter=0.02, timeout=DEADLINE),
            "client_options": {"config_kwargs": {"read_timeout": STALL, "connect_timeout": STALL}},
            "part_size": 5 * MIB,
            "single_put_max": 1 * MIB,
        }

    def begin(self) -> tuple[str, str]:
        """Make the objects of a cell, and return its folder and the etag of `old`."""
        self._number += 1
        if self._big_is_replaced:
            self._put("shared/big", BIG)
            self._big_is_replaced = False
        folder = f"c{self._number}"
        etag = self._put(f"{folder}/old", OLD)
        for name in "ab":
            self._put(f"{folder}/folder/{name}", name.encode())
        retrying._budgets.clear()
        self.records.clear()
        return folder, etag

    def url(self, cell: Cell, folder: str) -> str:
        """Return the presigned URL that a row's fault needs: to replace the object read, or to get all of it."""
        big = cell.operation.name == "read_bytes big"
        key = "shared/big" if big else f"{folder}/old"
        verb = "get_object" if cell.row.name.startswith("200 for 206") else "put_object"
        self._big_is_replaced = big and cell.row.name == "replaced"
        url: str = self.bucket.client.generate_presigned_url(verb, {"Bucket": self.bucket.name, "Key": key})
        return url

    def set_known(self, backend: AsyncS3Backend) -> None:
        """Tell a backend what the server keeps."""
        probe = backend._core.probe
        probe._puts, probe._copies, probe._deletes = self.known


class _Collector(logging.Handler):
    def __init__(self, records: list[str]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(self.format(record))


# Judging


def judged(scene: Scene, cell: Cell, folder: str, outcome: Outcome, decisions: list[Decision]) -> Verdict:
    """Return what is to be said of an outcome: the promises of RELIABILITY, one by one."""
    error, operation = outcome.error, cell.operation
    ended = "right" if error is None else type(error).__name__
    struck = {decision.verb for decision in decisions if decision.kind}
    verdict = Verdict(cell.name, ended, seconds=round(outcome.seconds, 2), struck=len(struck))
    faults = verdict.faults
    if cell.row.logged and not struck:
        faults["missed"] = "nothing was struck"
    if outcome.hung or outcome.seconds > DEADLINE + GRACE:
        faults["hang"] = f"{outcome.seconds:.1f} s"
    if error is not None and not isinstance(error, RemoteStoreError):
        faults["foreign"] = _one_line(error)
    if error is None and operation.expected is not None and not _all_new(cell, outcome.value):
        _judge_value(operation.right(outcome.value), operation.expected, faults)
    if error is not None and operation.expected != bytes(outcome.handed):
        _judge_handed(cell, bytes(outcome.handed), faults)
    if isinstance(error, RemoteStoreError):
        _judge_error(cell, error, faults)
    _judge_stored(scene, cell, folder, error, faults)
    if cell.row.benign and error is not None:
        faults["refused"] = _one_line(error)
    _judge_traces(scene, cell, folder, outcome, struck, faults)
    return verdict


def _all_new(cell: Cell, value: Any) -> bool:
    """Whether a read came to all of the version that has replaced the old one: nothing had been handed out."""
    size = len(BIG) if cell.operation.name == "read_bytes big" else len(OLD)
    return cell.row.name == "replaced" and value == noise(5, size)


def _judge_value(value: Any, expected: Any, faults: dict[str, str]) -> None:
    if value == expected:
        return
    if isinstance(value, bytes) and expected.startswith(value):
        faults["partial"] = f"{len(value)} of {len(expected)} bytes as the whole"
    else:
        faults["wrong"] = f"{_shown(value)} for {_shown(expected)}"


def _judge_handed(cell: Cell, handed: bytes, faults: dict[str, str]) -> None:
    """Bytes that came before an error must be right, but where only the checksum at the end can tell."""
    if not handed or cell.row.number == 9 or "same etag" in cell.row.name:
        return
    if not bytes(cell.operation.expected).startswith(handed):
        faults["wrong"] = f"{len(handed)} bytes handed out that are not the object's"


def _judge_error(cell: Cell, error: RemoteStoreError, faults: dict[str, str]) -> None:
    name = type(error).__name__
    if name in ("AlreadyExists", "NotFound", "PreconditionFailed", "InvalidPath", "PermissionDenied"):
        replaced = name == "PreconditionFailed" and cell.row.number == 12
        if name not in cell.row.says and not replaced:
            faults["wrong"] = f"false {_one_line(error)}"


def _judge_stored(scene: Scene, cell: Cell, folder: str, error: BaseException | None, faults: dict[str, str]) -> None:
    for name, allowed in cell.operation.stored.items():
        there = scene.bucket.peek(f"{folder}/{name}")
        before, after = allowed[0], allowed[-1]
        if there not in allowed:
            torn = there is not None and after is not None and after.startswith(there)
            faults["partial" if torn else "wrong"] = f"{name!r} holds {_shown(there)}"
        elif error is None and there != after:
            faults["wrong"] = f"success, and {name!r} holds {_shown(there)}"
        elif error is not None and there != before and not _may_be_done(cell, error):
            faults["wrong"] = f"{name!r} was written, and yet {_one_line(error)}"


def _may_be_done(cell: Cell, error: BaseException) -> bool:
    """Whether an error leaves it open that something was done: unknown, or in steps as the operation says."""
    return isinstance(error, OutcomeUnknown) or cell.operation.name in ("move", "delete_folder")


def _judge_traces(
    scene: Scene, cell: Cell, folder: str, outcome: Outcome, struck: set[str], faults: dict[str, str]
) -> None:
    uploads = [key for key in scene.bucket.uploads() if key.startswith(f"{folder}/")]
    if uploads and not _excused(cell, struck):
        faults["leak"] = f"{len(uploads)} uploads"
    if outcome.left:
        faults["leak"] = ", ".join(outcome.left)
    if outcome.after:
        faults["unusable"] = outcome.after
    texts = [*scene.records]
    if outcome.error is not None:
        texts.append("".join(traceback.format_exception(outcome.error)) + repr(outcome.error))
    if any(SECRET in text or "Signature=" in text for text in texts):
        faults["secret"] = next(text for text in texts if SECRET in text or "Signature=" in text)[-300:]


def _excused(cell: Cell, struck: set[str]) -> bool:
    """Whether nobody could have given an upload up: its id was never heard, or the request to do so was struck."""
    return cell.row.number in (1, 2) or bool(struck & {"CreateMultipartUpload", "AbortMultipartUpload", "connect"})


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300].replace("\n", " ")


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes" + ("" if value not in (OLD, NEW) else f" ({'old' if value == OLD else 'new'})")
    return repr(value)[:200]


def threads() -> set[str]:
    """Return the threads that no pool accounts for."""
    idle = ("AnyIO worker", "Trio thread", "asyncio_", "MainThread", "pytest_timeout", "ThreadPoolExecutor")
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith(idle)}


def timed(clock: Callable[[], float] = time.monotonic) -> Callable[[], float]:
    """Return a function that tells the seconds since now."""
    begun = clock()
    return lambda: clock() - begun
