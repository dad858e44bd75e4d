"""Texts that are read last: a refusal whose reason no other row has found."""

from __future__ import annotations

from mailrunner.model.outcome import Action, Stage
from mailrunner.replies.text_rule import LATE, row

# What a server says in front of any reason (Postfix: "Recipient address rejected: …"): after all others.
REFUSED = (
    row(
        Action.FAIL,
        "the server refuses this recipient",
        r"recipients? (?:was |is )?(?:rejected|refused|denied|not (?:allowed|permitted|accepted))",
        stages=frozenset({Stage.RCPT}),
        classes="5",
    ),
    row(
        Action.FAIL,
        "the server refuses this recipient",
        r"recipient address(?:es)? (?:was |is )?(?:rejected|refused|denied|not (?:allowed|"
        r"permitted|accepted))",
        stages=frozenset({Stage.RCPT}),
        classes="5",
        codes=r"(?!5\.1\.(?:1|6|10)$)",  # these tell more than the prefix
    ),
    # Foreign grammar: something is not there, and it is a user; and nothing is said of a will or a fault.
    row(
        Action.SUPPRESS,
        "the server says this address does not exist",
        r"^(?!.*\b(?:accept|allow|permi|ok\b|refus|reject|den[yi]|want|wish|receiv|deliver|error|config|"
        r"problem|"
        r"busy|fail|time|verif|check|space|room|resource|moment|currently|now\b|service|connect|reach|respon|"
        r"contact|rout|resolv|support|could|can't|cannot))"
        r"(?=.*(?:\b(?:no|not|non|none|never|nothing|dont|doesnt)\b|n't\b))"
        r"(?=.*(?:\b(?:user|mail[ -]?box|recipient|addressee|account|alias|person|name)\b|@))"
        r"(?=.*\b(?:exist\w*|found|known?|listed|here|hosted|(?:of|in|on|at) (?:\w+ ){0,2}(?:server|system|"
        r"domain|director\w+|database|ldap))\b)",
        stages=frozenset({Stage.RCPT}),
        classes="5",
    ),
    # Of a domain's own records, the recipient's or the sender's.
    row(
        Action.FAIL,
        "the server cannot find a domain",
        r"\bmx (?:or srv )?records?\b",
        stages=LATE,
        classes="5",
    ),
    # Nothing of the recipient was said by now, and what is left is about where the message comes from.
    row(
        Action.STOP,
        "the server does not relay for this account",
        r"\brelay",
        stages=frozenset({Stage.RCPT}),
        classes="5",
        codes=r"(?!5\.[12]\.)",
    ),
    row(
        Action.STOP,
        "the server refuses the address that the message comes from",
        r"\b(?:from|for|host|client|server)\b\W{0,3}(?:\w+ )?\W{0,3}(?:\d{1,3}\.){3}\d{1,3}\b|\bip\b",
        r"\b(?:from )?your (?:\w+ )?(?:ip|host|server|network|location|country|region|system|isp|provider)\b",
        r"\b(?:dictionary|directory|bounce|spam) (?:attack|harvest)|\bharvest(?:ing)?\b|\bgeo(?:graph|ip|"
        r"loc)",
        stages=frozenset({Stage.RCPT}),
        classes="5",
        codes=r"(?!5\.[12]\.)",
    ),
    # Nothing of the recipient at all: a filter's bare no, and the codes of NetEase ("RP:RDN").
    row(
        Action.STOP,
        "the server's policy refuses this message",
        r"^(?!.*(?:@|\b(?:user|mail[ -]?box|recipient|rcpt|addressee|account|address)))"
        r"\W*(?:denied|reject(?:ed)?|blocked|refused) (?:by |\[|\()",
        r"\b(?:rp|mi|dt|wm|hl|cl|ip):[a-z]{3}\b|\bscreening\b",
        stages=LATE,
        classes="5",
        counted=True,
        codes=r"(?!5\.[12]\.)",
    ),
)
