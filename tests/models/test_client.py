"""The client against a real HTTP server on loopback: what it sends, what it understands, and every fault as a value."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

import network_guard
from mainstay.kernel.values import NO_USAGE, Usage
from mainstay.models.base import Completion, Message, Prompt, Unanswered
from mainstay.models.bounds import worst_case
from mainstay.models.client import EndpointModel
from mainstay.models.settings import ModelSettings
from mainstay.testing.model_server import (
    Given,
    ModelServer,
    Script,
    broken_off,
    completion,
    refusal,
    tokens,
)

PROMPT = Prompt("Be brief.", (Message("user", "Where is my parcel? It should be here by now."),), 50)
SCHEMA = {"type": "object", "properties": {"intent": {"type": "string"}}, "required": ["intent"]}


def ask(
    *script: Script, prompt: Prompt = PROMPT, use: str = "scripted:small", key: str = "", **settings: object
) -> tuple[Completion | Unanswered, ModelServer]:
    with ModelServer(*script) as server:
        model = EndpointModel(
            ModelSettings("test", use, url=server.url, **settings),  # type: ignore[arg-type]
            lambda: key,
        )

        async def once() -> Completion | Unanswered:
            try:
                return await model.complete(prompt)
            finally:
                await model.aclose()

        return asyncio.run(once()), server


def unanswered(*script: Script, **more: object) -> Unanswered:
    answer, _ = ask(*script, **more)  # type: ignore[arg-type]
    assert isinstance(answer, Unanswered), answer
    return answer


def answered(*script: Script, **more: object) -> Completion:
    answer, _ = ask(*script, **more)  # type: ignore[arg-type]
    assert isinstance(answer, Completion), answer
    return answer


def test_an_answer_with_its_usage() -> None:
    answer, server = ask(completion("It is on its way.", usage=tokens(20, 6)), key="sk-1")
    assert answer == Completion("It is on its way.", "scripted:small-1", Usage(0, 20, 6, 1))
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["authorization"] == "Bearer sk-1"
    body = asked.body
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("small", 50, 0.0)
    assert [(one["role"], one["content"]) for one in body["messages"]] == [
        ("system", "Be brief."),
        ("user", PROMPT.messages[0].text),
    ]


def test_nothing_of_this_machine_or_its_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Other: environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example.org/v1")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
    _, server = ask(completion("Yes."))
    headers = server.asked[0].headers
    assert "environment" not in str(headers)
    assert not [name for name in headers if name.startswith(("x-", "openai"))]
    assert headers["user-agent"] == "mainstay"


def test_a_conversation_and_broken_text_go_as_they_are() -> None:
    turns = (Message("user", "Hello \ud800"), Message("assistant", "Hello!"), Message("user", "Grüße, 東京"))
    _, server = ask(completion("Yes."), prompt=Prompt("", turns, 10))
    said = [(one["role"], one["content"]) for one in server.asked[0].body["messages"]]
    assert said == [("user", "Hello ?"), ("assistant", "Hello!"), ("user", "Grüße, 東京")]


def test_a_schema_is_asked_for_and_the_prompt_keeps_its_own() -> None:
    before = json.dumps(SCHEMA)
    answer, server = ask(completion('{"intent": "parcel"}'), prompt=Prompt("", PROMPT.messages, 50, SCHEMA))
    assert isinstance(answer, Completion)
    form = server.asked[0].body["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"]["required"] == ["intent"]
    assert json.dumps(SCHEMA) == before


def test_an_answer_that_was_cut_says_so() -> None:
    assert answered(completion("It is on", finish="length")).cut


def test_thoughts_are_not_part_of_the_answer() -> None:
    assert answered(completion("<think>Hm, a parcel.</think>It is on its way.")).text == "It is on its way."


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        "many",
        tokens(-5, 6),
        tokens(20, -1),
        tokens(0, 6),  # the prompt cannot have been nothing
        tokens(20, 0),  # nor the answer
        tokens(10_000_000, 6),
        tokens(20, 51),  # more than the limit of its output
        {"prompt_tokens": 20.5, "completion_tokens": 6},
        {"prompt_tokens": True, "completion_tokens": 6},
        {"prompt_tokens": 20},
    ],
)
def test_usage_that_is_missing_or_cannot_be_is_settled_at_the_worst_case(usage: object) -> None:
    answer = answered(completion("It is on its way.", usage=usage))
    assert answer.unproven
    assert answer.usage == worst_case(PROMPT)


@pytest.mark.parametrize(
    ("after", "least", "most"),
    [
        ("7", 7, 7),
        ("in ten minutes", 300, 600),
        ("soon", None, None),
        ("-3", None, None),
        ("99999999999", 86_400, 86_400),
    ],
    ids=["seconds", "a date", "words", "negative", "far too long"],
)
def test_asked_to_slow_down(after: str, least: float | None, most: float | None) -> None:
    if after == "in ten minutes":  # by the clock of this moment, not of when the tests were gathered
        after = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    answer = unanswered(refusal(429, "rate_limit_exceeded", retry_after=after))
    assert (answer.cause, answer.usage) == ("limited", NO_USAGE)
    if least is None or most is None:
        assert answer.retry_after_s is None
    else:
        assert answer.retry_after_s is not None
        assert least <= answer.retry_after_s <= most


def test_it_asks_once_and_leaves_retrying_to_the_director() -> None:
    for fault in (refusal(429), refusal(500), refusal(503), refusal(408), broken_off(10)):
        _, server = ask(fault)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("given", "cause", "known", "says"),
    [
        (refusal(500), "unreachable", False, "failed (500)"),
        (refusal(503), "unreachable", False, "failed (503)"),
        (refusal(503, retry_after="2"), "limited", False, "failed (503)"),
        (refusal(401, message="Incorrect key sk-1"), "refused", True, "does not accept"),
        (refusal(403), "refused", True, "does not accept"),
        (refusal(404, "model_not_found"), "refused", True, "knows no model 'small'"),
        (refusal(400, "context_length_exceeded"), "refused", True, "longer than"),
        (refusal(413), "refused", True, "longer than"),
        (refusal(400, "content_filter"), "refused", True, "content filter"),
        (refusal(400, "invalid_value"), "refused", True, "(invalid_value)"),
        (refusal(429, "insufficient_quota"), "refused", True, "no credit left"),
        (refusal(402), "refused", True, "no credit left"),
        (Given(307, headers={"Location": "http://127.0.0.1:1/v1"}), "refused", True, "another address"),
        (broken_off(0), "broken", False, "broke off"),
        (broken_off(60), "broken", False, "broke off"),
        (broken_off(60, chunked=True), "broken", False, "broke off"),
        (Given(raw=b"<html>Welcome</html>", content_type="text/html"), "broken", False, "no answer"),
        (Given(raw=b"<html>Welcome</html>"), "broken", False, "no answer"),
        (Given(raw=b"[]"), "broken", False, "no answer"),
        (Given(raw=b'{"choices": []}'), "broken", False, "no answer"),
        (Given(raw=b""), "broken", False, "no answer"),
        (Given(raw=b"x" * 9_000_000), "broken", False, "longer than 8,388,608 bytes"),
        (Given(raw=b"{}", headers={"Content-Encoding": "gzip"}), "broken", False, "packed"),
    ],
)
def test_every_fault_is_a_value(given: Script, cause: str, known: bool, says: str) -> None:
    answer = unanswered(given, key="sk-1")
    assert answer.cause == cause
    assert says in answer.detail
    assert answer.usage == (NO_USAGE if known else None)
    assert "sk-1" not in answer.detail + answer.remedy


@pytest.mark.parametrize(
    ("given", "cause", "says"),
    [
        (completion("", usage=tokens(20, 0)), "broken", "empty answer"),
        (completion(None, usage=tokens(20, 0)), "broken", "empty answer"),
        (completion(" \n ", usage=tokens(20, 1)), "broken", "empty answer"),
        (completion("", usage=tokens(20, 50), finish="length"), "broken", "spent its whole limit"),
        (completion(None, usage=tokens(20, 9), refusal="I cannot."), "refused", "declined"),
        (completion("", usage=tokens(20, 0), finish="content_filter"), "refused", "content filter"),
    ],
)
def test_what_is_no_answer_costs_all_the_same(given: Script, cause: str, says: str) -> None:
    answer = unanswered(given)
    assert answer.cause == cause
    assert says in answer.detail
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.calls) == (20, 1)


def test_a_connection_that_hangs_ends_at_the_timeout() -> None:
    answer = unanswered(Given(hangs=True), timeout_s=0.05)
    assert (answer.cause, answer.usage) == ("timeout", None)


def test_nobody_there() -> None:
    with ModelServer(refusal(500)) as server:
        url = server.url
    settings = ModelSettings("test", "ollama:qwen3", url=url)
    answer = asyncio.run(EndpointModel(settings).complete(PROMPT))
    assert isinstance(answer, Unanswered)
    assert (answer.cause, answer.usage) == ("unreachable", NO_USAGE)
    assert "ollama serve" in answer.remedy


def test_no_test_reaches_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    refuse = network_guard.refuse_beyond_loopback

    def noticed(host: object, *, doing: str) -> None:
        tried.append(host.decode() if isinstance(host, bytes) else str(host))
        refuse(host, doing=doing)

    monkeypatch.setattr(network_guard, "refuse_beyond_loopback", noticed)
    answer = asyncio.run(
        EndpointModel(ModelSettings("t", "openai:gpt-4o-mini", key="env:K")).complete(PROMPT)
    )
    assert isinstance(answer, Unanswered)
    assert set(tried) == {"api.openai.com"}


def test_a_prompt_of_ten_million_bytes_is_refused_before_the_call() -> None:
    answer, server = ask(completion("Yes."), prompt=Prompt("", (Message("user", "long " * 2_000_000),), 10))
    assert isinstance(answer, Unanswered)
    assert (answer.cause, answer.usage, server.asked) == ("refused", NO_USAGE, [])


def test_a_missing_secret_is_told_before_the_call() -> None:
    from mainstay.net.secrets import SecretStore

    store = SecretStore(environ={})
    with ModelServer(completion("Yes.")) as server:
        settings = ModelSettings("test", "scripted:small", url=server.url, key="env:NO_SUCH")
        model = EndpointModel(settings, lambda: store.resolve(settings.key).reveal())
        answer = asyncio.run(model.complete(PROMPT))
    assert isinstance(answer, Unanswered)
    assert (answer.cause, answer.usage, server.asked) == ("refused", NO_USAGE, [])
    assert "NO_SUCH" in answer.detail + answer.remedy


def test_many_at_once_do_not_mix_up() -> None:
    def echo(asked: object) -> Given:
        return completion(asked.body["messages"][-1]["content"])(asked)  # type: ignore[attr-defined,arg-type]

    async def all_of_them(model: EndpointModel) -> list[Completion | Unanswered]:
        prompts = [Prompt("", (Message("user", f"number {n} {'x' * n}"),), 99) for n in range(20)]
        try:
            return list(await asyncio.gather(*(model.complete(prompt) for prompt in prompts)))
        finally:
            await model.aclose()

    with ModelServer(echo) as server:
        model = EndpointModel(ModelSettings("test", "scripted:small", url=server.url))
        answers = asyncio.run(all_of_them(model))
    for n, answer in enumerate(answers):
        assert isinstance(answer, Completion)
        assert answer.text == f"number {n} {'x' * n}"
        assert not answer.unproven
