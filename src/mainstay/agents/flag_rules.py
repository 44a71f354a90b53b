"""The rules behind risk flags, as data: a flag, how grave it is, what it says to people, and its patterns.

Patterns are matched against folded text (`flags.folded`) without accents: lower case, straight quotes, single spaces.
Gaps are bounded (`.{0,40}`), so no text makes them slow. A grave rule leaves the message to a person without a draft;
the others let a draft be made that a person must look at. A rule that is too wide costs the operator a minute, one
that is too narrow may cost the shop: in doubt wider, except where everyday mail would be caught every day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mainstay.agents.disguise import unaccented


@dataclass(frozen=True, slots=True)
class FlagRule:
    """One kind of risk, in one or more languages. `says` finishes the sentence "the message …"."""

    flag: str
    grave: bool
    says: str
    patterns: tuple[re.Pattern[str], ...]


def rule(flag: str, says: str, *patterns: str, grave: bool = False) -> FlagRule:
    """A rule from its patterns, which are compared without accents."""
    return FlagRule(flag, grave, says, tuple(re.compile(unaccented(pattern)) for pattern in patterns))


_AMOUNT = (
    r"(?:[€$£]\s?\d|\d[\d.,]*\s?(?:€|\$|£|eur|usd|gbp|chf|euros?|dollars?|pounds?|руб\w*|евро|доллар\w*)"
    r"|\bgift ?cards?\b|\bvouchers?\b|\bbitcoins?\b)"
)
_ACCOUNT = (
    r"\bto (?:this|that|the following|the new|our|my|a "
    r"different|another) (?:bank )?(?:account|iban|wallet|card)\b"
)
_WANT = (
    r"\b(?:i|we)(?: would|'d| do|'ll)?(?: really| also| just| still)? (?:want|need|demand|request|"
    r"insist on|claim|"
    r"expect|like|am entitled to|are entitled to|ask (?:you )?for)\b"
)
_BACK = r"\b(?:refund(?:ed)?|reimburse\w*|money back|compensation|payment back|fee back)\b"
_SECRET = (
    r"(?:pass ?words?|pass ?phrases?|pass ?codes?|api[- ]?keys?|access tokens?|log-?in (?:details|"
    r"data)|credentials"
    r"|secret keys?|private keys?|recovery codes?|verification codes?|one[- ]time codes?|2fa codes?)"
)

INSTRUCTIONS = (
    rule(
        "instruction",
        "tells the reader to drop earlier instructions",
        r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instructions?|prompts?|"
        r"rules|guidelines|orders|directives)\b",
        r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*)\b.{0,40}\b(?:anweisung|instruktion|"
        r"regel|vorgabe|befehl)\w*",
        r"\b(?:ignore[zr]?|oublie[zr]?)\b.{0,40}\b(?:instructions?|consignes|règles|directives)\b",
        r"\b(?:ignor[ae]|olvid[ae]|haz caso omiso)\b.{0,40}\b(?:instrucciones|reglas|indicaciones|"
        r"órdenes)\b",
        r"\b(?:ignora(?:te)?|dimentica(?:te)?)\b.{0,40}\b(?:istruzioni|regole|indicazioni|ordini)\b",
        r"\b(?:ignor[ae]|esque[çc]a)\b.{0,40}\b(?:instruções|instrucoes|regras|ordens)\b",
        r"\b(?:negeer|vergeet)\b.{0,40}\b(?:instructies|regels|opdrachten|aanwijzingen)\b",
        r"(?:игнорируй|забудь)\w*.{0,40}(?:инструкци|правил|указани)\w*",
        r"(?:指示|命令|プロンプト).{0,20}(?:無視|忘れ)",
        r"(?:忽略|无视|無視).{0,20}(?:指令|指示|提示|规则)",
        grave=True,
    ),
    rule(
        "instruction",
        "speaks to a machine instead of a person",
        r"\b(?:to|for|attention|attn:?|dear|hey|hello|hi)\s(?:the |any |all |our |this |whatever )?"
        r"(?:ai|a\.i\.|llm|automatic|automated|autonomous|artificial\w*)\b[- ]?(?:ai )?(?:assistant|"
        r"agent|system|model|bot|reader)s?\b",
        r"\bas (?:an?|the) (?:ai|automat\w+|language|artificial\w*)(?: \w+)?,? (?:you|please)\b",
        r"\bwhen(?:ever)? (?:you )?(?:summari[sz]\w+|classify\w*|process\w*|translat\w+) this (?:e-?mail|"
        r"mail|message|text)\b",
        r"\b(?:skip|bypass|drop) (?:all |the |any |your )?(?:checks?|reviews?|approvals?)\b",
        r"\bread by (?:an? |the |any )?(?:ai|large language|language|llm|machine|automat\w+|"
        r"assistant|bot|agent|model)\b",
        r"\b(?:you are|you're|if you are|you must act as|act as|pretend to be)\b.{0,12}\b(?:ai|"
        r"language model|llm|chatbot|dan|unrestricted)\b",
        r"\b(?:now in|enter|entering|switch to|switched to|activate|you are in)\b.{0,20}\b(?:maintenance|"
        r"developer|debug|jailbreak|unrestricted|god) mode\b",
        r"\bsystem (?:message (?:to|for)\b|message:|prompt|override|instructions?:)",
        r"\b(?:reveal|print|show|repeat|output)\b.{0,30}\b(?:your|the|system) (?:system )"
        r"?(?:prompt|instructions)\b",
        r"<\|?(?:system|im_start|im_end|endoftext)\b|\[/?(?:inst|system)\]|#{2,} ?(?:system|"
        r"instructions?)\b|\"role\" ?: ?\"system\"",
        r"\b(?:an|für) (?:die|den|das) (?:ki|künstliche intelligenz|automatischen? assistent\w*|"
        r"sprachmodell)\b",
        r"\b(?:du bist|sie sind|falls du)\b.{0,20}\b(?:ki|sprachmodell|chatbot)\b",
        r"\b(?:à|pour) l'(?:ia|assistant automatique|intelligence artificielle)\b",
        r"\b(?:tu es|vous êtes)\b.{0,20}\b(?:ia|modèle de langage|chatbot)\b",
        r"\b(?:eres|usted es|sei|você é|je bent)\b.{0,20}\b(?:ia|ai|modelo de linguagem|modelo de lenguaje|"
        r"modello linguistico|taalmodel|chatbot)\b",
        grave=True,
    ),
    rule(
        "instruction",
        "wants something done behind the operator's back",
        r"\b(?:without|do not|don't|no need to|never|no longer need|need not)\b.{0,15}\b(?:ask\w*|"
        r"tell\w*|inform\w*|notify\w*|show\w*|approval)\b"
        r".{0,30}\b(?:operator|owner|human|approval|user|staff|anybody|anyone)\b",
        r"\byou (?:no longer|do not|don't) need (?:\w+ )?approval\b",
        r"\bmark\b.{0,30}\bas (?:approved|authori[sz]ed|trusted|verified)\b",
        r"\b(?:new|following) (?:rules|instructions|orders) (?:apply|are in force|for you)\b",
        r"\b(?:reply|respond|answer)\b.{0,12}\b(?:only|exactly|just)\b.{0,12}\bthe (?:word|"
        r"text|phrase|string)\b",
        r"\b(?:send|forward|export|e-?mail|upload)\b.{0,15}\b(?:all|every|the)\b.{0,15}\b(?:customer|"
        r"client|user|contact|member)s?'? "
        r"(?:e-?mail )?(?:addresses|data|list|records|database)\b",
        r"\b(?:ohne|nicht)\b.{0,20}\b(?:zustimmung|rückfrage|freigabe|betreiber)\b.{0,20}\b(?:sende|"
        r"schicke|weiterleite|lösche)\w*",
        grave=True,
    ),
)

CREDENTIALS = (
    rule(
        "credentials",
        "asks for a password, key or code",
        # Not "send me my password" or "a new password": that is how people ask for a reset.
        rf"\b(?:send|give|share|provide|tell|forward|e-?mail|mail me|text me|reply with)\b(?:(?!\b(?:my|new|"
        rf"reset)\b).){{0,40}}\b{_SECRET}\b"
        r"(?!.{0,12}\b(?:reset|link|mail|page)\b)",
        rf"\b(?:confirm|verify|validate|update|enter|sign in with|log in with)\b.{{0,40}}\b(?:your|"
        rf"e-?mail) (?:e-?mail )?{_SECRET}\b",
        r"\b(?:sende|schicke|schicken sie|geben sie|nennen sie|teilen sie)\b(?:(?!\b(?:neue|"
        r"mein)\w*\b).){0,40}\b(?:passwort|kennwort|zugangsdaten|api-schlüssel)\b",
        r"\b(?:ihre?|deine?)\w? (?:passwort|kennwort|zugangsdaten)\b.{0,25}\b(?:bestätig|"
        r"verifizier|aktualisier|eingeb|mitteil)\w*",
        r"\b(?:bestätigen|verifizieren|aktualisieren)\b.{0,25}\b(?:passwort|kennwort|zugangsdaten)\b",
        r"\b(?:envoye[zr]|donne[zr]|communique[zr]|confirme[zr]|vérifie[zr])\b(?:(?!\b(?:nouveau|"
        r"mon)\b).){0,40}\b(?:mot de passe|identifiants|code d'accès)\b",
        r"\b(?:env[ií]\w+|confirm\w+|verifi\w+|compart\w+)\b(?:(?!\b(?:nueva|mi)\b).){0,40}\b(?:contraseña|"
        r"credenciales)\b",
        r"\b(?:invi\w+|conferm\w+|verific\w+)\b(?:(?!\b(?:nuova|mia)\b).){0,40}\b(?:password|"
        r"credenziali)\b",
        r"\b(?:stuur|bevestig|verifieer|geef)\b(?:(?!\b(?:nieuw|mijn)\b).){0,40}\b(?:wachtwoord|"
        r"inloggegevens)\b",
        r"\b(?:envi\w+|confirm\w+|verifi\w+)\b(?:(?!\b(?:nova|minha)\b).){0,40}\b(?:senha|"
        r"palavra-passe|credenciais)\b",
        r"\b(?:пришлите|отправьте|подтвердите|сообщите)\b(?:(?!\bнов).){0,40}\bпароль\b",
        grave=True,
    ),
)

MONEY = (
    rule(
        "money",
        "asks for a payment, gift cards or a change of bank details",
        rf"\b(?:need you to|please|could you|can you|would you|kindly|you must|you have to)\b"
        rf"(?!.{{0,80}}\b(?:back|return\w*|refund\w*)\b).{{0,30}}"
        rf"\b(?:transfer|wire|send|pay|buy|purchase)\b.{{0,40}}(?:{_AMOUNT}|{_ACCOUNT})",
        rf"^(?:transfer|wire|send|pay)\b.{{0,40}}(?:{_AMOUNT}|{_ACCOUNT})",
        r"(?<!i )(?<!we )\b(?:buy|purchase|pick up|get|order)\b.{0,40}\b(?:gift ?cards?|prepaid cards?|"
        r"vouchers)\b",
        rf"\bneed (?:a|you to)\b.{{0,20}}\b(?:wire|transfer|payment)\b.{{0,60}}{_AMOUNT}",
        r"\bpayments?\b.{0,20}\b(?:must|should|shall|have to|are to) (?:now )?(?:go|be made|"
        r"be sent)\b.{0,20}\bnew\b.{0,10}\baccount\b",
        rf"\b(?:make|arrange|execute)\b.{{0,20}}\b(?:transfer|payment|wire)\b.{{0,30}}{_AMOUNT}",
        r"\b(?:bank|payment|account) (?:details|number|account)s?\b.{0,25}\b(?:changed|new|"
        r"follows?|updated)\b",
        r"\b(?:new|updated|changed) (?:bank|payment) (?:details|account)\b|\bsend\b.{0,20}\bbank details\b",
        r"\b(?:western union|moneygram|usdt|crypto wallet|bitcoin address)\b",
        r"\b(?:geschenkkarte|gutscheinkarte)\w*|\b(?:bankverbindung|kontodaten)\b.{0,25}\b(?:geändert|"
        r"neue?)\b|\bneue (?:bankverbindung|kontodaten)\b",
        r"\büberweis(?:e|en sie|t)\b.{0,60}\d",
        r"\bcartes? cadeaux?\b|\bnouvelles? coordonnées bancaires\b|\bnouveau rib\b|\bvirement\b.{0,40}\d",
        r"\btarjetas? (?:de )?regalo\b|\btransferencia\b.{0,40}\d|\bnuev[oa]s? (?:datos bancarios|"
        r"cuenta bancaria)\b",
        r"\b(?:carte|buoni) regalo\b|\bbonifico\b.{0,40}\d|\bnuove? coordinate bancarie\b",
        r"\bcadeau(?:kaart|bon)\w*|\boverschrijving\b.{0,40}\d|\bnieuwe? (?:bankgegevens|rekeningnummer)\b",
        r"\bcartões? (?:de )?presente\b|\btransferência\b.{0,40}\d|\bnovos dados bancários\b",
        r"подарочн\w+ карт\w+|\bпереве(?:ди|дите|сти)\b.{0,40}(?:\d|деньги)",
        grave=True,
    ),
    rule(
        "money",
        "wants money back",
        # Who asks where a refund is, or how refunds work, asks an everyday question; who demands one wants a decision.
        rf"{_WANT}(?:(?!\b(?:know|ask|understand|see|check|where|how|why|when|if|whether|"
        rf"status)\b)[^.?!]){{0,40}}{_BACK}",
        r"\b(?:please|kindly|must|have to|need to)\b.{0,12}\b(?:refund|reimburse|compensate) (?:me|us|my|"
        r"our|the|this|both)\b",
        r"^(?:a |full |please )*refund\b.{0,30}(?:me|please|now)\b",
        r"\b(?:give|pay|send|transfer|wire) (?:me|us)\b.{0,30}\b(?:back|refund|compensation)\b",
        r"\b(?:give|pay|send) back (?:my|our|the) (?:money|fee|payment|deposit)\b",
        r"\b(?:please|kindly|could you|would you)\b.{0,12}\bpay\b.{0,25}\bback\b",
        r"\b(?:fee|payment|money|amount|difference)s?\b.{0,15}\b(?:should|must|has to|have to|"
        r"ought to) be (?:returned|paid back)\b",
        r"\bchargeback\b|\bdispute (?:this|the|your) charge\b|\bpay me compensation\b",
        r"\breturn (?:me |us )?(?:the |this |my |our |both |all )(?:.{0,12} )?(?:fee|payment|amount|"
        r"money|difference)s?\b",
        r"\b(?:rückerstatt|erstatten|erstattung)\w*\b.{0,30}\b(?:mir|uns|bitte|sofort|verlange|fordere|"
        r"möchte)\b",
        r"\b(?:verlange|fordere|möchte|hätte gern\w*|will|bitte)\b.{0,40}\b(?:rückerstatt\w*|erstattung|"
        r"erstatten|geld zurück)\b",
        r"\b(?:demande|exige|veux|voudrais|souhaite|merci de|veuillez)\b.{0,40}\b(?:rembours\w+)\b|"
        r"\bremboursez(?:-moi)?\b",
        r"\b(?:quiero|exijo|pido|solicito|necesito|reclamo)\b.{0,40}\b(?:reembols\w+|devoluci\w+|"
        r"devuelv\w+)\b",
        r"\b(?:voglio|vorrei|chiedo|esigo|pretendo)\b.{0,40}\b(?:rimbors\w+)\b|\brimborsatemi\b",
        r"\b(?:wil|eis|verzoek|vraag|graag)\b.{0,40}\b(?:terugbetal\w+|restitutie|geld terug)\b",
        r"\b(?:quero|exijo|peço|solicito|preciso)\b.{0,40}\b(?:reembols\w+|estorno|devolução|"
        r"dinheiro de volta)\b",
        r"\bвозврат\w* (?:денег|средств)|\bверн\w+ деньги|返金|退款",
    ),
)

LEGAL = (
    rule(
        "legal",
        "announces legal steps or claims liability",
        r"\b(?:legal (?:action|proceedings|steps|consequences)|sue (?:you|your)|lawsuit|breach of contract|"
        r"hold you (?:personally )?liable)\b",
        r"\b(?:accept liability|cease and desist|subpoena|notice before action|letter before action|"
        r"issue proceedings)\b",
        r"\bmy (?:lawyer|solicitor|attorney)s? (?:will|is|are|has|have)\b|\bsee you in court\b",
        r"\b(?:rechtliche schritte|abmahnung|verklag\w+|anzeige erstatten|vor gericht)\b|\bhaftbar\b",
        r"\b(?:mise en demeure|poursuites judiciaires|action en justice|porter plainte)\b",
        r"\b(?:acciones legales|demanda judicial|azioni? legal[ei]|vie legali|diffida)\b",
        r"\b(?:juridische stappen|ingebrekestelling|aansprakelijk stellen|medidas legais|ação judicial)\b",
        r"\b(?:подам в суд|судебн\w+ иск)",
        grave=True,
    ),
    rule(
        "legal",
        "speaks of law or data protection",
        r"\b(?:gdpr|dsgvo|rgpd|lgpd|ccpa|data protection|right to (?:erasure|be forgotten|"
        r"access)|personal data|subject access)\b",
        r"\b(?:lawyer|solicitor|attorney|legal department|court order)s?\b",
        r"\b(?:datenschutz\w*|personenbezogene\w*|rechtsanw[aä]lt\w*|données personnelles|"
        r"avocate?|datos personales|abogad[oa])\b",
        r"\b(?:dati personali|avvocat[oa]|persoonsgegevens|advocaat|dados pessoais|advogad[oa])\b",
        r"персональн\w+ данн\w+|\bадвокат|個人情報",
    ),
)

THREATS = (
    rule(
        "threat",
        "threatens",
        r"\bunless you\b.{0,80}\b(?:will|shall|going to)\b.{0,40}\b(?:issue|sue|publish|expose|"
        r"destroy|ruin|hurt|leak|report|proceedings)\b",
        r"\bif you (?:do not|don't|fail to)\b.{0,80}\b(?:i|we|my \w+) (?:will|shall|am going to|"
        r"are going to)\b"
        r".{0,40}\b(?:issue|sue|publish|expose|destroy|ruin|hurt|leak|report|post)\b",
        r"\b(?:final (?:notice|warning)|proceedings against you|you(?: will|'ll) regret|you(?: will|"
        r"'ll) pay for this|make you pay)\b",
        r"\b(?:recorded you|(?:video|recording|pictures) of you)\b|\b(?:destroy|"
        r"ruin) your (?:\w+ )?(?:reputation|business|shop|life|name)\b",
        r"\byour (?:shop|house|office|business|car) will (?:burn|be burnt|be smashed|be gone)\b|"
        r"\byour (?:family|children|kids)\b.{0,20}\b(?:suffer|hurt|pay)\b",
        r"\b(?:i know where you (?:live|work)|we have hacked|i have hacked|kill you|hurt you|or else\b)",
        r"\b(?:letzte warnung|werden sie (?:noch )?bereuen|wirst du (?:noch )?bereuen|werden es bereuen|"
        r"wirst es bereuen|dernier avertissement|vous le regretterez)"
        r"\b",
        r"\b(?:última advertencia|se arrepentirá|ultimo avviso|se ne pentirà|laatste waarschuwing|"
        r"último aviso)\b",
        r"последнее предупреждение|\bпожалеете\b",
        grave=True,
    ),
)

URGENCY = (
    rule(
        "urgency",
        "presses for time",
        r"\b(?:urgent\w*|asap|immediately|before noon|expires today|within \d{1,3} hours)\b",
        r"\b(?:dringend|sofort|umgehend|de toute urgence|immédiatement|urgente|inmediatamente|"
        r"immediatamente|dringende?|срочно)\b",
    ),
)

LURE = re.compile(
    r"\b(?:mailbox|account|storage|quota|services?|access|profile|package|document|invoice|"
    r"statement)\b.{0,60}"
    r"\b(?:clos\w+|suspen\w+|deactivat\w+|delet\w+|limit\w*|expire\w*|restrict\w+|overdue|"
    r"shared with you|blocked)\b"
    r"|\b(?:konto|postfach)\b.{0,60}\b(?:gesperrt|geschlossen|gelöscht|abläuft|eingeschränkt)\b"
    r"|\b(?:compte|boîte)\b.{0,60}\b(?:suspendu|fermé|supprimé|bloqué|expire)\w*"
    r"|\b(?:cuenta|buzón)\b.{0,60}\b(?:suspend|cerra|bloque|elimin)\w*"
)
SIGN_IN = re.compile(
    r"\b(?:sign in|log ?in|click|confirm|verify|validate|unlock|open the|anmelden|bestätigen|"
    r"klicken|connecte[zr]|cliquez|"
    r"confirme[zr]|inicie|haga clic|confirme)\b"
)

RULES: tuple[FlagRule, ...] = (*INSTRUCTIONS, *CREDENTIALS, *MONEY, *LEGAL, *THREATS, *URGENCY)
