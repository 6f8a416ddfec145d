"""The kit as a pytest class; the only module here that imports pytest."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import pytest

from .._bridge.to_sync import AsyncBackendSyncAdapter
from .._contract._async.backend import AsyncBackend
from .._contract._sync.backend import Backend
from .._core.capability import Capability
from .case import BackDoor, CannotArrange, Case
from .inline import InlineBackend, drive
from .registry import Check, checks_for
from .running import run

__all__ = ["ConformanceSuite"]


class ConformanceSuite:
    """Runs every check that a backend's declarations choose, each as a test with the check's name.

    Subclass it in a test module, under a name that pytest collects::

        class TestMyBackend(ConformanceSuite):
            backend_type = MyBackend

    An `AsyncBackend` is tested on asyncio and on trio, a `Backend` inline, without any loop. Override the fixture
    `backend` if the constructor has arguments; it must give a fresh, empty backend for each test. The suite closes it.
    A subclass chooses nothing else: there is no way to leave a check out but to declare less.
    """

    backend_type: ClassVar[type[AsyncBackend | Backend]]
    """The class under test."""
    capabilities: ClassVar[Collection[Capability] | None] = None
    """What the instances declare, if that differs from ``backend_type.CAPABILITIES``."""
    flat: ClassVar[bool] = False
    """Whether folders are only prefixes of keys, as on S3."""
    own_checks: ClassVar[Collection[Check]] = ()
    """What is promised beyond the contract, each made by `own_check`."""
    loops: ClassVar[Collection[str]] = ("asyncio", "trio")
    """The event loops to run on; trio must be installed to be named here."""

    @pytest.fixture
    def backend(self) -> Any:
        """Return a fresh, empty backend."""
        return self.backend_type()

    def back_door(self, backend: Any) -> BackDoor | None:
        """Return a way to the stored bytes that does not lead through the backend, if there is one."""
        return None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if getattr(cls, "backend_type", None) is not None:
            cls.test_contract = _blocking_test if cls._blocking() else _async_test  # type: ignore[attr-defined]

    @classmethod
    def _blocking(cls) -> bool:
        return issubclass(cls.backend_type, Backend)

    @classmethod
    def _checks(cls) -> list[Check]:
        declared = list(cls._declared())
        blocking, flat, bare = cls._blocking(), cls.flat, cls._bare()
        own = [each for each in cls.own_checks if each.applies(declared, blocking=blocking, flat=flat, bare=bare)]
        return checks_for(declared, blocking=blocking, flat=flat, bare=bare) + own

    @classmethod
    def _declared(cls) -> Collection[Capability]:
        declared = cls.capabilities
        if declared is None:
            declared = getattr(cls.backend_type, "CAPABILITIES", None)
        if declared is None:
            raise TypeError(f"{cls.backend_type.__name__} has no CAPABILITIES; say in {cls.__name__}.capabilities")
        return declared

    @classmethod
    def _bare(cls) -> bool:
        return cls.backend_type is AsyncBackendSyncAdapter

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test its check and its loop."""
        if "check" in metafunc.fixturenames:
            chosen = self._checks()
            metafunc.parametrize("check", chosen, ids=[each.id for each in chosen])
        if "anyio_backend" in metafunc.fixturenames:
            metafunc.parametrize("anyio_backend", list(self.loops))

    def _case(self, backend: Any, check: Check) -> Case:
        blocking = backend if self._blocking() else None
        view = InlineBackend(backend) if blocking is not None else backend
        if not check.applies(backend.capabilities, blocking=self._blocking(), flat=self.flat, bare=self._bare()):
            pytest.skip(f"this instance declares {backend.capabilities!r}")
        return Case(view, blocking, self.flat, self._bare(), self.back_door(backend))


@pytest.mark.anyio
async def _async_test(self: ConformanceSuite, check: Check, backend: AsyncBackend) -> None:
    try:
        await run(check, self._case(backend, check))
    except CannotArrange as reason:
        pytest.skip(str(reason))


def _blocking_test(self: ConformanceSuite, check: Check, backend: Backend) -> None:
    try:
        drive(run(check, self._case(backend, check)))
    except CannotArrange as reason:
        pytest.skip(str(reason))
