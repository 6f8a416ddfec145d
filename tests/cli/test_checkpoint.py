"""`remote-store checkpoint`: ls, inspect, verify, gc (issue 6, point 5)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from remote_store.checkpoint import CheckpointManager
from remote_store.cli.app import app
from tests.cli.command import Command


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with three checkpoints."""
    root = tmp_path / "run"
    with CheckpointManager(str(root)) as manager:
        for step in (5, 10, 15):
            items = {"w": np.arange(6.0).reshape(2, 3), "t": {"b": np.zeros(2, np.int8)}, "wei\trd \x1b[2J": b"x"}
            manager.save(items, step=step, user={"loss": 20 - step})
    return root


def only_part(root: Path, step: int) -> Path:
    return next(root.glob(f"gen/{step:012d}-*/part-*"))


def test_ls(command: Command, saved: Path) -> None:
    """A row for each, the newest marked; JSON has what a script needs."""
    done = command.run("checkpoint", "ls", saved)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert [line.split()[0] for line in lines[1:]] == ["5", "10", "15"]
    assert lines[3].split()[1] == "*"
    rows = json.loads(command.run("checkpoint", "ls", saved, "--json").stdout)
    assert [(row["step"], row["latest"], row["items"]) for row in rows] == [
        (5, False, 4),
        (10, False, 4),
        (15, True, 4),
    ]
    assert rows[0]["user"] == {"loss": 15}


def test_a_loss_that_is_no_number_is_null_for_machines(command: Command, tmp_path: Path) -> None:
    """RFC 8259, section 6: JSON has no NaN; a script that reads it must not fail on a diverged training."""
    user = {"loss": float("nan"), "all": [1.5, float("inf")], "by": {"valid": float("-inf")}}
    with CheckpointManager(str(tmp_path)) as manager:
        manager.save({"w": b"1"}, step=1, user=user)

    def refused(token: str) -> None:
        raise AssertionError(token)

    for verb in ("ls", "inspect"):
        document = json.loads(command.run("checkpoint", verb, tmp_path, "--json").stdout, parse_constant=refused)
        row = document[0] if verb == "ls" else document
        assert row["user"] == {"loss": None, "all": [1.5, None], "by": {"valid": None}}


def test_inspect(command: Command, saved: Path) -> None:
    done = command.run("checkpoint", "inspect", saved, 10)
    assert done.returncode == 0, done.stderr
    assert "step 10" in done.stdout
    assert "float64  2x3" in done.stdout
    assert "\x1b[2J" not in done.stdout, "a name must not move the cursor"
    document = json.loads(command.run("checkpoint", "inspect", saved, "--json").stdout)
    assert document["step"] == 15
    assert [item["name"] for item in document["contents"]] == ["w", "t", "t/b", "wei\trd \x1b[2J"]
    assert document["contents"][0] == {
        "name": "w", "kind": "tensor", "dtype": "float64", "shape": [2, 3], "bytes": 48, "writer": 0,
    }  # fmt: skip


def test_verify(command: Command, saved: Path) -> None:
    """Exit code 1 if anything is wrong, and the part is named; --quick reads no part."""
    done = command.run("checkpoint", "verify", saved, "--all")
    assert (done.returncode, done.stdout.count("whole"), done.stderr) == (0, 3, "")
    part = only_part(saved, 10)
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    assert command.run("checkpoint", "verify", saved).returncode == 0, "the newest is another one"
    assert command.run("checkpoint", "verify", saved, 10, "--quick").returncode == 0
    done = command.run("checkpoint", "verify", saved, 10)
    assert done.returncode == 1
    assert part.name in done.stdout
    reports = json.loads(command.run("checkpoint", "verify", saved, "--all", "--json").stdout)
    assert [report["ok"] for report in reports] == [True, False, True]
    assert part.name in reports[1]["problems"][0]


def test_gc(command: Command, saved: Path) -> None:
    done = command.run("checkpoint", "gc", saved, "--keep-last", 1, "--keep-best", 1, "--best-by", "loss", "--dry-run")
    assert done.returncode == 0
    assert all("(dry run)" in line for line in done.stdout.splitlines())
    assert len(list(saved.glob("gen/*/MANIFEST.json"))) == 3
    result = json.loads(command.run("checkpoint", "gc", saved, "--keep-last", 2, "--json").stdout)
    assert [name[:12] for name in result["removed"]] == [f"{5:012d}"]
    assert sorted(int(path.parent.name[:12]) for path in saved.glob("gen/*/MANIFEST.json")) == [10, 15]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["ls", "/nowhere/at/all"], 3),
        (["ls", "{empty}"], 3),
        (["inspect", "{empty}"], 3),
        (["verify", "{empty}"], 3),
        (["verify", "{empty}", "--all"], 3),
        (["gc", "{empty}"], 0),
        (["inspect", "{saved}", "99"], 3),
        (["inspect", "{saved}", "../x"], 3),
        (["ls", "nonsense://x"], 2),
        (["gc", "{saved}", "--keep-last", "0"], 2),
        (["gc", "{saved}", "--keep-best", "1"], 2),
        (["ls"], 2),
    ],
)
def test_exit_codes(saved: Path, tmp_path: Path, arguments: list[str], code: int) -> None:
    """As the command line documents them; looking makes no folder."""
    empty = tmp_path / "empty"
    empty.mkdir()
    done = CliRunner().invoke(app, ["checkpoint", *(text.format(empty=empty, saved=saved) for text in arguments)])
    assert done.exit_code == code, done.output
    assert not Path("/nowhere").exists()
    assert list(empty.iterdir()) == []


def test_a_newer_version_is_told(command: Command, saved: Path) -> None:
    path = next(saved.glob(f"gen/{15:012d}-*/MANIFEST.json"))
    path.write_text(path.read_text().replace('"version":1', '"version":9'))
    done = command.run("checkpoint", "ls", saved)
    assert done.returncode == 1
    assert "version 9" in done.stderr


INTERRUPTED = """
import os, signal, sys
from remote_store.backends.local.files import LocalFiles
from remote_store.cli import main

real = LocalFiles.read_into

def read_into(self, path, *rest):
    if "part-" in path:
        os.kill(os.getpid(), signal.SIGINT)
    return real(self, path, *rest)

signal.signal(signal.SIGINT, signal.default_int_handler)
LocalFiles.read_into = read_into
main(["checkpoint", "verify", sys.argv[1], "--all"])
"""


def test_ctrl_c_is_clean(command: Command, saved: Path) -> None:
    """130 and one line; no traceback."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(saved)], env=command.environ, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


def test_it_reads_stores_by_url(command: Command, bucket: object) -> None:
    """The same on S3, with the credentials of the environment."""
    from remote_store import Store
    from remote_store.backends.s3.sync import S3Backend

    options = bucket.options  # type: ignore[attr-defined]
    with Store(S3Backend(**options)) as store, CheckpointManager(store, "deep/run") as manager:
        manager.save({"a": 1}, step=1)
    command.environ |= {
        "AWS_ACCESS_KEY_ID": options["key"],
        "AWS_SECRET_ACCESS_KEY": options["secret"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    url = f"s3://{options['bucket']}/deep/run?endpoint={options['endpoint_url']}&region=us-east-1"
    done = command.run("checkpoint", "verify", url)
    assert (done.returncode, "whole" in done.stdout) == (0, True), done.stderr
