"""Configurations: read from dicts and TOML, with the environment, with profiles."""

from __future__ import annotations

import copy
import dataclasses
import os
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.config import BackendConfig, RegistryConfig, StoreProfile, resolve_env
from remote_store._core.errors import InvalidConfig
from remote_store._core.profiles import (
    Resolved,
    config_path,
    option_from_text,
    profile_options,
    selected_profile,
)
from remote_store._core.retry import RetryPolicy
from remote_store._core.secret import Secret
from remote_store._core.suggest import nearest, unknown

FULL: dict[str, Any] = {
    "backends": {
        "main": {"type": "s3", "options": {"bucket": "b", "secret": "hunter2"}, "retry": {"max_attempts": 5}},
        "disk": {"type": "local", "options": {"root": "/srv"}},
    },
    "stores": {"prod": {"backend": "main", "root_path": "runs"}, "scratch": {"backend": "disk"}},
}

# from_dict


def test_a_dict_becomes_a_configuration() -> None:
    """CONTRACT 114."""
    config = RegistryConfig.from_dict(FULL)
    assert config.backends["main"] == BackendConfig(
        "s3", {"bucket": "b", "secret": Secret("hunter2")}, RetryPolicy(max_attempts=5)
    )
    assert config.stores == {"prod": StoreProfile("main", "runs"), "scratch": StoreProfile("disk")}
    config.validate()
    assert RegistryConfig.from_dict({}) == RegistryConfig()


def test_null_options_and_null_root_are_the_defaults() -> None:
    """CONTRACT 114: as YAML writes an empty section."""
    config = RegistryConfig.from_dict(
        {
            "backends": {"m": {"type": "memory", "options": None, "retry": None}},
            "stores": {"s": {"backend": "m", "root_path": None, "options": None}},
        }
    )
    assert config.backends["m"] == BackendConfig("memory")
    assert config.stores["s"] == StoreProfile("m")


def test_a_retry_policy_is_taken_as_it_is() -> None:
    """CONTRACT 114."""
    policy = RetryPolicy.disabled()
    config = RegistryConfig.from_dict({"backends": {"m": {"type": "memory", "retry": policy}}})
    assert config.backends["m"].retry is policy


def test_an_unknown_retry_field_is_named() -> None:
    """CONTRACT 114: with the nearest field."""
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'max_attempt'.*'max_attempts'"):
        RegistryConfig.from_dict({"backends": {"m": {"type": "memory", "retry": {"max_attempt": 3}}}})


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ([], "configuration"),
        (None, "configuration"),
        ({"backends": []}, "backends"),
        ({"backends": None}, "backends"),
        ({"stores": "x"}, "stores"),
        ({"backends": {"m": "memory"}}, r"backends\.m"),
        ({"backends": {"m": None}}, r"backends\.m"),
        ({"backends": {1: {"type": "memory"}}}, "backends"),
        ({"backends": {"m": {}}}, r"backends\.m\.type.*missing"),
        ({"backends": {"m": {"type": 3}}}, r"backends\.m\.type"),
        ({"backends": {"m": {"type": "memory", "options": []}}}, r"backends\.m\.options"),
        ({"backends": {"m": {"type": "memory", "options": {1: 2}}}}, r"backends\.m\.options"),
        ({"backends": {"m": {"type": "memory", "retry": 3}}}, r"backends\.m\.retry"),
        ({"backends": {"m": {"type": "memory", "retry": {"timeout": "1"}}}}, "timeout"),
        ({"stores": {"s": []}}, r"stores\.s"),
        ({"stores": {"s": {}}}, r"stores\.s\.backend"),
        ({"stores": {"s": {"backend": 1}}}, r"stores\.s\.backend"),
        ({"stores": {"s": {"backend": "m", "root_path": 1}}}, r"stores\.s\.root_path"),
        ({"stores": {"s": {"backend": "m", "options": 1}}}, r"stores\.s\.options"),
    ],
)
def test_a_wrong_shape_is_a_type_error_with_its_place(data: Any, place: str) -> None:
    """CONTRACT 114."""
    with pytest.raises(TypeError, match=place):
        RegistryConfig.from_dict(data)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"timeout": float("nan")}, r"backends\.m\.options\.timeout is nan"),
        ({"nested": {"list": [1.0, float("nan")]}}, r"nested\.list\[1\] is nan"),
        ({"secret": "**********"}, "redaction mark"),
        ({"account_key": "***"}, "redaction mark"),
    ],
)
def test_an_option_that_can_mean_nothing_is_refused(options: dict[str, Any], text: str) -> None:
    """RELIABILITY 'Config and URLs': NaN, a redaction mark fed back as a secret."""
    with pytest.raises(InvalidConfig, match=text):
        RegistryConfig.from_dict({"backends": {"m": {"type": "memory", "options": options}}})


def test_a_structure_inside_itself_is_refused() -> None:
    """RELIABILITY 'Config and URLs': YAML anchors can make a loop."""
    options: dict[str, Any] = {"a": []}
    options["a"].append(options)
    data = {"backends": {"m": {"type": "memory", "options": options}}}
    with pytest.raises(InvalidConfig, match=r"backends\.m\.options\.a\[0\] contains itself"):
        RegistryConfig.from_dict(data)
    with pytest.raises(InvalidConfig, match="contains itself"):
        resolve_env(data, environ={})


def test_the_input_is_not_changed_and_not_shared() -> None:
    """CONTRACT 114."""
    data: dict[str, Any] = {"backends": {"m": {"type": "s3", "options": {"key": "k", "deep": {"list": [1]}}}}}
    before = copy.deepcopy(data)
    config = RegistryConfig.from_dict(data)
    config.backends["m"].options["deep"]["list"].append(2)
    assert data == before


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"backend": {}}, "Unknown top-level config keys: 'backend'. Did you mean 'backends'?"),
        ({"zz": 1, "aa": 2}, "Unknown top-level config keys: 'aa', 'zz'."),
        ({"backends": {"m": {"type": "memory", "option": {}}}}, "Unknown keys in backends.m: 'option'."),
        ({"stores": {"s": {"backend": "m", "root": "x"}}}, "Unknown keys in stores.s: 'root'."),
    ],
)
def test_an_unknown_key_warns_at_the_callers_line(data: dict[str, Any], text: str, tmp_path: Path) -> None:
    """CONTRACT 114: the same from from_dict and from_toml."""
    with pytest.warns(UserWarning) as caught:
        RegistryConfig.from_dict(data)
        line = _line() - 1
    assert text in str(caught[0].message)
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)

    file = tmp_path / "c.toml"
    file.write_text(_toml(data))
    with pytest.warns(UserWarning) as caught:
        RegistryConfig.from_toml(file)
        line = _line() - 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_another_reader_of_the_same_shape_can_attribute_its_warnings() -> None:
    """CONTRACT 114: `from_yaml` warns at its caller's line too."""

    def from_yaml() -> RegistryConfig:
        return RegistryConfig._from_dict({"zz": 1}, stacklevel=2)

    with pytest.warns(UserWarning) as caught:
        from_yaml()
        line = _line() - 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_a_correct_configuration_warns_of_nothing() -> None:
    """CONTRACT 114."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RegistryConfig.from_dict(FULL)


def _line() -> int:
    import inspect

    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    return frame.f_back.f_lineno


def _toml(data: dict[str, Any], prefix: str = "") -> str:
    """Write the few shapes that these tests need."""
    lines = [f"{name} = {value!r}" for name, value in data.items() if not isinstance(value, dict)]
    for name, value in data.items():
        if isinstance(value, dict):
            lines += [f"[{prefix}{name}]", _toml(value, f"{prefix}{name}.")]
    return "\n".join(lines)


# Secrets


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "secret",
        "password",
        "account_key",
        "sas_token",
        "connection_string",
        "client_secret",
        "client_certificate",
    ],
)
def test_a_text_under_a_secret_name_becomes_a_secret(name: str) -> None:
    """CONTRACT 115: other types stay as they are."""
    for options in (BackendConfig("x", {name: "hunter2"}).options, StoreProfile("x", "", {name: "hunter2"}).options):
        assert options == {name: Secret("hunter2")}
    for other in (None, 3, b"hunter2", Secret("hunter2")):
        assert BackendConfig("x", {name: other}).options[name] is other


def test_no_repr_of_a_configuration_shows_a_secret() -> None:
    """CONTRACT 115: nested dicts, which SDKs need as they are, and URLs with a password included."""
    config = RegistryConfig.from_dict(
        {
            "backends": {
                "m": {
                    "type": "s3",
                    "options": {
                        "key": "hunter2",
                        "client_options": {"client_kwargs": [{"aws_session_token": "hunter2"}]},
                        "url": "postgresql://me:hunter2@db/x",
                        "region_name": "eu",
                    },
                }
            },
            "stores": {"s": {"backend": "m", "options": {"secret": "hunter2"}}},
        }
    )
    assert "hunter2" not in repr(config)
    assert "Secret('***')" in repr(config)
    assert "'region_name': 'eu'" in repr(config)
    assert config.backends["m"].options["client_options"]["client_kwargs"][0]["aws_session_token"] == "hunter2"


def test_configurations_are_frozen_and_compared_by_content() -> None:
    """CONTRACT A4."""
    config = RegistryConfig.from_dict(FULL)
    assert config == RegistryConfig.from_dict(copy.deepcopy(FULL))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.stores = {}  # type: ignore[misc]


# from_toml


def test_a_toml_file_is_read_and_its_references_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 116, 117: references only where asked."""
    file = tmp_path / "pyproject.toml"
    file.write_text(
        '[tool.remote-store.backends.m]\ntype = "s3"\noptions = {bucket = "${BUCKET_NAME}", n = 1}\n'
        '[tool.remote-store.stores.s]\nbackend = "m"\n'
    )
    monkeypatch.setenv("BUCKET_NAME", "b")
    table = ("tool", "remote-store")
    plain = RegistryConfig.from_toml(file, table=table)
    assert plain.backends["m"].options == {"bucket": "${BUCKET_NAME}", "n": 1}
    filled = RegistryConfig.from_toml(str(file), table=list(table), resolve_env_vars=True)
    assert filled.backends["m"].options == {"bucket": "b", "n": 1}


@pytest.mark.parametrize(
    ("content", "table", "error", "text"),
    [
        ("[tool.x]", ("tool", "remote-store"), KeyError, "remote-store"),
        ("[tools]", ("tool",), KeyError, "Did you mean 'tools'"),
        ("tool = 3", ("tool",), TypeError, "Expected a TOML table"),
        ("[[tool]]", ("tool",), TypeError, "Expected a TOML table"),
        ("[tool]", "tool", TypeError, "sequence of names"),
        ("a = 1\na = 2", (), tomllib.TOMLDecodeError, "overwrite"),
        ("a = ", (), tomllib.TOMLDecodeError, "end of document"),
    ],
)
def test_a_toml_file_that_does_not_fit_is_refused(
    tmp_path: Path, content: str, table: Any, error: type[Exception], text: str
) -> None:
    """CONTRACT 116, RELIABILITY 'Config and URLs': TOML with duplicate keys."""
    file = tmp_path / "c.toml"
    file.write_text(content)
    with pytest.raises(error, match=text):
        RegistryConfig.from_toml(file, table=table)


def test_a_missing_toml_file_is_a_file_not_found_error(tmp_path: Path) -> None:
    """CONTRACT 116."""
    with pytest.raises(FileNotFoundError):
        RegistryConfig.from_toml(tmp_path / "none.toml")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
@pytest.mark.parametrize(
    ("mode", "value", "warned"), [(0o644, "hunter2", True), (0o600, "hunter2", False), (0o644, "${RS_KEY}", False)]
)
def test_a_secret_in_a_file_that_all_may_read_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, value: str, warned: bool
) -> None:
    """RELIABILITY 'Config and URLs': world-readable secrets file; the file is named, the secret is not."""
    file = tmp_path / "c.toml"
    file.write_text(_toml({"backends": {"m": {"type": "s3", "options": {"key": value}}}}))
    file.chmod(mode)
    RegistryConfig.from_toml(file)
    assert ("backends.m.options.key" in caplog.text and str(file) in caplog.text) is warned
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("options", [None, [], "key"])
def test_options_that_are_no_dict_are_a_type_error(options: Any) -> None:
    """CONTRACT 114: also without from_dict."""
    with pytest.raises(TypeError, match="options must be a dict"):
        BackendConfig("memory", options)


# validate


def test_a_store_without_its_backend_is_refused_with_what_there_is() -> None:
    """CONTRACT 118: the store, the backend, the ones available, the nearest."""
    config = RegistryConfig.from_dict({**FULL, "stores": {"prod": {"backend": "man"}}})
    with pytest.raises(ValueError, match=r"'prod'.*'man'.*Did you mean 'main'.*'disk', 'main'") as caught:
        config.validate()
    assert isinstance(caught.value, InvalidConfig)


# resolve_env


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("${A}", "1"),
        ("x${A}y${B}z", "x1y2z"),
        ("${NONE:-d}", "d"),
        ("${NONE:-}", ""),
        ("${NONE:-a:-b}", "a:-b"),
        ("${A:-d}", "1"),
        ("${EMPTY}", ""),
        ("${EMPTY:-d}", ""),
        ("$${A}", "${A}"),
        ("$${A}${A}", "${A}1"),
        ("$$${A}", "$${A}"),
        ("$A", "$A"),
        ("${A", "${A"),
        ("${}", "${}"),
        ("${1}", "${1}"),
        ("pa$s", "pa$s"),
        ("${LOOP}", "${LOOP}"),
        ("", ""),
        (3, 3),
        (None, None),
        (True, True),
    ],
)
def test_references_in_values_are_filled_in(value: Any, filled: Any) -> None:
    """CONTRACT 117: what a variable holds is not looked at again, so that there are no loops."""
    environ = {"A": "1", "B": "2", "EMPTY": "", "LOOP": "${LOOP}"}
    assert resolve_env({"v": value}, environ=environ) == {"v": filled}


def test_dicts_and_lists_are_walked_and_copied_keys_are_not_touched() -> None:
    """CONTRACT 117."""
    data: dict[str, Any] = {"${A}": {"l": ["${A}", ["${A}"], {"k": "${A}"}]}, "t": ("${A}",)}
    before = copy.deepcopy(data)
    resolved = resolve_env(data, environ={"A": "1"})
    assert resolved == {"${A}": {"l": ["1", ["1"], {"k": "1"}]}, "t": ("${A}",)}
    assert data == before
    assert resolved["${A}"]["l"] is not data["${A}"]["l"]


def test_a_missing_variable_is_named_with_its_place() -> None:
    """CONTRACT 117."""
    data = {"backends": {"m": {"options": {"list": ["x", "${NO_SUCH}"]}}}}
    with pytest.raises(KeyError, match=r"NO_SUCH.*backends\.m\.options\.list\[1\]"):
        resolve_env(data, environ={})


def test_a_default_cannot_hold_a_reference() -> None:
    """CONTRACT 117: refused rather than filled in half."""
    with pytest.raises(InvalidConfig, match="default"):
        resolve_env({"v": "${A:-${B}}"}, environ={"B": "2"})


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT A1."""
    monkeypatch.setenv("RS_TEST_VALUE", "here")
    assert resolve_env({"v": "${RS_TEST_VALUE}"}) == {"v": "here"}
    assert "RS_TEST_VALUE" in os.environ


# Profiles


def values(found: dict[str, Resolved]) -> dict[str, tuple[Any, str]]:
    return {name: (option.value, option.source) for name, option in found.items()}


def test_argument_beats_environment_beats_profile_beats_default() -> None:
    """CONVENTIONS 'Environment': and each option tells which won."""
    data = {
        "backends": {"main": {"type": "s3", "options": {"a": "file", "b": "file", "c": "file"}}},
        "stores": {"prod": {"backend": "main"}},
    }
    found = profile_options(
        "prod",
        data,
        {"REMOTE_STORE_PROD_A": "env", "REMOTE_STORE_PROD_B": "env"},
        arguments={"a": "arg"},
        defaults={"a": "def", "b": "def", "c": "def", "d": "def"},
    )
    assert values(found) == {
        "type": ("s3", "profile"),
        "a": ("arg", "argument"),
        "b": ("env", "environment"),
        "c": ("file", "profile"),
        "d": ("def", "default"),
    }
    assert found["b"].describe("b") == "b = 'env' (environment: REMOTE_STORE_PROD_B)"
    assert found["c"].origin == "backends.main.options.c"


def test_a_profile_is_a_store_with_its_backend() -> None:
    """CONTRACT A4: type, root, retry and options; secrets are Secret and not shown."""
    found = profile_options("prod", FULL, {"REMOTE_STORE_PROD_KEY": "hunter3", "REMOTE_STORE_PROD_ROOT_PATH": "x"})
    assert values(found) == {
        "type": ("s3", "profile"),
        "retry": (RetryPolicy(max_attempts=5), "profile"),
        "root_path": ("x", "environment"),
        "bucket": ("b", "profile"),
        "secret": (Secret("hunter2"), "profile"),
        "key": (Secret("hunter3"), "environment"),
    }
    shown = repr(found) + "".join(option.describe(name) for name, option in found.items())
    assert "hunter" not in shown


def test_a_profile_can_live_in_the_environment_alone() -> None:
    """CONVENTIONS 'Environment': as RCLONE_CONFIG_<remote>_<option>; empty variables count as not set."""
    environ = {"REMOTE_STORE_MY_NAS_TYPE": "local", "REMOTE_STORE_MY_NAS_ROOT": "/n", "REMOTE_STORE_MY_NAS_X": ""}
    found = profile_options("my-nas", {}, environ)
    assert values(found) == {"type": ("local", "environment"), "root": ("/n", "environment")}


def test_references_of_the_chosen_profile_alone_are_filled_in() -> None:
    """CONTRACT 117: a variable that only another profile needs may be missing."""
    data = {
        "backends": {"a": {"type": "s3", "options": {"bucket": "${B}"}}, "z": {"type": "${NONE}"}},
        "stores": {"a": {"backend": "a"}, "z": {"backend": "z"}},
    }
    assert values(profile_options("a", data, {"B": "box"}))["bucket"] == ("box", "profile")
    with pytest.raises(KeyError, match=r"NONE.*backends\.z\.type"):
        profile_options("z", data, {})


def test_an_unknown_profile_names_the_nearest() -> None:
    """RELIABILITY 'Config and URLs': profile missing."""
    with pytest.raises(InvalidConfig, match=r"Unknown profile 'prd'\. Did you mean 'prod'\?.*REMOTE_STORE_CONFIG"):
        profile_options("prd", FULL, {})
    with pytest.raises(InvalidConfig, match="Available: none"):
        profile_options("prod", {}, {})


def test_a_profile_without_its_backend_names_the_nearest() -> None:
    """RELIABILITY 'Config and URLs': an unknown backend."""
    data = {**FULL, "stores": {"prod": {"backend": "mian"}}}
    with pytest.raises(InvalidConfig, match=r"'prod'.*Unknown backend 'mian'. Did you mean 'main'"):
        profile_options("prod", data, {})


@pytest.mark.parametrize(
    "data",
    [
        {"stores": []},
        {"stores": {"prod": 3}},
        {"stores": {"prod": {"backend": 3}}},
        {"stores": {"prod": {"backend": "m"}}, "backends": 3},
    ],
)
def test_a_profile_of_the_wrong_shape_is_a_type_error(data: dict[str, Any]) -> None:
    """CONTRACT 114."""
    with pytest.raises(TypeError, match=r"stores|backends"):
        profile_options("prod", data, {"REMOTE_STORE_PROD_KEY": "x"})


def test_a_variable_belongs_to_the_longest_profile_name() -> None:
    """CONVENTIONS 'Environment': with profiles `a` and `a_b`, ..._A_B_KEY is the key of `a_b`."""
    data = {
        "backends": {"m": {"type": "memory"}},
        "stores": {"a": {"backend": "m"}, "a_b": {"backend": "m"}},
    }
    environ = {"REMOTE_STORE_A_B_REGION": "eu"}
    assert "b_region" not in profile_options("a", data, environ)
    assert values(profile_options("a_b", data, environ))["region"] == ("eu", "environment")


def test_a_variable_that_fits_two_profiles_is_refused() -> None:
    """CONVENTIONS 'Environment': never a guess."""
    data = {"backends": {"m": {"type": "memory"}}, "stores": {"a-b": {"backend": "m"}, "a_b": {"backend": "m"}}}
    assert "type" in profile_options("a_b", data, {})
    with pytest.raises(InvalidConfig, match=r"REMOTE_STORE_A_B_X.*'a_b'.*'a-b'"):
        profile_options("a_b", data, {"REMOTE_STORE_A_B_X": "1"})


def test_an_unknown_key_in_a_profile_warns_at_the_callers_line() -> None:
    """CONTRACT 114."""
    data = {"backends": {"m": {"type": "memory"}}, "stores": {"s": {"backend": "m", "root": "x"}}}
    with pytest.warns(UserWarning, match=r"stores\.s: 'root'. Did you mean 'root_path'") as caught:
        profile_options("s", data, {})
        line = _line() - 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_the_profile_and_the_file_come_from_the_environment() -> None:
    """CONVENTIONS 'Environment': REMOTE_STORE_PROFILE and REMOTE_STORE_CONFIG; the argument wins."""
    environ = {"REMOTE_STORE_PROFILE": "prod", "REMOTE_STORE_CONFIG": "/etc/rs.toml"}
    assert config_path(environ) == "/etc/rs.toml"
    assert config_path({}) is config_path({"REMOTE_STORE_CONFIG": ""}) is None
    assert selected_profile("test", environ) == Resolved("test", "argument", "profile")
    assert selected_profile(None, environ) == Resolved("prod", "environment", "REMOTE_STORE_PROFILE")
    assert selected_profile(None, {"REMOTE_STORE_PROFILE": ""}) is None


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("yes", bool, True),
        ("1", bool, True),
        ("TRUE", bool, True),
        ("off", bool, False),
        ("0", bool, False),
        ("12", int, 12),
        ("-3", int, -3),
        ("1.5", float, 1.5),
        ("1e3", float, 1000.0),
        ("12", str, "12"),
    ],
)
def test_an_option_given_as_text_becomes_what_is_wanted(text: str, kind: type, value: Any) -> None:
    """CONVENTIONS 'URLs': options as query (``?anon=1``)."""
    assert option_from_text("o", text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [("maybe", bool), ("2", bool), ("", bool), ("1.5", int), ("x", int), ("nan", float), ("inf", float), ("", float)],
)
def test_an_option_text_that_does_not_fit_is_refused(text: str, kind: type) -> None:
    """RELIABILITY 'Config and URLs': NaN, wrong types; a secret is not repeated."""
    with pytest.raises(InvalidConfig, match="option 'port' must be"):
        option_from_text("port", text, kind)
    with pytest.raises(InvalidConfig) as caught:
        option_from_text("account_key", "hunter2", kind)
    assert "hunter2" not in str(caught.value)


# Suggestions


@pytest.mark.parametrize(
    ("name", "text"),
    [("locl", " Did you mean 'local'?"), ("LOCAL", " Did you mean 'local'?"), ("zzz", ""), ("", "")],
)
def test_the_nearest_name_is_suggested(name: str, text: str) -> None:
    """RELIABILITY 'Config and URLs': misspelt names."""
    assert nearest(name, ["local", "memory"]) == text


def test_an_unknown_name_is_told_with_all_that_exist() -> None:
    """RELIABILITY 'Config and URLs'."""
    assert unknown("option", "rot", ["root"]) == "Unknown option 'rot'. Did you mean 'root'? Available: 'root'."
