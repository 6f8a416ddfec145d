"""asyncssh's own SFTP server in a process of its own, for what sshd can't be made to show.

It leaves out extensions, and loses the answer to the nth request: the request is carried out, then the connection breaks.
Passwords work too. Commands come as lines of JSON on standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import asyncssh
from asyncssh.sftp import SFTPServerHandler

__all__ = ["AsyncsshServer"]

USER, PASSWORD = "tester", "correct horse"


class AsyncsshServer:
    """The process, as a context manager. `without` are extensions that it does not announce."""

    def __init__(self, root: Path, *, without: tuple[str, ...] = ()) -> None:
        self.root = root
        self._without = without

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.servers.asyncssh_server", str(self.root), *self._without]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.port, self.host_key = told["port"], told["key"]
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)

    def options(self, **others: Any) -> dict[str, Any]:
        """Return what a backend for this server is made with."""
        return {
            "host": "127.0.0.1", "port": self.port, "username": USER, "password": PASSWORD,
            "base_path": str(self.root), "host_key": self.host_key, **others,
        }  # fmt: skip

    def lose(self, nth: int, *, each: bool = False, silent: bool = False) -> None:
        """Lose the answer to the nth request from now on, and with `each` to every nth one.

        With `silent` the connection stays, and nothing is answered on it any more.
        """
        self._ask({"lose": nth, "each": each, "silent": silent})

    def verbs(self) -> list[int]:
        """Return the packet types of the requests since the last command."""
        found: list[int] = self._ask({})
        return found

    def _ask(self, command: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


# The process


class _Plan:
    lose = 0
    each = False
    silent = False
    verbs: list[int] = []  # noqa: RUF012  # one server a process


class _Handler(SFTPServerHandler):
    """Counts requests, and breaks off after the one that is to be lost."""

    async def _process_packet(self, pkttype: int, pktid: int, packet: Any) -> None:
        _Plan.verbs.append(pkttype)
        count = len(_Plan.verbs)
        lost = _Plan.lose and (count % _Plan.lose == 0 if _Plan.each else count == _Plan.lose)
        if not lost and not getattr(self, "mute", False):
            await super()._process_packet(pkttype, pktid, packet)
            return
        self.mute = True
        await super()._process_packet(pkttype, pktid, packet)
        if not _Plan.silent and self._writer is not None:
            self._writer.channel.get_connection().abort()

    def send_packet(self, pkttype: int, pktid: int | None, *args: bytes) -> None:
        if not getattr(self, "mute", False):
            super().send_packet(pkttype, pktid, *args)


class _Server(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


async def _serve(without: list[str]) -> None:
    asyncssh.sftp.SFTPServerHandler = _Handler  # type: ignore[misc]  # it has no other seam
    names = {name.encode() for name in without}
    _Handler._extensions = [pair for pair in SFTPServerHandler._extensions if pair[0] not in names]
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(_Server, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=True)
    print(json.dumps({"port": server.get_port(), "key": key.export_public_key().decode()}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        told, _Plan.verbs = _Plan.verbs, []
        command = json.loads(line)
        _Plan.lose, _Plan.each = command.get("lose", _Plan.lose), command.get("each", _Plan.each)
        _Plan.silent = command.get("silent", _Plan.silent)
        print(json.dumps(told), flush=True)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("without", nargs="*")
    asyncio.run(_serve(parser.parse_args().without))
