"""The proxy as a test sees it: started, scripted, asked what it did, stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from .fault import Fault

__all__ = ["Counters", "Decision", "FaultProxy", "ProxyFailed"]

STOP_SECONDS = 5.0


class ProxyFailed(Exception):
    """The proxy could not be started, has ended, or refuses a command; the text says why."""


@dataclass(frozen=True)
class Decision:
    """What was decided about one exchange: `kind` is empty where it was passed on as it was."""

    connection: int
    verb: str
    target: str
    kind: str
    text: str


@dataclass(frozen=True)
class Counters:
    """What has been counted since the script began.

    `requests` by verb, `struck` by kind of fault; connections `opened` since then, `open` now, and the most that were
    open at a time (`peak`); requests that were led into the trap, and how many of those showed credentials.
    """

    requests: Mapping[str, int]
    struck: Mapping[str, int]
    opened: int
    open: int
    peak: int
    trapped: int
    trapped_credentials: int


class FaultProxy:
    """A proxy in front of the server `upstream`, as a context manager or by `start` and `stop`.

    `upstream` is ``http://host:port``, ``https://host:port`` or ``tcp://host:port``; of the last nothing is read, and
    its faults count connections and bytes. `dialect` names the operations: ``"s3"``, ``"azure"``, ``"http"`` or
    ``"package.module:name"`` of a `Dialect` of yours. With `certificate`, a PEM file of key and chain, the proxy
    speaks TLS. `host` is what clients are told to connect to; the port is on 127.0.0.1 in any case.

    Calls are answered by the proxy's process in well under a millisecond, so that async tests call them directly.
    Threads may share a proxy. Raises ProxyFailed.
    """

    def __init__(
        self, upstream: str, *, dialect: str = "s3", certificate: str | Path | None = None, host: str = "127.0.0.1"
    ) -> None:
        self._upstream = upstream
        self._dialect = dialect
        self._certificate = "" if certificate is None else str(certificate)
        self._host = host
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.port = 0
        """The port to connect to; 0 before the start."""
        self.trap = ""
        """Where a ``redirect`` without a URL leads: a server of the proxy's that writes down who follows."""

    def start(self) -> None:
        """Start the process and wait until it listens."""
        command = [sys.executable, "-m", "remote_store.testing.faults", self._upstream, "--control"]
        command += ["--dialect", self._dialect, "--certificate", self._certificate]
        self._process = subprocess.Popen(  # noqa: S603  # the arguments are the test's own
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        told = self._heard()
        self.port, self.trap = told["port"], told["trap"]

    def stop(self) -> None:
        """End the process. Stopping twice does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def endpoint(self) -> str:
        """The URL to give to clients: the upstream's, with this proxy's host, port and TLS."""
        if self._upstream.startswith("tcp:"):
            return f"tcp://{self._host}:{self.port}"
        return f"{'https' if self._certificate else 'http'}://{self._host}:{self.port}{urlsplit(self._upstream).path}"

    def script(self, *faults: Fault) -> None:
        """Begin another script: log and counts begin anew, and what the old script holds back is let go.

        Of several faults that fit an exchange the first one strikes. Without any, all is passed on as it is.
        """
        self._ask({"do": "script", "faults": [fault.to_dict() for fault in faults]})

    def log(self) -> list[Decision]:
        """Return what was decided about each exchange since the script began, in the order in which they came."""
        return [Decision(**entry) for entry in self._ask({"do": "log"})]

    def counters(self) -> Counters:
        """Return what has been counted since the script began."""
        return Counters(**self._ask({"do": "counters"}))

    def wait_idle(self, seconds: float = 5.0) -> int:
        """Wait until clients have closed all their connections, `seconds` at most; return how many are open."""
        return int(self._ask({"do": "wait_idle", "seconds": seconds}))

    def _ask(self, command: dict[str, Any]) -> Any:
        with self._lock:
            if self._process is None or self._process.stdin is None:
                raise ProxyFailed("the proxy is not running: use it in a with block, or call start()")
            try:
                self._process.stdin.write(json.dumps(command) + "\n")
                self._process.stdin.flush()
            except OSError as error:
                raise ProxyFailed(f"the proxy has ended: {self._last_words()}") from error
            answer = self._heard()
        if "error" in answer:
            raise ProxyFailed(answer["error"])
        return answer["result"]

    def _heard(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            words = self._last_words()
            self.stop()
            raise ProxyFailed(f"the proxy has ended: {words}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        assert self._process is not None
        assert self._process.stderr is not None
        return self._process.stderr.read().strip()[-1000:] or "without a word"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
