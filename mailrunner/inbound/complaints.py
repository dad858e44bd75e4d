"""Complaints in a recipient's own words: "that is spam", "delete my data", in the languages of our readers.

What they say is put before the user (`inbox --review`), never acted on.  Texts are folded by
`mailrunner.inbound.phrases`: lower case, without accents.  Erasure is a right of its own (GDPR
article 17), with a month to answer, so it is named.  Pure.
"""

from __future__ import annotations

import re
from enum import StrEnum

from mailrunner.inbound.phrases import folded

_LONGEST = 3000  # characters: a reply that cites the law is longer than one that asks to leave


class Complaint(StrEnum):
    """The request, as the review spells it."""

    ERASURE = "asks for erasure of their data"
    SPAM = "complains of spam"


_DELETE = (
    r"\b(?:delet|eras|remov|destroy|wip)\w*\b.{0,30}\b(?:my|personal)\b.{0,25}"
    r"\b(?:data|information|details|records?|account|profile)\b|"
    r"\b(?:data|information) (?:to be |must be |be )?(?:deleted|erased)\b|"
    r"\b(?:ge)?losch\w*\b.{0,40}\b(?:daten|angaben)|\b(?:daten|angaben)\b.{0,40}\b(?:ge)?losch|"
    r"\b(?:supprim|effac)\w*\b.{0,40}\b(?:donnees|coordonnees|informations)|"
    r"\b(?:borr|elimin|suprim)\w*\b.{0,30}\bdatos|\b(?:cancell|elimin)\w*\b.{0,30}\bdati\b|"
    r"\b(?:sterge|stearga)\w*\b.{0,30}\bdatele|\b(?:apag|elimin|exclu)\w*\b.{0,30}\bdados|"
    r"\b(?:verwijder|wis)\w*\b.{0,30}\bgegevens|\bgegevens\b.{0,30}\b(?:verwijder|wis)|"
    r"\busun\w*\b.{0,30}\bdan(?:e|ych)\b|个人(?:信息|数据).{0,10}删除|删除.{0,10}个人(?:信息|数据)|"
    r"個人情報.{0,10}削除|удалит\w*.{0,30}данные"
)
_LAW = (
    r"\bright (?:to be forgotten|to erasure)|\b(?:gdpr|dsgvo|ds-gvo|rgpd)\b|"
    r"\bart(?:icle|ikel|icolo|iculo|\.)? ?17\b|droit a l'(?:oubli|effacement)|"
    r"derecho (?:al olvido|de supresion)|diritto all'oblio|dreptul de a fi uitat"
)
_ERASURE = re.compile(f"{_DELETE}|{_LAW}")
# As the whole of a subject from any sender: a wish, not a talk about data.
_SUBJECT = re.compile(
    r"^(?:please |bitte |merci de |por favor,? )?(?:\w+ ){0,2}?"
    rf"(?:{_DELETE})\w*(?:\W+\w+){{0,3}}\W*$"
)
_SPAM = re.compile(
    r"\b(?:this|that|it|these|yours?|you)(?:'s| is| was| are|'re)? (?:\w+ ){0,2}spam(?:m\w+)?\b(?! folder)|"
    r"\b(?:stop|quit|cease) (?:the )?spam|\bspammers?\b|\breport(?:ed|ing)? (?:you|this|it)\b|"
    r"\bunsolicited\b|"
    r"\bnever (?:signed up|subscribed|consented|agreed|registered|asked (?:for|to))|"
    r"\bwithout my (?:consent|permission)|\bhow did you get my\b|"
    r"\b(?:das|dies|ihr|eure?)\b.{0,15}\bspam|\bbelastig|\bwoher haben sie\b|"
    r"\bohne meine (?:einwillig|zustimm|erlaub)|"
    r"\bnie\w*\b.{0,20}\b(?:angemeldet|eingewilligt|abonniert|zugestimmt)|"
    r"\bc'est du spam|\bjamais\b.{0,20}\b(?:inscrit|demande|consenti|abonne)|"
    r"\bsans mon (?:accord|consentement)|"
    r"\besto es spam|\bnunca me (?:suscrib|registr|di de alta)|\bsin mi (?:consentimiento|permiso)|"
    r"\bquesto e spam|\bmai (?:iscritt|richiest)|\bsenza il mio consenso|"
    r"\b(?:asta|acesta) e(?:ste)? spam|\bnu m-am (?:abonat|inscris)|\bfara acordul meu|"
    r"\bisto e spam|\bnunca me inscrevi|\bsem o? ?meu consentimento|"
    r"\bdit is spam|\bnooit\b.{0,15}\b(?:aangemeld|ingeschreven)|\bzonder mijn toestemming|"
    r"\bto jest spam|\bbez mojej zgody"
)


def complaint(words: str) -> Complaint | None:
    """What a recipient's words complain of, None for nothing; erasure before spam, as it asks for more."""
    said = folded(words[:_LONGEST])
    if _ERASURE.search(said):
        return Complaint.ERASURE
    return Complaint.SPAM if _SPAM.search(said) else None


def erasure_by_subject(subject: str) -> bool:
    """Whether a subject says nothing else than that its writer's data be erased; "Re: …" is another's."""
    return bool(_SUBJECT.match(folded(subject)))
