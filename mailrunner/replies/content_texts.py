"""Texts about the content: counted before the campaign stops, as one filter's mood is not a verdict."""

from __future__ import annotations

from mailrunner.model.outcome import Action
from mailrunner.replies.text_rule import LATE, WITH_CONTENT, row

CONTENT = (
    row(
        Action.STOP,
        "the server takes this message for spam or worse",
        r"\bspam|unsolicited|\bube\b|\bjunk|bulk (?:e-?)?mail|virus|malware|infected|phish",
        r"suspicious|suspected|scam|fraud|dt:spm|mi:spb|profanity|blacklisted url",
        counted=True,
        stages=LATE,
    ),
    row(
        Action.STOP,
        "the server refuses this content",
        r"\b(?:message|mail|e-?mail|content|attachment|body|url|link)s?\b.{0,40}\b(?:reject|block|"
        r"den(?:y|ied)|refus|not accepted|filtered|prohibited|banned|illegal|forbidden|rejete)",
        r"\b(?:reject|block|den(?:y|ied)|refus|not accept|forbid|prohibit|"
        r"ban(?:ned)?\b)\w*\b.{0,40}\b(?:message|"
        r"mail|content|attachment|file|url|link)",
        r"content|attachment|\bmacros?\b|\bexecutable|\bfile (?:type|name|extension)|\bmime\b|local policy",
        r"(?:policy|security) (?:reasons?|restrictions?|violation|rejection)|by policy",
        r"due to (?:\w+ )?polic|\bscore\b|pattern",
        counted=True,
        stages=WITH_CONTENT,
        classes="5",
    ),
    row(
        Action.STOP,
        "the server calls our SMTP or the message malformed",
        r"protocol (?:violation|error)|malformed|rfc ?\d{3,4}|not compliant|syntax error",
        r"(?:un|not )recogni[sz]ed command|command (?:not |un)|unimplemented|bare (?:lf|cr)",
        r"line too long|invalid header|message-id",
        classes="5",
        codes=r"(?!5\.1\.)",  # of an address
    ),
)
