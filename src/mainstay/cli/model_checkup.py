"""The checks of `mainstay doctor` that are about models: the embedder of this device, and what is configured."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mainstay.cli.finding import Finding
from mainstay.workspace.folder import Folder

if TYPE_CHECKING:
    from mainstay.config.settings import Settings

ATTEMPT_S = 60.0  # `TaskSpec.timeout_s`, unless the workflow says otherwise


def embedder(folder: Folder, fix: bool) -> Iterable[Finding]:
    """The embedder of this device: there, whole, and ready."""
    from mainstay.models.base import Unavailable
    from mainstay.models.embedder import embedder_fault, embedder_status

    found = embedder_status(folder.cache)
    fault = found if isinstance(found, Unavailable) else embedder_fault(folder.cache)
    if isinstance(found, Unavailable) or fault is not None:
        assert fault is not None
        yield Finding("embedder", "warn", f"Search goes by words alone. {fault.reason}", fault.remedy)
        return
    built = "ready" if found.graph_ready else "its graph is built at the first start"
    yield Finding("embedder", "ok", f"{found.model_id}, {built}")


def models(folder: Folder, fix: bool) -> Iterable[Finding]:
    """The models of [models]: packages, secrets, addresses, prices."""
    from mainstay.config.files import load_settings

    settings = load_settings(folder.root)
    if not settings.models:
        yield Finding("models", "ok", "none is configured: everything is done on this device")
        return
    missing = [name for name in ("pydantic_ai", "openai") if find_spec(name) is None]
    if missing:
        from mainstay.models.client import INSTALL

        detail = f"{' and '.join(missing)} not installed: no model can be asked."
        yield Finding("models", "fail", detail, INSTALL)
        return
    yield from _each(settings)
    yield from _memory(settings)
    yield from _prices(settings)


def _each(settings: Settings) -> Iterable[Finding]:
    from mainstay.models.limited import WAIT_MAX_S
    from mainstay.models.metered import PRICE_REMEDY
    from mainstay.workspace.model_checks import model_states

    for one in model_states(settings):
        part = f"model {one.name}"
        if one.trouble:
            yield Finding(part, "warn", f"{one.use}: {one.trouble}.", one.remedy)
        elif one.price is None:
            detail = f"Nobody knows what {one.use} costs: each run that wants it asks you."
            yield Finding(part, "warn", detail, PRICE_REMEDY)
        elif not one.used_by:
            detail = f"{one.use} answers; nobody uses it."
            remedy = "Call it [models.default] for agents, or name it in [memory] embedder."
            yield Finding(part, "note", detail, remedy)
        else:
            yield Finding(
                part, "ok", f"{one.use}, for {one.used_by}; may be sent {', '.join(one.allowed_data)}"
            )
        timeout_s = settings.models[one.name].timeout_s
        if one.used_by == "agents" and timeout_s + WAIT_MAX_S > ATTEMPT_S:
            detail = f"One call may take {timeout_s:g} s, and an attempt has {ATTEMPT_S:g} s."
            remedy = "Give the tasks that use it a longer `timeout`: a call given up half-way costs its worst case."
            yield Finding(part, "note", detail, remedy)
        if one.used_by == "agents" and "customer" not in one.allowed_data:
            detail = f"{one.use} may not be sent data of customers: drafts are made on this device."
            remedy = (
                f'Write allowed_data = ["public", "customer"] into [models.{one.name}] if you agree to that.'
            )
            yield Finding(part, "note", detail, remedy)


def _memory(settings: Settings) -> Iterable[Finding]:
    from mainstay.models.base import Unavailable
    from mainstay.models.endpoint_embedder import find_endpoint_embedder
    from mainstay.models.metered import Purse
    from mainstay.workspace.language_models import MEMORY_DATA

    name = settings.memory.embedder
    if not name:
        return
    found = find_endpoint_embedder(settings.models[name], key=str, data_classes=MEMORY_DATA, purse=Purse(0))
    if isinstance(found, Unavailable):
        yield Finding("memory", "fail", f"Search goes by words alone. {found.reason}", found.remedy)


def _prices(settings: Settings) -> Iterable[Finding]:
    from mainstay.models.prices import price_of, prices_as_of, stale

    prices = [price_of(one) for one in settings.models.values()]
    if any(one is not None and one.said == "published" for one in prices) and stale(datetime.now(UTC).date()):
        yield Finding(
            "prices",
            "warn",
            f"The published prices are of {prices_as_of()}.",
            "`pip install --upgrade genai-prices` brings newer ones; prices in mainstay.toml count before them.",
        )
