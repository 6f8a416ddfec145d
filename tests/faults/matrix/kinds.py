"""The rows of the matrix: what is injected, into which requests, and what may be believed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from remote_store.testing.faults import Fault
from remote_store.testing.faults.fault import CONNECT

__all__ = ["ALL", "BODY", "DOCUMENT", "LIST", "UP", "Row", "rows"]

BODY = frozenset({"GetObject"})
"""Requests whose answer is an object."""
UP = frozenset({"PutObject", "UploadPart"})
"""Requests whose own body is an object."""
LIST = frozenset({"ListObjectsV2"})
DOCUMENT = LIST | {
    "CopyObject", "CreateMultipartUpload", "CompleteMultipartUpload", "DeleteObjects", "ListMultipartUploads",
}  # fmt: skip
"""Requests whose answer is a document."""
CHANGES = frozenset({"PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject"})
"""Requests that can have a condition on what they change."""
ALL = BODY | UP | DOCUMENT | {"HeadObject", "DeleteObject"}
EVER = 0


@dataclass(frozen=True)
class Row:
    """A fault as it is injected into the requests of one verb.

    `makes` gets the verb and a URL that stores to the object being read. `says` are the service's own words, which may
    be believed: errors that would be false without them.
    """

    name: str
    number: int
    makes: Callable[[str, str], list[Fault]]
    verbs: frozenset[str] = ALL
    says: frozenset[str] = frozenset()
    tls: bool = False
    dns: bool = False
    ranged_too: bool = True
    """Whether reads of a range are asked too."""
    benign: bool = False
    """Whether the right answer must come of it."""
    connecting: bool = False
    """Whether it strikes a connection as it is made: there must be none before."""

    @property
    def warm(self) -> bool:
        """Whether the connection is there, and used, before the fault."""
        return not (self.tls or self.dns or self.connecting)

    @property
    def mends(self) -> bool:
        """Whether the backend must work when the fault is over; a name that does not resolve stays so."""
        return not self.dns

    @property
    def at_once(self) -> bool:
        """Whether it strikes the operation as a whole, not the requests of one verb."""
        return self.dns or self.number == 1 or self.connecting

    @property
    def logged(self) -> bool:
        """Whether the proxy tells of it: not of a port that is closed, and it never hears of a name unknown."""
        return not self.dns and self.number != 1


def _row(name: str, number: int, kind: str, verbs: frozenset[str] = ALL, *, once: bool = True, ever: bool = True,
         on: str = "", says: str = "", ranged_too: bool = True, tls: bool = False, benign: bool = False,
         **fault: object) -> Iterator[Row]:  # fmt: skip
    """Yield a row for one exchange, and one for all from then on."""
    told = frozenset(says.split())
    for count in ([1] if once else []) + ([EVER] if ever else []):
        made = lambda verb, url, count=count: [_fault(kind, on or verb, count, url, fault)]  # noqa: E731
        title = f"{name} {'once' if count else 'ever'}" if once and ever else name
        yield Row(
            title, number, made, verbs, told, ranged_too=ranged_too, tls=tls, benign=benign and count == 1,
            connecting=on == CONNECT,
        )  # fmt: skip


def _fault(kind: str, verb: str, count: int, url: str, more: dict[str, object]) -> Fault:
    given = {name: (url if value == "URL" else value) for name, value in more.items()}
    return Fault(kind, verb=verb, count=count, **given)  # type: ignore[arg-type]  # the rows below say which


def rows(certificates: dict[str, str]) -> list[Row]:
    """Return all rows; `certificates` are PEM files: wrong, expired, unknown."""
    return [
        *_connections(),
        *_bodies(),
        *_messages(),
        *_refusals(),
        *_documents(),
        *_listings(),
        *_tls(certificates),
    ]


def _connections() -> Iterator[Row]:
    yield from _row("refuse for 0.1 s", 1, "refuse", ever=False, on="*", seconds=0.1)
    yield from _row("refuse", 1, "refuse", once=False, on="*")
    yield Row("dns", 2, lambda verb, url: [], dns=True)
    yield from _row("reset", 3, "reset", benign=True)
    yield from _row("reset as it connects", 3, "reset", on=CONNECT, benign=True)
    yield from _row("black hole", 4, "blackhole")
    yield from _row("black hole, done", 4, "blackhole", done=True)
    yield from _row("late", 4, "delay", ever=False, seconds=0.15, benign=True)
    yield from _row("stale", 5, "stale", ever=False, benign=True)
    yield from _row("answer lost", 19, "reset", done=True)
    yield from _row("answer lost, closed", 19, "close", done=True)


def _bodies() -> Iterator[Row]:
    for offset in (0, 1, None, -1):
        where = "mid" if offset is None else offset
        yield from _row(f"cut at {where}", 6, "cut", BODY, ever=offset is None, offset=offset, benign=True)
    yield from _row("cut by reset", 6, "cut", BODY | DOCUMENT, ever=False, argument="reset")
    yield from _row("document cut", 6, "cut", DOCUMENT)
    yield from _row("trickle", 7, "trickle", BODY | DOCUMENT, once=False, seconds=0.05)
    yield from _row("upload stalls", 8, "stall-upload", UP, offset=1000)
    yield from _row("bit down", 9, "flip-down", BODY, ranged_too=False, seed=3)
    yield from _row("bit up", 9, "flip-up", UP, seed=4)
    yield from _row("replaced", 12, "replaced", BODY, once=False, seed=5, argument="URL")
    yield from _row("splice", 12, "splice", BODY, once=False, seed=6)
    yield from _row("splice, same etag", 12, "splice", BODY, once=False, ranged_too=False, seed=7, argument="same-etag")


def _messages() -> Iterator[Row]:
    for how in ("short", "long", "missing", "duplicate", "negative", "words"):
        yield from _row(f"length {how}", 10, "content-length", BODY | DOCUMENT, argument=how)
    yield from _row("chunks", 10, "chunked", BODY | DOCUMENT)
    for how in ("shifted", "size", "missing", "unasked"):
        yield from _row(f"range {how}", 11, "content-range", BODY, argument=how)
    yield from _row("200 for 206", 11, "whole", BODY, argument="URL")
    yield from _row("416", 11, "not-satisfiable", BODY)
    yield from _row("answered twice", 0, "duplicate", ever=False)


def _refusals() -> Iterator[Row]:
    for status in (500, 502, 503, 504):
        yield from _row(f"{status}", 13, "error", argument=f"{status} InternalError", benign=True)
    yield from _row("500, done", 13, "error", argument="500 InternalError", done=True)
    yield from _row("429", 14, "error", argument="429 TooManyRequests", seconds=0.1, benign=True)
    yield from _row("503 SlowDown", 14, "error", argument="503 SlowDown", seconds=1, once=False)
    yield from _row("expired token", 15, "error", argument="400 ExpiredToken", once=False, says="PermissionDenied")
    yield from _row("clock skew", 15, "error", argument="403 RequestTimeTooSkewed", once=False, says="PermissionDenied")
    yield from _row("403", 15, "error", argument="403 AccessDenied", once=False, says="PermissionDenied")
    for status in (301, 302, 307, 308):
        yield from _row(f"redirect {status}", 16, "redirect", argument=f"{status}")
    yield from _row("other region", 16, "region")
    yield from _row("409", 20, "error", CHANGES, argument="409 ConditionalRequestConflict", benign=True)
    yield from _row(
        "412", 20, "error", CHANGES, argument="412 PreconditionFailed", says="AlreadyExists PreconditionFailed"
    )
    yield from _row(
        "404",
        20,
        "error",
        CHANGES | BODY | UP,
        argument="404 NoSuchKey",
        says="NotFound PreconditionFailed InvalidPath",
    )


def _documents() -> Iterator[Row]:
    yield from _row("200 with error", 17, "error-200", DOCUMENT)
    yield from _row("200 with error, done", 17, "error-200", DOCUMENT, done=True)
    for kind in ("html", "empty"):
        yield from _row(kind, 18, kind)
        yield from _row(f"{kind}, done", 18, kind, ever=False, done=True)
    for kind in ("garbage", "truncated", "entities"):
        yield from _row(kind, 18, kind, BODY | DOCUMENT if kind != "truncated" else DOCUMENT)
    yield from _row("huge", 18, "huge", DOCUMENT, once=False, offset=200 << 20)


def _listings() -> Iterator[Row]:
    for kind in ("list-repeat", "list-loop"):
        yield from _row(kind, 21, kind, LIST, once=False)
    yield from _row("list-duplicates", 21, "list-duplicates", LIST, once=False)
    yield from _row("list-empty-page", 21, "list-empty-page", LIST, ever=False, benign=True)


def _tls(certificates: dict[str, str]) -> Iterator[Row]:
    for name, file in certificates.items():
        yield from _row(
            f"certificate {name}", 22, "certificate", once=False, on=CONNECT, tls=True, argument=file,
            says="PermissionDenied",
        )  # fmt: skip
    yield from _row("reset in the handshake", 22, "tls-reset", on=CONNECT, tls=True, benign=True)
    yield from _row("no close_notify", 22, "no-close-notify", BODY, tls=True)
