"""Devices that may look and decide: admitted at log-in, looked up at every request, dismissed.

The secret of a session is known to its device alone. Here, in the ledger and in the view `devices` stands a keyed
hash of it, so that whoever reads the ledger can log in with nothing of it. A look-up reads one row and writes
nothing: when a device was last used is kept in memory, and `dismiss_idle`, a chore of its own and no part of any
request, dismisses those that were not used for long. After a restart each device that was admitted has one more such
time.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mainstay.kernel.commands import AdmitDevice, DismissDevice
from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.store import EventReader, EventStore
from mainstay.runtime.clock import Clock
from mainstay.runtime.tick import Answer, Request

SECRET_BYTES = 32
NAME_MAX = 40
ALL = 1_000_000
MICROS = 1_000_000

Hash = Callable[[str, str], bytes]  # kind and value to what only this workspace can compute
Ask = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Device:
    """A device that is logged in."""

    device: str  # the keyed hash of its session's secret
    name: str
    via: str
    admitted_at: Instant
    until: Instant


class Devices:
    """The devices of one workspace, for one director."""

    def __init__(
        self, store: EventStore, clock: Clock, hashed: Hash, ask: Ask, *, idle_us: int, session_us: int
    ) -> None:
        self._store = store
        self._clock = clock
        self._hashed = hashed
        self._ask = ask
        self._idle_s = idle_us / MICROS
        self._session_us = session_us
        self._used_s: dict[str, float] = {}

    def known(self, secret: str, *, using: bool = True) -> Device | None:
        """Whose secret this is, while that device may look and decide. Notes that it was used, in memory alone.

        What a page asks for by itself is no use (`using`): one that is left open does not keep its device admitted.
        """
        if not 0 < len(secret) <= 100 or not secret.isascii():
            return None
        device = self._id(secret)
        row = self._store.get("devices", (device,))
        if row is None or row["dismissed_at"] is not None or not self._clock.now() < _int(row["until"]):
            return None
        now_s = self._clock.monotonic_s()
        if now_s - self._used_s.setdefault(device, now_s) >= self._idle_s:
            return None
        if using:
            self._used_s[device] = now_s
        return _device(row)

    async def admit(self, *, name: str, via: str, instead_of: str = "") -> str:
        """Let a device in under a new secret, which is returned and kept nowhere; the device before it goes."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        device = self._id(secret)
        until = Instant(self._clock.now() + self._session_us)
        before = (DismissDevice(instead_of, "operator", "logged in anew"),) if instead_of else ()
        called = " ".join(name.split())[:NAME_MAX] or "a device"
        await self._ask(Request(AdmitDevice(device, called, via, until), "operator", follow=before))
        self._used_s[device] = self._clock.monotonic_s()
        self._used_s.pop(instead_of, None)
        return secret

    async def dismiss(self, device: str, *, actor: str = "operator", reason: str = "logged out") -> bool:
        """Log a device out, by its id or the beginning of it; whether it was in. Raises `NotFound`, `AmbiguousId`."""
        found = self._find(device)
        answer = await self._ask(Request(DismissDevice(found, actor, reason), actor))
        self._used_s.pop(found, None)
        return answer.events > 0

    async def dismiss_all(self, *, actor: str = "operator", reason: str = "logged out everywhere") -> int:
        """Log every device out; how many were in."""
        count = 0
        for one in self.admitted():
            count += await self.dismiss(one.device, actor=actor, reason=reason)
        return count

    async def dismiss_idle(self) -> int:
        """Dismiss the devices that were not used for long, and look after those that a former director admitted.

        Whose time is over is dismissed, too: a clock that is set back must not let it in again.
        """
        now, now_s, count = self._clock.now(), self._clock.monotonic_s(), 0
        for one in self._not_dismissed():
            if one.until <= now:
                count += await self.dismiss(one.device, actor="director", reason="its time was over")
            elif now_s - self._used_s.setdefault(one.device, now_s) >= self._idle_s:
                count += await self.dismiss(one.device, actor="director", reason="not used for long")
        return count

    async def dismissed(self, device: str, *, actor: str) -> Json:
        """The same through a door: one device, or with `""` all of them."""
        if not device:
            return {"dismissed": await self.dismiss_all(actor=actor)}
        return {"dismissed": int(await self.dismiss(device, actor=actor))}

    def admitted(self) -> list[Device]:
        """The devices that may look and decide, newest first."""
        now = self._clock.now()
        return [one for one in self._not_dismissed() if now < one.until]

    def _not_dismissed(self) -> list[Device]:
        # All of them: who could hide behind those that came later would survive every log-out.
        return [_device(row) for row in not_dismissed(self._store)]

    def _id(self, secret: str) -> str:
        return self._hashed("device", secret).hex()

    def _find(self, short: str) -> str:
        if self._store.get("devices", (short,)) is not None:
            return short
        fitting = [one.device for one in self.admitted() if short and one.device.startswith(short)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise AmbiguousId(
                why=f"{len(fitting)} devices begin with {short!r}.", remedy="Type more of it.", id=short
            )
        raise NotFound(
            f"There is no device {short!r}.",
            why="No device that is logged in has this id or one that begins like it.",
            remedy="`mainstay devices` lists them.",
            device=short,
        )


def not_dismissed(store: EventReader) -> list[Json]:
    """The rows of the devices that were not dismissed, newest first; of some the time may be over."""
    where = {"dismissed_at": None}
    return store.select("devices", where=where, order="admitted_at", descending=True, limit=ALL)


def encode(device: Device) -> Json:
    """A device as plain data."""
    return {
        "device": device.device,
        "name": device.name,
        "via": device.via,
        "admitted_at": device.admitted_at,
        "until": device.until,
    }


def _device(row: Json) -> Device:
    return Device(
        str(row["device"]),
        str(row["name"]),
        str(row["via"]),
        Instant(_int(row["admitted_at"])),
        Instant(_int(row["until"])),
    )


def _int(value: object) -> int:
    assert isinstance(value, int), "the column holds whole numbers"
    return value
