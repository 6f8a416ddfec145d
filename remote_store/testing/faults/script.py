"""The running script: which fault strikes which exchange, written down as it is decided, and what is counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .fault import CONNECT, KINDS, Fault, Level

__all__ = ["Record", "Script", "Strike"]


@dataclass(eq=False)
class Record:
    """What was decided about one exchange."""

    connection: int
    verb: str
    target: str
    kind: str = ""
    text: str = "passed on"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, as JSON takes them."""
        return dict(vars(self))


@dataclass(frozen=True)
class Strike:
    """A fault that has to do with this exchange, with the number of the match (from 1 on), and its line in the log."""

    fault: Fault | None
    match: int
    record: Record
    script: int
    """The number of the script that struck, from 1 on."""
    ended: threading.Event
    """What is set when that script ends: another may have begun by the time that the exchange is held back."""


class Script:
    """The faults of a proxy and how far each has come. Connections of several threads ask at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._faults: list[Fault] = []
        self._matches: list[int] = []
        self._log: list[Record] = []
        self._requests: Counter[str] = Counter()
        self._struck: Counter[str] = Counter()
        self._traps: Counter[str] = Counter()
        self._opened = 0
        self._open = 0
        self._peak = 0
        self._held = threading.Event()
        self._number = 0

    def load(self, faults: Sequence[Fault]) -> None:
        """Begin another script: log and counts begin anew, what the old one held back is let go."""
        with self._lock:
            self._held.set()
            self._held = threading.Event()
            self._faults, self._matches = list(faults), [0] * len(faults)
            self._log = []
            self._number += 1
            for counter in (self._requests, self._struck, self._traps):
                counter.clear()
            self._opened, self._peak = 0, self._open

    @property
    def ended(self) -> threading.Event:
        """What is set when this script ends."""
        return self._held

    # Decisions

    def connecting(self, connection: int) -> Strike:
        """Decide about a connection that has just been made."""
        return self._decide(connection, CONNECT, "", "", lambda fault: KINDS[fault.kind].level is not Level.PORT)

    def asking(self, connection: int, verb: str, method: str, target: str, *, used: bool) -> Strike:
        """Decide about a request; `used` says that its connection has carried one before."""
        with self._lock:
            self._requests[verb] += 1
        return self._decide(connection, verb, method, target, lambda fault: used or fault.kind != "stale")

    def _decide(self, connection: int, verb: str, method: str, target: str, fits: Any) -> Strike:
        record = Record(connection, verb, target)
        chosen: Fault | None = None
        match = 0
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not _named(fault, verb, method) or not fits(fault):
                    continue
                self._matches[index] += 1
                if chosen is None and fault.strikes(self._matches[index]):
                    chosen, match = fault, self._matches[index]
            if chosen is not None:
                record.kind = chosen.kind
                self._struck[record.kind] += 1
            if chosen is not None or verb != CONNECT:
                self._log.append(record)
            return Strike(chosen, match, record, self._number, self._held)

    # Counts

    def opened(self) -> int:
        """Count a connection and return its number."""
        with self._lock:
            self._opened += 1
            self._open += 1
            self._peak = max(self._peak, self._open)
            return self._opened

    def closed(self) -> None:
        """Count a connection off."""
        with self._lock:
            self._open -= 1
            self._idle.notify_all()

    def trapped(self, *, credentials: bool) -> None:
        """Count a request that followed a redirect into the trap."""
        with self._lock:
            self._traps["requests"] += 1
            self._traps["credentials"] += credentials

    def wait_idle(self, seconds: float) -> int:
        """Wait until no connection is open, at most so long; return how many are."""
        with self._idle:
            self._idle.wait_for(lambda: self._open == 0, seconds)
            return self._open

    def log(self) -> list[dict[str, Any]]:
        """Return the decisions since the script began."""
        with self._lock:
            return [record.to_dict() for record in self._log]

    def counters(self) -> dict[str, Any]:
        """Return the counts since the script began."""
        with self._lock:
            return {
                "requests": dict(self._requests),
                "struck": dict(self._struck),
                "opened": self._opened,
                "open": self._open,
                "peak": self._peak,
                "trapped": self._traps["requests"],
                "trapped_credentials": self._traps["credentials"],
            }


def _named(fault: Fault, verb: str, method: str) -> bool:
    """Whether a fault's verb fits. What is being connected fits by name or by kind alone, never by a pattern."""
    if verb == CONNECT:
        return fault.verb == CONNECT or (fault.verb == "*" and KINDS[fault.kind].level is Level.CONNECTION)
    if fault.verb == CONNECT or KINDS[fault.kind].level is not Level.EXCHANGE:
        return False
    return any(fnmatchcase(verb, name) or name == method for name in fault.verb.replace(" ", "").split(","))
