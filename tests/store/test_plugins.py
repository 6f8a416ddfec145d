"""Finding backend types: registered ones, ours, and plug-ins of other distributions."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remote_store import InvalidConfig, Registry, RegistryConfig, Store, open_store, register_backend
from remote_store._contract._async.backend import AsyncBackend
from remote_store._contract._sync.backend import Backend
from remote_store._store import plugins
from remote_store._store.plugins import backend_class, registered_types, type_for_scheme
from remote_store.aio import AsyncMemoryBackend, AsyncRegistry, open_async_store
from remote_store.backends import LocalBackend, MemoryBackend

SHELF = """
from remote_store.backends import MemoryBackend

class Shelf(MemoryBackend):
    type_name = "shelf"
    schemes = ("shelf", "rack")

    def __init__(self, *, label: str = "", depth: int = 1) -> None:
        super().__init__()
        self.label, self.depth = label, depth
"""

Install = Callable[..., None]


@pytest.fixture(autouse=True)
def no_registered_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(plugins, "_registered", {})


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution on the path: modules with their sources, and a plug-in entry point for each name."""
    modules: list[str] = []

    def installed(distribution: str, points: dict[str, str], **sources: str) -> None:
        site = tmp_path / distribution
        facts = site / f"{distribution}-1.2.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (facts / "entry_points.txt").write_text("\n".join([f"[{plugins.GROUP}]", *lines, ""]))
        for module, source in sources.items():
            (site / f"{module}.py").write_text(textwrap.dedent(source))
            modules.append(module)
        monkeypatch.syspath_prepend(site)

    yield installed
    for module in modules:
        sys.modules.pop(module, None)


def registry_of(type_name: str, **options: object) -> Registry:
    data = {"backends": {"b": {"type": type_name, "options": options}}, "stores": {"s": {"backend": "b"}}}
    return Registry(RegistryConfig.from_dict(data))


# Ours


def test_local_and_memory_are_there_for_both_faces() -> None:
    """CONTRACT 120: the built-in type names; each face gets its own class."""
    assert backend_class("local", Backend) is LocalBackend
    assert backend_class("memory", Backend) is MemoryBackend
    assert backend_class("memory", AsyncBackend) is AsyncMemoryBackend
    assert {"local", "memory"} <= set(registered_types())


@pytest.mark.parametrize(("type_name", "extra"), [("s3-pyarrow", "arrow")])
def test_a_type_that_is_to_come_names_its_extra(type_name: str, extra: str) -> None:
    """CONTRACT 119, DESIGN 2: a ValueError for the registry, an ImportError as for any missing extra."""
    with pytest.raises(InvalidConfig, match=f"Unknown backend type '{type_name}'") as raised:
        backend_class(type_name, Backend)
    assert isinstance(raised.value, ImportError)
    assert f"pip install 'remote-store-aio[{extra}]'" in str(raised.value)
    assert "Registered types: ['azure', 'http', 'local', 'memory', 's3', 'sftp']" in str(raised.value)


def test_an_unknown_type_is_told_the_nearest_one() -> None:
    """CONTRACT 119, issue 3: the types that exist, and what was probably meant."""
    with pytest.raises(ValueError, match=r"Unknown backend type 'lokal'\. Did you mean 'local'\? Registered types"):
        backend_class("lokal", Backend)


# Registered types


def test_registering_works_before_any_registry_and_replaces_silently(tmp_path: Path) -> None:
    """CONTRACT 120: also for a name of ours, for registries and URLs alike."""

    class First(LocalBackend):
        pass

    class Second(LocalBackend):
        pass

    register_backend("local", First)
    register_backend("local", Second)
    with registry_of("local", root=str(tmp_path)) as registry:
        assert type(registry.get_store("s")._backend) is Second
    with open_store(tmp_path) as store:
        assert type(store._backend) is Second


def test_a_registered_class_serves_the_schemes_it_has() -> None:
    """CONVENTIONS: user schemes by the class attribute `schemes`; the newest class with a scheme has it."""

    class Shelf(MemoryBackend):
        schemes = ("shelf",)

    register_backend("shelf", Shelf)
    with open_store("shelf:///top") as store:
        assert isinstance(store._backend, Shelf)
        store.write("a", b"1")
        assert Store(store._backend).read_bytes("top/a") == b"1"


@pytest.mark.anyio
async def test_a_class_of_either_kind_serves_both_faces() -> None:
    """Brief of CONTRACT 6: stores wrap a backend of the other kind."""

    class Deep(AsyncMemoryBackend):
        schemes = ("deep",)

    class Flat(MemoryBackend):
        schemes = ("flat",)

    register_backend("deep", Deep)
    register_backend("flat", Flat)
    async with open_async_store("flat:///x") as store:
        await store.write("a", b"1")
        assert await store.read_bytes("a") == b"1"
    config = RegistryConfig.from_dict({"backends": {"b": {"type": "flat"}}, "stores": {"s": {"backend": "b"}}})
    async with AsyncRegistry(config) as registry:
        await registry.get_store("s").write("a", b"1")


def test_an_async_class_serves_the_sync_face() -> None:
    """The same the other way round, outside any event loop."""

    class Deep(AsyncMemoryBackend):
        pass

    register_backend("deep", Deep)
    with registry_of("deep") as registry:
        store = registry.get_store("s")
        store.write("a", b"1")
        assert store.read_bytes("a") == b"1"


@pytest.mark.parametrize(
    ("name", "cls", "error"), [(1, MemoryBackend, TypeError), ("", MemoryBackend, ValueError), ("x", "y", TypeError)]
)
def test_what_can_be_no_type_is_refused(name: object, cls: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        register_backend(name, cls)


# Plug-ins of other distributions


def test_a_plug_in_is_found_by_its_type_name_and_by_its_schemes(install: Install) -> None:
    """CONVENTIONS, DECISIONS 21: the entry point's name, `type_name` and `schemes` all lead to the class."""
    install("shelving", {"whatever": "shelf_module:Shelf"}, shelf_module=SHELF)
    assert "whatever" in registered_types()
    assert "shelf_module" not in sys.modules, "looking at names must not import a plug-in"
    with registry_of("shelf", label="x") as registry:
        assert registry.get_store("s")._backend.label == "x"
    for scheme in ("shelf", "rack", "whatever"):
        with open_store(f"{scheme}:///folder?depth=3") as store:
            assert type(store._backend).__name__ == "Shelf"
            assert store._backend.depth == 3


def test_a_host_in_the_url_goes_to_the_parameter_that_must_be_given(install: Install) -> None:
    """A plug-in names its parameters as its service does; `host` is taken first where it exists."""
    source = """
    from remote_store.backends import MemoryBackend

    class Bucket(MemoryBackend):
        type_name, schemes = "bucket", ("bkt",)

        def __init__(self, bucket: str, *, port: int = 1, anon: bool = False) -> None:
            super().__init__()
            self.told = (bucket, port, anon)
    """
    install("buckets", {"bkt": "bucket_module:Bucket"}, bucket_module=source)
    with open_store("bkt://mine:99/a/b?anon=yes") as store:
        assert store._backend.told == ("mine", 99, True)
        assert store._root == "a/b"
    with pytest.raises(InvalidConfig, match="Unknown option 'username'"):
        open_store("bkt://me@mine/a")


def test_register_backend_wins_over_a_plug_in(install: Install) -> None:
    """CONVENTIONS: the application decides."""
    install("shelving", {"shelf": "shelf_module:Shelf"}, shelf_module=SHELF)

    class Mine(MemoryBackend):
        schemes = ("shelf",)

    register_backend("shelf", Mine)
    assert backend_class("shelf", Backend) is Mine
    with open_store("shelf:///x") as store:
        assert type(store._backend) is Mine
    assert "shelf_module" not in sys.modules


def test_a_plug_in_does_not_replace_a_type_of_ours_but_may_bring_a_missing_one(install: Install) -> None:
    """Installing a package must not change what `local` means; `s3-pyarrow` has nobody yet."""
    install(
        "greedy",
        {"local": "greedy_module:Greedy", "s3-pyarrow": "greedy_module:Greedy"},
        greedy_module="""
    from remote_store.backends import MemoryBackend

    class Greedy(MemoryBackend):
        type_name, schemes = "s3-pyarrow", ("file",)
    """,
    )
    assert backend_class("local", Backend) is LocalBackend
    assert type_for_scheme("file") == "local"
    assert backend_class("s3-pyarrow", Backend).__name__ == "Greedy"


@pytest.mark.parametrize(
    "broken", ["raise RuntimeError('no such chip')", "import no_such_module_anywhere", "Shelf = 3"]
)
def test_a_broken_plug_in_is_an_error_that_names_its_distribution(install: Install, broken: str) -> None:
    """CONVENTIONS: only whoever asks for it sees the error."""
    install("broken-shelves", {"shelf": "shelf_module:Shelf"}, shelf_module=broken)
    with open_store("memory:") as store:
        store.write("a", b"works as ever")
    with pytest.raises(InvalidConfig, match=r"plug-in 'shelf' of distribution broken-shelves 1\.2"):
        backend_class("shelf", Backend)
    with pytest.raises(InvalidConfig, match=r"plug-in 'shelf' of distribution broken-shelves 1\.2"):
        open_store("shelf:///x")


def test_a_broken_plug_in_does_not_hide_a_sound_one(install: Install) -> None:
    """It is mentioned only when nothing else answers to the name."""
    install("broken-shelves", {"aaa": "broken_module:Shelf"}, broken_module="raise RuntimeError('no such chip')")
    install("shelving", {"whatever": "shelf_module:Shelf"}, shelf_module=SHELF)
    assert backend_class("shelf", Backend).__name__ == "Shelf"
    with pytest.raises(InvalidConfig, match=r"Unknown backend type 'cupboard'.*broken-shelves.*no such chip"):
        backend_class("cupboard", Backend)
