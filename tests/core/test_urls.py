"""Store URLs: what each says, and what is refused before anything is opened."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_store._core.errors import InvalidConfig
from remote_store._core.urls import ParsedUrl, parse_url


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/srv/data", "/srv/data"),
        ("data", "data"),
        (".", "."),
        ("../data", "../data"),
        ("~/x", "~/x"),
        ("a b%20?x=1#y", "a b%20?x=1#y"),
        (r"C:\data", r"C:\data"),
        ("C:/data", "C:/data"),
        ("c:x", "c:x"),
        ("run:1", "run:1"),
        ("./s3://x", "./s3://x"),
        ("a/b://c", "a/b://c"),
        (r"\\server\share", r"\\server\share"),
        ("name\udcff", "name\udcff"),
    ],
)
def test_a_text_without_a_scheme_is_a_local_path_taken_as_it_is(url: str, path: str) -> None:
    """CONVENTIONS 'URLs': a drive letter is no scheme."""
    assert parse_url(url) == ParsedUrl("file", path=path)


def test_a_path_object_is_a_local_path(tmp_path: Path) -> None:
    """CONVENTIONS 'URLs'."""
    assert parse_url(tmp_path) == ParsedUrl("file", path=str(tmp_path))
    assert parse_url(PurePosixPath("a/b")) == ParsedUrl("file", path="a/b")


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("file:///p", ParsedUrl("file", path="/p")),
        ("file:///", ParsedUrl("file", path="/")),
        ("file:/p", ParsedUrl("file", path="/p")),
        ("FILE:///P", ParsedUrl("file", path="/P")),
        ("file://localhost/p", ParsedUrl("file", path="/p")),
        ("file:///a%20b/%C3%A9%23%3F", ParsedUrl("file", path="/a b/é#?")),
        ("file:///a+b", ParsedUrl("file", path="/a+b")),
        ("file:///%FF", ParsedUrl("file", path="/\udcff")),
        ("file:///p?fsync=1", ParsedUrl("file", path="/p", options={"fsync": "1"})),
        ("memory://name", ParsedUrl("memory", container="name")),
        ("memory://", ParsedUrl("memory")),
        ("memory:", ParsedUrl("memory")),
        ("memory://n/a//b/", ParsedUrl("memory", container="n", path="a/b")),
        ("s3://bucket", ParsedUrl("s3", container="bucket")),
        ("s3://bucket/", ParsedUrl("s3", container="bucket")),
        ("s3://bucket/a/b", ParsedUrl("s3", container="bucket", path="a/b")),
        ("s3://my.bucket-1//a/./b%2Fc/", ParsedUrl("s3", container="my.bucket-1", path="a/b/c")),
        ("s3a://bucket/k", ParsedUrl("s3", container="bucket", path="k")),
        (
            "s3://bucket/k?region=eu-1&endpoint=http://h:9000/a@b&anon=1",
            ParsedUrl(
                "s3",
                container="bucket",
                path="k",
                options={"region": "eu-1", "endpoint": "http://h:9000/a@b", "anon": "1"},
            ),
        ),
        (
            "s3://bucket?prefix=a%20b+c&empty=",
            ParsedUrl("s3", container="bucket", options={"prefix": "a b+c", "empty": ""}),
        ),
        ("az://box/blob", ParsedUrl("az", container="box", path="blob")),
        ("az://" + "a" * 63, ParsedUrl("az", container="a" * 63)),
        ("s3://" + "a" * 63, ParsedUrl("s3", container="a" * 63)),
        ("az://$web", ParsedUrl("az", container="$web")),
        ("abfs://box/p", ParsedUrl("az", container="box", path="p")),
        (
            "abfss://box@acc.dfs.core.windows.net/p/q",
            ParsedUrl("az", container="box", host="acc.dfs.core.windows.net", path="p/q"),
        ),
        (
            "https://acc.blob.core.windows.net/box/b/c",
            ParsedUrl("az", container="box", host="acc.blob.core.windows.net", path="b/c"),
        ),
        (
            "https://ACC.blob.core.windows.net/box",
            ParsedUrl("az", container="box", host="acc.blob.core.windows.net"),
        ),
        ("sftp://host", ParsedUrl("sftp", host="host", path="/")),
        ("sftp://me@host:2222/srv/x/", ParsedUrl("sftp", host="host", port=2222, user="me", path="/srv/x")),
        ("ssh://me@Host.Example/x", ParsedUrl("sftp", host="host.example", user="me", path="/x")),
        ("sftp://me%40corp@192.0.2.1:1/x", ParsedUrl("sftp", host="192.0.2.1", port=1, user="me@corp", path="/x")),
        ("sftp://[2001:DB8::1]:65535/x", ParsedUrl("sftp", host="2001:db8::1", port=65535, path="/x")),
        ("sftp://[::1]/x", ParsedUrl("sftp", host="::1", path="/x")),
        (
            "https://example.com:8443/d/f?x=1",
            ParsedUrl("https", host="example.com", port=8443, path="/d/f", options={"x": "1"}),
        ),
        ("ours+x://Some_Name/p%20q", ParsedUrl("ours+x", host="Some_Name", path="/p q")),
        ("dropbox://u@h:7/p", ParsedUrl("dropbox", host="h", port=7, user="u", path="/p")),
        ("gs://Bucket", ParsedUrl("gs", host="Bucket")),
    ],
)
def test_a_url_says(url: str, parsed: ParsedUrl) -> None:
    """CONVENTIONS 'URLs'."""
    assert parse_url(url) == parsed


def test_the_account_is_the_first_label_of_an_azure_host() -> None:
    """CONVENTIONS 'URLs'."""
    assert parse_url("abfss://box@acc.dfs.core.windows.net/p").account == "acc"
    assert parse_url("az://box/p").account == ""
    assert parse_url("sftp://acc.host/p").account == ""


@pytest.mark.skipif(os.name != "nt", reason="drive letters in file URLs mean something on Windows alone")
def test_a_drive_in_a_file_url_loses_its_slash() -> None:
    """CONVENTIONS 'URLs'."""
    assert parse_url("file:///C:/x") == ParsedUrl("file", path="C:/x")


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "write '.'"),
        ("s3://", "s3://bucket/folder"),
        ("s3:", "s3://bucket/folder"),
        ("s3:bucket/key", "s3://bucket/folder"),
        ("s3:/bucket/key", "s3://bucket/folder"),
        ("s3:///key", "no bucket"),
        ("s3a:///key", "no bucket"),
        ("s3://?region=x", "no bucket"),
        ("s3://Bucket/k", "lower-case"),
        ("s3://my_bucket/k", "lower-case"),
        ("s3://ab", "3 to 63"),
        ("s3://" + "a" * 64, "3 to 63"),
        ("s3://192.168.0.1/k", "no IP address"),
        ("s3://a..b/k", "no '..'"),
        ("s3://-ab/k", "lower-case"),
        ("s3://ab./k", "lower-case"),
        ("s3://bücket/k", "lower-case"),
        ("s3://bucket:9000/k", "no user, password or port"),
        ("s3://me@bucket/k", "no user, password or port"),
        ("s3://bucket/a/../b", r"'\.\.'"),
        ("s3://bucket/%2e%2e/b", r"'\.\.'"),
        ("s3://bucket/k#part", "%23"),
        ("s3://bucket/100%", "%25"),
        ("s3://bucket/%zz", "%25"),
        ("s3://bucket/%ff", "UTF-8"),
        ("s3://bucket/a%00b", "control character"),
        ("s3://bucket/a%0Ab", "control character"),
        ("s3://bucket/a\nb", "control character"),
        ("s3://buc\rket/a", "control character"),
        ("s3://bucket/k\n", "control character"),
        ("s3://bucket/k?region=eu%0d%0aX", "control character"),
        ("/srv/a\nb", "control character"),
        ("/srv/a\x00b", "control character"),
        ("s3://bucket/k ", "blanks"),
        (" s3://bucket/k", "no URL scheme"),
        ("3s://x", "no URL scheme"),
        ("s_3://x", "no URL scheme"),
        ("://x", "no URL scheme"),
        ("file://", "no path"),
        ("file:", "file:///folder"),
        ("file:p", "file:///folder"),
        ("file://p", "three slashes"),
        ("file://otherhost/p", "three slashes"),
        ("file://me@localhost/p", "three slashes"),
        ("file://localhost:1/p", "three slashes"),
        ("file://C:/p", "three slashes"),
        ("memory:///p", "no name"),
        ("memory:name", "memory://name"),
        ("memory://a:1/p", "letters, digits"),
        ("memory://a@b", "letters, digits"),
        ("az://", "no container"),
        ("az:///blob", "no container"),
        ("az://Box/b", "lower-case"),
        ("az://a--b/b", "single '-'"),
        ("az://" + "a" * 64, "3 to 63"),
        ("az://" + "a-" * 32 + "a", "3 to 63"),
        ("az://box:1/b", "no user, password or port"),
        ("abfss://@acc.dfs.core.windows.net/p", "no container"),
        ("abfss://box@/p", "host"),
        ("abfss://box@acc.dfs.core.windows.net:1/p", "no user, password or port"),
        ("https://acc.blob.core.windows.net/", "no container"),
        ("http://acc.blob.core.windows.net/box", "https"),
        ("https://acc.blob.core.windows.net:444/box", "no port"),
        ("https:///x", "host"),
        ("sftp://", "host"),
        ("sftp:///p", "host"),
        ("sftp:host/p", "sftp://user@host"),
        ("sftp://host:0/p", "1 to 65535"),
        ("sftp://host:99999/p", "1 to 65535"),
        ("sftp://host:65536/p", "1 to 65535"),
        ("sftp://host:/p", "1 to 65535"),
        ("sftp://host:-1/p", "1 to 65535"),
        ("sftp://host:2x/p", "1 to 65535"),
        ("sftp://host:२२/p", "1 to 65535"),
        ("sftp://-oProxyCommand=x/p", "host"),
        ("sftp://ho st/p", "host"),
        ("sftp://h..x/p", "host"),
        ("sftp://[::g]/p", "IPv6"),
        ("sftp://::1/p", "host"),
        ("sftp://user@host@evil/p", "two '@'"),
        ("sftp://@host/p", "user"),
        ("sftp://-oX@host/p", "user"),
        ("sftp://host／evil/p", "host"),
        ("sftp://host/../p", r"'\.\.'"),
        ("other://h:0/p", "1 to 65535"),
        ("s3://bucket?a=1&a=2", "'a' stands twice"),
        ("s3://bucket?a=1&%61=2", "'a' stands twice"),
        ("s3://bucket?anon", "name=value"),
        ("s3://bucket?=1", "name=value"),
        ("s3://bucket?a=1&&b=2", "name=value"),
        ("s3://bucket?a=%", "%25"),
    ],
)
def test_a_url_that_can_mean_nothing_is_refused_with_what_to_write(url: str, hint: str) -> None:
    """RELIABILITY 'Config and URLs' and 'Hosts and SSH': before anything is opened."""
    with pytest.raises(InvalidConfig, match=hint) as caught:
        parse_url(url)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "url",
    [
        "sftp://me:hunter2@host/p",
        "sftp://me:hunter2@host:22/p",
        "sftp://me:@host/p",
        "sftp://:hunter2@host/p",
        "sftp://me:hunter2/x@host/p",
        "sftp://me:hunter2?x@host/p",
        "sftp://me:hunter2#x@host/p",
        "sftp://me:hunter2@x@host/p",
        "sftp://me%3Ahunter2@host/p",
        "ssh://me:hunter2@host/p",
        "s3://KEY:hunter2@bucket/k",
        "s3://KEY:hunter2/x@bucket/k",
        "az://x:hunter2@box/k",
        "abfss://box:hunter2@acc.dfs.core.windows.net/p",
        "https://me:hunter2@example.com/p",
        "https://me:hunter2@acc.blob.core.windows.net/box",
        "other://me:hunter2@host/p",
        "file://me:hunter2@localhost/p",
        "memory://me:hunter2@name",
        "s3://bucket?secret=hunter2",
        "s3://bucket?key=hunter2",
        "s3://bucket?aws_secret_access_key=hunter2",
        "s3://bucket?Session-Token=hunter2",
        "az://box?sas_token=%3Fsv=hunter2",
        "az://box?account_key=hunter2",
        "az://box?connection_string=AccountKey%3Dhunter2",
        "https://acc.blob.core.windows.net/box?sv=1&sig=hunter2",
        "sftp://host/p?password=hunter2",
        "sftp://host/p?passphrase=hunter2",
        "s3://bucket?endpoint=http://me:hunter2@h/",
        "s3://bucket?endpoint=http%3A%2F%2Fme%3Ahunter2%40h",
        "s3://bucket?endpoint=http://hunter2@h/",
        "s3://bucket?hunter2",
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    """CONVENTIONS 'URLs': no password in a URL; neither the text, nor the repr, nor a cause shows it."""
    with pytest.raises(InvalidConfig) as caught:
        parse_url(url)
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in f"{error} {error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("name", ["host_key", "key_prefix", "token_file", "sort_key", "region", "design", "passive"])
def test_an_option_that_only_sounds_secret_is_accepted(name: str) -> None:
    """CONVENTIONS 'URLs'."""
    assert parse_url(f"other://h/p?{name}=x").options == {name: "x"}


@pytest.mark.parametrize("url", [b"s3://bucket", None, 3, ["s3://bucket"]])
def test_a_url_is_a_str_or_a_path(url: Any) -> None:
    """RELIABILITY: wrong types are a TypeError."""
    with pytest.raises(TypeError):
        parse_url(url)


def test_a_parsed_url_shows_no_token() -> None:
    """CONVENTIONS demand 28: outside sftp a user may be a token, and a plug-in's option a secret."""
    shown = repr(parse_url("forge://hunter2@host/p?auth_code=hunter2&region=eu"))
    assert "hunter2" not in shown
    assert "'eu'" in shown
    assert "user='me'" in repr(parse_url("sftp://me@host/p"))


# Properties

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12)
SEGMENT = PLAIN.filter(lambda text: text not in (".", "..") and "/" not in text)
KEY = st.lists(SEGMENT, max_size=4).map("/".join)


@given(KEY)
def test_every_key_survives_the_way_through_a_url(key: str) -> None:
    """CONVENTIONS 'URLs': percent-encoding loses nothing."""
    assert parse_url(f"s3://bucket/{quote(key)}").path == key
    assert parse_url(f"az://box/{quote(key)}").path == key
    assert parse_url(f"sftp://host/{quote(key)}").path == f"/{key}"
    assert parse_url(f"file:///{quote(key)}").path == f"/{key}"


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,6}", fullmatch=True), PLAIN.filter(lambda text: "://" not in text), max_size=4
    )
)
def test_every_option_survives_the_way_through_a_url(options: dict[str, str]) -> None:
    """CONVENTIONS 'URLs': options by query; blanks are %20, a plus is a plus."""
    options = {f"{name}_x": text for name, text in options.items()}
    assert parse_url(f"s3://bucket/k?{urlencode(options, quote_via=quote)}").options == options


@given(
    st.one_of(st.text(max_size=30), st.text(alphabet="s3:/@?#%=&.a[]1\\ ", max_size=20).map(lambda text: "s3:/" + text))
)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """RELIABILITY 'Config and URLs': nothing but InvalidConfig comes out."""
    with suppress(InvalidConfig):
        parsed = parse_url(text)
        assert parsed.scheme == parsed.scheme.lower()


@given(
    st.sampled_from(["sftp", "s3", "https", "abfss", "az", "memory", "file", "other"]),
    st.text(max_size=5),
    st.text(max_size=5),
)
def test_no_password_is_ever_repeated(scheme: str, before: str, after: str) -> None:
    """CONVENTIONS 'URLs': whatever stands around it. (A second '@' may make it part of a path, which is no secret.)"""
    password = f"{before}ZZ9SECRET9ZZ{after}"
    refusal = ""
    try:
        parse_url(f"{scheme}://user:{password}@host/p")
    except InvalidConfig as error:
        refusal = str(error)
    assert "ZZ9SECRET9ZZ" not in refusal
