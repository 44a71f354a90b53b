"""Languages: told apart where there is enough to tell, left open where there is not."""

import pytest

from mainstay.agents.language import language_of


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
