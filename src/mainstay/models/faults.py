"""What can go wrong between us and a model, as values: which kind, one sentence, and what to do.

Rules of the file: no text of a provider is passed on, since it may quote the prompt or the key; only its short codes
are. Usage is zero where it is proven that nothing was done: it was never sent, or the provider refused it. Else it is
None, unknown, and is settled at the worst case.
"""

from __future__ import annotations

import math
import re
from typing import Final

import httpx2
from pydantic_ai import exceptions as said

from mainstay.kernel.values import NO_USAGE
from mainstay.models.base import Unanswered
from mainstay.models.settings import ModelSettings
from mainstay.net.egress import why_refused
from mainstay.net.egress_http import Unreadable

RETRY_AFTER_MAX_S: Final = 86_400.0
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{1,59}")


def fault(error: Exception, settings: ModelSettings) -> Unanswered:
    """What a failed exchange means for who asked."""
    match error:
        case said.ModelConnectionError():
            return _unconnected(error, settings)
        case said.ModelHTTPError():
            return _refused(error, settings)
        case said.UserError():
            return Unanswered(
                "refused", f"{settings.use} cannot be asked this: {error}", NO_USAGE, remedy=_CONFIGURED
            )
        case said.ModelAPIError() if _status_of(error) in range(300, 400):
            return Unanswered(
                "refused",
                f"{settings.endpoint} sends its callers to another address, and that is not followed",
                NO_USAGE,
                remedy="Write the address that it names into `url` of mainstay.toml, if you trust it.",
            )
        case _:
            return Unanswered(
                "broken", f"{settings.use} answered with something that is no answer", remedy=_ADDRESS
            )


_CONFIGURED: Final = "Look at [models] in mainstay.toml, or name another model there."
GUARDED: Final = (
    "Is `url` in mainstay.toml right? For a machine of your own network write own_network = true there."
)
_ADDRESS: Final = (
    "Is `url` in mainstay.toml the address of an OpenAI-compatible interface, to the /v1 at its end?"
)


def timed_out(settings: ModelSettings) -> Unanswered:
    """There was no whole answer in time; what was done by then nobody knows."""
    return Unanswered(
        "timeout",
        f"{settings.use} gave no whole answer within {settings.timeout_s:g} s",
        remedy="Raise `timeout_s` of the model if it is slow, or let it say less (`output_token_max`).",
    )


def _unconnected(error: said.ModelConnectionError, settings: ModelSettings) -> Unanswered:
    closed = why_refused(error)
    if closed:
        return Unanswered("refused", f"{settings.use} is not asked: {closed}", NO_USAGE, remedy=GUARDED)
    unsent = error.phase in ("pool", "connect")
    if isinstance(error, said.ModelTimeoutError) and not unsent:
        return timed_out(settings)
    if unsent:
        start = (
            f" Start it: `ollama serve`, and `ollama pull {settings.model}` once."
            if settings.known_local
            else ""
        )
        return Unanswered(
            "unreachable",
            f"nobody answers at {settings.endpoint}",
            NO_USAGE,
            remedy=f"Is it running, and is this machine connected?{start}",
        )
    cause = _cause(error, Unreadable)
    if cause is not None:
        return Unanswered("broken", f"{settings.use}: {cause}", remedy=_ADDRESS)
    return Unanswered("broken", f"the answer of {settings.use} broke off half-way")


def _refused(error: said.ModelHTTPError, settings: ModelSettings) -> Unanswered:
    """Statuses below 500 prove that nothing was done; of those above nobody knows."""
    status, code = error.status_code, _code(error)
    after = _bounded(error.retry_after)
    with_code = f" ({code})" if code else ""
    if isinstance(error, said.ModelQuotaExceededError):
        return Unanswered(
            "refused",
            f"the account at {settings.provider} has no credit left{with_code}",
            NO_USAGE,
            remedy="Add credit there, or name another model in mainstay.toml.",
        )
    match status:
        case 429:
            return Unanswered("limited", f"{settings.provider} asks to slow down{with_code}", NO_USAGE, after)
        case 401 | 403:
            key = f"the key at {settings.key}" if settings.key else "a call without a key"
            return Unanswered(
                "refused",
                f"{settings.provider} does not accept {key} for {settings.model} ({status})",
                NO_USAGE,
                remedy="Put the right key there; `mainstay models check` tries it.",
            )
        case 404:
            pull = f" `ollama pull {settings.model}` fetches it." if settings.provider == "ollama" else ""
            return Unanswered(
                "refused",
                f"{settings.endpoint} knows no model {settings.model!r}",
                NO_USAGE,
                remedy=f"Check its name, and that `url` ends where the interface begins (/v1).{pull}",
            )
        case 408 | 409 | 425:
            return Unanswered("unreachable", f"{settings.provider} was not ready ({status})", NO_USAGE, after)
        case _:
            pass
    if isinstance(error, said.ModelContextWindowExceededError) or status == 413:
        return Unanswered(
            "refused",
            f"the prompt is longer than {settings.use} takes",
            NO_USAGE,
            remedy="Give the retrieval policy a smaller `token_max`, or name a model with a longer context.",
        )
    if status >= 500:
        detail = f"{settings.provider} failed ({status}){with_code}"
        return Unanswered("unreachable" if after is None else "limited", detail, None, after)
    if code in ("content_filter", "content_policy_violation"):
        return filtered(settings)
    return Unanswered(
        "refused", f"{settings.use} does not take this ({status}){with_code}", NO_USAGE, remedy=_CONFIGURED
    )


def filtered(settings: ModelSettings) -> Unanswered:
    """The provider's rules forbid the question or the answer. Asking again gives the same."""
    return Unanswered(
        "refused",
        f"the content filter of {settings.provider} stopped it",
        NO_USAGE,
        remedy="Answer this one yourself, or name a model of another provider.",
    )


def _code(error: said.ModelAPIError) -> str:
    """The provider's own short word for it, if it is one."""
    word = error.provider_error_code or error.provider_error_type or ""
    return word if _CODE.fullmatch(word) else ""


def _bounded(retry_after: float | None) -> float | None:
    if retry_after is None or not math.isfinite(retry_after):
        return None
    return min(max(retry_after, 0.0), RETRY_AFTER_MAX_S)


def _status_of(error: Exception) -> int:
    response = getattr(error.__cause__, "response", None)
    return response.status_code if isinstance(response, httpx2.Response) else 0


def _cause(error: BaseException, of: type[BaseException]) -> BaseException | None:
    """The nearest cause of a kind."""
    at: BaseException | None = error
    while at is not None and not isinstance(at, of):
        at = at.__cause__ or at.__context__
    return at
