"""Write the sync twins of the async originals; with --check, compare them and fail on a difference.

Every ``_async/x.py`` has its ``_sync/x.py``, made token by token: `async def` becomes `def`, `await x` becomes `x`,
names go through `NAMES`, words in comments and docstrings through `WORDS`. A line stays a line, so that tracebacks
of both sides agree. Modules in `PAIRS` differ by hand. Each ``backends/*/backend.py`` has its ``sync.py``, a class
with the original's constructor over the bridge.
"""

from __future__ import annotations

import argparse
import ast
import io
import itertools
import re
import sys
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "remote_store"
PAIRS = {"pairs.py", "content.py", "streams.py", "trees.py", "__init__.py"}
"""Modules that are written by hand on both sides."""

NAMES = {
    "AnyAsyncContent": "AnyContent",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncAzureBackend": "AzureBackend",
    "AsyncBackend": "Backend",
    "AsyncCachedStore": "CachedStore",
    "AsyncCheckpointManager": "CheckpointManager",
    "AsyncContent": "Content",
    "AsyncExitStack": "ExitStack",
    "AsyncIterator": "Iterator",
    "AsyncLimitedStore": "LimitedStore",
    "AsyncLocalBackend": "LocalBackend",
    "AsyncMemoryBackend": "MemoryBackend",
    "AsyncObservedStore": "ObservedStore",
    "AsyncPending": "Pending",
    "AsyncPrefixedStore": "PrefixedStore",
    "AsyncProxyStore": "ProxyStore",
    "AsyncReadOnlyHttpBackend": "ReadOnlyHttpBackend",
    "AsyncReadOnlyStore": "ReadOnlyStore",
    "AsyncReadStream": "BinaryIO",
    "AsyncRegistry": "Registry",
    "AsyncSave": "Save",
    "AsyncS3Backend": "S3Backend",
    "AsyncSeam": "Seam",
    "AsyncSFTPBackend": "SFTPBackend",
    "AsyncStore": "Store",
    "AsyncThrottledStore": "ThrottledStore",
    "AsyncWritableContent": "WritableContent",
    "StopAsyncIteration": "StopIteration",
    "_async": "_sync",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
    "aiter": "iter",
    "anext": "next",
    "asynccontextmanager": "contextmanager",
    "open_async_store": "open_store",
    "portable_async_content": "portable_content",
}
WORDS = {
    "an async ": "a ",
    "An async ": "A ",
    "async with": "with",
    "async for": "for",
    "async ": "",
    "await ": "",
}
TWINS = {
    "local": "BlockingTwin",
    "memory": "BlockingTwin",
    "s3": "FlatTwin",
    "azure": "FlatTwin",
    "sftp": "LoopTwin",
    "http": "RangedTwin",
}
"""Backend folder -> the bridge class its sync twin stands on."""


def translate(source: str, origin: str) -> str:
    """Return the sync text of an async module; `origin` names it in the first line."""
    lines = source.splitlines(keepends=True)
    edits = list(_edits(source))
    for (row, start), (_, stop), text in sorted(edits, reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:start] + text + line[stop:]
    return f"# Generated from {origin} by tools/gen_sync.py. Edit that file.\n" + "".join(lines)


Edit = tuple[tuple[int, int], tuple[int, int], str]


def _edits(source: str) -> list[Edit]:
    """Return what to replace, each within one line: (start, stop, new text)."""
    edits: list[Edit] = []
    tokens = _whole_strings(source)
    for token, after in itertools.pairwise(tokens):
        if token.type == tokenize.NAME and token.string in ("async", "await"):
            edits.append((token.start, after.start, ""))
        elif token.type == tokenize.NAME and token.string in NAMES:
            edits.append((token.start, token.end, NAMES[token.string]))
        elif token.type in (tokenize.COMMENT, tokenize.STRING):
            edits += _text_edits(token)
    return edits


def _whole_strings(source: str) -> list[tokenize.TokenInfo]:
    """Return the tokens, each f-string as one, as Python 3.11 has them: from 3.12 on it comes in pieces."""
    lines = source.splitlines(keepends=True)
    whole: list[tokenize.TokenInfo] = []
    open_at: list[tuple[int, int]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "FSTRING_START":
            open_at.append(token.start)
        if not open_at:
            whole.append(token)
        if kind == "FSTRING_END":
            start = open_at.pop()
            if not open_at:
                text = _between(lines, start, token.end)
                whole.append(tokenize.TokenInfo(tokenize.STRING, text, start, token.end, token.line))
    return whole


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """Return the source between two positions (row from 1, column)."""
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    middle = lines[start[0] : end[0] - 1]
    return "".join([lines[start[0] - 1][start[1] :], *middle, lines[end[0] - 1][: end[1]]])


def _text_edits(token: tokenize.TokenInfo) -> list[Edit]:
    """Translate a comment or string line by line, so that no edit spans lines."""
    edits: list[Edit] = []
    for offset, line in enumerate(token.string.split("\n")):
        column = token.start[1] if offset == 0 else 0
        new = _translate_text(line)
        if new != line:
            row = token.start[0] + offset
            edits.append(((row, column), (row, column + len(line)), new))
    return edits


def _translate_text(line: str) -> str:
    for word, new in WORDS.items():
        line = line.replace(word, new)
    return re.sub(r"\b\w+\b", lambda match: NAMES.get(match[0], match[0]), line)


def backend_twin(source: str, origin: str, base: str) -> str:
    """Return the module of a backend's sync twin: the original's constructor, handed on argument by argument."""
    tree = ast.parse(source)
    original = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Async"))
    init = next(node for node in original.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    twin = original.name.removeprefix("Async")
    signature = _translate_text(ast.unparse(init.args))
    docstring = _translate_text(ast.get_docstring(original, clean=False) or "")
    imports = _imports_for(tree, init)
    return f'''# Generated from {origin} by tools/gen_sync.py. Edit that file.
"""{twin}: the sync twin of {original.name}."""

from __future__ import annotations

{imports}from ..._bridge.twins import {base}
from .backend import TWIN_CAPABILITIES, {original.name}

__all__ = ["{twin}"]


class {twin}({base}):
    """{docstring}"""

    CAPABILITIES = TWIN_CAPABILITIES
    _generated_twin = True

    def __init__({signature}) -> None:
        super().__init__({original.name}({_handed_on(init.args)}))
'''


def _handed_on(arguments: ast.arguments) -> str:
    positional = [argument.arg for argument in arguments.args[1:]]
    return ", ".join(positional + [f"{argument.arg}={argument.arg}" for argument in arguments.kwonlyargs])


def _imports_for(tree: ast.Module, init: ast.FunctionDef) -> str:
    """Return the original's import lines that bind a name used in the constructor's annotations or defaults."""
    used = {node.id for node in ast.walk(init.args) if isinstance(node, ast.Name)}
    lines = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            names = [alias for alias in node.names if (alias.asname or alias.name) in used]
            if names:
                lines.append(ast.unparse(ast.ImportFrom(module=node.module, names=names, level=node.level)) + "\n")
    return "".join(lines)


def outputs() -> dict[Path, str]:
    """Return every twin's path with the text it must have."""
    wanted: dict[Path, str] = {}
    for original in sorted(PACKAGE.glob("*/_async/*.py")):
        if original.name not in PAIRS:
            origin = original.relative_to(PACKAGE.parent).as_posix()
            twin = original.parent.parent / "_sync" / original.name
            wanted[twin] = translate(original.read_text("utf-8"), origin)
    for folder, base in TWINS.items():
        original = PACKAGE / "backends" / folder / "backend.py"
        if original.exists():
            origin = original.relative_to(PACKAGE.parent).as_posix()
            wanted[original.with_name("sync.py")] = backend_twin(original.read_text("utf-8"), origin, base)
    return wanted


def strays(wanted: dict[Path, str]) -> list[Path]:
    """Return twins without an original, and pair modules with only one side."""
    twins = [path for path in PACKAGE.glob("*/_sync/*.py") if path.name not in PAIRS]
    twins += PACKAGE.glob("backends/*/sync.py")
    found = [path for path in twins if path not in wanted]
    for side, other in (("_async", "_sync"), ("_sync", "_async")):
        pairs = [path for path in PACKAGE.glob(f"*/{side}/*.py") if path.name in PAIRS]
        found += [path for path in pairs if not (path.parent.parent / other / path.name).exists()]
    return sorted(set(found))


def main() -> int:
    """Write the twins, or compare them with --check; 1 if a twin is stale or a file has no partner."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check = parser.parse_args().check
    wanted = outputs()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if not check:
        for path in stale:
            path.write_text(wanted[path], "utf-8")
            print(f"wrote {path.relative_to(PACKAGE.parent)}")
    orphans = strays(wanted)
    for path in orphans:
        print(f"{path.relative_to(PACKAGE.parent)}: no original, or no other half of the pair", file=sys.stderr)
    if check:
        for path in stale:
            print(f"{path.relative_to(PACKAGE.parent)}: not what tools/gen_sync.py makes of it", file=sys.stderr)
    return 1 if orphans or (check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
