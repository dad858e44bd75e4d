"""One message as it arrived: what survived of its header, whose DKIM aligns, what was changed on the way.

Pure: works on the octets of the message, fetched by IMAP or saved by a user as .eml.  They are others' words.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import parseaddr

from mailrunner.sending.doctor.finding import Finding, Level

_CHECK = "arrival"
_RESULT = re.compile(r"\b(spf|dkim|dmarc)\s*=\s*([a-z]+)", re.IGNORECASE)
_URI = re.compile(r"<(https?://[^>\s]{1,2000})>", re.IGNORECASE)
_ONE_CLICK_FIELDS = ("list-unsubscribe", "list-unsubscribe-post")


def arrival_findings(octets: bytes, *, folder: str | None = None) -> list[Finding]:
    """All findings; `folder` is the special use of the folder in which it lay, "" the inbox, None unknown."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what that policy makes
    if not _field(message, "X-Mailrunner-Delivery") and not _field(message, "Message-ID"):
        what = "this is no message with a header of mailrunner's"
        return [Finding(_CHECK, Level.UNKNOWN, what, remedy="save the whole message as .eml (its source)")]
    checks = (_place(folder), _identity(message), _unsubscribing(message), _results(message), _dkim(message))
    return [finding for check in checks for finding in check]


def _place(folder: str | None) -> Iterator[Finding]:
    if folder:
        remedy = "look at SPF, DKIM and DMARC above, and at the text: few links, a greeting, a postal address"
        yield Finding(
            _CHECK, Level.WARNING, "the message lay in the spam folder", remedy=remedy, fact="folder"
        )
    elif folder is not None:
        yield Finding(_CHECK, Level.OK, "the message lay in the inbox", fact="folder")


def _identity(message: EmailMessage) -> Iterator[Finding]:
    token = _field(message, "X-Mailrunner-Delivery")
    if not token:
        yield Finding(
            _CHECK,
            Level.WARNING,
            "the provider removed X-Mailrunner-Delivery: bounces are matched less often",
            fact="delivery-field",
        )
        return
    yield Finding(_CHECK, Level.OK, "X-Mailrunner-Delivery arrived", fact="delivery-field")
    own = _field(message, "Message-ID").strip("<>").partition("@")[0] == token
    what = "our Message-ID was kept" if own else "the provider replaced our Message-ID"
    evidence = _field(message, "Message-ID")
    yield Finding(_CHECK, Level.OK if own else Level.INFO, what, evidence, fact="message-id")


def _unsubscribing(message: EmailMessage) -> Iterator[Finding]:
    uris = _URI.findall(_field(message, "List-Unsubscribe"))
    post = _field(message, "List-Unsubscribe-Post")
    if not uris or post.replace(" ", "").casefold() != "list-unsubscribe=one-click":
        yield Finding(
            "one-click",
            Level.WARNING,
            "the message arrived without one-click unsubscribing",
            f"List-Unsubscribe: {_field(message, 'List-Unsubscribe') or 'missing'}",
            "set [unsubscribe] base_url; if it is set, the provider removes the fields: send another way",
            fact="one-click",
        )
        return
    what = "List-Unsubscribe and List-Unsubscribe-Post arrived"
    yield Finding("one-click", Level.OK, what, fact="one-click")
    if uris[0] in _body(message):
        yield Finding("one-click", Level.OK, "links arrived as they were written", fact="links")
        return
    what = "the link to unsubscribe in the text is another one: the provider rewrites links"
    remedy = "switch click tracking off at the provider"
    yield Finding("one-click", Level.WARNING, what, remedy=remedy, fact="links")


def _results(message: EmailMessage) -> Iterator[Finding]:
    """What the receiving server says: the topmost field is its own (RFC 8601 §5)."""
    found = dict(_RESULT.findall(_field(message, "Authentication-Results").casefold()))
    for method in ("spf", "dkim", "dmarc"):
        result = found.get(method)
        if result is None:
            yield Finding(method, Level.UNKNOWN, f"the receiving server says nothing of {method.upper()}")
        elif result == "pass":
            what = f"the receiving server says: {method.upper()} passes"
            yield Finding(method, Level.OK, what, fact=f"{method}-result")
        else:
            yield Finding(
                method,
                Level.FAULT if method == "dmarc" else Level.WARNING,
                f"the receiving server says: {method.upper()} {result}",
                _field(message, "Authentication-Results"),
                f"see what this command says of {method} in DNS",
                f"{method}-result",
            )


def _dkim(message: EmailMessage) -> Iterator[Finding]:
    domain = parseaddr(_field(message, "From"))[1].rpartition("@")[2].casefold()
    signatures = [_tags(str(value)) for value in message.get_all("DKIM-Signature", [])]
    aligned = [tags for tags in signatures if _is_aligned(tags.get("d", "").casefold(), domain)]
    if not aligned:
        signers = ", ".join(tags.get("d", "") for tags in signatures) or "none"
        yield Finding(
            "dkim",
            Level.WARNING,
            f"no DKIM signature is of {domain}, the domain of From",
            f"signed by: {signers}",
            "switch DKIM on for your domain at the provider",
            "dkim-signature",
        )
        return
    names = {name.strip().casefold() for tags in aligned for name in tags.get("h", "").split(":")}
    missing = [name for name in _ONE_CLICK_FIELDS if name not in names]
    if missing and _field(message, "List-Unsubscribe"):
        yield Finding(
            "dkim",
            Level.WARNING,
            f"the signature of {domain} does not cover {' and '.join(missing)}, as RFC 8058 wants",
            remedy="ask the provider, or sign yourself on an own relay: mailrunner dkim new",
            fact="dkim-signature",
        )
    elif _field(message, "List-Unsubscribe"):
        what = f"a DKIM signature of {domain} covers the fields for unsubscribing"
        yield Finding("dkim", Level.OK, what, fact="dkim-signature")
    else:
        yield Finding("dkim", Level.OK, f"a DKIM signature is of {domain}", fact="dkim-signature")


def _is_aligned(signer: str, domain: str) -> bool:
    """The same domain, or one above or below it; the exact rule needs DNS (see `dmarc`)."""
    return "." in signer and (
        signer == domain or domain.endswith(f".{signer}") or signer.endswith(f".{domain}")
    )


def _tags(value: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in value.split(";"))
    return {name.strip().casefold(): "".join(text.split()) for name, _, text in pairs}


def _field(message: EmailMessage, name: str) -> str:
    """The first field of that name on one line, "" without one or where it cannot be read."""
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, LookupError, IndexError, AttributeError):  # the parser's own slips on odd input
        return ""


def _body(message: EmailMessage) -> str:
    """All texts, decoded; & of HTML as it is meant."""
    texts = []
    for part in message.walk():
        if part.get_content_maintype() == "text":
            octets = part.get_payload(decode=True)
            texts.append(octets.decode("utf-8", "replace") if isinstance(octets, bytes) else "")
    return "\n".join(texts).replace("&amp;", "&")
