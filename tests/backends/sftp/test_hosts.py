"""Which hosts are let in: keys on record, pins, first use; what the refusals tell (RELIABILITY, hosts and SSH)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import subprocess
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from remote_store import HostKeyMismatch, InvalidConfig, PermissionDenied, RetryPolicy
from remote_store.backends import SFTPBackend, SFTPUtils
from tests.servers.openssh import OpenSSH, Shelf, keygen


def fingerprint(public: Path) -> str:
    """Ask ssh-keygen, so that no fingerprint of ours is judged by our own reckoning."""
    shown = subprocess.run(["ssh-keygen", "-lf", str(public)], capture_output=True, text=True, check=True).stdout
    return shown.split()[1]


@pytest.fixture
def backend(shelf: Shelf) -> Iterator[Any]:
    """Make backends for the shelf with other options; they are closed at the end."""
    made: list[SFTPBackend] = []

    def make(**options: Any) -> SFTPBackend:
        made.append(SFTPBackend(**{**shelf.options, "retry": RetryPolicy.disabled(), **options}))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def other_key(tmp_path: Path) -> str:
    """The public key of another host."""
    keygen(tmp_path / "other")
    return " ".join((tmp_path / "other.pub").read_text().split()[:2])


def line(server: OpenSSH, key: str) -> str:
    return f"[127.0.0.1]:{server.port} {key}\n"


def test_an_unknown_host_is_refused_with_its_fingerprint_and_the_file(
    backend: Any, ssh_server: OpenSSH, tmp_path: Path
) -> None:
    """Issue 9: strict by default; the text says what was shown and where nothing was found."""
    known = tmp_path / "known_hosts"
    with pytest.raises(HostKeyMismatch) as raised:
        backend(known_host_keys=None, host_keys_path=str(known)).exists("a")
    assert fingerprint(ssh_server.folder / "host.pub") in str(raised.value)
    assert str(known) in str(raised.value)
    assert not known.exists()


@pytest.mark.parametrize("policy", ["strict", "tofu", "auto"])
def test_a_changed_key_is_refused_under_every_policy(
    backend: Any, ssh_server: OpenSSH, tmp_path: Path, other_key: str, policy: str
) -> None:
    """RELIABILITY 23: refused, telling both fingerprints and the file, which stays as it is."""
    known = tmp_path / "known_hosts"
    known.write_text(line(ssh_server, other_key))
    with pytest.raises(HostKeyMismatch) as raised:
        backend(known_host_keys=None, host_keys_path=str(known), host_key_policy=policy).exists("a")
    for part in (fingerprint(ssh_server.folder / "host.pub"), fingerprint(tmp_path / "other.pub"), str(known)):
        assert part in str(raised.value)
    assert known.read_text() == line(ssh_server, other_key)


def test_a_key_of_another_type_on_record_is_a_changed_key(backend: Any, ssh_server: OpenSSH, tmp_path: Path) -> None:
    """Asking for the recorded type alone would end in a riddle about algorithms."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(tmp_path / "ec")], check=True)
    key = " ".join((tmp_path / "ec.pub").read_text().split()[:2])
    with pytest.raises(HostKeyMismatch, match="has changed"):
        backend(known_host_keys=line(ssh_server, key)).exists("a")


def test_first_use_is_written_down_with_a_warning_and_holds_from_then_on(
    backend: Any, ssh_server: OpenSSH, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """CONTRACT 155: the file and its folder are made, for the user alone."""
    known = tmp_path / "ssh" / "known_hosts"
    options = {"known_host_keys": None, "host_keys_path": str(known)}
    with caplog.at_level(logging.WARNING, logger="remote_store.sftp"):
        assert backend(**options, host_key_policy="tofu").exists("")
        assert backend(**options, host_key_policy="tofu").check_health() is None
    assert known.read_text() == ssh_server.known_hosts
    assert known.stat().st_mode & 0o777 == 0o600
    assert fingerprint(ssh_server.folder / "host.pub") in caplog.text
    caplog.clear()
    assert backend(**options).check_health() is None
    assert caplog.text == ""


def test_auto_accepts_with_a_warning_and_remembers_nothing(
    backend: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """CONTRACT 155: AUTO_ADD warns."""
    known = tmp_path / "known_hosts"
    with caplog.at_level(logging.WARNING, logger="remote_store.sftp"):
        backend(known_host_keys=None, host_keys_path=str(known), host_key_policy="AUTO_ADD").check_health()
    assert "accepted unseen" in caplog.text
    assert not known.exists()


@pytest.mark.parametrize("form", ["fingerprint", "key"])
def test_a_pin_lets_one_key_in_whatever_is_on_record(
    backend: Any, ssh_server: OpenSSH, other_key: str, form: str
) -> None:
    """Issue 9: a pinned key or fingerprint."""
    public = ssh_server.folder / "host.pub"
    pin = fingerprint(public) if form == "fingerprint" else public.read_text()
    backend(known_host_keys=line(ssh_server, other_key), host_key=pin).check_health()


def test_a_pin_keeps_every_other_key_out(backend: Any, ssh_server: OpenSSH, tmp_path: Path, other_key: str) -> None:
    """The pin wins over the record; both fingerprints are told."""
    pin = fingerprint(tmp_path / "other.pub")
    with pytest.raises(HostKeyMismatch) as raised:
        backend(host_key=pin).exists("a")
    assert pin in str(raised.value)
    assert fingerprint(ssh_server.folder / "host.pub") in str(raised.value)


def test_hashed_names_count(backend: Any, ssh_server: OpenSSH) -> None:
    """RELIABILITY, hosts: a hashed entry (HMAC-SHA1 of the name, as ssh-keygen -H writes it)."""
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, f"[127.0.0.1]:{ssh_server.port}".encode(), hashlib.sha1).digest()
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    key = ssh_server.known_hosts.split(" ", 1)[1]
    backend(known_host_keys=f"{hashed} {key}").check_health()


def test_a_revoked_key_is_refused_though_it_is_on_record(backend: Any, ssh_server: OpenSSH) -> None:
    """RELIABILITY, hosts: a revoked line, under the loosest policy."""
    revoked = f"@revoked {ssh_server.known_hosts}"
    with pytest.raises(HostKeyMismatch, match="revoked"):
        backend(known_host_keys=ssh_server.known_hosts + revoked, host_key_policy="auto").exists("a")


def test_a_malformed_line_is_passed_over_but_not_one_that_revokes(backend: Any, ssh_server: OpenSSH) -> None:
    """RELIABILITY, hosts: a bad line must not hide the others, nor let a revoked key in."""
    backend(known_host_keys=f"nonsense\n|1|x\n{ssh_server.known_hosts}").check_health()
    for line in (
        "@revoked oops",
        "@revoked * ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG",
        f"@Revoked {ssh_server.known_hosts}",
    ):
        with pytest.raises(InvalidConfig, match="line 1"):
            backend(known_host_keys=f"{line}\n{ssh_server.known_hosts}").exists("a")


def test_another_port_s_line_does_not_count(backend: Any, ssh_server: OpenSSH) -> None:
    """RELIABILITY, hosts: a wrong port entry."""
    key = ssh_server.known_hosts.split(" ", 1)[1]
    with pytest.raises(HostKeyMismatch, match="unknown"):
        backend(known_host_keys=f"[127.0.0.1]:{ssh_server.port + 1} {key}").exists("a")


def test_an_empty_record_knows_nobody(backend: Any, tmp_path: Path) -> None:
    """RELIABILITY, hosts: an empty file."""
    (tmp_path / "known").touch()
    with pytest.raises(HostKeyMismatch, match="unknown"):
        backend(known_host_keys=None, host_keys_path=str(tmp_path / "known")).exists("a")


def test_the_record_is_sought_in_argument_config_variable_and_file(
    backend: Any, ssh_server: OpenSSH, other_key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CONTRACT 155: in this order."""
    wrong, right = line(ssh_server, other_key), ssh_server.known_hosts
    (tmp_path / "known").write_text(wrong)
    monkeypatch.setenv("SFTP_KNOWN_HOST_KEYS", wrong)
    file = {"host_keys_path": str(tmp_path / "known")}
    backend(known_host_keys=right, config={"known_host_keys": wrong}, **file).check_health()
    backend(known_host_keys=None, config={"known_host_keys": right}, **file).check_health()
    monkeypatch.setenv("SFTP_KNOWN_HOST_KEYS", right)
    backend(known_host_keys=None, **file).check_health()
    monkeypatch.delenv("SFTP_KNOWN_HOST_KEYS")
    with pytest.raises(HostKeyMismatch, match="has changed"):
        backend(known_host_keys=None, **file).exists("a")


@pytest.mark.parametrize(
    "host", ["-oProxyCommand=touch /tmp/x", "user@host@evil", "a b", "host\n", "host/p", "host;ls", "$(id)", "h\0st"]
)
def test_options_smuggled_in_a_host_name_are_refused_at_once(host: str) -> None:
    """RELIABILITY, hosts: nothing is sent and nothing is run."""
    with pytest.raises(ValueError, match="host"):
        SFTPBackend(host)


@pytest.mark.parametrize("host", ["", "  "])
def test_an_empty_host_is_a_value_error_that_names_it(host: str) -> None:
    """CONTRACT 155."""
    with pytest.raises(ValueError, match="host"):
        SFTPBackend(host)


@pytest.mark.parametrize(
    ("given", "policy"),
    [("strict", "STRICT"), ("TRUST_ON_FIRST_USE", "TRUST_ON_FIRST_USE"), ("auto_add", "AUTO_ADD"), ("tofu", "TRUST_ON_FIRST_USE")],
)  # fmt: skip
def test_a_policy_is_named_by_value_or_by_member(given: str, policy: str) -> None:
    """CONTRACT 155."""
    assert SFTPUtils.HostKeyPolicy(given).name == policy
    SFTPBackend("h", host_key_policy=SFTPUtils.HostKeyPolicy[policy])
    with pytest.raises(ValueError, match="not a valid HostKeyPolicy"):
        SFTPBackend("h", host_key_policy="yes")


def test_a_host_certificate_counts_where_its_authority_is_on_record(tmp_path: Path, backend: Any, shelf: Shelf) -> None:
    """RELIABILITY, hosts: a host with a signed key; a plain key does not do instead of it."""
    from tests.servers.openssh import openssh

    keygen(tmp_path / "ca")
    authority = (tmp_path / "ca.pub").read_text()
    keygen(tmp_path / "signed")
    sign = [
        "ssh-keygen",
        "-q",
        "-s",
        str(tmp_path / "ca"),
        "-I",
        "host",
        "-h",
        "-n",
        "127.0.0.1",
        str(tmp_path / "signed.pub"),
    ]
    subprocess.run(sign, check=True)
    extra = (f"HostKey {tmp_path}/signed", f"HostCertificate {tmp_path}/signed-cert.pub")
    with openssh(*extra) as server:
        known = f"@cert-authority [127.0.0.1]:{server.port} {authority}"
        options = server.options(server.root, known_host_keys=known)
        one = backend(**options)
        one.check_health()
        one.close()
    stranger = f"@cert-authority [127.0.0.1]:{shelf.server.port} {authority}"
    with pytest.raises(HostKeyMismatch):
        backend(known_host_keys=stranger).exists("a")


# Logins


def test_a_key_is_taken_as_file_text_bytes_and_object(backend: Any, ssh_server: OpenSSH) -> None:
    """Issue 9: key path, bytes."""
    text = ssh_server.key.read_text()
    for key in (str(ssh_server.key), ssh_server.key, text, text.encode(), asyncssh.import_private_key(text)):
        backend(pkey=key).check_health()


def test_a_passphrase_opens_a_key_and_a_wrong_one_is_permission_denied(
    backend: Any, ssh_server: OpenSSH, tmp_path: Path
) -> None:
    """Issue 9: a wrong passphrase; it is in no text."""
    locked = tmp_path / "locked"
    locked.write_text(ssh_server.key.read_text())
    locked.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "right-one", "-f", str(locked)], check=True)
    backend(pkey=str(locked), passphrase="right-one").check_health()
    for passphrase in ("wrong-one", None):
        with pytest.raises(PermissionDenied, match="passphrase") as raised:
            backend(pkey=str(locked), passphrase=passphrase).exists("a")
        assert "wrong-one" not in str(raised.value)


def test_a_strange_key_is_permission_denied_that_names_user_and_host(backend: Any, tmp_path: Path) -> None:
    """RELIABILITY, credentials."""
    keygen(tmp_path / "stranger")
    with pytest.raises(PermissionDenied, match="127.0.0.1"):
        backend(pkey=str(tmp_path / "stranger")).exists("a")


def test_no_such_user_is_permission_denied(backend: Any) -> None:
    """Issue 9: no such user."""
    with pytest.raises(PermissionDenied, match="nobody-of-that-name"):
        backend(username="nobody-of-that-name").exists("a")


@pytest.mark.parametrize(
    "key", ["-----BEGIN OPENSSH PRIVATE KEY-----\nnope\n-----END OPENSSH PRIVATE KEY-----\n", "/no/such/key"]
)
def test_a_key_that_is_none_is_an_invalid_config(backend: Any, key: str) -> None:
    """RELIABILITY, credentials."""
    with pytest.raises(InvalidConfig, match="pkey|/no/such/key"):
        backend(pkey=key).exists("a")


def test_a_key_without_its_frame_is_in_no_error(backend: Any, ssh_server: OpenSSH) -> None:
    """RELIABILITY, credentials: text that is no PEM is taken for a file's name, and still is a secret."""
    bare = "".join(ssh_server.key.read_text().splitlines()[1:-1])
    with pytest.raises(InvalidConfig, match="pkey") as caught:
        backend(pkey=bare).exists("a")
    assert bare[:32] not in "".join(traceback.format_exception(caught.value))


def test_a_user_certificate_lets_in(backend: Any, tmp_path: Path) -> None:
    """Issue 9: certificates."""
    from tests.servers.openssh import openssh

    for name in ("ca", "me"):
        keygen(tmp_path / name)
    sign = ["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "me", "-n", "root,tester", str(tmp_path / "me.pub")]
    import getpass

    sign[7] = f"root,{getpass.getuser()}"
    subprocess.run(sign, check=True)
    with openssh(f"TrustedUserCAKeys {tmp_path}/ca.pub") as server:
        options = server.options(server.root, pkey=str(tmp_path / "me"))
        with pytest.raises(PermissionDenied):
            backend(**options).exists("a")
        signed = backend(**options, certificate=str(tmp_path / "me-cert.pub"))
        signed.check_health()
        signed.close()


def test_a_jump_host_is_gone_through_and_checked_too(backend: Any, ssh_server: OpenSSH, other_key: str) -> None:
    """Issue 9: jump hosts; the record has both, and a stranger on the way is refused."""
    from tests.servers.openssh import openssh

    with openssh() as gate:
        user = f"{gate.username}@127.0.0.1:{gate.port}"
        (gate.folder / "auth").write_text((ssh_server.folder / "user.pub").read_text())
        through = backend(known_host_keys=ssh_server.known_hosts + gate.known_hosts, jump_hosts=user)
        through.write("a", b"through the gate")
        assert through.read_bytes("a") == b"through the gate"
        through.close()
        with pytest.raises(HostKeyMismatch, match=str(gate.port)):
            backend(known_host_keys=ssh_server.known_hosts + line(gate, other_key), jump_hosts=user).exists("a")


@pytest.mark.parametrize("none", ["", (), []])
def test_no_jump_host_may_be_written_in_every_way(backend: Any, none: Any) -> None:
    """An option that is empty in a URL or a variable is not given."""
    backend(jump_hosts=none).check_health()


def test_the_user_s_ssh_configuration_is_read_when_asked(backend: Any, shelf: Shelf, tmp_path: Path) -> None:
    """Issue 9: ~/.ssh/config when asked: an alias with host, port, user and key."""
    config = tmp_path / "config"
    server = shelf.server
    config.write_text(
        f"Host shelf\n  HostName 127.0.0.1\n  Port {server.port}\n  User {server.username}\n  IdentityFile {server.key}\n"
    )
    public = server.folder / "host.pub"
    options = {"host": "shelf", "port": 22, "username": None, "pkey": None, "agent": False}
    backend(**options, ssh_config=str(config), host_key=fingerprint(public)).check_health()


def test_a_host_can_be_looked_at_before_it_is_trusted(ssh_server: OpenSSH) -> None:
    """CONTRACT 155: scan_host_keys gives a known_hosts line, scan_host_algorithms what the host offers."""
    assert SFTPUtils.scan_host_keys("127.0.0.1", ssh_server.port) + "\n" == ssh_server.known_hosts
    offered = SFTPUtils.scan_host_algorithms("127.0.0.1", ssh_server.port)
    assert str(offered["banner"]).startswith("SSH-2.0-OpenSSH")
    assert "ssh-ed25519" in offered["server_host_key_algorithms"]
    assert len(offered) == 11


def test_pem_on_one_line_is_repaired(ssh_server: OpenSSH) -> None:
    """CONTRACT 155: secret stores turn line ends into blanks; what is no PEM is told."""
    text = ssh_server.key.read_text()
    key = SFTPUtils.load_private_key(text.strip().replace("\n", " "))
    assert key.export_public_key().split()[:2] == (ssh_server.folder / "user.pub").read_bytes().split()[:2]
    assert SFTPUtils.load_private_key(str(ssh_server.key), from_file=True).algorithm == b"ssh-ed25519"
    with pytest.raises(ValueError, match="Invalid PEM"):
        SFTPUtils.load_private_key("no key at all")
    with pytest.raises(ValueError, match="Unexpected PEM"):
        SFTPUtils.load_private_key("-----BEGIN X-----\nab§cd\n-----END X-----")
