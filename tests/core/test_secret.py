"""Secrets: kept, compared and carried, never shown."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_store._core.secret import Secret, SecretRedactionFilter, is_secret_name, redact_url

PASSWORD = "hunter2"


def test_a_secret_shows_three_stars_everywhere() -> None:
    """CONTRACT 122: repr, str, format and % never show the value."""
    secret = Secret(PASSWORD)
    assert repr(secret) == "Secret('***')"
    assert [str(secret), f"{secret}", f"{secret!s:>20}".strip(), format(secret, ".2"), str.format("{}", secret)] == [
        "***"
    ] * 5
    assert f"{[secret]}" == "[Secret('***')]"


def test_reveal_gives_the_value_back() -> None:
    """CONTRACT A4."""
    assert Secret(PASSWORD).reveal() == PASSWORD


@pytest.mark.parametrize("value", [None, 1, b"x", ["x"], Secret("x")])
def test_only_a_str_can_be_a_secret(value: Any) -> None:
    """CONTRACT 122."""
    with pytest.raises(TypeError, match="str"):
        Secret(value)


def test_a_secret_equals_only_a_secret() -> None:
    """CONTRACT 122: also hashable, and not equal to its own text."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("a").__eq__("a") is NotImplemented
    assert {Secret("a"), Secret("a")} == {Secret("a")}


def test_an_empty_secret_is_false() -> None:
    """CONTRACT 122."""
    assert not Secret("")
    assert Secret(" ")


def test_a_secret_does_not_change() -> None:
    """CONTRACT 122."""
    secret = Secret("a")
    for change in (
        lambda: setattr(secret, "_value", "b"),
        lambda: setattr(secret, "other", 1),
        lambda: delattr(secret, "_value"),
    ):
        with pytest.raises(AttributeError, match="immutable"):
            change()
    assert secret.reveal() == "a"


def test_pickle_and_copy_keep_the_value() -> None:
    """CONTRACT 122: workers need it."""
    secret = Secret(PASSWORD)
    copies = [pickle.loads(pickle.dumps(secret)), copy.copy(secret), copy.deepcopy(secret)]
    assert [twin.reveal() for twin in copies] == [PASSWORD] * 3


@pytest.mark.parametrize(
    "use",
    [len, iter, list, "".join, lambda s: s[0], lambda s: s[:2], lambda s: "h" in s, lambda s: s + "x", json.dumps],
)
def test_a_secret_is_no_sequence(use: Any) -> None:
    """CONTRACT 122: the TypeError names Secret and doesn't show it."""
    with pytest.raises(TypeError) as caught:
        use(Secret(PASSWORD))
    assert "Secret" in str(caught.value) or use == "".join
    assert PASSWORD not in str(caught.value)


def _record(message: Any, *args: Any) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, __file__, 1, message, args, None)


def test_the_filter_masks_secrets_among_the_arguments() -> None:
    """CONTRACT 123: a tuple of arguments; other arguments stay what they are."""
    record = _record("%s %s %d", Secret(PASSWORD), "user", 3)
    assert SecretRedactionFilter().filter(record) is True
    assert record.args == ("***", "user", 3)


def test_the_filter_masks_secrets_in_a_dict_of_arguments() -> None:
    """CONTRACT 123: ``log.info("%(key)s", {...})``."""
    given_args = {"key": Secret(PASSWORD), "n": 1}
    record = _record("%(key)s", given_args)
    assert SecretRedactionFilter().filter(record)
    assert record.args == {"key": "***", "n": 1}
    assert given_args["key"] == Secret(PASSWORD)


def test_the_filter_lets_a_record_without_arguments_pass() -> None:
    """CONTRACT 123."""
    record = _record("nothing here")
    assert SecretRedactionFilter().filter(record)
    assert record.getMessage() == "nothing here"
    bare = _record(Secret(PASSWORD))
    SecretRedactionFilter().filter(bare)
    assert bare.msg == "***"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("s3://bucket/key?region=eu", "s3://bucket/key?region=eu"),
        ("sftp://me:hunter2@host:22/p", "sftp://host:22/p"),
        ("sftp://me@host/p", "sftp://host/p"),
        ("sftp://me:hun/ter2@host/p", "sftp://host/p"),
        ("sftp://me:hun?ter2@host/p", "sftp://host/p"),
        ("sftp://me:hun@ter2@host/p", "sftp://host/p"),
        ("https://ghp_token@host/x", "https://host/x"),
        ("sftp://me:hun@/ter2@host/p", "sftp://host/p"),
        ("http://host:9000/a@b", "http://host:9000/a@b"),
        ("http://host:9000?x=a@b", "http://host:9000?x=a@b"),
        ("http://[::1]:9000/a@b", "http://[::1]:9000/a@b"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("abfss://box@acc.dfs.core.windows.net/p", "abfss://box@acc.dfs.core.windows.net/p"),
        (
            "https://a.blob.core.windows.net/c?sv=1&sig=hunter2&se=2",
            "https://a.blob.core.windows.net/c?sv=1&sig=***&se=2",
        ),
        ("https://h/b?X-Amz-Signature=hunter2&x-id=Get", "https://h/b?X-Amz-Signature=***&x-id=Get"),
        ("https://h/b?x%2Damz%2Dsecurity%2Dtoken=hunter2", "https://h/b?x%2Damz%2Dsecurity%2Dtoken=***"),
        ("https://h/#access_token=hunter2", "https://h/#access_token=***"),
        ("s3://b?endpoint=http://me:hunter2@h:1/", "s3://b?endpoint=http://h:1/"),
        ("s3://b?endpoint=http%3A%2F%2Fme%3Ahunter2%40h", "s3://b?endpoint=http://h"),
        ("GET https://u:hunter2@h/p failed, see sftp://u:hunter2@h2/q.", "GET https://h/p failed, see sftp://h2/q."),
        ("no url at all", "no url at all"),
        ("", ""),
    ],
)
def test_a_url_for_the_log_has_no_secret(text: str, redacted: str) -> None:
    """CONTRACT 146, CONVENTIONS demand 28: userinfo and secret-looking parameters go, the rest stays readable."""
    assert redact_url(text) == redacted


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1),
    st.text(alphabet="/?#@:&=%+.-_~", max_size=4),
)
def test_no_password_survives_redaction(word: str, noise: str) -> None:
    """CONTRACT 146: whatever reserved characters nobody encoded. (All digits and a slash would be a port.)"""
    password = f"q{word}{noise}ZZ9SECRET9ZZ"
    assert "ZZ9SECRET9ZZ" not in redact_url(f"sftp://user:{password}@host.example:22/p?x=1")


@pytest.mark.parametrize("name", ["key", "account_key", "X-Amz-Credential", "sig", "SAS_TOKEN", "authorization", "pwd"])
def test_secret_names_are_recognised(name: str) -> None:
    """CONTRACT 124."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["region", "endpoint_url", "prefix", "bucket", "timeout", "design"])
def test_ordinary_names_are_not_secret(name: str) -> None:
    """CONTRACT 124."""
    assert not is_secret_name(name)
