"""What servers write, by meaning: an ordered table of patterns; `mailrunner.replies.rules` applies it.

The order of `TEXTS` decides: whose limits are spent, the sender and the set-up, the road, the
recipient, the content.  A rule is a row; a new wording goes into the row whose meaning it has.
Patterns see lower-case text with single blanks and "@" for addresses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailrunner.outcome import Action, Stage

LATE = frozenset({Stage.RCPT, Stage.DATA, Stage.EOD})  # a recipient is known
_WITH_CONTENT = frozenset({Stage.DATA, Stage.EOD})
_ANY = frozenset(Stage)


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table of texts: where it applies, and what follows.

    `classes` are first digits, "?" stands for codes that are neither 4xx nor 5xx.  `run` widens a
    retry to the whole run (None: the code decides), `counted` makes a stop wait for a second opinion.
    `plain` marks words that can only mean that the mailbox does not exist.  `codes` is a pattern that
    the enhanced code must match from its beginning.
    """

    action: Action
    says: str
    pattern: str  # compiled when it is first needed: most runs never see a refusal
    stages: frozenset[Stage]
    classes: str
    run: bool | None
    counted: bool
    plain: bool
    codes: str

    def applies(self, stage: Stage, family: str, enhanced: str, said: str) -> bool:
        return (
            stage in self.stages
            and family in self.classes
            and bool(re.match(self.codes, enhanced) and re.search(self.pattern, said))
        )


def _rule(
    action: Action,
    says: str,
    *patterns: str,
    stages: frozenset[Stage] = _ANY - {Stage.AUTH},
    classes: str = "45",
    run: bool | None = False,
    counted: bool = False,
    plain: bool = False,
    codes: str = "",
) -> Rule:
    return Rule(action, says, "|".join(patterns), stages, classes, run, counted, plain, codes)


_PERSON = (
    r"(?:user(?:name)?|mail[ -]?box|inbox|recipient|addressee|rcpt|(?<!ip )address|account|alias|customer|"
    r"local[ -]part|person|destination)(?:e?s)?"
)
_LIMIT = r"(?:limit|quota|allowance|max(?:imum)?\b|credits?|threshold|allowed)"
_OVER = r"(?:exceed|reached|hit\b|used up|exhausted|depleted|ran out|over\b|crossed|surpass)"
_PERIOD = (
    r"(?:daily|hourly|weekly|monthly|today|(?:hour|day) limit|\d+[ -]?h(?:ou)?rs?\b|/ ?(?:hour|day|h|d)\b|"
    r"(?:per|an|one|each|every|this|last|current) ?(?:hour|day|week|month)\b)"
)
_FROM = (
    r"(?:sender\b|mail[ -]?from\b|from:|from (?:header|address|domain|field)|envelope|"
    r"re(?:turn|verse)[- ]path)"
)
_SENT = r"(?:messages?|mails?|e-?mails?|recipients?|rcpts?|relays?)"
_SENDING = r"(?:send(?:ing)?|sent|outgoing|outbound|relay|submission|smtp)"
_NOT_RATE = r"(?!rate|thread|connect|session|mailbox|size|storage|disk)[\w-]+"

# What the account may still send, wherever it is said and under whatever code.  The limits of one
# mailbox that receives come first: they are about one person.
_LIMITS = (
    _rule(Action.RETRY, "the server is greylisting", r"\bgr[ea]y-?list"),
    _rule(
        Action.RETRY,
        "the recipient is getting mail faster than the mailbox may",
        r"receiving (?:e?mail|messages) (?:too|at a rate)|receiv\w+ limit|receivingrate",
        r"they can (?:receive|send to this)",
        r"\b(?:recipient|mailbox)(?:'s)? (?:@ )?(?:has )?(?:exceeded|reached)\b.{0,30}\b(?:rate|"
        r"message)\b",
    ),
    _rule(
        Action.QUOTA,
        "the account's sending quota is used up",
        r"submissionquotaexceeded|refusequota|tenant has exceeded",
        rf"^(?=.*\b{_PERIOD})(?=.*\b{_OVER})(?=.*\b(?:{_LIMIT}|{_SENT} (?:per|this|"
        rf"in)\b))(?!.*(?:mailbox|disk|size|storage|connect))",
        rf"\btoo many {_SENT} (?:sent )?(?:today|per (?:hour|day)|in (?:the last|an?) )",
        rf"\b{_OVER}\w*\b.{{0,50}}\b{_SENDING} ?(?:{_NOT_RATE} )?{_LIMIT}",
        rf"\b{_SENDING} ?(?:{_NOT_RATE} )?{_LIMIT}s?\b.{{0,40}}\b{_OVER}",
        r"\b(?:message|e-?mail|recipient)s? (?:quota|limit) (?:has been |was )?(?:exceeded|reached)",
        rf"\b(?:your|its) (?:{_NOT_RATE} ){{0,3}}(?:quota|limit)\b.{{0,30}}\b{_OVER}",
        rf"\breached (?:your|the) (?:{_NOT_RATE} ){{0,3}}limit",
        rf"\b(?:you(?:'ve| have)?|(?:account|user|domain|sender)(?: \S+)? has) (?:exceeded|reached|"
        rf"used up|hit)\b (?:{_NOT_RATE} ){{0,4}}(?:quota|limit|credits)",
        r"\bsent too many\b.{0,30}\b(?:hour|day|today)\b",
        rf"\b\d+ {_SENT} (?:per|in|every|/) ?(?:an? |one )?(?:hour|day|24)",
        rf"\blimit of \d+ {_SENT}",
        r"\b(?:maximum|not enough|insufficient|no (?:more )?|out of|ran out of) credits?\b",
        r"wait to send more|rate limit increase",
        stages=_ANY,
        classes="45?",
    ),
    _rule(
        Action.QUOTA,
        "the server has seen too many log-ins",
        r"too many\b.{0,30}\b(?:log[ -]?ins?|auth\w*|password)\b",
        stages=_ANY,
        classes="4",
    ),
)

# The sender and the set-up: the same for everybody on the list, whichever class the code has.
_SENDER = (
    _rule(
        Action.RETRY,
        "a look-up of the sender failed for now",
        r"temporar\w*\b.{0,40}\b(?<!reverse )(?:dns|look-?up|resol\w+|callout)",
        r"\b(?<!reverse )(?:dns|look-?up)\b.{0,40}\btemporar",
        r"temperror|(?:spf|dkim|dmarc)\b.{0,40}\btemp|could not complete sender verif|dns timeout",
        r"look-?up timed out",
        classes="4",
        run=True,
    ),
    _rule(
        Action.FAIL,
        "this recipient takes mail from chosen senders only",
        r"resolver\.rst|restrict(?:ed)?to\w+|notauthenticatedfor|restrictedrecipient|target address",
        r"blocked - user|failure for one or more recipients",
        r"only (?:accept|allow)\w*\b.{0,30}\bfrom (?:specific|certain|known|approved|its|members|"
        r"authenticated)",
        r"members[- ]only|closed (?:mailing )?list|not subscribed|recipient preferences",
        r"by (?:the |this )?recipients?\b(?!.{0,20}polic)",
        r"not (?:allowed|permitted|authori[sz]ed) to (?:send|post|mail|write|"
        r"e-?mail)\b.{0,20} to (?:this|the|that) (?:list|group|recipient|user|mailbox|address)",
        r"(?:sending|send) to \(or from\)|recipient (?:has )?(?:block|refus)\w+",
        stages=LATE,
        classes="5",
    ),
    _rule(
        Action.STOP,
        "the sender's domain or server fails authentication",
        r"\b(?:spf|dkim)\b(?! domain)|\bdmarc\b|\baligned|alignment|sender policy framework",
        r"sender is unauthenticated|unauthenticated e?mail",
        r"it is unauthenticated|authentication level|\bptr\b|reverse[- ](?:dns|host|look-?up|name)",
        r"fcrdns|\brdns\b",
        r"(?:find|resolve|look ?up) your (?:reverse )?(?:host ?name|address|ip)|\bname lookup failed",
        r"\b(?:helo|ehlo)\b.{0,30}\b(?:reject|invalid|denied|bad|must|not|mismatch)",
        r"(?:bad|invalid|fake) (?:helo|ehlo)",
        r"domain name pointer|dynamic ip|has null mx.{0,10}sender|sender address has null mx",
    ),
    _rule(
        Action.STOP,
        "the server insists on TLS",
        r"issue (?:a )?starttls|starttls (?:is )?(?:required|first|command first)",
        r"(?:requires?|use|need|without|over a) (?:starttls|tls|ssl|encrypt)",
        r"\b(?:tls|ssl|encryption|encrypted connection|secure connection)\b.{0,20}\b(?:required|"
        r"needed|mandatory|necessary)",
        stages=_ANY,
    ),
    _rule(
        Action.STOP,
        "the server does not relay for this account",
        r"\brelay(?:ing|ed)?\b.{0,40}\b(?:denied|not|prohibited|disallowed|reject|refused|forbidden)",
        r"\b(?:not|unable|cannot|can't|won't|refuse|deny|denied|disallow\w*|prohibit\w*)\b.{0,40}\brelay",
        r"rcpthosts|open relay",
        r"not a (?:local|known) (?:domain|host)|local users? only|is not local\b|not (?:a )?gateway",
    ),
    _rule(
        Action.AUTH,
        "the server wants other credentials, or a permission they lack",
        r"auth\w*\b.{0,15}\b(?:required|needed|requise|erforderlich)",
        r"requires? (?:smtp |client )?(?:auth|log)|unauthenticated sender",
        r"(?:not|n't|must|please|turn on|enable|without|need)\b.{0,25}\b(?:authenticat\w*|"
        r"smtp auth\w*|log(?:ged)? ?in|auth first)",
        r"invalid (?:credentials|login|password|api key)|unauthori[sz]ed ip",
        r"not authori[sz]ed to perform|auth first|not logged[ -]?in",
    ),
    # Postfix's answer to whoever is in none of `mynetworks` and has not logged in ("reject").  Microsoft's
    # directory says the same words of an address it does not have, with 5.4.1: not that one.
    _rule(
        Action.AUTH,
        "the server lets nobody send who has not logged in",
        r"(?:recipient address|client host|data command|end-of-data|helo command|etrn command) rejected ?: "
        r"access denied",
        codes=r"(?![245]\.[14]\.)",
    ),
    _rule(
        Action.STOP,
        "the server denies access",
        r"^\W*(?:@ ?)?(?:error: )?access (?:is |was |has been )?denied\W*$",
        classes="5",
        counted=True,
    ),
    _rule(
        Action.STOP,
        "the server refuses this sender",
        r"send ?as ?denied|sendasdenied",
        r"send (?:mail )?(?:as|from|on behalf)\b.{0,40}\b(?:denied|not)|relaying disallowed as",
        r"(?:not|n't|un)(?: be)? ?(?:allow\w*|permitted|authori[sz]ed|have permissions?)\b.{0,20}"
        r"\b(?:send|sending|submit)\b",
        r"not owned by|same as authori[sz]ation",
        rf"\b{_FROM}.{{0,60}}\b(?:reject|denied|den(?:y|ies)|refus|not (?!found in)|invalid|unknown|"
        r"mismatch|ban|block|black|suspend|disabled|fail|malformed|missing|misformed|no mx|must)",
        r"\b(?:invalid|unauthori[sz]ed|banned|blocked|bad|unknown|unverified|unroutable|unrouteable|"
        rf"illegal|missing|forged|spoof\w*|null)\b.{{0,15}}\b{_FROM}",
        r"\bdomain of (?:the )?sender|sender domain",
        r"(?:sending|from) (?:domain|address)\b.{0,40}\b(?:not|unverified|unconfigured|invalid)",
        r"\b(?:identity|identities|signature|domain|address)\b.{0,20}\bnot (?:been )?(?:verified|"
        r"confirmed|validated|activated)",
        r"(?:unconfigured|unverified|unconfirmed) (?:sending )?(?:domain|sender)|sender signature",
        r"domain may not exist|emetteur invalide|expediteur|absender(?!.{0,20}empf)",
        r"(?:activate|suspend\w*|disabled|paused|blocked|locked|deactivated)\b.{0,25}\b(?:your|"
        r"this|sending|outgoing|sender)\b.{0,15}\baccount",
        r"(?:your|sending|sender|outgoing)\b.{0,25}\b(?:account|mail|domain|service|"
        r"privileges?)\b.{0,60}\b(?:suspend|disabled|paused|blocked|locked|deactivat|terminated|"
        r"restricted|not (?:active|activated|enabled))",
        r"outgoing (?:e?mail )?(?:is )?block|bad outbound|unusual sending activity",
        r"sign in to your account|verify your account|sending paused|compromised|administrative prohibition",
    ),
)

# The road: the server is in a hurry, in trouble, or wants less of us.
_ROAD = (
    _rule(
        Action.RETRY,
        "the server cannot check this recipient for now",
        r"address verification|unverified address|verify (?:address|recipient|user)|callout",
        stages=LATE,
        classes="4",
    ),
    _rule(
        Action.RECONNECT,
        "the server wants fewer or fresh connections",
        r"too (?:many|frequent)\b.{0,25}\b(?:connect|session|channel)|trop de connexions",
        r"connect\w*\b.{0,15}\b(?:rate|limit|frequency|expired)",
        r"concurren|shutting down|\btime[d-]?[ -]?out\b|try reconnecting|lost connection",
        r"connection (?:lost|reset|closed|dropped)",
        r"tls not available|system problem\b.{0,40}\b(?:authenticate|closing)",
        r"service not available\b.{0,10}clos",
        classes="4",
    ),
    _rule(
        Action.RECONNECT,
        "the dialogue got out of step",
        r"bad sequence|out of (?:sequence|order)|identity changes",
        r"(?:need|without|expecting) (?:a )?(?:mail|rcpt|valid rcpt)\b(?! ?box)|nested mail",
        r"no valid recipients|(?:mail|sender|rcpt) already",
        r"(?:send|polite people say) (?:helo|ehlo|hello) first",
        r"too many (?:concurrent|simultaneous|open) (?:smtp )?(?:connections|sessions)|thread limit",
        r"per (?:session|connection)\b|new (?:session|connection)\b|reconnect\b",
    ),
    _rule(
        Action.RETRY,
        "the server asks to send more slowly",
        r"rate[- ]?limit|throttl|slow(?:ing|er)?\b.{0,10}\bdown|(?:submission|sending) rate\b",
        r"unusual rate|unexpected volume",
        r"excessive volume|high volume|frequency|too (?:fast|quickly|frequently|much)",
        r"server (?:is )?(?:too )?busy",
        r"too many (?:messages|mails|e-?mails|errors|recipients received|invalid|unknown)",
        r"user complaints|tss0\d|deferred",
        r"temporar\w+ (?:\w+ )?(?:block|black|list|reject|suspend|limit|ban)",
        classes="4",
        run=True,
    ),
    _rule(
        Action.RETRY,
        "the server asks to send more slowly",
        r"rate[- ]?limit(?!.{0,30}unauth)|throttl|frequency limited|too (?:fast|quickly|frequently)",
        r"too many (?:messages|mails|e-?mails)\b",
        r"\b(?:rp:[qct]|mi:[cd]mc|mi:cel)",
        classes="5",
        run=True,
    ),
    _rule(
        Action.STOP,
        "the sending server is on a block list",
        r"(?:block|black|deny|ban|white|allow)[- ]?list|\bdnsbl|\b[du]?rbls?\b|spamhaus|spamcop",
        r"sorbs|uceprotect|barracudacentral|abuseat|cloudmark|senderscore|invaluement|ivmsip",
        r"\bbl0\d|\bcbl\b",
        r"reputation|blocked (?:using|by|for|due)(?! to inactiv)|\blisted (?:in|at|on|by)\b",
        r"\b(?:ip|host|client|server|network|connections?|access)\b(?: \S+){0,6} (?:is |was |"
        r"has been |been |are |will be )?(?:blocked|blacklisted|banned|block listed|"
        r"not (?:authori[sz]ed|accepted|allowed|permitted))",
        r"client host rejected|banned (?:sending )?ip|access denied\b.{0,10}\bip",
        r"connections? (?:will )?not be? accepted|no smtp service|permanently deferred",
    ),
)

# The recipient: an address that is dead, a mailbox that is full or away, a message too big for it.
_RECIPIENT = (
    _rule(
        Action.STOP,
        "the sending account's own mailbox is full",
        r"storedrv\.(?:client)?submi\w+\b.*quota",
    ),
    _rule(
        Action.SUPPRESS,
        "the mailbox is full and abandoned",
        r"overquotaperm|(?:full|quota|storage)\b.{0,40}\binactive",
        stages=LATE,
        classes="5",
    ),
    _rule(
        Action.SUPPRESS,
        "the provider has this address on its own suppression list",
        r"marked as inactive|suppression list|suppressed due to|bounced address",
        stages=LATE,
        plain=True,
    ),
    _rule(
        Action.FAIL,
        "the message is too big",
        r"(?:message|mail|e-?mail|body|attachment|file|content|data|"
        r"recipsize)s?\b.{0,30}\b(?:too (?:big|large|long)|size|exceeds? (?:the )?(?:max|limit|"
        r"fixed))",
        r"(?<!mailbox )size (?:limit|exceed)",
        r"exceed\w*\b.{0,40}\b(?:message|mail|size)\b.{0,10}\bsize|too (?:big|large)\b|mailsize",
        r"taille (?:limite|maxim)|message quota\b.{0,10}size",
        classes="5",
    ),
    _rule(
        Action.RETRY,
        "the recipient's mailbox is full",
        rf"\b{_PERSON}\b.{{0,50}}\b(?:full\b|over[ -]?quota|(?:over|exceed\w*|out of|reached|above|"
        rf"no) (?:\S+ ){{0,4}}(?:quota|storage|space|disk|limit|capacity))",
        r"over ?quota|quota (?:exceeded|violation|usage|full)",
        r"(?:exceed\w*|insufficient|no|not enough|out of) (?:\S+ ){0,2}(?:storage|disk|space|quota)",
        r"mailfull|(?:mailbox|disk|storage) ?quota",
        r"is full\b|full mailbox|boite\b.{0,20}\bpleine|mailbox (?:limit|size)",
        r"(?:post)?(?:fach|korb) (?:ist )?voll|casella piena|buz[oó]n lleno|caixa cheia",
        stages=LATE,
    ),
    _rule(
        Action.RETRY,
        "the server asks to try this recipient later",
        r"temporar\w*|try(?:ing)? (?:it )?(?:again|later)|please retry|later\b|essayer plus tard",
        r"come back later",
        stages=LATE,
        run=None,
    ),
    _rule(
        Action.SUPPRESS,
        "the server says this address does not exist",
        rf"\b(?:unknown|no such|not? (?:a )?(?:valid|known|local|existing|registered)|invalid|bad|"
        rf"non-?existent|nonexisting|unrout\w+|wrong|incorrect|inexist\w+|"
        rf"unresolvable) (?:virtual |local |e-?mail |destination |recipient |relay )?{_PERSON}",
        rf"\b{_PERSON}\b.{{0,70}}\b(?:unknown|not known|unrecogni[sz]ed|not (?:be |been )?(?:found|"
        rf"exist\w*|listed|present|recogni[sz]ed|valid|a valid|registered|a known|our customer)|"
        rf"n't exist|no longer (?:exist|valid)|invalid|inexist\w*|does ?n[o']t (?:exist|have)|"
        rf"was not found|not in (?:the |our )?(?:directory|recipient list))",
        rf"\b(?:no|not a|not an|isn't an?|never had an?) (?:\w+ )?(?:{_PERSON}|"
        rf"one)\b.{{0,25}}\b(?:here|by that name|at this|found|with that|available|on this)",
        r"not our customer|user ?unknown|unknown[ -]?user|usernotfound|recipientnotfound|nosuchuser",
        r"no such (?:domain|host|person|id)",
        r"(?:domain|host) (?:name )?(?:\S+ )?(?:not found|does ?n[o']t exist|unknown)",
        r"name or service not known|null mx|badrcptto|validrcptto|relocated|has moved",
        r"left the (?:company|organi[sz]ation)|no longer (?:works|with|at|employed|on server)",
        r"does(?: not|n't) exist|no longer valid",
        r"(?:utilisateur|destinataire|adresse|bo[iî]te)\b.{0,40}\b(?:inconnue?|invalide|"
        r"inexistante?|n'existe)",
        r"unbekannt|(?:empf|benutzer|postfach|adresse)\S*\b.{0,30}\bexistiert nicht",
        r"(?:usuario|destinatario|buz[oó]n|cuenta)\b.{0,30}\b(?:desconocido|no existe|inexistente)",
        r"no existe",
        r"(?:utente|casella|indirizzo|destinatario)\b.{0,30}\b(?:sconosciut|inesistente|non esiste)",
        r"usu[aá]rio\b.{0,20}\b(?:desconhecido|inexistente)|n[aã]o existe",
        r"не (?:найден|существует|зарегистрирован)|nie istnieje|nieznany|不存在",
        stages=LATE,
        classes="5",
        plain=True,
    ),
    _rule(
        Action.SUPPRESS,
        "the server says this address does not exist",
        r"^\W*(?:@ ?)?(?:\S+ )?address rejected\W*$|bad destination",
        # Postfix tells why it thinks so (ADDRESS_VERIFICATION_README): then that decides, by the rows above.
        rf"\bundeliverable (?:\w+ )?{_PERSON}\b(?! ?: ?\S)|\b{_PERSON}\b.{{0,70}}\bundeliverable\b(?! \w)",
        stages=LATE,
        classes="5",
    ),
    # Exchange Online's directory (5.4.1, learn.microsoft.com): "access denied" is its word for "not here".
    _rule(
        Action.SUPPRESS,
        "the server says this address does not exist",
        r"recipient address(?:es)? rejected ?: access denied",
        stages=LATE,
        classes="5",
        plain=True,
        codes=r"5\.4\.1$",
    ),
    _rule(
        Action.SUPPRESS,
        "the server says this mailbox is closed",
        rf"\b{_PERSON}\b.{{0,60}}\b(?:disabled|de-?activated|inactiv\w+|suspended|closed|"
        rf"discontinued|frozen|terminated|expired|deleted|removed|archiv\w+|not active\w*|"
        rf"cancel+ed|locked|bloque|no longer)",
        rf"\b(?:inactive|disabled|suspended|expired|closed|deactivated|terminated|deleted|dormant|"
        rf"suppressed) {_PERSON}",
        r"disableduser",
        stages=LATE,
        classes="5",
    ),
    _rule(
        Action.SUPPRESS,
        "the server says this address does not exist",
        r"(?:mailbox|account|recipient|user|address)(?: \S+)? (?:is |currently )?(?:unavailable|"
        r"unavaiable|not available)",
        stages=frozenset({Stage.RCPT}),
        classes="5",
    ),
    _rule(
        Action.FAIL,
        "this message cannot be delivered to this address",
        r"\bhops?\b|mail ?loop|\bloops?\b(?! ?back)|loop(?:s|ing)? (?:back|detected)",
        r"too many received|smtputf8|non-?ascii|internationali[sz]ed|eai\b",
        classes="5",
    ),
    _rule(
        Action.FAIL,
        "the server refuses this recipient",
        r"recipient(?: address)?(?:es)? (?:was |is )?(?:rejected|refused|denied|not (?:allowed|"
        r"permitted|accepted))",
        stages=frozenset({Stage.RCPT}),
        classes="5",
    ),
    _rule(
        Action.FAIL,
        "the server gives no reason",
        r"^\W*(?:error: )?transaction failed\W*$|^\W*(?:delivery|message) (?:has )?failed\W*$",
        stages=LATE,
        classes="5",
    ),
)

# The content: counted before the campaign stops, as one filter's mood is not a verdict.
_CONTENT = (
    _rule(
        Action.STOP,
        "the server takes this message for spam or worse",
        r"\bspam|unsolicited|\bube\b|\bjunk|bulk (?:e-?)?mail|virus|malware|infected|phish",
        r"suspicious|suspected|scam|fraud|dt:spm|mi:spb|profanity|blacklisted url",
        counted=True,
        stages=LATE,
    ),
    _rule(
        Action.STOP,
        "the server refuses this content",
        r"\b(?:message|mail|e-?mail|content|attachment|body|url|link)s?\b.{0,40}\b(?:reject|block|"
        r"den(?:y|ied)|refus|not accepted|filtered|prohibited|banned|illegal|forbidden|rejete)",
        r"content|illegal attachment|local policy",
        r"(?:policy|security) (?:reasons?|restrictions?|violation|rejection)|by policy",
        r"due to (?:\w+ )?polic|\bscore\b|pattern",
        counted=True,
        stages=_WITH_CONTENT,
        classes="5",
    ),
    _rule(
        Action.STOP,
        "the server calls our SMTP or the message malformed",
        r"protocol (?:violation|error)|malformed|rfc ?\d{3,4}|not compliant|syntax error",
        r"(?:un|not )recogni[sz]ed command|command (?:not |un)|unimplemented|bare (?:lf|cr)",
        r"line too long|invalid header|message-id",
    ),
)

TEXTS = (*_LIMITS, *_SENDER, *_ROAD, *_RECIPIENT, *_CONTENT)
