"""When a reply may suppress a recipient, and when doubt spares them.

A reply about access, relaying, credentials, policy or the sender is about us, whatever it calls
"recipient": Postfix answers `554 5.7.1 <x>: Recipient address rejected: Access denied` to every
client without a login.  Such a reply suppresses no address unless its words say plainly that the mailbox does
not exist.  Pure.
"""

from __future__ import annotations

import re

# The login that is missing is the mailbox owner's: an abandoned mailbox.
OWNER_AWAY = r"\b(?:owner|holder|customer|subscriber)\b(?: \S+){0,4} (?:log|sign)(?:ged|ned)?[ -]?in\b"
_OTHERS = re.compile(rf"https?://\S+|{OWNER_AWAY}")
_OUR_LOGIN = r"\b(?:un)?auth(?:ent|or)\w*|\bauth\b|\bcredential|\bpassword|\blog(?:ged)?[ -]?in\b"
# "Your" in German, French, Italian, Spanish, Portuguese, Russian, Polish, Dutch, Chinese, Japanese, Korean.
_YOURS = (
    r"\b(?:ihre?[nmrs]?|deine?|votre|vos|vostr[aoie]|vuestr[ao]s?|tus?|tu[aeoi]i?|sus?|su[ao]s?|seus?|ваш\w*|"
    r"twoj\w*|uw)\b|您的|你的|お客様|あなたの|귀하"
)
_YOU_ARE = (
    r"\byou(?:'re| are) (?!(?:send|try|attempt|writ|mail|reach|look)ing)|\byou (?:do not|don't|must|need)\b"
)
_OURS = (
    rf"{_OUR_LOGIN}|{_YOU_ARE}|\b(?<!for )your (?:\w+ )?(?:address|account|user(?:name)?|mailbox|domain)\b"
)
_OURS_NAMED = re.compile(rf"{_OURS}|{_YOURS}|\btoo many\b|\byour (?:\w+ )?(?:ip|server|host|network)\b")
_ABOUT_US = re.compile(
    rf"{_OURS}|{_YOURS}|\baccess\b|\brelay|\bpolic(?:y|ies)\b|\bpermi(?:t|ssion)|\bnot allowed|\bsender|"
    rf"\bsending\b|"
    r"\breturn (?:mx|path|address|domain)\b|"
    r"\bmail[ -]?from\b|\bclient\b|\b(?:helo|ehlo)\b|\breputation|\bspam|"
    r"\b(?:block|black|deny|grey|gray)[ -]?list|\bip\b|\b(?:dmarc|spf|dkim)\b|\btls\b|\bstarttls|"
    r"\btoo many\b|\brate\b|\byour (?:\w+ )?(?:ip|server|host|network)\b|\b5\.7\.\d"
)
_SEVERAL = re.compile(r"\b(?:recipients|users|addresses|mailboxes|accounts)\b")


def is_about_us(enhanced: str, said: str) -> bool:
    """Whether a reply may concern the sender: by its code (5.7.x, RFC 3463 §3.8) or by its words.

    `said` is lower-case, with "@" for addresses; what stands in a link does
    not count, nor what the owner of the mailbox did.
    """
    return enhanced.startswith("5.7.") or bool(_ABOUT_US.search(_OTHERS.sub("", said)))


def may_suppress(enhanced: str, said: str, *, plain: bool) -> bool:
    """Whether a reply that would suppress may do so.

    `plain` tells that its words can mean nothing but that the mailbox does not exist; even those are
    ours where they name "your account" or a login, or speak of several under a code of policy: what we
    have written to so far.  5.1.7 and 5.1.8 are the sender's (RFC 3463 §3.2).
    """
    if enhanced in ("5.1.7", "5.1.8"):
        return False
    if plain:
        if enhanced.startswith("5.7.") and _SEVERAL.search(said):
            return False
        return not _OURS_NAMED.search(_OTHERS.sub("", said))
    return not is_about_us(enhanced, said)
