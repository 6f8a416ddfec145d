"""`remote-store info`: what is installed here."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .._store.info import InfoResult, info
from .._store.plugins import BUILT_IN
from .exits import OK, reported

__all__ = ["show_info"]


@reported
def show_info(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for machines.")] = False,
) -> int:
    """Show the version, the backends and the extensions, and which extra brings what is missing."""
    found = info()
    typer.echo(json.dumps(found, indent=2) if as_json else _text(found))
    return OK


def _text(found: InfoResult) -> str:
    lines = [f"remote-store {found['version']}"]
    for title, entries in (("Backends", found["backends"]), ("Extensions", found["extensions"])):
        if not entries:
            continue
        lines += ["", title]
        for name, entry in sorted(entries.items()):
            ours = BUILT_IN.get(name) if title == "Backends" else None
            # An extra can't bring what is still to be written.
            extra = entry["extras"] if ours is None or ours.built else None
            lines.append(f"  {name:<12} {_state(entry['available'], extra)}")
    return "\n".join(lines)


def _state(available: bool, extra: str | None) -> str:
    if available:
        return "available"
    return f"missing; pip install 'remote-store-aio[{extra}]'" if extra else "not in this version"
