"""Which language a text is in, lightly: alphabets first, then the little words that every sentence needs.

Rules of this file: total, deterministic, no model. It says nothing ("") rather than guess: a text too short to
tell has no language, and a person who writes "ok thx" is not escalated for it. It need not tell every language
apart; it must notice what is not the operator's own.
"""

from __future__ import annotations

import re
from collections import Counter

READ_MAX = 5_000  # characters looked at

_WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+|www\.\S+", re.IGNORECASE)
_SCRIPTS = (
    ("ja", re.compile(r"[\u3041-\u30ff\uff66-\uff9f]")),
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u052f]")),
    ("ar", re.compile(r"[\u0600-\u06ff\u0750-\u077f]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_UKRAINIAN = re.compile(r"[іїєґІЇЄҐ]")

# Words that the other languages of this list do not share, as far as that is possible.
_COMMON = {
    "en": "the and is are was were have has had that this these those with from you your our we they would could "
    "should can cannot will not but for of to it my me please how what when where which there been do does any "
    "an a on at as if or be by no new more thanks thank hello so he she his her i am im dont didnt into after",
    "de": "der die das und ist nicht ich sie wir ihr mit für auf dem den ein eine einen einer von zu im bitte wie "
    "kann können haben hat wird werden auch noch nur oder aber dass bei nach mein meine ihre ihren uns danke mehr "
    "guten hallo sehr geehrte es sich als wenn vielen ihnen dafür muss gibt was wann wo",
    "fr": "le la les et est ne pas je vous nous avec pour sur dans un une des du de que qui ce cette mais bonjour "
    "merci mon ma mes votre vos notre nos au aux être avoir plus par il elle été fait suis peut pourriez bien "
    "comment où jusqu en cas ai sont si",
    "es": "el la los las y es no yo usted nosotros con para por en un una de del que se su sus mi mis pero hola "
    "gracias más como cómo está están puede favor cuando tengo tiene hay ha han lo le nos muy buenos días al",
    "it": "il lo gli la le e è non io voi noi con per su in un una di del della che si sua mio mia ma ciao grazie "
    "più come sono può buongiorno quando ho hanno questo questa nel alla vostro nostra abbiamo anche cosa",
    "nl": "de het een en is niet ik je jij u wij we met voor op van in dat die maar hallo bedankt dank mijn uw ons "
    "onze meer hoe kan kunnen hebben heeft wordt worden ook nog of bij naar graag geen wat wanneer waar zijn er",
    "pt": "o a os as e é não eu você nós com para por em um uma do da dos das que se seu sua meu minha mas olá "
    "obrigado obrigada mais como está estão pode favor quando tenho tem há ao na no nos muito bom dia foi",
    "pl": "i w nie na się że to jest do z jak co ale czy proszę dziękuję mam nasz nasza dzień dobry po od dla przez",
    "sv": "och det att är inte jag ni vi med för på den en ett av som till har kan hej tack hur när var från våra",
    "da": "og det at er ikke jeg du vi med for på den en et af som til har kan hej tak hvordan hvor fra vores",
    "fi": "ja on ei se että en olen voi kuin mutta myös hei kiitos miten missä meidän minä sinä ovat tämä jos",
    "tr": "ve bir bu için ile değil ne nasıl ben siz biz ama merhaba teşekkür var yok mi daha çok olarak lütfen",
}
_WHOLE_VOTE = 6  # a word that several languages use is shared between them
_LANGUAGES: dict[str, tuple[str, ...]] = {}
for _code, _words in _COMMON.items():
    for _word in set(_words.split()):
        _LANGUAGES[_word] = (*_LANGUAGES.get(_word, ()), _code)


def language_of(text: str) -> str:
    """The language of a text as a two-letter code, or "" where it cannot be told."""
    sample = _ADDRESS.sub(" ", text[:READ_MAX])
    letters = sum(map(str.isalpha, sample))
    if not letters:
        return ""
    counts = {code: len(script.findall(sample)) for code, script in _SCRIPTS}
    if counts["ja"]:
        counts["ja"] += counts.pop("zh")  # Chinese characters beside kana are Japanese
    code, count = max(counts.items(), key=lambda item: item[1])
    if count * 3 >= letters:
        return "uk" if code == "ru" and _UKRAINIAN.search(sample) else code
    return _by_words(sample)


def _by_words(sample: str) -> str:
    found = [word.casefold() for word in _WORD.findall(sample.replace("'", " ").replace("’", " "))]
    votes: Counter[str] = Counter()
    for word in found:
        known = _LANGUAGES.get(word, ())
        for code in known:
            votes[code] += max(1, _WHOLE_VOTE // len(known))
    ranked = votes.most_common(2)
    # One word of its own at least, and one in sixteen; a tie says nothing.
    if not ranked or ranked[0][1] < _WHOLE_VOTE * max(1, len(found) / 16):
        return ""
    if len(ranked) == 2 and ranked[1][1] == ranked[0][1]:
        return ""
    return ranked[0][0]
