"""The example service as a child process, under uvicorn on asyncio and under hypercorn on trio."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import free_ports
from tests.servers.process import NotStarted, started

__all__ = ["SERVERS", "Service", "eventually", "service"]

ROOT = Path(__file__).resolve().parents[2]
STARTS = 3
"""Another process may take a port between our look and the server's."""


def uvicorn(app: str, port: int) -> list[str]:
    """asyncio."""
    return ["uvicorn", app, "--port", str(port), "--loop", "asyncio", "--log-level", "warning"]


def hypercorn(app: str, port: int) -> list[str]:
    """trio; no workers means that the process serves by itself."""
    return ["hypercorn", app, "--bind", f"127.0.0.1:{port}", "--worker-class", "trio", "--workers", "0"]


SERVERS = {"uvicorn-asyncio": uvicorn, "hypercorn-trio": hypercorn}


@dataclass(frozen=True)
class Service:
    """A service that is running."""

    port: int
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def peak(self) -> int:
        """Return the most bytes of memory that it ever had."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def open_files(self) -> list[str]:
        """Return what its descriptors are: paths, and ``socket:[...]``."""
        found = []
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{self.process.pid}/fd/{name}"))
            except FileNotFoundError:
                continue
        return found

    def log(self) -> str:
        """Return what it has written."""
        return (self.folder / "log").read_text(errors="replace")


@contextmanager
def service(
    server: str, store_url: str, folder: Path, *, app: str = "service.app:app", **variables: str
) -> Iterator[Service]:
    """Run the service as long as the block lasts; it must end by itself when it is asked to."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "docs" / "examples")])
    before = dict(os.environ)
    os.environ.update({"STORE_URL": store_url, "PYTHONPATH": path, "PYTHONWARNINGS": "error", **variables})
    try:
        running = _start(server, app, folder)
    finally:
        os.environ.clear()
        os.environ.update(before)
    try:
        yield running
        running.process.terminate()
        running.process.wait(20)
    finally:
        running.process.kill()
        running.process.wait()


def _start(server: str, app: str, folder: Path) -> Service:
    for attempt in range(STARTS):
        port = free_ports(1)[0]
        try:
            command = [sys.executable, "-m", *SERVERS[server](app, port)]
            process = started(command, folder, f"http://127.0.0.1:{port}/health")
            return Service(port, process, folder)
        except NotStarted:
            if attempt == STARTS - 1:
                raise
    raise AssertionError("unreachable")


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    """Return whether it comes to hold; what a server does after its client has gone can't be waited for otherwise."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
