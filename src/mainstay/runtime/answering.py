"""What a person may say of a card: yes, another text, no, not now, take it back.

Rules of this file:

- Whatever the door, it is decided here: that a digest fits, that the second step was taken, what an edit changed, what
  the checks say of it. A door passes on what a person gave and knows nothing better.
- Finding comes first and rendering last: what is refused leaves nothing behind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mainstay.governance.own_text import own_text
from mainstay.governance.second_step import is_confirmed, second_step
from mainstay.kernel.cards import on_its_way_out
from mainstay.kernel.commands import (
    Command,
    EditApproval,
    GrantApproval,
    RejectApproval,
    SnoozeApproval,
    UndoAct,
)
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.ids import ApprovalId, RunId, SubjectId
from mainstay.kernel.policy import Action
from mainstay.kernel.state import Act, RunState
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.short_ids import find_id
from mainstay.runtime.artifacts import SubjectForgotten
from mainstay.runtime.sending import Decided, Row, Sending, whole

REASON_CHAR_MAX = 10_000
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}")
_GAP = {
    "check": "missing-placeholder",
    "remark": "placeholders are filled in templates only; this one would be sent as it stands",
    "remedy": "write what should stand there",
}


class Answering(Sending):
    """Takes answers for one director."""

    async def approve(
        self,
        approval: str,
        *,
        digest: str | None = None,
        actor: str,
        open_us: int = 0,
        confirm: str = "",
        via: str = "",
        follow: Sequence[Command] = (),
    ) -> Decided:
        """Yes to a card. With a digest, or the beginning of one: only if that is what waits.

        `follow` is decided in the same tick if this led to anything: that the link of this yes is spent.

        What is final and of high stake wants its second step in `confirm`: see `governance.second_step`.
        """
        before = self._answered(approval, digest, "granted")
        if before is not None:
            return before
        row = self._waiting(approval, digest)
        confirmed = self._confirmed(row, confirm)
        command = GrantApproval(
            RunId(str(row["run"])),
            ApprovalId(str(row["approval"])),
            Digest(str(row["digest"])),
            *(actor, open_us, confirmed, "", via),
        )
        return await self._send(command, row, actor, taught=self._taught(row, None, actor), follow=follow)

    async def reject(
        self,
        approval: str,
        *,
        reason: str = "",
        digest: str | None = None,
        actor: str,
        open_us: int = 0,
        via: str = "",
        follow: Sequence[Command] = (),
    ) -> Decided:
        """No to a card, and why."""
        before = self._answered(approval, digest, "rejected")
        if before is not None:
            return before
        row = self._waiting(approval, digest)
        return await self._send(
            self._rejection(row, reason, actor, open_us, "", via), row, actor, follow=follow
        )

    async def edit(
        self,
        approval: str,
        *,
        text: str,
        digest: str | None = None,
        actor: str,
        open_us: int = 0,
        confirm: str = "",
        anyway: bool = False,
        via: str = "",
        follow: Sequence[Command] = (),
    ) -> Decided:
        """Yes to a card with another text: a new effect with a digest of its own is rendered and approved.

        What the checks find in the new text, and not in the one that was inspected, is told; `anyway` sends it all
        the same.
        """
        from mainstay.agents.edit_distance import edit_of

        row = self._waiting(approval, digest)
        run = RunId(str(row["run"]))
        state, act, number = self._card(run, str(row["approval"]))
        request, shown = self._editable(state, act)
        if not text.strip():
            raise CommandRefused("The new text is empty.", remedy="Write one, or reject the card.")
        self._refuse_when_killed()  # before it is rendered: what is refused must not wait on the stage
        if not anyway:
            self._refuse_findings(text, self._looked_at(row, shown, state.head.owner))
        action = self._rendered(state, act, number, {**request, "reply": {**request["reply"], "text": text}})
        command = EditApproval(
            run, ApprovalId(str(row["approval"])), Digest(str(row["digest"])), action, actor, open_us
        )
        try:
            confirmed = self._confirmed(row, confirm, action)
        except CommandRefused:
            self._artifacts.take_staged()
            raise
        edit = edit_of(shown, text)
        command = replace(command, confirmed=confirmed, words=edit.words, changed=edit.changed, via=via)
        return await self._send(
            command, row, actor, blobs=True, taught=self._taught(row, text, actor), follow=follow
        )

    async def snooze(
        self, approval: str, *, until: int, actor: str, via: str = "", follow: Sequence[Command] = ()
    ) -> Decided:
        """Not now: the card leaves the list until then, and is told anew. It expires when it would have."""
        row = self._waiting(approval, None)
        now, expires_at = self._director.clock.now(), whole(row["expires_at"])
        if until <= now:
            raise CommandRefused(
                "This time has passed.",
                why="A card can only be put off to later.",
                remedy="Name a later time.",
            )
        if expires_at and until >= expires_at:
            raise CommandRefused(
                "A card cannot be put off beyond its expiry.",
                why="Nobody would see it again before it is given up.",
                remedy="Name an earlier time, or decide now.",
                expires_at=expires_at,
            )
        command = SnoozeApproval(
            RunId(str(row["run"])), ApprovalId(str(row["approval"])), Instant(until), actor
        )
        return await self._send(command, row, actor, follow=follow)

    async def undo(self, run: str, *, task: str = "", actor: str, via: str = "") -> Decided:
        """Take back what may leave and has not left yet; a card asks anew. Without a task: the only one there is."""
        found = RunId(find_id(self._store, "runs", "run", run))
        one = self._director.load(found)
        state = one.state if one is not None else None
        numbers = [] if state is None else [at for at, task in state.all_tasks() if on_its_way_out(task)]
        if task and state is not None:
            numbers = [at for at in numbers if task in (str(at), state.name(at))]
        if not numbers:
            raise CommandRefused(
                "There is nothing to take back.",
                why=f"Of run {found[-8:]} nothing"
                + (f" called {task!r}" if task else "")
                + " is on its way out.",
                remedy="`mainstay approvals` lists what can still be taken back; what has left has left.",
                run=found,
            )
        if len(numbers) > 1:
            assert state is not None
            raise CommandRefused(
                f"{len(numbers)} acts of this run can be taken back.",
                why="They are " + ", ".join(map(state.name, numbers[:10])) + ".",
                remedy="Name one of them after the run.",
                tasks=[state.name(at) for at in numbers[:20]],
            )
        row: Row = {"run": found, "task": numbers[0]}
        decided = await self._send(UndoAct(found, numbers[0], actor, via), row, actor)
        where: Row = {"run": found, "task": numbers[0], "status": "waiting"}
        asks = self._store.select("approvals", where=where, order="requested_at", descending=True, limit=1)
        return replace(decided, detail={"approval": asks[0]["approval"]}) if asks else decided

    def _rejection(
        self, row: Row, reason: str, actor: str, open_us: int, batch: str, via: str
    ) -> RejectApproval:
        if len(reason) > REASON_CHAR_MAX:
            raise CommandRefused(
                "The reason is too long.",
                why=f"It has {len(reason):,} characters; {REASON_CHAR_MAX:,} are the most.",
                remedy="Shorten it.",
            )
        sealed = self._artifacts.seal_text(reason, self._subject(str(row["run"])))
        return RejectApproval(
            RunId(str(row["run"])), ApprovalId(str(row["approval"])), actor, sealed, open_us, batch, via
        )

    # --- what an answer must have ------------------------------------------------------------------------------------

    def _confirmed(self, row: Row, typed: str, action: Action | None = None) -> bool:
        """Whether the second step was taken. Raises `CommandRefused` where it is wanted and was not."""
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        finality = str(action.finality if action is not None else row["finality"])
        digest = Digest(str(action.digest if action is not None else row["digest"]))
        price = action.price_micros if action is not None else row["price_micros"]
        card = Digest(str(action.card if action is not None else row["card"]))
        if not second_step(finality, None, price_micros=None, digest=digest):
            return False
        shown = self._artifacts.open_json(card, subject, b"card")
        wanted = second_step(
            finality, shown, price_micros=price if isinstance(price, int) else None, digest=digest
        )
        if is_confirmed(wanted, typed):
            return True
        raise CommandRefused(
            "This is final and of high stake: a yes is not enough."
            if not typed
            else "What was typed is not what this card asks for.",
            why=f"It wants a second step: type {wanted!r}. Nothing was decided.",
            remedy=f"Give --confirm {wanted!r}, or type it where you are asked.",
            second_step=wanted,
        )

    def _editable(self, state: RunState, act: Act) -> tuple[Json, str]:
        """The request behind a card and the text in it. Raises `CommandRefused` where there is none."""
        card = self._artifacts.open_json(act.action.card, state.head.owner, b"card")
        if card is None:
            raise _forgotten()
        request = card.get("request")
        reply = request.get("reply") if isinstance(request, dict) else None
        if not isinstance(request, dict) or not isinstance(reply, dict):
            raise CommandRefused(
                "This effect has no text to edit.",
                why=f"It is {act.action.act}.",
                remedy="Approve or reject it as it is.",
            )
        return request, str(reply.get("text", ""))

    def _looked_at(self, row: Row, shown: str, owner: SubjectId | None) -> str:
        """The text that was looked at before anybody asked: a person's own, which waits again, was not."""
        own = own_text(self._store, row)
        if own is None:
            return shown
        card = self._artifacts.open_json(Digest(str(own.inspected["card"])), owner, b"card") or {}
        reply = (card.get("request") or {}).get("reply")
        return str(reply.get("text", "")) if isinstance(reply, dict) else ""

    def _refuse_findings(self, text: str, looked_at: str) -> None:
        """Tell everything that is wrong with a new text, since `anyway` is for all of it. Raises `CommandRefused`."""
        found = [
            {"check": one.check, "remark": one.remark, "remedy": one.remedy}
            for one in self._inspect(text, looked_at)
        ]
        placeholder = _PLACEHOLDER.search(text) is not None
        if placeholder and not any(one["check"] == _GAP["check"] for one in found):
            found.insert(0, dict(_GAP))
        if not found:
            return
        more = ", and more was found" if len(found) > 1 else ""
        raise CommandRefused(
            f"The new text has a placeholder in it{more}."
            if placeholder
            else "The checks found something in the new text.",
            why="; ".join(f"{one['check']}: {one['remark']}" for one in found) + ". Nothing was decided.",
            remedy="Change it, or send it --anyway.",
            findings=found,
        )

    def _rendered(self, state: RunState, act: Act, number: int, edited: Json) -> Action:
        route = self._routes(act.action.act, edited)
        if route is None:
            raise CommandRefused(
                f"No adapter of this workspace can do {act.action.act} any more.",
                remedy="Look at [adapters] in mainstay.toml.",
            )
        try:
            return self._rendering().action(
                *(route, act.action.act, state.head.run, number, state.head.owner, edited),
                act.action.features,
            )
        except SubjectForgotten as error:
            raise _forgotten() from error
        except ValueError as error:
            raise CommandRefused(
                "The edited reply cannot be sent.", why=str(error), remedy="Change the text and try again."
            ) from error


def _forgotten() -> CommandRefused:
    return CommandRefused(
        "This reply cannot be edited.",
        why="Whoever it is about was forgotten, and nothing of it can be read any more.",
        remedy="Reject the card.",
    )
