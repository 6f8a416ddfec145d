"""The example service beside a bare Starlette application: what its health route takes while files are streamed."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from .peers import missing
from .report import Row, Section
from .setting import Setting

FILE = 16 << 20
CLIENTS = 8
APPS = {"bare Starlette": "benchmarks.bare_service:app", "remote_store example": "service.app:app"}


def run(setting: Setting) -> list[Section]:
    """Return a table for each server and loop."""
    absent = [name for name in ("starlette", "uvicorn", "hypercorn") if missing(name)]
    if absent:
        return [Section("service", notes=[f"left out, not installed: {', '.join(absent)}"])]
    from tests.service.server import SERVERS

    folder = Path(setting.folder("served"))
    (folder / "large").write_bytes(os.urandom(FILE))
    return [_table(setting, folder, server) for server in SERVERS]


def _table(setting: Setting, folder: Path, server: str) -> Section:
    title = f"service, {server}: /health (wall: median; cpu: the server's, for each MiB that it sends meanwhile)"
    table = Section(title)
    for name, app in APPS.items():
        seconds, cpu = _measured(setting, folder, server, app)
        base = table.rows[0] if table.rows else None
        wall = median(seconds)
        table.rows.append(Row(name, wall, cpu, wall / base.wall if base else 1.0, cpu / base.cpu if base else 1.0))
        late = quantiles(seconds, n=100)[98]
        table.notes.append(f"{name}: 99 % within {late * 1e3:.1f} ms, longest {max(seconds) * 1e3:.1f} ms")
    table.notes.append(f"{CLIENTS} clients download {FILE >> 20} MiB each, over and over")
    return table


def _measured(setting: Setting, folder: Path, server: str, app: str) -> tuple[list[float], float]:
    """Return the latencies of the health route, and the server's CPU seconds for each MiB."""
    from tests.service.server import service

    logs = Path(setting.folder(f"{server}-{app.partition('.')[0]}"))
    with service(server, f"file://{folder}", logs, app=app) as running, _load(running.port) as sent:
        while not sent.value:
            time.sleep(0.01)
        before, begun = sent.value, _cpu(running.process.pid)
        seconds = _latencies(running.port, setting.rounds(200, 1000))
        mebibytes = (sent.value - before) / (1 << 20)
        return seconds, (_cpu(running.process.pid) - begun) / max(mebibytes, 1)


def _latencies(port: int, count: int) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    seconds = []
    for _ in range(count):
        begun = time.perf_counter()
        connection.request("GET", "/health")
        assert connection.getresponse().read()
        seconds.append(time.perf_counter() - begun)
        time.sleep(0.005)
    connection.close()
    return seconds


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _load(port: int) -> Iterator[Any]:
    """Download in another process; the value counts the bytes."""
    spawn = multiprocessing.get_context("spawn")
    sent = spawn.Value("q", 0)
    process = spawn.Process(target=_download, args=(port, sent), daemon=True)
    process.start()
    try:
        yield sent
    finally:
        process.kill()
        process.join()


def _download(port: int, sent: Any) -> None:
    def client() -> None:
        buffer = bytearray(1 << 18)
        while True:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /files/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                while count := connection.recv_into(buffer):
                    with sent.get_lock():
                        sent.value += count

    threads = [threading.Thread(target=client, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
