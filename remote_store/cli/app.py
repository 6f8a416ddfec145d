"""The command line's root: what the commands are."""

from __future__ import annotations

from typing import Annotated

import typer

from .._core.version import __version__
from . import checkpoint, demo, info

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    name="remote-store",
    help="One store for local disks, memory and object stores.",
    epilog="Exit codes: 0 ok, 1 some items failed, 2 usage, 3 not found, 4 not allowed, 5 network, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode="markdown",  # joins the lines of a docstring's paragraph
    # Locals in a traceback may hold secrets.
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"remote-store {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version, then exit.")
    ] = False,
) -> None:
    """One store for local disks, memory and object stores."""


app.command("demo")(demo.demo)
app.command("info")(info.show_info)
app.add_typer(checkpoint.app, name="checkpoint")
