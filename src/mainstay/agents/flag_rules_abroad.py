"""Flag rules for German, French, Spanish, Italian, Dutch and Portuguese, beyond those beside the English ones.

The same rules of writing as in `flag_rules`: bounded gaps, folded text, grave where no draft should be made. Accents
are taken out of text and pattern before they meet, so both spellings are caught.
"""

from __future__ import annotations

from mainstay.agents.flag_rules import FlagRule, rule

_SECRET_DE = r"(?:passwort|kennwort|zugangsdaten|api-schlüssel|sicherheitscode|tan|pin)"
_SECRET_FR = r"(?:mots? de passe|identifiants|codes? d'accès|codes? de sécurité|clés? api)"
_SECRET_ES = r"(?:contraseñas?|credenciales|claves? de acceso|código de (?:seguridad|verificación))"
_SECRET_IT = r"(?:password|credenziali|codice di (?:sicurezza|verifica)|chiave api)"
_SECRET_NL = r"(?:wachtwoord(?:en)?|inloggegevens|beveiligingscode|verificatiecode|pincode)"
_SECRET_PT = r"(?:senhas?|palavras?-passe|credenciais|código de (?:segurança|verificação))"

ABROAD: tuple[FlagRule, ...] = (
    rule(
        "instruction",
        "tells the reader to drop earlier instructions",
        r"\b(?:anweisung|instruktion|regel|vorgabe|befehl)\w*\b.{0,40}\b(?:ignorier\w*|vergiss|"
        r"vergessen sie|missacht\w*)",
        r"\bsetz\w* dich über\b.{0,30}\b(?:anweisung|regel|vorgabe)\w*",
        r"\b(?:ne tiens|ne tenez) (?:pas|aucun)\b.{0,15}compte\b.{0,30}\b(?:instructions?|consignes|règles)\b",
        r"\bfai(?:s|tes) abstraction\b.{0,30}\b(?:instructions?|consignes|règles)\b",
        r"\bno (?:hagas|haga) caso\b.{0,30}\b(?:instrucciones|reglas|indicaciones)\b",
        r"\bnon (?:tenere|tenga|considerare)\b.{0,30}\b(?:istruzioni|regole|indicazioni)\b",
        r"\b(?:trek je niets aan van|houd geen rekening met)\b.{0,30}\b(?:instructies|regels|opdrachten)\b",
        r"\b(?:desconsider[ae]|não (?:sigas?|siga))\b.{0,30}\b(?:instruções|regras|ordens|indicações)\b",
        grave=True,
    ),
    rule(
        "instruction",
        "speaks to a machine instead of a person",
        r"\b(?:hinweis|nachricht|anweisung|notiz) (?:an|für) (?:die |den |das |alle )?(?:ki|sprachmodell|"
        r"assistent\w*|bot|system)\b",
        r"\b(?:note|message|instruction|consigne)s? (?:pour|à) (?:l'|le |la |tout )?(?:ia|assistant|"
        r"robot|modèle|système)\b",
        r"\b(?:nota|mensaje|instrucción|aviso) para (?:la |el |cualquier )?(?:ia|asistente|bot|modelo|"
        r"sistema)\b",
        r"\b(?:nota|messaggio|istruzione|avviso) (?:per|a) (?:l'|la |il |ogni )?(?:ia|assistente|bot|"
        r"modello|sistema)\b",
        r"\b(?:bericht|opmerking|instructie) (?:voor|aan) (?:de |het |elke )?(?:ai|assistent|bot|"
        r"taalmodel|systeem)\b",
        r"\b(?:nota|mensagem|instrução|aviso) para (?:a |o |qualquer )?(?:ia|assistente|bot|modelo|sistema)\b",
        r"\b(?:zeige|gib|nenne|verrate)\b.{0,20}\b(?:system-?prompt|systemanweisung\w*|deine anweisungen)\b",
        r"\b(?:montre|révèle|affiche|répète)[rz]?\b.{0,20}\b(?:prompt|instructions système|"
        r"tes instructions)\b",
        r"\b(?:muestra|revela|repite)\b.{0,20}\b(?:prompt|instrucciones del sistema|tus instrucciones)\b",
        r"\b(?:mostra|rivela|ripeti)\b.{0,20}\b(?:prompt|istruzioni di sistema|tue istruzioni)\b",
        r"\b(?:toon|geef|onthul)\b.{0,20}\b(?:systeemprompt|je instructies)\b",
        r"\b(?:mostra|mostre|revela|revele|repete|repita)\b.{0,20}\b(?:prompt|instruções do sistema|"
        r"tuas instruções)\b",
        grave=True,
    ),
    rule(
        "instruction",
        "wants something done behind the operator's back",
        r"\b(?:ohne)\b.{0,25}\b(?:zustimmung|rückfrage|freigabe|genehmigung)\b",
        r"\b(?:sans)\b.{0,20}\b(?:demander|l'accord|l'approbation|validation|"
        r"prévenir)\b.{0,30}\b(?:opérateur|responsable|humain|personne)\b",
        r"\b(?:sin)\b.{0,20}\b(?:preguntar|aprobación|autorización|avisar)\b.{0,30}\b(?:operador|humano|"
        r"nadie|responsable)\b",
        r"\b(?:senza)\b.{0,20}\b(?:chiedere|approvazione|autorizzazione|avvisare)\b.{0,30}\b(?:operatore|"
        r"umano|nessuno|responsabile)\b",
        r"\b(?:zonder)\b.{0,25}\b(?:toestemming|goedkeuring|overleg|te vragen|te melden)\b",
        r"\b(?:sem)\b.{0,20}\b(?:perguntar|aprovação|autorização|avisar)\b.{0,30}\b(?:operador|humano|"
        r"ninguém|responsável)\b",
        r"\b(?:sende|schick\w*|exportier\w*|leite)\b.{0,20}\b(?:alle|sämtliche)\b.{0,20}\b(?:kunden\w*|"
        r"mitglieder\w*|adressen)\b",
        r"\b(?:envoie|envoyez|exporte[zr]?|transmets|transmettez)\b.{0,15}\b(?:tous|toutes|"
        r"la liste)\b.{0,20}\b(?:clients?|membres|adresses)\b",
        r"\b(?:envía|envíe|exporta|reenvía)\b.{0,15}\b(?:todos|todas|la lista)\b.{0,20}\b(?:clientes?|"
        r"miembros|direcciones)\b",
        r"\b(?:invia|inviate|esporta|inoltra)\b.{0,15}\b(?:tutti|tutte|l'elenco|"
        r"la lista)\b.{0,20}\b(?:clienti|membri|indirizzi)\b",
        r"\b(?:stuur|exporteer|mail)\b.{0,15}\b(?:alle|de lijst)\b.{0,20}\b(?:klant\w*|leden|adressen)\b",
        r"\b(?:envia|envie|exporta|exporte|encaminha)\b.{0,15}\b(?:todos|todas|"
        r"a lista)\b.{0,20}\b(?:clientes?|membros|endereços)\b",
        grave=True,
    ),
    rule(
        "credentials",
        "asks for a password, key or code",
        rf"\b(?:benötig\w*|brauch\w*|fordern?)\b.{{0,20}}\b(?:ihre?|deine?|euer|eure)\w? {_SECRET_DE}\b",
        rf"\b(?:avons|ai) besoin de (?:votre|vos|ton|tes) {_SECRET_FR}\b",
        rf"\b(?:necesit\w+|precis\w+)\b.{{0,10}}\b(?:su|sus|tu|tus) {_SECRET_ES}\b",
        r"\b(?:abbiamo bisogno|ho bisogno|serve)\b.{0,15}\b(?:sua|vostra|tua|le sue|le vostre|"
        rf"le tue) {_SECRET_IT}\b",
        rf"\b(?:hebben|heb)\b.{{0,5}}\b(?:uw|je|jouw) {_SECRET_NL}\b.{{0,10}}\bnodig\b",
        rf"\bprecis\w+\b.{{0,10}}\b(?:sua|suas|tua|tuas) {_SECRET_PT}\b",
        rf"\b(?:dime|dígame|dame|deme) (?:tu|su|la|las) {_SECRET_ES}\b|\b(?:dimmi|mi dia|dammi) (?:la|"
        rf"le) (?:tua |sua |tue |sue )?{_SECRET_IT}\b",
        r"\b(?:diga-me|diz-me|dê-me|dá-me|me (?:diga|passe|envie)) (?:a |as )?(?:sua |suas |"
        rf"tua )?{_SECRET_PT}\b",
        grave=True,
    ),
    rule(
        "money",
        "asks for a payment, gift cards or a change of bank details",
        r"\b(?:kauf\w*|besorg\w*)\b.{0,30}\b(?:gutscheine?|geschenkkarten?|guthabenkarten?)\b",
        r"\b(?:überweis\w*|zahl(?:e|en sie|t))\b.{0,40}\b(?:auf (?:das|dieses|unser|mein|"
        r"folgendes)\w*) (?:neue\w* )?konto\b",
        r"\b(?:vire[zr]?|verse[zr]?|paye[zr]?)\b.{0,40}\b(?:sur (?:le|ce|notre|mon)) (?:nouveau )?compte\b",
        r"\b(?:transfier[ae]|pag(?:ue|a)|ingres[ae])\b.{0,40}\b(?:a|en) (?:la|esta|nuestra|"
        r"mi) (?:nueva )?cuenta\b",
        r"\b(?:cambiado|cambiaron)\b.{0,25}\b(?:datos|cuenta) bancari[oa]s?\b",
        r"\b(?:trasferi\w*|vers(?:a|i|ate)|pag(?:a|hi|ate))\b.{0,40}\b(?:sul|su questo|"
        r"sul nostro) (?:nuovo )?conto\b",
        r"\b(?:cambiate|cambiato)\b.{0,25}\b(?:coordinate bancarie|iban)\b|\b(?:coordinate bancarie|"
        r"iban)\b.{0,25}\b(?:cambiat\w+|nuov\w+)\b",
        r"\b(?:maak|stort|betaal)\b.{0,40}\b(?:naar|op) (?:deze|onze|mijn|de nieuwe) (?:bank)?rekening\b",
        r"\brekeningnummer\b.{0,20}\b(?:gewijzigd|veranderd)\b|\b(?:koop|"
        r"haal)\b.{0,30}\b(?:cadeau(?:kaart|bon)\w*|tegoedbon\w*)",
        r"\b(?:transfira|transfere|deposit[ae]|pague)\b.{0,40}\b(?:para|em|n)[ao]? (?:esta|nossa|minha|"
        r"nova)? ?conta\b",
        r"\b(?:dados bancários|iban)\b.{0,25}\b(?:mudaram|alterad\w+|nov\w+)\b|"
        r"\bcompr\w+\b.{0,30}\bcart(?:ões|ão)[- ](?:de )?(?:presente|oferta)\b",
        grave=True,
    ),
    rule(
        "legal",
        "announces legal steps or claims liability",
        r"\bmein(?:e|en)? (?:anwalt|anwältin|rechtsanw\w+)\b|\b(?:klage|strafanzeige) (?:ein|gegen|erheb|"
        r"erstatt)\w*|\bschadensersatz\b",
        r"\bmon avocate?\b|\bsaisir (?:le tribunal|la justice)\b|\bdommages(?: et |-)intérêts\b|\btribunal\b",
        r"\bmi abogad[oa]\b|\b(?:demandar|denunciar)(?:é|emos|los|le|te|lo)\b|\b(?:ante|"
        r"en) los tribunales\b|\bdaños y perjuicios\b",
        r"\bil mio avvocato\b|\b(?:denunci|querel)(?:erò|eremo|a)\b|\bin tribunale\b|\brisarcimento danni\b",
        r"\bmijn advocaat\b|\b(?:rechtszaak|kort geding|schadevergoeding|aangifte)\b|\bnaar de rechter\b",
        r"\bo meu advogado\b|\bmeu advogado\b|\bprocess(?:ar|arei|á-los)\b|\b(?:no|em) tribunal\b|"
        r"\bindenização\b|\bindemnização\b",
        grave=True,
    ),
    rule(
        "threat",
        "threatens",
        r"\bwenn (?:sie|du|ihr)\b.{0,60}\bnicht\b.{0,60}\b(?:werde|werden) (?:ich|"
        r"wir)\b.{0,60}\b(?:veröffentlich|zerstör|verklag|melde|anzeig)\w*",
        r"\bich weiß,? wo (?:sie|du) (?:wohn|arbeit)\w*|\bdas werden sie (?:noch )?büßen\b|"
        r"\bdu wirst dafür (?:zahlen|bezahlen)\b",
        r"\bsi vous ne\b.{0,80}\b(?:je|nous) (?:publi|divulgu|détrui|port|all)\w*|\bje sais où (?:vous|"
        r"tu) (?:habit|travaill)\w*|\btu vas le (?:regretter|payer)\b|\bvous allez le regretter\b",
        r"\bsi no\b.{0,80}\b(?:publicar|difundir|destruir|arruinar)(?:é|emos)\b|\bsé dónde (?:vives|vive|"
        r"trabaja)\b|\bte vas a arrepentir\b|\blo (?:vas a|va a) lamentar\b",
        r"\bse non\b.{0,80}\b(?:pubblich|divulg|distrugg|rovin)(?:erò|eremo|herò|heremo)\b|"
        r"\bso dove (?:abiti|abita|lavor\w+)\b|\bve ne pentirete\b|\bte ne pentirai\b",
        r"\bals (?:u|je|jullie)\b.{0,40}\bniet\b.{0,60}\b(?:publiceer|maak|verwoest|lek)\b.{0,10}\b(?:ik|"
        r"wij|we)\b|\bik weet waar (?:u|je) (?:woont|werkt)\b|\b(?:hier|daar) (?:krijgt u|"
        r"krijg je) spijt van\b|\bu zult er spijt van\b",
        r"\bse não\b.{0,80}\b(?:publicar|divulgar|destruir)(?:ei|emos)\b|\bsei onde (?:mora|moras|vive|"
        r"trabalha)\b|\bvai(?:s)? (?:se )?arrepender\b|\bvão arrepender-se\b",
        grave=True,
    ),
)
