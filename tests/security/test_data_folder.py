"""The folder of a workspace, its key home, its socket, what it writes: others cannot look in, nor put theirs there."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import struct
from asyncio.trsock import TransportSocket
from pathlib import Path
from typing import BinaryIO

import pytest

from mainstay.cli.main import run
from mainstay.kernel.errors import SecretError, WorkspaceUnsafe
from mainstay.ledger.signing import SigningKey, create_signing_key
from mainstay.runtime.clock import SystemClock
from mainstay.workspace.held import Held
from mainstay.workspace.serving import Service
from tests.security.attacks import Patch, attack
from tests.security.audited_desk import AuditedDesk, audited_desk, audited_master

__all__ = ["audited_desk", "audited_master"]

OPEN = 0o077


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def opened(desk: AuditedDesk) -> None:
    """As whoever writes opens it."""
    Held(desk.folder, SystemClock()).close()


@attack(("mainstay.workspace.held", "check_folder", lambda folder: ""))
def test_a_folder_that_others_can_look_into_is_made_private_and_told(
    audited_desk: AuditedDesk, caplog: pytest.LogCaptureFixture
) -> None:
    audited_desk.folder.state.chmod(0o755)
    with caplog.at_level(logging.WARNING, "mainstay"):
        opened(audited_desk)
    assert mode(audited_desk.folder.state) == 0o700
    assert "others could look into it" in caplog.text


@attack(("mainstay.ledger.safety", "_network", lambda path, mounts: ""))
def test_a_folder_that_came_to_lie_on_a_network_is_refused(
    audited_desk: AuditedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mainstay.ledger import safety

    mounted = [(Path("/"), "ext4"), (audited_desk.root.resolve(), "nfs4")]
    monkeypatch.setattr(safety, "_mounted", lambda mounts: iter(mounted))
    _refused(audited_desk)


@attack(("mainstay.ledger.safety", "_synchronised", lambda path: ""))
def test_a_folder_that_came_to_be_synchronised_is_refused(audited_desk: AuditedDesk) -> None:
    (audited_desk.root / ".stfolder").mkdir()
    _refused(audited_desk)


@attack(("mainstay.ledger.safety", "_network", lambda path, mounts: ""))
def test_a_link_to_a_network_is_refused_by_where_it_leads(
    audited_desk: AuditedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mainstay.ledger import safety

    away = audited_desk.root.parent / "share"
    audited_desk.folder.state.rename(away)
    audited_desk.folder.state.symlink_to(away)
    mounted = [(Path("/"), "ext4"), (away.resolve(), "cifs")]
    monkeypatch.setattr(safety, "_mounted", lambda mounts: iter(mounted))
    _refused(audited_desk)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
@attack(("mainstay.ledger.safety", "_make_private", lambda path: ""))
def test_a_link_to_somebody_elses_folder_is_refused(audited_desk: AuditedDesk) -> None:
    away = audited_desk.root.parent / "theirs"
    audited_desk.folder.state.rename(away)
    audited_desk.folder.state.symlink_to(away)
    os.chown(away, 12_345, -1)
    _refused(audited_desk)


def _refused(desk: AuditedDesk) -> None:
    try:
        opened(desk)
    except WorkspaceUnsafe:
        return
    pytest.fail("it was opened")


def _for_all(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o644)


@attack(("mainstay.ledger.key_file", "write_durably", _for_all))
def test_others_cannot_read_the_signing_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_signing_key(tmp_path / "home" / "a.signing")
    finally:
        os.umask(before)
    assert mode(tmp_path / "home") == 0o700
    assert mode(tmp_path / "home" / "a.signing") == 0o600


def _signing_key(path: Path) -> SigningKey:
    return SigningKey(path.read_bytes()) if path.exists() else None  # type: ignore[return-value]


@attack(("mainstay.runtime.signing", "read_signing_key", _signing_key))
def test_a_signing_key_that_others_can_read_signs_nothing(audited_desk: AuditedDesk) -> None:
    audited_desk.signing_key.chmod(0o640)
    code, said = audited_desk.say("audit", "sign")
    assert code != 0
    assert said["what"] == "Others can read the signing key."


MASTER_KEY_AS_IT_IS: Patch = ("mainstay.ledger.master_key", "read_master_key", Path.read_bytes)


@attack(MASTER_KEY_AS_IT_IS)
def test_a_master_key_that_others_can_read_opens_nothing(audited_desk: AuditedDesk) -> None:
    audited_desk.signing_key.with_suffix(".key").chmod(0o640)
    with pytest.raises(SecretError, match="Others can read the master key"):
        _unsealed(audited_desk)


@attack(MASTER_KEY_AS_IT_IS)
def test_a_key_home_that_everybody_writes_to_is_refused(audited_desk: AuditedDesk) -> None:
    audited_desk.signing_key.parent.chmod(0o777)
    with pytest.raises(SecretError, match="Others can put another"):
        _unsealed(audited_desk)


def _unsealed(desk: AuditedDesk) -> None:
    from mainstay.workspace.folder import open_vault

    open_vault(desk.folder, desk.signing_key.with_suffix(".key")).close()


@attack(("mainstay.runtime.control", "os.umask", lambda mask: 0))
def test_the_socket_is_for_its_owner_alone(audited_desk: AuditedDesk) -> None:
    before = os.umask(0)
    found: list[int] = []

    async def life() -> None:
        service = Service(audited_desk.folder)

        def ready() -> None:
            found.append(mode(audited_desk.folder.socket))
            service.stop()

        await service.run(ready)

    try:
        asyncio.run(life())
    finally:
        os.umask(before)
    assert found == [0o600]


@attack(("mainstay.runtime.control", "peer_uid", lambda connection: os.getuid()))
def test_another_user_is_not_answered(audited_desk: AuditedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reached the socket all the same, as another user."""
    answered: list[object] = []

    async def life() -> None:
        service = Service(audited_desk.folder)

        def ready() -> None:
            asyncio.get_running_loop().create_task(ask(service))

        async def ask(service: Service) -> None:
            try:
                reader, writer = await asyncio.open_unix_connection(str(audited_desk.folder.socket))
                writer.write(b'{"operation":"status","arguments":{}}\n')
                answered.append(await reader.readline())
                writer.close()
            except ConnectionError:
                answered.append(b"")
            finally:
                service.stop()

        await service.run(ready)

    def other(self: object, level: int, option: int, size: int = 0) -> bytes:
        return struct.pack("3i", 1, 4_321, 4_321)

    monkeypatch.setattr(TransportSocket, "getsockopt", other)
    asyncio.run(life())
    assert answered == [b""]


def _as_it_comes(path: Path, **_: object) -> BinaryIO:
    return path.open("wb")


@attack(("mainstay.ledger.whole_file", "whole_file", _as_it_comes))
def test_what_is_written_is_for_its_owner_alone(audited_desk: AuditedDesk) -> None:
    before = os.umask(0)
    try:
        backup = audited_desk.root.parent / "backup"
        assert run(["ledger", "backup", str(backup), "-w", str(audited_desk.root)]) == 0
        assert (
            run(
                ["audit", "export", "--to", str(audited_desk.root.parent / "x"), "-w", str(audited_desk.root)]
            )
            == 0
        )
    finally:
        os.umask(before)
    for place in (backup, audited_desk.root.parent / "x", *backup.rglob("*")):
        assert not mode(place) & OPEN, place
