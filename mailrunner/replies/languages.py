"""Words of other languages for the same few meanings: a noun and what is said of it, in either order.

Stems of twenty languages, so that new wordings are read as well.  Patterns for lower-case text.
"""

from __future__ import annotations

_MAILBOX = "|".join(
    (
        r"usuari[oa]|destinatari[oa]|buz[oó]n|casilla|cuenta|direcci[oó]n|correo|bandeja",  # Spanish
        r"usu[aá]rio|destinat[aá]rio|caixa|conta\b|endere[cç]o",  # Portuguese
        r"utente|casella|indirizzo|destin\b",  # Italian
        r"utilisateur|destinataire|adresse|bo[iî]te|compte",  # French
        r"empf(?:ä|ae)nger|benutzer|nutzer|postfach|konto|teilnehmer",  # German
        r"gebruiker|ontvanger|postvak|mailbox|(?:e-?mail-?)?adres\b",  # Dutch
        r"u[zż]ytkownik|odbiorc|skrzynk|adres|kont[oa]",  # Polish
        r"utilizator|destinatar|c[aă]su[tț]",  # Romanian
        r"u[zž][ií]vatel|pou[zž][ií]vate|p[rř][ií]jemc|schr[aá]nk",  # Czech, Slovak
        r"felhaszn[aá]l|c[ií]mzett|postafi[oó]k|c[ií]m\b",  # Hungarian
        r"anv[aä]ndare|mottagare|brevl[aå]d|bruger|modtager|bruker|mottaker|postkasse",  # Scandinavian
        r"k[aä]ytt[aä]j|vastaanottaj|postilaatik|osoite",  # Finnish
        r"пользовател|получател|ящик|адрес|аккаунт|уч[её]тн|користувач|отримувач|"
        r"скриньк",  # Russian, Ukrainian
        r"kullan[iı]c|al[iı]c[iı]|posta kutusu|hesap",  # Turkish
        r"用户|收件人|邮箱|地址|ユーザ|宛先|アドレス|メールボックス|受信者|사용자|수신자|메일함",
    )
)
_MISSING = "|".join(
    (
        r"no existe|inexistent|desconocid|no (?:se |ha |fue )*encontr",
        r"n[aã]o existe|desconhecid|n[aã]o (?:foi |ser )*encontr",
        r"non esiste|inesistent|sconosciut|non (?:è |stat[oa] )*trovat",
        r"inconnu|introuvable|n'existe|inexistant|non trouv",
        r"existiert nicht|unbekannt|nicht (?:gefunden|vorhanden|bekannt)|gibt es nicht",
        r"onbekend|bestaat niet|niet (?:gevonden|bekend)",
        r"nie istnieje|nieznan|nie ma |brak |nie znaleziono",
        r"nu exist|necunoscut|nu (?:a fost )?g[aă]sit",
        r"neexistuje|nezn[aá]m|nenalezen|nen[aá]jden",
        r"nem l[eé]tezik|ismeretlen|nem tal[aá]l",
        r"finns (?:inte|ej)|ok[aä]nd|findes ikke|ukendt|finnes ikke|ukjent",
        r"ei (?:ole|l[oö]ydy)|tuntematon",
        r"не (?:найден|существует|зарегистрирован|знайден|існує)|неизвест|невідом",
        r"bulunamad|mevcut de[gğ]il|ge[cç]ersiz",
        # Not valid.
        r"errat[oa]|err[oó]ne[oa]|inv[aá]lid[oa]|n(?:o|ão) v[aá]lid|non valid|invalide|ung[uü]ltig|"
        r"fehlerhaft|"
        r"ongeldig|nieprawid[lł]|b[lł][eę]dn|neplatn|[eé]rv[eé]nytelen|ogiltig|ugyldig|virheelli|неверн|"
        r"некорр|"
        r"недействит|невірн|无效|잘못된",
        r"不存在|未找到|无此|未开通|未注册|存在しません|見つかりません|不明|없습니다|존재하지",
    )
)
_FULL = (
    r"llen[oa]|chei[oa]|pien[oa]|plein|satur[eéè]|\bvoll\b|[uü]berf[uü]llt|\bvol\b|geen ruimte|"
    r"pe[lł]n[aey]|przepe[lł]n|"
    r"plin[aă]|pln[aáyý]|megtelt|\bfuld?l?t?\b|t[aä]ynn|переполн|заполн|dolu|已满|いっぱい|가득"
)
_CLOSED = "|".join(
    (
        r"expirad[oa]|inactiv[oa]|des(?:h|)a(?:c?tiv|bilit)ad[oa]|suspendid|bloquead|cancelad|eliminad|"
        r"exclu[ií]d",
        r"disattivat|disabilitat|bloccat|sospes|scadut|cessat",
        r"d[eé]sactiv|suspendu|bloqu[eé]|archiv[eé]|supprim|r[eé]sili|expir[eé]",
        r"deaktiviert|gesperrt|gel[oö]scht|abgelaufen|inaktiv|stillgelegt|geschlossen",
        r"geblokkeerd|uitgeschakeld|opgeheven|verlopen",
        r"zablokowan|nieaktywn|usuni[eę]t|zawieszon|wygas|zablokov|neakt[ií]vn|zru[sš]en",
        r"avst[aä]ngd|sp[aä]rrad|lukket|slettet|sperret|suljettu|poistettu",
        r"отключ|заблокирован|удал[её]н|неактив|закрыт|заморож|приостановл|видален",
        r"kapat[iı]l|devre d[iı][sş][iı]|ask[iı]ya",
        r"停用|禁用|注销|冻结|锁定|过期|無効|停止|解約|정지|휴면|해지",
    )
)
_PERIOD = (
    r"heure|jour|stunde|tag\b|hora|d[ií]a|\bora\b|giorno|uur|\bdag\b|godzin|dzie[nń]|час|день|"
    r"сутки|saat|g[uü]n\b|小时|天|時間|日"
)
_MANY = (
    r"zu viele|trop de|troppi|troppe|demasiad[oa]s|muit[oa]s|te veel|zbyt wiele|prea multe|"
    r"p[rř][ií]li[sš] mnoho|"
    r"t[uú]l sok|f[oö]r m[aå]nga|for mange|liian monta|слишком много|çok fazla|太多|多すぎ"
)
_MAILS = (
    r"e-?mail|nachricht|message|courriel|messagg|mensaj|mensage|correos|bericht|wiadomo|mesaj|"
    r"zpr[aá]v|lev[eé]l|пис[еь]м|сообщ|邮件|メール"
)


_NO = r"ness?un\w*|ning[uú]n\w*|nenhum\w*|aucune?|keine?[nmrs]?|geen|[zż]aden|нет(?: так\w+)?|nincs|ing[ea]n"


def _either(noun: str, predicate: str) -> str:
    noun, predicate = rf"(?<![a-zà-ÿ])(?:{noun})", rf"(?<![a-zà-ÿ])(?:{predicate})"
    return rf"{noun}.{{0,50}}?{predicate}|{predicate}.{{0,35}}?{noun}"


# A noun and its predicate, a noun that is denied, or a predicate that is all there is.
MAILBOX_MISSING = (
    rf"{_either(_MAILBOX, _MISSING)}|(?<![a-zà-ÿ])(?:{_NO}) (?:\w+ )?(?:{_MAILBOX})|"
    rf"^\W*(?:\S+ ){{0,2}}(?!brak|nie ma)(?:{_MISSING})\S*\W*$"
)
MAILBOX_FULL = _either(_MAILBOX, _FULL)
MAILBOX_CLOSED = _either(_MAILBOX, _CLOSED)
LATER = (
    r"plus tard|r[eé]essay|sp[aä]ter (?:noch|wieder|erneut)|m[aá]s tarde|mais tarde|pi[uù] tardi|"
    r"p[oó][zź]niej|"
    r"позже|позднее|пізніше|稍后|稍後|後ほど|나중에|senere|senare"
)
TOO_MANY_MAILS = rf"(?:{_MANY}).{{0,30}}(?:{_MAILS})"
SENDING_LIMIT = (
    r"\b(?:versand|sende|tages|stunden|monats)-?(?:limit|kontingent|grenze)|"
    r"\blimit\b.{0,30}\bpro (?:tag|stunde)",
    r"\b(?:limite|quota|plafond)s? (?:d'envois?|d'e-?mails|journali|horaire|quotidien)",
    r"\blimite (?:\w+ )?(?:orario|giornaliero|mensile|d'invio|(?:di|degli) invii?o?)",
    r"\b(?:l[ií]mite|cuota|cota) (?:\w+ )?(?:diari[oa]|di[aá]ri[oa]|por (?:hora|d[ií]a)|hor[aá]ri[oa]|"
    r"de env[ií]os?)",
    r"\blimita (?:\w+ )?(?:zilnic|orar|de trimitere)|\b(?:verzend|dag|uur)limiet",
    r"\blimit(?:u|y)? (?:dzienn|godzin|wysy)|\b(?:dzienny|godzinowy) limit|лимит (?:отправ|писем|сообщ)",
    rf"\b\d+ \S+ (?:par|por|pro|je|per|all'|na|в|за) ?(?:{_PERIOD})",
    rf"(?:{_MANY}).{{0,30}}(?:{_MAILS}).{{0,30}}(?:{_PERIOD})",
    rf"(?:{_MAILS})\S* (?:par|por|pro|je|na|в|за) ?(?:{_PERIOD})",
)
NO_LOGIN = (
    r"\b(?:anmelden|einloggen)\b|melden sie sich an|connectez-vous|inicie sesi[oó]n|zaloguj|войдите|"
    r"авторизуйтесь",
    r"\b(?:ohne|keine|erst) (?:vorherige )?(?:anmeldung|authentifizierung|login)|"
    r"anmeldung (?:erforderlich|n[oö]tig)",
    r"\b(?:sans|senza|sin|sem|bez) (?:auth?ent|identif|uwierzyt)\w*|zonder (?:aanmelding|authenticatie)",
    r"\b(?:auth?entifi?c|auten[ct]i[ck]|uwierzytelni|аутентификац|авторизац)\w+.{0,20}\b(?:requis|n[eé]cess|"
    r"obligat|richiest|requerid|necess[aá]r|erforderlich|wymagan|требуется)",
    r"\b(?:requier|richied|requer|necess[ií]?t|nécessit|precisa|exig|ben[oö]tig|verlang|vereist|wymaga|"
    r"требуется|необходим|нужна|需要)\w*.{0,25}(?:autent|auth?enti|uwierzyt|аутентиф|"
    r"авториз|登录|认证)",
)
SENDER_NAMED = (
    r"[eé]metteur|exp[eé]di(?:teur|tion)|adresse? source|(?:direcci[oó]n|endere[cç]o|indirizzo) d[ei] "
    r"(?:orige[nm]|provenienza|env[ií]o|invio)|absender(?!.{0,20}empf)|remitente|remetente|mittente|"
    r"nadawc|odes[ií]latel|"
    r"felad[oó]|avs[aä]ndare|afsender|avsender|l[aä]hett[aä]j|отправител|відправник|g[oö]nderen|发件人|差出人|"
    r"afzender|expeditor"
)
