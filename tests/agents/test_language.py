"""Languages: told apart where there is enough to tell, left open where there is not."""

from pathlib import Path

import pytest

from mainstay.agents.language import language_of
from mainstay.data import flag_path


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "Could you tell me how the export works?"),
        ("de", "Könnten Sie mir bitte sagen, wie der Export geht?"),
        ("fr", "Pourriez-vous me dire comment marche l'export ?"),
        ("es", "¿Puede decirme cómo funciona la exportación, por favor?"),
        ("it", "Buongiorno, come posso invitare i miei colleghi nella stanza?"),
        ("nl", "Hallo, hoe kan ik mijn collega's uitnodigen voor onze ruimte?"),
        ("pt", "Olá, como posso convidar os meus colegas? Muito obrigado."),
        ("ru", "Здравствуйте, как пригласить коллег?"),
        ("uk", "Добрий день, як запросити колег до офісу? Її немає."),
        ("ja", "同僚を招待するにはどうすればいいですか。"),
        ("zh", "请问怎么邀请同事？"),
        ("ko", "동료를 어떻게 초대하나요?"),
        ("ar", "كيف أدعو زملائي؟"),
        ("he", "איך אני מזמין עמיתים?"),
        ("el", "Πώς προσκαλώ συναδέλφους;"),
    ],
)
def test_a_sentence_is_recognised(code: str, text: str) -> None:
    assert language_of(text) == code


@pytest.mark.parametrize(
    "text", ["", "   ", "12345 !!", "ok thx", "👍", "RFQ-88", "a@b.example https://x.example"]
)
def test_too_little_has_no_language(text: str) -> None:
    assert language_of(text) in ("", "en")


def test_a_foreign_name_does_not_make_a_mail_foreign() -> None:
    assert language_of("Hello, the week view takes twenty seconds. Hilsen fra Tromsø, Åse Møller") == "en"


SPACELESS = {"ja", "zh", "th"}


def lines() -> list[tuple[str, str]]:
    text = Path(__file__).with_name("foreign.tsv").read_text("utf-8")
    return [(code, sentence) for code, sentence in (line.split("\t") for line in text.splitlines())]


def test_sentences_of_other_languages_are_noticed() -> None:
    assert len(lines()) >= 200
    long = [pair for pair in lines() if pair[0] in SPACELESS or len(pair[1].split()) >= 6]
    assert len(long) >= 200
    assert sum(language_of(text) not in ("", "en") for _, text in long) >= len(long) * 0.97
    short = [pair for pair in lines() if pair not in long]
    assert sum(language_of(text) not in ("", "en") for _, text in short) >= len(short) * 0.95
    assert sum(language_of(text) == code for code, text in lines()) >= len(lines()) * 0.95


def test_english_with_its_names_and_typos_is_left_alone() -> None:
    ours = [
        line.split("\t")[1]
        for line in flag_path("examples.tsv").read_text("utf-8").splitlines()
        if line.strip()
    ]
    called = [text for text in ours if language_of(text) not in ("", "en")]
    assert len(ours) > 250
    assert not called


@pytest.mark.parametrize(
    "text",
    [
        "why hasnt my card come in yet?",
        "I must make several cards per day.",
        "pls hlp cant log in sinse ystrday",
        "Regards, Jürgen Müller, Café Zoë, São Paulo",
        "Order from Les Deux Moulins GmbH for Señor Núñez arrived",
        "Invoice 12, Example AG, Zürich, 3 desks",
        "naïve résumé for the façade café",
        "Die hard fans want pain au chocolat on the menu, come on",
        "Ciao Pat, can you send me the list?",
    ],
)
def test_borrowed_words_and_names_are_english(text: str) -> None:
    assert language_of(text) in ("", "en")
