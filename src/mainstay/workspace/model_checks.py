"""How the configured models stand: reached or not, what they cost, what may be sent, what was spent; and one call.

Rules of this file: looking sends nothing but a question which models there are. `check_model` makes one call with
fixed words, says before what it sends, and belongs to no run: it stands in no budget.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from time import perf_counter
from typing import Final

from mainstay.config.settings import Settings
from mainstay.kernel import errors
from mainstay.kernel.errors import MainstayError, NotFound
from mainstay.models.base import Completion, Message, Prompt, Unanswered
from mainstay.models.bounds import worst_case
from mainstay.models.client import INSTALL, EndpointModel
from mainstay.models.endpoint_embedder import EndpointEmbedder, known_dimensions
from mainstay.models.metered import Purse
from mainstay.models.prices import Price, price_of
from mainstay.models.settings import AGENTS_MODEL, ModelSettings
from mainstay.net.secrets import SecretStore

REACH_S: Final = 3.0
CHECK_SYSTEM: Final = "Answer with one word."
CHECK_TEXT: Final = "Say: ready"
CHECK_TOKEN_MAX: Final = 256  # some models think before they say a word


@dataclass(frozen=True, slots=True)
class Spent:
    """What the ledger says of a model."""

    calls: int = 0
    cost_micros: int = 0
    cached: int = 0
    saved_micros: int = 0


@dataclass(frozen=True, slots=True)
class ModelState:
    """One configured model. `reached`: None if it was not tried; `trouble` says what is wrong, `remedy` what to do."""

    name: str
    use: str
    endpoint: str
    used_by: str  # "agents", "memory" or nobody
    allowed_data: tuple[str, ...]
    price: Price | None
    reached: bool | None = None
    trouble: str = ""
    remedy: str = ""
    spent: Spent = Spent()


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one call. `answer` is what was said, `trouble` why nothing was."""

    name: str
    use: str
    sent: str
    latency_ms: int
    input_tokens: int
    output_tokens: int
    cost_micros: int | None
    answer: str = ""
    dimensions: int = 0
    unproven: bool = False
    trouble: str = ""
    remedy: str = ""


def model_states(
    settings: Settings,
    *,
    reach: bool = True,
    used: Iterable[Mapping[str, object]] = (),
    secrets: SecretStore | None = None,
) -> tuple[ModelState, ...]:
    """Every configured model, in the order of the file. `used`: rows of the view `models_used`."""
    store, rows = secrets or SecretStore(), list(used)
    models = list(settings.models.values())

    def state(one: ModelSettings) -> ModelState:
        reached, trouble, remedy = _reached(one, store) if reach else (None, "", "")
        return ModelState(
            name=one.name,
            use=one.use,
            endpoint=one.endpoint,
            used_by=_used_by(one, settings),
            allowed_data=one.allowed_data,
            price=price_of(one, embedding=is_embedding(one, settings)),
            reached=reached,
            trouble=trouble,
            remedy=remedy,
            spent=_spent(one, rows),
        )

    if not models:
        return ()
    with ThreadPoolExecutor(max_workers=min(8, len(models))) as pool:
        return tuple(pool.map(state, models))


def is_embedding(model: ModelSettings, settings: Settings) -> bool:
    """Whether a model gives vectors and no text."""
    return settings.memory.embedder == model.name or known_dimensions(model) > 0


def sends(model: ModelSettings, settings: Settings) -> str:
    """What `check_model` sends, in words."""
    if is_embedding(model, settings):
        return f"the text {CHECK_TEXT!r}, to be turned into a vector"
    return f"the instruction {CHECK_SYSTEM!r} and the message {CHECK_TEXT!r}"


def check_ceiling(model: ModelSettings, settings: Settings) -> int | None:
    """The most that `check_model` may cost; None: unknown."""
    price = price_of(model, embedding=is_embedding(model, settings))
    worst = worst_case(_prompt(model))
    return None if price is None else price.cost_micros(worst.input_tokens, worst.output_tokens)


def named_model(settings: Settings, name: str) -> ModelSettings:
    """The settings of a model. Raises `NotFound`."""
    found = settings.models.get(name)
    if found is None:
        there = ", ".join(settings.models) or "none"
        raise NotFound(
            f"There is no model {name!r}.",
            why=f"mainstay.toml has these: {there}.",
            remedy=f"Write [models.{name}] there, or name one of them.",
        )
    return found


def check_model(settings: Settings, name: str, *, secrets: SecretStore | None = None) -> Checked:
    """One small call. Raises `NotFound`; all that the world does is told in `trouble`."""
    model, store = named_model(settings, name), secrets or SecretStore()
    if is_embedding(model, settings):
        return _check_vectors(model, settings, store)
    price, sent = price_of(model), sends(model, settings)

    async def ask() -> tuple[Completion | Unanswered, int]:
        client = EndpointModel(model, lambda: _key(model, store))
        try:
            await client.warm()
            began = perf_counter()
            answer = await client.complete(_prompt(model))
            return answer, round((perf_counter() - began) * 1_000)
        finally:
            await client.aclose()

    answer, took_ms = asyncio.run(ask())
    usage = answer.usage or worst_case(_prompt(model))
    cost = None if price is None else price.cost_micros(usage.input_tokens, usage.output_tokens, usage.calls)
    tokens = (usage.input_tokens, usage.output_tokens)
    if isinstance(answer, Unanswered):
        unknown = answer.usage is None
        return Checked(
            *(name, model.use, sent, took_ms, *tokens, cost),
            unproven=unknown,
            trouble=answer.detail,
            remedy=answer.remedy,
        )
    text = answer.text.strip()[:200]
    return Checked(name, model.use, sent, took_ms, *tokens, cost, text, unproven=answer.unproven)


def _check_vectors(model: ModelSettings, settings: Settings, store: SecretStore) -> Checked:
    price, sent = price_of(model, embedding=True), sends(model, settings)
    purse = Purse(1_000_000)
    embedder = EndpointEmbedder(model, lambda: _key(model, store), 1, price or Price(0, 0), purse)
    began = perf_counter()
    trouble = remedy = ""
    dimensions = 0
    try:
        dimensions = embedder.measured(CHECK_TEXT)
    except MainstayError as error:
        trouble, remedy = f"{error.what} {error.why}".strip(), error.remedy
    took_ms = round((perf_counter() - began) * 1_000)
    known = known_dimensions(model)
    if not trouble and known != dimensions:
        told = f"mainstay.toml says {known}" if known else "mainstay.toml does not say so"
        trouble = f"its vectors have {dimensions} numbers, and {told}"
        remedy = f"Write `dimensions = {dimensions}` into [models.{model.name}]."
    cost = None if price is None else purse.spent.cost_micros
    return Checked(
        *(model.name, model.use, sent, took_ms, purse.spent.input_tokens, 0, cost),
        dimensions=dimensions,
        trouble=trouble,
        remedy=remedy,
    )


def _prompt(model: ModelSettings) -> Prompt:
    limit = min(CHECK_TOKEN_MAX, model.output_token_max)
    return Prompt(CHECK_SYSTEM, (Message("user", CHECK_TEXT),), limit)


def _key(model: ModelSettings, store: SecretStore) -> str:
    return store.resolve(model.key).reveal() if model.key else ""


def _used_by(model: ModelSettings, settings: Settings) -> str:
    if model.name == settings.memory.embedder:
        return "memory"
    return "agents" if model.name == AGENTS_MODEL else ""


def _spent(model: ModelSettings, rows: list[Mapping[str, object]]) -> Spent:
    sums = dict.fromkeys(("calls", "cost_micros", "cached", "saved_micros"), 0)
    for row in rows:
        if row["model"] == model.use:
            for name in sums:
                value = row[name]
                sums[name] += value if isinstance(value, int) else 0
    return Spent(**sums)


def _reached(model: ModelSettings, store: SecretStore) -> tuple[bool | None, str, str]:
    """Whether it answers the question which models there are, what is wrong, and what to do."""
    if find_spec("openai") is None:
        return None, "language models need a package that is missing", INSTALL
    try:
        key = _key(model, store)
    except errors.SecretError as error:
        return None, error.what, error.remedy
    import httpx2

    from mainstay.models.faults import GUARDED
    from mainstay.models.wire import blocking_http_client
    from mainstay.net.egress import why_refused

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with blocking_http_client(model, REACH_S) as client:
            answer = client.get(f"{model.endpoint}/models", headers=headers)
    except httpx2.HTTPError as error:
        closed = why_refused(error)
        if closed:
            return False, f"{model.endpoint} is not asked: {closed}", GUARDED
        start = " Start it with `ollama serve`." if model.known_local else ""
        return (
            False,
            f"nobody answers at {model.endpoint}",
            f"Is it running, and this machine connected?{start}",
        )
    if answer.status_code in (401, 403):
        return False, "the key is not accepted", f"Put the right key at {model.key or '`key` of the model'}."
    if answer.status_code >= 500 or answer.status_code in range(300, 400):
        return False, f"{model.endpoint} answered {answer.status_code}", "Try again later."
    names = _names(answer.content)
    if names and not names & {model.model, f"{model.model}:latest"}:
        fetch = f"`ollama pull {model.model}` fetches it." if model.provider == "ollama" else ""
        return True, f"it knows no model {model.model!r}", fetch or "Check its name in mainstay.toml."
    return True, "", ""


def _names(content: bytes) -> set[str]:
    """The models that an endpoint says it has; none if it does not say."""
    try:
        return {str(one["id"]) for one in json.loads(content)["data"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
