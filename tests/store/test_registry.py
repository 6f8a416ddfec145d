"""The registry: stores by name over shared backends."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remote_store import BackendConfig, Registry, RegistryConfig, RetryPolicy, Store, StoreProfile, register_backend
from remote_store._store import plugins
from remote_store.aio import AsyncMemoryBackend, AsyncRegistry, AsyncStore
from remote_store.backends import LocalBackend, MemoryBackend


@pytest.fixture(autouse=True)
def no_registered_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(plugins, "_registered", {})


def config_of(*backends: str, **stores: str) -> RegistryConfig:
    """A configuration with a backend of each type, named as its type; stores are written name=backend."""
    return RegistryConfig(
        backends={name: BackendConfig(type=name) for name in backends},
        stores={name: StoreProfile(backend=backend) for name, backend in stores.items()},
    )


class Recorder(MemoryBackend):
    """A backend that says what happened to it."""

    made: list[Recorder]
    closed: list[Recorder]

    def __init__(self, *, limit: int = 0, retry: RetryPolicy | None = None) -> None:
        super().__init__()
        self.limit, self.retry = limit, retry
        self.made.append(self)

    def close(self, timeout: float | None = 30.0) -> None:
        self.closed.append(self)
        super().close(timeout)


@pytest.fixture
def recorder() -> type[Recorder]:
    cls = type("Recorder", (Recorder,), {"made": [], "closed": []})
    register_backend("recorder", cls)
    return cls


# Getting stores


def test_a_store_is_its_backend_at_the_profile_s_root(tmp_path: Path) -> None:
    """CONTRACT 119: type, options and root_path of the configuration."""
    config = RegistryConfig(
        backends={"disk": BackendConfig(type="local", options={"root": str(tmp_path)})},
        stores={"reports": StoreProfile(backend="disk", root_path="reports")},
    )
    with Registry(config) as registry:
        store = registry.get_store("reports")
        store.write("a.txt", b"1")
    assert repr(store) == "Store(backend='local', root_path='reports')"
    assert (tmp_path / "reports" / "a.txt").read_bytes() == b"1"


def test_backends_are_built_when_needed_once_and_shared(recorder: type[Recorder]) -> None:
    """CONTRACT 119: lazily, once, shared by all stores over it."""
    with Registry(config_of("recorder", a="recorder", b="recorder")) as registry:
        assert not recorder.made
        assert registry.get_store("a") == registry.get_store("a") == registry.get_store("b")
        assert len(recorder.made) == 1


def test_two_backends_of_one_type_are_two(recorder: type[Recorder]) -> None:
    """Backends are shared by their name in the configuration, not by type."""
    config = RegistryConfig(
        backends={name: BackendConfig(type="recorder") for name in ("x", "y")},
        stores={name: StoreProfile(backend=name) for name in ("x", "y")},
    )
    with Registry(config) as registry:
        assert registry.get_store("x") != registry.get_store("y")


def test_a_store_with_options_of_its_own_has_a_backend_of_its_own(recorder: type[Recorder]) -> None:
    """Options of a store go over its backend's, and must not leak into its neighbours'."""
    config = RegistryConfig(
        backends={"b": BackendConfig(type="recorder", options={"limit": 1})},
        stores={"plain": StoreProfile(backend="b"), "special": StoreProfile(backend="b", options={"limit": 2})},
    )
    with Registry(config) as registry:
        assert registry.get_store("plain")._backend.limit == 1
        assert registry.get_store("special")._backend.limit == 2
        assert registry.get_store("special") == registry.get_store("special")
    assert len(recorder.closed) == 2


def test_many_threads_get_one_backend(recorder: type[Recorder]) -> None:
    """Issue 3: shared lazily built backends, also when all ask at once."""
    registry = Registry(config_of("recorder", a="recorder"))
    ready = threading.Barrier(16)

    def get() -> None:
        ready.wait()
        registry.get_store("a")

    threads = [threading.Thread(target=get) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recorder.made) == 1
    registry.close()


def test_retry_is_passed_only_if_set(recorder: type[Recorder], tmp_path: Path) -> None:
    """CONTRACT 119: `LocalBackend` takes no `retry`, and must not be given None."""
    policy = RetryPolicy(max_attempts=7)
    stores = {"a": StoreProfile(backend="a"), "b": StoreProfile(backend="b")}
    backends = {
        "a": BackendConfig(type="recorder", retry=policy),
        "b": BackendConfig(type="local", options={"root": str(tmp_path)}),
    }
    with Registry(RegistryConfig(backends=backends, stores=stores)) as registry:
        assert registry.get_store("a")._backend.retry is policy
        registry.get_store("b").write("x", b"")


def test_texts_for_numbers_and_truth_values_are_converted(recorder: type[Recorder]) -> None:
    """`${LIMIT}` in a configuration file can only give a text."""
    config = RegistryConfig(
        backends={"b": BackendConfig(type="recorder", options={"limit": "12"})}, stores={"s": StoreProfile(backend="b")}
    )
    with Registry(config) as registry:
        assert registry.get_store("s")._backend.limit == 12


# Bad configurations

BAD: list[Any] = [
    pytest.param(
        BackendConfig(type="lokal"),
        r"Unknown backend type 'lokal'\. Did you mean 'local'\? Registered types",
        id="type",
    ),
    pytest.param(
        BackendConfig(type="s3-pyarrow", options={"bucket": "b"}),
        "Unknown backend type 's3-pyarrow'",
        id="missing-extra",
    ),
    pytest.param(
        BackendConfig(type="local", options={"rooot": "x"}),
        r"Invalid options for backend type 'local'.*'rooot'\. Did you mean 'root'\?",
        id="misspelt-option",
    ),
    pytest.param(BackendConfig(type="local"), "Invalid options for backend type 'local'.*root", id="missing-option"),
    pytest.param(BackendConfig(type="local", options={"root": 3}), "Invalid options", id="option-of-wrong-type"),
    pytest.param(
        BackendConfig(type="memory", retry=RetryPolicy()),
        "Invalid options for backend type 'memory'.*'retry'",
        id="retry",
    ),
]


@pytest.mark.parametrize(("backend", "message"), BAD)
@pytest.mark.parametrize("kind", [Registry, AsyncRegistry])
def test_a_backend_that_cannot_be_made_is_a_value_error(
    kind: Callable[[RegistryConfig], Any], backend: BackendConfig, message: str
) -> None:
    """CONTRACT 119: "Unknown backend type" with "Registered types", "Invalid options", the nearest name."""
    config = RegistryConfig(backends={"b": backend}, stores={"s": StoreProfile(backend="b")})
    with pytest.raises(ValueError, match=message):
        kind(config).get_store("s")


@pytest.mark.parametrize("kind", [Registry, AsyncRegistry])
def test_an_unknown_store_is_a_key_error_with_the_ones_there_are(kind: Callable[[RegistryConfig], Any]) -> None:
    """CONTRACT 119, issue 3: the name, the available ones, the nearest."""
    registry = kind(config_of("memory", reports="memory", images="memory"))
    with pytest.raises(KeyError) as raised:
        registry.get_store("report")
    text = str(raised.value)
    assert "'report'" in text
    assert "Did you mean 'reports'?" in text
    assert "['images', 'reports']" in text


@pytest.mark.parametrize("kind", [Registry, AsyncRegistry])
def test_a_store_over_an_unknown_backend_is_refused_at_once(kind: Callable[[RegistryConfig], Any]) -> None:
    """CONTRACT 118: also at `Registry(config)`; a ValueError with both names."""
    with pytest.raises(ValueError, match=r"memroy.*memory"):
        kind(config_of("memory", a="memroy"))


def test_a_dict_is_no_configuration() -> None:
    """A TypeError that tells how to make one, not an AttributeError later."""
    with pytest.raises(TypeError, match="from_dict"):
        Registry({"backends": {}})


def test_a_constructor_s_own_error_comes_as_it_is(recorder: type[Recorder]) -> None:
    """CONTRACT 119 maps TypeError alone."""

    def refuse(**options: object) -> None:
        raise LookupError("not today")

    register_backend("refusing", refuse)
    with pytest.raises(LookupError, match="not today"):
        Registry(config_of("refusing", a="refusing")).get_store("a")


def test_a_failed_build_leaves_nothing_behind(recorder: type[Recorder]) -> None:
    """The next call tries again."""
    outcomes: list[Any] = [TypeError("not yet"), None]

    def second_time_lucky() -> MemoryBackend:
        if outcome := outcomes.pop(0):
            raise outcome
        return MemoryBackend()

    register_backend("moody", second_time_lucky)
    with Registry(config_of("moody", a="moody")) as registry:
        with pytest.raises(ValueError, match="not yet"):
            registry.get_store("a")
        assert registry.get_store("a").exists("") is True


def test_no_secret_is_shown(recorder: type[Recorder]) -> None:
    """CONTRACT 124, 146: neither in the error nor in the registry's text."""
    config = RegistryConfig(
        backends={"b": BackendConfig(type="recorder", options={"password": "hunter2"})},
        stores={"s": StoreProfile(backend="b")},
    )
    registry = Registry(config)
    with pytest.raises(ValueError, match="Invalid options") as raised:
        registry.get_store("s")
    assert "hunter2" not in f"{raised.value!r} {registry!r}"


# Closing


def test_a_store_from_a_registry_does_not_close_the_backend(recorder: type[Recorder]) -> None:
    """CONTRACT 80: neither by `close` nor by leaving its block; the registry does it."""
    with Registry(config_of("recorder", a="recorder")) as registry:
        with registry.get_store("a") as store:
            store.write("x", b"1")
        registry.get_store("a").close()
        assert not recorder.closed
        assert registry.get_store("a").read_bytes("x") == b"1"
    assert recorder.closed == recorder.made


def test_a_closed_registry_builds_anew(recorder: type[Recorder]) -> None:
    """CONTRACT 92: close forgets the backends; closing twice closes nothing twice."""
    registry = Registry(config_of("recorder", a="recorder"))
    old = registry.get_store("a")
    registry.close()
    registry.close()
    assert len(recorder.closed) == 1
    assert registry.get_store("a") != old
    registry.close()
    assert len(recorder.made) == len(recorder.closed) == 2


def failing(name: str, log: list[str]) -> type[MemoryBackend]:
    class Failing(MemoryBackend):
        def close(self, timeout: float | None = 30.0) -> None:
            log.append(name)
            super().close(timeout)
            raise OSError(f"{name} will not close")

    return Failing


def test_closing_goes_on_after_an_error_and_raises_the_first(caplog: pytest.LogCaptureFixture) -> None:
    """CONTRACT 92: every backend is closed; the first error is raised, the others are logged."""
    log: list[str] = []
    for name in ("one", "two", "three"):
        register_backend(name, failing(name, log))
    registry = Registry(config_of("one", "two", "three", one="one", two="two", three="three"))
    for name in ("one", "two", "three"):
        registry.get_store(name)
    with pytest.raises(OSError, match="one will not close"):
        registry.close()
    assert log == ["one", "two", "three"]
    assert "two will not close" in caplog.text
    assert "three will not close" in caplog.text
    registry.close()


@pytest.mark.anyio
async def test_the_async_registry_closes_what_it_made_of_both_kinds() -> None:
    """CONTRACT 92 on the async side: our own async backend, and a sync one that is wrapped."""
    log: list[str] = []

    class Native(AsyncMemoryBackend):
        async def aclose(self) -> None:
            log.append("native")

    register_backend("native", Native)
    register_backend("blocking", failing("blocking", log))
    with pytest.raises(OSError, match="blocking will not close"):
        async with AsyncRegistry(config_of("native", "blocking", a="blocking", b="native")) as registry:
            for name in ("a", "b"):
                async with registry.get_store(name) as store:
                    await store.write("x", b"1")
            assert log == []
    assert log == ["blocking", "native"]


@pytest.mark.anyio
async def test_the_async_registry_gives_async_stores(tmp_path: Path) -> None:
    """`get_store` is a plain call on both sides: it does no I/O."""
    config = RegistryConfig(
        backends={"disk": BackendConfig(type="local", options={"root": str(tmp_path)})},
        stores={"a": StoreProfile(backend="disk", root_path="sub")},
    )
    async with AsyncRegistry(config) as registry:
        store = registry.get_store("a")
        assert isinstance(store, AsyncStore)
        await store.write("x", b"1")
    assert (tmp_path / "sub" / "x").read_bytes() == b"1"


# Processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_while_a_backend_is_being_built_does_not_lock_the_child(recorder: type[Recorder]) -> None:
    """DECISIONS 18: the child has locks of its own; it builds what was not ready."""
    building, go_on = threading.Event(), threading.Event()

    def slow() -> MemoryBackend:
        building.set()
        go_on.wait(30)
        return MemoryBackend()

    register_backend("slow", slow)
    registry = Registry(config_of("slow", "recorder", a="slow", b="recorder"))
    thread = threading.Thread(target=registry.get_store, args=["a"])
    thread.start()
    assert building.wait(30)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        registry.get_store("b").write("x", b"1")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    go_on.set()
    thread.join()
    registry.close()
    assert status == 0


# As a value


def test_it_shows_its_stores_sorted() -> None:
    """CONTRACT 121."""
    config = config_of("memory", b="memory", a="memory")
    assert repr(Registry(config)) == "Registry(stores=['a', 'b'])"
    assert repr(AsyncRegistry(config)) == "AsyncRegistry(stores=['a', 'b'])"
    assert repr(Registry()) == "Registry(stores=[])"


def test_it_equals_by_configuration_and_hashes_by_identity() -> None:
    """CONTRACT 121."""
    one, same = Registry(config_of("memory", a="memory")), Registry(config_of("memory", a="memory"))
    assert one == same
    assert one != Registry(config_of("memory", b="memory"))
    assert one != "one"
    assert len({one, same}) == 2


def test_it_pickles_by_its_configuration(tmp_path: Path) -> None:
    """DESIGN 4: workers build their own backends."""
    config = RegistryConfig(
        backends={"disk": BackendConfig(type="local", options={"root": str(tmp_path)})},
        stores={"a": StoreProfile(backend="disk")},
    )
    with Registry(config) as registry:
        registry.get_store("a").write("x", b"1")
        for other in (pickle.loads(pickle.dumps(registry)), copy.copy(registry)):
            with other:
                assert isinstance(other.get_store("a"), Store)
                assert other.get_store("a").read_bytes("x") == b"1"
                assert isinstance(other.get_store("a")._backend, LocalBackend)
                assert other.get_store("a") != registry.get_store("a")
