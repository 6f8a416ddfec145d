"""The proxy's process: a port for the wire, and commands as lines of JSON from standard input."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, TextIO

from .dialects import dialect_of
from .fault import KINDS, Fault
from .server import Server

__all__ = ["main"]

EPILOG = """\
examples:
  python -m remote_store.testing.faults http://127.0.0.1:8333 --fault 'cut verb=GetObject offset=1000'
  python -m remote_store.testing.faults tcp://127.0.0.1:22 --fault 'reset verb=connect nth=2'

A fault is a kind and NAME=VALUE words: verb, nth, count (0: for ever), offset, seconds, argument, done, seed.
Lines of standard output are JSON: first the address, then each decision.

kinds:
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a proxy until its standard input ends (with --control) or it is told to stop."""
    given = _parser().parse_args(arguments)
    raw = given.upstream.startswith("tcp:")
    try:
        faults = [Fault.parsed(text) for text in given.fault]
        server = Server(given.upstream, None if raw else dialect_of(given.dialect), given.certificate, given.port)
    except (ValueError, OSError, ImportError, AttributeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    server.load(faults)
    _say(sys.stdout, {"port": server.port, "trap": server.trap})
    try:
        if given.control:
            _obey(server, sys.stdin, sys.stdout)
        else:
            _narrate(server, sys.stdout)
    finally:
        server.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, KINDS))
    kinds = "\n".join(f"  {name:{width}}  {kind.text}" for name, kind in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m remote_store.testing.faults",
        description="A proxy on loopback that spoils connections to a server as its script says.",
        epilog=EPILOG + kinds,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("upstream", help="the real server: http://host:port, https://host:port or tcp://host:port")
    parser.add_argument("--dialect", default="s3", help="s3, azure, http, or package.module:name (default: s3)")
    parser.add_argument("--certificate", default="", help="speak TLS, with this PEM file of key and chain")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: any that is free)")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="TEXT", help="a fault of the script; repeatable"
    )
    parser.add_argument("--control", action="store_true", help="take commands from standard input, end where it ends")
    return parser


def _narrate(server: Server, out: TextIO) -> None:
    """Print decisions as they are made, until a signal comes."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    told = 0
    while not ended.wait(0.1):
        decisions = server.script.log()
        for decision in decisions[told:]:
            _say(out, decision)
        told = len(decisions)


def _obey(server: Server, commands: TextIO, out: TextIO) -> None:
    """Answer each line with a line. A parent that dies closes the pipe, and this ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which then closes the pipe
    for line in commands:
        try:
            _say(out, {"result": _done(server, json.loads(line))})
        except (ValueError, TypeError, KeyError) as error:
            _say(out, {"error": f"{type(error).__name__}: {error}"})


def _done(server: Server, command: dict[str, Any]) -> object:
    what = command["do"]
    if what == "script":
        server.load([Fault(**fault) for fault in command["faults"]])
        return None
    if what == "log":
        return server.script.log()
    if what == "counters":
        return server.script.counters()
    if what == "wait_idle":
        return server.script.wait_idle(float(command["seconds"]))
    raise ValueError(f"unknown command {what!r}")


def _say(out: TextIO, message: object) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()
