"""The DNS that a domain needs where a known provider sends for it: SPF include, usual DKIM selectors.

Sources: each provider's page on setting up a domain.  A provider with an own bounce domain needs no include.
"""

from __future__ import annotations

SPF_INCLUDE = {
    "google": "_spf.google.com",
    "google-relay": "_spf.google.com",
    "microsoft": "spf.protection.outlook.com",
    "fastmail": "spf.messagingengine.com",
    "mailbox.org": "mailbox.org",
    "migadu": "spf.migadu.com",
    "infomaniak": "spf.infomaniak.ch",
    "ovh": "mx.ovh.com",
    "brevo": "spf.brevo.com",
    "mandrill": "spf.mandrillapp.com",
    "mailjet": "spf.mailjet.com",
    "mailgun": "mailgun.org",
}
DKIM_SELECTORS: dict[str, tuple[str, ...]] = {
    "google": ("google",),
    "google-relay": ("google",),
    "microsoft": ("selector1", "selector2"),
    "fastmail": ("fm1", "fm2", "fm3"),
    "mailbox.org": ("mbo0001", "mbo0002", "mbo0003", "mbo0004"),
    "migadu": ("key1", "key2", "key3"),
    "sendgrid": ("s1", "s2"),
    "mandrill": ("mandrill", "mte1", "mte2"),
    "mailjet": ("mailjet",),
    "resend": ("resend",),
    "zoho": ("zoho", "zmail"),
    "brevo": ("brevo1", "brevo2", "mail"),
}
# Mailbox providers, which sign for the domain of their user: From has to agree with it.
SIGNS_FOR_ITS_USERS = frozenset(
    {"google", "microsoft", "fastmail", "mailbox.org", "migadu", "infomaniak", "ovh", "ionos", "zoho"}
)
# Domains that belong to their provider: no user may change their DNS, and each signs for itself alone.
FREEMAIL = {
    "gmail.com": "google",
    "googlemail.com": "google",
    "outlook.com": "microsoft",
    "hotmail.com": "microsoft",
    "live.com": "microsoft",
    "yahoo.com": "yahoo",
    "aol.com": "yahoo",
    "icloud.com": "icloud",
    "me.com": "icloud",
    "gmx.de": "gmx",
    "gmx.net": "gmx",
    "gmx.com": "gmx",
    "web.de": "web.de",
}
