"""Texts about the limits of the account, wherever they are said and under whatever code.

The limits of one mailbox that receives come first: they are about one recipient.
"""

from __future__ import annotations

from mailrunner.model.outcome import Action
from mailrunner.replies.languages import SENDING_LIMIT
from mailrunner.replies.text_rule import ANY, row

LIMIT = r"(?:limit|quota|volume\b|allowance|max(?:imum)?\b|credits?|threshold|allowed|cap\b)"
OVER = (
    r"(?:exceed|reached|hit\b|used up|(?:been|was|is) used|consumed|spent\b|exhausted|depleted|ran out|"
    r"over\b|crossed|surpass|achieved)"
)
PERIOD = (
    r"(?:daily|hourly|weekly|monthly|today|(?:hour|day) limit|\d+[ -]?h(?:ou)?rs?\b|/ ?(?:hour|day|h|d)\b|"
    r"(?:per|an|one|each|every|this|last|current) ?(?:hour|day|week|month)\b)"
)
SENT = r"(?:messages?|mails?|e-?mails?|recipients?|rcpts?|relays?)"
SENDING = r"(?:send(?:ing)?|sent|outgoing|outbound|relay|submission|smtp)"
NOT_RATE = r"(?!rate|thread|connect|session|mailbox|size|storage|disk)[\w-]+"

LIMITS = (
    row(
        Action.RETRY,
        "the server is greylisting",
        r"\bgr[ea]y-?list|\btriplet\b|first[- ]time (?:senders?|contacts?)|sender/recipient pair",
    ),
    row(
        Action.RETRY,
        "the recipient is getting mail faster than the mailbox may",
        r"receiving (?:e?mail|messages) (?:too|at a rate)|receiv\w+ limit|receivingrate",
        r"(?:@\W{0,3}|(?:recipient|mailbox|user) )(?:has )?received too many|recipient thread limit",
        r"they can (?:receive|send to this)",
        r"\b(?:recipient|mailbox|user)\b.{0,40}\b(?:limit|rate|quota) (?:of|for) (?:received|incoming)",
        r"\b(?:recipient|mailbox)(?:'s)? quota (?:is |was |has been )?(?:reached|exceeded)",
        r"\b(?:user|mailbox|recipient) has too (?:much|many) (?:mails?|messages)",
        r"\b(?:recipient|mailbox)(?:'s)? (?:@ )?(?:has )?(?:exceeded|reached)\b.{0,30}\b(?:rate|"
        r"message)\b",
    ),
    row(
        Action.QUOTA,
        "the account's sending quota is used up",
        r"submissionquotaexceeded|refusequota|tenant has exceeded",
        rf"^(?=.*\b{PERIOD})(?=.*\b{OVER})(?=.*\b(?:{LIMIT}|{SENT} (?:per|this|"
        rf"in)\b))(?!.*(?:(?<!your )mailbox|disk|size|storage|connect))",
        rf"\btoo many {SENT}\b(?! received).{{0,30}}\b(?:today|in the last|"
        r"(?:per|in an?|in one|an|this|each|every) (?:hour|day))\b",
        rf"\b{LIMIT}\b.{{0,50}}\b(?:outgoing|outbound|sent)\b.{{0,30}}\b{OVER}",
        r"\bpolicy rejection\W{0,3}quota exceeded",
        rf"\b(?:{SENDING}|your|daily|hourly|message|account) (?:quota|limit|allowance)s?\b.{{0,40}}\breset",
        rf"\b{OVER}\w*\b.{{0,50}}\b{SENDING} ?(?:{NOT_RATE} )?{LIMIT}",
        rf"\b{SENDING} ?(?:{NOT_RATE} )?{LIMIT}s?\b.{{0,40}}\b{OVER}",
        r"\b(?:message|e-?mail|recipient)s? (?:quota|limit) (?:has been |was )?(?:exceeded|reached)",
        rf"\b(?:your|its) (?:{NOT_RATE} ){{0,3}}(?:quota|limit)\b.{{0,30}}\b{OVER}",
        rf"\breached (?:your|the) (?:{NOT_RATE} ){{0,3}}limit",
        rf"\b(?:you(?:'ve| have)?|(?:account|user|domain|sender)(?: \S+)? has) (?:exceeded|reached|"
        rf"used up|hit)\b (?:{NOT_RATE} ){{0,4}}(?:quota|limit|credits)(?!.*\bbounc)",
        rf"\b(?:number|total|count|amount) of (?:the )?(?:outgoing |sent )?{SENT}(?: attempts?)?\b.{{0,20}}"
        rf"\b{OVER}.{{0,20}}\b{LIMIT}",
        r"\bsent too many\b.{0,30}\b(?:hour|day|today)\b",
        rf"\b\d+ {SENT} (?:per|in|every|an?|/) ?(?:an? |one )?(?:hour|day|24)",
        rf"\b(?<!session )(?<!connection )limit of \d+ {SENT}",
        r"\b(?:maximum|not enough|insufficient|no (?:more )?|out of|ran out of) credits?\b",
        r"wait to send more|rate limit increase",
        *SENDING_LIMIT,
        stages=ANY,
        classes="45?",
    ),
    row(
        Action.QUOTA,
        "the server has seen too many log-ins",
        r"too many\b.{0,30}\b(?:log[ -]?ins?|auth\w*|password)\b",
        stages=ANY,
        classes="4",
    ),
)
