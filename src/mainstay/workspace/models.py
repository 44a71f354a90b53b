"""`Workspace.models`: the configured language models, how each stands, and one small call to try one.

    for one in workspace.models.all():
        print(one.name, one.reached, one.trouble)
    workspace.models.check("default")

The settings are read at each call: what was put into mainstay.toml a moment ago is what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Json

if TYPE_CHECKING:
    from mainstay.config.settings import Settings
    from mainstay.workspace.model_checks import Checked, ModelState


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """What a call to try a model would send, to whom, and what it costs at most (None: nobody knows)."""

    use: str
    endpoint: str
    sends: str
    ceiling_micros: int | None


class Models:
    """The models of one workspace."""

    def __init__(self, settings: Callable[[], Settings], used: Callable[[], Sequence[Json]]) -> None:
        """`used`: what the ledger says was asked of them."""
        self._settings = settings
        self._used = used

    def all(self, *, reach: bool = True) -> tuple[ModelState, ...]:
        """Every configured model. `reach`: each endpoint is asked which models it has; nothing else is sent."""
        from mainstay.workspace.model_checks import model_states

        settings = self._settings()
        return model_states(settings, reach=reach, used=self._used()) if settings.models else ()

    def planned(self, name: str) -> PlannedCheck:
        """What `check` would send and cost. Raises `NotFound`."""
        from mainstay.workspace.model_checks import check_ceiling, named_model, sends

        settings = self._settings()
        model = named_model(settings, name)
        return PlannedCheck(model.use, model.endpoint, sends(model, settings), check_ceiling(model, settings))

    def check(self, name: str, *, unpriced: bool = False) -> Checked:
        """Make one small call; it stands in no budget. All that the world does is told in `trouble`.

        Raises `NotFound`, and `CommandRefused` where nobody knows what it costs, unless `unpriced` says yes to that.
        """
        from mainstay.models.metered import PRICE_REMEDY
        from mainstay.workspace.model_checks import check_model

        planned = self.planned(name)
        if planned.ceiling_micros is None and not unpriced:
            raise CommandRefused(
                f"Nobody knows what a call of {planned.use} costs.",
                why="An unknown price is never taken for nothing. No call was made.",
                remedy=f"{PRICE_REMEDY} Or agree to that: `--yes`, and `unpriced` in the API.",
                model=name,
            )
        return check_model(self._settings(), name)
