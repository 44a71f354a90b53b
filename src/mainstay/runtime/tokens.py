"""Tokens of the API: issued, looked up at every request, revoked.

The secret is known to whoever was given it. Here, in the ledger and in the view `tokens` stands a keyed hash of it, so
that whoever reads the ledger can ask for nothing with it. A look-up reads one row and writes nothing: when a token was
last used is kept in memory. What a token may hold is decided in `kernel.scopes`, whoever asks.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from mainstay.kernel.commands import IssueToken, RevokeToken
from mainstay.kernel.errors import AmbiguousId, CommandRefused, NotFound
from mainstay.kernel.persons import TOKEN
from mainstay.kernel.scopes import AGENT, HOLDERS, OF_AGENTS, OPERATOR, SCOPES, in_order
from mainstay.kernel.values import DAY, Instant, Json
from mainstay.ledger.store import EventReader, EventStore
from mainstay.runtime.clock import Clock
from mainstay.runtime.tick import Answer, Request

PREFIX = "mst_"  # so that whoever finds one in a file knows what it is
SECRET_BYTES = 32
SECRET_MAX = 100
NAME_MAX = 60
CANDIDATES_MAX = 10  # of one name, that are told apart
DAYS_MAX = 3_650
USUAL_DAYS = 90
ALL = 1_000_000

Hash = Callable[[str, str], bytes]
Ask = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Token:
    """What a token is good for, and whose it is."""

    token: str  # the keyed hash of its secret
    name: str
    holder: str  # "operator", "agent"
    scopes: frozenset[str]
    issued_at: Instant
    until: Instant

    def may(self, scope: str) -> bool:
        """Whether it is good for this."""
        return scope in self.scopes and (self.holder == OPERATOR or scope in OF_AGENTS)

    @property
    def actor(self) -> str:
        """Who it acts as: the operator, or an agent, which never decides."""
        return OPERATOR if self.holder == OPERATOR else TOKEN + self.name

    @property
    def via(self) -> str:
        """By what it acts, beside the name: as devices are told apart."""
        return f"token:{self.token[:16]}"


class Tokens:
    """The tokens of one workspace, for one director."""

    def __init__(self, store: EventStore, clock: Clock, hashed: Hash, ask: Ask) -> None:
        self._store = store
        self._clock = clock
        self._hashed = hashed
        self._ask = ask
        self._used_at: dict[str, Instant] = {}

    def known(self, secret: str) -> Token | None:
        """Whose secret this is, while that token is good. Notes that it was used, in memory alone."""
        now = self._clock.now()
        found = looked_up(self._store, self._hashed, secret, now)
        if found is not None:
            self._used_at[found.token] = now
        return found

    def still(self, token: Token) -> bool:
        """Whether a token that began a request is good yet: a body may take its time to come."""
        row = self._store.get("tokens", (token.token,))
        return row is not None and row["revoked_at"] is None and self._clock.now() < _int(row["until"])

    async def issue(
        self,
        *,
        name: str,
        holder: str = OPERATOR,
        scopes: Sequence[str],
        days: int = USUAL_DAYS,
        actor: str = OPERATOR,
        asked_as: str = "",
    ) -> tuple[str, Token]:
        """A new token and its secret, which is kept nowhere. Raises `CommandRefused` for what it cannot hold.

        `asked_as`: who asks, and the name of the request: asked again by it, the same secret comes back.
        """
        secret, token, _ = await self._issued(name, holder, scopes, days, actor, asked_as)
        return secret, token

    async def _issued(
        self, name: str, holder: str, scopes: Sequence[str], days: int, actor: str, asked_as: str
    ) -> tuple[str, Token, bool]:
        """The same, and whether it was issued now."""
        called = " ".join(name.split())
        _require_holdable(called, holder, scopes, days)
        secret = self._secret(asked_as)
        token, until = self._id(secret), Instant(self._clock.now() + days * DAY)
        command = IssueToken(token, called, holder, in_order(scopes), until, actor)
        answer = await self._ask(Request(command, actor))
        row = self._store.get("tokens", (token,))
        if row is None:
            raise CommandRefused(
                "This token was not issued.",
                why=f"{actor[:80]!r} may not give one away: only a person does.",
                remedy="Issue it with `mainstay tokens issue`.",
            )
        return secret, _token(row), answer.events > 0

    async def revoke(self, token: str, *, actor: str = OPERATOR, reason: str = "") -> bool:
        """End a token, by its id, the beginning of it, or its name; whether it was good.

        Raises `NotFound`, `AmbiguousId`.
        """
        found = self._find(token)
        answer = await self._ask(Request(RevokeToken(found, actor, reason[:200]), actor))
        self._used_at.pop(found, None)
        return answer.events > 0

    def standing(self) -> list[Json]:
        """The tokens that are good, newest first, with when each was last used since the director began."""
        now = self._clock.now()
        return [
            row | {"used_at": self._used_at.get(str(row["token"]))}
            for row in not_revoked(self._store)
            if now < _int(row["until"])
        ]

    async def revoke_over(self) -> int:
        """Revoke the tokens whose time is over: a clock that is set back must not make them good again."""
        now, count = self._clock.now(), 0
        for row in not_revoked(self._store):
            if _int(row["until"]) <= now:
                count += await self.revoke(str(row["token"]), actor="director", reason="its time was over")
        return count

    # --- through a door ----------------------------------------------------------------------------------------------

    async def issued(
        self, *, name: str, holder: str, scopes: list[str], days: int, actor: str, asked_as: str = ""
    ) -> Json:
        """`issue` as plain data; `new` says whether it was issued now, or by the same request before."""
        secret, token, is_new = await self._issued(name, holder, scopes, days, actor, asked_as)
        return {"secret": secret, "new": is_new, **encode(token)}

    async def revoked(self, *, token: str, actor: str, reason: str = "") -> Json:
        """`revoke` as plain data."""
        return {"revoked": int(await self.revoke(token, actor=actor, reason=reason))}

    # --- within ------------------------------------------------------------------------------------------------------

    def _secret(self, asked_as: str) -> str:
        if not asked_as:
            return PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        made = b"".join(self._hashed(f"token asked for {half}", asked_as) for half in (1, 2))
        return PREFIX + urlsafe_b64encode(made).decode().rstrip("=")

    def _id(self, secret: str) -> str:
        return _id(self._hashed, secret)

    def _find(self, short: str) -> str:
        if self._store.get("tokens", (short,)) is not None:
            return short
        rows = not_revoked(self._store)
        fitting = [
            row for row in rows if short and (str(row["token"]).startswith(short) or row["name"] == short)
        ]
        if len(fitting) == 1:
            return str(fitting[0]["token"])
        if fitting:
            ids = [str(row["token"]) for row in fitting[:CANDIDATES_MAX]]
            shown = (f"{str(row['token'])[:8]} ({row['holder']!s}, {row['scopes']!s})" for row in fitting)
            told = "; ".join(islice(shown, CANDIDATES_MAX))
            raise AmbiguousId(
                "Several tokens are meant.",
                why=f"{len(fitting)} tokens are called or begin with {short[:80]!r}: {told}.",
                remedy="End one by its id, `mainstay tokens revoke ID`; `mainstay tokens` says when each was issued.",
                id=short,
                candidates=ids,
            )
        raise NotFound(
            f"There is no token {short[:80]!r}.",
            why="No token that is good has this id or name.",
            remedy="`mainstay tokens` lists them.",
            token=short,
        )


def looked_up(store: EventReader, hashed: Hash, secret: str, now: Instant) -> Token | None:
    """Whose secret this is, while that token is good."""
    if not 0 < len(secret) <= SECRET_MAX or not secret.isascii():
        return None
    row = store.get("tokens", (_id(hashed, secret),))
    if row is None or row["revoked_at"] is not None or not now < _int(row["until"]):
        return None
    return _token(row)


def _id(hashed: Hash, secret: str) -> str:
    return hashed("token", secret).hex()


def not_revoked(store: EventReader) -> list[Json]:
    """The rows of the tokens that were not revoked, newest first; of some the time may be over."""
    where = {"revoked_at": None}
    return store.select("tokens", where=where, order="issued_at", descending=True, limit=ALL)


def encode(token: Token) -> Json:
    """A token as plain data."""
    return {
        "token": token.token,
        "name": token.name,
        "holder": token.holder,
        "scopes": list(in_order(token.scopes)),
        "issued_at": token.issued_at,
        "until": token.until,
    }


def _require_holdable(name: str, holder: str, scopes: Sequence[str], days: int) -> None:
    if not name or len(name) > NAME_MAX:
        raise CommandRefused(
            f"A token has a name of 1 to {NAME_MAX} characters.",
            why=f"This one has {len(name)}.",
            remedy="Say who will use it.",
        )
    if not name.isprintable():
        raise CommandRefused(
            "The name of a token is plain text.",
            why="There are characters in it that cannot be seen.",
            remedy="Type it anew.",
        )
    if holder not in HOLDERS:
        raise CommandRefused(
            f"{holder[:40]!r} is no holder of a token.", remedy="It is held by: " + ", ".join(HOLDERS) + "."
        )
    unknown = [one for one in scopes if one not in SCOPES]
    if unknown or not scopes:
        raise CommandRefused(
            f"{unknown[0][:40]!r} is no scope."
            if unknown
            else "A token without a scope is good for nothing.",
            why="Scopes are: " + ", ".join(SCOPES) + ".",
            remedy="Name those that are needed, and no others.",
        )
    beyond = [one for one in scopes if one not in OF_AGENTS]
    if holder == AGENT and beyond:
        raise CommandRefused(
            f"An agent's token cannot hold {beyond[0]!r}.",
            why="Agents read, remember, start and propose; what they propose is decided by a person.",
            remedy="Leave it out.",
            scope=beyond[0],
        )
    if not 0 < days <= DAYS_MAX:
        raise CommandRefused(f"A token is good for 1 to {DAYS_MAX} days.", remedy="Name a number of days.")


def _token(row: Json) -> Token:
    return Token(
        str(row["token"]),
        str(row["name"]),
        str(row["holder"]),
        frozenset(str(row["scopes"]).split()),
        Instant(_int(row["issued_at"])),
        Instant(_int(row["until"])),
    )


def _int(value: object) -> int:
    assert isinstance(value, int), "the column holds whole numbers"
    return value
