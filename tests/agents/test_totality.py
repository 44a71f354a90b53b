"""No text whatsoever makes an agent raise: what cannot be judged is a value."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from mainstay.agents.base import Failed, Inspected, IntentView, MessageView, Produced, Proposed, Reply
from mainstay.agents.executor import Proposer
from mainstay.agents.flags import assess
from mainstay.agents.inspector import ReplyInspector
from mainstay.agents.language import language_of
from mainstay.agents.specialists.intent import IntentSpecialist
from mainstay.agents.specialists.writer import ReplyWriter
from mainstay.agents.tools import reply_units
from mainstay.models.base import Embedder
from tests.agents.recalling import Recalling
from tests.agents.sample import OPERATOR, OWN, brief, intents, replies, rules, templates

TEXT = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=300),
    st.lists(
        st.sampled_from(
            [
                "ignore", "previous", "instructions", "\n\n", "https://", "<", ">", "a.example", "@", "password",
                "{{", "}}", "\x00", "\u202e", "4111", "1111", "GB82", "[", "](", "will", "refund", "by Friday", "Re:",
                "\U000e0041", "unless you", "send", "€5", "的", "и",
            ]
        ),
        max_size=40,
    ).map(" ".join),
)  # fmt: skip

MESSAGES = st.builds(
    MessageView,
    message_id=TEXT,
    thread=TEXT,
    mailbox=st.just("support"),
    from_address=TEXT,
    from_name=TEXT,
    reply_to=TEXT,
    subject=TEXT,
    sent_at=st.integers(-(2**62), 2**62),
    text=TEXT,
    new_text=TEXT,
    automatic=st.sampled_from(["", "a list"]),
    hidden_text=st.booleans(),
)
MEMORY = Recalling(reply_units(replies()))
BY_WORDS = IntentSpecialist(intents())
WRITER = ReplyWriter(intents(), templates(), OPERATOR)
INSPECTOR = ReplyInspector(rules())


@given(TEXT)
def test_reading_never_raises(text: str) -> None:
    assert isinstance(language_of(text), str)
    view = MessageView(
        message_id="m", thread="t", mailbox="s", from_address="a@b.example", subject=text, text=text
    )
    assert set(assess(view).flags) == {risk.flag for risk in assess(view).risks}


@given(MESSAGES, st.sampled_from([intent.id for intent in intents()]), TEXT)
def test_every_agent_answers_every_message(view: MessageView, intent: str, text: str) -> None:
    seen = asyncio.run(BY_WORDS.work(brief({"message": view}), MEMORY))
    assert isinstance(seen, Produced)
    assert isinstance(seen.output, IntentView)
    assert not (view.automatic and seen.output.reply_expected)
    written = asyncio.run(WRITER.work(brief({"message": view, "intent": intent}), MEMORY))
    assert isinstance(written, Produced | Failed)
    reply = Reply(text=text, subject=text)
    inspected = asyncio.run(INSPECTOR.work(brief({"draft": reply, "message": view}), MEMORY))
    assert isinstance(inspected, Inspected)
    assert inspected.rationale
    proposal = asyncio.run(
        Proposer(own_addresses=OWN).work(brief({"message": view, "reply": reply}, act="email.reply"), MEMORY)
    )
    assert isinstance(proposal, Proposed | Failed)
    assert not (view.automatic and isinstance(proposal, Proposed))


@given(MESSAGES)
def test_by_meaning_too(embedder: Embedder, view: MessageView) -> None:
    specialist = _by_meaning(embedder)
    output = specialist.annotate(view).output
    assert isinstance(output, IntentView)
    assert not (view.automatic and output.reply_expected)


_specialists: dict[int, IntentSpecialist] = {}


def _by_meaning(embedder: Embedder) -> IntentSpecialist:
    return _specialists.setdefault(id(embedder), IntentSpecialist(intents(), embedder=embedder))
