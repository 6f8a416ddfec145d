"""The command line's root: what the commands are."""

from __future__ import annotations

import io
import logging
import sys
from typing import Annotated

import typer

from .._core.version import __version__
from . import checkpoint, copying, demo, info, listing, removing, signing, syncing

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
    version: Annotated[  # noqa: ARG001  # its callback does it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version, then exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Log on stderr what is done, and which setting won.")] = False,
) -> None:
    """One store for local disks, memory and object stores."""
    # A name that the terminal's encoding lacks must not end a listing.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if debug:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
        logging.getLogger("remote_store").setLevel(logging.DEBUG)


app.command("ls")(listing.ls)
app.command("cat")(copying.cat)
app.command("cp")(copying.cp)
app.command("mv")(copying.mv)
app.command("rm")(removing.rm)
app.command("du")(listing.du)
app.command("head")(listing.head)
app.command("sync")(syncing.sync)
app.command("check")(syncing.check)
app.command("presign")(signing.presign)
app.command("demo")(demo.demo)
app.command("info")(info.show_info)
app.add_typer(checkpoint.app, name="checkpoint")
