"""Opening stores by URL, by path, by profile."""

from __future__ import annotations

import logging
import os
import pickle
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from remote_store import InvalidConfig, InvalidPath, Secret, open_store, register_backend
from remote_store._store import opening, plugins, settings
from remote_store._store.opening import explain_store
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend, AsyncStore, open_async_store
from remote_store.backends import LocalBackend, MemoryBackend


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No types, memories, variables or warnings of another test, and a folder of one's own to be in."""
    monkeypatch.setattr(plugins, "_registered", {})
    monkeypatch.setattr(opening, "_memories", {})
    monkeypatch.setattr(settings, "_warned", set())
    for name in [name for name in os.environ if name.startswith("REMOTE_STORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


class Remote(MemoryBackend):
    """A stand-in for a service, with options of every simple type."""

    schemes = ("remote",)

    def __init__(
        self,
        *,
        host: str = "",
        region: str | None = None,
        port: int | None = None,
        wait: float = 1.5,
        anon: bool = False,
        password: str | Secret | None = None,
        shape: dict[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.told = {"host": host, "region": region, "port": port, "wait": wait, "anon": anon, "shape": shape}
        self.password = password
        self.closed = 0

    def close(self, timeout: float | None = 30.0) -> None:
        self.closed += 1
        super().close(timeout)


@pytest.fixture
def remote() -> None:
    register_backend("remote", Remote)


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write the configuration file and point the environment to it."""

    def written(text: str, mode: int = 0o600) -> Path:
        path = tmp_path / "stores.toml"
        path.write_text(text)
        path.chmod(mode)
        monkeypatch.setenv("REMOTE_STORE_CONFIG", str(path))
        return path

    return written


PROFILES = """
[backends.far]
type = "remote"
options = {region = "eu", anon = true, port = "${PORT:-22}"}

[stores.prod]
backend = "far"
root_path = "data"
options = {wait = 2.5}

[stores.test]
backend = "far"
"""

# Local folders


@pytest.mark.parametrize("form", ["{}", "file://{}", "file:{}", "file://localhost{}", Path])
def test_a_folder_opens_by_path_and_by_url(tmp_path: Path, form: Any) -> None:
    """Issue 3: `file:` and a bare path; the folder is made."""
    folder = tmp_path / "new" / "folder"
    with open_store(form.format(folder) if isinstance(form, str) else form(folder)) as store:
        assert type(store._backend) is LocalBackend
        store.write("a.txt", b"1")
    assert (folder / "a.txt").read_bytes() == b"1"


def test_a_relative_path_is_found_from_the_current_folder_once(tmp_path: Path) -> None:
    """Changing the folder later does not move the store."""
    (tmp_path / "elsewhere").mkdir()
    with open_store("data") as store:
        os.chdir(tmp_path / "elsewhere")
        store.write("a.txt", b"1")
    assert (tmp_path / "data" / "a.txt").exists()


def test_names_in_a_url_are_decoded_and_names_in_a_path_are_not(tmp_path: Path) -> None:
    """`%20` is a blank in a URL and three characters in a path."""
    open_store(f"file://{tmp_path}/a%20b").close()
    open_store(f"{tmp_path}/c%20d").close()
    assert {path.name for path in tmp_path.iterdir()} == {"a b", "c%20d"}


@pytest.mark.parametrize("path", ["~", "~/data", "~root/data", Path("~/data")])
def test_a_tilde_is_refused_rather_than_made_a_folder(tmp_path: Path, path: str | Path) -> None:
    """RELIABILITY: nobody wants a folder named `~`; who does writes `./~`."""
    with pytest.raises(InvalidConfig, match=r"expanduser.*\./~"):
        open_store(path)
    assert not list(tmp_path.iterdir())
    open_store("./~").close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["~"]


@pytest.mark.anyio
async def test_an_async_store_opens_by_the_same_names(tmp_path: Path) -> None:
    """CONVENTIONS: the same on both faces."""
    async with open_async_store("data") as store:
        assert isinstance(store, AsyncStore)
        await store.write("a.txt", b"1")
    assert (tmp_path / "data" / "a.txt").read_bytes() == b"1"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("off", False), ("No", False)])
def test_an_option_of_a_url_becomes_what_the_constructor_takes(tmp_path: Path, text: str, value: bool) -> None:
    """CONVENTIONS: options as query."""
    store = open_async_store(f"file://{tmp_path}?fsync={text}")
    # Backends pickle by their constructor's arguments.
    assert pickle.dumps(store._backend) == pickle.dumps(AsyncLocalBackend(str(tmp_path), fsync=value))


# Memory


def test_a_nameless_memory_is_one_s_own() -> None:
    """`memory:` gives a fresh tree each time."""
    with open_store("memory:") as one, open_store("memory://") as other:
        one.write("a", b"1")
        assert not other.exists("a")


def test_a_named_memory_is_shared_in_the_process() -> None:
    """DECISIONS 21: one table; the content outlives the stores."""
    with open_store("memory://scratch") as store:
        store.write("a", b"1")
    with open_store("memory://scratch") as again, open_store("memory://other") as other:
        assert again.read_bytes("a") == b"1"
        assert not other.exists("a")


@pytest.mark.anyio
async def test_a_named_memory_is_shared_by_both_faces() -> None:
    """DECISIONS 21: in both directions, without a hop through a thread."""
    async with open_async_store("memory://scratch") as store:
        assert isinstance(store._backend, AsyncMemoryBackend)
        await store.write("a", b"1")
        with open_store("memory://scratch") as other:
            assert other.read_bytes("a") == b"1"
            other.write("b", b"2")
        assert await store.read_bytes("b") == b"2"


def test_threads_that_open_one_name_at_once_share_it() -> None:
    """One process-wide table: nobody writes into a tree that was lost in a race."""
    ready = threading.Barrier(16)

    def put(number: int) -> None:
        ready.wait()
        with open_store("memory://scratch") as store:
            store.write(str(number), b"")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(16)))
    with open_store("memory://scratch") as store:
        assert {info.name for info in store.list_files("")} == {str(number) for number in range(16)}


def test_what_follows_the_name_is_the_folder() -> None:
    """CONVENTIONS: a key in the URL is where the store is rooted."""
    with open_store("memory://scratch/a/b") as store, open_store("memory://scratch") as whole:
        store.write("c", b"1")
        assert whole.read_bytes("a/b/c") == b"1"
        assert repr(store) == "Store(backend='memory', root_path='a/b')"


def test_a_root_path_lies_below_the_url_s_folder() -> None:
    """An argument can't lead out of what the URL names."""
    with open_store("memory://scratch/a", root_path="b/c") as store:
        assert store._root == "a/b/c"
    with pytest.raises(InvalidPath):
        open_store("memory://scratch/a", root_path="../b")


# Options


def test_options_are_converted_by_the_constructor_s_annotations(remote: None) -> None:
    """CONVENTIONS: bool, int, float and text; other parameters get the text as it is."""
    with open_store("remote:///x?region=eu&port=8&wait=0.5&anon=on") as store:
        assert store._backend.told == {
            "host": "", "region": "eu", "port": 8, "wait": 0.5, "anon": True, "shape": None
        }  # fmt: skip


def test_arguments_win_over_the_url_s_options(remote: None) -> None:
    """CONVENTIONS: the explicit argument comes first; it keeps its type."""
    with open_store("remote://h:9/x?region=eu&wait=1", region="us", shape={"a": 1}) as store:
        assert store._backend.told["region"] == "us"
        assert store._backend.told["shape"] == {"a": 1}
        assert (store._backend.told["host"], store._backend.told["port"]) == ("h", 9)


def test_the_store_owns_its_backend(remote: None) -> None:
    """Leaving the block closes it."""
    with open_store("remote:///x") as store:
        backend = store._backend
    assert backend.closed == 1


BAD: list[Any] = [
    ("memroy://x", "Unknown URL scheme 'memroy'. Did you mean 'memory'? "),
    ("gopher://x/y", "entry-point group 'remote_store.backends'"),
    ("s3://bucket/key?region_nmae=eu", "Unknown option 'region_nmae'. Did you mean 'region_name'?"),
    ("s3://bucket/key?endpoint=http://u:p@host", "user or password"),
    ("az://container/key?acount=me", "Unknown option 'acount'. Did you mean 'account_url'?"),
    ("abfss://cont@account.dfs.core.windows.net/p?account_url=https://other", "what the URL itself says"),
    ("sftp://me@host/p?timeuot=3", "Unknown option 'timeuot'. Did you mean 'timeout'?"),
    ("s3:///key", "bucket"),
    ("s3://", "bucket"),
    ("sftp://me:hunter2@host/p", "password"),
    ("sftp://host:0/p", "port"),
    ("file://otherhost/x", "three slashes"),
    ("file:///x?fsink=1", "Unknown option 'fsink'. Did you mean 'fsync'?"),
    ("file:///x?fsync=perhaps", "option 'fsync' must be true or false"),
    ("file:///x?root=/etc", "'root' is what the URL itself says"),
    ("memory://x?size=1", "Unknown option 'size'"),
    ("remote:///x?port=eighty", "option 'port' must be a whole number"),
    ("remote:///x?wait=nan", "option 'wait' must be a finite number"),
    ("remote:///x?regoin=eu", "Did you mean 'region'?"),
    ("remote:///x?password=hunter2", "secret"),
    ("remote://me@host/x", "Unknown option 'username'"),
    ("", "empty"),
    ("file:///x#y", "fragment"),
    ("memory://x\n", "control character"),
    ("profile:nowhere", "Unknown profile 'nowhere'"),
]


@pytest.mark.parametrize(("url", "message"), BAD)
@pytest.mark.parametrize("opened", [open_store, open_async_store])
def test_a_url_that_cannot_be_used_is_an_invalid_config(
    remote: None, tmp_path: Path, opened: Callable[[str], Any], url: str, message: str
) -> None:
    """RELIABILITY, config and URLs: a ValueError that tells what to do, nothing made, no secret repeated."""
    with pytest.raises(InvalidConfig) as raised:
        opened(url)
    assert isinstance(raised.value, ValueError)
    assert message in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert not list(tmp_path.iterdir())
    assert opening._memories == {}


@pytest.mark.parametrize("url", [3, b"memory:", ["a"]])
def test_a_url_of_another_type_is_a_type_error(url: object) -> None:
    with pytest.raises(TypeError):
        open_store(url)


# Profiles


def test_a_profile_opens_by_argument_by_url_and_by_variable(
    remote: None, config_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONVENTIONS: REMOTE_STORE_CONFIG names the file, REMOTE_STORE_PROFILE the profile."""
    config_file(PROFILES)
    told = {"host": "", "region": "eu", "port": 22, "wait": 2.5, "anon": True, "shape": None}
    monkeypatch.setenv("REMOTE_STORE_PROFILE", "prod")
    for store in (open_store(profile="prod"), open_store("profile:prod"), open_store()):
        with store:
            assert store._backend.told == told
            assert store._root == "data"
    with open_store(profile="test") as store:
        assert store._backend.told["wait"] == 1.5
    with open_store("profile:prod/sub") as store:
        assert store._root == "data/sub"


def test_an_argument_wins_over_a_variable_and_that_over_the_file(
    remote: None, config_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONVENTIONS: explicit, environment, profile, default, in that order; each is told."""
    config_file(PROFILES)
    monkeypatch.setenv("PORT", "99")
    monkeypatch.setenv("REMOTE_STORE_PROD_WAIT", "7")
    monkeypatch.setenv("REMOTE_STORE_PROD_REGION", "us")
    monkeypatch.setenv("REMOTE_STORE_PROD_PASSWORD", "hunter2")
    lines = explain_store(profile="prod", region="ap")
    assert "region = 'ap' (argument: region)" in lines
    assert "wait = '7' (environment: REMOTE_STORE_PROD_WAIT)" in lines
    assert "anon = True (profile: backends.far.options.anon)" in lines
    assert "host = '' (default: remote)" in lines
    assert "password = *** (environment: REMOTE_STORE_PROD_PASSWORD)" in lines
    with open_store(profile="prod", region="ap") as store:
        assert store._backend.told == {
            "host": "", "region": "ap", "port": 99, "wait": 7.0, "anon": True, "shape": None
        }  # fmt: skip
        assert store._backend.password == Secret("hunter2")


def test_the_log_tells_which_won_without_secrets(
    remote: None, config_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """CONVENTIONS: `--debug` prints which won; CONTRACT 146: never a secret."""
    config_file(PROFILES)
    monkeypatch.setenv("REMOTE_STORE_PROD_PASSWORD", "hunter2")
    with caplog.at_level(logging.DEBUG, logger="remote_store"), open_store(profile="prod"):
        assert "password = *** (environment: REMOTE_STORE_PROD_PASSWORD)" in caplog.text
    assert "hunter2" not in caplog.text


def test_secrets_inside_an_option_are_masked_too(remote: None) -> None:
    """SDK options hold secrets as plain texts, somewhere inside."""
    lines = "".join(explain_store("remote:///x", shape={"secret_key": "hunter2"}, region="https://me:hunter2@host/"))
    assert "secret_key" in lines
    assert "hunter2" not in lines


def test_variables_alone_make_a_profile(remote: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONVENTIONS: as RCLONE_CONFIG_<remote>_<option>."""
    monkeypatch.setenv("REMOTE_STORE_MINE_TYPE", "remote")
    monkeypatch.setenv("REMOTE_STORE_MINE_ROOT_PATH", "a/b")
    monkeypatch.setenv("REMOTE_STORE_MINE_ANON", "yes")
    with open_store(profile="mine") as store:
        assert store._backend.told["anon"] is True
        assert store._root == "a/b"


def test_a_url_is_not_changed_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """REMOTE_STORE_PROFILE stands in for a URL, it does not compete with one."""
    monkeypatch.setenv("REMOTE_STORE_PROFILE", "prod")
    with open_store("memory:") as store:
        assert store._backend.name == "memory"


@pytest.mark.anyio
async def test_a_profile_opens_async_too(config_file: Callable[..., Path], tmp_path: Path) -> None:
    """The same on both faces."""
    config_file('[backends.d]\ntype = "local"\noptions = {root = "there"}\n[stores.p]\nbackend = "d"\n')
    async with open_async_store(profile="p") as store:
        await store.write("a", b"1")
    assert (tmp_path / "there" / "a").exists()


BAD_PROFILES: list[Any] = [
    ({"profile": "prood"}, {}, "Unknown profile 'prood'. Did you mean 'prod'?"),
    ({}, {}, "REMOTE_STORE_PROFILE"),
    ({"url": "memory:", "profile": "prod"}, {}, "write one of them"),
    ({"url": "profile:prod", "profile": "prod"}, {}, "write one of them"),
    ({"profile": "prod", "regoin": "x"}, {}, "Did you mean 'region'?"),
    ({"profile": "prod"}, {"REMOTE_STORE_PROD_REGOIN": "x"}, "REMOTE_STORE_PROD_REGOIN: "),
    ({"profile": "prod"}, {"REMOTE_STORE_PROD_PORT": "x"}, "'port' must be a whole number"),
    ({"profile": "prod"}, {"REMOTE_STORE_PROD_TYPE": "remot"}, "Unknown backend type 'remot'. Did you mean 'remote'?"),
    ({"profile": "mine"}, {"REMOTE_STORE_MINE_REGION": "x"}, "has no type"),
    ({"profile": "prod"}, {"REMOTE_STORE_CONFIG": "/no/such/file"}, "'/no/such/file', which REMOTE_STORE_CONFIG names"),
    ({"profile": "prod"}, {"REMOTE_STORE_CONFIG": "/"}, "can't be read"),
]


@pytest.mark.parametrize(("arguments", "variables", "message"), BAD_PROFILES)
def test_a_profile_that_cannot_be_used_is_an_invalid_config(
    remote: None,
    config_file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    variables: dict[str, str],
    message: str,
) -> None:
    """Issue 3, "What bad input gets": an unknown profile or option, with the nearest name and its place."""
    config_file(PROFILES)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidConfig) as raised:
        open_store(**arguments)
    assert message in str(raised.value)


def test_a_file_that_is_no_toml_is_an_invalid_config(config_file: Callable[..., Path]) -> None:
    """RELIABILITY: duplicate keys, garbage and other encodings, with the file's name."""
    for text in ("[a]\n[a]\n", "x = ", "\x00"):
        path = config_file(text)
        with pytest.raises(InvalidConfig, match="no valid TOML") as raised:
            open_store(profile="p")
        assert str(path) in str(raised.value)


# Secrets in files that everyone can read

SECRETS = '[backends.far]\ntype = "remote"\noptions = {password = "hunter2"}\n[stores.p]\nbackend = "far"\n'


def test_a_world_readable_file_with_secrets_warns_once_at_the_caller_s_line(
    remote: None, config_file: Callable[..., Path]
) -> None:
    """RELIABILITY: a UserWarning; the store opens."""
    config_file(SECRETS, mode=0o644)
    with pytest.warns(UserWarning, match="chmod 600") as caught:
        open_store(profile="p").close()
    assert [warning.filename for warning in caught] == [__file__]
    assert "hunter2" not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_store(profile="p").close()


@pytest.mark.parametrize(
    ("text", "mode"), [(SECRETS, 0o600), (SECRETS, 0o640), (SECRETS.replace("hunter2", "${PW:-x}"), 0o644)]
)
def test_a_private_file_or_one_without_secrets_does_not_warn(
    remote: None, config_file: Callable[..., Path], text: str, mode: int
) -> None:
    """References such as `${PW}` are no secrets."""
    config_file(text, mode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_store(profile="p").close()
