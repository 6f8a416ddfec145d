"""Issue 10, CONVENTIONS "Command line": ls, cat, cp, mv, rm, du, head, sync, check, presign, on disks and servers."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from remote_store import open_store
from remote_store.cli.app import app
from remote_store.cli.places import Places, printable
from tests.cli.command import Command

FILES = {"a.txt": b"a", "d/b.csv": b"bb", "d/e/c.bin": bytes(range(256)) * 5000}


class Shell:
    """The command in this process, with a target `base` on some disk or server, in an empty folder as the current one."""

    def __init__(self, base: str, env: dict[str, str]) -> None:
        self.base = base
        self.env = env
        self.runner = CliRunner()

    def __call__(self, *arguments: object, code: int = 0, data: bytes | None = None) -> Any:
        result = self.runner.invoke(app, [str(argument) for argument in arguments], input=data, env=self.env)
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result

    def lines(self, *arguments: object, code: int = 0) -> list[str]:
        return sorted(self(*arguments, code=code).stdout.splitlines())

    def jsons(self, *arguments: object, code: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments, code=code).stdout.splitlines()]


@pytest.fixture(params=["local", "s3", "sftp"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command against a folder of each kind: secrets come from the environment or a profile, never from a URL."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("COLUMNS", "200")
    if request.param == "local":
        return Shell(str(tmp_path / "target"), {})
    if request.param == "s3":
        bucket = request.getfixturevalue("bucket")
        env = {"AWS_ACCESS_KEY_ID": bucket.server.key, "AWS_SECRET_ACCESS_KEY": bucket.server.secret}
        env |= {"AWS_ENDPOINT_URL": bucket.server.endpoint, "AWS_REGION": "us-east-1"}
        return Shell(f"s3://{bucket.name}/target", env)
    options = request.getfixturevalue("shelf").options
    told = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    config = tmp_path / "config.toml"
    config.write_text(
        "\n".join(
            ['[backends.disk]\ntype = "sftp"\n[backends.disk.options]', *lines, '[stores.shelf]\nbackend = "disk"']
        )
    )
    config.chmod(0o600)
    return Shell("profile:shelf/target", {"REMOTE_STORE_CONFIG": str(config)})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for key, content in FILES.items():
        path = tmp_path / "work" / "source" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Path("source")


def test_a_tree_goes_there_and_back(shell: Shell, source: Path) -> None:
    """CONVENTIONS: URLs and local paths alike."""
    assert shell.lines("cp", "-r", source, shell.base) == ["3 copied, 1.2 MiB"]
    assert shell.lines("ls", "-r", shell.base) == sorted(FILES)
    assert shell.lines("ls", shell.base) == ["a.txt", "d/"]
    assert shell.lines("check", "--download", source, shell.base) == ["3 equal"]
    shell("cp", "-r", shell.base, "back")
    assert {key: Path("back", key).read_bytes() for key in FILES} == FILES
    assert shell.lines("cp", "-r", source, shell.base) == ["3 skipped"]


def test_single_files_and_standard_streams(shell: Shell, source: Path) -> None:
    """CONVENTIONS: `-` is stdin or stdout; a target that is a folder takes the name."""
    shell("cp", source / "a.txt", f"{shell.base}/named.txt")
    shell("cp", source / "a.txt", f"{shell.base}/")
    shell("cp", "-", f"{shell.base}/piped", data=b"\0from stdin\xff")
    assert shell.lines("ls", shell.base) == ["a.txt", "named.txt", "piped"]
    assert shell("cat", f"{shell.base}/piped", f"{shell.base}/a.txt").stdout_bytes == b"\0from stdin\xffa"
    assert shell("cp", f"{shell.base}/piped", "-").stdout_bytes == b"\0from stdin\xff"
    shell("cp", f"{shell.base}/piped", ".")
    assert Path("piped").read_bytes() == b"\0from stdin\xff"
    shell("cp", "-n", source / "a.txt", f"{shell.base}/named.txt", code=1)


def test_quoted_patterns_and_filters(shell: Shell, source: Path) -> None:
    """CONVENTIONS: globs on the remote side, --include and --exclude."""
    shell("cp", "-r", source, shell.base, "--exclude", "*.bin")
    assert shell.lines("ls", "-r", shell.base) == ["a.txt", "d/b.csv"]
    shell("cp", f"{shell.base}/**/*.csv", f"{shell.base}/a.*", "flat/")
    assert sorted(os.listdir("flat")) == ["a.txt", "b.csv"]
    assert shell.lines("ls", "-r", shell.base, "--include", "*.csv") == ["d/b.csv"]
    assert "Nothing matches" in shell("cat", f"{shell.base}/*.zip", code=3).stderr


def test_moving_deletes_the_sources(shell: Shell, source: Path) -> None:
    """CONVENTIONS: mv, on one store and across."""
    shell("mv", source / "a.txt", f"{shell.base}/a.txt")
    shell("mv", f"{shell.base}/a.txt", f"{shell.base}/b.txt")
    assert shell.lines("mv", "-r", source, f"{shell.base}/d2") == ["2 moved, 1.2 MiB"]
    assert not source.exists()
    assert shell.lines("ls", "-r", shell.base) == ["b.txt", "d2/d/b.csv", "d2/d/e/c.bin"]


def test_a_place_that_is_named_twice_is_one_place(shell: Shell, source: Path) -> None:
    """RELIABILITY, CLI: the same source and target, a source inside its target, on a server too: nothing is lost."""
    shell("cp", "-r", source, shell.base)
    for arguments in (
        ("mv", "{}/a.txt", "{}/a.txt"),
        ("mv", "{}/a.txt", "{}/"),
        ("mv", "--dry-run", "{}/a.txt", "{}/a.txt"),
        ("mv", "-r", "{}/d", "{}/d"),
        ("mv", "-r", "{}/d", "{}/d/e"),
        ("sync", "--delete", "{}/d", "{}"),
        ("sync", "--delete", "{}", "{}/d"),
    ):
        shell(*(argument.format(shell.base) for argument in arguments), code=2)
        assert shell.lines("ls", "-r", shell.base) == sorted(FILES)
    assert shell.lines("mv", f"{shell.base}/a.txt", f"{shell.base}/d/a.txt") == ["1 moved, 1 B"]


def test_a_moved_tree_replaces_what_only_looks_like_its_copy(shell: Shell, source: Path) -> None:
    """Issue 10: a source is deleted when its copy is there, and a newer file of its size need not be that."""
    Path("other").mkdir()
    Path("other/a.txt").write_bytes(b"z")
    shell("cp", "-r", "other", shell.base)
    os.utime(source / "a.txt", (1_000_000_000, 1_000_000_000))
    shell("mv", "-r", source, shell.base)
    assert shell("cat", f"{shell.base}/a.txt").stdout_bytes == b"a"
    assert not source.exists()


def test_sync_and_check(shell: Shell, source: Path) -> None:
    """CONVENTIONS: --delete, --dry-run with marked lines and totals, exit 1 on a difference."""
    shell("sync", source, shell.base)
    shell("cp", source / "a.txt", f"{shell.base}/extra")
    assert shell.lines("check", source, shell.base, code=1) == ["3 equal, 1 extra", "extra extra"]
    lines = shell.lines("sync", "--delete", "--dry-run", source, shell.base)
    assert all(line.startswith("(dry run) ") for line in lines)
    assert "(dry run) delete extra" in lines
    assert shell.lines("check", source, shell.base, code=1)[0] == "3 equal, 1 extra"
    assert shell.lines("sync", "--delete", source, shell.base) == ["3 skipped, 1 deleted"]
    shell("check", source, shell.base)
    Path("empty").mkdir()
    assert "nothing is deleted" in shell("sync", "--delete", "empty", shell.base, code=1).stderr
    shell("check", source, shell.base)


def test_removing(shell: Shell, source: Path) -> None:
    """CONVENTIONS: `rm -r` asks, or --yes."""
    shell("cp", "-r", source, shell.base)
    shell("rm", f"{shell.base}/a.txt")
    assert "-r removes folders" in shell("rm", f"{shell.base}/d", code=2).stderr
    assert "--yes" in shell("rm", "-r", f"{shell.base}/d", code=2).stderr
    assert shell.lines("rm", "-r", "--dry-run", f"{shell.base}/d")[0].startswith("(dry run)")
    assert shell.lines("ls", "-r", shell.base) == ["d/b.csv", "d/e/c.bin"]
    shell("rm", "-r", "--yes", f"{shell.base}/d")
    shell("rm", f"{shell.base}/d", code=3)


def test_json_lines(shell: Shell, source: Path) -> None:
    """CONVENTIONS: stable keys, one document a line, for every command."""
    done = shell.jsons("cp", "-r", "--json", source, shell.base)
    assert done[-1] == {
        "action": "totals",
        "dry_run": False,
        "copied": 3,
        "skipped": 0,
        "failed": 0,
        "bytes": sum(map(len, FILES.values())),
    }
    assert {line["action"] for line in done[:-1]} == {"copy"}
    listed = {line["key"]: line for line in shell.jsons("ls", "-r", "--json", shell.base)}
    assert {key: line["size"] for key, line in listed.items()} == {key: len(data) for key, data in FILES.items()}
    assert list(listed["a.txt"]) == ["key", "type", "size", "modified", "etag"]
    (total,) = shell.jsons("du", "--json", shell.base)
    assert (total["files"], total["bytes"]) == (3, sum(map(len, FILES.values())))
    (told,) = shell.jsons("head", "--json", f"{shell.base}/a.txt")
    assert (told["key"].rpartition("/")[2], told["size"]) == ("a.txt", 1)
    assert shell.jsons("check", "--json", source, shell.base)[-1]["equal"] == 3


def test_presigning(shell: Shell, source: Path) -> None:
    """CONVENTIONS: `presign --method --expires`, where the service has it."""
    if shell.base.startswith("s3:"):
        (told,) = shell.jsons("presign", f"{shell.base}/k", "--method", "put", "--expires", "60", "--json")
        assert (told["method"], "X-Amz-Expires=60" in told["url"]) == ("PUT", True)
    else:
        assert "presign" in shell("presign", f"{shell.base}/k", code=2).stderr


# Refusals


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(str(tmp_path), {})


BAD: list[tuple[int, tuple[str, ...]]] = [
    (2, ("nonsense",)),
    (2, ("cp", "only-one")),
    (2, ("cp", "-", "-")),
    (2, ("cp", "-", "a", "b")),
    (2, ("mv", "-", "b")),
    (2, ("cp", "f", "*.x")),
    (2, ("cp", "", "x")),
    (2, ("rm", "/")),
    (2, ("rm", "-r", "--yes", "/")),
    (2, ("rm", "memory://m")),
    (2, ("rm", "-r", "--yes", ".")),
    (2, ("rm", "-r", "--yes", "folder", "..")),
    (2, ("cp", "folder", "x")),
    (2, ("cp", "-r", "folder", "folder")),
    (2, ("cp", "-r", "folder", "folder/inner")),
    (2, ("sync", "folder/inner", "folder", "--delete")),
    (2, ("cp", "f", "f")),
    (2, ("ls", "s4://bucket")),
    (2, ("ls", "s3://")),
    (2, ("ls", "sftp://me:secret@host/x")),
    (2, ("ls", "a**b/*")),
    (2, ("cp", "-r", "folder", "x", "--jobs", "0")),
    (2, ("cp", "-r", "folder", "x", "--include", "a**")),
    (3, ("ls", "missing")),
    (3, ("cat", "missing")),
    (3, ("cat", "*.zip")),
    (3, ("cp", "missing", "x")),
    (3, ("rm", "missing")),
    (3, ("sync", "missing", "x")),
    (3, ("check", "missing", "folder")),
    (3, ("head", "missing")),
    (5, ("cat", "http://127.0.0.1:9/x")),
]


@pytest.mark.parametrize(("code", "arguments"), BAD, ids=[" ".join(arguments) for _, arguments in BAD])
def test_what_can_t_be_done_has_its_exit_code(here: Shell, code: int, arguments: tuple[str, ...]) -> None:
    """CONVENTIONS, exit codes; RELIABILITY, CLI: told on stderr, nothing is changed, no secret is shown."""
    Path("f").write_bytes(b"x")
    Path("folder/inner").mkdir(parents=True)
    Path("folder/inner/k").write_bytes(b"x")
    result = here(*arguments, code=code)
    assert result.stderr
    assert "secret" not in result.output
    assert sorted(str(path) for path in Path().rglob("*")) == ["f", "folder", "folder/inner", "folder/inner/k"]


def test_without_arguments_it_helps(here: Shell) -> None:
    """RELIABILITY, CLI."""
    assert "Commands" in here(code=2).output


def test_partial_failure_goes_on(here: Shell) -> None:
    """CONVENTIONS: each failure on stderr, exit 1; --fail-fast ends at the first."""
    for name in ("a", "b", "c"):
        Path(name).write_bytes(b"new")
    Path("to").mkdir()
    Path("to/b").write_bytes(b"old")
    result = here("cp", "-n", "a", "b", "c", "to", code=1)
    assert "b: File already exists" in result.stderr
    assert sorted(os.listdir("to")) == ["a", "b", "c"]
    assert Path("to/b").read_bytes() == b"old"
    for path in Path("to").iterdir():
        path.unlink()
    Path("to/a").write_bytes(b"old")
    here("cp", "-n", "--fail-fast", "a", "b", "c", "to", code=1)
    assert os.listdir("to") == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_denied(here: Shell) -> None:
    """RELIABILITY, CLI."""
    Path("secret").write_bytes(b"x")
    Path("secret").chmod(0)
    here("cat", "secret", code=4)


def test_names_are_printed_so_that_a_terminal_is_safe(here: Shell) -> None:
    """RELIABILITY, CLI: control characters and undecodable bytes are escaped; JSON escapes by itself."""
    assert printable("a\x1b[31mb\nc\udcffd é") == "a\\x1b[31mb\\nc\\udcffd é"
    Path("odd").mkdir()
    Path("odd/a\x1b[31mred\n").write_bytes(b"x")
    Path(os.fsdecode(b"odd/\xff")).write_bytes(b"x")
    assert here.lines("ls", "odd") == ["\\udcff", "a\\x1b[31mred\\n"]
    assert {line["key"] for line in here.jsons("ls", "--json", "odd")} == {"\udcff", "a\x1b[31mred\n"}


def test_a_link_is_removed_and_not_its_target(here: Shell) -> None:
    """A last name that is a link is followed for reading alone."""
    Path("real").write_bytes(b"x")
    Path("link").symlink_to("real")
    assert here("cat", "link").stdout_bytes == b"x"
    here("rm", "link")
    assert (Path("real").exists(), Path("link").is_symlink()) == (True, False)


def test_a_file_under_the_name_of_a_linked_folder_is_itself(here: Shell) -> None:
    """RELIABILITY, CLI: the same source and target by another way; a link to a file is a file of its own."""
    Path("real").mkdir()
    Path("real/f").write_bytes(b"x")
    Path("folder").symlink_to("real")
    Path("link").symlink_to("real/f")
    here("mv", "folder/f", "real/f", code=2)
    here("mv", "real/f", "folder", code=2)
    here("cp", "link", "real/f", code=2)
    assert here.lines("mv", "link", "real/f") == ["1 moved, 1 B"]
    assert (Path("real/f").read_bytes(), Path("link").is_symlink()) == (b"x", False)


def test_moving_a_folder_keeps_what_was_not_moved(here: Shell) -> None:
    """Issue 10: a link to elsewhere or to nothing, and a pipe, are in no listing: the folder stays with them, and is told."""
    for folder in ("tree/sub/links", "tree/empty/inner", "tree/pipes", "elsewhere/none"):
        Path(folder).mkdir(parents=True)
    Path("tree/f").write_bytes(b"x")
    Path("tree/sub/links/away").symlink_to(Path("elsewhere").absolute())
    Path("tree/sub/links/nowhere").symlink_to("missing")
    os.mkfifo("tree/pipes/p")
    result = here("mv", "-r", "tree", "to", code=1)
    assert result.stderr.count("\n") == 2
    assert Path("to/f").read_bytes() == b"x"
    left = sorted(str(path.relative_to("tree")) for path in Path("tree").rglob("*"))
    assert left == ["pipes", "pipes/p", "sub", "sub/links", "sub/links/away", "sub/links/nowhere"]
    assert Path("tree/sub/links/away").is_symlink()
    assert Path("elsewhere/none").is_dir()
    Path("plain/empty/inner").mkdir(parents=True)
    Path("plain/f").write_bytes(b"x")
    here("mv", "-r", "plain", "to2")
    assert not Path("plain").exists()


def test_memory_places_share_what_they_name(here: Shell) -> None:
    """Issue 3: `memory://name`."""
    with open_store("memory://cli-test") as store:
        store.write("d/k", b"data")
    assert here("cat", "memory://cli-test/d/k").stdout_bytes == b"data"
    assert here.lines("ls", "memory://cli-test") == ["d/"]


def test_places_split_addresses_at_the_last_name(tmp_path: Path) -> None:
    """A URL whose path is the backend's root has the file's name as its key."""
    with Places() as places:
        place = places.open("http://host:81/a/b%20c.txt")
        assert (place.key, place.store.native_path(place.key)) == ("b c.txt", "http://host:81/a/b%20c.txt")
        assert places.open("http://host/").is_root
        assert places.open("s3://bucket/a/b/?endpoint=http://127.0.0.1:9").key == "a/b"


def test_settings_are_told_on_demand() -> None:
    """CONVENTIONS: `--debug`."""
    run = subprocess.run(
        [sys.executable, "-m", "remote_store.cli", "--debug", "ls", "memory:"],
        capture_output=True, text=True, timeout=60, env={**os.environ},
    )  # fmt: skip
    assert "type = 'memory'" in run.stderr


# In a pipe, on a terminal, interrupted


def test_a_broken_pipe_ends_quietly(command: Command, tmp_path: Path) -> None:
    """RELIABILITY, CLI."""
    (tmp_path / "big").write_bytes(bytes(64 * 1024 * 1024))
    process = command.start("cat", tmp_path / "big")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ls {0} >&-", "standard output is closed"),
        ("cp {0}/f {0}/g >&-", "standard output is closed"),
        ("cp - {0}/g <&-", "standard input is closed"),
        ("cat - <&-", "standard input is closed"),
        ("ls {0} >/dev/full", "No space left on device"),
    ],
)
def test_closed_standard_streams_are_told(command: Command, tmp_path: Path, line: str, told: str) -> None:
    """RELIABILITY, CLI: one line and exit 1, no traceback; nothing is made."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "f").write_bytes(b"x")
    script = f'"$0" -m remote_store.cli {line.format(work)}'
    run = subprocess.run(
        ["sh", "-c", script, sys.executable], env=command.environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.startswith("remote-store: ")
    assert told in run.stderr
    assert run.stderr.count("\n") == 1
    assert os.listdir(work) == ["f"]


def test_errors_are_printed_so_that_a_terminal_is_safe(here: Shell) -> None:
    """RELIABILITY, CLI: names in errors too, which a server may have chosen."""
    assert "no\\x1b]0;file" in here("cat", "no\x1b]0;file", code=3).stderr


def test_progress_is_shown_on_a_terminal_alone(command: Command, tmp_path: Path) -> None:
    """CONVENTIONS: bytes and rate on a terminal, nothing in a pipe."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "k").write_bytes(bytes(3 * 1024 * 1024))
    piped = command.run("cp", "-r", tmp_path / "s", tmp_path / "t1")
    assert (piped.returncode, piped.stderr) == (0, "")
    shown = on_a_terminal([*command.argv, "cp", "-r", str(tmp_path / "s"), str(tmp_path / "t2")], command.environ)
    assert b"MB" in shown
    assert b"1 copied" in shown


def on_a_terminal(argv: list[str], environ: dict[str, str]) -> bytes:
    """What a command shows on a terminal of its own."""
    parent, child = pty.openpty()
    process = subprocess.Popen(argv, env=environ, stdin=child, stdout=child, stderr=child, close_fds=True)
    os.close(child)
    shown = b""
    try:
        while piece := os.read(parent, 65536):
            shown += piece
    except OSError:  # Linux: the last process on the terminal has gone
        pass
    finally:
        os.close(parent)
    assert process.wait(60) == 0, shown
    return shown


def test_ctrl_c_leaves_nothing_half_written(command: Command, tmp_path: Path) -> None:
    """CONVENTIONS: exit 130; the file that was under way is not there."""
    target = tmp_path / "target"
    target.mkdir()
    process = subprocess.Popen(
        [*command.argv, "cp", "-", str(target / "k")],
        env=command.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(bytes(4 * 1024 * 1024))  # a pipe holds 64 KiB: the rest has been read when this returns
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, b"Interrupted.\n")
    assert list(target.iterdir()) == []


def test_completion_is_offered(command: Command) -> None:
    """CONVENTIONS: shell completion."""
    run = subprocess.run(
        [*command.argv],
        env={**command.environ, "_REMOTE_STORE_COMPLETE": "complete_bash", "COMP_WORDS": "remote-store s", "COMP_CWORD": "1"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.stdout.split() == ["sync"]
