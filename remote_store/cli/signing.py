"""`remote-store presign`: a URL that anybody may use for a while."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .exits import OK, reported
from .options import Json
from .places import Places

__all__ = ["presign"]


@reported
def presign(
    place: Annotated[str, typer.Argument(help="A file's URL; it need not exist yet.")],
    method: Annotated[str, typer.Option("--method", help="GET or PUT.")] = "GET",
    expires: Annotated[float, typer.Option("--expires", help="Seconds that it holds.")] = 3600,
    as_json: Json = False,
) -> int:
    """Print a URL by which anybody may read or write one file; nothing is sent."""
    with Places() as places:
        found = places.open(place)
        url = found.store.presign(found.key, method.upper(), expires)
    print(json.dumps({"key": found.key, "method": method.upper(), "expires": expires, "url": url}) if as_json else url)
    return OK
