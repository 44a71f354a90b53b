"""What a ledger out of a backup cannot know of who may come in: whom the operator let go in the time that is lost.

A device that was lost and logged out, or a token that leaked and was revoked, is good again by the backup. Nobody can
say which, so all of them go; to log in anew, and to issue a token anew, takes a minute.
"""

from __future__ import annotations

from mainstay.kernel.commands import DismissDevice, RevokeToken
from mainstay.ledger.store import EventReader
from mainstay.runtime.tick import Request

ALL = 1_000_000
DIRECTOR = "director"
REASON = "the ledger was restored from a backup"


def let_go(store: EventReader) -> list[Request]:
    """What logs out every device and ends every token."""
    devices = store.select("devices", where={"dismissed_at": None}, order="admitted_at", limit=ALL)
    tokens = store.select("tokens", where={"revoked_at": None}, order="issued_at", limit=ALL)
    return [
        *(Request(DismissDevice(str(one["device"]), DIRECTOR, REASON)) for one in devices),
        *(Request(RevokeToken(str(one["token"]), DIRECTOR, REASON)) for one in tokens),
    ]
