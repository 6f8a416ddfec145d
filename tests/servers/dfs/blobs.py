"""The Blob endpoint of the same account: what it does over a hierarchical namespace, where every file is a block blob."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from .asked import Answer, Asked
from .paths import http_date, md5
from .reading import ranged
from .tree import Conditions, Node, Refused, Tree

__all__ = ["Blobs"]

SENT = ("content-type", "content-encoding", "content-language", "content-disposition", "cache-control", "content-md5")


class Blobs:
    """Answers the Blob verbs over the account's trees. A directory is a blob of 0 bytes with `hdi_isfolder`."""

    def __init__(self, trees: dict[str, Tree], account: str) -> None:
        self.trees = trees
        self.account = account
        self.list_page = 5000

    def answer(self, asked: Asked) -> Answer:
        """Carry out a request."""
        verb = self.verb(asked)
        if verb == "account":
            return Answer(
                200, {"x-ms-is-hns-enabled": "true", "x-ms-sku-name": "Standard_LRS", "x-ms-account-kind": "StorageV2"}
            )
        if asked.filesystem not in self.trees:
            raise Refused(404, "ContainerNotFound")
        method = getattr(self, f"_{verb}")
        answer: Answer = method(asked, self.trees[asked.filesystem])
        return answer

    def verb(self, asked: Asked) -> str:
        """Return what is asked for, and note which permission it needs."""
        verb, asked.permissions = _verb(asked)
        return verb

    # Containers

    def _container(self, asked: Asked, tree: Tree) -> Answer:
        return Answer(200, {"ETag": '"0x8D0"', "x-ms-lease-state": "available"})

    def _list(self, asked: Asked, tree: Tree) -> Answer:
        asked.only("restype", "comp", "prefix", "delimiter", "marker", "maxresults", "include", "startfrom")
        prefix, delimiter = asked.query.get("prefix", ""), asked.query.get("delimiter", "")
        entries = _entries(tree, prefix, delimiter)
        marker = asked.query.get("marker", "")
        entries = [entry for entry in entries if entry[0] >= marker]
        page = min(asked.number("maxresults", 5000), self.list_page)
        shown, rest = entries[:page], entries[page:]
        body = "".join(_xml(name, node, "metadata" in asked.query.get("include", "")) for name, node in shown)
        next_marker = escape(rest[0][0]) if rest else ""
        text = (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{asked.filesystem}">'
            f"<Prefix>{escape(prefix)}</Prefix><Blobs>{body}</Blobs><NextMarker>{next_marker}</NextMarker></EnumerationResults>"
        )
        return Answer(200, {"Content-Type": "application/xml"}, text.encode())

    # Reading

    def _properties(self, asked: Asked, tree: Tree) -> Answer:
        node = tree.get(asked.path, "BlobNotFound")
        asked.conditions.check(node, "ConditionNotMet")
        return Answer(200, _told(node), node.data)

    def _get(self, asked: Asked, tree: Tree) -> Answer:
        node = tree.get(asked.path, "BlobNotFound")
        asked.conditions.check(node, "ConditionNotMet")
        return ranged(asked, node.data, _told(node))

    # Writing

    def _put(self, asked: Asked, tree: Tree) -> Answer:
        if asked.headers.get("x-ms-blob-type") != "BlockBlob":
            raise Refused(400, "InvalidHeaderValue")
        _same_md5(asked)
        return self._store(asked, tree, asked.path, asked.body, _metadata(asked), _content_headers(asked))

    def _block(self, asked: Asked, tree: Tree) -> Answer:
        _same_md5(asked)
        block = asked.query.get("blockid", "")
        try:
            base64.b64decode(block, validate=True)
        except binascii.Error as error:
            raise Refused(400, "InvalidQueryParameterValue") from error
        tree.blocks.setdefault(asked.path, {})[block] = asked.body
        return Answer(201)

    def _commit(self, asked: Asked, tree: Tree) -> Answer:
        blocks = tree.blocks.get(asked.path, {})
        names = re.findall(rb"<(?:Latest|Uncommitted)>([^<]*)</", asked.body)
        if any(name.decode() not in blocks for name in names):
            raise Refused(400, "InvalidBlockList")
        data = b"".join(blocks[name.decode()] for name in names)
        answer = self._store(asked, tree, asked.path, data, _metadata(asked), _content_headers(asked))
        tree.blocks.pop(asked.path, None)
        return answer

    def _copy(self, asked: Asked, tree: Tree) -> Answer:
        parts = unquote(urlsplit(asked.headers["x-ms-copy-source"]).path).lstrip("/").split("/", 2)
        if len(parts) != 3 or parts[0] != self.account or parts[1] not in self.trees:
            raise Refused(404, "CannotVerifyCopySource")
        source = self.trees[parts[1]].get(parts[2], "BlobNotFound")
        asked.source_conditions.check(source, "SourceConditionNotMet", "SourceConditionNotMet")
        kept = _metadata(asked) or source.metadata
        answer = self._store(asked, tree, asked.path, source.data, dict(kept), dict(source.headers))
        return Answer(202, {**answer.headers, "x-ms-copy-status": "success", "x-ms-copy-id": "1"})

    def _store(
        self, asked: Asked, tree: Tree, path: str, data: bytes, metadata: dict[str, str], headers: dict[str, str]
    ) -> Answer:
        there = tree.nodes.get(path)
        asked.conditions.check(there, "BlobAlreadyExists")
        if there is not None and there.directory:
            raise Refused(409, "ResourceTypeMismatch")
        node = tree.new(directory=False, data=data)
        node.metadata, node.headers = metadata, headers
        try:
            tree.put(path, node)
        except Refused as refused:
            raise Refused(404, "ResourceNotFound") from refused  # what is seen of this endpoint below a file
        return Answer(201, {"ETag": node.etag, "Last-Modified": http_date(node.modified)})

    def _metadata(self, asked: Asked, tree: Tree) -> Answer:
        node = tree.get(asked.path, "BlobNotFound")
        asked.conditions.check(node, "ConditionNotMet")
        node.metadata = _metadata(asked)
        tree.changed(node)
        return Answer(200, {"ETag": node.etag, "Last-Modified": http_date(node.modified)})

    def _delete(self, asked: Asked, tree: Tree) -> Answer:
        node = tree.get(asked.path, "BlobNotFound")
        asked.conditions.check(node, "ConditionNotMet")
        if tree.below(asked.path):
            raise Refused(409, "DirectoryIsNotEmpty")
        tree.delete(asked.path, Conditions(), recursive=False, most=1)
        return Answer(202)


# What a request asks for


def _verb(asked: Asked) -> tuple[str, str]:
    query, method = asked.query, asked.method
    if query.get("restype") == "account" and query.get("comp") == "properties" and method in ("GET", "HEAD"):
        return "account", "rwdlac"
    if not asked.path:
        if query.get("restype") == "container" and method == "GET" and query.get("comp") == "list":
            return "list", "l"
        if query.get("restype") == "container" and method in ("GET", "HEAD") and "comp" not in query:
            return "container", "rl"
        raise Refused(400, "InvalidQueryParameterValue")
    return _blob_verb(asked)


def _blob_verb(asked: Asked) -> tuple[str, str]:
    comp = asked.query.get("comp")
    verbs = {
        ("GET", None): ("get", "r"),
        ("HEAD", None): ("properties", "r"),
        ("DELETE", None): ("delete", "d"),
        ("PUT", None): ("copy", "wc") if "x-ms-copy-source" in asked.headers else ("put", "wc"),
        ("PUT", "block"): ("block", "wc"),
        ("PUT", "blocklist"): ("commit", "wc"),
        ("PUT", "metadata"): ("metadata", "w"),
    }
    if (asked.method, comp) not in verbs:
        raise Refused(400, "InvalidQueryParameterValue")
    return verbs[asked.method, comp]


# Forms


def _entries(tree: Tree, prefix: str, delimiter: str) -> list[tuple[str, Node | None]]:
    """Return the names under a prefix, in byte order; None stands for a common prefix."""
    found: dict[str, Node | None] = {}
    for name, node in tree.nodes.items():
        if name.startswith(prefix):
            head, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name[len(prefix) :], "", "")
            if cut:
                found[prefix + head + delimiter] = None
            else:
                found[name] = node
    return sorted(found.items(), key=lambda entry: entry[0].encode())


def _xml(name: str, node: Node | None, with_metadata: bool) -> str:
    if node is None:
        return f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>"
    kind = "directory" if node.directory else "file"
    properties = (
        f"<ResourceType>{kind}</ResourceType><Last-Modified>{http_date(node.modified)}</Last-Modified><Etag>{node.etag.strip(chr(34))}"
        f"</Etag><Content-Length>{len(node.data)}</Content-Length><BlobType>BlockBlob</BlobType>"
        f"<Content-Type>{escape(node.headers.get('content-type', 'application/octet-stream'))}</Content-Type>"
    )
    pairs = node.metadata | ({"hdi_isfolder": "true"} if node.directory else {})
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in pairs.items()) if with_metadata else ""
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties>{properties}</Properties>"
        f"{f'<Metadata>{metadata}</Metadata>' if with_metadata else ''}</Blob>"
    )


def _told(node: Node) -> dict[str, str]:
    pairs = node.metadata | ({"hdi_isfolder": "true"} if node.directory else {})
    return {
        "ETag": node.etag,
        "Last-Modified": http_date(node.modified),
        "x-ms-blob-type": "BlockBlob",
        "x-ms-resource-type": "directory" if node.directory else "file",
        "Content-Type": "application/octet-stream",
        **{name.title(): value for name, value in node.headers.items()},
        **{f"x-ms-meta-{name}": value for name, value in pairs.items()},
    }


def _metadata(asked: Asked) -> dict[str, str]:
    found = {name[10:]: value for name, value in asked.headers.items() if name.startswith("x-ms-meta-")}
    if not all(name.isidentifier() for name in found):
        raise Refused(400, "InvalidMetadata")
    return found


def _content_headers(asked: Asked) -> dict[str, str]:
    found = {name: asked.headers[f"x-ms-blob-{name}"] for name in SENT if f"x-ms-blob-{name}" in asked.headers}
    if "content-type" not in found and "content-type" in asked.headers:
        found["content-type"] = asked.headers["content-type"]
    return found


def _same_md5(asked: Asked) -> None:
    told = asked.headers.get("content-md5")
    if told is not None and told != md5(asked.body):
        raise Refused(400, "Md5Mismatch")
