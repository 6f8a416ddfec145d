"""The command itself: version, help, exit codes, a missing extra (CONVENTIONS, command line)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from remote_store import (
    AlreadyExists,
    BackendUnavailable,
    InvalidPath,
    NotFound,
    PermissionDenied,
    RemoteStoreError,
    __version__,
    info,
)
from remote_store._store.plugins import BUILT_IN
from remote_store.checkpoint import CheckpointNotFound
from remote_store.cli import exits
from tests.cli.command import Command


def test_version(command: Command) -> None:
    done = command.run("--version")
    assert (done.returncode, done.stdout) == (0, f"remote-store {__version__}\n")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["demo", "--help"], ["info", "--help"]])
def test_help(command: Command, arguments: list[str]) -> None:
    """Every command has one; the root's names the exit codes."""
    done = command.run(*arguments)
    assert done.returncode == 0
    assert "Usage:" in done.stdout
    if len(arguments) == 1:
        assert "130 interrupted" in " ".join(done.stdout.split())


def test_an_unknown_command_is_a_usage_error(command: Command) -> None:
    done = command.run("nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr


def test_info_is_what_the_library_says(command: Command) -> None:
    done = command.run("info", "--json")
    assert json.loads(done.stdout) == info()
    said = dict(line.split(maxsplit=1) for line in command.run("info").stdout.splitlines() if line.startswith("  "))
    assert said["local"] == "available"
    for name, ours in BUILT_IN.items():
        if not ours.built:
            assert said[name] == "not in this version", "no extra brings what is still to be written"
        elif not ours.available:
            assert said[name] == f"missing; pip install 'remote-store-aio[{ours.extra}]'"


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_a_missing_extra_says_how_to_get_it(missing: str) -> None:
    """No traceback: the pip line."""
    code = f"import sys; sys.modules[{missing!r}] = None; from remote_store.cli import main; main(['info'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'remote-store-aio[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidPath("x"), exits.USAGE),
        (NotFound("x"), exits.NOT_FOUND),
        (CheckpointNotFound("x"), exits.NOT_FOUND),
        (FileNotFoundError(), exits.NOT_FOUND),
        (PermissionDenied("x"), exits.AUTH),
        (PermissionError(), exits.AUTH),
        (BackendUnavailable("x"), exits.NETWORK),
        (TimeoutError(), exits.NETWORK),
        (ConnectionResetError(), exits.NETWORK),
        (AlreadyExists("x"), exits.FAILED),
        (RemoteStoreError("x"), exits.FAILED),
        (OSError(28, "No space left on device"), exits.FAILED),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: int) -> None:
    """0 ok, 1 some failed, 2 usage, 3 not found, 4 auth, 5 network, 130 interrupt."""
    assert exits.code_of(error) == code


def test_the_codes_are_the_documented_ones() -> None:
    assert (exits.OK, exits.FAILED, exits.USAGE, exits.NOT_FOUND, exits.AUTH, exits.NETWORK, exits.INTERRUPTED) == (
        0, 1, 2, 3, 4, 5, 130,
    )  # fmt: skip


def test_importing_the_library_does_not_import_the_command() -> None:
    code = "import sys, remote_store, remote_store.cli; print('typer' in sys.modules, 'rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
