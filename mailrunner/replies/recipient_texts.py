"""Texts about the recipient: a dead address, a mailbox that is full or away, a message too big for it."""

from __future__ import annotations

from mailrunner.model.outcome import Action, Stage
from mailrunner.replies.languages import LATER, MAILBOX_CLOSED, MAILBOX_FULL, MAILBOX_MISSING
from mailrunner.replies.text_rule import LATE, PERSON, TOO_BIG, row

RECIPIENT = (
    # Of one address: whatever else it says is malformed is our doing (`content_texts`).
    row(
        Action.FAIL,
        "the server cannot read this address",
        r"malformed (?:\w+ )?(?:address|recipient)|syntax\b.{0,30}\b(?:address|mailbox|recipient)",
        r"(?:illegal|invalid|unusual|bad) characters?|characters?\b.{0,30}\bnot (?:allowed|permitted|valid)",
        stages=frozenset({Stage.RCPT}),
        classes="5",
        codes=r"(?!5\.1\.[378])",
    ),
    row(
        Action.STOP,
        "the sending account's own mailbox is full",
        r"storedrv\.(?:client)?submi\w+\b.*quota",
    ),
    row(
        Action.SUPPRESS,
        "the mailbox is full and abandoned",
        r"overquotaperm|(?:full|quota|storage)\b.{0,40}\binactive",
        stages=LATE,
        classes="5",
    ),
    row(
        Action.SUPPRESS,
        "the provider has this address on its own suppression list",
        r"marked as inactive|suppression list|suppressed due to|bounced address",
        stages=LATE,
        plain=True,
    ),
    row(
        Action.FAIL,
        TOO_BIG,
        r"(?:message|mail|e-?mail|body|attachment|file|content|data|"
        r"recipsize)s?\b.{0,30}\b(?:(?<!queue )too (?:big|large|long)|size|"
        r"exceeds? (?:the |our )?(?:\d|max|limit|fixed))",
        r"(?<!mailbox )size (?:limit|exceed)",
        r"exceed\w*\b.{0,40}\b(?:message|mail|size)\b.{0,10}\bsize|too (?:big|large)\b|mailsize|"
        r"(?:larger|bigger) than",
        r"taille (?:limite|maxim)|message quota\b.{0,10}size",
        classes="5",
    ),
    # The server's own disk, not the mailbox: 452 in RFC 5321, x.3.1 in RFC 3463.
    row(
        Action.RETRY,
        "the server has no room for now",
        r"(?:insufficient|no|not enough|low on|out of) (?:\w+ )?(?:system|server) (?:storage|space|disk|"
        r"memory|resources)",
        r"(?:insufficient|out of) (?:\w+ )?(?:resources|memory)|space shortage|\b(?:spool|queue|"
        r"disk) (?:is )?full",
        r"(?:insufficient|no|not enough|out of) (?:\S+ ){0,2}(?:storage|disk|space|"
        r"room)\b.{0,30}\b(?:spool|queue|server)",
        classes="4",
        run=None,
        codes=r"(?![45]\.2\.)",
    ),
    row(
        Action.RETRY,
        "the recipient's mailbox is full",
        rf"\b{PERSON}\b.{{0,50}}\b(?:full\b|over[ -]?quota|(?:over|exceed\w*|out of|reached|above|"
        rf"no) (?:\S+ ){{0,4}}(?:quota|storage|space|disk|limit|capacity))",
        r"over ?quota|quota (?:exceeded|violation|usage|full)|(?:storage|"
        r"mailbox) limit\b.{0,40}\b(?:reached|exceeded)",
        r"(?:exceed\w*|insufficient|no|not enough|out of) (?:\S+ ){0,2}(?:storage|disk|space|quota)",
        r"mailfull|(?:mailbox|disk|storage) ?quota",
        r"is full\b|full mailbox|boite\b.{0,20}\bpleine|mailbox (?:limit|size)",
        MAILBOX_FULL,
        stages=LATE,
    ),
    row(
        Action.RETRY,
        "the server asks to try this recipient later",
        r"tempora\w*|\btransient|try(?:ing)? (?:it )?(?:again|later)|please retry|later\b|essayer plus tard",
        LATER,
        stages=LATE,
        run=None,
    ),
    row(
        Action.SUPPRESS,
        "the server says this address does not exist",
        rf"\b(?:unknown|no such|(?!no valid recipients)not? (?:a )?(?:valid|known|local|existing|registered)|"
        rf"invalid|bad|non[- ]?exist\w*|unrout\w+|wrong|incorrect|inexist\w+|"
        rf"unresolvable) (?:virtual |local |e-?mail |destination |recipient |relay )?{PERSON}",
        rf"\b{PERSON}\b.{{0,70}}\b(?:unknown|not known|unrecogni[sz]ed|not (?:be |been )?(?:found|"
        rf"exist\w*|listed|present|recogni[sz]ed|valid|a valid|registered|a known|our customer)|"
        rf"n't exist|not (?:a )?(?:member|part) of|could(?: not|n't) be found|no longer (?:exist|valid)|"
        rf"invalid|inexist\w*|does ?n[o']t (?:exist|have)|"
        rf"was not found|not in (?:the |our |this )?(?:\w+ )?(?:directory|list|database|table|system))",
        rf"\b(?:no|not a|not an|isn't an?|never had an?) (?:\w+ )?(?:{PERSON}|"
        rf"one)\b.{{0,25}}\b(?:here|by that name|at this|found|with th(?:at|is)|available|on this)",
        r"not our customer|user ?unknown|unknown[ -]?user|(?:user|recip\w*)notfound|nosuchuser",
        r"no such (?:person|id)",
        r"\be-?mail(?: address)? (?:(?:is|was|does|do|could) )?not? (?:be )?(?:exist\w*|found|registered)",
        # Its owner did it, whatever code of policy stands before.
        rf"\b{PERSON} (?:was |is |has been )?(?:deleted|closed|terminated|removed) by "
        r"(?:the |its )?(?:user|owner|holder)",
        # Without a subject, in reply to an address: "was not found in LDAP server".
        r"^\W*(?:@ ?)?\W*(?:was |is |could )?not (?:be )?(?:found|listed|present|known|registered) (?:in|"
        r"on|at)\b",
        r"\bnot in my valid\w+ list",
        rf"(?:unable to|cannot|can't|could not) (?:find|locate) (?:an? |that |this |the |such )?(?:{PERSON})",
        r"unbekannt|no existe|n[aã]o existe|不存在|宛先不明",
        MAILBOX_MISSING,
        stages=LATE,
        classes="5",
        plain=True,
    ),
    # A domain alone, in reply to an address: the recipient's or the sender's.
    row(
        Action.FAIL,
        "the server cannot find a domain",
        r"^\W*(?:[\w-]+\.)+[a-z]{2,}\W* (?:(?:does ?n[o']t|doesn't) exist|(?:was |is )?(?:not found|"
        r"unknown|invalid))",
        stages=LATE,
        classes="5",
        codes=r"(?!5\.1\.[12])",
    ),
    row(
        Action.SUPPRESS,
        "the server says this address does not exist",
        r"^\W*(?:@ ?)?(?:\S+ )?address rejected\W*$|bad destination",
        # Of a domain or a person, which could be the sender's.
        r"no such (?:domain|host)",
        rf"\bno (?:\w+ ){{0,2}}(?:entry|record|mapping|redirect\w*) for (?:this|that|the) {PERSON}",
        r"(?:domain|host) (?:name )?(?:\S+ )?(?:not found|does ?n[o']t exist|unknown)",
        r"name or service not known|null ?mx|mx records? point to non-?existent|badrcptto|validrcptto|"
        r"relocated|has moved",
        r"(?:left|retired from) (?:the|our|this) (?:company|organi[sz]ation|firm|school|university)",
        r"no longer (?:an? |our |in )?(?:works?|working|with|at|employ\w+|member|customer|student|staff|"
        r"on server)",
        r"does(?: not|n't) exist|no longer valid",
        # Postfix tells why it thinks so (ADDRESS_VERIFICATION_README): then that decides, by the rows above.
        rf"\bundeliverable (?:\w+ )?{PERSON}\b(?! ?: ?\S)|\b{PERSON}\b.{{0,70}}\bundeliverable\b(?! \w)",
        stages=LATE,
        classes="5",
    ),
    # Exchange Online's directory (5.4.1, learn.microsoft.com): "access denied" is its word for "not here".
    row(
        Action.SUPPRESS,
        "the server says this address does not exist",
        r"recipient address(?:es)? rejected ?: access denied",
        stages=LATE,
        classes="5",
        plain=True,
        codes=r"5\.4\.1$",
    ),
    row(
        Action.SUPPRESS,
        "the server says this mailbox is closed",
        rf"\b{PERSON}\b.{{0,60}}\b(?:disabled|de-?activated|inactiv\w+|suspended|closed|"
        rf"discontinued|frozen|terminated|expired|deleted|removed|archiv\w+|not active\w*|"
        rf"cancel+ed|locked|bloque|"
        rf"no longer(?! accept\w*\b.{{0,40}}\b(?:with|without|from|via|larger)\b))",
        rf"\b(?:inactive|disabled|suspended|expired|closed|deactivated|terminated|deleted|dormant|"
        rf"suppressed) {PERSON}",
        r"^\W*<[\w.+-]+>\W{0,3}(?:is |was |has been )(?:now |currently )?(?:disabled|inactive|suspended|"
        r"closed)",
        r"disableduser|\breceiving (?:is |was |has been )?disabled",
        r"\bno (?:recipient|mailbox|account|user) activity",
        MAILBOX_CLOSED,
        stages=LATE,
        classes="5",
    ),
    # The same under a code of policy: the mailbox is named, so it is not us, but it may be open again.
    row(
        Action.FAIL,
        "the server refuses this recipient",
        r"(?<!your )\b(?:mailbox|recipient|addressee)\b.{0,60}"
        r"\b(?:disabled|inactive|suspended|closed|locked)\b",
        stages=LATE,
        classes="5",
        codes=r"5\.7\.",
    ),
    row(
        Action.FAIL,
        "the server refuses this recipient",
        rf"\b{PERSON}\b.{{0,60}}\b(?:cannot|can't|unable to|not able to|to (?:enable|resume|start)) receiv",
        stages=LATE,
        classes="5",
    ),
    # RFC 5321's own words for 550, and behind them the reason: GMX, IONOS and WEB.DE say so of our policy.
    row(
        Action.FAIL,
        "the server refuses this recipient",
        r"action not taken ?: mailbox unavailable\b[.:;,]? (?!for explanation)(?:[\w/-]+[ ,]+){3}",
        stages=frozenset({Stage.RCPT}),
        classes="5",
    ),
    row(
        Action.FAIL,
        "the server refuses this recipient",
        r"recipients? (?:cannot|could not|can't) be verified",
        r"\b(?:recipient|rcpt)\b(?: address)? (?:validation|verif\w+)\b.{0,30}\b(?:fail\w*|error|not ok)",
        r"\bin my bad(?:rcpt|recipient)\w* list",
        stages=LATE,
        classes="5",
    ),
    row(
        Action.SUPPRESS,
        "the server says this address does not exist",
        r"(?:mailbox|account|recipient|user|address)(?: \S+)? (?:is |currently )?(?:unavailable|"
        r"unavaiable|not available)",
        stages=frozenset({Stage.RCPT}),
        classes="5",
    ),
    row(
        Action.FAIL,
        "the server refuses this recipient",
        r"no valid recipients",
        stages=frozenset({Stage.EOD}),
        classes="5",
    ),
    row(
        Action.FAIL,
        "this message cannot be delivered to this address",
        r"\bhops?\b|mail ?loop|\bloop(?:s|ing)?\b(?! ?back)|loop(?:s|ing)? (?:back|detected)",
        r"too many received|smtputf8|non-?ascii|internationali[sz]ed|eai\b",
        classes="5",
    ),
    row(
        Action.FAIL,
        "the server gives no reason",
        r"^\W*(?:error: )?transaction failed\W*$|^\W*(?:delivery|message) (?:has )?failed\W*$",
        stages=LATE,
        classes="5",
    ),
)
