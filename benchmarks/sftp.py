"""SFTP figures beside peers, on one OpenSSH server in one run: `python -m benchmarks.sftp [--mib 256] [--small 1000]`.

Every contender moves a file between a local folder and the server's, its connection included, under the same cipher. CPU is
that of this process and of the commands it runs; sshd's is nobody's. Ratios within one run count, absolute figures move
with the machine. Peers that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from remote_store.backends.sftp.backend import AsyncSFTPBackend
from remote_store.backends.sftp.sync import SFTPBackend
from tests.servers.openssh import OpenSSH, openssh

MIB = 1024 * 1024
CIPHER = "aes128-gcm@openssh.com"
DELAY = 0.005
"""Seconds that the relay adds to a round trip."""

Move = Callable[[Path], object]


@dataclass
class Contender:
    """One client: `put` sends the local file to "big" on the server, `get` fetches that into a local file."""

    name: str
    put: Move
    get: Move


@dataclass
class Cost:
    """Wall and CPU seconds of rounds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure a block."""
        before, begun = _cpu(), time.perf_counter()
        yield
        self.wall.append(time.perf_counter() - begun)
        self.cpu.append(_cpu() - before)


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


# Contenders


def sftp_command(server: OpenSSH) -> Contender:
    """OpenSSH's own client."""
    base = ["sftp", "-q", "-b", "-", "-P", str(server.port), "-i", str(server.key), f"-oCiphers={CIPHER}"]
    base += ["-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"]

    def run(line: str) -> None:
        command = [*base, f"{server.username}@127.0.0.1"]
        subprocess.run(command, input=line.encode(), check=True, capture_output=True)

    return Contender(
        "OpenSSH sftp",
        lambda local: run(f"put {local} {server.root}/big\n"),
        lambda local: run(f"get {server.root}/big {local}\n"),
    )


def ours(server: OpenSSH) -> Contender:
    """The blocking backend, streaming a file both ways."""

    def put(local: Path) -> None:
        with SFTPBackend(**server.options(server.root)) as backend, local.open("rb") as file:
            backend.write("big", file, overwrite=True)

    def get(local: Path) -> None:
        with (
            SFTPBackend(**server.options(server.root)) as backend,
            local.open("wb") as file,
            backend.read("big") as stream,
        ):
            shutil.copyfileobj(stream, file, MIB)

    return Contender("remote_store, file", put, get)


def ours_in_memory(server: OpenSSH, loop: str) -> Contender:
    """The async backend with bytes and read_into, whose memory is the caller's."""

    def put(local: Path) -> None:
        data = local.read_bytes()

        async def run() -> None:
            async with AsyncSFTPBackend(**server.options(server.root)) as backend:
                await backend.write("big", data, overwrite=True)

        anyio.run(run, backend=loop)

    def get(local: Path) -> None:
        buffer = bytearray(os.path.getsize(server.root / "big"))

        async def run() -> None:
            async with AsyncSFTPBackend(**server.options(server.root)) as backend:
                await backend.read_into("big", buffer)

        anyio.run(run, backend=loop)

    return Contender(f"remote_store, memory, {loop}", put, get)


def asyncssh_raw(server: OpenSSH) -> Contender:
    """asyncssh's put and get."""
    import asyncssh

    async def run(move: str, *paths: str) -> None:
        async with (
            asyncssh.connect(
                "127.0.0.1", server.port, username=server.username, client_keys=[str(server.key)], known_hosts=None,
                config=None, encryption_algs=[CIPHER], compression_algs=["none"],
            ) as connection,
            connection.start_sftp_client() as client,
        ):  # fmt: skip
            await getattr(client, move)(*paths)

    return Contender(
        "asyncssh put, get",
        lambda local: asyncio.run(run("put", str(local), f"{server.root}/big")),
        lambda local: asyncio.run(run("get", f"{server.root}/big", str(local))),
    )


def paramiko_client(server: OpenSSH) -> Contender:
    """paramiko's put and get, as fast as they go: its prefetch is on."""
    import paramiko

    @contextmanager
    def client() -> Iterator[Any]:
        transport = paramiko.Transport(("127.0.0.1", server.port))
        transport.get_security_options().ciphers = (CIPHER,)
        transport.connect(username=server.username, pkey=paramiko.Ed25519Key.from_private_key_file(str(server.key)))
        try:
            yield paramiko.SFTPClient.from_transport(transport)
        finally:
            transport.close()

    def put(local: Path) -> None:
        with client() as sftp:
            sftp.put(str(local), f"{server.root}/big")

    def get(local: Path) -> None:
        with client() as sftp:
            sftp.get(f"{server.root}/big", str(local))

    return Contender("paramiko put, get", put, get)


@contextmanager
def sshfs_mount(server: OpenSSH) -> Iterator[Contender | None]:
    """sshfs, mounted once; None where it is missing or can't mount."""
    if shutil.which("sshfs") is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="rs-sshfs-") as place:
        options = f"IdentityFile={server.key},StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null,Ciphers={CIPHER}"
        command = ["sshfs", "-p", str(server.port), "-o", options, f"{server.username}@127.0.0.1:{server.root}", place]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            yield Contender(
                "sshfs, cp",
                lambda local: shutil.copyfile(local, f"{place}/big"),
                lambda local: shutil.copyfile(f"{place}/big", local),
            )
        finally:
            subprocess.run(["fusermount", "-u", place], check=False)


# Large files


def large(server: OpenSSH, folder: Path, mib: int, rounds: int) -> None:
    """Move a large file with each contender in turn, so that all see the same weather."""
    source, fetched = folder / "source", folder / "fetched"
    source.write_bytes(os.urandom(mib * MIB))
    contenders = [sftp_command(server), ours(server), ours_in_memory(server, "asyncio"), ours_in_memory(server, "trio")]
    contenders.append(asyncssh_raw(server))
    if importlib.util.find_spec("paramiko") is not None:
        contenders.append(paramiko_client(server))
    else:
        print("paramiko is not installed")
    with sshfs_mount(server) as mounted:
        if mounted is not None:
            contenders.append(mounted)
        else:
            print("sshfs is not installed, or can't mount here")
        costs = {contender.name: (Cost(), Cost()) for contender in contenders}
        for _ in range(rounds):
            for contender in contenders:
                put, get = costs[contender.name]
                with put.measured():
                    contender.put(source)
                with get.measured():
                    contender.get(fetched)
    base = costs["OpenSSH sftp"]
    for name, (put, get) in costs.items():
        _compare(name, f"put {mib} MiB", put, base[0])
        _compare(name, f"get {mib} MiB", get, base[1])


def _compare(name: str, work: str, cost: Cost, base: Cost) -> None:
    ratio = statistics.median(mine / other for mine, other in zip(cost.wall, base.wall, strict=True))
    wall, cpu = statistics.median(cost.wall), statistics.median(cost.cpu)
    print(f"{name:30} | {work:16} | wall {wall:6.2f} s | cpu {cpu:6.2f} s | {ratio:5.2f} x OpenSSH sftp", flush=True)


# Small files


async def _small(options: dict[str, Any], count: int, tasks: int, prefix: str) -> float:
    data = os.urandom(4096)
    async with AsyncSFTPBackend(**options) as backend:
        await backend.write(f"{prefix}/first", data)
        waiting = iter(range(count))

        async def worker() -> None:
            for number in waiting:
                await backend.write(f"{prefix}/{number}", data)

        begun = time.perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(worker)
        return time.perf_counter() - begun


def small(server: OpenSSH, count: int) -> None:
    """Write small files one after the other and in 16 tasks, on loopback and behind a delay."""
    with relay(server.port) as port:
        pin = (server.folder / "host.pub").read_text()
        far = {**server.options(server.root), "port": port, "host_key": pin}
        for where, options, number in (("loopback", server.options(server.root), count), ("5 ms", far, count // 4)):
            one = asyncio.run(_small(options, number, 1, f"{where}-1"))
            many = asyncio.run(_small(options, number, 16, f"{where}-16"))
            print(
                f"{number} x 4 KiB, {where:8} | one task {one / number * 1e3:6.2f} ms each"
                f" | 16 tasks {many / number * 1e3:6.2f} ms each | {one / many:5.2f} x",
                flush=True,
            )


@contextmanager
def relay(upstream: int) -> Iterator[int]:
    """Run a relay that holds each piece for half of `DELAY`, in a process of its own, and give its port."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_relay, args=(upstream, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def _relay(upstream: int, pipe: Any) -> None:
    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while piece := await reader.read(65536):
            loop.call_later(DELAY / 2, writer.write, piece)
        loop.call_later(DELAY / 2, writer.close)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


# Memory


def streamed(options: dict[str, Any], mib: int) -> None:
    """Print how much memory a long stream takes, both ways."""
    piece = os.urandom(MIB)

    async def run() -> None:
        async with AsyncSFTPBackend(**options) as backend:
            await backend.write("warm", piece)

            async def content() -> Any:
                for _ in range(mib):
                    yield piece

            before = _peak()
            await backend.write("stream", content(), overwrite=True)
            written = _peak()
            async for _ in backend.read("stream"):
                pass
            print(
                f"stream of {mib} MiB | written within {written - before:.1f} MiB | read within {_peak() - before:.1f} MiB"
                f" | {threading.active_count()} threads",
                flush=True,
            )

    asyncio.run(run())


def _peak() -> float:
    """Return the most memory that was in use so far, in MiB; getrusage would tell the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=256, help="size of the large file")
    parser.add_argument("--small", type=int, default=1000, help="number of small files")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the large file; the median counts")
    parser.add_argument("--stream", type=int, default=2048, help="MiB of the stream whose memory is measured")
    parser.add_argument("--only", choices=("large", "small", "stream"), help="one part alone")
    options = parser.parse_args()
    with openssh() as server, tempfile.TemporaryDirectory(prefix="rs-bench-") as folder:
        if options.only in (None, "large"):
            large(server, Path(folder), options.mib, options.rounds)
        if options.only in (None, "small"):
            small(server, options.small)
        if options.only in (None, "stream"):
            # A process of its own: what earlier work has left in the heap would hide what this takes.
            arguments = (server.options(server.root), options.stream)
            child = multiprocessing.get_context("spawn").Process(target=streamed, args=arguments)
            child.start()
            child.join()


if __name__ == "__main__":
    main()
