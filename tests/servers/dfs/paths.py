"""The Data Lake Storage endpoint: filesystems, and Path - Create, Update, Delete, List and Get Properties."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from urllib.parse import unquote, urlsplit

from .asked import Answer, Asked
from .reading import ranged
from .tree import Node, Refused, Tree

__all__ = ["Paths", "http_date", "md5"]

HEADERS = {
    "x-ms-content-type": "content-type",
    "x-ms-content-encoding": "content-encoding",
    "x-ms-content-language": "content-language",
    "x-ms-content-disposition": "content-disposition",
    "x-ms-cache-control": "cache-control",
    "x-ms-content-md5": "content-md5",
}


class Paths:
    """Answers the Data Lake verbs over the account's trees."""

    def __init__(self, trees: dict[str, Tree], account: str) -> None:
        self.trees = trees
        self.account = account
        self.list_page = 5000
        """How many paths a listing gives at most, whatever is asked."""
        self.delete_page = 1000
        """How many paths one recursive deletion removes before it gives a continuation."""

    def answer(self, asked: Asked) -> Answer:
        """Carry out a request."""
        verb = self.verb(asked)
        method = getattr(self, f"_{verb}")
        answer: Answer = method(asked)
        return answer

    def verb(self, asked: Asked) -> str:
        """Return what is asked for, and note which permission it needs; Refused where the reference has no such verb."""
        verb, asked.permissions = _verb(asked)
        return verb

    def _tree(self, asked: Asked) -> Tree:
        tree = self.trees.get(asked.filesystem)
        if tree is None:
            raise Refused(404, "FilesystemNotFound")
        return tree

    # Filesystems

    def _create_filesystem(self, asked: Asked) -> Answer:
        asked.only("resource")
        if asked.filesystem in self.trees:
            raise Refused(409, "FilesystemAlreadyExists")
        self.trees[asked.filesystem] = Tree()
        return Answer(201, {"x-ms-namespace-enabled": "true"})

    def _head_filesystem(self, asked: Asked) -> Answer:
        asked.only("resource")
        self._tree(asked)
        return Answer(200, {"x-ms-namespace-enabled": "true", "ETag": '"0x8D0"'})

    def _list(self, asked: Asked) -> Answer:
        asked.only("resource", "recursive", "directory", "continuation", "maxResults", "upn")
        tree = self._tree(asked)
        recursive = asked.flag("recursive")
        if recursive is None:
            raise Refused(400, "MissingRequiredQueryParameter")
        directory = asked.query.get("directory", "").strip("/")
        if directory and not tree.get(directory).directory:
            raise Refused(409, "PathConflict")
        names = tree.below(directory)
        if not recursive:
            skip = len(directory) + 1 if directory else 0
            names = [name for name in names if "/" not in name[skip:]]
        page = min(asked.number("maxResults", 5000), self.list_page)
        start = _opened(asked.query["continuation"]) if asked.query.get("continuation") else 0
        body = json.dumps({"paths": [_entry(name, tree.nodes[name]) for name in names[start : start + page]]})
        more = {"x-ms-continuation": _sealed(start + page)} if start + page < len(names) else {}
        return Answer(200, {"Content-Type": "application/json;charset=utf-8", **more}, body.encode())

    # Path - Create

    def _create(self, asked: Asked) -> Answer:
        asked.only("resource", "continuation", "mode")
        asked.no_body()
        tree = self._tree(asked)
        directory = asked.query["resource"] == "directory"
        there = tree.nodes.get(asked.path)
        asked.conditions.check(there, "PathAlreadyExists")
        if there is not None and there.directory != directory:
            raise Refused(409, "PathConflict" if there.directory else "PathAlreadyExists")
        node = tree.new(directory=directory)
        node.metadata, node.headers = _properties(asked), _content_headers(asked)
        tree.put(asked.path, node)
        return Answer(201, _told(node))

    def _rename(self, asked: Asked) -> Answer:
        asked.only("continuation", "mode")
        asked.no_body()
        tree = self._tree(asked)
        source = unquote(urlsplit(asked.headers["x-ms-rename-source"]).path)
        parts = source.lstrip("/").split("/", 1)
        if not source.startswith("/") or len(parts) != 2 or not parts[1].strip("/"):
            raise Refused(400, "InvalidSourceUri")
        if parts[0] != asked.filesystem:
            raise Refused(404, "SourcePathNotFound")
        tree.rename(parts[1].strip("/"), asked.path, asked.conditions, asked.source_conditions)
        return Answer(201, {"ETag": tree.nodes[asked.path].etag})

    # Path - Update

    def _append(self, asked: Asked) -> Answer:
        asked.only("action", "position", "flush")
        tree = self._tree(asked)
        if not asked.body:
            raise Refused(400, "InvalidHeaderValue")
        position = asked.number("position")
        told = asked.headers.get("content-md5")
        if told is not None and told != md5(asked.body):
            raise Refused(400, "Md5Mismatch")
        tree.append(asked.path, position, asked.body)
        if asked.flag("flush"):
            tree.flush(asked.path, position + len(asked.body), asked.conditions, retain=False)
        return Answer(202, {"x-ms-request-server-encrypted": "true"})

    def _flush(self, asked: Asked) -> Answer:
        asked.only("action", "position", "close", "retainUncommittedData")
        asked.no_body()
        tree = self._tree(asked)
        retain = bool(asked.flag("retainUncommittedData"))
        asked.flag("close")
        node = tree.flush(asked.path, asked.number("position"), asked.conditions, retain=retain)
        node.headers |= _content_headers(asked)
        return Answer(200, _told(node))

    def _set_properties(self, asked: Asked) -> Answer:
        asked.only("action")
        asked.no_body()
        tree = self._tree(asked)
        node = tree.get(asked.path)
        asked.conditions.check(node, "ConditionNotMet")
        node.metadata = _properties(asked)
        node.headers |= _content_headers(asked)
        tree.changed(node)
        return Answer(200, _told(node))

    # Path - Delete, Get Properties, Read

    def _delete(self, asked: Asked) -> Answer:
        asked.only("recursive", "continuation", "paginated")
        asked.no_body()
        done = self._tree(asked).delete(asked.path, asked.conditions, asked.flag("recursive"), self.delete_page)
        left = len(self._tree(asked).below(asked.path))
        return Answer(200, {} if done else {"x-ms-continuation": _sealed(left)})

    def _status(self, asked: Asked) -> Answer:
        asked.only("action", "upn", "fsAction")
        node = self._tree(asked).get(asked.path)
        asked.conditions.check(node, "ConditionNotMet")
        properties = ",".join(f"{k}={base64.b64encode(v.encode()).decode()}" for k, v in sorted(node.metadata.items()))
        headers = {"Accept-Ranges": "bytes", "x-ms-properties": properties, **_told(node), **node.headers}
        headers["x-ms-resource-type"] = "directory" if node.directory else "file"
        return Answer(200, headers, node.data)

    def _read(self, asked: Asked) -> Answer:
        asked.only()
        node = self._tree(asked).get(asked.path)
        asked.conditions.check(node, "ConditionNotMet")
        if node.directory:
            raise Refused(409, "PathConflict")
        return ranged(asked, node.data, {**_told(node), **node.headers, "x-ms-resource-type": "file"})


# What a request asks for


def _verb(asked: Asked) -> tuple[str, str]:
    action, resource = asked.query.get("action"), asked.query.get("resource")
    if not asked.path:
        named = {("PUT", "filesystem"): ("create_filesystem", "c"), ("HEAD", "filesystem"): ("head_filesystem", "rl"),
                 ("GET", "filesystem"): ("list", "l")}  # fmt: skip
        if (asked.method, resource) not in named:
            raise Refused(400, "InvalidQueryParameterValue")
        return named[asked.method, resource or ""]
    if asked.method == "PUT" and "x-ms-rename-source" in asked.headers:
        return "rename", "mwc"
    if asked.method == "PUT" and resource in ("file", "directory"):
        return "create", "wc"
    if asked.method == "PATCH":
        verbs = {"append": ("append", "aw"), "flush": ("flush", "w"), "setProperties": ("set_properties", "w")}
        if action in verbs:
            return verbs[action]
    simple = {"DELETE": ("delete", "d"), "HEAD": ("status", "r"), "GET": ("read", "r")}
    if asked.method in simple and resource is None and action in (None, "getStatus"):
        return simple[asked.method]
    raise Refused(400, "InvalidQueryParameterValue")


# Forms


def _properties(asked: Asked) -> dict[str, str]:
    """Return what x-ms-properties says: names with base64 values, by commas."""
    found = {}
    for pair in filter(None, asked.headers.get("x-ms-properties", "").split(",")):
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = base64.b64decode(value, validate=True).decode("latin-1")
        except binascii.Error as error:
            raise Refused(400, "InvalidHeaderValue") from error
        if not name.strip().isidentifier():
            raise Refused(400, "InvalidPropertyName")
    return found


def _content_headers(asked: Asked) -> dict[str, str]:
    return {stored: asked.headers[sent] for sent, stored in HEADERS.items() if sent in asked.headers}


def _entry(name: str, node: Node) -> dict[str, str]:
    entry = {"name": name, "etag": node.etag.strip('"'), "lastModified": http_date(node.modified)}
    entry["contentLength"] = str(len(node.data))
    return entry | ({"isDirectory": "true"} if node.directory else {})


def _told(node: Node) -> dict[str, str]:
    return {"ETag": node.etag, "Last-Modified": http_date(node.modified)}


def md5(data: bytes) -> str:
    """Return a Content-MD5."""
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def _sealed(number: int) -> str:
    """Return a continuation: not a number, since clients must not read it, and with what a URL must escape."""
    return base64.b64encode(f"next+{number}/=".encode()).decode()


def _opened(token: str) -> int:
    try:
        return int(base64.b64decode(token, validate=True).decode()[5:-2])
    except (ValueError, binascii.Error) as error:
        raise Refused(400, "InvalidQueryParameterValue") from error


def http_date(seconds: float) -> str:
    """Return a time as HTTP writes it (RFC 9110, section 5.6.7)."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))
