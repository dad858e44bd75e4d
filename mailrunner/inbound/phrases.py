"""The words by which people and their programs say a few things, in the languages of our readers.

All patterns see text that was folded: lower case, without accents, blanks collapsed.  A new wording
goes into the table whose meaning it has.  Pure.
"""

from __future__ import annotations

import re
import unicodedata

# Re:, Fwd: and what mail programs write for them elsewhere.
_PREFIX = re.compile(
    r"^(?:(?:re|r|fwd?|fw|aw|antw|wg|wtr|tr|rv|res|enc|sv|vs|vb|odp|pd|rif|i|ynt|ilt|回复|转发|返信)"
    r"\s*(?:\[\d+\]|\(\d+\))?\s*[:：]\s*)+"
)

# Only what programs write: a person may well answer "Absent on Friday", and wants to be read.
_ABSENT = re.compile(
    r"^\W*(?:auto(?:matic|mated)?[ -]?(?:reply|response|answer)|out[ -]of[ -](?:the[ -])?office|autoreply|"
    r"automatische antwort|abwesenheits(?:notiz|meldung|agent|benachrichtigung)|"
    r"reponse automatique|(?:message|notification) d'absence|absence du bureau|"
    r"respuesta automatica|fuera de (?:la )?oficina|"
    r"risposta automatica|fuori (?:ufficio|sede)|"
    r"raspuns automat|in afara biroului|"
    r"resposta automatica|fora do escritorio|"
    r"automatisch antwoord|afwezigheids(?:bericht|melding)|"
    r"odpowiedz automatyczna|automatyczna odpowiedz|poza biurem|"
    r"auto(?:matiskt |matisk )?svar|automaattinen vastaus|"
    r"automaticka odpoved|automatikus valasz|otomatik yanit|"
    r"自動応答|自動返信|不在通知|自动答复|自动回复|автоответ|автоматическии ответ)"
)

# A whole wish in a line by itself, or a subject.
_WISH = (
    r"(?:please )?(?:unsubscribe|opt[ -]?out|(?:remove|delete|unsubscribe) me|take me off|stop)\b|"
    r"(?:bitte )?(?:abmeld|abbestell|austrag)\w*|(?:newsletter|mich) (?:bitte )?(?:abmelden|abbestellen)|"
    r"(?:me |se )?desabonn\w*|(?:me )?desinscri\w*|"
    r"(?:(?:dar(?:me|se)?|solicito) (?:de )?|de )?baja\b|"
    r"disiscri\w*|cancella(?:te)?mi\b|cancellazione\b|"
    r"(?:ma )?dezabon\w*|"
    r"descadastr\w*|"
    r"(?:cancelar|anular) (?:a |la |minha |mi )?(?:inscricao|assinatura|suscripcion|subscricao)|"
    r"afmeld\w*|uitschrijv\w*|wypis\w*|rezygn\w*|avregistrer\w*|avprenumerer\w*|avmeld\w*|"
    r"odhlas\w*|leiratkoz\w*|(?:配信|受信)停止|退会|登録解除|退订|取消订阅|отпис\w*"
)
_ASKS_ALONE = re.compile(rf"^\W*(?:{_WISH})(?:\W+\w+){{0,5}}\W*$")
_ASKS = re.compile(
    r"\b(?:unsubscribe|opt(?:ing)?[ -]?out|(?:remove|delete) me|take me off|"
    r"(?:stop|cease|quit) (?:sending|mailing|e-?mailing|writing)|"
    r"(?:no|any) (?:more|further|longer) (?:of )?(?:these |your )?(?:e-?mails?|mails?|newsletters?)|"
    r"(?:do not|don't|dont) (?:want|wish|send|mail|e-?mail|contact)|"
    r"abmeld|abbestell|austragen|aus (?:dem|ihrem|eurem|der) (?:verteiler|liste)|"
    r"keine (?:weiteren? )?(?:e-?mails?|mails?|newsletter|post)|losch(?:en sie|t|e)\b|"
    r"desabonn|desinscri|retire[rz]|ne (?:plus|veux plus|souhaite plus)|"
    r"(?:de|mi|la|darme) baja|(?:cancelar|anular) (?:la |mi )?suscripcion|"
    r"no (?:quiero|deseo) (?:recibir )?mas|"
    r"disiscri|cancella(?:te)?mi|non (?:voglio|desidero) piu|"
    r"dezabon|nu mai (?:doresc|vreau)|scoateti|stergeti|"
    r"descadastr|(?:cancelar|remover) (?:a |minha |meu )?(?:inscricao|assinatura|e-?mail)|nao quero mais|"
    r"afmeld|uitschrijv|geen (?:mails?|e-?mails?|nieuwsbrie)|wypis|rezygnuj|"
    r"avregistrer|avprenumerer|avmeld|afmeld|odhlas|leiratkoz|отпис)|"
    r"(?:配信|受信)停止|退会|登録解除|退订|取消订阅"
)

# What an account's own provider says of its cap, besides the replies that `mailrunner.replies` knows.
_SPENT = re.compile(
    r"you have reached a limit for sending e?-?mail|"
    r"you(?:'ve| have) reached (?:your|the) (?:daily|sending)[\w ]*limit|"
    r"limit fur das senden|sendelimit|limite d'envoi|limite de envio|limite di invio|limita de trimitere"
)


# What servers say for people of a message that did not arrive.
_UNDELIVERED = re.compile(
    r"\bundeliver\w+|\b(?:not|n't|unable to) (?:be )?(?:deliver|reach|sent)\w*|\b(?:delivery|"
    r"message) (?:has )?fail\w*|"
    r"\breturned (?:mail|to sender)|\bmail(?:box|folder)? (?:is )?full\b|"
    r"unzustellbar|nicht zugestellt|postfach (?:ist )?voll|n'a (?:pas )?(?:pu|ete) |non remis|boite pleine|"
    r"non (?:e stato )?(?:recapitat|consegnat)|casella piena|no (?:se )?(?:pudo|ha podido|puede)|no entregad|"
    r"nao (?:foi |pode )?(?:entreg|ser entreg)|nao foi possivel|niedostarcz|"
    r"nie (?:zosta[lł]|mo[zż]na|uda[lł]o)|"
    r"не (?:доставлен|удалось|может быть доставлен)|\bnem(?:ohla?|uze) byt doruc|nedorucit|nepodarilo se|"
    r"nem (?:sikerult|kezbesit)|(?:kunne ikke|kunde inte|kon niet)\b.{0,20}\b(?:lever|bezorg|afgelever)|"
    r"nu a putut fi (?:livrat|trimis)|impossibile (?:recapit|consegn)|impossible de (?:remettre|livrer)|"
    r"teslim edilemedi|iletilemedi|\bfailure notice\b|退回|전송되지|반송|"
    r"配信(?:できません|不能)|送信できません|退信|无法投递|投递失败"
)


def folded(text: str) -> str:
    """Lower case, no accents, single blanks: what the patterns see."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'").casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def bare_subject(subject: str) -> str:
    """A folded subject without its "Re:" and "Fwd:"."""
    return _PREFIX.sub("", folded(subject))


def says_undelivered(words: str) -> bool:
    """Whether a server says that a message did not arrive."""
    return bool(_UNDELIVERED.search(folded(words)))


def says_absent(subject: str) -> bool:
    """Whether a subject is that of an absence notice or another answer by a program."""
    return bool(_ABSENT.match(bare_subject(subject)))


def asks_to_leave(subject: str, words: str) -> bool:
    """Whether a person's own few words ask not to be written to; a long message is left to the operator."""
    if asks_by_subject(subject) and len(words) <= _LONG:
        return True
    said = folded(words[:_LONG])
    return len(words) <= _LONG and bool(_ASKS_ALONE.match(said) or _ASKS.search(said))


def asks_by_subject(subject: str) -> bool:
    """Whether the subject says nothing else than that the sender wants to leave."""
    return bool(_ASKS_ALONE.match(bare_subject(subject)))


def says_spent(words: str) -> bool:
    """Whether a provider says that the account has reached its cap."""
    return bool(_SPENT.search(folded(words)))


_LONG = 600  # characters
