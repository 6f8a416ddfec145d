"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Concurrency", "DryRun", "Exclude", "FailFast", "Include", "Json", "Recursive", "Verbose"]

Json = Annotated[bool, typer.Option("--json", help="JSON lines, for machines.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Folders with all that is in them.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="A line for each file.")]
Include = Annotated[list[str], typer.Option("--include", help="Only files that match; may be repeated.")]
Exclude = Annotated[list[str], typer.Option("--exclude", help="No files that match; may be repeated.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="End at the first file that fails.")]
Concurrency = Annotated[int, typer.Option("--jobs", "-j", min=1, max=1000, help="Files at a time.")]
