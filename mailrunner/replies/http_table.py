"""Answers of HTTP APIs, by meaning: an ordered table; `mailrunner.replies.http` applies it.

First the peculiarities of one provider, then what all have in common: names of errors, then words, then
the status (RFC 9110 §15).  A new answer goes into the row whose meaning it has.  Names and words come from
the providers' own pages; `tests/data/http_replies.csv` has an example of each with its source.
"""

from __future__ import annotations

from mailrunner.model.outcome import Action
from mailrunner.replies.http_rule import HttpRule

PAGE_NAME = "a page"  # the name of an answer that is a page for people, and none of the API's

_QUOTA = "the account's sending quota is used up"
_SLOWER = "the provider asks to send more slowly"
_LOGIN = "the provider wants other credentials, or a permission they lack"
_SUSPENDED = "the provider has suspended this account"
_SENDER = "the provider does not let this account send as this sender"
_SETUP = "the provider knows no such domain, stream or configuration"
_BIG = "the message is too big"
_DEAD = "the provider has this address on its own suppression list"
_INVALID = "the provider says this is no valid address"
_DOWN = "the provider did nothing, as it is being maintained"
_REQUEST = "the provider refuses the message"
_ADDRESS = "the provider refuses this recipient"

# "to" is a word of every second sentence: it is the field only in quotes, or before what fields are.
_TO = (
    r"(?:['\"`]to['\"`]|\bto (?:field|address|header|parameter|e-?mail)\b|\bto\[|\bin to\b(?=\W*$)|"
    r"\brecipients?\b|\brcpts?\b|\baddressees?\b|: ?to\b(?=\W*$))"
)
_FROM = r"(?:\bfrom\b|\bsenders?\b|\breply-?to\b|\breturn-?path\b|\bsending identit)"
_NOT_OURS = r"(?:not match|not (?:an? )?(?:allowed|authori[sz]ed|approved)|unknown|not found)"
_WHOSE = r"(?:daily|monthly|hourly|email|sending|messaging|message|plan|account)"
_LIMIT = r"(?:quota|limit|allowance)"
_BAD = (
    r"(?:\binvalid\b|\bnot (?:a )?valid\b|\bmalformed\b|\bmissing final\b|\bcannot be parsed\b|\billegal\b)"
)
# What is said of the account's quota, of its rate, and of an address that is suppressed: in any answer.
_SPENT = (
    r"credits? (?:limit )?(?:exceeded|exhausted)|"
    r"(?:out of|no|not enough|insufficient|maximum) credits|"
    rf"\b{_WHOSE}(?:'s)? (?:\w+ )?{_LIMIT}\b.{{0,40}}(?:reach|exceed|used|exhaust|hit)|"
    rf"(?:reach|exceed|used up|exhaust|hit)\w*\b.{{0,40}}\b{_WHOSE}\b.{{0,20}}{_LIMIT}|"
    r"\b(?:subscription|plan)\b.{0,30}\b(?:ended|expired|limit)|"
    rf"sending limit|{_LIMIT} for (?:today|this month)"
)
_TOO_FAST = r"rate ?limit|too many requests|throttl|request limit exceeded|slow down|sending rate"
_LISTED = r"address(?:es)?\W{1,3}(?:(?:is|are|was|were|has been|have been) )?black.?listed"
_NONE_LEFT = r"\b(?:no|zero|without)(?: valid)? recipients?\b|at least one (?:valid )?recipient"

PROVIDERS = (
    # Mandrill answers 200 and says in the body what became of each recipient.
    HttpRule(
        Action.SENT_AND_QUOTA,
        "taken, but kept back: the account's quota is used up or its sending paused",
        {"mandrill-api"},
        ("200",),
        "queued",
        r"quota|exhausted|limit|paused|suspended",
    ),
    HttpRule(
        Action.SUPPRESS, _DEAD, {"mandrill-api"}, ("200",), "rejected", r"^(?:hard-bounce|spam|unsub|custom)$"
    ),
    HttpRule(Action.SUPPRESS, _INVALID, {"mandrill-api"}, ("200",), "invalid|rejected", r"^(?:invalid)?$"),
    HttpRule(Action.STOP, _SENDER, {"mandrill-api"}, ("200",), "rejected", r"^(?:invalid-sender|unsigned)$"),
    HttpRule(Action.QUOTA, _QUOTA, {"mandrill-api"}, ("200",), "rejected", r"limit|quota"),
    HttpRule(Action.RETRY, _SLOWER, {"mandrill-api"}, ("403",), text=r"^(?:\(no json body.*)?$"),
    HttpRule(Action.STOP, _SETUP, {"mandrill-api"}, ("4", "5"), names=r"unknown_subaccount|unknown_pool"),
    HttpRule(Action.STOP, _REQUEST, {"mandrill-api"}, ("4", "5"), "validationerror", counted=True),
    HttpRule(Action.AUTH, _LOGIN, {"mandrill-api"}, ("4", "5"), "invalid_key"),
    HttpRule(Action.QUOTA, _QUOTA, {"mandrill-api"}, ("4", "5"), "paymentrequired"),
    # Postmark's ErrorCodes look like statuses and mean other things.
    HttpRule(Action.RECONNECT, _DOWN, {"postmark-api"}, ("503",), "100"),
    HttpRule(Action.AUTH, _LOGIN, {"postmark-api"}, ("4",), "10"),
    HttpRule(Action.STOP, _SENDER, {"postmark-api"}, ("4",), "400|401"),
    HttpRule(Action.STOP, "the provider calls our request malformed", {"postmark-api"}, ("4",), "402|403"),
    HttpRule(Action.QUOTA, _QUOTA, {"postmark-api"}, ("4",), "405"),
    HttpRule(Action.SUPPRESS, _DEAD, {"postmark-api"}, ("2", "4"), "406"),
    HttpRule(Action.STOP, "the provider takes no such attachment", {"postmark-api"}, ("4",), "411"),
    HttpRule(Action.STOP, "the account waits for the provider's approval", {"postmark-api"}, ("4",), "412"),
    HttpRule(Action.AUTH, _SUSPENDED, {"postmark-api"}, ("4",), "413"),
    HttpRule(Action.STOP, _SETUP, {"postmark-api"}, ("4",), r"1[12]\d\d"),
    HttpRule(Action.STOP, _SENDER, {"postmark-api"}, ("4",), "300", r"'?\bfrom\b'?|sender"),
    # SendGrid names the field that it refuses.
    HttpRule(Action.SUPPRESS, _INVALID, {"sendgrid-api"}, ("400",), r"personalizations(?:\.\d+)?\.to\b.*"),
    HttpRule(Action.STOP, _SENDER, {"sendgrid-api"}, ("400",), r"from\b.*|reply_to\b.*"),
    HttpRule(
        Action.STOP, "the provider calls our request malformed", {"sendgrid-api"}, ("400",), r"headers\b.*"
    ),
    # Amazon SES says by words which of its two limits is passed.
    HttpRule(Action.QUOTA, _QUOTA, {"ses-api"}, ("4",), text=r"daily (?:message|sending) quota"),
    HttpRule(Action.RETRY, _SLOWER, {"ses-api"}, ("4",), r"throttling(?:exception)?|toomanyrequests.*"),
    HttpRule(Action.QUOTA, _QUOTA, {"ses-api"}, ("4",), "limitexceededexception"),
    HttpRule(
        Action.STOP,
        "Amazon SES has paused this account's or this configuration set's sending",
        {"ses-api"},
        ("4",),
        "sendingpausedexception",
    ),
    HttpRule(Action.STOP, _SENDER, {"ses-api"}, ("4",), "mailfromdomainnotverifiedexception"),
    HttpRule(Action.STOP, _SENDER, {"ses-api"}, ("4",), text=r"not verified|identities failed"),
    HttpRule(
        Action.FAIL, _INVALID, {"ses-api"}, ("4",), "badrequestexception", r"@|domain|address|local part"
    ),
    HttpRule(
        Action.AUTH,
        "Amazon SES does not accept the signature: check key, secret and this machine's clock",
        {"ses-api"},
        ("4",),
        r"signaturedoesnotmatch|incompletesignature.*|requestexpired|requesttimetooskewed|invalidsignature.*",
    ),
    # Gmail and Graph.
    HttpRule(Action.QUOTA, _QUOTA, {"gmail-api"}, ("403", "429"), text=r"\(mail sending\)|daily"),
    HttpRule(Action.QUOTA, _QUOTA, {"gmail-api"}, ("403", "429"), "dailylimitexceeded|quotaexceeded"),
    HttpRule(Action.AUTH, _LOGIN, {"gmail-api"}, ("400", "403"), r"failedprecondition|domainpolicy|access.*"),
    HttpRule(Action.SUPPRESS, _INVALID, {"gmail-api"}, ("400",), text=rf"{_BAD} {_TO} header"),
    HttpRule(Action.FAIL, _ADDRESS, {"gmail-api"}, ("400",), text=r"recipient address required"),
    HttpRule(Action.STOP, "the sending account's own mailbox is full", {"graph"}, (), "errorquotaexceeded"),
    HttpRule(Action.QUOTA, _QUOTA, {"graph"}, ("4", "5"), r"errorexceeded(?:hourly|daily)?message.*limit"),
    HttpRule(Action.STOP, _SENDER, {"graph"}, ("4",), r"errorsendasdenied|errorsendonbehalf.*"),
    HttpRule(Action.FAIL, _ADDRESS, {"graph"}, ("4",), r"errorinvalidrecipients.*"),
    HttpRule(
        Action.AUTH, _SUSPENDED, {"graph"}, ("4",), r"erroraccountsuspend|errormessagesubmissionblocked"
    ),
    # Resend keeps idempotency keys for a day, so its own faults are repeated with the same key.
    HttpRule(
        Action.RECONNECT, "the same request is still being worked on", (), ("409",), "concurrent_idem.*"
    ),
    HttpRule(
        Action.IN_DOUBT,
        "the same key was used with another message, which may have been taken",
        (),
        ("409",),
        "invalid_idempotent_request",
    ),
    HttpRule(Action.RECONNECT, "the provider had a fault of its own", {"resend-api"}, ("5",)),
    HttpRule(Action.STOP, _SENDER, {"resend-api"}, ("403",), "validation_error"),
    # SMTP2GO and SparkPost, which also answer 200.
    HttpRule(Action.QUOTA, _QUOTA, {"sparkpost-api"}, ("420",)),
    HttpRule(
        Action.FAIL, _INVALID, {"smtp2go-api"}, ("400",), r".*non_validating.*", rf"{_BAD}.{{0,60}}{_TO}"
    ),
    HttpRule(Action.STOP, _REQUEST, {"smtp2go-api"}, ("400",), r".*(?:non_validating|bad_json|param).*"),
    HttpRule(Action.RECONNECT, _DOWN, {"mailersend-api"}, ("421", "503"), text=r"maintenance"),
    HttpRule(Action.AUTH, _SUSPENDED, {"mailersend-api"}, ("403",), r"ms403\d\d"),
    HttpRule(Action.RETRY, _SLOWER, {"mailersend-api"}, ("429",), r"ms42903"),
    HttpRule(Action.AUTH, _LOGIN, {"brevo-api"}, ("401",)),
)

REFUSED = (
    # Refusals inside a 200: what does not concern the sender concerns the one recipient.
    HttpRule(
        Action.SUPPRESS,
        _DEAD,
        (),
        ("2",),
        text=r"hard.?bounce|suppress|unsubscrib|inactive|complain|black.?list",
    ),
    HttpRule(Action.STOP, _SENDER, (), ("2",), text=rf"{_FROM}.{{0,60}}(?:verif|{_BAD}|not allowed|unknown)"),
    HttpRule(Action.SUPPRESS, _INVALID, (), ("2",), text=rf"{_TO}.{{0,60}}{_BAD}|{_BAD}.{{0,30}}{_TO}"),
    HttpRule(Action.QUOTA, _QUOTA, (), ("2",), text=_SPENT),
    HttpRule(Action.RETRY, _SLOWER, (), ("2",), text=_TOO_FAST),
    HttpRule(Action.FAIL, _ADDRESS, (), ("2",)),
)

COMMON = (
    HttpRule(
        Action.STOP, "the provider's address answers with a redirect, which is never followed", (), ("3",)
    ),
    HttpRule(
        Action.IN_DOUBT, "the provider does not say whether it took the message", (), ("500", "502", "504")
    ),
    HttpRule(Action.STOP, "what answers at this address is no mail API", (), ("501", "505")),
    HttpRule(Action.RECONNECT, "this network wants a login first", (), ("511",)),
    HttpRule(Action.IN_DOUBT, "the provider does not say whether it took the message", (), ("5",)),
    HttpRule(Action.RECONNECT, "the provider did not get the whole request", (), ("408", "421", "425")),
    HttpRule(Action.FAIL, _BIG, (), ("413", "414", "431")),
    HttpRule(Action.STOP, _SENDER, (), ("4",), r".*sendasdenied.*|.*sender.*notverified.*"),
    HttpRule(
        Action.QUOTA,
        _QUOTA,
        (),
        ("4",),
        r".*(?:daily|monthly|hourly|quota|credits?\b|credits_|payment.?required|messagelimit|ms42901|ms42204).*",
    ),
    HttpRule(Action.RETRY, _SLOWER, (), ("4",), r".*(?:rate.?limit|throttl|too.?many.?req|concurrency).*"),
    HttpRule(
        Action.QUOTA,
        _QUOTA,
        (),
        ("4",),
        text=_SPENT,
    ),
    HttpRule(Action.QUOTA, _QUOTA, (), ("402",)),
    HttpRule(Action.RETRY, _SLOWER, (), ("429", "420")),
    HttpRule(
        Action.RETRY,
        _SLOWER,
        (),
        ("4",),
        text=_TOO_FAST,
    ),
    HttpRule(
        Action.STOP,
        _SENDER,
        (),
        ("4",),
        text=rf"{_FROM}.{{0,80}}(?:verif|confirm|{_BAD}|{_NOT_OURS})|"
        rf"(?:{_BAD}|parsing|unverified|unconfirmed|unconfigured).{{0,20}}{_FROM}|"
        r"domain\b.{0,60}\bnot (?:been )?(?:verif|allowed)|"
        rf"{_NOT_OURS}\b.{{0,20}}\bsend\w* (?:from|as|on behalf)\b|"
        rf"{_NOT_OURS}.{{0,20}}\bsenders?\b|identity.{{0,30}}not verif|"
        r"only (?:be used to )?send (?:testing|to|e-?mails? to)|sandbox (?:sub)?domain|"
        r"\bverify your (?:own )?(?:sending )?domain\b",
    ),
    HttpRule(
        Action.AUTH,
        _LOGIN,
        (),
        ("400", "401", "403", "407", "422"),
        r".*(?:unauthori[sz]ed|invalid.?(?:api.?)?key|missing.?api.?key|autherror|invalid.?token|unrecogni[sz]edclient"
        r"|authentication|permission|access.?denied|forbidden|suspend|expired.?token|restricted|accessnotconfigured"
        r"|missingauth|optinrequired).*",
    ),
    HttpRule(
        Action.RETRY, "something before the provider's API answered with a page", (), ("403",), PAGE_NAME
    ),
    HttpRule(Action.AUTH, _LOGIN, (), ("401", "403", "407")),
    HttpRule(
        Action.AUTH,
        _LOGIN,
        (),
        ("400", "422"),
        text=r"\b(?:api|access|server|security) ?(?:key|token)\b|"
        r"account (?:is |has been )?(?:suspend|disabl|block)|sending (?:is |has been )?(?:suspend|disabl)",
    ),
    HttpRule(
        Action.SUPPRESS,
        _DEAD,
        (),
        ("400", "409", "422"),
        text=r"marked as inactive|suppression list|suppressed (?:due|by)|(?:is|are|been) suppressed|"
        rf"hard.?bounced|{_LISTED}",
    ),
    HttpRule(
        Action.FAIL,
        _ADDRESS,
        (),
        ("400", "422"),
        text=rf"{_NONE_LEFT}|{_TO}.{{0,20}}\b(?:required|missing|empty)",
    ),
    HttpRule(
        Action.SUPPRESS,
        _INVALID,
        (),
        ("400", "422"),
        text=rf"{_TO}.{{0,40}}{_BAD}|{_BAD}.{{0,40}}{_TO}",
    ),
    # Of an address by itself, which may be the sender's.
    HttpRule(
        Action.FAIL, _INVALID, (), ("400", "422"), text=rf"@\W{{0,3}}is (?:an? )?{_BAD} (?:e-?mail )?address"
    ),
    HttpRule(
        Action.FAIL,
        _BIG,
        (),
        ("400", "422"),
        text=r"too (?:big|large|long)|size (?:limit|exceed)|exceeds? .{0,30}size|"
        r"\b(?:more|larger|bigger|greater) than \d+ ?(?:[kmg]?i?b\b|byte|octet)",
    ),
    HttpRule(Action.RETRY, "the provider is busy with the same thing", (), ("409", "423", "424")),
    HttpRule(Action.STOP, _SETUP, (), ("404", "405", "406", "410", "411", "415", "426")),
    HttpRule(Action.STOP, _REQUEST, (), ("400", "422", "451"), counted=True),
    HttpRule(Action.STOP, _REQUEST, (), ("4",), counted=True),
)

CONNECT = (
    HttpRule(Action.STOP, "it wants a login: set proxy to http://USER:PASSWORD@HOST:PORT", (), ("407",)),
    HttpRule(
        Action.STOP, "it has a list of allowed hosts, and this one is not on it", (), ("401", "403", "451")
    ),
    HttpRule(Action.RECONNECT, "it asks to come back", (), ("408", "425", "429", "5")),
    HttpRule(Action.STOP, "it takes no such request", ()),
)

TOKEN = (
    HttpRule(Action.RETRY, "the login waits for the user", (), ("400",), "authorization_pending|slow_down"),
    HttpRule(Action.RECONNECT, "the authorization server is busy", (), ("408", "425", "429", "5")),
    HttpRule(
        Action.RECONNECT, "the authorization server is busy", (), (), "temporarily_unavailable|server_error"
    ),
    HttpRule(Action.AUTH, "the authorization server refuses this login", ()),
)
