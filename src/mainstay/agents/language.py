"""Which language a text is in, lightly: alphabets first, then the little words that every sentence needs.

Rules of this file: total, deterministic, no model. It says nothing ("") rather than guess: a text too short to
tell has no language, and a person who writes "ok thx" is not escalated for it. It need not tell every language
apart; it must notice what is not the operator's own. English can hardly do without its little words, so a sentence that
has next to none of them needs less evidence to be foreign; letters count only in words that are no names. How often it
is right stands in docs/injection.md and is held by a test.
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

# The little words of each language, and those that people write to a support desk. A word of several languages counts
# for each of them by its share; English words that look foreign ("come", "die", "son") stand in the English list too.
_COMMON = {
    "en": "the and is are was were have has had that this these those with from you your our we they would could "
    "should can cannot will not but for of to it my me please how what when where which there been do does any "
    "an a on at as if or be by no new more thanks thank hello so he she his her i im am dont didnt into after "
    "hasnt havent isnt wasnt cant wont doesnt ive id ill youre its thats whats why who whose whom then "
    "than them "
    "their here out up down off over under again once only own same such both each few most other some "
    "too very "
    "just now also still yet ever never always about before between because during until while through against "
    "did doing done get got getting go going gone went make made making take taken took need needs needed want "
    "wanted must may might shall let see seen use used using find found give given gave come came coming "
    "tell told "
    "say said show know known think thought try tried ask asked put keep kept call called help work works "
    "working "
    "send sent pay paid paying buy bought change changed open close order ordered day days week month "
    "year time "
    "today yesterday tomorrow morning card cards money several one two three first last next many much "
    "every all "
    "per many sure right wrong good bad able down long way thing things something anything nothing "
    "someone anyone "
    "dear hi regards sincerely best kind sorry okay yes people person men man die gift fast hat war bald "
    "note list "
    "son pain chat sale male pure in me car comment main pour plus minus son "
    "café cafe résumé naïve façade cliché fiancé déjà vu former like liked look "
    "looked looking been being",
    "de": "der die das und ist nicht ich sie wir ihr mit für auf dem den ein eine einen einer von zu im bitte wie "
    "kann können haben hat wird werden auch noch nur oder aber dass bei nach mein meine ihre ihren uns "
    "danke mehr "
    "guten hallo sehr geehrte es sich als wenn vielen ihnen dafür muss gibt was wann wo warum weiß wurde gern "
    "leider heute schon seit gestern morgen habe bin bekomme mir mich dich euch unser unsere unseren alle "
    "meiner "
    "meinem meinen fehlt rechnung konto karte passwort hilfe keine kein einem am vom zum zur dieser diese "
    "dieses "
    "könnte würde würden möchte sind war funktioniert schicken löschen vergessen neu neue zwischen über unter"
    " ihr euer eure unserem immer sehr etwas wer wem wenn dann weil doch mal jetzt hier dort nichts jeder "
    "jede jedes ohne gegen durch bis",
    "fr": "le la les et est ne pas je vous nous avec pour sur dans un une des du de que qui ce cette mais bonjour "
    "merci mon ma mes votre vos notre nos au aux être avoir plus par il elle été fait suis peut pourriez bien "
    "comment où jusqu en cas ai sont si depuis hier pourquoi sais quand vais toutes tous tout aujourd hui "
    "facture compte carte veuillez beaucoup aide oublié mot passe argent manquante arrive aimerions voudrais "
    "s'est n'a n'arrive j'ai c'est l'application d'une qu'il y fonctionne puis leur cela très sans dire "
    "leurs même ces ses peux faire"
    " chez toujours même quel quelle quels encore alors aussi notre lors entre après avant deux trois "
    "elles ils qui ceux",
    "es": "el la los las y es no yo usted nosotros con para por en un una de del que se su sus mi mis pero hola "
    "gracias más como cómo está están puede favor cuando cuándo tengo tiene hay ha han lo le nos muy "
    "buenos buenas "
    "días al desde ayer sé qué ha sido he factura cuenta tarjeta contraseña olvidado dinero recibiré gustaría "
    "algún todos mis datos muchas ayuda podrían pueden mes pasado hoy veces puedo quiero necesito donde dónde "
    "también porque sin sobre"
    " nuestra nuestro nuestros nuestras vuestra vuestro este esta estos estas solo sólo ya aquí desea "
    "quién cuál mucho siempre otra otro entre hasta",
    "it": "il lo gli la le e è non io voi noi con per su in un una di del della che si sua mio mia ma ciao grazie "
    "più come sono può buongiorno quando ho hanno questo questa nel alla vostro nostra abbiamo anche cosa ieri "
    "da perché stato faccio miei vorremmo vorrei oggi tutti dati mille fattura conto tessera soldi riceverò "
    "dimenticato potreste potete inviarmi mese scorso riesco mi vi prego c'è uno dei delle degli nella sul "
    "funziona volte"
    " nostra nostri nostre vostra vostri chi quale qualche se siamo siete solo soltanto subito sempre "
    "molto gli alle ai dal dalla tra fra però ancora quello quella",
    "nl": "de het een en is niet ik je jij u wij we met voor op van in dat die maar hallo bedankt dank mijn uw ons "
    "onze meer hoe kan kunnen hebben heeft wordt worden ook nog of bij naar graag geen wat wanneer waar "
    "zijn er "
    "sinds gisteren kunt mij factuur vorige maand weet waarom vandaag keer werkt al gegevens alstublieft "
    "snelle "
    "hulp hartelijk ben vergeten krijg geld terug willen wil nieuwe deze dit als te om aan goedemorgen "
    "wachtwoord rekening moet mag zonder"
    " jullie jouw altijd zeer iets wie dan omdat toch nu hier daar niets elke zijn onder door tot tegen "
    "heel al wij zij hun haar",
    "pt": "o a os as e é não eu você nós com para por em um uma do da dos das que se seu sua meu minha mas olá "
    "obrigado obrigada mais como está estão pode favor quando tenho tem há ao na no nos muito bom dia foi "
    "desde "
    "ontem consigo podem enviar fatura mês passado conta sei porquê meus hoje vezes existe algum desconto ou "
    "cartão todos dados ajuda tão esqueci da palavra vou receber dinheiro gostaríamos gostaria também sem pela "
    "pelo são ser ter isto isso"
    " nossa nosso nossos vosso vossa este esta estes quem qual muito sempre outra outro entre até aqui "
    "ainda já depois seus suas",
    "pl": "i w nie na się że to jest do z jak co ale czy proszę dziękuję mam nasz nasza dzień dobry po od dla przez "
    "wczoraj mogę możecie mi za zeszły miesiąc moje konto zostało wiem dlaczego nowych naszej dzisiaj razy lub "
    "karta działa przy wszystkie dane bardzo pomoc hasła kiedy pieniądze fakturę chcielibyśmy jestem były "
    "będzie"
    " wasz wasza nasze ten ta te tylko zawsze tym są tej tego już jeszcze kto gdzie bo więc też jako przed "
    "między bez pod nad",
    "cs": "a v se na je že to do s z jak co ale prosím děkuji mám náš dobrý den od pro od včerejška nemohu můžete "
    "mi za minulý měsíc můj účet byl nevím proč našeho chtěli bychom si dnes máte nebo karta všechny moje moc "
    "pomoc jsem heslo nefunguje jsou být které když ale také"
    " váš vaše ten ta to jen vždy jsme jste také už ještě kdo kde protože před mezi bez pod nad jako pokud",
    "sv": "och det att är inte jag ni vi med för på den en ett av som till har kan hej tack hur när var från våra "
    "sedan går skicka mig förra månaden mitt vet varför nya vår skulle vilja boka stora gånger i dag "
    "finns någon "
    "eller fungerar vid alla mina mycket hjälpen glömt får pengar god morgon snäll dagen vad detta"
    " ert era alltid oss detta vilket bara men så mycket blir blev denna dessa alla under efter utan eller "
    "också mot",
    "da": "og det at er ikke jeg du vi med for på den en et af som til har kan hej tak hvordan hvor fra vores "
    "siden går sende mig sidste måned min blevet ved hvorfor nye gerne store tirsdag gange i dag der "
    "eller virker alle mine mange hjælp glemt vær venlig været kunnet være hvad dette"
    " jeres altid os bare kun men så meget bliver denne disse under efter uden også mod været han hun dem",
    "no": "og det at er ikke jeg du vi med for på den en et av som til har kan hei takk hvordan hvor fra vår vårt "
    "siden går dere sende meg forrige måned min vet hvorfor nye gjerne gang i dag der får inn finnes "
    "eller virker alle mine mange tusen hjelp hjelpen glemt vært være hva dette"
    " ble blir oss deres alltid bare kun men så mye denne disse under etter uten også mot dem",
    "fi": "ja on ei se että en olen voi kuin mutta myös hei kiitos miten missä meidän minä sinä ovat tämä jos "
    "ole minulle viime kuun laskun tilini tiedä miksi haluaisimme tänään kolme kertaa onko tai minua kaikki "
    "paljon milloin saan takaisin huomenta hyvää enkä voisitteko unohtanut toimi avusta sovellus"
    " myös meille teille olemme olette joka tulee aina vain nyt kun niin sekä ennen jälkeen ilman kanssa "
    "mutta tämän sen meitä",
    "tr": "ve bir bu için ile değil ne nasıl ben siz biz ama merhaba teşekkür var yok mi daha çok olarak lütfen "
    "bana yeni bugün üç kez büyük mı mu mü misiniz bütün zaman ederim beri günü istiyoruz veya kadar olan "
    "unuttum "
    "günaydın şifremi hızlı kart"
    " size bize bizim sizin her zaman sadece ama çünkü şimdi burada gibi sonra önce kim hangi ki ya değil "
    "misiniz mı acaba oldu",
    "ro": "și în de la nu este sunt pe cu un o din pentru care că mai am vă bună ziua ieri îmi puteți luna contul meu "
    "fost a să știu ce cum sala mare trei ori astăzi există vreo sau toate datele mele rog mulțumesc mult "
    "cardul "
    "nostru vrea către după dacă"
    " noastră nostru vostru voastră mereu doar foarte dar acum aici cine care între până fără după fi este "
    "suntem sunteți de la",
    "hu": "a az és nem hogy egy van is én mi ön ha de meg el jó köszönöm kérem tegnap óta tudok tudom miért hogyan új "
    "ma vagy nagyon gyors minden összes múlt havi számlát szeretnénk kártya reggelt működik nagy csak "
    "volt lehet"
    " mindig csak nagyon de most itt ott ki mi vagyunk vagytok után előtt nélkül között ezt azt minket "
    "hozzánk pedig sem már még",
    "id": "yang dan di ke dari untuk dengan ini itu tidak saya kami anda akan ada bisa bagaimana apakah terima kasih "
    "sudah sejak kemarin bulan lalu mengapa tahu hari ingin baru atas banyak pagi selamat pada juga atau cara "
    "kepada adalah karena"
    " kami kita selalu hanya sangat tetapi sekarang sini siapa mana antara sampai tanpa setelah sebelum "
    "boleh sekali tiga dua lagi",
    "vi": "tôi không và của có là cho được từ bạn thể này với đã bị xin chào cảm ơn rất nhiều vì tại sao qua tháng "
    "gửi biết khoản tài"
    " chúng luôn chỉ rất nhưng bây giờ ở đây ai nào giữa đến sau trước vào ra hai ba các những",
}
# Letters that few others use, in words that are no names. English has none of them.
_LETTERS = {
    "de": "ßäöü",
    "fr": "éèêçàœùîô",
    "es": "ñáíóúé¿¡",
    "pt": "ãõçáéíóâê",
    "it": "àèìòù",
    "pl": "łąężśźćń",
    "cs": "řěůčšžýáí",
    "sv": "åäö",
    "da": "æøå",
    "no": "æøå",
    "fi": "äö",
    "tr": "ığşçöü",
    "ro": "șțăîâşţ",
    "hu": "őűáéöü",
    "vi": "đơưăâêôảạấầẩậắằặẻẹếềểệỉịỏọốồổộớờởợủụứừửựỳỷỵ",
}
_WHOLE_VOTE = 6  # a word that several languages use is shared between them
_LETTER_VOTE, _LETTER_WORDS_MAX = 4, 3
_ENGLISH = "en"
_SENTENCE_WORDS, _STRANGE_SHARE = 5, 0.12
_FEW_WORDS = 3
_LANGUAGES: dict[str, tuple[str, ...]] = {}
for _code, _words in _COMMON.items():
    for _word in set(_words.split()):
        _LANGUAGES[_word] = (*_LANGUAGES.get(_word, ()), _code)
_SPELT: dict[str, tuple[str, ...]] = {}
for _code, _letters in _LETTERS.items():
    for _letter in _letters:
        _SPELT[_letter] = (*_SPELT.get(_letter, ()), _code)


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
    found: list[str] = _WORD.findall(sample.replace("'", " ").replace("’", " "))
    votes: Counter[str] = Counter()
    evidence: dict[str, set[str]] = {}
    for word in found:
        known = _LANGUAGES.get(word.casefold(), ())
        for code in known:
            votes[code] += max(1, _WHOLE_VOTE // len(known))
            evidence.setdefault(code, set()).add(word.casefold())
    _count_letters(found, sample, votes, evidence)
    english = votes.pop(_ENGLISH, 0)
    share = len([word for word in found if _ENGLISH in _LANGUAGES.get(word.casefold(), ())]) / max(
        1, len(found)
    )
    ranked = votes.most_common(2)
    enough = _WHOLE_VOTE * max(1, len(found) / 16)
    if (
        not ranked
        or ranked[0][1] <= english
        or not _told(found, ranked[0][1], evidence[ranked[0][0]], enough, share)
    ):
        # One word of its own at least, and one in sixteen.
        return _ENGLISH if english >= enough and (not ranked or english > ranked[0][1]) else ""
    return ranked[0][0]


def _count_letters(words: list[str], sample: str, votes: Counter[str], evidence: dict[str, set[str]]) -> None:
    """Letters in words that are no names: a foreign name makes no mail foreign."""
    spelt: Counter[str] = Counter()
    for place, word in enumerate(words):
        letters = {char for char in word.casefold() if char in _SPELT}
        if not letters or (word[0].isupper() and place > 0):
            continue
        for code in {code for char in letters for code in _SPELT[char]}:
            if all(code in _SPELT[char] for char in letters) and spelt[code] < _LETTER_WORDS_MAX:
                spelt[code] += 1
                votes[code] += _LETTER_VOTE
                evidence.setdefault(code, set()).add(word.casefold())
    if "¿" in sample or "¡" in sample:
        votes["es"] += _WHOLE_VOTE
        evidence.setdefault("es", set()).update("¿¡")


def _told(words: list[str], votes: int, evidence: set[str], enough: float, english: float) -> bool:
    """Whether the evidence for a foreign language will do: two words of it, or one where there are hardly more.

    A sentence in which next to no word is English needs less: English cannot do without its little words.
    """
    if len(words) >= _SENTENCE_WORDS and english <= _STRANGE_SHARE:
        return votes * 2 >= enough
    return votes >= enough and (len(evidence) > 1 or len(words) <= _FEW_WORDS)
