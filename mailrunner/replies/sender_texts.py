"""Texts about the sender and the set-up: the same for all recipients, whichever class the code has."""

from __future__ import annotations

from mailrunner.model.outcome import Action
from mailrunner.replies.languages import NO_LOGIN, SENDER_NAMED
from mailrunner.replies.suppression_guard import OWNER_AWAY
from mailrunner.replies.text_rule import ANY, CHOSEN_SENDERS, LATE, SEVERAL_REASONS, row

FROM = (
    r"(?:sender\b|mail[ -]?from\b|from:|from (?:header|address|domain|field)|envelope(?! (?:recipient|to))|"
    r"re(?:turn|verse)[- ]path)"
)

SENDER = (
    row(
        Action.RETRY,
        "a look-up of the sender failed for now",
        r"temporar\w*\b.{0,40}\b(?<!reverse )(?:dns|look-?up|resol\w+|callout)",
        r"\b(?<!reverse )(?:dns|look-?up)\b.{0,40}\btemporar",
        r"\b(?:sender\b|mail from\b).{0,30}\btemporar\w+ (?:fail|error|problem)",
        r"temperror|(?:spf|dkim|dmarc)\b.{0,40}\btemp|could not complete sender verif|dns timeout",
        r"look-?up timed out|sender address rejected\b.{0,40}\bverification in progress",
        r"\b(?:sender|ip)\b.{0,20}\btemporar\w+ (?:block|suspend|lock|disabl|restrict)",
        rf"\b(?:temporar\w+|transient) {FROM} ?(?:fail|error|problem|reject)",
        classes="4",
        run=True,
    ),
    row(
        Action.FAIL,
        CHOSEN_SENDERS,
        r"resolver\.rst|restrict(?:ed)?to\w+|notauthenticatedfor|restrictedrecipient|target address",
        r"blocked - user|failure for one or more recipients(?!.{0,40}\b[45]\d\d\b)",
        r"only (?:accept|allow)\w*\b.{0,30}\bfrom (?:specific|certain|known|approved|its|members|"
        r"authenticated|(?:\w+ )?(?:contacts|address book))",
        r"members[- ]only|allowed[- ]senders|closed (?:mailing )?list|not subscribed|recipient preferences",
        r"by (?:the |this )?recipients?\b(?!.{0,20}polic)",
        r"\b(?:block|black|reject|refus|den|ban)\w* by (?:the |this )?(?:user|addressee|mailbox)\b",
        r"\b(?:user|recipient|addressee)(?:'s|s')? (?:personal |own )?(?:reject|block|black|deny)[ -]?list",
        r"not (?:allowed|permitted|authori[sz]ed) to (?:send|post|mail|write|"
        r"e-?mail)\b.{0,20} to (?:this|the|that) (?:mailing |distribution )?"
        r"(?:list|group|recipient|user|mailbox|address)",
        r"(?:sending|send) to \(or from\)|recipient (?:has )?(?:block|refus)\w+",
        r"\b(?:external|outside|internal|non-?member)s?\b.{0,60}\b(?:mailing|distribution) (?:list|group)",
        r"\bonly\b.{0,40}\b(?:may|can) (?:write|send|post|mail)\b.{0,20}\bto\b",
        r"\b(?:recipient|addressee|user|mailbox) (?:does ?n[o']t|doesn't|will not|won't) (?:want|wish|"
        r"accept|take|like)",
        r"\b(?:the|this) (?:recipient|addressee|user|mailbox)(?: \w+){0,2} (?:wants?|wish\w*|declin\w+|"
        r"opted|prefers|"
        r"subscribe\w*|does not (?:want|wish|accept|take)|accepts? no|takes? no)\b",
        r"\b(?:mailing|distribution) (?:list|group)\b.{0,60}\b(?:internal|external|outside|members|moderat)",
        stages=LATE,
        classes="5",
    ),
    row(
        Action.FAIL,
        SEVERAL_REASONS,
        r"account or domain may not exist(?!.*\bsender verif)",
        # SES of its own list of recipients, others of a sender.
        r"^\W*(?:[\w ]+: )?address (?:is )?(?:black|block|deny)[ -]?listed\W*$",
        stages=LATE,
        classes="5",
    ),
    row(
        Action.STOP,
        "the sender's domain or server fails authentication",
        r"\b(?:open)?(?:spf|dkim)\b(?! domain)|\bdmarc\b|\baligned|alignment|sender policy framework",
        r"sender is unauthenticated|unauthenticated e?mail",
        r"it is unauthenticated|authentication level|\bptr\b|reverse[- ](?:dns|host|look-?up|name)",
        r"fcrdns|\brdns\b|\b(?:invalid|no|missing|bad)\b.{0,10}\bdns\b.{0,25}\brecord",
        r"(?:find|resolve|look ?up) your (?:reverse )?(?:host ?name|address|ip)|\bname lookup failed",
        r"\b(?:helo|ehlo)\b.{0,30}\b(?:reject|invalid|denied|bad|must|not|mismatch)",
        r"(?:bad|invalid|fake) (?:helo|ehlo)",
        r"\banti-?spoof|domain name pointer|dynamic ip|has null mx.{0,10}sender|sender address has null mx",
    ),
    row(
        Action.STOP,
        "the server insists on TLS",
        r"issue (?:a )?starttls|starttls (?:is )?(?:required|first|command first)",
        r"(?:requires?|use|need|without|over a) (?:starttls|tls|ssl|encrypt)",
        r"\b(?:tls|ssl|encryption|encrypted connection|secure connection)\b.{0,20}\b(?:required|"
        r"needed|mandatory|necessary)",
        stages=ANY,
    ),
    row(
        Action.AUTH,
        "the server accepts no mail without a login",
        r"\brelay\w*\b.{0,80}\b(?:auth\w* (?:is )?(?:required|needed)|"
        r"without\b.{0,15}\bauth|authenticated connection)",
        r"turn on smtp auth|\bonly\b.{0,15}\bauthenticated (?:users?|clients?|senders?|connections?)",
        r"\bauthenticated (?:users?|clients?|senders?|connections?|sessions?) only|(?:an?|"
        r"the) authenticated session",
        *NO_LOGIN,
    ),
    # Of an address by name: whatever follows of relaying is the consequence.
    row(
        Action.SUPPRESS,
        "the server says this address does not exist",
        r"@\W{0,3}(?:does ?n[o']t have|doesn't have|has no|never had) (?:an? )?(?:\w+ )?(?:account|mailbox)",
        stages=LATE,
        classes="5",
        plain=True,
    ),
    row(
        Action.STOP,
        "the server does not relay for this account",
        r"\brelay(?:ing|ed)?\b.{0,40}\b(?:denied|not (?!ready|available|respond|reach)|prohibited|"
        r"disallowed|reject|refused|forbidden)",
        r"\b(?:not|unable|cannot|can't|won't|refuse|deny|denied|disallow\w*|prohibit\w*)\b.{0,40}\brelay",
        r"\bret?ransmi(?:s+[aã]o|si[oó]n)\b.{0,20}\b(?:nega|deneg|recus|rechaz|proib|"
        r"prohib|n[aã]o perm|no perm)",
        r"keine weiterleitung|weiterleitung (?:nicht|verweigert|abgelehnt)|relais (?:non|refus|interdit)",
        r"rcpthosts|open relay|^\W*i cannot deliver (?:mail )?for\b",
        r"not a (?:local|known) (?:domain|host)|local users? only|is not local\b|not (?:a )?gateway",
        r"\bnot (?:our|my|one of our) domain|domain\b.{0,20}\bnot (?:hosted|handled|ours)",
    ),
    row(
        Action.SUPPRESS,
        "the server says this mailbox is closed",
        rf"{OWNER_AWAY}",
        stages=LATE,
        classes="5",
    ),
    row(
        Action.AUTH,
        "the server wants other credentials, or a permission they lack",
        r"auth\w*\b.{0,15}\b(?:required|needed|requise|erforderlich)",
        r"(?<!message )(?<!mail )(?<!sender )(?<!domain )\bauth(?:entication|orization)? (?:has |was )?"
        r"(?:fail|denied|refused|unsuccessful)|\b(?:incorrect|wrong|bad|invalid) (?:smtp )?auth",
        r"requires? (?:smtp |client )?(?:auth|log)|unauthenticated sender",
        r"(?:not|n't|must(?! match)|please|turn on|enable|without|need|fail(?:ed|s|"
        r"ure)? to)\b.{0,25}\b(?:authenticat\w*|"
        r"smtp auth\w*|log(?:ged)? ?in|auth first)",
        r"invalid (?:credentials|login|password|api key)|unauthori[sz]ed ip",
        r"not authori[sz]ed to perform|auth first|not logged[ -]?in|"
        r"pop[ -]before[ -]smtp|(?:check|receive|fetch|collect|retrieve|read) (?:for )?(?:your |new )*mail\b"
        r".{0,10}\b(?:first|before)|\bonly\b.{0,30}\bwith (?:smtp )?auth",
    ),
    # Postfix's answer to whoever is in none of `mynetworks` and has not logged in ("reject").  Microsoft's
    # directory says the same words of an address it does not have, with 5.4.1: not that one.
    row(
        Action.AUTH,
        "the server accepts no mail without a login",
        r"(?:recipient address|client host|data command|end-of-data|helo command|etrn command) rejected ?: "
        r"access denied",
        codes=r"(?![245]\.[14]\.)",
    ),
    row(
        Action.STOP,
        "the server denies access",
        r"^\W*(?:@ ?)?(?:error: )?access (?:is |was |has been )?denied\W*$",
        classes="5",
        counted=True,
    ),
    row(
        Action.STOP,
        "the server refuses this sender",
        r"send ?as ?denied|sendasdenied",
        r"send (?:mail )?(?:as|from|on behalf)\b.{0,40}\b(?:denied|not)|relaying disallowed as",
        r"(?:not|n't|un)(?: be)? ?(?:allow\w*|permitted|authori[sz]ed|have permissions?)\b.{0,20}"
        r"\b(?:send|sending|submit)\b",
        r"not owned by|same as authori[sz]ation",
        rf"\b{FROM}.{{0,60}}\b(?:reject|denied|den(?:y|ies)|refus|not (?!found in)|invalid|unknown|"
        r"mismatch|ban|block|black|suspend|disabled|fail|malformed|missing|misformed|"
        r"no mx|has no (?:a|mx|valid)\b|must)",
        r"\b(?:invalid|unauthori[sz]ed|banned|blocked|bad|unknown|unverified|unroutable|unrouteable|"
        rf"illegal|missing|forged|spoof\w*|null)\b.{{0,15}}\b{FROM}",
        r"\bdomain of (?:the )?sender|sender domain",
        r"(?:sending|from) (?:domain|address)\b.{0,40}\b(?:not|unverified|unconfigured|invalid)",
        r"\b(?:identity|identities|signature|domain|address)\b.{0,20}\bnot (?:been )?(?:verified|"
        r"confirmed|validated|activated)",
        r"(?:unconfigured|unverified|unconfirmed) (?:sending )?(?:domain|sender)|sender signature",
        r"(?<!account or )domain may not exist|account outbounds? disabled",
        SENDER_NAMED,
        r"(?:activate|suspend\w*|disabled|paused|blocked|locked|deactivated)\b.{0,25}\b(?:your|"
        r"this|sending|outgoing|sender)\b.{0,15}\baccount",
        r"(?:your|sending|sender|outgoing)\b.{0,25}\b(?:account|mail|domain|service|"
        r"privileges?)\b.{0,60}\b(?:suspend|disabled|paused|blocked|locked|deactivat|terminated|"
        r"restricted|not (?:active|activated|enabled))",
        r"outgoing (?:e?mail )?(?:is )?block|bad outbound|unusual sending activity",
        r"(?:not|n't) accept (?:any )?(?:e-?mails?|mails?|messages?) from\b",
        r"sign in to your account|verify your account|sending paused|compromised|administrative prohibition",
        r"\bbadmailfrom\b",  # qmail
        # Of the recipients so far, not of this one.
        r"\b(?:unusual|excessive|high|repeated|multiple|frequent)\b.{0,25}\b(?:invalid|unknown|bad|"
        r"nonexistent) (?:recipient|user|address|rcpt|mailbox)e?s\b",
        # Exim, of the sender in reply to RCPT; what its own server answered may follow.
        r"^\W*(?:\d{3}[ -])?(?:(?:postmaster|callback|callout) )?verification failed (?:for|"
        r"while checking) \W*@",
    ),
)
