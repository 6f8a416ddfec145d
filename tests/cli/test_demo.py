"""`remote-store demo` does the main job on real files, and tells the truth about it (issue, item 9)."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import Command

SMALL = ("--packed-mib", "2")
KEYS = {
    "mode", "files", "bytes", "save_mb_per_s", "restore_mb_per_s", "blocked_longest_ms", "blocked_total_ms",
    "blocked_percent", "idle_late_percent", "foreground_ticks", "foreground_seconds", "killed_status",
    "killed_after_files", "latest_after_kill", "previous_intact", "damaged_after_kill", "half_files", "differences",
    "seconds", "ok",
}  # fmt: skip


def test_all_three_ways_save_survive_a_crash_and_restore(command: Command, folder: Path) -> None:
    """One JSON document with stable keys and nothing else on stdout; nothing is left on the disk."""
    done = command.run("demo", folder, *SMALL, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["ok"] is True
    assert document["source"]["skipped"] == {"__pycache__": 1, "symbolic links": 1}
    assert document["source"]["unreadable"] == []
    # 20 texts and an empty file, the packed one, the one that each step changes.
    assert document["source"]["files"] == 23
    assert document["source"]["bytes"] == sum(
        path.stat().st_size for path in folder.glob("sub*/*.txt")
    ) + 2 * 1024 * 1024 + len("step      0\n")
    assert [run["mode"] for run in document["runs"]] == ["asyncio", "trio", "sync"]
    for run in document["runs"]:
        assert set(run) == KEYS
        assert run["killed_status"] == -signal.SIGKILL
        assert run["killed_after_files"] == 11
        assert run["latest_after_kill"] == "step-1"
        assert run["previous_intact"] is True
        assert run["differences"] == run["half_files"] == run["damaged_after_kill"] == []
        assert run["foreground_ticks"] > 0
    assert command.leavings() == []


def test_a_store_of_the_users_gets_its_own_back_as_it_was(command: Command, folder: Path, tmp_path: Path) -> None:
    """--store: everything goes below one fresh folder, which is removed."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "LATEST").write_text("not yours")
    done = command.run("demo", folder, *SMALL, "--store", mine.as_uri(), "--mode", "trio", "--json")
    assert done.returncode == 0, done.stderr
    assert [run["mode"] for run in json.loads(done.stdout)["runs"]] == ["trio"]
    assert [path.name for path in mine.iterdir()] == ["LATEST"]
    assert (mine / "LATEST").read_text() == "not yours"
    assert command.leavings() == []


def test_in_a_pipe_there_are_plain_lines_and_a_table(command: Command, folder: Path) -> None:
    """No bar, no colours; what happened in order, then figures."""
    done = command.run("demo", folder, *SMALL, "--mode", "asyncio")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    story = ["save step 1", "killed with SIGKILL (status -9) when 11 of 23", "LATEST names step-1, 0 of its 23 files damaged",
             "save step 3", "restore step-3", "every byte the same", "MB/s", "blocked, longest"]  # fmt: skip
    places = [done.stdout.index(line) for line in story]
    assert places == sorted(places)
    assert "left out: 1 x __pycache__" in done.stdout


def test_on_a_terminal_there_is_a_bar(command: Command, folder: Path) -> None:
    """Bytes, rate and files, drawn while it moves; the table at the end."""
    master, terminal = pty.openpty()
    argv = [*command.argv, "demo", str(folder), *SMALL, "--mode", "sync"]
    with subprocess.Popen(argv, env=command.environ, stdin=terminal, stdout=terminal, stderr=terminal) as child:
        os.close(terminal)
        output = b""
        while piece := _read(master):
            output += piece
    os.close(master)
    assert child.returncode == 0
    assert b"\x1b[" in output
    assert b"sync: save step 1" in output
    assert " parts" in output.decode()
    assert "━".encode() in output
    assert b"MB/s" in output


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO is how Linux says that the other end has been closed
        return b""


@pytest.mark.parametrize("mode", ["asyncio", "trio", "sync"])
def test_ctrl_c_ends_it_cleanly(command: Command, folder: Path, mode: str) -> None:
    """Exit code 130, one word, no traceback; nothing on the disk, no child process."""
    child = command.start("demo", folder, "--packed-mib", "64", "--mode", mode)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, words = child.communicate(timeout=60)
    assert (child.returncode, words) == (130, "Interrupted.\n")
    assert command.leavings() == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["/no/such/folder"], 3, "there is no folder"),
        (["{file}"], 3, "is not a folder"),
        (["{empty}"], 2, "name a folder with files"),
        (["{folder}", "--store", "memory://x"], 2, "no other process sees"),
        (["{folder}", "--store", "nope://x"], 2, "nope"),
        (["{folder}", "--store", "~/x"], 2, "~"),
        (["{folder}", "--mode", "curio"], 2, "curio"),
        (["{folder}", "--concurrency", "0"], 2, "concurrency"),
        (["{folder}", "--no-such-option"], 2, "--no-such-option"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    command: Command, folder: Path, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    """Usage is 2, a missing folder 3; the reason on stderr, nothing on stdout, nothing left."""
    (tmp_path / "empty").mkdir()
    names = {"file": str(folder / "empty"), "empty": str(tmp_path / "empty"), "folder": str(folder)}
    done = command.run("demo", *(argument.format(**names) for argument in arguments))
    assert done.returncode == code
    assert words in done.stderr
    assert done.stdout == ""
    assert command.leavings() == []
