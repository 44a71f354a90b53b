"""docs/models.md: every name, cause and example is the code's."""

from typing import get_args, get_type_hints

from mainstay.models import traces
from mainstay.models.base import Unanswered
from mainstay.models.settings import KNOWN_URLS
from mainstay.testing.model_server import refusal
from tests.docs.pages import bare, rows, text_of
from tests.models.test_client import unanswered

PAGE = "models.md"


def test_every_name_of_a_trace_is_told() -> None:
    told = {bare(row[0]) for row in rows(PAGE, "## Traces")}
    names = {
        value
        for name, value in vars(traces).items()
        if name.isupper() and isinstance(value, str) and ("." in value)
    }
    assert told == names
    for value in (traces.CHAT, traces.EMBEDDINGS, traces.INVOKE_AGENT, traces.EXECUTE_TOOL, traces.CAPTURE):
        assert f"`{value}`" in text_of(PAGE)


def test_every_cause_is_told_and_statuses_lead_to_it() -> None:
    causes = {bare(row[0]): row[1] for row in rows(PAGE, "## Faults")}
    assert set(causes) == set(get_args(get_type_hints(Unanswered)["cause"]))
    for status, cause in ((408, "unreachable"), (425, "unreachable"), (500, "unreachable"), (429, "limited")):
        assert str(status) in causes[cause]
        assert unanswered(refusal(status)).cause == cause
    assert unanswered(refusal(500, retry_after="3")).cause == "limited"


def test_known_providers_are_told() -> None:
    told = {bare(row[0]).partition(":")[0] for row in rows(PAGE, "## Configure one")}
    assert told == {*KNOWN_URLS, "NAME"}
