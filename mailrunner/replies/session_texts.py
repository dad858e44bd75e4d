"""Texts about the session and the server: busy, in trouble, or asking for fewer or new connections."""

from __future__ import annotations

from mailrunner.model.outcome import Action, Stage
from mailrunner.replies.languages import TOO_MANY_MAILS
from mailrunner.replies.text_rule import LATE, row

A_MINUTE = r"\b\d+ \w+ (?:in|per|within) (?:the last )?(?:\d+ )?(?:minute|second)"

SESSION_TEXTS = (
    # The filter itself is in trouble: no verdict on the content, whatever it is named after.
    row(
        Action.RETRY,
        "the server cannot examine the message for now",
        r"\b(?:virus|spam|content|mail)?[ _-]?(?:scan\w*|filter|milter|clamd?|"
        r"checker)\b.{0,30}\b(?:fail\w*|error|"
        r"unavailable|overload\w*|busy|timed? ?out|not (?:available|respond\w*|answer\w*|running|ready)|"
        r"no answer)",
        # Of something behind the server, which the session outlives.
        r"\b(?:look-?up|query|handle\w*|back-?end|ldap|database|dns|upstream|policy (?:server|service)|"
        r"delivery)\b.{0,20}\btime[d-]?[ -]?out",
        r"error in processing|timed? ?out\b.{0,20}\bscan",
        stages=LATE,
        classes="4",
        run=None,
    ),
    # RFC 5321 §4.2.3: "mailbox unavailable (e.g., mailbox busy or temporarily blocked for policy reasons)".
    row(
        Action.RETRY,
        "the server asks to try this recipient later",
        r"\bmailbox (?:is )?busy",
        stages=LATE,
        classes="4",
    ),
    row(
        Action.RETRY,
        "the server cannot check this recipient for now",
        r"address verification|unverified address|verify (?:address|recipient|user)|callout",
        stages=LATE,
        classes="4",
    ),
    # Said of another server, to which this one would have to hand the message (Exchange: 5.4.316).
    row(
        Action.FAIL,
        "the recipient's mail server cannot be reached",
        r"\bmax\w* (?:number of )?(?:delivery |retry )?attempts\b.{0,20}\b(?:reach|exceed)",
        r"\bmax\w* time\b.{0,20}\bdeliver|message expired|retry time\w*\b.{0,20}\bexceeded|(?:delivery|"
        r"message) (?:time|"
        r"attempts?)\b.{0,20}\b(?:expired|"
        r"exceeded)|unverified address: .{0,80}\b(?:timed out|refused|unreachable)",
        stages=LATE,
        classes="5",
    ),
    row(
        Action.RECONNECT,
        "the server wants fewer or fresh connections",
        r"too (?:many|frequent)\b.{0,25}\b(?:connect|session|channel)|trop de connexions",
        r"connect\w*\b.{0,15}\b(?:rate|limit|frequency|expired)",
        r"concurren|shutting down|\bidle\b|\btime[d-]?[ -]?out\b|try reconnecting|lost (?:input )?connection",
        r"connection (?:lost|reset|closed|dropped)",
        r"tls not available|system problem\b.{0,40}\b(?:authenticate|closing)",
        r"service not available\b.{0,10}clos|going down\b|\btoo many (?:\w+ )?(?:errors|commands)\b",
        r"^too many recipients: too many messages sent\W*$",  # OpenSMTPD, of one session (`max-mails`)
        # A bare goodbye (RFC 5321 §3.8): it ends this session and says nothing of the account.
        r"^\W*(?:[\w.-]+ )?(?:service )?clos(?:ing|ed)(?: the| this)?(?: smtp)? "
        r"(?:transmission |transaction )?(?:channel|connection|session)\W*$|^\W*(?:good)?bye\W*$",
        classes="4",
    ),
    row(
        Action.RECONNECT,
        "the dialogue got out of step",
        r"bad sequence|out of (?:sequence|order)|identity changes",
        r"(?:need|without|expecting) (?:a )?(?:mail|rcpt|valid rcpt)\b(?! ?box)|nested mail",
        r"(?:mail|sender|rcpt) already|too many (?:\w+[- ])?commands",
        r"(?:send|polite people say) (?:helo|ehlo|hello) first",
        r"too many (?:concurrent|simultaneous|open) (?:smtp )?(?:connections|sessions)|thread limit",
        r"(?:per|this|each|single|one) (?:smtp )?(?:session|connection)\b",
        r"new (?:session|connection)\b|reconnect\b|connect again\b",
    ),
    row(
        Action.RECONNECT,
        "the dialogue got out of step",
        r"no valid recipients",
        stages=frozenset({Stage.DATA}),
    ),
    row(
        Action.RETRY,
        "the server asks to send more slowly",
        r"rate[- ]?limit|throttl|slow(?:ing|er)?\b.{0,10}\bdown|(?:submission|sending) rate\b",
        r"unusual rate|unexpected volume",
        r"\brate (?:limit )?exceeded",
        A_MINUTE,
        r"excessive volume|high volume|frequency|too (?:fast|quickly|frequently|much)",
        r"server (?:is )?(?:too )?busy",
        r"too many (?:messages|mails|e-?mails|recipients received|invalid|unknown)",
        r"too many \w+ (?:from|by) (?:this|the|your) (?:sender|account|user|domain|host|ip)\b|\brp:[qct]",
        r"user complaints|tss0\d|(?:temporarily|been|is|was) (?:deferred|delayed|postponed)",
        r"temporar\w+ (?:\w+ )?(?:block|black|list|reject|suspend|limit|ban)",
        classes="4",
        run=True,
    ),
    row(
        Action.RETRY,
        "the server asks to send more slowly",
        r"rate[- ]?limit(?!.{0,30}unauth)|throttl|frequency limited|too (?:fast|quickly|frequently)",
        r"too many (?:messages|mails|e-?mails)\b",
        A_MINUTE,
        TOO_MANY_MAILS,
        r"\b(?:rp:[qct]|mi:[cd]mc|mi:cel)",
        classes="5",
        run=True,
    ),
    row(
        Action.STOP,
        "the sending server is on a block list",
        r"(?:block|black|deny|ban|white|allow)[- ]?list|\bdnsbl|\b[du]?rbls?\b|spamhaus|spamcop",
        r"sorbs|uceprotect|barracudacentral|abuseat|cloudmark|senderscore|invaluement|ivmsip",
        r"\bbl0\d|\bcbl\b",
        r"reputation|blocked (?:using|by|for|due)(?! to (?:[\w-]+ )?inactiv)",
        r"\b(?<!not )listed (?:in|at|on|by)\b",
        r"\bipcheck\b|^\W*blocked\b.{0,20}https?:",
        r"\b(?:ip|host|client|server|network|connections?|access)\b(?: \S+){0,6} (?:is |was |"
        r"has been |been |are |will be )?(?:blocked|blacklisted|banned|block listed|"
        r"not (?:authori[sz]ed|accepted|allowed|permitted))",
        r"client host rejected|banned (?:sending )?ip|access denied\b.{0,10}\bip",
        r"connections? (?:will )?not be? accepted|(?<!indicated )no smtp service|permanently deferred",
    ),
)
