"""Secrets: found where the reference says, shown nowhere, refused where others could read them."""

import json
import pickle
import sys
from pathlib import Path

import keyring
import keyring.backend
import pytest

from mainstay.kernel.errors import SecretError, Unavailable
from mainstay.net.secrets import Secret, SecretStore, default_key_home


class OneDrawer(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password


@pytest.fixture
def drawer():
    before, drawer = keyring.get_keyring(), OneDrawer()
    keyring.set_keyring(drawer)
    yield drawer
    keyring.set_keyring(before)


def store(tmp_path: Path, **environ: str) -> SecretStore:
    return SecretStore(tmp_path / "keys", environ=environ)


def test_a_secret_is_shown_nowhere():
    secret = Secret("hunter2")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>10}",
        f"{secret!r}",
        str((secret, {"password": secret})),
        repr([secret]),
    ]
    shown.append(json.dumps({"password": secret}, default=str))
    assert not [text for text in shown if "hunter2" in text]
    assert secret.reveal() == "hunter2"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret == Secret("hunter2")
    assert secret != "hunter2"


def test_environment(tmp_path):
    assert store(tmp_path, MAIL="x y").resolve("env:MAIL").reveal() == "x y"
    with pytest.raises(SecretError, match="set the environment variable MAIL"):
        store(tmp_path).resolve("env:MAIL")
    with pytest.raises(SecretError, match="only read"):
        store(tmp_path).store("env:MAIL", Secret("x"))


def test_keyring(tmp_path, drawer):
    secrets = store(tmp_path)
    with pytest.raises(SecretError, match="secrets set"):
        secrets.resolve("keyring:support")
    secrets.store("keyring:support", Secret("pässword"))
    assert drawer.kept == {("mainstay", "support"): "pässword"}
    assert secrets.resolve("keyring:support").reveal() == "pässword"


def test_a_keyring_that_keeps_nothing_is_noticed(tmp_path):
    import keyring.backends.null

    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.null.Keyring())
    try:
        with pytest.raises(SecretError, match="age:NAME"):
            store(tmp_path).store("keyring:support", Secret("x"))
    finally:
        keyring.set_keyring(before)


def test_age_file(tmp_path):
    secrets = store(tmp_path)
    secrets.store("age:support", Secret("one"))
    secrets.store("age:other", Secret("two"))
    secrets.store("age:support", Secret("three"))
    assert store(tmp_path).resolve("age:support").reveal() == "three"
    assert store(tmp_path).resolve("age:other").reveal() == "two"
    home = tmp_path / "keys"
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in home.iterdir()} == {
        "identity.txt": "0o600",
        "secrets.age": "0o600",
    }
    assert b"three" not in (home / "secrets.age").read_bytes()
    with pytest.raises(SecretError, match="age:nothing"):
        secrets.resolve("age:nothing")


def test_an_identity_that_others_can_read_is_refused(tmp_path):
    secrets = store(tmp_path)
    secrets.store("age:support", Secret("one"))
    (tmp_path / "keys" / "identity.txt").chmod(0o640)
    with pytest.raises(SecretError, match="chmod 600"):
        secrets.resolve("age:support")


@pytest.mark.parametrize("damage", ["identity", "secrets", "lost identity"])
def test_damage_is_told_with_a_remedy(tmp_path, damage):
    secrets = store(tmp_path)
    secrets.store("age:support", Secret("s3cr3t"))
    identity, encrypted = tmp_path / "keys" / "identity.txt", tmp_path / "keys" / "secrets.age"
    if damage == "identity":
        identity.write_text("nonsense")
    elif damage == "secrets":
        encrypted.write_bytes(encrypted.read_bytes()[:-3])
    else:
        identity.unlink()
    with pytest.raises(SecretError) as refused:
        secrets.resolve("age:support")
    assert refused.value.remedy
    assert "s3cr3t" not in str(refused.value) + repr(refused.value.as_dict())


def test_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    assert store(tmp_path).resolve(f"file:{path}").reveal() == "s3cret"
    path.chmod(0o644)
    with pytest.raises(SecretError, match="other users"):
        store(tmp_path).resolve(f"file:{path}")


@pytest.mark.parametrize("text", ["hunter2", "", "env:", "vault:x", "env:a b", "keyring:../x"])
def test_what_is_no_reference_is_not_repeated(tmp_path, text):
    with pytest.raises(SecretError) as refused:
        store(tmp_path).resolve(text)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(refused.value.as_dict())


def test_missing_packages_are_named(tmp_path, monkeypatch):
    for name in ("keyring", "keyring.errors", "pyrage"):
        monkeypatch.setitem(sys.modules, name, None)
    for reference in ("keyring:support", "age:support"):
        with pytest.raises(Unavailable, match=r"mainstay\[secrets\]"):
            store(tmp_path).store(reference, Secret("x"))


def test_the_key_home_lies_outside_of_workspaces():
    assert default_key_home({"HOME": "/home/ann"}) == Path("/home/ann/.config/mainstay")
    assert default_key_home({"MAINSTAY_KEY_HOME": "/keys"}) == Path("/keys")
