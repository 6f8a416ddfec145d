"""What a backend tells of itself and of its keys without any I/O (CONTRACT A3, B8)."""

from __future__ import annotations

from ..._core.capability import Capability, CapabilitySet
from ..._core.errors import CapabilityNotSupported
from ..asserting import equal, raises
from ..case import Case
from ..registry import check


@check("A3", 4)
async def it_has_a_name_and_capabilities(case: Case) -> None:
    """`name` is a non-empty str and `capabilities` a CapabilitySet."""
    assert isinstance(case.backend.name, str), f"name is {case.backend.name!r}"
    assert case.backend.name, "name is empty"
    assert isinstance(case.backend.capabilities, CapabilitySet), f"capabilities is {case.backend.capabilities!r}"


@check("B9", 85)
async def it_declares_no_more_than_its_class(case: Case) -> None:
    """An instance's capabilities are a subset of `CAPABILITIES` of its class, where it has them."""
    most = getattr(type(case.subject), "CAPABILITIES", None)
    if most is not None:
        extra = [capability.name for capability in case.backend.capabilities if capability not in most]
        equal(extra, [], "capabilities beyond the class's")


@check("A3", 5)
async def instances_take_attributes(case: Case) -> None:
    """A backend instance accepts a new attribute and a replaced method."""
    subject = case.subject
    vars(subject)["note_of_a_test"] = "kept"
    equal(getattr(subject, "note_of_a_test", None), "kept", "a new attribute")


@check("B8", 81)
async def native_paths_and_keys_are_inverse(case: Case) -> None:
    """`to_key(native_path(key))` is the key, and `""` for the root."""
    for key in ("a", "a/b.txt", "grün/x y", "deep/er/and/deeper"):
        native = case.backend.native_path(key)
        equal(case.backend.to_key(native), key, f"to_key({native!r})")
    equal(case.backend.to_key(case.backend.native_path("")), "", "to_key of the root's native path")


@check("B8", 82)
async def a_plan_says_where_a_key_lives(case: Case) -> None:
    """`resolve` needs no file: kind and backend are the name, the key is as given, the path is `native_path`'s."""
    plan = case.backend.resolve("not/there")
    equal(plan.kind, case.backend.name, "kind")
    equal(plan.backend, case.backend.name, "backend")
    equal(plan.key, "not/there", "key")
    equal(plan.native_path, case.backend.native_path("not/there"), "native_path")
    assert not await case.backend.exists("not"), "resolve made something"


class _NoHandle:
    """A type that no backend exposes."""


@check("B8", 83, bare=False)
async def an_unknown_handle_is_refused(case: Case) -> None:
    """`unwrap` of a type that the backend does not expose raises CapabilityNotSupported with the type's name."""
    with raises(CapabilityNotSupported, "does not expose native handle", "_NoHandle") as caught:
        case.backend.unwrap(_NoHandle)
    equal(caught.error.capability, "unwrap", ".capability")


@check("B13", 109, bare=True)
async def the_adapter_exposes_no_handle(case: Case) -> None:
    """`unwrap` of the bare adapter raises CapabilityNotSupported and names the adapter."""
    with raises(CapabilityNotSupported, "AsyncBackendSyncAdapter"):
        case.backend.unwrap(_NoHandle)


@check("B13", 99, bare=True)
async def the_adapter_does_not_seek(case: Case) -> None:
    """The bare adapter never declares SEEKABLE_READ."""
    assert not case.has(Capability.SEEKABLE_READ), "SEEKABLE_READ is declared"
